"""Books: files and archives of them to documents.

In:  files, or folders of them, compressed or not: EPUB, PDF, HTML, TEI, FB2, LaTeX, plain text of Project Gutenberg, of Aozora Bunko, or of
     nobody in particular; dumps of a MediaWiki; ZIP and tar archives of books. What a file is, its bytes say (`formats`).
Out: one outcome per book. An archive that opens is no record itself, each file in it is one, named `archive!member`. Where an archive holds
     the LaTeX source of a paper, the files that the paper takes in, its figures, styles and bibliography are parts of it and no records.
     A dump is no record itself either, each page in it is one (`mediawiki`).
Lost: nothing in silence; what is no book is a reject that says what it is.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.archives import ChunkStream, Member, held_tar_members, is_tar, tar_members, zip_members
from pipeline.sources.book import Book, NotABook
from pipeline.sources.compression import DamagedInput, chunks
from pipeline.sources.epub import Budget, is_epub, open_zip, read_epub
from pipeline.sources.files import open_input
from pipeline.sources.formats import read_book, without_boilerplate
from pipeline.sources.latex_project import Project
from pipeline.sources.mediawiki import dump_outcomes, is_dump
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.remote import is_remote

ZIP = b"PK\x03\x04"
ARCHIVE_RECORDS = 16  # an archive may inflate to this many times the longest record


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
    """A file that is no ZIP: one book, a dump, or a tar archive, perhaps compressed."""
    most = extract.max_record_bytes
    held, damage = bytearray(), None
    try:
        for chunk in chunks(file, limit=ARCHIVE_RECORDS * most):
            held += chunk.data
            if is_dump(held):
                file.seek(0)
                yield from dump_outcomes(chunks(file), place.locator, place.length, source, extract, tally)
                return
            if len(held) > most:
                break
    except DamagedInput as error:
        damage = error
    if is_tar(held) and (damage or len(held) > most):
        file.seek(0)
        stream = ChunkStream(chunks(file, limit=ARCHIVE_RECORDS * most))
        yield from _archive_outcomes(tar_members(stream, most), place, source, extract, tally)
    elif damage:
        tally.records += 1
        yield Reject(place.locator, damage.reason, damage.words, damage.offset, max(0, place.length - damage.offset))
    elif len(held) > most:
        tally.records += 1
        yield Reject(place.locator, "too long", f"more than {most} bytes", 0, place.length)
    elif held[:4] == ZIP:
        yield from _zip_outcomes(io.BytesIO(held), place, source, extract, tally)
    elif is_tar(held):
        yield from _held_tar_outcomes(bytes(held), place, source, extract, tally)
    else:
        tally.records += 1
        yield _outcome(place, source, lambda: read_book(bytes(held), place.locator, extract))


def _zip_outcomes(file: BinaryIO, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    budget = Budget(extract.max_html_bytes, extract.max_record_bytes)
    members = Budget(extract.max_record_bytes, ARCHIVE_RECORDS * extract.max_record_bytes)
    try:
        archive = open_zip(file)
        found = None if is_epub(archive) else list(zip_members(file, members))
    except NotABook as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, str(error), 0, place.length)
        return
    if found is None:
        tally.records += 1
        yield _outcome(place, source, lambda: without_boilerplate(read_epub(archive, budget)))
    elif project := Project.of(found, extract.max_record_bytes):
        yield from _project_outcomes(project, found, place, source, extract, tally)
    else:
        # With a budget of its own: looking for a project has read the texts once.
        members = Budget(extract.max_record_bytes, ARCHIVE_RECORDS * extract.max_record_bytes)
        yield from _archive_outcomes(zip_members(file, members), place, source, extract, tally)


def _held_tar_outcomes(data: bytes, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    try:
        found = held_tar_members(data, extract.max_record_bytes)
    except NotABook:  # read from its beginning up to where it is broken
        found = []
    if project := Project.of(found, extract.max_record_bytes):
        yield from _project_outcomes(project, found, place, source, extract, tally)
    else:
        stream = ChunkStream(chunks(io.BytesIO(data)))
        yield from _archive_outcomes(tar_members(stream, extract.max_record_bytes), place, source, extract, tally)


def _archive_outcomes(members: Iterator[Member], place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    try:
        for member in members:
            yield from _member_outcomes(member, place, source, extract, tally)
    except NotABook as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, str(error), 0, place.length)
    except DamagedInput as error:
        tally.records += 1
        yield Reject(place.locator, error.reason, error.words, error.offset, max(0, place.length - error.offset))


def _member_outcomes(member: Member, place: _Place, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    """A file of an archive, which may be compressed, an EPUB, or the archive of a paper's LaTeX source, but no other archive again."""
    named = _Place(f"{place.locator}!{_printable(member.name)}", place.length)

    def inner(data: bytes) -> Book:
        if not data.startswith(ZIP):
            if is_tar(data):
                raise NotABook("not a book: archive inside an archive")
            return read_book(data, member.name, extract)
        archive = open_zip(io.BytesIO(data))
        if not is_epub(archive):
            raise NotABook("not a book: archive inside an archive")
        return without_boilerplate(read_epub(archive, Budget(extract.max_html_bytes, extract.max_record_bytes)))

    try:
        data = b"".join(_bounded(member.read(), extract.max_record_bytes))
        # The bulk archives of arXiv.org hold one compressed tar archive per paper.
        found = held_tar_members(data, extract.max_record_bytes) if is_tar(data) else []
    except (NotABook, DamagedInput) as error:
        tally.records += 1
        yield _refused(named, error)
        return
    if project := Project.of(found, extract.max_record_bytes):
        yield from _project_outcomes(project, found, named, source, extract, tally)
    else:
        tally.records += 1
        yield _outcome(named, source, lambda: inner(data))


