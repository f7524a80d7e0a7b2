"""An HTTP response as a crawler stored it: status, headers, and the body with its codings undone, tolerantly and within caps."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import brotli
import zstandard

STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
HEAD_BYTES = 1 << 17
WINDOW_LIMIT_BYTES = 1 << 27
PIECE_BYTES = 1 << 14
# Each may swell a body to the cap anew.
CODINGS = 8
BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class PayloadError(Exception):
    """A body that cannot be had; `reason` is a short phrase to count by."""

    def __init__(self, reason: str, words: str = ""):
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason, self.words = reason, words


def parse_head(message: bytes) -> tuple[int, dict[str, str], int] | None:
    """Status, headers by lower-case name (repeated ones joined by commas), where the body begins; None without a status line."""
    status = STATUS.match(message)
    if not status:
        return None
    blank = BLANK_LINE.search(message, 0, HEAD_BYTES)
    end, body = (blank.start(), blank.end()) if blank else (len(message), len(message))
    if blank is None and len(message) > HEAD_BYTES:
        return None
    headers: dict[str, str] = {}
    name = ""
    for line in message[:end].decode("latin-1").split("\n")[1:]:
        if line[:1] in " \t" and name:
            headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return int(status[1]), headers, body


def decode_body(body: bytes, headers: dict[str, str], limit: int) -> bytes:
    """The body without chunking and content codings.

    Crawlers often keep the headers of codings that they have undone: a coding that the body does not show is taken as undone. A body that
    ends early gives what it holds.

    Raises:
        PayloadError: a coding is unknown or corrupt, there are more than CODINGS, or the body exceeds `limit` bytes.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = dechunk(body)
    codings = [coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")]
    if len(codings) > CODINGS:
        raise PayloadError("content encoding", f"{len(codings)} of them")
    for coding in reversed(codings):
        if coding in {"", "identity", "none", "utf-8", "8bit", "binary"}:
            continue
        if coding not in DECODERS:
            raise PayloadError("content encoding", f"{coding[:40]!r} is unknown")
        if not body:
            continue
        try:
            body = DECODERS[coding](body, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise PayloadError("content encoding", f"{coding}: {error}") from error
    if len(body) > limit:
        raise PayloadError("record too long", f"{len(body)} bytes after decoding")
    return body


def dechunk(body: bytes) -> bytes:
    """RFC 9112 section 7.1. A body that does not begin with a chunk is given as it is; behind a broken chunk the rest is given as it is."""
    parts = []
    at = 0
    while True:
        line_end = body.find(b"\n", at, at + 1024)
        size_text = body[at:line_end].split(b";")[0].strip() if line_end >= 0 else b""
        if not size_text or len(size_text) > 16 or size_text.strip(b"0123456789abcdefABCDEF"):
            parts.append(body[at:])
            break
        size = int(size_text, 16)
        if size == 0:
            break
        parts.append(body[line_end + 1 : line_end + 1 + size])
        at = line_end + 1 + size
        at += 2 if body[at : at + 2] == b"\r\n" else 1 if body[at : at + 1] == b"\n" else 0
        if at >= len(body):
            break
    return b"".join(parts)


def _inflated(state: zlib._Decompress, body: bytes, limit: int) -> bytes:
    output = state.decompress(body, limit + 1)
    _within(len(output), limit)
    return output


def _gzip(body: bytes, limit: int) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    parts, produced, at = [], 0, 0
    # Several members are one body (RFC 9110 section 8.4.1.3 refers to RFC 1952); what follows them is dropped.
    while body.startswith(b"\x1f\x8b", at):
        state = zlib.decompressobj(31)
        # In pieces: what a member does not use is copied, and 64 MiB may hold three million members.
        while not state.eof and at < len(body):
            piece = body[at : at + PIECE_BYTES]
            parts.append(state.decompress(piece, limit + 1 - produced))
            produced += len(parts[-1])
            _within(produced, limit)
            assert not state.unconsumed_tail, "only a full output leaves input over"
            at += len(piece) - len(state.unused_data)
    return b"".join(parts)


def _deflate(body: bytes, limit: int) -> bytes:
    # RFC 9110 section 8.4.1.2: the zlib format; some servers send bare deflate.
    try:
        return _inflated(zlib.decompressobj(), body, limit)
    except zlib.error:
        if body.lstrip()[:1] == b"<":
            return body
        return _inflated(zlib.decompressobj(-zlib.MAX_WBITS), body, limit)


def _brotli(body: bytes, limit: int) -> bytes:
    if body.lstrip()[:1] == b"<":
        return body
    state = brotli.Decompressor()
    parts: list[bytes] = []
    produced, at = 0, 0
    # Of a body that ends early each call gives 32 kB at most: it is asked until it has no more.
    while not state.is_finished():
        piece = body[at : at + PIECE_BYTES] if state.can_accept_more_data() else b""
        at += len(piece)
        parts.append(state.process(piece, output_buffer_limit=limit + 1 - produced))
        produced += len(parts[-1])
        _within(produced, limit)
        if not piece and not parts[-1]:
            break
    return b"".join(parts)


def _zstd(body: bytes, limit: int) -> bytes:
    if not body.startswith(b"\x28\xb5\x2f\xfd"):
        return body
    reader = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT_BYTES).stream_reader(body, read_across_frames=True)
    output = reader.read(limit + 1)
    _within(len(output), limit)
    return output


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise PayloadError("record too long", f"more than {limit} bytes after decoding")


DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
