"""Pages whose main text is known, and pages to time extractors on: the gold sets and the documentation of the shared data.

Article gold is what people cut out (article-extraction-benchmark, newspaper, ours), what another tool keeps (readability, defuddle), or
phrases (trafilatura's set). Gold that is HTML or Markdown is turned into text by `benchmarks.gold.page_text`, block by block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash
from markdown_it import MarkdownIt

from benchmarks.gold import load, page_text
from benchmarks.labelled_pages import archived_pages, article_extraction, labelled_pages, phrase_pages, read
from filters.charset import decode_html, utf8_html
from filters.extractor.labels import registered_domain

DOCUMENTATION = "docs_web"
HAND_MADE = "gold"

_FRONT = re.compile(r"\A```json\n\{\n(?:[^\n]*\n){0,40}?\}\n```\n")


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what is known of its main text."""

    collection: str
    name: str
    """URL or file."""
    site: str
    """What shares a template: registered domain, or package of documentation. Pages of one site are in one fold."""
    html: bytes
    content_type: str = ""
    text: str | None = None
    """Gold."""
    undecided: str = ""
    """Text that may be there or not: readers' comments under an article."""
    keep: tuple[str, ...] = ()
    """Phrases that belong to the main text."""
    drop: tuple[str, ...] = ()
    """Phrases that do not."""
    kinds: tuple[str, ...] = ()

    @property
    def digest(self) -> bytes:
        """Of its bytes."""
        return xxhash.xxh3_128_digest(self.html)


def _article_extraction(data: Path) -> Iterator[Page]:
    for page in article_extraction(data):
        yield _page("article-extraction-benchmark", page["url"], page["html"], text=page["text"])


def _trafilatura(data: Path) -> Iterator[Page]:
    for page in phrase_pages(data):
        yield replace(_page("trafilatura", page["url"], page["html"]), keep=tuple(page["keep"]), drop=tuple(page["drop"]))


def _readability(data: Path) -> Iterator[Page]:
    for folder in sorted((data / "html" / "readability").iterdir()):
        gold = page_text(decode_html(read(folder / "expected.html.gz")))
        yield _page("readability", f"readability:{folder.name}", read(folder / "source.html.gz"), text=gold)


def _newspaper(data: Path) -> Iterator[Page]:
    folder = data / "html" / "newspaper"
    for path in sorted((folder / "html").iterdir()):
        name = path.name.split(".html")[0]
        gold = folder / "text" / f"{name}.txt"
        yield _page("newspaper", f"newspaper:{name}", read(path), text=gold.read_text(encoding="utf-8") if gold.exists() else None)


def _defuddle(data: Path) -> Iterator[Page]:
    folder = data / "html" / "defuddle"
    for path in sorted((folder / "html").iterdir()):
        gold = (folder / "expected" / f"{path.name.split('.html')[0]}.md").read_text(encoding="utf-8")
        yield _page("defuddle", f"defuddle:{path.name}", read(path), text=markdown_text(gold))


def _hand_made(data: Path) -> Iterator[Page]:
    for page in load(data):
        yield Page(
            HAND_MADE, page.url or page.file, page.site, page.html, page.content_type, page.text, page.comments, kinds=page.kinds
        )  # fmt: skip


def _documentation(data: Path) -> Iterator[Page]:
    for page in archived_pages(data):
        if page.get("site", "").startswith("docs:"):
            yield Page(DOCUMENTATION, page["url"], page["site"], page["html"], page["content_type"])


SETS: dict[str, Callable[[Path], Iterator[Page]]] = {
    "article-extraction-benchmark": _article_extraction,
    "trafilatura": _trafilatura,
    "readability": _readability,
    "newspaper": _newspaper,
    "defuddle": _defuddle,
    HAND_MADE: _hand_made,
    DOCUMENTATION: _documentation,
}
"""Readers of each set from the folder of unpacked shared data. docs_web has no gold and is there to be timed."""


def load_sets(data: Path, names: Sequence[str], most: int | None = None) -> list[Page]:
    """The pages of some sets, in order.

    Args:
        data: folder with `html/`, `html_more/`, `warc/` and `corpus/`.
        names: of `SETS`.
        most: pages of each set, evenly out of all; None for all.
    """
    pages = []
    for name in names:
        found = list(SETS[name](data))
        pages += found if most is None else found[:: max(1, -(-len(found) // most))]
    return pages


def with_teaching_sites(pages: Sequence[Page], data: Path) -> list[Page]:
    """The pages under the sites that the extractor's training put them, so that folds are the same."""
    sites = {xxhash.xxh3_128_digest(page["html"]): page["site"] for page in labelled_pages(data)}
    return [replace(page, site=sites.get(xxhash.xxh3_128_digest(utf8_html(page.html, page.content_type)), page.site)) for page in pages]


def markdown_text(markdown: str) -> str:
    """The text of Markdown, without the block of metadata that defuddle puts before it."""
    return page_text(MarkdownIt("commonmark").enable("table").render(_FRONT.sub("", markdown, count=1)))


def _page(collection: str, name: str, html: bytes, text: str | None = None) -> Page:
    return Page(collection, name, registered_domain(name), html, text=text)
