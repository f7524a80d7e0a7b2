"""Bytes out of gzip, zstd, bzip2, xz and lz4, recognised by their first bytes and not by a name, with where each byte came from.

A member is what one compressor wrote: a gzip member, a zstd frame, a bzip2 or xz stream. Damage does not take away what was read before
it: all of that is delivered, then `DamagedInput` says what is wrong and at which byte of the compressed file.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import zstandard
from fastwarc.stream_io import Lz4Reader

READ_BYTES = 1 << 16
OUTPUT_BYTES = 1 << 18
# Deflate reaches 1,032 : 1 and the densest WARC of the test data 80 : 1; zstd and brotli have no such bound.
RATIO_LIMIT = 250
# Below this a high ratio harms nobody.
RATIO_FREE_BYTES = 64 << 20
TOTAL_LIMIT_BYTES = 1 << 40
MEMORY_LIMIT_BYTES = 1 << 28

GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
BZIP2 = b"BZh"
XZ = b"\xfd7zXZ\x00"
LZ4 = b"\x04\x22\x4d\x18"
# A zstd WARC may open with its dictionary in a skippable frame of this number (iipc.github.io/warc-specifications, Zstandard).
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
MAGIC = {GZIP: "gzip", ZSTD: "zstd", ZSTD_DICTIONARY: "zstd", BZIP2: "bzip2", XZ: "xz", LZ4: "lz4"}


class DamagedInput(Exception):  # noqa: N818 -- it tells of the input, the reader is well
    """Compressed data that ends early, is corrupt, or swells beyond the limits; raised after all that could be read was delivered.

    `reason` is a short phrase to count by, `offset` the byte of the compressed file at which reading stopped, `member` the offset at which
    the damaged member begins.
    """

    def __init__(self, reason: str, offset: int, member: int, words: str = ""):
        super().__init__(f"{reason} at byte {offset}" + (f": {words}" if words else ""))
        self.reason, self.offset, self.member, self.words = reason, offset, member, words


@dataclass(slots=True)
class Chunk:
    """Uncompressed bytes. `member` is where their member begins in the file; the file up to `end` suffices to read them."""

    data: bytes
    member: int
    end: int
    first: bool
    """Whether they are the first of their member."""


class _Decoder(Protocol):
    """One member. `step` gives its next bytes (at most about OUTPUT_BYTES), the input it did not use, and whether the member is over."""

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]: ...


class _Gzip:
    errors: tuple[type[Exception], ...] = (zlib.error,)

    def __init__(self, state: zlib._Decompress | None = None) -> None:
        self.state = state or zlib.decompressobj(31)

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        output = self.state.decompress(data, OUTPUT_BYTES)
        return output, self.state.unused_data if self.state.eof else self.state.unconsumed_tail, self.state.eof

    def copy(self) -> _Gzip:
        return _Gzip(self.state.copy())


class _Buffering:
    """bzip2 and xz: the decoder keeps what it has not used yet."""

    def __init__(self, state: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self.state = state

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        output = self.state.decompress(data, OUTPUT_BYTES)
        return output, self.state.unused_data if self.state.eof else b"", self.state.eof


class _Zstd:
    # One 4-byte block of zstd may stand for 128 KiB and the decoder takes no output limit: 512 bytes in are at most 16 MiB out.
    piece = 512

    def __init__(self, dictionary: bytes) -> None:
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self.state = zstandard.ZstdDecompressor(dict_data=known, max_window_size=MEMORY_LIMIT_BYTES).decompressobj()

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        outputs, produced, used = [], 0, 0
        while used < len(data) and produced < OUTPUT_BYTES and not self.state.eof:
            outputs.append(self.state.decompress(data[used : used + self.piece]))
            produced += len(outputs[-1])
            used += self.piece
        rest = self.state.unused_data + data[used:] if self.state.eof else data[used:]
        return b"".join(outputs), rest, self.state.eof


ERRORS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstandard.ZstdError)


def sniff(beginning: bytes) -> str:
    """'gzip', 'zstd', 'bzip2', 'xz', 'lz4', or 'plain', by the first bytes of a file."""
    for magic, name in MAGIC.items():
        if beginning.startswith(magic):
            return name
    return "plain"


def read_fully(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the end; so chunks do not depend on how a network cuts its packets."""
    data = stream.read(size)
    if not data or len(data) >= size:
        return data
    parts, missing = [data], size - len(data)
    while missing and (data := stream.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def chunks(
    stream: BinaryIO,
    ratio: float = RATIO_LIMIT,
    limit: int = TOTAL_LIMIT_BYTES,
    start: int = 0,
) -> Iterator[Chunk]:
    """Uncompressed bytes of a stream positioned at its byte `start`, in order, cut at member boundaries.

    Args:
        stream: file, compressed or not; only read forwards.
        ratio: uncompressed bytes allowed per compressed byte of a member, once it exceeds RATIO_FREE_BYTES.
        limit: uncompressed bytes allowed in all.
        start: offset of the stream's next byte in its file, added to every offset.

    Raises:
        DamagedInput: truncated or corrupt data, bytes after the last member that are no member, or a limit exceeded.
    """
    raw = read_fully(stream, READ_BYTES)
    kind = sniff(raw)
    if kind == "plain":
        yield from _plain(stream, raw, start)
        return
    if kind == "lz4":
        yield from _lz4(stream, raw, start, ratio, limit)
        return
    offset, dictionary, total = start, b"", 0
    while True:
        raw, offset = _after_padding(stream, raw, offset)
        if not raw:
            return
        if len(raw) < 18:
            raw += read_fully(stream, READ_BYTES)
        if kind == "zstd" and raw[1:4] == ZSTD_DICTIONARY[1:] and raw[0] & 0xF0 == 0x50:
            content, raw, offset = _skippable(stream, raw, offset)
            dictionary = _dictionary(content, offset) if offset - len(content) - 8 == start else dictionary
            continue
        if sniff(raw) != kind:
            raise DamagedInput(f"no {kind} after the last member", offset, offset)
        before = total
        for chunk, rest in _member(stream, raw, offset, _decoder(kind, dictionary), kind):
            total += len(chunk.data)
            _check_limits(kind, chunk, total - before, total, ratio=ratio, limit=limit)
            yield chunk
            raw, end = rest, chunk.end
        offset = end


def _plain(stream: BinaryIO, raw: bytes, offset: int) -> Iterator[Chunk]:
    first = True
    while raw:
        yield Chunk(raw, offset, offset + len(raw), first)
        offset += len(raw)
        first = False
        raw = read_fully(stream, READ_BYTES)


def _decoder(kind: str, dictionary: bytes) -> _Decoder:
    if kind == "gzip":
        return _Gzip()
    if kind == "zstd":
        return _Zstd(dictionary)
    if kind == "bzip2":
        return _Buffering(bz2.BZ2Decompressor())
    return _Buffering(lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT_BYTES))


