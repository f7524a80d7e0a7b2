"""Files behind https:// (RFC 9110): asked for in ranges, again where a connection breaks, patiently where a server is busy."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3

from pipeline.sources.ranged import Patience, RangedFile, Remote

TIMEOUT = urllib3.Timeout(connect=20, read=60)
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
# What servers answer that allow GET only; a signed URL is refused for any other method.
NO_HEAD = frozenset({403, 405, 501})
REDIRECTS = 5
PIECE_BYTES = 1 << 18
HEADERS = {"User-Agent": "curate/0.1 (corpus builder)", "Accept-Encoding": "identity"}
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$")


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=16, timeout=TIMEOUT, retries=False, headers=HEADERS)


def describe_http(url: str) -> Remote:
    """Size and version of what a URL answers.

    Raises:
        ValueError: it does not exist, is refused, or cannot be reached after bounded retries.
    """
    answer = _asked(url, "HEAD", {}, also=NO_HEAD)
    answer.close() if answer.status in NO_HEAD else answer.release_conn()
    if answer.status in NO_HEAD:
        answer = _asked(url, "GET", {"Range": "bytes=0-0"})
        answer.close()
    ranges = answer.status == 206 or answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"
    size = _size(answer)
    return Remote(size, _stamp(answer, size), ranges)


class HttpFile(RangedFile):
    """A URL as a file. A whole one is read in one request, gone on with after a break; a part in as many as it has windows.

    Args:
        stamp: version that is wanted, as `describe_http` gave it; None: any, but one.

    Raises:
        ValueError: it does not exist, is refused, is another version, or cannot be reached; the last two also while reading.
    """

    def __init__(self, url: str, end: int | None, stamp: str | None) -> None:
        super().__init__(url, end)
        self.stamp = stamp
        self.patience = Patience(url)
        self.answer: urllib3.BaseHTTPResponse | None = None
        self.answered = 0  # offset of the answer's next byte
        self._ask(0, 1 if end is not None else None)

    def fetch(self, offset: int, size: int) -> bytes:
        """As `RangedFile.fetch`."""
        parts: list[bytes] = []
        last = offset + size
        while offset < last:
            try:
                data = self._answer(offset, last).read1(min(last - offset, PIECE_BYTES))
            except urllib3.exceptions.HTTPError as error:
                self._lost(f"beyond byte {offset}, {_words(error)}")
                continue
            if data:
                parts.append(data)
                offset += len(data)
                self.answered = offset
                self.patience.regain()
            elif self.size < 0:
                break
            else:
                self._lost(f"beyond byte {offset}, the connection closed early")
        return b"".join(parts)

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()

    def _answer(self, offset: int, last: int) -> urllib3.BaseHTTPResponse:
        """An answer whose next byte is that at `offset`."""
        ended = self.answer is not None and self.answer.length_remaining == 0
        if self.answer is None or self.answered != offset or ended:
            if ended and self.answer:
                self.answer.release_conn()
                self.answer = None
            self._hang_up()
            self._ask(offset, None if self.end is None else last)
        assert self.answer is not None
        return self.answer

    def _ask(self, offset: int, last: int | None) -> None:
        """For the bytes from `offset` to `last`, or to the file's end."""
        wanted = f"bytes={offset}-{'' if last is None else last - 1}"
        answer = _asked(self.url, "GET", {"Range": wanted} if offset or last is not None else {}, also={416})
        size = _size(answer)
        stamp = _stamp(answer, size)
        if answer.status == 416 and not offset:  # RFC 9110, section 15.5.17: an empty file has no byte 0
            answer.close()
            self.size = 0
            return
        if answer.status == 416 or (self.stamp is not None and stamp != self.stamp):
            answer.close()
            raise ValueError(f"{self.url!r} changed while it was read; run again")
        self.stamp, self.size = stamp, size
        begins = _CONTENT_RANGE.match(answer.headers.get("Content-Range", "")) if answer.status == 206 else None
        if answer.status == 206 and (begins is None or int(begins[1]) != offset):
            answer.close()
            raise ValueError(f"{self.url!r} cannot be read: asked for {wanted}, the server gave {answer.headers.get('Content-Range')!r}")
        self.answer, self.answered = answer, offset
        if offset and begins is None:
            self._skip(answer, offset)

    def _skip(self, answer: urllib3.BaseHTTPResponse, missing: int) -> None:
        """The server does not know ranges: read up to where we were."""
        while missing:
            try:
                data = answer.read1(min(missing, PIECE_BYTES))
            except urllib3.exceptions.HTTPError:
                data = b""
            if not data:
                self._lost("the connection closed early, and the server gives no ranges")
                return
            missing -= len(data)

    def _lost(self, words: str) -> None:
        self._hang_up()
        self.patience.lose(words)

    def _hang_up(self) -> None:
        if self.answer:
            self.answer.close()
            self.answer = None


def _asked(url: str, method: str, headers: Mapping[str, str], also: frozenset[int] | set[int] = frozenset()) -> urllib3.BaseHTTPResponse:
    """One request, tried again on a broken connection and on the statuses of an overloaded server; `also` are given as they come."""
    patience = Patience(url)
    while True:
        try:
            answer = _pool().request(
                method,
                url,
                headers={**HEADERS, **headers},
                preload_content=False,
                decode_content=False,
                redirect=True,
                retries=urllib3.Retry(None, connect=0, read=0, status=0, other=0, redirect=REDIRECTS),
            )
        except (urllib3.exceptions.LocationValueError, urllib3.exceptions.ResponseError) as error:
            raise ValueError(f"{url!r} cannot be read: {_words(error)}") from error
        except urllib3.exceptions.MaxRetryError as error:
            if isinstance(error.reason, urllib3.exceptions.ResponseError):
                raise ValueError(f"{url!r} cannot be read: {_words(error.reason)}") from error
            patience.lose(_words(error.reason or error))
        except urllib3.exceptions.HTTPError as error:
            patience.lose(_words(error))
        else:
            if answer.status < 400 or answer.status in also:
                return answer
            # Not released: the next request would find the unread body of this answer in the connection.
            answer.close()
            if answer.status not in RETRIED:
                raise ValueError(f"{url!r} cannot be read: HTTP status {answer.status}")
            patience.lose(f"HTTP status {answer.status}", _asked_pause_s(answer.headers.get("Retry-After", "")))


def _asked_pause_s(text: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date (RFC 9110, section 10.2.3); 0 where it says neither."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, until.timestamp() - datetime.fromtimestamp(time.time(), UTC).timestamp())


def _size(answer: urllib3.BaseHTTPResponse) -> int:
    """Of the whole file in bytes; -1 where it is not said."""
    if answer.status == 206:
        found = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        return int(found[3]) if found and found[3] != "*" else -1
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else -1


def _stamp(answer: urllib3.BaseHTTPResponse, size: int) -> str:
    return answer.headers.get("ETag", "").removeprefix("W/") or answer.headers.get("Last-Modified", "") or str(size)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())
