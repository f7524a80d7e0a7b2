"""Memory of a worker over many pages: one process that does with each page what a run does, and its resident set on the way.

    python -m benchmarks.extraction_memory [--small] [--pages 100000] [--set extractor=trafilatura …] [--data DIR] [--json FILE]

Input: the gold sets and a third of docs_web, again and again. Every time round each page has an element, an attribute and a word that were
not seen before, since parsers keep names for ever and real pages do not stop bringing new ones. `--set` gives settings of the section
`extract`. Flat means that the last points are no higher than the first ones after all pages were seen once.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from pydantic import ValidationError

from benchmarks.environments import ROOT
from benchmarks.page_sets import SETS, Page, load_sets
from filters.language.identify import LanguageModel
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document
from pipeline.sources.warc import WebRecord

POINTS = 10
PAGES, SMALL_PAGES, SMALL_SET = 100_000, 400, 8
LANGUAGE_MODEL = "lid.176.ftz"


@dataclass(frozen=True)
class Point:
    """Resident memory after so many pages, in 10^6 bytes: of this process, and of the processes that it started."""

    pages: int
    rss_mb: float
    children_mb: float
    cpu_s: float
    """Of this process."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.extraction_memory", description="Resident memory of a worker over many pages."
    )
    parser.add_argument("--small", action="store_true", help=f"{SMALL_PAGES} pages out of {SMALL_SET} of each set")
    parser.add_argument("--pages", type=int, default=None, help=f"how many ({PAGES:,}; {SMALL_PAGES} with --small)")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help="a setting of the section extract")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    chosen.pages = chosen.pages if chosen.pages is not None else SMALL_PAGES if chosen.small else PAGES
    if chosen.pages < POINTS:
        parser.error(f"--pages {chosen.pages}: give {POINTS} or more")
    if not (chosen.data / "html").is_dir():
        parser.error(
            f"--data {str(chosen.data)!r} holds no html/; unpack the archives of ../shared/data there (the tests do so into .data)"
        )
    try:
        chosen.extract = Extract.model_validate(
            {key: yaml.safe_load(value) for key, _, value in (text.partition("=") for text in chosen.settings)}
        )
    except ValidationError as error:
        parser.error(f"--set {' '.join(chosen.settings)}: {error.errors()[0]['msg']}")
    return chosen


def record_of(page: Page, number: int) -> WebRecord:
    """A response that holds the page and, at its end, three names that no other number has."""
    body = page.html + b"<x-%d data-%d=1>word%d</x-%d>" % (number, number, number, number)
    return WebRecord(f"https://{number}.example.org/", "response", None, 200, page.content_type or "text/html", body, length=len(body))


def run(pages: Sequence[Page], total: int, extract: Extract) -> tuple[list[Point], Counter[str]]:
    """The points, the first before any page, and what became of the pages (documents, and rejects by reason)."""
    source = Source(name="memory", kind="web", paths=("memory",))
    model = LanguageModel.load(LANGUAGE_MODEL) if extract.screen.languages else None
    became: Counter[str] = Counter()
    points = [_point(0)]
    for number in range(total):
        outcome = page_document(record_of(pages[number % len(pages)], number), extract, source, model)
        became["document" if isinstance(outcome, Document) else outcome.reason] += 1
        if (number + 1) * POINTS // total > number * POINTS // total:
            points.append(_point(number + 1))
            sys.stderr.write(f"{number + 1:,} pages: {points[-1].rss_mb:,.0f} MB\n")
    return points, became


def _point(pages: int) -> Point:
    gc.collect()
    this = psutil.Process()
    children = sum(child.memory_info().rss for child in this.children(recursive=True))
    return Point(pages, this.memory_info().rss / 1e6, children / 1e6, time.process_time())


def report(about: Mapping[str, Any], points: Sequence[Point], became: Mapping[str, int]) -> str:
    lines = [f"{about['pages']:,} pages, {about['distinct']:,} distinct; settings: {about['extract']}", ""]
    lines.append(f"{'pages':>9} {'RSS MB':>8} {'children':>8} {'CPU-s':>8}")
    lines += [f"{point.pages:9,} {point.rss_mb:8,.1f} {point.children_mb:8,.1f} {point.cpu_s:8,.1f}" for point in points]
    lines += ["", ", ".join(f"{name} {count:,}" for name, count in sorted(became.items(), key=lambda item: (-item[1], item[0])))]
    lines.append(f"growth from {about['from_pages']:,} to {about['pages']:,} pages: {about['growth_mb']:+.1f} MB")
    return "\n".join(lines)


def main() -> None:
    chosen = arguments()
    sets = [name for name in SETS if not (chosen.small and name == "docs_web")]
    pages = load_sets(chosen.data, sets, SMALL_SET if chosen.small else None)
    points, became = run(pages, chosen.pages, chosen.extract)
    # From the first point after which no page is new.
    settled = next((point for point in points if point.pages >= len(pages)), points[-1])
    about = {
        "pages": chosen.pages,
        "distinct": len(pages),
        "extract": chosen.extract.model_dump(mode="json", exclude_unset=True) or "defaults",
        "from_pages": settled.pages,
        "growth_mb": points[-1].rss_mb + points[-1].children_mb - settled.rss_mb - settled.children_mb,
    }
    sys.stdout.write(report(about, points, became) + "\n")
    if chosen.json:
        values = {
            "input": about,
            "ours": {"points": [asdict(point) for point in points]},
            "peers": {},
            "ratios": {},
            "quality": {"ours": became},
        }
        chosen.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
