"""Objects behind https://, s3:// and gs://: which there are, their size and version, and each as a file that outlives faults."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import BinaryIO, TypeVar
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs as pafs

from pipeline.sources.http_file import HttpFile, describe_http
from pipeline.sources.ranged import Patience, RangedFile, Remote

HTTP = ("http://", "https://")
OBJECT_STORES = ("s3://", "gs://", "gcs://")
BUFFER_BYTES = 1 << 16
_WILD = re.compile(r"[*\[]")
# What a store says of a request that will not go better the next time.
_REFUSED = re.compile(
    r"ACCESS_DENIED|NO_SUCH|NOT_FOUND|INVALID_ACCESS_KEY|SIGNATURE|VALIDATION|HTTP status 4(?!08|25|29)\d\d|not found", re.IGNORECASE
)
Answer = TypeVar("Answer")


def is_remote(path: str) -> bool:
    """Whether a path is a URL that this module reads."""
    return path.startswith((*HTTP, *OBJECT_STORES))


def describe(url: str) -> Remote:
    """Ask for an object's size and version without reading it.

    Raises:
        ValueError: it does not exist, is refused, or cannot be reached after bounded retries.
    """
    if url.startswith(HTTP):
        return describe_http(url)
    system, path = _object(url)
    return _described(url, _tried(url, lambda: system.get_file_info(path)))


def open_remote(url: str, end: int | None = None, stamp: str | None = None) -> BinaryIO:
    """An object as a seekable binary file.

    Args:
        url: of one object.
        end: where the part that is wanted ends: little behind it is asked for. None: the object's end.
        stamp: `Remote.stamp` of the version that is wanted; None: any.

    Raises:
        ValueError: it does not exist, is refused, or cannot be reached; while reading, also that it changed or stays unreachable.
    """
    file = HttpFile(url, end, stamp) if url.startswith(HTTP) else _ObjectFile(url, end, stamp)
    return io.BufferedReader(file, BUFFER_BYTES)


def is_pattern(url: str) -> bool:
    """Whether a URL stands for objects of a store: it holds `*` or `[`, or ends in a slash. An https:// URL never does."""
    key = url.partition("?")[0]
    return url.startswith(OBJECT_STORES) and (bool(_WILD.search(key)) or key.endswith("/"))


def expand(url: str) -> list[tuple[str, str, Remote]]:
    """URL, name within the pattern's fixed part, and description of each object that a pattern stands for, sorted by URL.

    `*` and `[…]` stay within one level of the key, `**` does not; a pattern that ends in a slash is all below it.

    Raises:
        ValueError: the store cannot be asked, or no object matches.
    """
    address, mark, query = url.partition("?")
    scheme, _, pattern = address.partition("://")
    wild = _WILD.search(pattern)
    fixed = pattern[: pattern.rfind("/", 0, wild.start() if wild else len(pattern)) + 1]
    if not fixed:
        raise ValueError(f"{url!r} has a pattern for its bucket; name the bucket")
    system, folder = _object(f"{scheme}://{fixed}{mark}{query}")
    steps = unquote(pattern[len(fixed) :] or "**").split("/")
    selector = pafs.FileSelector(folder.rstrip("/"), recursive=len(steps) > 1 or "**" in steps, allow_not_found=True)
    found = []
    for info in _tried(url, lambda: system.get_file_info(selector)):
        inner = info.path[len(folder) :]
        if info.type == pafs.FileType.File and _fits(inner.split("/"), steps):
            name = f"{scheme}://{fixed}{quote(inner)}{mark}{query}"
            found.append((name, inner, _described(name, info)))
    if not found:
        raise ValueError(f"{url!r} matches no object; correct the pattern")
    return sorted(found, key=lambda item: item[0])


def _fits(names: Sequence[str], steps: Sequence[str]) -> bool:
    if not steps or not names:
        return not names and not steps
    if steps[0] == "**":
        return any(_fits(names[skipped:], steps[1:]) for skipped in range(len(names))) or len(steps) == 1
    return fnmatchcase(names[0], steps[0]) and _fits(names[1:], steps[1:])


@functools.lru_cache(maxsize=64)
def _system(url: str) -> pafs.FileSystem:
    return pafs.FileSystem.from_uri(url)[0]


def _object(url: str) -> tuple[pafs.FileSystem, str]:
    """The store, made once for each bucket (to find its region takes a request), and the path in it."""
    address, mark, query = url.partition("?")
    scheme, _, path = address.partition("://")
    bucket, _, key = path.partition("/")
    try:
        # Credentials that stand in the address are no part of the path.
        return _system(f"{scheme}://{bucket}{mark}{query}"), f"{bucket.rpartition('@')[2]}/{unquote(key)}"
    except (OSError, ValueError) as error:
        raise ValueError(f"{url!r} cannot be read: {_words(error)}") from error


def _described(url: str, info: pafs.FileInfo) -> Remote:
    if info.type != pafs.FileType.File:
        raise ValueError(f"{url!r} is no object; give the path of an existing one")
    return Remote(info.size, f"{info.size}-{info.mtime_ns}")


def _tried(url: str, ask: Callable[[], Answer], patience: Patience | None = None) -> Answer:
    """A store's answer, asked for again where it was only busy or out of reach (after the store's client has tried three times)."""
    patience = patience or Patience(url)
    while True:
        try:
            answer = ask()
        except OSError as error:
            words = _words(error)
            if isinstance(error, FileNotFoundError | PermissionError) or _REFUSED.search(words):
                raise ValueError(f"{url!r} cannot be read: {words}") from error
            patience.lose(words)
        else:
            patience.regain()
            return answer


class _ObjectFile(RangedFile):
    """An object of a store as a file: one request for each window."""

    def __init__(self, url: str, end: int | None, stamp: str | None) -> None:
        super().__init__(url, end)
        self.file: pa.NativeFile | None = None
        self.system, self.path = _object(url)
        self.stamp = stamp
        self._check()
        self.file = _tried(url, lambda: self.system.open_input_file(self.path))

    def fetch(self, offset: int, size: int) -> bytes:
        """As `RangedFile.fetch`."""
        # The client gives no version with the bytes: it is asked for with each window, before and after.
        self._check()
        data = _tried(self.url, lambda: self._read(offset, size))
        self._check()
        return data

    def close(self) -> None:
        """Close the client's file."""
        if self.file:
            self.file.close()
        super().close()

    def _read(self, offset: int, size: int) -> bytes:
        assert self.file is not None
        data: bytes = self.file.read_at(size, offset)
        if len(data) < size:
            raise OSError(f"{len(data)} of {size} bytes from byte {offset}")
        return data

    def _check(self) -> None:
        found = describe(self.url)
        if self.stamp is not None and found.stamp != self.stamp:
            raise ValueError(f"{self.url!r} changed while it was read; run again")
        self.stamp, self.size = found.stamp, found.bytes


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())
