"""Books: files and archives of them to documents.

In:  files, or folders of them, compressed or not: EPUB, HTML, TEI XML, plain text of Project Gutenberg, of Aozora Bunko, or of nobody in
     particular; ZIP and tar archives of these. What a file is, its bytes say; its name only tells a LICENSE from a book.
Out: one outcome per book. An archive that opens is no record itself, each file in it is one, named `archive!member`.
Lost: nothing in silence; what is no book is a reject that says what it is.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from filters.text import normalise_text
from pipeline.config import Extract, Source
from pipeline.sources import aozora, gutenberg
from pipeline.sources.archives import TAR_MAGIC, TAR_MAGIC_OFFSET, ChunkStream, tar_members, zip_members
from pipeline.sources.book import Book, NotABook
from pipeline.sources.charset import MARKS, SNIFFED_BYTES, decode_text, looks_binary
from pipeline.sources.compression import DamagedInput, chunks
from pipeline.sources.epub import Budget, is_epub, open_zip, read_epub
from pipeline.sources.files import open_input
from pipeline.sources.markup import XHTML, MarkupError, elements, parse_html, plain, text_of
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.remote import is_remote
from pipeline.sources.tei import read_tei

ZIP = b"PK\x03\x04"
ARCHIVE_RECORDS = 16  # an archive may inflate to this many times the longest record

MAGIC = (
    (b"%PDF-", "unsupported: PDF"),
    (b"{\\rtf", "unsupported: RTF"),
    (b"\xd0\xcf\x11\xe0", "unsupported: Microsoft Office"),
    (b"7z\xbc\xaf\x27\x1c", "unsupported: 7z archive"),
    (b"Rar!", "unsupported: RAR archive"),
    (b"AT&TFORM", "unsupported: DjVu"),
    (b"\x89PNG", "not a book: image"),
    (b"\xff\xd8\xff", "not a book: image"),
    (b"GIF8", "not a book: image"),
    (b"ID3", "not a book: audio"),
    (b"OggS", "not a book: audio"),
)
HTML_ROOTS = frozenset(
    {"html", "head", "body", "title", "meta", "div", "p", "h1", "h2", "h3", "center", "table", "pre", "article", "section"}
)
LICENCE_STEMS = frozenset({"license", "licence", "copying", "unlicense"})

_ROOT = re.compile(r"<(?:!DOCTYPE\s{1,8})?([A-Za-z_][\w:.-]{0,60})", re.IGNORECASE)
_JSON = re.compile(r'\{\s{0,200}["}]|\[\s{0,200}(?:\{|\[|"|\])')
_YAML_KEY = re.compile(r"\s{0,40}(?:-\s)?[\w.-]{1,60}:(?:\s|$)")
_YAML_LINE = re.compile(r"\s{0,40}-\s|\s{0,40}[\w.-]{1,60}:(?:\s|$)|#|---|\s{2}|['\"]")


@dataclass(frozen=True, slots=True)
class _Place:
    """A record's name and its range in the input file."""

    locator: str
    length: int


