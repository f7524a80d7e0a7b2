"""Main-text extractors of other projects over a packed set of pages, one process for each: NAME PAGES OUT.

Runs in the peers' environment, as a script, and needs nothing of this project; `benchmarks.our_extractors` uses its loop for ours.

In:  PAGES/pages.bin (the pages' bytes, one after another) and PAGES/pages.jsonl (a row for each: offset, length, content_type, model).
Out: OUT, a row for each page in JSON (text; error where it raised; ns of CPU time), and one line of totals on standard output.

From the bytes of a response to text: each does its own charset detection, or what its documentation offers for it. Pages are read outside
of the clock; what a first page costs (imports, compiled code, tables) is spent on made-up pages before it starts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Extractor = Callable[[bytes, dict[str, Any]], str]

_WORDS = "Some words of an article, none of which is in any page that is timed; they differ by number {0}, {1} and {2}. "
BREAKING = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
})  # fmt: skip


def made_pages() -> list[bytes]:
    """Articles to warm up on: UTF-8, undeclared Latin-1, and one without main text."""
    paragraphs = "".join(f"<p>{''.join(_WORDS.format(n, n * n, sentence) for sentence in range(4))}</p>" for n in range(40))
    body = f"<nav><a href=/>Home</a></nav><article><h1>Title</h1>{paragraphs}<table><tr><td>1<td>2</table></article><footer>Café</footer>"
    page = f"<!DOCTYPE html><html lang=en><head><title>Title</title></head><body>{body}</body></html>"
    return [page.encode(), page.encode("latin-1"), b"<html><body><p>Nothing</p></body></html>"]


def run(extract: Extractor, pages: Path, out: Path) -> None:
    """Extract every page once and write what came of it."""
    for page in made_pages() * 2:
        extract(page, {"content_type": "", "model": ""})
    started, failed, cpu_ns = time.monotonic(), 0, 0
    with (pages / "pages.bin").open("rb") as data, (pages / "pages.jsonl").open() as rows, out.open("w", encoding="utf-8") as results:
        for line in rows:
            row = json.loads(line)
            data.seek(row["offset"])
            page, text, error = data.read(row["length"]), "", ""
            before = time.process_time_ns()
            try:
                text = extract(page, row)
            except Exception as problem:  # noqa: BLE001 -- a page that an extractor cannot bear is a page without text, and is counted
                error = f"{type(problem).__name__}: {problem}"[:200]
            taken = time.process_time_ns() - before
            cpu_ns += taken
            failed += bool(error)
            results.write(json.dumps({"text": text.encode("utf-8", "replace").decode(), "error": error, "ns": taken}) + "\n")
    sys.stdout.write(json.dumps({"cpu_s": cpu_ns / 1e9, "wall_s": time.monotonic() - started, "failed": failed}) + "\n")


def trafilatura(**options: bool) -> Extractor:
    """`trafilatura.extract` of the bytes; its default keeps readers' comments."""
    import logging

    from trafilatura import extract

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    return lambda page, _row: extract(page, **options) or ""


def resiliparse() -> Extractor:
    """Its rules for main content; images' alternative texts left out, which no gold holds."""
    from resiliparse.extract.html2text import extract_plain_text

    parse = parser()
    return lambda page, _row: extract_plain_text(parse(page), main_content=True, alt_texts=False)


def parser() -> Callable[[bytes], Any]:
    """A tree (lexbor) of a page by resiliparse, with its detection of the charset from the mark-up or the bytes."""
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    return lambda page: HTMLTree.parse_from_bytes(page, detect_encoding(page, from_html_meta=True))


def parse_only() -> Extractor:
    """The limit: a tree of every page, and no text."""
    parse = parser()

    def extract(page: bytes, _row: dict[str, Any]) -> str:
        parse(page)
        return ""

    return extract


def readability() -> Extractor:
    """readability-lxml's summary, as text with a line break around each element that is no part of a line."""
    import logging

    from lxml import html
    from readability import Document

    logging.getLogger("readability").setLevel(logging.CRITICAL + 1)

    def extract(page: bytes, _row: dict[str, Any]) -> str:
        root = html.fromstring(Document(page).summary(html_partial=True))
        for element in root.iter():
            if element.tag in BREAKING:
                element.text = "\n" + (element.text or "")
                element.tail = "\n" + (element.tail or "")
        return str(root.text_content())

    return extract


def justext() -> Extractor:
    """Without stop words, its mode for pages in a language that nobody knows beforehand; better here than with English or all its lists."""
    from justext import justext as classify

    def extract(page: bytes, _row: dict[str, Any]) -> str:
        paragraphs = classify(page, frozenset(), stopwords_low=0, stopwords_high=0)
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    return extract


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "trafilatura": trafilatura,
    "trafilatura-precision": lambda: trafilatura(favor_precision=True, include_comments=False),
    "trafilatura-fast": lambda: trafilatura(fast=True),
    "resiliparse": resiliparse,
    "readability-lxml": readability,
    "justext": justext,
    "limit": parse_only,
}


if __name__ == "__main__":
    run(EXTRACTORS[sys.argv[1]](), Path(sys.argv[2]), Path(sys.argv[3]))
