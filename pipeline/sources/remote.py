"""Objects behind https://, s3:// and gs://: their size and version, and a file over them that outlives broken connections."""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow.fs as pafs
import urllib3

HTTP = ("http://", "https://")
OBJECT_STORES = ("s3://", "gs://", "gcs://")
TRIES = 6
PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
TIMEOUT = urllib3.Timeout(connect=20, read=60)
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
BUFFER_BYTES = 1 << 18
HEADERS = {"User-Agent": "curate/0.1 (corpus builder)", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Remote:
    """Size in bytes (-1 where the server does not say) and a stamp that changes with the content (ETag, or time of change)."""

    bytes: int
    stamp: str


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=16, timeout=TIMEOUT, retries=False, headers=HEADERS)


def is_remote(path: str) -> bool:
    """Whether a path is a URL that this module reads."""
    return path.startswith((*HTTP, *OBJECT_STORES))


def describe(url: str) -> Remote:
    """Ask for an object's size and version without reading it.

    Raises:
        ValueError: it does not exist, is refused, or cannot be reached after bounded retries.
    """
    if url.startswith(HTTP):
        answer = _asked(url, "HEAD", {})
        answer.release_conn()
        size = answer.headers.get("Content-Length", "")
        return Remote(int(size) if size.isdigit() else -1, answer.headers.get("ETag") or answer.headers.get("Last-Modified") or size)
    system, path = _object(url)
    try:
        info = system.get_file_info(path)
    except OSError as error:
        raise ValueError(f"{url!r} cannot be read: {' '.join(str(error).split())}") from error
    if info.type != pafs.FileType.File:
        raise ValueError(f"{url!r} is no object; give the path of an existing one")
    return Remote(info.size, f"{info.mtime_ns}")


def open_remote(url: str) -> BinaryIO:
    """An object as a seekable binary file.

    Raises:
        ValueError: it does not exist, is refused, or cannot be reached; while reading, also that it changed or stays unreachable.
    """
    if url.startswith(HTTP):
        return io.BufferedReader(_HttpFile(url), BUFFER_BYTES)
    system, path = _object(url)
    try:
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", system.open_input_file(path)), BUFFER_BYTES))
    except OSError as error:
        raise ValueError(f"{url!r} cannot be read: {' '.join(str(error).split())}") from error


def _object(url: str) -> tuple[pafs.FileSystem, str]:
    try:
        return cast("tuple[pafs.FileSystem, str]", pafs.FileSystem.from_uri(url))
    except (OSError, ValueError) as error:
        raise ValueError(f"{url!r} cannot be read: {' '.join(str(error).split())}") from error


def _asked(url: str, method: str, headers: Mapping[str, str], pause: Callable[[float], None] = time.sleep) -> urllib3.BaseHTTPResponse:
    """One request, tried again on a broken connection and on the statuses of an overloaded server, with doubling pauses."""
    words = ""
    for attempt in range(TRIES):
        wait = PAUSE_S * 2**attempt
        try:
            answer = _pool().request(
                method,
                url,
                headers={**HEADERS, **headers},
                preload_content=False,
                decode_content=False,
                redirect=True,
                retries=urllib3.Retry(0, redirect=5),
            )
        except urllib3.exceptions.HTTPError as error:
            words = " ".join(str(error).split())
        else:
            if answer.status < 400:
                return answer
            # Not released: the next request would find the unread body of this answer in the connection.
            answer.close()
            words = f"HTTP status {answer.status}"
            if answer.status not in RETRIED:
                raise ValueError(f"{url!r} cannot be read: {words}")
            asked = answer.headers.get("Retry-After", "")
            wait = max(wait, float(asked) if asked.isdigit() else 0.0)
        if attempt + 1 < TRIES:
            pause(min(wait, LONGEST_PAUSE_S))
    raise ValueError(f"{url!r} cannot be read after {TRIES} tries: {words}")


class _HttpFile(io.RawIOBase):
    """A URL as a file: read forwards in one request; after a break, or a seek, asked for again from the byte that comes next."""

    def __init__(self, url: str) -> None:
        self.url, self.position, self.failures = url, 0, 0
        self.answer: urllib3.BaseHTTPResponse | None = None
        self.size = -1
        self.stamp: str | None = None
        self._connect()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END and self.size < 0:
            raise OSError(f"{self.url!r} does not say its size")
        target = offset + (0, self.position, self.size)[whence]
        if target != self.position:
            self._hang_up()
            self.position = target
        return target

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not 0 <= self.size <= self.position:
            try:
                data = self._connect().read(len(buffer))
            except urllib3.exceptions.HTTPError as error:
                self._failed(" ".join(str(error).split()))
                continue
            if data:
                buffer[: len(data)] = data
                self.position += len(data)
                self.failures = 0
                return len(data)
            if self.size < 0:
                return 0
            self._failed("the connection closed early")
        return 0

    def close(self) -> None:
        self._hang_up()
        super().close()

    def _hang_up(self) -> None:
        if self.answer:
            self.answer.close()
            self.answer = None

    def _failed(self, words: str) -> None:
        self._hang_up()
        self.failures += 1
        if self.failures >= TRIES:
            raise ValueError(f"{self.url!r} cannot be read beyond byte {self.position} after {TRIES} tries: {words}")
        time.sleep(min(PAUSE_S * 2 ** (self.failures - 1), LONGEST_PAUSE_S))

    def _connect(self) -> urllib3.BaseHTTPResponse:
        if self.answer:
            return self.answer
        answer = _asked(self.url, "GET", {"Range": f"bytes={self.position}-"} if self.position else {})
        length = answer.headers.get("Content-Length", "")
        stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if self.stamp is None:
            self.stamp, self.size = stamp, int(length) if length.isdigit() else -1
        elif stamp != self.stamp:
            answer.close()
            raise ValueError(f"{self.url!r} changed while it was read; run again")
        self.answer = answer
        if self.position and answer.status != 206:
            self._skip(answer)
        return answer

    def _skip(self, answer: urllib3.BaseHTTPResponse) -> None:
        """The server does not know ranges: read up to where we were."""
        missing = self.position
        while missing and (data := answer.read(min(missing, BUFFER_BYTES))):
            missing -= len(data)
