"""Signals and verdicts: ours beside datatrove's filters, dolma's taggers and a plain C++ pass over the same definitions.

    python -m benchmarks.signals [--small] [--repeats 3] [--no-peers] [--data DIR] [--json FILE]

Input: `benchmarks.signal_texts`. Everyone gets the texts in memory and spends CPU-seconds of one thread on them in a process of its own, in
turns; medians of the repeats; start-up is told apart. Peers read a sample of the English texts (6 MB; datatrove needs half a minute for
it), ours and the C++ pass all texts. Ours measures every column of filters.statistics.measure, the C++ pass those that it has, which is to
our disadvantage; its numbers are held against ours. Verdicts are compared with datatrove rule by rule, signals with human labels of
quality.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.environments import ROOT, PeerMissingError
from benchmarks.human_labels import SHOWN, correlation_table, correlations, scores_of
from benchmarks.measure import CommandError
from benchmarks.native import as_json, compare
from benchmarks.our_signals import PRESETS
from benchmarks.results import speed_ratio, table, write_results
from benchmarks.signal_contest import ALL, Contestant, compile_times, contestants, processor, rule_verdicts, speed_table
from benchmarks.signal_texts import ENGLISH, OTHER, SAMPLE, Text, labelled_rows, load_texts, pack, sample_of
from benchmarks.verdicts import agreement, agreement_table
from filters.statistics.measure import compute

SAMPLE_BYTES, SMALL_SAMPLE_BYTES = 6_000_000, 300_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description="Signals and verdicts: speed and agreement.")
    parser.add_argument("--small", action="store_true", help="few texts, once: about a minute")
    parser.add_argument("--repeats", type=int, default=None, help="runs of each contestant; medians are shown (3; 1 with --small)")
    parser.add_argument("--no-peers", action="store_true", help="ours and the C++ pass only")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    chosen.repeats = chosen.repeats if chosen.repeats is not None else 1 if chosen.small else 3
    if chosen.repeats < 1:
        parser.error(f"--repeats {chosen.repeats}: give 1 or more")
    if not (chosen.data / "corpus").is_dir() or not (chosen.data / "filters").is_dir():
        parser.error(
            f"--data {str(chosen.data)!r} lacks corpus/ or filters/; unpack the archives of ../shared/data there (the tests do so)"
        )
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    return chosen


def describe(sets: Mapping[str, Sequence[Text]]) -> dict[str, Any]:
    """Texts and bytes of each set and collection."""
    told: dict[str, Any] = {}
    for name, texts in sets.items():
        sizes: Counter[str] = Counter()
        for text in texts:
            sizes[text.collection] += text.bytes
        counts = Counter(text.collection for text in texts)
        told[name] = {
            "texts": len(texts),
            "bytes": sum(sizes.values()),
            "collections": {collection: {"texts": counts[collection], "bytes": size} for collection, size in sizes.items()},
        }
    return told


def take_turns(entered: Mapping[str, Contestant], folder: Path, repeats: int) -> None:
    for repeat in range(repeats):
        for key, contestant in entered.items():
            if not contestant.row.absent:
                contestant.enter(folder, key)
        sys.stderr.write(f"repeat {repeat + 1} of {repeats} done\n")


def our_table(folder: Path, texts: str) -> pa.Table:
    """The signals that our run wrote of a set."""
    with pa.OSFile(str(Contestant.out(folder, "ours", texts)), "rb") as file:
        return pa.ipc.open_file(file).read_all()


def quality_of(entered: Mapping[str, Contestant], folder: Path, data: Path, *, peers: bool) -> dict[str, Any]:
    """What all that is worth: agreement with C++ by number, with datatrove by verdict, with people by rank."""
    told: dict[str, Any] = {}
    native = entered["native"]
    if not native.row.absent:
        columns, cuts = (native.totals[SAMPLE][-1][kind] for kind in ("columns", "cuts"))
        told["native"] = {
            texts: as_json(compare(our_table(folder, texts), Contestant.out(folder, "native", texts), columns, cuts)) for texts in ALL
        }
    if peers:
        try:
            told["datatrove"] = agreement(our_table(folder, SAMPLE), rule_verdicts(folder))
        except (PeerMissingError, CommandError) as error:
            told["datatrove"] = {}
            sys.stderr.write(f"no verdicts of datatrove: {error}\n")
    labels = labelled_rows(data)
    signals = pa.Table.from_batches([compute(pa.array(list(labels), pa.string()))])
    told["ours"] = {"labelled_texts": len(labels), "human_labels": correlations(scores_of(signals, PRESETS), list(labels.values()))}
    return told


def report(about: Mapping[str, Any], entered: Mapping[str, Contestant], quality: Mapping[str, Any]) -> str:
    """The tables, for people."""
    ours, *others = (contestant.row for contestant in entered.values())
    sizes = {name: about[name]["bytes"] for name in ALL}
    parts = {row.label: row.stage_cpu_s for row in (ours, entered["ours-extraction"].row)}
    lines = [
        *(f"{name}: {about[name]['texts']:,} texts, {about[name]['bytes'] / 1e6:.2f} MB ({_mix(about[name])})" for name in ALL),
        f"{about['processor']}; medians of {about['repeats']}; costs and ratio (its CPU-s over ours) are of the sample",
        "",
        table(ours, others),
        "",
        speed_table(entered, sizes),
        "",
        *(f"{label}, CPU-s: " + ", ".join(f"{part} {taken:.3f}" for part, taken in told.items()) for label, told in parts.items()),
        *(
            f"first text, kernels {state}: CPU-s {', '.join(f'{part} {taken:.2f}' for part, taken in told.items())}"
            for state, told in about["compile"].items()
        ),
    ]
    for texts, told in quality.get("native", {}).items():
        different = ", ".join(f"{name} {count}" for name, count in told["different"].items()) or "none"
        lines.append(
            f"C++ and ours, {texts}: {told['values']:,} values, different: {different}; C++ lacks: {', '.join(told['missing']) or 'none'}"
        )
    if quality.get("datatrove"):
        lines += ["", "verdicts on the sample beside datatrove's, each rule by itself", agreement_table(quality["datatrove"])]
    people = quality["ours"]
    title = f"{people['labelled_texts']} web documents with human labels: Spearman's rho, the {SHOWN} strongest signals and each preset"
    return "\n".join([*lines, "", title, correlation_table(people["human_labels"])])


def _mix(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {part['texts']:,}" for name, part in told["collections"].items())


def main() -> None:
    chosen = arguments()
    texts = load_texts(chosen.data, small=chosen.small)
    sets = {
        SAMPLE: sample_of(texts, SMALL_SAMPLE_BYTES if chosen.small else SAMPLE_BYTES),
        ENGLISH: [text for text in texts if text.english],
        OTHER: [text for text in texts if not text.english],
    }
    entered = contestants(peers=not chosen.no_peers)
    with tempfile.TemporaryDirectory(prefix="curate-signals-") as name:
        folder = Path(name)
        for key, members in sets.items():
            pack(members, folder / key)
        take_turns(entered, folder, chosen.repeats)
        if entered["ours"].row.absent:
            sys.exit(f"signals: {entered['ours'].row.absent}")
        quality = quality_of(entered, folder, chosen.data, peers=not chosen.no_peers)
    about = {**describe(sets), "repeats": chosen.repeats, "processor": processor(), "compile": compile_times()}
    sys.stdout.write(report(about, entered, quality) + "\n")
    if chosen.json:
        rows = {key: contestant.row for key, contestant in entered.items()}
        ours, limit, extraction = rows.pop("ours"), rows.pop("native"), rows.pop("ours-extraction")
        sizes = {key: about[key]["bytes"] for key in ALL}
        speeds = {
            key: {texts: round(contestant.speed(texts, sizes[texts]), 3) for texts in contestant.totals}
            for key, contestant in entered.items()
            if not contestant.row.absent
        }
        ratio = None if limit.absent else round(speed_ratio(ours, limit), 3)
        more = {"mb_per_cpu_s": speeds, "ours_extraction": extraction.as_json(), "ratio_to_limit": ratio}
        write_results(chosen.json, about=about, ours=ours, peers=rows, limit=limit, quality=quality, more=more)


if __name__ == "__main__":
    main()