def _project_outcomes(
    project: Project, members: Sequence[Member], place: _Place, source: Source, extract: Extract, tally: Tally
) -> Iterator[Outcome]:
    """A document or reject per paper, and per file that is no part of one."""
    for main in project.mains:
        tally.records += 1
        named = _Place(f"{place.locator}!{_printable(main)}", place.length)
        yield _outcome(named, source, lambda main=main: project.read(main))  # type: ignore[misc]
    for member in members:
        if not project.is_part(member.name):
            tally.records += 1
            named = _Place(f"{place.locator}!{_printable(member.name)}", place.length)
            yield _outcome(named, source, lambda member=member: read_book(member.read(), member.name, extract))  # type: ignore[misc]


def _outcome(place: _Place, source: Source, read: Callable[[], Book]) -> Outcome:
    try:
        book = read()
    except (NotABook, DamagedInput) as error:
        return _refused(place, error)
    text = normalise_text(book.text).strip("\n")
    if not text.strip():
        return Reject(place.locator, "empty", "no text is left without mark-up and boilerplate", 0, place.length)
    return Document(
        place.locator,
        text,
        _one_line(book.title),
        book.licence or source.licence,
        book.date,
        0,
        place.length,
        author=_one_line(book.author),
        stated_language=_one_line(book.language),
    )


def _refused(place: _Place, error: NotABook | DamagedInput) -> Reject:
    if isinstance(error, DamagedInput):
        return Reject(place.locator, error.reason, error.words, error.offset, max(0, place.length - error.offset))
    return Reject(place.locator, error.reason, str(error), 0, place.length)


def _one_line(stated: str | None) -> str | None:
    return (" ".join(normalise_text(stated).split()) or None) if stated else None


def _bounded(data: bytes, most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks(io.BytesIO(data)):
        size += len(chunk.data)
        if size > most:
            raise NotABook("too long", f"more than {most} bytes")
        yield chunk.data


def _printable(name: str) -> str:
    """A path as valid Unicode, bytes that are not UTF-8 as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
