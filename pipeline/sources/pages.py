"""One web record to one document or reject: cheap tests first, the extractor last.

In:  `warc.WebRecord`.
Out: a Document with main text, title, licence and date, or a Reject that says which test it failed.
Lost: nothing; what the extractor cannot bear is a reject with its words. Whether a page is tried is decided by size and not by the clock.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from filters.html import MainText, decode_html, main_text, plain_text, too_complex
from filters.language import LanguageModel
from filters.licence import UNKNOWN, page_licence
from filters.text import normalise_text
from pipeline.config import Extract, Source
from pipeline.sources.http_message import PayloadError
from pipeline.sources.records import Document, Reject
from pipeline.sources.screen import payload_digest, screen_payload, screen_text, screen_url
from pipeline.sources.warc import WebRecord

HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = frozenset({"text/plain"})
SNIFFED_BYTES = 1024
# More means that the charset is wrong: a page with a few bytes cut or pasted in has far fewer.
REPLACED_SHARE = 0.05
REPLACEMENT = "\ufffd"

_DATE = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:T[\d:.]{5,20}Z?)?)?)?$")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")


def page_document(record: WebRecord, extract: Extract, source: Source, language_model: LanguageModel | None = None) -> Document | Reject:
    """The document that a record holds.

    Args:
        record: a response, resource or conversion.
        extract: size caps, screen, and trafilatura's settings.
        source: its licence holds for pages that state none.
        language_model: needed when `extract.screen.languages` is set.
    """

    def reject(reason: str, words: str = "") -> Reject:
        return Reject(record.url, reason, words, record.offset, record.length)

    if record.type != "file" and not record.url.startswith(("http://", "https://")):
        return reject("no web address")
    if record.status != 200:
        return reject(f"http status {record.status}")
    try:
        if record.type != "file" and (refused := screen_url(record.url, extract.screen)):
            return reject(*refused)
        kind = media_type(record)
        if urlsplit(record.url).path == "/robots.txt":
            return reject("robots.txt")
        if kind not in HTML | TEXT:
            return reject(f"content type {kind}", record.content_type[:80] if kind == "other" else "")
        payload = record.payload(extract.max_record_bytes)
    except PayloadError as error:
        return reject(error.reason, error.words)
    except ValueError as error:
        return reject("no web address", str(error))
    if len(payload) > extract.max_html_bytes:
        return reject("page too long", f"{len(payload)} bytes, more than {extract.max_html_bytes}")
    digest = payload_digest(payload)
    if refused := screen_payload(digest, extract.screen):
        return reject(*refused)
    page = decode_html(payload, record.content_type)
    replaced = page.count(REPLACEMENT)
    if replaced > REPLACED_SHARE * len(page):
        return reject("charset", f"{replaced} of {len(page)} characters do not decode")
    if kind in HTML and (words := too_complex(page)):
        return reject("page too complex", words)
    found = _extracted(page, kind, extract, language_model)
    if isinstance(found, tuple):
        return reject(*found)
    if not found.text:
        return reject("no main text")
    licence = page_licence(page) if kind in HTML else UNKNOWN
    return Document(
        locator=record.url,
        text=found.text,
        title=found.title,
        licence=licence if licence != UNKNOWN else source.licence,
        date=found.date or (record.date if record.date and _DATE.match(record.date) else None),
        offset=record.offset,
        length=record.length,
        payload_digest=digest,
    )


def media_type(record: WebRecord) -> str:
    """Type and subtype that a record states, in lower case; where it states none, text/html if its body looks so, else 'none'.

    Raises:
        PayloadError: the body had to be looked at and cannot be decoded.
    """
    stated = record.content_type.partition(";")[0].strip().lower()
    if not stated:
        beginning = record.payload(len(record.body) + (1 << 24))[:SNIFFED_BYTES].lstrip().lower()
        return "text/html" if beginning.startswith(b"<") and (b"<html" in beginning or b"<!doctype html" in beginning) else "none"
    return stated if _MEDIA_TYPE.fullmatch(stated) else "other"


def _extracted(page: str, kind: str, extract: Extract, language_model: LanguageModel | None) -> MainText | tuple[str, str]:
    """Main text, or the reason and words of a reject."""
    try:
        if (extract.screen.languages or extract.screen.minimum_words) and (
            refused := screen_text(plain_text(page) if kind in HTML else page, extract.screen, language_model)
        ):
            return refused
        if kind in TEXT:
            return MainText(normalise_text(page).strip("\n"), None, None, None)
        return main_text(page, extract.favour, fast=extract.fast)
    except Exception as error:  # noqa: BLE001 -- whatever a parser raises on one page is that page's reject and no other's
        return "extractor failed", f"{type(error).__name__}: {error}"[:300]
