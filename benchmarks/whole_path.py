"""From WARC to tokens: `curate run` beside datatrove's FineWeb pipeline, and the floor that trafilatura sets.

    python -m benchmarks.whole_path [--small] [--repeats 3] [--no-peers] [--json FILE]

Input: the WARC files of ../shared/data/corpus (3,000 pages, 77 MB of HTML, 30 languages; English is kept, FineWeb's rules); `--small`
takes the first, 750 pages. Contestants take turns, one worker each, every run in a new directory; numbers are medians.
Both sides train a tokenizer of equal vocabulary on what they keep, inside the measured run: ours SentencePiece BPE, datatrove's byte-level
BPE of `tokenizers`; CPU-seconds per stage show it apart. Both use lid.176.ftz. The limit extracts the pages that ours gives to trafilatura
and does nothing else. A first run on a machine compiles numba's kernels: the median of three leaves that out, `--small` does not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.contestants import VOCABULARY, Outcome, run_datatrove, run_limit, run_ours
from benchmarks.environments import DATATROVE, ROOT, PeerMissingError, python_of
from benchmarks.measure import CommandError, Cost
from benchmarks.results import Row, table, write_results


def compare(ours: Outcome, other: Outcome, name: str, xml: frozenset[str]) -> dict[str, Any]:
    """Documents that both keep or only one, by URL, after the rules and after dedup; and why, as far as is known.

    Our reasons where only the other keeps; where only ours keeps, how many pages begin as XML (`xml`): datatrove does not read them.
    """
    only_ours, only_other = ours.kept_by_rules - other.kept_by_rules, other.kept_by_rules - ours.kept_by_rules
    because = Counter(ours.removed_because.get(url, "not read") for url in only_other)
    return {
        "documents": other.documents,
        "reasons": other.reasons,
        "kept_by_rules": _overlap(ours.kept_by_rules, other.kept_by_rules, name),
        "kept": _overlap(ours.kept, other.kept, name),
        f"our_reasons_where_only_{name}_keeps": dict(because.most_common()),
        "xml_pages_where_only_ours_keeps": len(only_ours & xml),
        "urls_only_ours": sorted(only_ours),
        f"urls_only_{name}": sorted(only_other),
    }


def _overlap(ours: frozenset[str], other: frozenset[str], name: str) -> dict[str, int]:
    return {"both": len(ours & other), "only_ours": len(ours - other), f"only_{name}": len(other - ours)}


def describe(files: Sequence[Path]) -> tuple[dict[str, Any], frozenset[str]]:
    """Files, pages and bytes of the input; and the URLs of pages that begin with an XML declaration."""
    pages = html = 0
    xml = set()
    for path in files:
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                pages += 1
                page = record.reader.read()
                html += len(page)
                if page.lstrip().startswith(b"<?xml"):
                    xml.add(record.headers["WARC-Target-URI"])
    warc = sum(file.stat().st_size for file in files)
    return {"files": [file.name for file in files], "pages": pages, "html_bytes": html, "warc_bytes": warc}, frozenset(xml)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_path", description="From WARC to tokens: CPU-seconds, wall time, peak memory, documents."
    )
    parser.add_argument("--small", action="store_true", help="the first 750 pages, once: about a minute")
    parser.add_argument("--repeats", type=int, default=None, help="runs of each contestant; medians are shown (3; 1 with --small)")
    parser.add_argument("--no-peers", action="store_true", help="ours and the limit only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    chosen.repeats = chosen.repeats if chosen.repeats is not None else 1 if chosen.small else 3
    if chosen.repeats < 1:
        parser.error(f"--repeats {chosen.repeats}: give 1 or more")
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    return chosen


def report(about: Mapping[str, Any], rows: Mapping[str, Row], quality: Mapping[str, Mapping[str, Any]]) -> str:
    """The table and the quality beside it, for people."""
    name = DATATROVE.name
    lines = [
        f"{about['pages']:,} pages of {len(about['files'])} WARC files, {about['html_bytes'] / 1e6:.1f} MB of HTML, to tokens, one worker",
        f"medians of {about['repeats']}; tokenizer training ({VOCABULARY:,} pieces) is inside every run",
        "",
        table(rows["ours"], [rows[name], rows["limit"]]),
        "",
        *(f"CPU-seconds by stage, {row.label}: {_counts(row.stage_cpu_s)}" for row in rows.values() if row.stage_cpu_s),
        f"removed by curate: {_counts(_flat(quality['ours']['reasons']))}",
    ]
    if name in quality:
        told = quality[name]
        lines += [
            f"removed by {name}: {_counts(_flat(told['reasons']))}",
            f"kept by the rules: {_counts(told['kept_by_rules'])}; after dedup: {_counts(told['kept'])}",
            f"where only {name}'s rules keep, our reasons: {_counts(told[f'our_reasons_where_only_{name}_keeps'])}",
            f"where only our rules keep, pages that {name} does not read as HTML: {told['xml_pages_where_only_ours_keeps']}",
        ]
        if late := told["reasons"]["extract"].get("timeout"):
            lines.append(f"{late} pages ran into {name}'s limit of 1 s of wall time: on a loaded machine its documents differ")
    return "\n".join(lines)


def _flat(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {reason: count for stage in reasons.values() for reason, count in stage.items()}


def _counts(counts: Mapping[str, float], most: int = 10) -> str:
    """The largest first; rules without the name of their preset."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [
        f"{name.rpartition('@2024 ')[2].replace('_', ' ')} {count:,.{1 if isinstance(count, float) else 0}f}" for name, count in ordered
    ]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")


