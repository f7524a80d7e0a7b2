"""Settings of extraction: which records become documents, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field, field_validator

from filters import url_rules
from filters.privacy.personal_data import KINDS, PersonalKind
from pipeline.settings.section import MEBIBYTE, Kind, Section, Share

# Prose of any age: 0 false hits in 63 MB of novels, so old books lose nothing. In code a number is a constant and an IP address mostly a
# configuration's, but the e-mail address in a file's head is a person's as anywhere.
DEFAULT_PERSONAL: Mapping[Kind, tuple[PersonalKind, ...]] = {"web": KINDS, "book": KINDS, "table": KINDS, "code": ("email",)}


class UrlScreen(Section):
    """Rules over a page's address, asked before its payload is decoded; entries are as `filters.url_rules` says. None: no rule."""

    block_lists: tuple[str, ...] = ()
    """Local files, one domain or address a line, plain or compressed; or folders, of which all files named `domains` and `urls` are read,
    as the UT1 blacklists lie."""
    block: tuple[str, ...] = ()
    """Further entries: `example.com` with its subdomains, `example.com/path`, `.github.io` for all that lies beneath a public suffix."""
    allow_lists: tuple[str, ...] = ()
    """The same of what alone is kept."""
    allow: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """A page with one of these whole words in its path is refused; `/part/` is a whole part of the path."""
    soft_words: tuple[str, ...] = ()
    soft_words_least: int = Field(default=2, ge=1)
    """A page with this many different soft words in its path is refused."""

    @field_validator("block", "allow")
    @classmethod
    def _entries(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            url_rules.entry_key(entry)
        return entries

    @field_validator("words", "soft_words")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if wrong := url_rules.word_error(word):
                raise ValueError(wrong)
        return words


class Screen(Section):
    """Cheap tests of a page before the costly extraction; a page that fails is a reject."""

    urls: UrlScreen = UrlScreen()
    seen: tuple[str, ...] = ()
    """Earlier runs (their directories), whose documents' payloads are not read again; or files with payload digests: Parquet with a column
    `payload_digest`, or text with 32 hexadecimal digits a line."""
    languages: tuple[str, ...] = ()
    """Keep pages in these (fastText codes); none: all."""
    language_score: Share = 0.1
    """A page is refused when its languages together score less than this in every sample of its plain text."""
    minimum_words: int = Field(default=0, ge=0)
    """Words of the plain text, each character of a script without spaces counting as one."""


class PersonalData(Section):
    """What becomes of personal data, before text is first written."""

    action: Literal["replace", "reject", "keep"] = "replace"
    """It is replaced by `<personal:KIND>`, or its record is a reject, or it stays."""
    kinds: Mapping[Kind, tuple[PersonalKind, ...]] = DEFAULT_PERSONAL
    """What is looked for, by kind of source. A kind that is not named keeps its default; an empty list is nothing."""

    @field_validator("kinds")
    @classmethod
    def _others_as_by_default(cls, kinds: Mapping[Kind, tuple[PersonalKind, ...]]) -> Mapping[Kind, tuple[PersonalKind, ...]]:
        return {**DEFAULT_PERSONAL, **kinds}


class Extract(Section):
    """From records to documents and signals."""

    extractor: Literal["fast", "trafilatura", "resiliparse"] = "fast"
    """What finds the main text of a web page."""
    favour: Literal["precision", "balance", "recall"] = "balance"
    """What weighs more where it is not certain what is main text; of fast and trafilatura."""
    net_below: Share = 0.5
    """Of fast: a page whose confidence is lower is given to trafilatura with its fall-back extractors; 0: none is."""
    model: str | None = None
    """Of fast: a model of your own (`curate train-extractor`)."""
    markdown: bool = False
    """Of fast: headings, lists, tables and code as Markdown."""
    fallbacks: bool = False
    """Of trafilatura: whether its own fall-back extractors are asked too."""
    isolate: bool = True
    """Whether libraries parse pages in a process of their own, where a page that crashes one or spins is that page's reject."""
    secrets: Literal["redact", "reject", "keep"] = "redact"
    """A token, private key or password is replaced by `<secret:KIND>`, or its record is a reject, or it stays."""
    personal_data: PersonalData = PersonalData()
    max_record_bytes: int = Field(default=64 * MEBIBYTE, ge=1)
    """A longer record, after decompression, is a reject."""
    max_html_bytes: int = Field(default=8 * MEBIBYTE, ge=1)
    """A longer page is a reject: a parse tree takes about 20 times as much memory."""
    split_bytes: int = Field(default=64 * MEBIBYTE, ge=MEBIBYTE)
    """A larger web file is shared out in ranges of so many bytes, as it lies; the documents do not depend on it."""
    as_of: date | None = None
    """The day for which the corpus is made: records of a contract that expired before it are rejects. None: contracts are not checked."""
    respect_opt_outs: bool = True
    """Whether a page is a reject whose header or meta element says noindex, none, noarchive or noai, or reserves text and data mining."""
    screen: Screen = Screen()
