"""Seeded damage to bytes: what transfer, disks and ill will do to a file. The same seed and input give the same output.

Operations that know structure: numbers in decimal and in 1 to 8 binary bytes of either order are replaced by bounds at which length fields
go wrong; words of a format are put in; gzip members and ZIP members are changed inside and packed again, with checksums that fit.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

LONGEST = 4 << 20  # a case grows no further
BOUNDS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)
DECIMALS = (
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"4294967296",
    b"9223372036854775807",
    b"99999999999999999999",
    b"1e9",
    b"",
)

_DIGITS = re.compile(rb"\d{1,20}")

Operation = Callable[[bytearray, Random, Sequence[bytes], Sequence[bytes]], str]


def mutate(
    data: bytes, random: Random, others: Sequence[bytes] = (), words: Sequence[bytes] = (), most: int = 6
) -> tuple[bytes, list[str]]:
    """Damage an input by 1 to `most` operations.

    Args:
        data: the input.
        random: decides everything.
        others: inputs to splice from.
        words: of the format, to put in.
        most: operations.

    Returns:
        The new bytes, and the operations by name with their places.
    """
    buffer, history = bytearray(data), []
    for _ in range(random.randint(1, most)):
        history.append(random.choice(OPERATIONS)(buffer, random, others, words))
        del buffer[LONGEST:]
    return bytes(buffer), history


def inside_gzip(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The first gzip member changed inside and packed again; what does not inflate is changed as it is."""
    inflate = zlib.decompressobj(31)
    try:
        plain = inflate.decompress(data, LONGEST)
    except zlib.error:
        return change(data)
    deflate = zlib.compressobj(wbits=31)
    return deflate.compress(change(plain)) + deflate.flush() + inflate.unused_data


def inside_zip(data: bytes, random: Random, change: Callable[[bytes], bytes]) -> bytes:
    """One member of a ZIP archive changed inside, or its name; what is no archive is changed as it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        return change(data)
    out = io.BytesIO()
    chosen = random.randrange(len(members)) if members else 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(members):
            kept = change(content) if number == chosen else content
            archive.writestr(zipfile.ZipInfo(name), kept)
    return out.getvalue()


def _place(buffer: bytearray, random: Random) -> int:
    return random.randrange(len(buffer)) if buffer else 0


def _span(buffer: bytearray, random: Random) -> tuple[int, int]:
    """A range, mostly short."""
    begin = _place(buffer, random)
    return begin, min(len(buffer), begin + random.choice((1, 4, 16, 64, 256, 4096, 1 << 16)))


def _flip(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    at = _place(buffer, random)
    if buffer:
        buffer[at] ^= 1 << random.randrange(8)
    return f"flip a bit at {at}"


def _noise(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    begin, end = _span(buffer, random)
    end = min(end, begin + 64)
    buffer[begin:end] = random.randbytes(end - begin)
    return f"noise at {begin}:{end}"


def _truncate(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    at = _place(buffer, random)
    del buffer[at:]
    return f"cut at {at}"


def _remove(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    begin, end = _span(buffer, random)
    del buffer[begin:end]
    return f"remove {begin}:{end}"


def _duplicate(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    begin, end = _span(buffer, random)
    times = random.choice((1, 1, 2, 100, 5000))
    piece = bytes(buffer[begin:end])
    times = max(1, min(times, LONGEST // max(1, 4 * len(piece))))
    at = _place(buffer, random)
    buffer[at:at] = piece * times
    return f"{times} copies of {begin}:{end} at {at}"


def _splice(buffer: bytearray, random: Random, others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    other = bytearray(random.choice(others)) if others else bytearray(buffer)
    begin, end = _span(other, random)
    at = _place(buffer, random)
    buffer[at : at + random.choice((0, end - begin))] = other[begin:end]
    return f"{end - begin} bytes of another input at {at}"


def _number(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    size = random.choice((1, 2, 4, 8))
    at = _place(buffer, random)
    value = (random.choice(BOUNDS) + random.choice((-1, 0, 0, 1))) & ((1 << 8 * size) - 1)
    order = "little" if random.random() < 0.7 else "big"
    buffer[at : at + size] = value.to_bytes(size, "little" if order == "little" else "big")
    return f"{value} in {size} bytes at {at}"


def _decimal(buffer: bytearray, random: Random, _others: Sequence[bytes], _words: Sequence[bytes]) -> str:
    found = _DIGITS.search(buffer, _place(buffer, random)) or _DIGITS.search(buffer)
    if not found:
        return "no number"
    begin, end = found.span()
    new = random.choice((*DECIMALS, str(int(found[0]) + random.choice((-1, 1, 10, -10))).encode()))
    buffer[begin:end] = new
    return f"number at {begin} to {new.decode()!r}"


def _word(buffer: bytearray, random: Random, _others: Sequence[bytes], words: Sequence[bytes]) -> str:
    if not words:
        return "no words"
    word, at = random.choice(words), _place(buffer, random)
    times = random.choice((1, 1, 1, 50, 3000))
    times = max(1, min(times, LONGEST // max(1, 4 * len(word))))
    buffer[at:at] = word * times
    return f"{times} times {word[:40]!r} at {at}"


OPERATIONS: tuple[Operation, ...] = (_flip, _flip, _noise, _truncate, _remove, _duplicate, _splice, _number, _decimal, _word)
