"""Code in archives: source distributions, wheels, and any ZIP or tar file, compressed or not; one document per file in it.

In:  archives, local or remote, read where they lie and never unpacked.
Out: what `code_file` gives for each member, named `archive!path`.
Lost: nothing in silence; folders and the version control's own files are no records. Rejects beside those of a file: links, devices, paths
     that lead out of the archive, broken or encrypted members, and one for an archive that cannot be read, or not to its end.

An archive is read twice, first for the licences in it, because a tar may hold its LICENSE last.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pipeline.settings.extract import Extract
from pipeline.sources.archives import TAR_MAGIC, TAR_MAGIC_OFFSET, ChunkStream, Member, tar_members, zip_members
from pipeline.sources.book import NotABook
from pipeline.sources.code_file import File
from pipeline.sources.code_licences import LICENCE_BYTES, Licences, states_licence
from pipeline.sources.compression import DamagedInput, chunks
from pipeline.sources.epub import Budget
from pipeline.sources.files import open_input
from pipeline.sources.records import Reject

ZIP = b"PK\x03\x04"
ARCHIVE_RECORDS = 16  # an archive may inflate to this many times the longest record
MOST_BYTES = 1 << 62
LICENCE_FILES = 10_000  # of one archive that are kept in memory

# A wheel keeps its METADATA and LICENSE beside the package (packaging.python.org, Binary distribution format).
_WHEEL_METADATA = re.compile(r"[^/]{1,200}\.dist-info(?:/licenses)?")
_DRIVE = re.compile(r"[A-Za-z]:")

Read = Callable[[File], bytes]


def is_archive(path: str) -> bool:
    """Whether a file is a ZIP or a tar, perhaps compressed, by its first bytes.

    Raises:
        ValueError: it cannot be opened.
    """
    with open_input(path) as file:
        beginning = file.read(4)
        file.seek(0)
        try:
            return beginning == ZIP or _begins_as_tar(file)
        except DamagedInput:
            return False


def members(path: str, extract: Extract) -> Iterator[tuple[File, Read] | Reject]:
    """Every file of an archive in its order, to be read before the next is asked for; a Reject where the archive breaks, and it ends there.

    A file's `path` is its name in the archive, with `#2`, `#3` … where a name occurs again.

    Args:
        path: local or remote.
        extract: `max_record_bytes` bounds a member.

    Raises:
        ValueError: it cannot be opened.
    """
    with open_input(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        zipped = file.read(4) == ZIP
        file.seek(0)
        try:
            yield from _zip(file, extract) if zipped else _tar(file, extract)
        except NotABook as error:
            yield Reject(path, error.reason, str(error), 0, size)
        except DamagedInput as error:
            yield Reject(path, error.reason, error.words, error.offset, max(0, size - error.offset))


def licences_of(path: str, extract: Extract) -> Licences:
    """What the LICENSE and metadata files of an archive say; of a broken one, those before the break."""
    held: dict[str, list[tuple[File, bytes]]] = {}
    for item in members(path, extract):
        if isinstance(item, Reject) or sum(map(len, held.values())) >= LICENCE_FILES:
            break
        file, read = item
        folder, _, last = file.path.rpartition("/")
        if not file.refused and file.size <= LICENCE_BYTES and states_licence(last):
            try:
                content = read(file)
            except (NotABook, DamagedInput):
                continue
            held.setdefault("" if path.endswith(".whl") and _WHEEL_METADATA.fullmatch(folder) else folder, []).append((file, content))
    contents = {file: content for files in held.values() for file, content in files}
    return Licences(lambda folder: [file for file, _ in held.get(folder, [])], contents.__getitem__)


def _begins_as_tar(file: BinaryIO) -> bool:
    held = bytearray()
    for chunk in chunks(file):
        held += chunk.data
        if len(held) >= TAR_MAGIC_OFFSET + len(TAR_MAGIC):
            break
    return held[TAR_MAGIC_OFFSET : TAR_MAGIC_OFFSET + len(TAR_MAGIC)] == TAR_MAGIC


def _zip(file: BinaryIO, extract: Extract) -> Iterator[tuple[File, Read]]:
    budget = Budget(extract.max_record_bytes, ARCHIVE_RECORDS * extract.max_record_bytes)
    return ((_file(member), _reader(member)) for member in zip_members(file, budget))


def _tar(file: BinaryIO, extract: Extract) -> Iterator[tuple[File, Read]]:
    stream = ChunkStream(chunks(file, limit=ARCHIVE_RECORDS * extract.max_record_bytes))
    for member in tar_members(stream, extract.max_record_bytes):
        yield _file(member), _reader(member)
    # Damage after the last member, as in a checksum, shows only to one who reads on.
    for _ in stream.chunks:
        continue


def _reader(member: Member) -> Read:
    return lambda _file: member.read()


def _file(member: Member) -> File:
    plain = member.name.replace("\\", "/")
    leaves = plain.startswith("/") or _DRIVE.match(plain) or ".." in plain.split("/")
    # An archive may state any size, also one that no table holds.
    return File(member.name, min(max(0, member.size), MOST_BYTES), "", "path leaves the archive" if leaves else "")