def _check_limits(kind: str, chunk: Chunk, of_member: int, total: int, *, ratio: float, limit: int) -> None:
    if of_member > RATIO_FREE_BYTES and of_member > ratio * (chunk.end - chunk.member):
        raise DamagedInput("decompression limit", chunk.end, chunk.member, f"{kind} swells more than {ratio:g} times")
    if total > limit:
        raise DamagedInput("decompression limit", chunk.end, chunk.member, f"more than {limit} bytes")


def _after_padding(stream: BinaryIO, raw: bytes, offset: int) -> tuple[bytes, int]:
    """The input without the zero bytes that tapes and xz leave between members."""
    while True:
        rest = raw.lstrip(b"\0")
        offset += len(raw) - len(rest)
        if rest:
            return rest, offset
        raw = read_fully(stream, READ_BYTES)
        if not raw:
            return b"", offset


def _member(stream: BinaryIO, raw: bytes, start: int, decoder: _Decoder, kind: str) -> Iterator[tuple[Chunk, bytes]]:
    """Chunks of one member with the input left after each. A chunk is held back until it is known whether the member's trailer ends it."""
    offset, first = start, True
    waiting: Chunk | None = None
    saved: _Gzip | None = None
    while True:
        try:
            output, rest, over = decoder.step(raw)
        except ERRORS as error:
            if waiting:
                yield waiting, b""
            output, offset = _up_to_error(saved or (_Gzip() if kind == "gzip" else None), raw, offset)
            if output:
                yield Chunk(output, start, offset, first), b""
            raise DamagedInput(f"corrupt {kind}", offset, start, str(error)) from error
        offset += len(raw) - len(rest)
        raw = rest
        if output:
            if waiting:
                yield waiting, raw
            waiting, first = Chunk(output, start, offset, first), False
        if over:
            waiting = waiting or Chunk(b"", start, offset, first)
            waiting.end = offset
            yield waiting, raw
            return
        # A full output may leave more of it in the decoder although the input is used up.
        if not raw and len(output) < OUTPUT_BYTES:
            raw = read_fully(stream, READ_BYTES)
            if not raw:
                if waiting:
                    yield waiting, b""
                raise DamagedInput(f"truncated {kind}", offset, start)
        if isinstance(decoder, _Gzip):
            saved = decoder.copy()


