"""What the whole stage costs: from text to kept documents beside other packages, and over growing numbers of synthetic signatures.

The growth is fitted as cost = c · n^b over the sizes, by least squares of the logarithms. Memory: `driver` is the process that holds the
Beam runner, `worker` the largest of the processes below it (none where the job is small enough to stay in the driver).
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dedup_runs import Documents, configuration, expected_kept, identical, planted, write_run
from benchmarks.dedup_signatures import (
    DATASKETCH,
    LIMIT,
    OURS,
    PERMUTATIONS,
    RENSA,
    Contestant,
    Row,
    Way,
    of_cpp,
    of_peer,
    ours,
    take_turns,
)
from benchmarks.dedup_texts import DOCUMENTS, SMALL_DOCUMENTS, corpus
from benchmarks.environments import ROOT
from benchmarks.measure import measure
from benchmarks.results import columns
from benchmarks.signal_texts import SAMPLE, pack

THRESHOLD = 0.7
SIZES, SMALL_SIZES = (10_000, 100_000, 1_000_000), (1_000, 4_000)
BUCKET = 200_000
MEMORY = (64 << 20, 256 << 20, 1 << 30)
WORKERS = 2
STREAMED = {
    "datasketch": Way(DATASKETCH, "datasketch", "datasketch MinHashLSH, xxh32, Python shingles"),
    "rensa": Way(RENSA, "rensa", "rensa RMinHashLSH, 14 bands, Python shingles"),
}
Told = dict[str, Any]


def whole(data: Path, folder: Path, repeats: int, *, small: bool, peers: bool) -> tuple[Told, dict[str, Contestant]]:
    """About the corpus, and every contestant's runs from its texts in memory to the documents kept."""
    texts = corpus(data, SMALL_DOCUMENTS if small else DOCUMENTS)
    place = folder / "whole"
    pack(texts, place / SAMPLE)
    about = {"documents": len(texts), "bytes": sum(text.bytes for text in texts), "threshold": THRESHOLD}
    entered = {
        OURS: Contestant(Row("curate: signatures, dedup stage (one worker)"), ours("whole", str(THRESHOLD))),
        LIMIT: of_cpp("limit: C++, the same definitions, in memory", THRESHOLD, (SAMPLE,)),
    }
    for key, way in STREAMED.items():
        absent = Contestant(Row(way.label, absent="not asked for (--no-peers)"), ())
        entered[key] = of_peer(way, "duplicates", str(THRESHOLD), suffix="-keep") if peers else absent
    take_turns(entered, place, repeats, "whole")
    shutil.rmtree(place / SAMPLE)
    return about, entered


def stage(folder: Path, name: str, parts: Iterable[Documents], runners: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The stage over one written run, once for each runner section; every run is measured from its beginning."""
    place = folder / name
    write_run(configuration(place), parts)
    told = []
    for runner in runners:
        shutil.rmtree(place / "dedup" / "dedup", ignore_errors=True)
        told.append(_measured(["stage", str(place), json.dumps(runner)], place / "log.txt"))
        sys.stderr.write(f"scale: {name}, {json.dumps(runner)} done\n")
    shutil.rmtree(place)
    return told


def _measured(arguments: Sequence[str], log: Path) -> Told:
    measure(ours(*arguments), cwd=ROOT, log=log)
    told: Told = json.loads(log.read_text(errors="replace").splitlines()[-1])
    return told


def scale(folder: Path, *, small: bool, bucket: int | None) -> dict[str, Any]:
    """Growth over the sizes, memory at the largest under each setting, and the bucket of identical pages."""
    sizes = SMALL_SIZES if small else SIZES
    runner = {"workers": WORKERS}
    told: dict[str, Any] = {"sizes": {}, "memory": {}}
    for size in sizes:
        runners = [runner]
        if size == sizes[-1] and not small:
            # Every job in workers, whatever its size, so that what one holds is seen.
            runners += [{**runner, "small_job_bytes": 0, "memory_bytes": memory} for memory in MEMORY]
        first, *others = stage(folder, f"planted-{size}", planted(size, PERMUTATIONS), runners)
        told["sizes"][str(size)] = {**first, "expected_kept": round(expected_kept(size))}
        told["memory"] = {str(given["memory_bytes"]): row for given, row in zip(runners[1:], others, strict=True)}
    points = {name: [(size, told["sizes"][str(size)][name]) for size in sizes] for name in ("wall_s", "cpu_s", "shuffled_bytes")}
    told["growth"] = {name: round(power(costs), 3) for name, costs in points.items() if all(cost for _, cost in costs)}
    pages = (0 if small else BUCKET) if bucket is None else bucket
    if pages:
        told["bucket"] = stage(folder, f"identical-{pages}", identical(pages, PERMUTATIONS), [runner])[0]
    return told


def shared(data: Path, folder: Path, *, small: bool) -> Told:
    """The stage over what lies in shared data, text and all."""
    (folder / "shared").mkdir()
    return _measured(["shared", str(folder / "shared"), str(data), str(int(small))], folder / "shared.txt")


def power(points: Sequence[tuple[float, float]]) -> float:
    """The exponent b of cost = c · n^b through two or more points (n, cost), costs above 0."""
    n, cost = np.array(points, np.float64).T
    return float(np.polyfit(np.log(n), np.log(cost), 1)[0])


def scale_table(told: Mapping[str, Any], of_shared: Told) -> str:
    """A line for each run of the stage."""
    lines = [["the dedup stage", "documents", "kept", "wall s", "CPU-s", "driver MB", "worker MB", "shuffled MB"]]
    named = {f"{int(size):,} planted, {row['expected_kept']:,} expected to stay": row for size, row in told["sizes"].items()}
    named |= {f"the largest with memory_bytes {int(size) >> 20} MiB": row for size, row in told["memory"].items()}
    if "bucket" in told:
        named["identical pages, and 1,000 others"] = told["bucket"]
    named["shared data (its extraction not counted)"] = of_shared
    for label, row in named.items():
        shuffled = f"{row['shuffled_bytes'] / 1e6:,.1f}" if row["shuffled_bytes"] else "not told"
        numbers = [f"{row[name]:,.1f}" for name in ("wall_s", "cpu_s")] + [f"{row[name]:,.0f}" for name in ("driver_mb", "worker_mb")]
        lines.append([label, f"{row['documents']:,}", f"{row['kept']:,}", *numbers, shuffled])
    growth = ", ".join(f"{name} n^{exponent:.2f}" for name, exponent in told["growth"].items())
    return f"{columns(lines)}\ngrowth: {growth}"
