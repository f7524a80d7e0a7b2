"""Near-duplicates: from text to signatures, how right they are, and what the whole stage costs; beside datasketch, rensa, datatrove and
text-dedup, and a plain C++ program of the same definitions.

    python -m benchmarks.dedup [--small] [--repeats 3] [--no-peers] [--only SECTION …] [--bucket N] [--data DIR] [--json FILE]

signatures  MB of text per CPU-second of one thread, each contestant in a process of its own, in turns, medians of the repeats. 112
            permutations, 5-word shingles. Peers read a sample (6 MB of English; datatrove takes ten seconds for it), ours and C++ all.
            Packages that take sets of tokens are given sets made in plain Python, as their users do; "shingles given" leaves that out.
error       of estimates against exact Jaccard, over several seeds.
pairs       precision and recall over 600 pairs of versions of RFCs, of signatures and of the stage's clusters.
whole       33,000 documents (220 MB, a quarter changed copies) from memory to kept documents. Ours is signatures and the whole stage with
            its files; peers are signatures and their index, a text staying where nothing that stayed is like it.
scale       the stage over 10,000 to 1,000,000 signatures without text, under several memory settings, over one bucket of identical pages
            (--bucket, 200,000; 0: none), and over shared data. --small leaves memory settings and bucket out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import dedup_pairs, dedup_scale
from benchmarks.dedup_signatures import LIMIT, OURS, contestants, differing, pack_sets, report, take_turns
from benchmarks.dedup_texts import collections
from benchmarks.environments import ROOT
from benchmarks.results import speed_ratio, table, write_results
from benchmarks.signal_contest import Contestant, processor

SECTIONS = ("signatures", "error", "pairs", "whole", "scale")
SAMPLE_BYTES, SMALL_SAMPLE_BYTES = 6_000_000, 1_000_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup", description="Near-duplicates: speed, error, decisions, scale.")
    parser.add_argument("--small", action="store_true", help="few texts, once: about a minute")
    parser.add_argument("--repeats", type=int, default=None, help="runs of each contestant; medians are shown (3; 1 with --small)")
    parser.add_argument("--no-peers", action="store_true", help="ours and the C++ program only")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--bucket", type=int, default=None, metavar="N", help="identical pages in one bucket (200,000; 0 with --small)")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    chosen.repeats = chosen.repeats if chosen.repeats is not None else 1 if chosen.small else 3
    chosen.only = chosen.only or SECTIONS
    if chosen.repeats < 1:
        parser.error(f"--repeats {chosen.repeats}: give 1 or more")
    if not (chosen.data / "corpus").is_dir() or not (chosen.data / "neardup").is_dir():
        parser.error(
            f"--data {str(chosen.data)!r} lacks corpus/ or neardup/; unpack the archives of ../shared/data there (the tests do so)"
        )
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    chosen.data = chosen.data.resolve()
    return chosen


def contest(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every section that is asked for, each with its table on standard output; the values of the JSON by key."""
    small, peers = chosen.small, not chosen.no_peers
    about: dict[str, Any] = {"processor": processor(), "repeats": chosen.repeats}
    quality: dict[str, Any] = {OURS: {}}
    found: dict[str, Any] = {"about": about, "quality": quality, "more": {}}
    if "signatures" in chosen.only:
        sets = collections(chosen.data, small=small)
        sizes = pack_sets(sets, SMALL_SAMPLE_BYTES if small else SAMPLE_BYTES, folder)
        entered = contestants(list(sets), peers=peers)
        take_turns(entered, folder, chosen.repeats, "signatures")
        about["signatures"], found["signatures"] = sizes, entered
        quality[OURS]["signatures_unlike_the_limits"] = different = differing(entered, folder, list(sizes))
        found["more"]["mb_per_cpu_s"] = _speeds(entered, sizes)
        _say(f"{about['processor']}; medians of {chosen.repeats}", report(entered, sizes))
        _say(f"texts whose C++ signature is another: {different or 'not compared'}")
    if "error" in chosen.only:
        told = dedup_pairs.errors(chosen.data, folder, small=small, peers=peers)
        for key, values in told.items():
            quality.setdefault(key, {})["relative_error"] = values
        _say(dedup_pairs.error_table(told))
    if "pairs" in chosen.only:
        told = dedup_pairs.decisions(chosen.data, folder, small=small, peers=peers)
        for key, values in told.items():
            (quality.setdefault(key, {}) if key in dedup_pairs.FIND else quality[OURS])[f"pairs, {key}"] = values
        _say(dedup_pairs.decision_table(told))
    if "whole" in chosen.only:
        about["whole"], entered = dedup_scale.whole(chosen.data, folder, chosen.repeats, small=small, peers=peers)
        rows = [contestant.row for contestant in entered.values()]
        ratios = {key: round(speed_ratio(rows[0], one.row), 3) for key, one in entered.items() if key != OURS and not one.row.absent}
        found["more"]["whole"] = {**{key: contestant.row.as_json() for key, contestant in entered.items()}, "ratios": ratios}
        _say(f"{about['whole']['documents']:,} documents, {about['whole']['bytes'] / 1e6:.0f} MB", table(rows[0], rows[1:]))
        _say(_parts(entered))
    if "scale" in chosen.only:
        told = dedup_scale.scale(folder, small=small, bucket=chosen.bucket)
        of_shared = dedup_scale.shared(chosen.data, folder, small=small)
        found["more"] |= {"scale": told, "shared": of_shared}
        _say(dedup_scale.scale_table(told, of_shared))
    return found


def _speeds(entered: Mapping[str, Contestant], sizes: Mapping[str, int]) -> dict[str, dict[str, float]]:
    present = {key: contestant for key, contestant in entered.items() if not contestant.row.absent}
    return {key: {name: round(one.speed(name, sizes[name]), 2) for name in one.totals} for key, one in present.items()}


def _parts(entered: Mapping[str, Contestant]) -> str:
    lines = []
    for contestant in entered.values():
        told = contestant.row.stage_cpu_s
        if told and not contestant.row.absent:
            lines.append(f"CPU-seconds, {contestant.row.label}: " + ", ".join(f"{name} {taken:.2f}" for name, taken in told.items()))
    return "\n".join(lines)


def _say(*blocks: str) -> None:
    sys.stdout.write("\n".join(blocks) + "\n\n")
    sys.stdout.flush()


def write(file: Path, found: Mapping[str, Any]) -> None:
    """The JSON of DESIGN 11; its ratios are of signatures, and those of the whole stand in `whole`."""
    more, quality = dict(found["more"]), found["quality"]
    if "signatures" not in found:
        file.write_text(_without_rows(found), encoding="utf-8")
        return
    rows = {key: contestant.row for key, contestant in found["signatures"].items()}
    mine, limit = rows.pop(OURS), rows.pop(LIMIT)
    more["ratio_to_limit"] = None if limit.absent else round(speed_ratio(mine, limit), 3)
    write_results(file, about=found["about"], ours=mine, peers=rows, limit=limit, quality=quality, more=more)


def _without_rows(found: Mapping[str, Any]) -> str:
    values = {"input": found["about"], "ours": {}, "peers": {}, "ratios": {}, "quality": found["quality"], **found["more"]}
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as name:
        found = contest(chosen, Path(name))
    if chosen.json:
        write(chosen.json, found)


if __name__ == "__main__":
    main()
