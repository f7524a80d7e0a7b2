"""One HTTP request to a checked address: what it answered, or why there is no answer."""

from __future__ import annotations

import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from pipeline.settings.sources import Crawl
from pipeline.sources.addresses import AddressError, addresses_of
from pipeline.sources.urls import DEFAULT_PORTS
from pipeline.sources.warc_writer import Exchange

RETRIED = frozenset({429, 500, 502, 503, 504})
# A server that asks to be left alone for longer is not asked again for the same page.
LONGEST_PAUSE_S = 120.0
LEAST_PAUSE_S = 0.1
# A server that drips a byte now and then keeps every single read within its time.
WHOLE_REQUEST_TIMEOUTS = 3
PIECE_BYTES = 1 << 16
# Python's client reads up to 6.5 MB of headers; the WARC reader's bound is 128 kB.
HEAD_BYTES = 1 << 16
READ_TYPES = ("text/html", "application/xhtml+xml", "text/plain")


class FetchError(Exception):
    """No answer; `reason` is a short phrase to count by."""

    def __init__(self, reason: str, words: str = ""):
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason, self.words = reason, words


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and for how many seconds the server asked to be left alone (429 and 503), at most 120."""

    exchange: Exchange
    rest_s: float = 0.0


def fetch(url: str, crawl: Crawl, pause: Callable[[float], None] = time.sleep, *, limit: int = 0, any_type: bool = False) -> Answer:
    """Ask for a page, again after a pause where the server is overloaded; redirects are the caller's.

    Args:
        url: canonical.
        crawl: timeouts, retries, limits and name.
        pause: waits between two tries.
        limit: bytes of the body that are kept; 0: `crawl.max_bytes`.
        any_type: of types that hold no text only the head is kept, unless this.

    Raises:
        FetchError: no address, a private one, no connection, no answer in time.
    """
    for attempt in range(crawl.retries + 1):
        last = attempt == crawl.retries
        wait_s = max(crawl.delay_s, LEAST_PAUSE_S) * 2**attempt
        try:
            exchange, retry, rest_s = _once(url, crawl, attempt, limit or crawl.max_bytes, any_type=any_type)
        except FetchError as error:
            if last or error.reason not in {"timeout", "unreachable"}:
                raise
        else:
            if last or not retry or rest_s > LONGEST_PAUSE_S:
                return Answer(exchange, min(rest_s, LONGEST_PAUSE_S))
            wait_s = max(wait_s, rest_s)
        pause(min(wait_s, LONGEST_PAUSE_S))
    raise AssertionError("the last try returns or raises")


def _once(url: str, crawl: Crawl, attempt: int, limit: int, *, any_type: bool) -> tuple[Exchange, bool, float]:
    """The answer, whether another try may be better, and how many seconds the server asks to be left alone."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        addresses = addresses_of(host, port, allow_private=crawl.allow_private)
    except AddressError as error:
        raise FetchError(error.reason, error.words) from error
    address = addresses[attempt % len(addresses)]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Host": parts.netloc,
        "User-Agent": crawl.user_agent,
        "Accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    request = (f"GET {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode()
    with _answer(parts.scheme, host, port, address, path, headers, crawl.timeout_s) as (answer, expired):
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        wanted = any_type or not kind or kind in READ_TYPES or answer.status != 200
        body, truncated = _body(answer, limit, expired) if wanted else (b"", "unspecified")
    date = crawl.timestamp or datetime.now(UTC)
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    head = _head(answer, date if crawl.timestamp else None)
    if len(head) > HEAD_BYTES:
        raise FetchError("head too long", f"{len(head)} bytes of headers")
    exchange = Exchange(url, f"{date:%Y-%m-%dT%H:%M:%SZ}", address, request, head, body, truncated)
    rest_s = _retry_after(answer) if answer.status in {429, 503} else 0.0
    return exchange, answer.status in RETRIED or truncated == "disconnect", rest_s


@contextmanager
def _answer(
    scheme: str, host: str, port: int, address: str, path: str, headers: dict[str, str], timeout_s: float
) -> Iterator[tuple[urllib3.BaseHTTPResponse, threading.Event]]:
    """The answer with its body unread, and an event that is set when the time for the whole of it has run out.

    The connection is to the address that was checked, and not to what the name may resolve to a moment later.

    Raises:
        FetchError: there is none, or reading it within the block fails.
    """
    if scheme == "https":
        context = ssl.create_default_context()
        connection: HTTPConnection = HTTPSConnection(address, port, timeout=timeout_s, ssl_context=context, server_hostname=host)
    else:
        connection = HTTPConnection(address, port, timeout=timeout_s)
    expired = threading.Event()
    watch: threading.Timer | None = None
    answer: urllib3.BaseHTTPResponse | None = None
    try:
        connection.connect()
        watch = threading.Timer(timeout_s * WHOLE_REQUEST_TIMEOUTS, _expire, (connection.sock, expired))
        watch.daemon = True
        watch.start()
        connection.request("GET", path, headers=headers, preload_content=False, decode_content=False)
        answer = connection.getresponse()
        yield answer, expired
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        words = " ".join(str(error).split())[:300]
        if expired.is_set():
            raise FetchError("timeout", f"no whole answer in {WHOLE_REQUEST_TIMEOUTS} times the limit of one read") from error
        if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
            raise FetchError("timeout", words) from error
        if isinstance(error, (urllib3.exceptions.SSLError, ssl.SSLError)):
            raise FetchError("certificate", words) from error
        raise FetchError("unreachable", words or type(error).__name__) from error
    finally:
        if watch:
            watch.cancel()
        if answer:
            answer.close()
        connection.close()


def _expire(sock: socket.socket, expired: threading.Event) -> None:
    """End whatever read or write is waiting, headers and TLS included."""
    expired.set()
    try:
        # Not the TLS socket's own shutdown, which would pull its state from under the reading thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:  # closed a moment ago
        return


def _body(answer: urllib3.BaseHTTPResponse, limit: int, expired: threading.Event) -> tuple[bytes, str]:
    """The body up to `limit` bytes, and why it was cut, or ''."""
    parts, size = [], 0
    try:
        for piece in answer.stream(PIECE_BYTES, decode_content=False):
            parts.append(piece[: limit - size])
            size += len(piece)
            if size > limit:
                return b"".join(parts), "length"
    except urllib3.exceptions.ProtocolError as error:
        if not size or expired.is_set() or "timed out" in str(error):
            raise
        return b"".join(parts), "disconnect"
    if expired.is_set():  # a body without a length ends where the connection does
        raise FetchError("timeout", f"{size} bytes in {WHOLE_REQUEST_TIMEOUTS} times the limit of one read")
    return b"".join(parts), ""


def _head(answer: urllib3.BaseHTTPResponse, date: datetime | None) -> bytes:
    """Status line and headers. The body is stored without chunks, so Transfer-Encoding is kept under another name, as Common Crawl does."""
    lines = [f"HTTP/1.1 {answer.status} {_line(answer.reason or '')}".rstrip()]
    for key, value in answer.headers.items():
        name = key.lower()
        if name == "date" and date:
            lines.append(f"{key}: {date:%a, %d %b %Y %H:%M:%S} GMT")
        else:
            lines.append(f"{'X-Crawler-' if name == 'transfer-encoding' else ''}{_line(key)}: {_line(value)}")
    # The client decodes headers from Latin-1: these are the server's bytes.
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _line(text: str) -> str:
    """On one line: a folded header's breaks are blanks (RFC 9112 section 5.2)."""
    return text.replace("\r", " ").replace("\n", " ")


def _retry_after(answer: urllib3.BaseHTTPResponse) -> float:
    """Seconds that a Retry-After header asks for: a number, or a date against that of the answer (RFC 9110 section 10.2.3)."""
    stated = answer.headers.get("Retry-After", "").strip()
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    try:
        until = email.utils.parsedate_to_datetime(stated)
        now = email.utils.parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
