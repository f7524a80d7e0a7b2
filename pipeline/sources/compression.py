"""Bytes out of gzip, zstd, bzip2, xz and lz4, recognised by their first bytes and not by a name, with where each byte came from.

A member is what one compressor wrote: a gzip member, a zstd frame, a bzip2 or xz stream. Damage does not take away what was read before
it: all of that is delivered, then `DamagedInput` says what is wrong and at which byte of the compressed file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import zstandard
from fastwarc.stream_io import Lz4Reader

from pipeline.sources.decoders import ERRORS, MEMORY_LIMIT_BYTES, OUTPUT_BYTES, Decoder, Gzip, decoder_of, up_to_error

READ_BYTES = 1 << 16
# A member's first step: what these hold decides whether it begins with a record, wherever reading began.
PROBE_BYTES = 1 << 14
# Deflate reaches 1,032 : 1 and the densest WARC of the test data 80 : 1; zstd and brotli have no such bound.
RATIO_LIMIT = 250
# Below this a high ratio harms nobody.
RATIO_FREE_BYTES = 64 << 20
TOTAL_LIMIT_BYTES = 1 << 40

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


@dataclass(frozen=True, slots=True)
class Packing:
    """What a reader that begins inside a file has to know of its beginning: `sniff`'s name, and the dictionary of a zstd file or b''."""

    kind: str
    dictionary: bytes = b""


@dataclass(slots=True)
class Chunk:
    """Uncompressed bytes. `member` is where their member begins in the file; the file up to `end` suffices to read them."""

    data: bytes
    member: int
    end: int
    first: bool
    """Whether they are the first of their member."""


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


class _Source:
    """A stream read forwards, with what was read of it and not used yet."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        self.stream, self.offset = stream, offset
        self.held, self.at = b"", 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end; they stay."""
        have = len(self.held) - self.at
        if have < size:
            self.held = self.held[self.at :] + read_fully(self.stream, max(READ_BYTES, size - have))
            self.at = 0
        return self.held[self.at : self.at + size]

    def use(self, size: int) -> None:
        self.at += size
        self.offset += size

    def read(self, size: int) -> bytes:
        data = self.peek(size)
        self.use(len(data))
        return data


def chunks(
    stream: BinaryIO,
    ratio: float = RATIO_LIMIT,
    limit: int = TOTAL_LIMIT_BYTES,
    start: int = 0,
    packing: Packing | None = None,
) -> Iterator[Chunk]:
    """Uncompressed bytes of a stream positioned at its byte `start`, in order, cut at member boundaries.

    A member gives the same chunks whatever lies before it: its first chunk is what its first PROBE_BYTES hold.

    Args:
        stream: file, compressed or not; only read forwards.
        ratio: uncompressed bytes allowed per compressed byte of a member, once it exceeds RATIO_FREE_BYTES.
        limit: uncompressed bytes allowed in all.
        start: offset of the stream's next byte in its file, added to every offset.
        packing: of the file; needed where `start` is not its beginning.

    Raises:
        DamagedInput: truncated or corrupt data, bytes after the last member that are no member, or a limit exceeded.
    """
    source = _Source(stream, start)
    kind, dictionary = (packing.kind, packing.dictionary) if packing else (sniff(source.peek(6)), b"")
    if kind == "plain":
        first = True
        while data := source.read(READ_BYTES):
            yield Chunk(data, source.offset - len(data), source.offset, first)
            first = False
        return
    if kind == "lz4":
        yield from _lz4(stream, source.held, start, ratio, limit)
        return
    total = 0
    while _skip_padding(source):
        if kind == "zstd" and _is_skippable(source.peek(4)):
            content = _skippable(source, keep=source.offset == 0)
            dictionary = content or dictionary
            continue
        if sniff(source.peek(6)) != kind:
            raise DamagedInput(f"no {kind} after the last member", source.offset, source.offset)
        before = total
        for chunk in _member(source, decoder_of(kind, dictionary)):
            total += len(chunk.data)
            _check_limits(kind, chunk, total - before, total, ratio=ratio, limit=limit)
            yield chunk


