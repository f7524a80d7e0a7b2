"""Members of ZIP and tar archives, one by one, never extracted to the file system."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.sources.book import NotABook
from pipeline.sources.compression import Chunk
from pipeline.sources.epub import Budget, open_zip, read_member

TAR_MAGIC = b"ustar"
TAR_MAGIC_OFFSET = 257
READS_AT_END = 16


def is_tar(data: bytes | bytearray) -> bool:
    """Whether bytes begin with a member's header of a tar archive (POSIX ustar, GNU, pax)."""
    return data[TAR_MAGIC_OFFSET : TAR_MAGIC_OFFSET + len(TAR_MAGIC)] == TAR_MAGIC


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive. `read` gives its bytes or raises NotABook; in a tar it must be called before the next member is asked for."""

    name: str
    """Path as the archive has it, with `#2`, `#3` … where it occurs again."""
    size: int
    """As the archive states it; not to be trusted."""
    read: Callable[[], bytes]


class ChunkStream(io.RawIOBase):
    """Chunks of bytes as a stream that is read forwards."""

    def __init__(self, chunks: Iterator[Chunk]):
        super().__init__()
        self.chunks, self.rest = chunks, memoryview(b"")
        self.ends = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with what there is; 0 at the end. Raises DamagedInput where the chunks do, EOFError for one who reads on and on."""
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                # tarfile would read its way through a member that states 2^80 bytes, block by block of nothing.
                self.ends += 1
                if self.ends > READS_AT_END:
                    raise EOFError("a member is longer than the archive")
                return 0
            self.rest = memoryview(chunk.data)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


def zip_members(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """Files of a ZIP archive in its directory's order; folders are left out.

    Raises:
        NotABook: the archive itself is broken.
    """
    archive = open_zip(file)
    unique = _Unique()
    for info in archive.infolist():
        if not info.filename.endswith("/"):  # is_dir() raises on a name of no characters
            yield Member(unique(info.filename), info.file_size, lambda info=info: _read_zip(archive, info, budget))  # type: ignore[misc]


def tar_members(stream: ChunkStream, most_bytes: int) -> Iterator[Member]:
    """Files of a tar archive in order; folders are left out, links and devices give NotABook when read.

    Raises:
        NotABook: the archive is broken from here on.
        DamagedInput: its compression is.
    """
    unique = _Unique()
    try:
        with tarfile.open(fileobj=io.BufferedReader(stream, 1 << 16), mode="r|") as archive:
            for info in archive:
                if not info.isdir():
                    yield Member(unique(info.name), info.size, lambda info=info: _read_tar(archive, info, most_bytes))  # type: ignore[misc]
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise NotABook("broken archive", f"{type(error).__name__}: {error}") from error


def held_tar_members(data: bytes, most_bytes: int) -> list[Member]:
    """The same of an archive in memory, whose members can be read in any order.

    Raises:
        NotABook: the archive is broken somewhere.
    """
    unique = _Unique()
    try:
        archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:")  # noqa: SIM115 -- the members read from it; bytes need no closing
        infos = [info for info in archive if not info.isdir()]
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise NotABook("broken archive", f"{type(error).__name__}: {error}") from error
    return [Member(unique(info.name), info.size, lambda info=info: _read_tar(archive, info, most_bytes)) for info in infos]  # type: ignore[misc]


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> bytes:
    """A link is a file whose Unix mode says so; archives of other systems have no mode."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise NotABook("symbolic link")
    if kind not in {0, stat.S_IFREG}:
        raise NotABook("not a regular file", f"mode {info.external_attr >> 16:o}")
    return read_member(archive, info, budget)


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo, most_bytes: int) -> bytes:
    if info.issym() or info.islnk():
        raise NotABook("symbolic link", f"to {info.linkname!r}"[:200])
    file = archive.extractfile(info) if info.isreg() else None
    if file is None:
        raise NotABook("not a regular file", f"tar type {info.type!r}")
    if info.size > most_bytes:
        raise NotABook("too long", f"{info.size} bytes")
    data = file.read()
    if len(data) < info.size:
        raise NotABook("broken archive", f"{len(data)} of {info.size} bytes")
    return data


class _Unique:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        self.seen[name] += 1
        return name if self.seen[name] == 1 else f"{name}#{self.seen[name]}"
