"""WARC 1.1 records (ISO 28500:2017), one gzip member each, equal bytes for equal content: no clock, no random ids."""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they go into a WARC."""

    url: str
    date: str
    """ISO 8601, UTC, ending in Z."""
    address: str
    request: bytes
    """Head of the request."""
    head: bytes
    """Status line and headers of the answer, with the blank line."""
    body: bytes
    truncated: str = ""
    """Why the body was cut ('length', 'time', 'disconnect', 'unspecified'), or ''."""


def warcinfo(date: str, name: str, lines: Sequence[tuple[str, str]]) -> bytes:
    """A file's first member: which software wrote it, and how."""
    block = "".join(f"{key}: {value}\r\n" for key, value in lines).encode()
    fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", _identity("warcinfo", name, date)),
        ("WARC-Date", date),
        ("WARC-Filename", name),
        ("Content-Type", "application/warc-fields"),
    ]
    return _member(fields, block)


def exchange(it: Exchange, offset: int) -> bytes:
    """Two members: the request, then the response that refers to it.

    Args:
        it: what was asked and answered.
        offset: of the first member in its file, which tells apart the records of one URL that is asked twice.
    """
    place = f"{it.url} {offset}"
    request_id = _identity("request", place, it.date)
    common = [("WARC-Date", it.date), ("WARC-Target-URI", it.url), ("WARC-IP-Address", it.address)]
    request = [
        ("WARC-Type", "request"),
        ("WARC-Record-ID", request_id),
        *common,
        ("Content-Type", "application/http; msgtype=request"),
    ]
    response = [
        ("WARC-Type", "response"),
        ("WARC-Record-ID", _identity("response", place, it.date)),
        ("WARC-Concurrent-To", request_id),
        *common,
        ("WARC-Payload-Digest", _sha1(it.body)),
        *([("WARC-Truncated", it.truncated)] if it.truncated else []),
        ("Content-Type", "application/http; msgtype=response"),
    ]
    return _member(request, it.request) + _member(response, it.head + it.body)


def _member(fields: Sequence[tuple[str, str]], block: bytes) -> bytes:
    lines = [f"{key}: {value}\r\n" for key, value in (*fields, ("WARC-Block-Digest", _sha1(block)), ("Content-Length", str(len(block))))]
    head = "WARC/1.1\r\n" + "".join(lines) + "\r\n"
    return gzip.compress(head.encode() + block + b"\r\n\r\n", GZIP_LEVEL, mtime=0)


def _identity(kind: str, name: str, date: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {date} {name}')}>"


def _sha1(data: bytes) -> str:
    # SHA-1 in base32 is what WARC tools compare; nothing here rests on its strength.
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
