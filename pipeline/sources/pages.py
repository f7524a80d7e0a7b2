"""One web record to one document or reject: cheap tests first, the extractor last.

In:  `warc.WebRecord`.
Out: a Document with main text, and what the page states of itself, or a Reject that says which test it failed.
Lost: nothing; what the extractor cannot bear is a reject with its words. Whether a page is tried is decided by size and not by the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filters.charset import utf8_html
from filters.extractor.head import Head, read_head
from filters.extractor.model import SHIPPED
from filters.extractor.nesting import DEPTH_LIMIT
from filters.extractor.page import main_text
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from filters.html import TooComplex, resiliparse_text, too_complex, trafilatura_text
from filters.language.identify import LanguageModel
from filters.licences.licence import UNKNOWN
from filters.licences.page import PageLicence, page_licence
from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import sandbox
from pipeline.sources.http_message import PayloadError
from pipeline.sources.opt_out import opt_outs, page_refusal
from pipeline.sources.records import Document, Reject
from pipeline.sources.screen import payload_digest, screen_payload, screen_text, screen_url
from pipeline.sources.warc import WebRecord

HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = frozenset({"text/plain"})
# As in the default of `crawl.user_agent`: the name by which a page may address this reader.
AGENT = "curate"
INQUIRIES = frozenset({"/robots.txt", "/.well-known/tdmrep.json"})
SNIFFED_BYTES = 1024
# More means that the charset is wrong: a page with a few bytes cut or pasted in has far fewer.
REPLACED_SHARE = 0.05
REPLACEMENT = b"\xef\xbf\xbd"
# 8 MiB of "<p>a" would be two million blocks, and 1.6 GB of features; the largest real page seen has 21,098 blocks and 130,000 tags.
MOST_TAGS = 400_000
MOST_BLOCKS = 100_000

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
        if (path := urlsplit(record.url).path) in INQUIRIES:
            return reject(path.rpartition("/")[2])
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
    html = utf8_html(payload, record.content_type)
    replaced = html.count(REPLACEMENT)
    if replaced > REPLACED_SHARE * (len(html) - 2 * replaced):
        return reject("charset", f"{replaced} characters do not decode")
    try:
        found = (_from_text if kind in TEXT else _from_html)(html, record.headers, extract, language_model)
    except sandbox.Stopped:
        raise
    except sandbox.Died as error:
        return reject("extractor died", str(error))
    except sandbox.Raised as error:
        return reject(*(("page too complex", error.words) if error.kind == TooComplex.__name__ else ("extractor failed", str(error)[:300])))
    except TooComplex as error:
        return reject("page too complex", str(error))
    except Exception as error:  # noqa: BLE001 -- whatever a parser raises on one page is that page's reject and no other's
        return reject("extractor failed", f"{type(error).__name__}: {error}"[:300])
    if isinstance(found, tuple):
        return reject(*found)
    if not found.text:
        return reject("no main text")
    stated = page_licence(html.decode()) if kind in HTML else PageLicence(UNKNOWN, "none")
    return Document(
        locator=record.url,
        text=found.text,
        title=found.head.title,
        licence=stated.licence if stated.licence != UNKNOWN else source.licence,
        date=found.head.date or (record.date if record.date and _DATE.match(record.date) else None),
        offset=record.offset,
        length=record.length,
        author=found.head.author,
        stated_language=found.head.language,
        confidence=found.confidence,
        payload_digest=digest,
        opt_outs=opt_outs(record.headers, found.head.opt_outs, AGENT),
        licence_evidence=stated.evidence,
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


@dataclass(frozen=True, slots=True)
class _Found:
    text: str
    head: Head
    confidence: float | None = None


def _from_text(text: bytes, headers: Mapping[str, str], extract: Extract, language_model: LanguageModel | None) -> _Found | tuple[str, str]:
    """A page of plain text, or the reason and words of a reject."""
    if extract.respect_opt_outs and (refused := page_refusal(headers, (), AGENT)):
        return refused
    page = normalise_text(text.decode()).strip("\n")
    return screen_text(page, extract.screen, language_model) or _Found(page, Head())


def _from_html(html: bytes, headers: Mapping[str, str], extract: Extract, language_model: LanguageModel | None) -> _Found | tuple[str, str]:
    """Main text of an HTML page, or the reason and words of a reject."""
    if (count := html.count(b"<")) > MOST_TAGS:
        return "page too complex", f"{count} tags, more than {MOST_TAGS}"
    scanned = scan(html)
    if (count := len(scanned.blocks)) > MOST_BLOCKS:
        return "page too complex", f"{count} blocks of text, more than {MOST_BLOCKS}"
    head = read_head(scanned)
    if extract.respect_opt_outs and (refused := page_refusal(headers, head.opt_outs, AGENT)):
        return refused
    screen = extract.screen
    if (screen.languages or screen.minimum_words) and (refused := screen_text(plain_bytes(scanned), screen, language_model)):
        return refused
    if extract.extractor == "fast":
        model = Path(extract.model) if extract.model else SHIPPED
        text, confidence = main_text(scanned, extract.favour, markdown=extract.markdown, model=model)
        if confidence >= extract.net_below or too_complex(html.decode()):
            return _Found(text, head, confidence)
        return _Found(_by_library(trafilatura_text, html.decode(), extract, favour=extract.favour, fallbacks=True), head, confidence)
    text = html.decode()
    if words := too_complex(text):
        return "page too complex", words
    if extract.extractor == "resiliparse":
        # It walks up from every node: 50,000 nested elements took 55 s.
        if scanned.deepest > DEPTH_LIMIT:
            return "page too complex", f"{scanned.deepest} elements inside each other, more than {DEPTH_LIMIT}"
        return _Found(_by_library(resiliparse_text, text, extract), head)
    found = _by_library(trafilatura_text, text, extract, favour=extract.favour, fallbacks=extract.fallbacks)
    return _Found(found, head)


def _by_library(function: Callable[..., str], page: str, extract: Extract, **settings: str | bool) -> str:
    """What a library in C makes of a page; in a process of its own, because it may take that along."""
    if not extract.isolate:
        return function(page, **settings)
    found: str = sandbox.call(f"{function.__module__}:{function.__name__}", page, **settings)
    return found
