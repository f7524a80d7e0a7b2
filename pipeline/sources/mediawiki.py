"""MediaWiki's XML dumps (export schema 0.10 and 0.11, www.mediawiki.org/xml/export-0.11.xsd) to one document per article.

In:  the bytes of a dump, decompressed (also of a multistream dump, whose bzip2 members follow one another).
Out: per page of namespace 0 a document, named by its URL where the dump says where the wiki lies; of a page's history the last revision.
Lost: nothing; redirects, pages of other namespaces, pages without text and pages beyond the limits are rejects. What lies behind damage is
     one reject more, with the byte at which reading ended.

A dump is of kind `book`: it is one edited work out of one file, recognised by its bytes as the other books are. Nothing of the kind `web`
(HTTP answers, URL rules, main text out of a page's furniture) applies to it. Its articles are shorter than books are; a source may be given
other rules by `filter.source_presets`.

Memory: one page. The parser is expat, fed by pieces: text beyond the limit is counted and not kept, a tag that does not end within 1 MB, or
an entity of the dump's own, ends the reading.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.compression import Chunk, DamagedInput
from pipeline.sources.dates import iso_date
from pipeline.sources.distinct import Distinct
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.wikitext import MOST_CHARACTERS, TooComplex, Wiki, plain_text

HEAD_BYTES = 2048
PENDING_BYTES = 1 << 20
FIELD_CHARACTERS = 4096  # of a title or a name
ARTICLES = "0"

_FIELDS = frozenset({"title", "ns", "id", "timestamp", "text", "format", "model", "sitename", "dbname", "base", "namespace"})


def is_dump(data: bytes | bytearray) -> bool:
    """Whether the first 2 kB open a dump."""
    return b"<mediawiki" in data[:HEAD_BYTES] and data[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<mediawiki", b"<?xml"))


@dataclass(slots=True)
class _Page:
    """A page as the dump has it; the fields of a revision are those of the last one."""

    offset: int
    length: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    redirect: str | None = None
    characters: int = 0
    """Of the text, also of what was not kept."""


class _Broken(Exception):  # noqa: N818  a finding about the input
    pass


class _Parser:
    """The pages of a dump as they end."""

    def __init__(self, most: int):
        self.most = most
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._start
        self.expat.EndElementHandler = self._end
        self.expat.CharacterDataHandler = self._data
        self.expat.EntityDeclHandler = self._entity
        self.path: list[str] = []
        self.pages: list[_Page] = []
        self.page: _Page | None = None
        self.words: list[str] = []
        self.kept = 0
        self.key = ""
        self.base: str | None = None
        self.language: str | None = None
        self.namespaces: dict[str, str] = {}

    def feed(self, data: bytes, fed: int) -> None:
        """Parse the next bytes; `fed` is how many there were with these. Raises expat.ExpatError and _Broken."""
        self.expat.Parse(data)
        if fed - self.expat.CurrentByteIndex > PENDING_BYTES:
            raise _Broken(f"a tag of more than {PENDING_BYTES} bytes")

    def _entity(self, name: str, *_: object) -> None:
        raise _Broken(f"the dump defines an entity, {name[:80]!r}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        if len(self.path) > 16:
            raise _Broken("elements are nested deeper than 16")
        if name == "mediawiki":
            self.language = attributes.get("xml:lang")
        elif name == "page":
            self.page = _Page(self.expat.CurrentByteIndex)
        elif self.page and name == "redirect":
            self.page.redirect = attributes.get("title", "")
        if name in _FIELDS:
            self.words, self.kept, self.key = [], 0, attributes.get("key", "")
            if self.page and name == "text":
                self.page.characters = 0

    def _data(self, words: str) -> None:
        name = self.path[-1] if self.path else ""
        if name not in _FIELDS:
            return
        most = self.most if name == "text" else FIELD_CHARACTERS
        if self.kept <= most:
            self.words.append(words)
            self.kept += len(words)
        if self.page and name == "text":
            self.page.characters += len(words)

    def _end(self, name: str) -> None:
        # A contributor has an id too.
        inside = self.path[-2] if len(self.path) > 1 else ""
        self.path.pop()
        if name == "namespace":
            self.namespaces[self.key] = "".join(self.words)[:FIELD_CHARACTERS]
        elif name == "base" and inside == "siteinfo":
            self.base = "".join(self.words)
        elif name in _FIELDS and self.page and (inside == "page" or (inside == "revision" and name != "id")):
            self.page.fields[name] = "".join(self.words)
        elif name == "page" and self.page:
            self.page.length = self.expat.CurrentByteIndex + len("</page>") - self.page.offset
            self.pages.append(self.page)
            self.page = None


def dump_outcomes(pieces: Iterator[Chunk], name: str, size: int, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    """One document or reject per page, in the dump's order.

    Args:
        pieces: the dump.
        name: of its file, for what has no URL.
        size: of its file, in bytes.
        source: its licence holds for every page; a dump states none.
        extract: `max_record_bytes` bounds the characters of a page, see also `wikitext.plain_text`.
        tally: counts the pages.
    """
    parser = _Parser(min(extract.max_record_bytes, MOST_CHARACTERS))
    names, fed, damage = Distinct(), 0, None
    try:
        for piece in pieces:
            fed += len(piece.data)
            parser.feed(piece.data, fed)
            wiki = Wiki.of(parser.namespaces)
            for page in parser.pages:
                tally.records += 1
                yield _outcome(page, parser, wiki, name, names, source)
            parser.pages.clear()
        parser.expat.Parse(b"", True)
    except (expat.ExpatError, _Broken) as error:
        damage = Reject(f"{name}@{parser.expat.CurrentByteIndex}", "broken XML", str(error), parser.expat.CurrentByteIndex, 0)
    except DamagedInput as error:
        damage = Reject(f"{name}@{error.offset}", error.reason, error.words, error.offset, max(0, size - error.offset))
    for page in parser.pages:
        tally.records += 1
        yield _outcome(page, parser, Wiki.of(parser.namespaces), name, names, source)
    if damage:
        tally.records += 1
        yield damage


def _outcome(page: _Page, parser: _Parser, wiki: Wiki, name: str, names: Distinct, source: Source) -> Outcome:
    title = " ".join(normalise_text(page.fields.get("title", "")).split())
    locator = _locator(title, parser.base, name)
    if not names.add(locator):
        locator = f"{locator}#{page.fields.get('id', '')}@{page.offset}"

    def reject(reason: str, words: str = "") -> Reject:
        return Reject(locator, reason, words, page.offset, page.length)

    space = page.fields.get("ns", ARTICLES)
    if space != ARTICLES:
        return reject("not an article", f"namespace {space} {parser.namespaces.get(space, '')}".strip()[:200])
    if page.redirect is not None:
        return reject("redirect", f"to {page.redirect!r}"[:200])
    if page.fields.get("model", "wikitext") != "wikitext":
        return reject("not wikitext", page.fields["model"][:80])
    if page.characters > parser.most:
        return reject("too long", f"{page.characters} characters, more than {parser.most}")
    try:
        text = normalise_text(plain_text(page.fields.get("text", ""), wiki)).strip("\n")
    except TooComplex as error:
        return reject("too complex", str(error))
    if not text.strip():
        return reject("empty", "no text is left without mark-up")
    return Document(
        locator,
        text,
        title or None,
        source.licence,
        iso_date(page.fields.get("timestamp")),
        page.offset,
        page.length,
        stated_language=parser.language,
    )


def _locator(title: str, base: str | None, name: str) -> str:
    """The page's URL: `base` is that of the wiki's main page, and every page lies beside that one."""
    if not base or not base.startswith(("http://", "https://")):
        return f"{name}#{title}"
    return base.rpartition("/")[0] + "/" + urllib.parse.quote(title.replace(" ", "_"), safe="/:@!$&'()*,;~")