def packing_of(stream: BinaryIO) -> Packing:
    """How a file is packed, by its beginning, from where the stream stands; a dictionary that is damaged is none."""
    source = _Source(stream, 0)
    kind, dictionary = sniff(source.peek(6)), b""
    if kind == "zstd" and _is_skippable(source.peek(4)):
        with contextlib.suppress(DamagedInput):
            dictionary = _skippable(source, keep=True)
    return Packing(kind, dictionary)


def _check_limits(kind: str, chunk: Chunk, of_member: int, total: int, *, ratio: float, limit: int) -> None:
    if of_member > RATIO_FREE_BYTES and of_member > ratio * (chunk.end - chunk.member):
        raise DamagedInput("decompression limit", chunk.end, chunk.member, f"{kind} swells more than {ratio:g} times")
    if total > limit:
        raise DamagedInput("decompression limit", chunk.end, chunk.member, f"more than {limit} bytes")


def _skip_padding(source: _Source) -> bool:
    """Pass over the zero bytes that tapes and xz leave between members; whether anything follows."""
    while data := source.peek(PROBE_BYTES):
        zeros = len(data) - len(data.lstrip(b"\0"))
        source.use(zeros)
        if zeros < len(data):
            return True
    return False


def _member(source: _Source, decoder: Decoder) -> Iterator[Chunk]:
    """Chunks of one member. A chunk is held back until it is known whether the member's trailer ends it."""
    start, first, size = source.offset, True, PROBE_BYTES
    waiting: Chunk | None = None
    output = b""
    while True:
        data = source.peek(size)
        # A full output may leave more of it in the decoder although the input is used up.
        if not data and len(output) < OUTPUT_BYTES:
            if waiting:
                yield waiting
            raise DamagedInput(f"truncated {decoder.name}", source.offset, start)
        saved = decoder.copy() if isinstance(decoder, Gzip) and not first else None
        try:
            output, used, over = decoder.step(data)
        except ERRORS as error:
            if waiting:
                yield waiting
            if isinstance(decoder, Gzip):
                output, used = up_to_error(saved or Gzip(), data)
                source.use(used)
                if output:
                    yield Chunk(output, start, source.offset, first)
            raise DamagedInput(f"corrupt {decoder.name}", source.offset, start, str(error)) from error
        source.use(used)
        if output or first:
            if waiting:
                yield waiting
            waiting = Chunk(output, start, source.offset, first)
        first, size = False, READ_BYTES
        if over:
            assert waiting is not None
            waiting.end = source.offset
            yield waiting
            return


def _is_skippable(magic: bytes) -> bool:
    """Whether a zstd frame holds no data (RFC 8878, section 3.1.2)."""
    return magic[1:4] == ZSTD_DICTIONARY[1:] and magic[0] & 0xF0 == 0x50


def _skippable(source: _Source, *, keep: bool) -> bytes:
    """Pass over a skippable frame; the dictionary in it where `keep` is set and it holds one."""
    start = source.offset
    head = source.read(8)
    missing = int.from_bytes(head[4:8], "little")
    keep = keep and head[:4] == ZSTD_DICTIONARY
    if keep and missing > MEMORY_LIMIT_BYTES:
        raise DamagedInput("corrupt zstd", start, start, f"dictionary of {missing} bytes")
    parts = []
    while len(head) == 8 and missing and (data := source.read(min(missing, READ_BYTES))):
        missing -= len(data)
        if keep:
            parts.append(data)
    if missing or len(head) < 8:
        raise DamagedInput("truncated zstd", source.offset, start)
    content = b"".join(parts)
    if not content.startswith(ZSTD):
        return content
    try:
        return zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT_BYTES).decompress(content, max_output_size=MEMORY_LIMIT_BYTES)
    except zstandard.ZstdError as error:
        raise DamagedInput("corrupt zstd", start, start, f"dictionary: {error}") from error


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