def _up_to_error(decoder: _Gzip | None, raw: bytes, offset: int) -> tuple[bytes, int]:
    """What a failed call would have given up to its corrupt byte (zlib gives nothing), and that byte's offset."""
    if decoder is None:
        return b"", offset
    outputs = []
    for position in range(len(raw)):
        try:
            outputs.append(decoder.state.decompress(raw[position : position + 1]))
        except zlib.error:
            return b"".join(outputs), offset + position
    return b"".join(outputs), offset + len(raw)


def _skippable(stream: BinaryIO, raw: bytes, offset: int) -> tuple[bytes, bytes, int]:
    size = int.from_bytes(raw[4:8], "little")
    if size > MEMORY_LIMIT_BYTES:
        raise DamagedInput("corrupt zstd", offset, offset, f"skippable frame of {size} bytes")
    if len(raw) < 8 + size:
        raw += read_fully(stream, 8 + size - len(raw))
    if len(raw) < 8 + size:
        raise DamagedInput("truncated zstd", offset + len(raw), offset)
    return raw[8 : 8 + size], raw[8 + size :], offset + 8 + size


def _dictionary(content: bytes, offset: int) -> bytes:
    if not content.startswith(ZSTD):
        return content
    try:
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=MEMORY_LIMIT_BYTES)
    except zstandard.ZstdError as error:
        raise DamagedInput("corrupt zstd", offset, offset, f"dictionary: {error}") from error


class _Remainder:
    """A stream with some bytes put back in front of it, as FastWARC reads it."""

    def __init__(self, beginning: bytes, stream: BinaryIO, start: int) -> None:
        self.beginning, self.stream, self.position = beginning, stream, start

    def read(self, size: int = -1) -> bytes:
        data, self.beginning = (self.beginning[:size], self.beginning[size:]) if self.beginning else (self.stream.read(size), b"")
        self.position += len(data)
        return data

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        raise OSError("read forwards only")

    def close(self) -> None:
        """The stream is its owner's to close."""


def _lz4(stream: BinaryIO, raw: bytes, start: int, ratio: float, limit: int) -> Iterator[Chunk]:
    """lz4 has no members here: FastWARC's reader does not say where a frame ends, so offsets are those of the bytes taken in."""
    source = _Remainder(raw, stream, start)
    reader = Lz4Reader(source)
    total = 0
    while True:
        try:
            data = reader.read(READ_BYTES)
        except OSError as error:
            reason = "truncated lz4" if "fill" in str(error) else "corrupt lz4"
            raise DamagedInput(reason, source.position, start, str(error)) from error
        if not data:
            return
        chunk = Chunk(data, start, source.position, total == 0)
        total += len(data)
        _check_limits("lz4", chunk, total, total, ratio=ratio, limit=limit)
        yield chunk
