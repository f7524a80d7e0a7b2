"""Our side of the dedup benchmark, one process for each: `python -m benchmarks.our_dedup WAY …`.

    whole THRESHOLD FOLDER OUT        signatures, and the dedup stage over them; what lies between is written outside of the clock
    decisions THRESHOLDS FOLDER OUT   extract, filter and dedup over a table of the texts, for each threshold (a,b,…) and way to verify: OUT
                                      gets the cluster of each text (-1: none), by "WAY THRESHOLD"
    stage FOLDER RUNNER               the dedup stage of a run that `dedup_runs.write_run` wrote; RUNNER is JSON of that section
    shared FOLDER DATA SMALL          extract and filter over shared data, then the dedup stage, which alone is measured

Standard output ends in one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq

from benchmarks.dedup_runs import Documents, configuration, write_run
from benchmarks.our_signatures import ROWS, signed
from benchmarks.signal_texts import unpack
from filters.duplicates.digests import digests
from pipeline.config import Config
from pipeline.run import Run
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER

MODES: dict[str, dict[str, Any]] = {
    "verify: none": {"verify": "none"},
    "verify: estimate": {"verify": "estimate"},
    "verify: exact": {"verify": "exact"},
    "verify: exact, similar_to: survivor": {"verify": "exact", "similar_to": "survivor"},
}
"""Settings of dedup, by what they are called in the table."""
SAMPLE_S = 0.05
Told = dict[str, Any]


def whole(threshold: str, folder: str, _out: str) -> Told:
    batches, minima, signing = signed(Path(folder), 1)
    texts = [text for batch in batches for text in batch.to_pylist()]
    ids = np.arange(len(texts), dtype=">u8").view(np.uint8).reshape(-1, 8)
    known = np.frombuffer(b"".join(value for batch in batches for value in digests(batch)), np.uint8).reshape(-1, 16)
    sizes = np.array([len(text.encode()) for text in texts])
    del texts, batches
    with tempfile.TemporaryDirectory() as name:
        config = configuration(Path(name), dedup={"threshold": float(threshold)}, runner={"workers": 1})
        write_run(config, [Documents(np.hstack([np.zeros_like(ids), ids]), known, sizes, minima)])
        told = measured(config)
    parts = {"signatures": signing, "neighbours": told["cpu_s"]}
    return {"cpu_s": signing + told["cpu_s"], "wall_s": signing + told["wall_s"], "parts": parts, "kept": {"kept": told["kept"]}}


def decisions(thresholds: str, folder: str, out: str) -> Told:
    texts = [text for batch in unpack(Path(folder), ROWS) for text in batch.to_pylist()]
    clusters: dict[str, list[int]] = {}
    before, wall = cpu_seconds(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        Path(name, "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        for way, settings in MODES.items():
            for threshold in thresholds.split(","):
                config = configuration(Path(name), dedup=settings | {"threshold": float(threshold)}, runner={"workers": 1})
                run = Run(config.directory)
                for stage in (EXTRACT, FILTER, DEDUP):
                    perform(stage, run, config)
                clusters[f"{way} {threshold}"] = _clusters(run, len(texts))
    Path(out).write_text(json.dumps(clusters))
    return {"cpu_s": cpu_seconds() - before, "wall_s": time.monotonic() - wall}


def _clusters(run: Run, texts: int) -> list[int]:
    """Of each text the number of its survivor; -1 where it has no duplicate or did not become a document."""
    numbers: dict[bytes, int] = {}
    labels = [-1] * texts
    for key in run.keys("filter"):
        locators = pq.read_table(run.part("documents", key), columns=["locator"])["locator"].to_pylist()
        found = pq.read_table(run.part("decisions", key), columns=["survivor_id"])["survivor_id"].to_pylist()
        for locator, survivor in zip(locators, found, strict=True):
            if survivor is not None:
                labels[int(locator.rpartition("#")[2])] = numbers.setdefault(survivor, len(numbers))
    return labels


def stage(folder: str, runner: str) -> Told:
    return measured(configuration(Path(folder), runner=json.loads(runner)))


def shared(folder: str, data: str, small: str) -> Told:
    """Every kind of document that has near-duplicates among the shared data: versions of RFCs, editions of books, pages, and documents."""
    places = Path(data)
    sources = [
        {"name": "versions", "kind": "table", "paths": [str(places / "neardup" / "rust_rfcs" / "versions.jsonl.gz")]},
        {"name": "books", "kind": "book", "paths": [str(places / "books")]},
        {"name": "pages", "kind": "web", "paths": [str(places / "corpus" / "docs_web-*.warc.gz")]},
        {"name": "documents", "kind": "table", "paths": [str(places / "corpus" / "tech_docs_eng.jsonl.gz")]},
        {"name": "novels", "kind": "table", "paths": [str(places / "corpus" / f"eltec_{name}.jsonl.gz") for name in ("eng", "fra")]},
    ]
    config = Config.model_validate({
        "name": "shared",
        "output": folder,
        "sources": sources[:1] if int(small) else sources,
        "filter": {"presets": {"web": [], "book": [], "table": []}},
    })  # fmt: skip
    for earlier in (EXTRACT, FILTER):
        perform(earlier, Run(config.directory), config)
    return measured(config)


def measured(config: Config) -> Told:
    """Do the dedup stage: what it cost, what went through its shuffles, and what it came to."""
    shuffled: list[int] = []
    run = Run(config.directory)
    with _peaks() as peaks, _shuffled(shuffled):
        before, wall = cpu_seconds(), time.monotonic()
        perform(DEDUP, run, config)
        cpu_s, wall_s = cpu_seconds() - before, time.monotonic() - wall
    totals = run.need("dedup").totals["sources"]
    return {
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "driver_mb": peaks["driver"] / 1e6,
        "worker_mb": peaks["worker"] / 1e6,
        "shuffled_bytes": sum(shuffled),
        "documents": sum(source["documents"] for source in totals.values()),
        "kept": sum(source["kept"] for source in totals.values()),
        "sources": {name: {key: totals[name][key] for key in ("documents", "kept", "removed")} for name in totals},
    }


def cpu_seconds() -> float:
    """Of this process and of its children that have ended; Beam's workers have when a job is over."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextlib.contextmanager
def _peaks() -> Iterator[dict[str, int]]:
    """The largest resident set of this process, and of any one below it, sampled: a forked child's own maximum counts its parent's."""
    peaks, ended = {"driver": 0, "worker": 0}, threading.Event()

    def sample() -> None:
        this = psutil.Process()
        while not ended.wait(SAMPLE_S):
            peaks["driver"] = max(peaks["driver"], this.memory_info().rss)
            for child in this.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    peaks["worker"] = max(peaks["worker"], child.memory_info().rss)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _shuffled(sizes: list[int]) -> Iterator[None]:
    """Note the bytes that each exchange is laid out for."""
    from pipeline import exchange

    layout = exchange.layout

    def noted(total_bytes: int, memory_bytes: int) -> Any:
        sizes.append(total_bytes)
        return layout(total_bytes, memory_bytes)

    exchange.layout = noted
    try:
        yield
    finally:
        exchange.layout = layout


WAYS: dict[str, Callable[..., Told]] = {"whole": whole, "decisions": decisions, "stage": stage, "shared": shared}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(WAYS[sys.argv[1]](*sys.argv[2:])) + "\n")
