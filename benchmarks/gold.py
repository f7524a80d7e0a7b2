"""Hand-made gold of main text: pages of the shared data, and which of their words a reader came for.

The gold (tests/gold/pages.jsonl, its rules in the README beside it) names pages by file, URL and digest and holds no text: main text is
given as ranges of a page's words, in the order of the document, as `page_text` and `words` make them.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash
from resiliparse.parse.html import DOMContext, HTMLTree, traverse_dom

from benchmarks.environments import ROOT
from filters.charset import decode_html
from pipeline.sources.records import Reject, Tally
from pipeline.sources.warc import records

PAGES = ROOT / "tests" / "gold" / "pages.jsonl"
MAX_PAGE_BYTES = 1 << 25

# Nodes that do not end a word: text and comments, these elements. Any other element, known or not, stands between two words.
INLINE = re.compile(
    "#.*|a|abbr|acronym|b|bdi|bdo|big|blink|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|nobr|q|rb|rp|rt|ruby|s|samp|small|span|strike|"
    "strong|sub|sup|time|tt|u|var|wbr"
)
UNSEEN = frozenset({"script", "style", "noscript", "template"})

# Scripts that put no space between words: Thai and Lao, Myanmar, Khmer, Han, kana, half-width kana. Each character is a word.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
UNSPACED += "\uff66-\uff9f\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class GoldPage:
    """A page and its main text."""

    file: str
    """Below the folder of shared data."""
    url: str
    """Of the record in the WARC file; '' where the file is the page."""
    site: str
    """What shares a template: registered domain, or package of documentation. Folds are made by it."""
    language: str
    kinds: tuple[str, ...]
    html: bytes
    content_type: str
    """Of the HTTP header, '' where there is none."""
    text: str
    """Main text, its blocks divided by line breaks."""
    comments: str
    """The same of readers' comments under an article, which are no part of `text`; '' where there are none."""


def words(text: str) -> list[str]:
    """The words of a text: what spaces divide, and each character of a script that writes without them."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def page_text(html: str, unseen: frozenset[str] = UNSEEN) -> str:
    """All text of a page's body as lexbor reads it, in NFC.

    A line break stands at every start and end of an element that is not `INLINE`; inside a line, white space is single spaces, but <pre>
    keeps its own. Text within `unseen` elements is left out.
    """
    body = HTMLTree.parse(html).body
    pieces: list[str] = []
    inside: Counter[str] = Counter()

    def start(context: DOMContext) -> None:
        node = context.node
        if node.tag == "#text":
            if not any(inside[tag] for tag in unseen):
                pieces.append(node.text if inside["pre"] else _SPACES.sub(" ", node.text))
        elif not INLINE.fullmatch(node.tag):
            pieces.append("\n")
            inside[node.tag] += node.first_child is not None  # resiliparse 2.0 tells no end of an element without children

    def end(context: DOMContext) -> None:
        if not INLINE.fullmatch(context.node.tag):
            pieces.append("\n")
            inside[context.node.tag] -= 1

    if body is not None:
        traverse_dom(body, start, end, DOMContext())
    lines = unicodedata.normalize("NFC", "".join(pieces)).split("\n")
    return "\n".join(line.rstrip() for line in lines if line.strip())


def main_text(text: str, main: Sequence[Sequence[int]]) -> str:
    """The parts of a `page_text` that half-open ranges of its words name."""
    spans = [match.span() for match in _WORD.finditer(text)]
    return "\n".join(text[spans[first][0] : spans[end - 1][1]] for first, end in main)


def load(data: Path, pages: Path = PAGES) -> list[GoldPage]:
    """The gold pages, in the order of the file.

    Args:
        data: folder with `warc/`, `html/`, `html_more/` unpacked, and `corpus/`.
        pages: one JSON object per line, as the README beside it says.

    Raises:
        ValueError: a page is not where the gold says, or has other bytes or another number of words.
    """
    entries = [json.loads(line) for line in pages.read_text(encoding="utf-8").splitlines()]
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        wanted[entry["file"]].add(entry["payload_xxh3_128"])
    found = {digest: (page, kind) for file, digests in wanted.items() for digest, page, kind in _payloads(data / file, digests)}
    gold = []
    for entry in entries:
        name = f"{entry['file']} {entry['url']}".strip()
        if entry["payload_xxh3_128"] not in found:
            raise ValueError(f"gold: {name!r} with digest {entry['payload_xxh3_128']} is not in {data}; unpack the shared data of the gold")
        payload, kind = found[entry["payload_xxh3_128"]]
        text = page_text(decode_html(payload, kind))
        if (count := len(words(text))) != entry["words"]:
            raise ValueError(f"gold: {name!r} has {count} words, the gold counted {entry['words']}; the parser is another")
        fields = {key: entry[key] for key in ("file", "url", "site", "language")}
        main, comments = (main_text(text, entry.get(part, [])) for part in ("main", "comments"))
        gold.append(GoldPage(**fields, kinds=tuple(entry["kinds"]), html=payload, content_type=kind, text=main, comments=comments))
    return gold


def _payloads(file: Path, digests: set[str]) -> Iterator[tuple[str, bytes, str]]:
    """Digest, bytes and content type of those pages of a file that are asked for."""
    if ".html" in file.name:
        payload = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        yield xxhash.xxh3_128_hexdigest(payload), payload, ""
        return
    for record in records(str(file), Tally(), MAX_PAGE_BYTES):
        if not isinstance(record, Reject) and "html" in record.content_type:
            payload = record.payload(MAX_PAGE_BYTES)
            if (digest := xxhash.xxh3_128_hexdigest(payload)) in digests:
                yield digest, payload, record.content_type
