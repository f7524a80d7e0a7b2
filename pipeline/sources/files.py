"""Which files a source's paths stand for, and how their bytes are read.

In:  paths as a configuration writes them: files, folders, shell patterns, `.paths.gz` lists, URLs.
Out: one `Input` per file, in a stable order; binary streams, decompressed by content and not by name.
Lost: files that `exclude` names, `.git` folders (the code reader's), and links that lead out of their folder.
"""

from __future__ import annotations

import glob
import io
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from pipeline.sources.compression import RATIO_LIMIT, TOTAL_LIMIT_BYTES, Chunk, DamagedInput, chunks
from pipeline.sources.ranged import Remote
from pipeline.sources.remote import describe, expand, is_pattern, is_remote, open_remote

LIST_SUFFIX = ".paths.gz"
LIST_LINE_BYTES = 1 << 16
# HEAD requests at a time: a Common Crawl list names 90,000 files.
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read: where it lies, its size (-1 where a server does not say) and a stamp that changes when its content does."""

    path: str
    bytes: int
    stamp: str
    ranges: bool = True
    """Whether a part of it can be had without what lies before."""


def list_inputs(patterns: Sequence[str], path_prefix: str = "", exclude: Sequence[str] = ()) -> list[Input]:
    """The files that patterns stand for: in the order of the patterns, within a pattern sorted by path, each file once.

    Args:
        patterns: files, folders (walked), shell patterns, URLs (of `s3://` and `gs://` also patterns and, ending in a slash, folders), and
            `.paths.gz` lists of files and single URLs.
        path_prefix: put before every relative line of a list.
        exclude: shell patterns over the path within its folder (for a file named directly, its name).

    Raises:
        ValueError: a pattern matches nothing, or a file or folder is missing, unreadable or not a regular file.
    """
    found: dict[str, Remote | None] = {}
    for pattern in patterns:
        for path, inner, known in _matches(pattern, path_prefix):
            if not any(fnmatchcase(inner, unwanted) for unwanted in exclude):
                found.setdefault(path, known)
    unknown = [path for path, known in found.items() if known is None and is_remote(path)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found |= dict(zip(unknown, pool.map(describe, unknown), strict=True)) if unknown else {}
    inputs = []
    for path, remote in found.items():
        if remote is not None:
            inputs.append(Input(path, remote.bytes, remote.stamp, remote.ranges))
        else:
            status = _readable(Path(path))
            inputs.append(Input(path, status.st_size, _stamp(status)))
    return inputs


def open_input(path: str, end: int | None = None, stamp: str | None = None) -> BinaryIO:
    """A local or remote file as a seekable binary stream; a remote one is retried and resumed within bounds.

    Args:
        path: as `Input.path`.
        end: where the part that is wanted ends: of a remote file, little behind it is asked for. None: the file's end.
        stamp: as `Input.stamp`, of the version that is wanted; None: any.

    Raises:
        ValueError: it cannot be opened, or is another version (or, for a remote one, later cannot be read on).
    """
    if is_remote(path):
        return open_remote(path, end, stamp)
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 -- the caller closes it
    except OSError as error:
        raise _refused(path, error) from error
    if stamp is not None and stamp != _stamp(os.fstat(stream.fileno())):
        stream.close()
        raise ValueError(f"{path!r} changed since its parts were planned; run again")
    return stream


def open_decompressed(path: str, limit_ratio: float = RATIO_LIMIT, limit_bytes: int = TOTAL_LIMIT_BYTES) -> Decompressed:
    """What a file holds, decompressed where its first bytes are those of gzip, zstd, bzip2, xz or lz4, through all its members.

    Args:
        path: as for `open_input`.
        limit_ratio: uncompressed bytes allowed per compressed byte, beyond the first 64 MiB of a member.
        limit_bytes: uncompressed bytes allowed in all.

    Raises:
        ValueError: as `open_input`. Its reading methods raise `compression.DamagedInput`, after everything readable was given.
    """
    stream = open_input(path)
    return Decompressed(stream, limit_ratio, limit_bytes)


class Decompressed(io.BufferedIOBase):
    """A forward-only binary file over decompressed bytes.

    `read` and `readline` may give fewer bytes than asked for at a damaged place; the call after that raises `DamagedInput`.
    """

    def __init__(self, stream: BinaryIO, limit_ratio: float = RATIO_LIMIT, limit_bytes: int = TOTAL_LIMIT_BYTES) -> None:
        self._stream = stream
        self._chunks: Iterator[Chunk] = chunks(stream, limit_ratio, limit_bytes)
        self._parts: list[bytes] = []
        self._head = 0  # bytes of the first part that were given already
        self._held, self._at = 0, 0
        self._damage: DamagedInput | None = None
        self._ended = False

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Uncompressed bytes given so far."""
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes; fewer at the end or before damage."""
        wanted = -1 if size is None else size
        while wanted < 0 or self._held < wanted:
            if not self._more():
                break
        return self._take(self._held if wanted < 0 else min(wanted, self._held))

    def read1(self, size: int = -1) -> bytes:
        """What is at hand, at least one byte unless at the end."""
        if not self._held:
            self._more()
        return self._take(self._held if size < 0 else min(size, self._held))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; the number of bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        """Up to and with the next line feed, or `size` bytes of a longer line."""
        limit = -1 if size is None else size
        searched = 0
        while True:
            for number in range(searched, len(self._parts)):
                at = self._parts[number].find(b"\n", 0 if number else self._head)
                if at >= 0:
                    length = sum(map(len, self._parts[:number])) + at + 1 - self._head
                    return self._take(length if limit < 0 else min(length, limit))
            if 0 <= limit <= self._held:
                return self._take(limit)
            searched = len(self._parts)
            if not self._more():
                return self._take(self._held)

    def close(self) -> None:
        """Close the file beneath as well."""
        self._stream.close()
        super().close()

    def _more(self) -> bool:
        if self._damage:
            if self._held:
                return False
            raise self._damage
        if self._ended:
            return False
        try:
            part = next(self._chunks).data
        except StopIteration:
            self._ended = True
            return False
        except DamagedInput as damage:
            self._damage = damage
            return self._more()
        self._parts.append(part)
        self._held += len(part)
        return True

    def _take(self, size: int) -> bytes:
        taken, missing = [], size
        while missing:
            part = self._parts[0]
            taken.append(part[self._head : self._head + missing])
            missing -= len(taken[-1])
            self._head += len(taken[-1])
            if self._head == len(part):
                del self._parts[0]
                self._head = 0
        self._held -= size
        self._at += size
        return taken[0] if len(taken) == 1 else b"".join(taken)


def _matches(pattern: str, path_prefix: str) -> list[tuple[str, str, Remote | None]]:
    """Paths with their names within the folder or list that gave them; for what a store listed, also what it said of each."""
    if is_pattern(pattern):
        return [*expand(pattern)]
    if pattern.partition("?")[0].endswith(LIST_SUFFIX):
        return [(line, line, None) for line in _listed(pattern, path_prefix)]
    if is_remote(pattern):
        return [(pattern, pattern.rpartition("/")[2], None)]
    return [(path, inner, None) for path, inner in _local_matches(pattern)]


def _local_matches(pattern: str) -> list[tuple[str, str]]:
    if "://" in pattern:
        raise ValueError(f"{pattern!r} is of no kind that is read; give a local path or an https://, s3:// or gs:// URL")
    path = Path(pattern)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if not glob.has_magic(pattern):
            raise ValueError(f"{pattern!r} does not exist; correct the path") from error
    except OSError as error:
        raise _refused(pattern, error) from error
    else:
        return _walk(path) if stat.S_ISDIR(mode) else [(pattern, path.name)]
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 -- Path.glob takes no absolute pattern
    found = [path for path in found if not _through_link(path, pattern)]
    if not found:
        raise ValueError(f"{pattern!r} matches no file; correct the pattern")
    # `**` gives a folder and its files both: a folder is walked only where the pattern reaches it and nothing below it.
    above = {parent for path in found for parent in path.parents}
    return [match for path in found if path not in above for match in (_walk(path) if path.is_dir() else [(str(path), path.name)])]


def _through_link(path: Path, pattern: str) -> bool:
    """Whether a match of `**` lies behind a link to a folder, which may lead anywhere, in a circle too."""
    if "**" not in pattern:
        return False
    root = Path(pattern.partition("**")[0])
    steps = [path, *path.parents]
    return any(step.is_symlink() and step.is_dir() for step in steps if step != root and root in step.parents)


def _walk(folder: Path) -> list[tuple[str, str]]:
    def refuse(error: OSError) -> None:
        raise _refused(error.filename, error)

    root = folder.resolve()
    found = []
    for directory, names, files in os.walk(folder, onerror=refuse):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(directory, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                continue
            if path.is_file():
                found.append((str(path), path.relative_to(folder).as_posix()))
    return sorted(found)


def _listed(path: str, path_prefix: str) -> list[str]:
    lines = []
    try:
        with open_decompressed(path) as stream:
            while line := stream.readline(LIST_LINE_BYTES):
                text = line.decode("utf-8").strip()
                if text:
                    lines.append(text if "://" in text or text.startswith("/") else path_prefix + text)
    except (DamagedInput, UnicodeDecodeError) as error:
        raise ValueError(f"{path!r} is no list of paths: {error}") from error
    if not lines:
        raise ValueError(f"{path!r} lists no paths")
    return lines


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _readable(path: Path) -> os.stat_result:
    """Of a regular file that may be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{str(path)!r} is not a regular file; leave it out")
        with path.open("rb"):
            return status
    except OSError as error:
        raise _refused(str(path), error) from error


def _refused(path: str | bytes | None, error: OSError) -> ValueError:
    advice = (
        "correct the path" if isinstance(error, FileNotFoundError) else "give read permission" if isinstance(error, PermissionError) else ""
    )
    return ValueError(f"{str(path)!r} cannot be read: {error.strerror or error}" + (f"; {advice}" if advice else ""))
