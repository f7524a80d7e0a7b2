"""One member of a compressed file, step by step: gzip, zstd, bzip2 and xz behind one interface."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

import zstandard

OUTPUT_BYTES = 1 << 18
MEMORY_LIMIT_BYTES = 1 << 28
ERRORS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstandard.ZstdError)


class Decoder(Protocol):
    """One member. `step` gives its next bytes (at most about OUTPUT_BYTES), how much of the input it used, and whether it is over."""

    name: str

    def step(self, data: bytes) -> tuple[bytes, int, bool]:
        """Go on with `data`, which may be b"" where a full output was given before."""


class Gzip:
    """zlib's; `copy` is as far as this one."""

    name = "gzip"

    def __init__(self, state: zlib._Decompress | None = None) -> None:
        self.state = state or zlib.decompressobj(31)

    def step(self, data: bytes) -> tuple[bytes, int, bool]:
        """As `Decoder.step`."""
        output = self.state.decompress(data, OUTPUT_BYTES)
        rest = self.state.unused_data if self.state.eof else self.state.unconsumed_tail
        return output, len(data) - len(rest), self.state.eof

    def copy(self) -> Gzip:
        """Another that stands where this one does."""
        return Gzip(self.state.copy())


class Buffering:
    """bzip2 and xz: the decoder keeps what it has not used yet."""

    def __init__(self, state: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self.state = state
        self.name = "bzip2" if isinstance(state, bz2.BZ2Decompressor) else "xz"

    def step(self, data: bytes) -> tuple[bytes, int, bool]:
        """As `Decoder.step`."""
        output = self.state.decompress(data, OUTPUT_BYTES)
        return output, len(data) - len(self.state.unused_data if self.state.eof else b""), self.state.eof


class Zstd:
    """A frame, with the file's dictionary where it has one."""

    name = "zstd"
    # One 4-byte block of zstd may stand for 128 KiB and the decoder takes no output limit: 512 bytes in are at most 16 MiB out.
    piece = 512

    def __init__(self, dictionary: bytes) -> None:
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self.state = zstandard.ZstdDecompressor(dict_data=known, max_window_size=MEMORY_LIMIT_BYTES).decompressobj()
        self.failure: zstandard.ZstdError | None = None

    def step(self, data: bytes) -> tuple[bytes, int, bool]:
        """As `Decoder.step`."""
        if self.failure:
            raise self.failure
        outputs, produced, used = [], 0, 0
        while used < len(data) and produced < OUTPUT_BYTES and not self.state.eof:
            try:
                outputs.append(self.state.decompress(data[used : used + self.piece]))
            except zstandard.ZstdError as error:
                if not produced:
                    raise
                # What the pieces before gave is delivered first.
                self.failure = error
                return b"".join(outputs), used, False
            produced += len(outputs[-1])
            used = min(used + self.piece, len(data))
        return b"".join(outputs), used - (len(self.state.unused_data) if self.state.eof else 0), self.state.eof


def decoder_of(kind: str, dictionary: bytes) -> Decoder:
    """A new member's, by the name that `compression.sniff` gives; `dictionary` is zstd's."""
    if kind == "gzip":
        return Gzip()
    if kind == "zstd":
        return Zstd(dictionary)
    if kind == "bzip2":
        return Buffering(bz2.BZ2Decompressor())
    return Buffering(lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT_BYTES))


def up_to_error(decoder: Gzip, data: bytes) -> tuple[bytes, int]:
    """What a failed call would have given up to its corrupt byte (zlib gives nothing), and how many bytes lie before that one."""
    outputs = []
    for position in range(len(data)):
        try:
            outputs.append(decoder.state.decompress(data[position : position + 1]))
        except zlib.error:
            return b"".join(outputs), position
    return b"".join(outputs), len(data)
