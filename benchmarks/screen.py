"""The cheap tests before extraction: what each costs and spares, and how often it refuses a page that would have been kept.

    python -m benchmarks.screen [--small] [--data FOLDER] [--json FILE]

Input: the WARC files of ../shared/data/corpus (3,000 pages of 30 languages, English is kept; `--small` takes the first, 750 pages); the
gold sets of html/, html_more/ and tests/gold (pages that somebody wanted, each asked for in its own language); the UT1 lists of urls/.
The tests stand in the order in which a run asks them, and each sees only what the ones before left; only "payload seen" is asked of all
pages by itself, with the digests of the last file for an earlier crawl: there a page is lost that the earlier crawl did not have. Beside
them trafilatura alone on all pages, which is what a run without a screen does, and the limit: the records read and decoded, nothing else.

A page of the corpus would have been kept when its main text by trafilatura is of the kept language at the filter's least score and passes
the preset; gold pages are all wanted. The corpus's addresses are made up, so address rules are measured on the gold's addresses.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import wanted
from benchmarks.environments import ROOT
from benchmarks.measure import Cost
from benchmarks.results import Row, table, write_results
from benchmarks.screen_quality import (
    KEPT_LANGUAGE,
    LEAST_WORDS,
    Clock,
    Extracted,
    Page,
    crawl_pages,
    extracted,
    gold_losses,
    language_trade,
    ut1_losses,
)
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from filters.html import trafilatura_text
from filters.language.identify import LanguageModel
from pipeline.settings.extract import Extract, Screen, UrlScreen
from pipeline.sources import screen

# What a crawl for text would block. Among the others are lists of what to allow (liste_bu, examen_pix) and of whole trades.
BLOCKED = ("agressif", "dangerous_material", "dating", "hacking", "malware", "phishing", "publicite", "stalkerware", "warez")


@dataclass(frozen=True)
class Step:
    """One cheap test: how many pages it was asked of, the URLs that it refused, and CPU-seconds of all."""

    pages: int
    refused: tuple[str, ...]
    cpu_s: float

    def told(self, found: Extracted, known: frozenset[str] = frozenset()) -> dict[str, Any]:
        """What it spared, and what of that would have been kept although it is not among `known` pages."""
        lost = [url for url in self.refused if url in found.kept and url not in known]
        return {
            "pages": self.pages,
            "spared": len(self.refused),
            "cpu_s_per_1000_pages": 1000 * self.cpu_s / max(1, self.pages),
            "extraction_cpu_s_saved": sum(found.cpu_s[url] for url in self.refused),
            "would_have_been_kept": len(lost),
            "lost": lost,
        }


def ask(pages: Sequence[Page], test: Callable[[Page], screen.Refusal | None]) -> tuple[Step, list[Page]]:
    """One test of all pages, and those that pass."""
    clock = Clock()
    with clock.running():
        answers = [test(page) for page in pages]
    refused = tuple(page.url for page, answer in zip(pages, answers, strict=True) if answer)
    return Step(len(pages), refused, clock.cpu_s), [page for page, answer in zip(pages, answers, strict=True) if not answer]


def screened(pages: Sequence[Page], asked: Screen, model: LanguageModel) -> tuple[dict[str, Step], list[Page]]:
    """Each test in turn over what the ones before left; and what all left."""
    texts: dict[str, str] = {}
    few = Screen(minimum_words=asked.minimum_words)
    of_language = Screen(languages=asked.languages, language_score=asked.language_score)
    steps: dict[str, Step] = {}
    steps["url"], left = ask(pages, lambda page: screen.screen_url(page.url, asked))
    steps["plain text"], left = ask(left, lambda page: texts.update({page.url: plain_bytes(scan(page.html.encode()))}))
    steps["words"], left = ask(left, lambda page: screen.screen_text(texts[page.url], few, None))
    steps["language"], left = ask(left, lambda page: screen.screen_text(texts[page.url], of_language, model))
    return steps, left


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.screen", description="Cheap tests before extraction: cost, pages spared, wanted pages lost."
    )
    parser.add_argument("--small", action="store_true", help="the first 750 pages of the corpus: under a minute")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder with html/, html_more/, warc/, urls/ unpacked (.data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    return chosen


def report(about: Mapping[str, Any], rows: Sequence[Row], quality: Mapping[str, Any]) -> str:
    """The tables, for people."""
    pages = about["pages"]
    lines = [
        f"{pages:,} pages of {len(about['files'])} WARC files, {about['html_bytes'] / 1e6:.1f} MB of HTML",
        f"{about['url_entries']:,} addresses blocked; {about['pages_that_would_be_kept']} pages would be kept without a screen",
        "",
        table(rows[0], rows[1:]),
        "",
        f"{'step':<14}{'pages':>8}{'spared':>8}{'CPU-s per 1,000':>17}{'extraction saved, CPU-s':>25}{'would have been kept':>22}",
    ]
    for name, step in quality["steps"].items():
        kept = f"{step['would_have_been_kept']} ({_share(step['would_have_been_kept'], step['spared'])})" if step["spared"] else ""
        cost, saved = step["cpu_s_per_1000_pages"], step["extraction_cpu_s_saved"]
        lines.append(f"{name:<14}{step['pages']:>8,}{step['spared']:>8,}{cost:>17.3f}{saved:>25.1f}{kept:>22}")
    lines += ["", f"{about['gold_pages']} gold pages, each in its own language:"]
    for name, loss in quality["gold"]["steps"].items():
        told = "; ".join(loss["refused"][:6])
        lines.append(
            f"  {name}: {len(loss['refused'])} of {loss['pages']} refused ({_share(len(loss['refused']), loss['pages'])}) {told}".rstrip()
        )
    gold = quality["gold"]["language_refused_by_score"]
    lines += [
        "",
        f"{'language_score':<16}{'spared':>8}{'of others':>16}{'kept refused':>14}{'own language refused':>22}{'gold refused':>14}",
        *(
            f"{score:<16}{row['spared']:>8,}{row['others_spared']:>9,} / {row['others']:<4,}{row['kept_refused']:>14}"
            f"{row['own_language_refused']:>22}{gold[score]:>14}"
            for score, row in quality["language_trade"].items()
        ),
        "",
        "gold pages that a category of UT1 refuses: "
        + ", ".join(f"{category} {count}" for category, count in quality["ut1_gold_pages_refused"].items() if count),
    ]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def main() -> None:
    chosen = arguments()
    corpus = Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data")).resolve() / "corpus"
    files = sorted(corpus.glob("docs_web-*.warc.gz"))
    ut1 = chosen.data / "urls" / "ut1"
    if not files or not ut1.is_dir():
        sys.exit(f"screen: no docs_web-*.warc.gz in {str(corpus)!r}, or no urls/ut1 in {str(chosen.data)!r}; unpack the shared data")
    model = LanguageModel.load()
    reading = Clock()
    with reading.running():
        pages = list(crawl_pages(files[: 1 if chosen.small else None], Extract()))
    # The first page of each pays for imports.
    trafilatura_text("<html><p>one</p></html>")
    plain_bytes(scan(b"<p>one</p>"))
    asked = Screen(
        urls=UrlScreen(block_lists=tuple(str(ut1 / category) for category in BLOCKED)),
        languages=(KEPT_LANGUAGE,),
        minimum_words=LEAST_WORDS,
    )
    screen.load(asked)
    steps, left = screened(pages, asked, model)
    recrawled, known = recrawl(pages, files[-1:])
    found = extracted(pages, model)
    gold = wanted.load(chosen.data, model)
    screen_s, rest_s = sum(step.cpu_s for step in steps.values()), sum(found.cpu_s[page.url] for page in left)
    ours = Row("screen, then trafilatura", [Cost(screen_s + rest_s, screen_s + rest_s, found.cost.peak_mb)])
    ours.documents = {"pages": len(pages), "extracted": len(left)}
    ours.stage_cpu_s = {name: step.cpu_s for name, step in steps.items()} | {"extraction": rest_s}
    alone = Row("trafilatura alone", [found.cost], {"pages": len(pages), "extracted": len(pages)})
    limit = Row("limit: read and decode", [reading.cost()], {"pages": len(pages)})
    quality = {
        "steps": {"payload seen": recrawled.told(found, known), **{name: step.told(found) for name, step in steps.items()}},
        "gold": gold_losses(gold, asked, model),
        "language_trade": language_trade(pages, found, model),
        "ut1_gold_pages_refused": ut1_losses(gold, ut1),
    }
    about = {
        "files": [file.name for file in files[: 1 if chosen.small else None]],
        "pages": len(pages),
        "html_bytes": sum(len(page.html.encode()) for page in pages),
        "gold_pages": len(gold),
        "gold_collections": dict(Counter(page.collection for page in gold)),
        "gold_languages": dict(Counter(page.language for page in gold).most_common()),
        "url_entries": sum(len(rules.block) for rules in [screen.url_rules(asked.urls)] if rules),
        "pages_that_would_be_kept": len(found.kept),
        "pages_of_a_sure_language": len(found.languages),
    }
    sys.stdout.write(report(about, [ours, alone, limit], quality) + "\n")
    if chosen.json:
        write_results(chosen.json, about=about, ours=ours, peers={"trafilatura": alone}, limit=limit, quality={"ours": quality})


def recrawl(pages: Sequence[Page], earlier: Sequence[Path]) -> tuple[Step, frozenset[str]]:
    """The test of payloads given the digests of an earlier crawl, with the cost of the pages' own digests; URLs of what that crawl had."""
    before = list(crawl_pages(earlier, Extract()))
    texts = {page.html for page in before}
    payloads = {page.url: page.html.encode() for page in pages}
    with tempfile.TemporaryDirectory(prefix="curate-screen-") as folder:
        file = Path(folder) / "seen.txt"
        file.write_text("\n".join(page.digest.hex() for page in before), encoding="ascii")
        asked = Screen(seen=(str(file),))
        screen.load(asked)

        def test(page: Page) -> screen.Refusal | None:
            screen.payload_digest(payloads[page.url])
            return screen.screen_payload(page.digest, asked)

        return ask(pages, test)[0], frozenset(page.url for page in pages if page.html in texts)


if __name__ == "__main__":
    main()
