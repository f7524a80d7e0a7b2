"""One HTTP request to a checked address: what it answered, or why there is no answer."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

import urllib3

from pipeline.config import Crawl
from pipeline.sources.warc_writer import Exchange

RETRIED = frozenset({429, 500, 502, 503, 504})
LONGEST_PAUSE_S = 60.0
LEAST_PAUSE_S = 0.1
# A server that drips a byte now and then keeps every single read within its time.
WHOLE_REQUEST_TIMEOUTS = 10
PIECE_BYTES = 1 << 16
READ_TYPES = ("text/html", "application/xhtml+xml", "text/plain")
DEFAULT_PORTS = {"http": 80, "https": 443}


class FetchError(Exception):
    """No answer; `reason` is a short phrase to count by."""

    def __init__(self, reason: str, words: str = ""):
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason, self.words = reason, words


def fetch(url: str, crawl: Crawl, *, any_type: bool = False) -> Exchange:
    """Ask for a page, again after a pause where the server is overloaded; redirects are the caller's.

    The body is kept up to `crawl.max_bytes`; of types that hold no text only the head is kept, unless `any_type`.

    Raises:
        FetchError: no address, a private one, no connection, no answer in time.
    """
    for attempt in range(crawl.retries + 1):
        last = attempt == crawl.retries
        pause = max(crawl.delay_s, LEAST_PAUSE_S) * 2**attempt
        try:
            answer, retry_after = _once(url, crawl, any_type=any_type)
        except FetchError as error:
            if last or error.reason not in {"timeout", "unreachable"}:
                raise
        else:
            if last or retry_after is None:
                return answer
            pause = max(pause, retry_after)
        time.sleep(min(pause, LONGEST_PAUSE_S))
    raise AssertionError("the last try returns or raises")


def checked_address(host: str, port: int, *, allow_private: bool) -> str:
    """The address to connect to: the first in numeric order, when all of the host's addresses may be asked.

    Raises:
        FetchError: the host has no address, or one that is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError("unknown host", f"{host}: {error}") from error
    addresses = sorted(
        {ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}, key=lambda address: (address.version, int(address))
    )
    for address in addresses:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        real = mapped or address
        if not allow_private and (not real.is_global or real.is_multicast):
            raise FetchError("private address", f"{host} is {address}")
    return str(addresses[0])


def _once(url: str, crawl: Crawl, *, any_type: bool) -> tuple[Exchange, float | None]:
    """The answer, and how many seconds to wait where another try is due."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    address = checked_address(host, port, allow_private=crawl.allow_private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Host": parts.netloc,
        "User-Agent": crawl.user_agent,
        "Accept": "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    request = (f"GET {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode()
    deadline = time.monotonic() + crawl.timeout_s * WHOLE_REQUEST_TIMEOUTS
    with _pool(parts, host, port, address, crawl.timeout_s) as pool:
        try:
            answer = pool.urlopen(
                "GET",
                path,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                assert_same_host=False,
            )
            try:
                kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                wanted = any_type or not kind or kind in READ_TYPES or answer.status != 200
                body, truncated = _body(answer, crawl.max_bytes, deadline) if wanted else (b"", "unspecified")
            finally:
                answer.close()
        except urllib3.exceptions.TimeoutError as error:
            raise FetchError("timeout", _words(error)) from error
        except urllib3.exceptions.SSLError as error:
            raise FetchError("certificate", _words(error)) from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise FetchError("unreachable", _words(error)) from error
    date = crawl.timestamp or datetime.now(UTC)
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    head = _head(answer, date if crawl.timestamp else None)
    stored = Exchange(url, f"{date:%Y-%m-%dT%H:%M:%SZ}", address, request, head, body, truncated)
    if answer.status not in RETRIED and truncated != "disconnect":
        return stored, None
    asked = answer.headers.get("Retry-After", "")
    return stored, float(asked) if asked.isdigit() and len(asked) < 6 else 0.0


def _pool(parts: SplitResult, host: str, port: int, address: str, timeout_s: float) -> urllib3.HTTPConnectionPool:
    """Connects to the address that was checked, and not to what the name may resolve to a moment later."""
    where = f"[{address}]" if ":" in address else address
    timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return urllib3.HTTPSConnectionPool(where, port, timeout=timeout, ssl_context=context, server_hostname=host, assert_hostname=host)
    return urllib3.HTTPConnectionPool(where, port, timeout=timeout)


def _body(answer: urllib3.BaseHTTPResponse, limit: int, deadline: float) -> tuple[bytes, str]:
    parts, size = [], 0
    try:
        for piece in answer.stream(PIECE_BYTES, decode_content=False):
            parts.append(piece[: limit - size])
            size += len(piece)
            if size > limit:
                return b"".join(parts), "length"
            if time.monotonic() > deadline:
                raise FetchError("timeout", f"{size} bytes in {WHOLE_REQUEST_TIMEOUTS} times the limit of one read")
    except urllib3.exceptions.ProtocolError as error:
        if not size or "timed out" in str(error):
            raise
        return b"".join(parts), "disconnect"
    return b"".join(parts), ""


def _head(answer: urllib3.BaseHTTPResponse, date: datetime | None) -> bytes:
    """Status line and headers. The body is stored without chunks, so Transfer-Encoding is kept under another name, as Common Crawl does."""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason or ''}".rstrip()]
    for key, value in answer.headers.items():
        name = key.lower()
        if name == "date" and date:
            lines.append(f"{key}: {date:%a, %d %b %Y %H:%M:%S} GMT")
        else:
            lines.append(f"{'X-Crawler-' if name == 'transfer-encoding' else ''}{key}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