def main() -> None:
    chosen = arguments()
    corpus = Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data")).resolve() / "corpus"
    files = sorted(corpus.glob("docs_web-*.warc.gz"))[: 1 if chosen.small else None]
    if not files:
        sys.exit(f"whole_path: no docs_web-*.warc.gz in {str(corpus)!r}; set CURATE_SHARED_DATA to the folder that holds corpus/")
    told, xml = describe(files)
    about = {**told, "repeats": chosen.repeats, "vocabulary": VOCABULARY, "workers": 1}
    peer = Row(f"{DATATROVE.name} {DATATROVE.version}", absent="not asked for (--no-peers)" if chosen.no_peers else "")
    python = None
    if not peer.absent:
        try:
            python = python_of(DATATROVE)
        except PeerMissingError as error:
            peer.absent = str(error)
    contest = Contest(
        files, about["pages"], python, {"ours": Row("curate"), DATATROVE.name: peer, "limit": Row("limit: FastWARC, trafilatura")}
    )
    try:
        for repeat in range(chosen.repeats):
            with tempfile.TemporaryDirectory(prefix="curate-whole-path-") as folder:
                contest.take_turns(Path(folder))
            sys.stderr.write(f"repeat {repeat + 1} of {chosen.repeats} done\n")
    except CommandError as error:
        sys.exit(f"whole_path: {error}")
    ours, other = contest.outcomes["ours"], contest.outcomes.get(DATATROVE.name)
    quality: dict[str, dict[str, Any]] = {"ours": {"documents": ours.documents, "reasons": ours.reasons}}
    if other is not None:
        quality[DATATROVE.name] = compare(ours, other, DATATROVE.name, xml)
    sys.stdout.write(report(about, contest.rows, quality) + "\n")
    if chosen.json:
        rows = contest.rows
        write_results(
            chosen.json, about=about, ours=rows["ours"], peers={DATATROVE.name: rows[DATATROVE.name]}, limit=rows["limit"], quality=quality
        )


@dataclass
class Contest:
    """The contestants over one input: their costs by name, and the outcome of each one's last run."""

    files: Sequence[Path]
    pages: int
    peer_python: Path | None
    rows: Mapping[str, Row]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def take_turns(self, folder: Path) -> None:
        """One run of each; a peer that fails is absent from then on.

        Raises:
            CommandError: ours or the limit failed.
        """
        places = {name: folder / name for name in self.rows}
        for place in places.values():
            place.mkdir()
        self._enter("ours", *run_ours(self.files, places["ours"]))
        limit = self.rows["limit"]
        cost, limit.documents = run_limit(self.files, places["limit"], self.outcomes["ours"].tried)
        limit.costs.append(cost)
        peer = self.rows[DATATROVE.name]
        if self.peer_python is not None and not peer.absent:
            try:
                self._enter(DATATROVE.name, *run_datatrove(self.peer_python, self.files, places[DATATROVE.name], self.pages))
            except CommandError as error:
                peer.absent = str(error)

    def _enter(self, name: str, cost: Cost, outcome: Outcome) -> None:
        row = self.rows[name]
        row.costs.append(cost)
        row.documents, row.stage_cpu_s = outcome.documents, outcome.stage_cpu_s
        self.outcomes[name] = outcome


if __name__ == "__main__":
    main()
