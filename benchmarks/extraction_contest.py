"""The contestants of the extraction benchmark: the same pages to each in a process of its own, in turns, and what each made of them."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, Peer
from benchmarks.measure import CommandError, Cost, measure
from benchmarks.page_sets import Page
from benchmarks.results import Row, columns

SCRIPT = Path(__file__).resolve().parent / "peers" / "extractors.py"
OURS = {"fast": "curate, fast", "trafilatura": "curate, trafilatura", "resiliparse": "curate, resiliparse"}
VERSIONS = {"trafilatura": "2.3.1", "resiliparse": "2.0.1", "readability-lxml": "0.9", "justext": "3.0.2"}
PEERS = {
    "trafilatura": "trafilatura",
    "trafilatura-precision": "trafilatura, precision",
    "trafilatura-fast": "trafilatura, fast",
    "resiliparse": "resiliparse, main",
    "readability-lxml": "readability-lxml",
    "justext": "justext",
}
"""Keys of the JSON, and labels. The two further settings of trafilatura carry their names behind the package's."""
LIMIT = "limit"
# They do not get into each other's way, so one environment holds them all. readability-lxml and trafilatura import lxml.html.clean.
EXTRACTORS = Peer("extractors", "1", (*(f"{name}=={version}" for name, version in VERSIONS.items()), "lxml_html_clean==0.4.6"))
SIZES = (20_000, 50_000, 100_000, 200_000)


@dataclass
class Contestant:
    """One way to extract: how it is run, and what its runs gave."""

    row: Row
    command: tuple[str, ...]
    ns: list[list[int]] = field(default_factory=list)
    """Of each run, CPU time of each page."""
    texts: list[str] = field(default_factory=list)
    """Of the last run."""

    def enter(self, folder: Path, name: str, pages: Path) -> None:
        """Run it once over the packed pages; a contestant that fails is absent from then on."""
        out, log = folder / f"{name}.jsonl", folder / f"{name}.log"
        try:
            whole = measure([*self.command, str(pages), str(out)], cwd=ROOT, log=log)
        except CommandError as error:
            self.row.absent = str(error)
            return
        totals = json.loads(log.read_text().splitlines()[-1])
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        self.texts = [row["text"] for row in rows]
        self.ns.append([row["ns"] for row in rows])
        self.row.costs.append(Cost(totals["cpu_s"], totals["wall_s"], whole.peak_mb))
        self.row.documents = {"pages": len(rows), "with text": sum(bool(text.strip()) for text in self.texts), "failed": totals["failed"]}
        self.row.stage_cpu_s = {"start": whole.cpu_s - totals["cpu_s"], "pages": totals["cpu_s"]}

    def speed(self, pages: Sequence[Page], chosen: Sequence[int]) -> dict[str, float]:
        """Pages and MB (10^6 bytes) of some pages per CPU-second, by the median run."""
        cpu_s = statistics.median(sum(run[page] for page in chosen) for run in self.ns) / 1e9
        size = sum(len(pages[page].html) for page in chosen)
        return {"pages_per_cpu_s": round(len(chosen) / cpu_s, 1), "mb_per_cpu_s": round(size / 1e6 / cpu_s, 2)}


def contestants(peers: Path | None, absent: str) -> dict[str, Contestant]:
    """All of them by key, ours first; peers are absent where there is no interpreter for them.

    Args:
        peers: interpreter of the peers' environment.
        absent: why there is none.
    """
    ours = {
        f"ours-{name}": Contestant(Row(label), (sys.executable, "-m", "benchmarks.our_extractors", name)) for name, label in OURS.items()
    }
    others = {name: Contestant(Row(label, absent=absent), (str(peers), "-I", str(SCRIPT), name)) for name, label in PEERS.items()}
    limit = Contestant(Row("limit: resiliparse parses"), (sys.executable, "-I", str(SCRIPT), LIMIT))
    return {**ours, **others, LIMIT: limit}


def by_fold() -> Contestant:
    """The fast extractor with the models of folds; run for quality, not timed."""
    return Contestant(Row("curate, fast, out of fold"), (sys.executable, "-m", "benchmarks.our_extractors", "fast-by-fold"))


def pack(pages: Sequence[Page], folder: Path, models: Mapping[str, Path]) -> None:
    """Write pages as `benchmarks.peers.extractors` reads them.

    Args:
        pages: in the order in which they are extracted.
        folder: gets pages.bin and pages.jsonl.
        models: by site, the model that has not seen it; a site without one gets ''.
    """
    offset = 0
    with (folder / "pages.bin").open("wb") as data, (folder / "pages.jsonl").open("w") as rows:
        for page in pages:
            data.write(page.html)
            model = str(models.get(page.site, ""))
            rows.write(json.dumps({"offset": offset, "length": len(page.html), "content_type": page.content_type, "model": model}) + "\n")
            offset += len(page.html)


def size_classes(pages: Sequence[Page]) -> dict[str, list[int]]:
    """Numbers of the pages by their bytes: all, and classes with bounds in kB."""
    bounds = [0, *SIZES, sys.maxsize]
    classes = {"all": list(range(len(pages)))}
    for low, high in pairwise(bounds):
        name = f"{low // 1000}-{high // 1000} kB" if high < sys.maxsize else f"over {low // 1000} kB"
        if chosen := [number for number, page in enumerate(pages) if low <= len(page.html) < high]:
            classes[name] = chosen
    return classes


def speeds(entered: Mapping[str, Contestant], pages: Sequence[Page]) -> dict[str, dict[str, Any]]:
    """By contestant and size class."""
    classes = size_classes(pages)
    return {
        key: {name: contestant.speed(pages, chosen) for name, chosen in classes.items()}
        for key, contestant in entered.items()
        if contestant.ns
    }


def speed_table(told: Mapping[str, Mapping[str, Mapping[str, float]]], labels: Mapping[str, str]) -> str:
    """Pages per CPU-second, a column for each size class, and MB of all per CPU-second."""
    classes = list(next(iter(told.values()), {}))
    lines = [["", *classes, "MB"]]
    for key, by_class in told.items():
        lines.append(
            [labels[key], *(f"{by_class[name]['pages_per_cpu_s']:,.0f}" for name in classes), f"{by_class['all']['mb_per_cpu_s']:.1f}"]
        )
    return columns(lines)
