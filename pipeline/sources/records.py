"""What a reader gives for each input record: a document, or a reject with a reason; never nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from filters.privacy.personal_data import Span


@dataclass(frozen=True, slots=True)
class Document:
    """One text and where it came from.

    `locator` names it for a person and is unique within its source: a URL, `archive!member`, or `repository@commit:path`.
    `offset` and `length` are the byte range of the record in its input file (0 and the file's size where the file is the record).
    """

    locator: str
    text: str
    title: str | None = None
    licence: str = "unknown"
    """SPDX expression, or 'unknown'."""
    date: str | None = None
    """ISO 8601 date as the record states it; None where it states none."""
    offset: int = 0
    length: int = 0
    author: str | None = None
    """As the record states it, several joined by '; '."""
    stated_language: str | None = None
    """As the record states it, not as it was identified: 'de', 'deu' or 'German'; of code, the programming language."""
    provider: str | None = None
    """Who delivered the record under a contract; None: what the source's contract says."""
    expires: str | None = None
    """ISO 8601 day after which the record may not be used any more; None: what the source's contract says."""
    confidence: float | None = None
    """Of the extractor that its text is the main text, 0 to 1; None where nothing had to be chosen."""
    payload_digest: bytes | None = None
    """Of a web page: xxh3-128 of its decoded payload."""
    replaced: tuple[Span, ...] = ()
    """Placeholders in the text, as ranges of its UTF-8; kinds are `personal:KIND` and `secret:KIND`."""
    opt_outs: frozenset[str] | None = None
    """Of a web page: which of `opt_out.OPT_OUTS` it says; None for other kinds."""
    licence_evidence: str | None = None
    """Of a web page: one of `filters.licences.page.EVIDENCE`."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that is not a document. `reason` is one of few short phrases to count by; `error` is the exception's own words."""

    locator: str
    reason: str
    error: str = ""
    offset: int = 0
    length: int = 0


Outcome = Document | Reject


@dataclass(slots=True)
class Tally:
    """Raw records and input bytes as a reader meets them, counted before any is judged, so that conservation can be checked."""

    records: int = 0
    bytes: int = field(default=0)
    secrets: Counter[str] = field(default_factory=Counter)
    """Secrets replaced in documents, by kind."""
    personal_data: Counter[str] = field(default_factory=Counter)
    """The same of personal data."""