def outcomes(
    paths: Path | str | Sequence[Path | str],
    source: Source,
    extract: Extract,
    tally: Tally,
    root: Path | str | None = None,
) -> Iterator[Outcome]:
    """One document or reject per book, in the order of `paths`, files of a folder by name.

    Args:
        paths: a file, a folder (read with all below it, symbolic links to folders not followed), or several of them.
        source: its licence stands where a book states none.
        extract: `max_record_bytes` bounds a book after decompression, `max_html_bytes` one HTML page or EPUB member.
        tally: counts each record, and the bytes of each file as it lies there.
        root: folder that locators are relative to. None: the folder given, or the one that a single file lies in; the files of a
            sequence keep the names under which they were given.
    """
    if isinstance(paths, (str, Path)):
        only = Path(paths)
        root = root or (only if only.is_dir() else only.parent)
        paths = [paths]
    for path in paths:
        if is_remote(str(path)):
            with open_input(str(path)) as file:
                yield from _opened_outcomes(file, _Place(str(path), file.seek(0, io.SEEK_END)), source, extract, tally)
            continue
        for local in _files(Path(path)):
            locator = _printable(str(local.relative_to(root)) if root and local.is_relative_to(root) else str(local))
            yield from _local_outcomes(local, locator, source, extract, tally)


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or what a folder holds, sorted; a folder that cannot be listed stands for its content."""
    if not path.is_dir():
        yield path
        return
    unlisted: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=lambda error: unlisted.append(Path(str(error.filename)))):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            yield Path(folder, name)
    yield from unlisted


def _local_outcomes(path: Path, locator: str, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    try:
        status = path.stat()
        # A pipe would be waited for without end.
        regular = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        file = path.open("rb") if regular else None
    except OSError as error:
        tally.records += 1
        yield Reject(locator, "unreadable", f"{type(error).__name__}: {error}")
        return
    if file is None:
        tally.records += 1
        yield Reject(locator, "unreadable", "not a regular file")
        return
    with file:
        yield from _opened_outcomes(file, _Place(locator, status.st_size), source, extract, tally)


def _opened_outcomes(file: BinaryIO, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    tally.bytes += place.length
    file.seek(0)
    zipped = file.read(4) == ZIP
    file.seek(0)
    yield from (_zip_outcomes if zipped else _stream_outcomes)(file, place, source, extract, tally)


def _stream_outcomes(file: BinaryIO, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    """A file that is no ZIP: one book, or a tar archive, perhaps compressed."""
    most = extract.max_record_bytes
    held, damage = bytearray(), None
    pieces = chunks(file, limit=ARCHIVE_RECORDS * most)
    try:
        for chunk in pieces:
            held += chunk.data
            if held[TAR_MAGIC_OFFSET : TAR_MAGIC_OFFSET + len(TAR_MAGIC)] == TAR_MAGIC:
                file.seek(0)
                stream = ChunkStream(chunks(file, limit=ARCHIVE_RECORDS * most))
                yield from _tar_outcomes(stream, place, source, extract, tally)
                return
            if len(held) > most:
                break
    except DamagedInput as error:
        damage = error
    tally.records += 1
    if damage:
        yield Reject(place.locator, damage.reason, damage.words, damage.offset, max(0, place.length - damage.offset))
    elif len(held) > most:
        yield Reject(place.locator, "too long", f"more than {most} bytes", 0, place.length)
    elif held[:4] == ZIP:
        tally.records -= 1
        yield from _zip_outcomes(io.BytesIO(held), place, source, extract, tally)
    else:
        yield _outcome(place, source, lambda: read_book(bytes(held), place.locator, extract))


def _zip_outcomes(file: BinaryIO, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    budget = Budget(extract.max_html_bytes, extract.max_record_bytes)
    try:
        archive = open_zip(file)
        if is_epub(archive):
            tally.records += 1
            yield _outcome(place, source, lambda: _without_boilerplate(read_epub(archive, budget)))
            return
        members = Budget(extract.max_record_bytes, ARCHIVE_RECORDS * extract.max_record_bytes)
        for member in zip_members(file, members):
            tally.records += 1
            named = _Place(f"{place.locator}!{_printable(member.name)}", place.length)
            yield _outcome(named, source, lambda member=member: _read_member(member.read(), member.name, extract))  # type: ignore[misc]
    except NotABook as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, str(error), 0, place.length)


def _tar_outcomes(stream: ChunkStream, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    try:
        for member in tar_members(stream, extract.max_record_bytes):
            tally.records += 1
            named = _Place(f"{place.locator}!{_printable(member.name)}", place.length)
            yield _outcome(named, source, lambda member=member: _read_member(member.read(), member.name, extract))  # type: ignore[misc]
    except NotABook as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, str(error), 0, place.length)
    except DamagedInput as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, error.words, error.offset, max(0, place.length - error.offset))


def _outcome(place: _Place, source: Source, read: Callable[[], Book]) -> Outcome:
    try:
        book = read()
    except NotABook as error:
        return Reject(place.locator, error.reason, str(error), 0, place.length)
    except DamagedInput as error:
        return Reject(place.locator, error.reason, error.words, error.offset, max(0, place.length - error.offset))
    text = normalise_text(book.text).strip("\n")
    if not text.strip():
        return Reject(place.locator, "empty", "no text is left without mark-up and boilerplate", 0, place.length)
    title = " ".join(normalise_text(book.title).split()) if book.title else None
    return Document(place.locator, text, title or None, book.licence or source.licence, book.date, 0, place.length)


def _read_member(data: bytes, name: str, extract: Extract) -> Book:
    """A file of an archive, which may be compressed or an EPUB, but no archive again."""
    data = b"".join(_bounded(data, extract.max_record_bytes))
    if not data.startswith(ZIP):
        return read_book(data, name, extract)
    archive = open_zip(io.BytesIO(data))
    if not is_epub(archive):
        raise NotABook("not a book: archive inside an archive")
    return _without_boilerplate(read_epub(archive, Budget(extract.max_html_bytes, extract.max_record_bytes)))


def _bounded(data: bytes, most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks(io.BytesIO(data)):
        size += len(chunk.data)
        if size > most:
            raise NotABook("too long", f"more than {most} bytes")
        yield chunk.data


def read_book(data: bytes, name: str, extract: Extract) -> Book:
    """The book in the bytes of one file that is neither compressed nor an archive.

    Args:
        data: the whole file.
        name: its path; only LICENSE and COPYING mean something.
        extract: `max_html_bytes` bounds HTML.

    Raises:
        NotABook: it is something else, cannot be decoded or parsed, or is empty.
    """
    if not data.strip(b" \t\r\n\f\0"):
        raise NotABook("empty")
    for magic, reason in MAGIC:
        if data.startswith(magic):
            raise NotABook(reason)
    marked = data.startswith(tuple(mark for mark, _ in MARKS))
    head = data[:SNIFFED_BYTES]
    if looks_binary(data):
        raise NotABook("not a book: binary")
    root = _root_name(_decoded(head, None, "replace") if marked else head.decode("latin-1").removeprefix("ï»¿"))
    if root in {"TEI", "TEI.2", "teiCorpus"}:
        return read_tei(data)
    if root and root.lower() in HTML_ROOTS:
        return _read_html(data, extract)
    if root == "FictionBook":
        raise NotABook("unsupported: FB2")
    if root and root.split(":")[-1] == "RDF":
        raise NotABook("not a book: RDF")
    if root and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<!DOCTYPE")):
        raise NotABook("not a book: XML", f"root element {root}")
    text = normalise_text(_decoded(data, gutenberg.declared_encoding(data)))
    _refuse_data(text, name)
    return _without_boilerplate(Book(text))


def _decoded(data: bytes, declared: str | None, errors: str = "strict") -> str:
    if errors == "replace":  # only to look at the beginning, which may be cut inside a character
        return next(data[len(mark) :].decode(encoding, errors) for mark, encoding in MARKS if data.startswith(mark))
    try:
        return decode_text(data, declared)
    except UnicodeDecodeError as error:
        raise NotABook("undecodable", str(error)) from error


def _read_html(data: bytes, extract: Extract) -> Book:
    if len(data) > extract.max_html_bytes:
        raise NotABook("too long", f"HTML of {len(data)} bytes; max_html_bytes is {extract.max_html_bytes}")
    try:
        root = parse_html(data)
    except MarkupError as error:
        raise NotABook("broken HTML", str(error)) from error
    title = next(iter(elements(root, "title")), None)
    return _without_boilerplate(Book(normalise_text(text_of(root, XHTML)), title=plain(title) or None))


def _without_boilerplate(book: Book) -> Book:
    """The book without the words of the library that it comes from; what the file says of itself goes before what those words say."""
    for recognises, strip in ((gutenberg.recognises, gutenberg.strip), (aozora.recognises, aozora.strip)):
        if recognises(book.text):
            inner = strip(book.text)
            return replace(
                inner,
                title=inner.title or book.title,
                author=book.author or inner.author,
                language=book.language or inner.language,
                date=book.date or inner.date,
                licence=book.licence or inner.licence,
            )
    return book


def _root_name(head: str) -> str | None:
    """Name of the first element, or of the document type where one is declared; None where no mark-up begins the text."""
    head = head.lstrip("\ufeff \t\r\n")
    while head.startswith(("<?", "<!--")):
        close = "?>" if head.startswith("<?") else "-->"
        _, found, rest = head.partition(close)
        if not found:
            return None
        head = rest.lstrip()
    match = _ROOT.match(head)
    return match[1] if match else None


def _refuse_data(text: str, name: str) -> None:
    """Refuse what lies beside books: descriptions of them, and licences."""
    start = text[:SNIFFED_BYTES].strip()
    if _JSON.match(start) and text.rstrip()[-1:] in {"}", "]"}:
        raise NotABook("not a book: JSON")
    lines = [line for line in start.split("\n")[:30] if line.strip()]
    keys = sum(bool(_YAML_KEY.match(line)) for line in lines)
    if len(lines) >= 3 and sum(bool(_YAML_LINE.match(line)) for line in lines) >= 0.9 * len(lines) and keys >= 0.5 * len(lines):
        raise NotABook("not a book: YAML")
    stem = PurePosixPath(name).name.split(".")[0].lower()
    if stem in LICENCE_STEMS or (lines and lines[0].strip().upper() == "THE FULL PROJECT GUTENBERG LICENSE"):
        raise NotABook("not a book: licence")


def _printable(name: str) -> str:
    """A path as valid Unicode, bytes that are not UTF-8 as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
