"""Web pages to text: charset, all visible text, and main text with title, date and author."""

from __future__ import annotations

import codecs
import contextlib
import functools
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from filters.text import normalise_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement
    from trafilatura.settings import Extractor

Favour = Literal["precision", "balance", "recall"]

META_BYTES = 4096
DETECTED_BYTES = 1 << 17
TITLE_CHARACTERS = 1000
# lexbor and libxml2 compare each attribute of a tag with all before it: 20,000 of them took 0.7 s, 100,000 would take 17.
TAG_ATTRIBUTES = 5_000
LONG_TAG_CHARACTERS = 20_000

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What the labels mean by the WHATWG Encoding Standard, in Python's names; the names of resiliparse but for these.
SUPERSETS = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "latin-1": "cp1252",
    "iso-8859-1": "cp1252",
}

# "<" and a letter, "!" or "?" in 16 bits each, without a mark: detectors take such a page for windows-1252.
UTF_16_BEGINNINGS = (
    (re.compile(rb"(?:[\t\n\r ]\0){0,64}<\0[A-Za-z!?]\0"), "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\r ]){0,64}\0<\0[A-Za-z!?]"), "utf-16-be"),
)

_HEADER_CHARSET = re.compile(r"charset\s{0,4}=\s{0,4}[\"']?([\w.:-]{2,40})", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<(?:meta|\?xml)\b[^<>]{0,300}?\b(?:charset|encoding)\s{0,4}=\s{0,4}[\"']?([\w.:-]{2,40})", re.IGNORECASE)
_LONG_TAG = re.compile(rf"<[A-Za-z][^<>]{{{LONG_TAG_CHARACTERS},}}")
_ISO_DATE = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")
_JSON_DATE = re.compile(r'"datePublished"\s{0,8}:\s{0,8}"([^"]{8,40})"')


@dataclass(frozen=True, slots=True)
class MainText:
    """What a page is about. `text` is '' where no main text was found; `date` is an ISO 8601 day."""

    text: str
    title: str | None
    date: str | None
    author: str | None


def decode_html(payload: bytes, content_type: str = "") -> str:
    """A page's characters. Bytes that do not decode become U+FFFD.

    In this order: byte-order mark; UTF-8 where the bytes are UTF-8 beyond ASCII, which other encodings never are by chance; the charset of
    the Content-Type header; that of a <meta> element or XML declaration; detection.

    Args:
        payload: the page.
        content_type: of the HTTP header, '' where there is none.
    """
    for mark, encoding in MARKS:
        if payload.startswith(mark):
            return payload[len(mark) :].decode(encoding, "replace")
    stated = _HEADER_CHARSET.search(content_type)
    header = _codec(stated[1]) if stated else None
    meta = _META_CHARSET.search(payload[:META_BYTES])
    declared = header or (_codec(meta[1].decode("ascii", "replace")) if meta else None)
    # ISO-2022 is ASCII to the eye of UTF-8; UTF-16 shows in its zero bytes and nowhere else.
    if declared and declared.startswith("iso2022") and b"\x1b" in payload:
        return payload.decode(declared, "replace")
    if b"\0" in payload[:META_BYTES]:
        for beginning, encoding in UTF_16_BEGINNINGS:
            if beginning.match(payload):
                return payload.decode(encoding, "replace")
        detected = _codec(detect_encoding(payload[:DETECTED_BYTES]) or "")
        if header and header.startswith("utf-16"):
            return payload.decode(header, "replace")
        if detected and detected.startswith("utf-16"):
            return payload.decode(detected, "replace")
    with contextlib.suppress(UnicodeDecodeError):
        return payload.decode("utf-8")
    if declared is None or declared.startswith("utf-16"):
        declared = _codec(detect_encoding(payload[:DETECTED_BYTES]) or "") or "utf-8"
    return payload.decode(declared, "replace")


def _codec(label: str) -> str | None:
    """Python's name of an encoding that a page may have; None for an unknown label."""
    name = map_encoding_to_html5(label.strip().lower(), fallback_utf8=False)
    if name is None:
        return None
    with contextlib.suppress(LookupError):
        return codecs.lookup(SUPERSETS.get(name.lower(), name)).name
    return None


def too_complex(html: str) -> str:
    """Why a page would cost a parser more than its size says; '' where nothing speaks against it."""
    for tag in _LONG_TAG.finditer(html):
        attributes = max(tag[0].count("="), len(tag[0].split()) if '"' not in tag[0] and "'" not in tag[0] else 0)
        if attributes > TAG_ATTRIBUTES:
            return f"{attributes} attributes in one tag"
    return ""


def plain_text(html: str) -> str:
    """All visible text of a page, menus and footers included, by resiliparse: about 0.4 ms for 20 kB of HTML."""
    return extract_plain_text(html, preserve_formatting=True, list_bullets=False, alt_texts=False)


def main_text(html: str, favour: Favour = "precision", *, fast: bool = True) -> MainText:
    """A page's main text, without comments, by trafilatura; about 9 ms for 20 kB of HTML.

    Args:
        html: the page; `too_complex` is the caller's to ask before.
        favour: precision, balance or recall.
        fast: without the fall-back extractors.

    Raises:
        Exception: whatever lxml and trafilatura raise on a page that they cannot bear.
    """
    from trafilatura import bare_extraction
    from trafilatura.settings import Document
    from trafilatura.utils import load_html

    # Parsed once for both: title and date are read from the tree here, because trafilatura's metadata costs five times its extraction.
    tree = load_html(html, len(html) + 1)
    if tree is None:
        return MainText("", None, None, None)
    title, date, author = _stated(tree)
    document = bare_extraction(tree, options=_options(favour, fast))
    text = normalise_text(document.text or "") if isinstance(document, Document) else ""
    return MainText(text.strip("\n"), title, date, author)


@functools.cache
def _options(favour: Favour, fast: bool) -> Extractor:
    from trafilatura.settings import Extractor

    # It logs a warning for every page without text; the caller says so with the page's name.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    # Deduplication looks into a cache of pages seen before, and would make a text depend on its neighbours.
    return Extractor(
        output_format="python",
        fast=fast,
        precision=favour == "precision",
        recall=favour == "recall",
        comments=False,
        tables=True,
        dedup=False,
    )


def _stated(tree: HtmlElement) -> tuple[str | None, str | None, str | None]:
    """Title, date and author as the head of a page states them."""
    metas: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
        content = meta.get("content")
        if name and content:
            metas.setdefault(name, content)
    title = metas.get("og:title") or next((element.text for element in tree.iter("title") if element.text), None)
    dates = [
        metas.get(name)
        for name in ("article:published_time", "datepublished", "dc.date", "dcterms.created", "dcterms.date", "date", "pubdate")
    ]
    if not any(dates):
        scripts = (element.text or "" for element in tree.iter("script") if element.get("type") == "application/ld+json")
        dates = [found[1] for script in scripts if (found := _JSON_DATE.search(script))]
    days = [day[0] for date in dates if date and (day := _ISO_DATE.match(date.strip()))]
    author = metas.get("author") or metas.get("dc.creator")
    return _line(title), days[0] if days else None, _line(author)


def _line(text: str | None) -> str | None:
    words = " ".join(normalise_text(text[: 4 * TITLE_CHARACTERS]).split()) if text else ""
    return words[:TITLE_CHARACTERS] or None
