"""What the cheap tests refuse that somebody wanted: of pages that trafilatura and the filter would have kept, and of gold pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from benchmarks.measure import MEGABYTE, Cost
from benchmarks.wanted import WantedPage
from filters.charset import decode_html, utf8_html
from filters.decide import LanguageRule, decide
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from filters.html import too_complex, trafilatura_text
from filters.language.identify import LanguageModel
from filters.presets import PRESETS
from filters.statistics import measure as signals
from pipeline.settings.extract import Extract, Screen, UrlScreen
from pipeline.settings.filter import Language
from pipeline.sources import screen
from pipeline.sources.records import Reject, Tally
from pipeline.sources.warc import records

PRESET = "fineweb-pipeline@2024"
KEPT_LANGUAGE = "en"
LEAST_WORDS = 50  # of Gopher's rules: fewer words of plain text cannot be more words of main text
SCORES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the crawl, decoded."""

    url: str
    digest: bytes
    html: str


@dataclass
class Clock:
    """CPU and wall time of this process, summed over the times that it ran."""

    cpu_s: float = 0.0
    wall_s: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done inside."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall

    def cost(self) -> Cost:
        """So far, with this process's memory now."""
        return Cost(self.cpu_s, self.wall_s, psutil.Process().memory_info().rss / MEGABYTE)


def crawl_pages(files: Sequence[Path], extract: Extract) -> Iterator[Page]:
    for file in files:
        for record in records(str(file), Tally(), extract.max_record_bytes):
            if not isinstance(record, Reject) and "html" in record.content_type:
                payload = record.payload(extract.max_record_bytes)
                page = decode_html(payload, record.content_type)
                if not too_complex(page):
                    yield Page(record.url, screen.payload_digest(payload), page)


@dataclass(frozen=True)
class Extracted:
    """What trafilatura makes of every page, without a screen."""

    cpu_s: Mapping[str, float]
    """By URL."""
    kept: frozenset[str]
    """URLs of the pages that the filter keeps, in the kept language."""
    languages: Mapping[str, str]
    """By URL, where the main text has LEAST_WORDS and its language the filter's least score."""
    cost: Cost


def extracted(pages: Sequence[Page], model: LanguageModel) -> Extracted:
    seconds: dict[str, float] = {}
    texts: list[str] = []
    total = Clock()
    with total.running():
        for page in pages:
            clock = Clock()
            with clock.running():
                texts.append(trafilatura_text(page.html, "precision"))
            seconds[page.url] = clock.cpu_s
    languages, scores = model.identify(texts)
    numbers = signals.compute(pa.array(texts))
    columns = {name: numbers[name] for name in signals.SCHEMA.names}
    columns |= {"language": pa.array(languages), "language_score": pa.array(scores)}
    least = Language().minimum
    verdicts = decide(pa.table(columns), (PRESETS[PRESET],), LanguageRule((KEPT_LANGUAGE,), least))
    kept = [page.url for page, keep in zip(pages, verdicts["keep"].to_pylist(), strict=True) if keep]
    rows = zip(pages, languages, scores, numbers["words"].to_pylist(), strict=True)
    sure = {page.url: language for page, language, score, words in rows if score >= least and words >= LEAST_WORDS}
    return Extracted(seconds, frozenset(kept), sure, total.cost())


def gold_losses(pages: Sequence[WantedPage], asked: Screen, model: LanguageModel) -> dict[str, Any]:
    """Wanted pages that each test refuses, each asked for in its own language."""
    urls = [page for page in pages if page.url.startswith("http")]
    plain = {page: plain_bytes(scan(utf8_html(page.payload, page.content_type))) for page in pages}
    # A text of fewer words is refused later in any case; trafilatura's sets hold phrases of the text only.
    long = [page for page in pages if page.collection.startswith("trafilatura") or _words(page.text) >= LEAST_WORDS]
    few = Screen(minimum_words=asked.minimum_words)
    spoken = [page for page in pages if page.language in model.labels]

    def refused(pages: Sequence[WantedPage], score: float) -> list[str]:
        rules = {language: Screen(languages=(language,), language_score=score) for language in model.labels}
        return [page.name for page in pages if screen.screen_text(plain[page], rules[page.language], model)]

    kept = [page for page in spoken if page.language == KEPT_LANGUAGE]
    steps = {
        "url": (urls, [page.url for page in urls if screen.screen_url(page.url, asked)]),
        "words": (long, [page.name for page in long if screen.screen_text(plain[page], few, None)]),
        "language": (spoken, refused(spoken, asked.language_score)),
        f"language, pages in {KEPT_LANGUAGE}": (kept, refused(kept, asked.language_score)),
    }
    return {
        "steps": {name: {"pages": len(asked_of), "refused": names} for name, (asked_of, names) in steps.items()},
        "language_refused_by_score": {str(score): len(refused(spoken, score)) for score in SCORES},
    }


def _words(text: str) -> int:
    return int(signals.compute(pa.array([text]))["words"][0].as_py())


def language_trade(pages: Sequence[Page], found: Extracted, model: LanguageModel) -> dict[str, dict[str, int]]:
    """By `language_score`: pages spared, how many are of other languages; kept pages refused; pages refused in their own language."""
    texts = {page.url: plain_bytes(scan(page.html.encode())) for page in pages}
    trade: dict[str, dict[str, int]] = {}
    for score in SCORES:
        english = Screen(languages=(KEPT_LANGUAGE,), language_score=score)
        refused = {url for url, text in texts.items() if screen.screen_text(text, english, model)}
        own = [
            url
            for url, language in found.languages.items()
            if screen.screen_text(texts[url], Screen(languages=(language,), language_score=score), model)
        ]
        others = {url for url, language in found.languages.items() if language != KEPT_LANGUAGE}
        trade[str(score)] = {
            "spared": len(refused),
            "others": len(others),
            "others_spared": len(refused & others),
            "kept_refused": len(refused & found.kept),
            "own_language_refused": len(own),
        }
    return trade


def ut1_losses(pages: Sequence[WantedPage], folder: Path) -> dict[str, int]:
    """Wanted pages that each category of UT1 would refuse."""
    urls = [page.url for page in pages if page.url.startswith("http")]
    losses = {}
    for category in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        rules = Screen(urls=UrlScreen(block_lists=(str(folder / category),)))
        losses[category] = sum(screen.screen_url(url, rules) is not None for url in urls)
    return losses
