"""Where a packed WARC can be entered: at members that begin with a record, found from any byte of the file.

Read from its beginning, a file goes from member to member, and after damage on to the next one that begins with a record. `first_start`
gives the first such member at or after an offset without reading all before it. Three bytes that look like a member are no member, and
even a whole member may be the body of a page: a crawled .warc.gz does not shrink, so the compressor stores its bytes as they are. What
it stores it cuts into blocks of at most 64 KiB (deflate) or 128 KiB (zstd), with the block's header between them (RFC 1951, section 3.2.4;
RFC 8878, section 3.1.1.2). So members that follow on each other whole, their checksums right, for longer than that, are the file's own.
Where damage or the file's end leaves too few, the search goes back to a place that is sure, and from there reads as any reader would.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.sources.compression import GZIP, PROBE_BYTES, ZSTD, Chunk, DamagedInput, Packing, chunks, packing_of, read_fully
from pipeline.sources.warc.record import begins_record

MAGIC = {"gzip": GZIP, "zstd": ZSTD}
SCAN_BYTES = 1 << 18
# Twice zstd's longest block.
SURE_BYTES = 1 << 18
LOOK_BACK_BYTES = 1 << 20
LOOK_BACK_GROWTH = 8
FIRST_RECORD_BYTES = 1 << 20
# Members are bounded one by one (`compression.RATIO_LIMIT`); a sum over the file would depend on where reading began.
NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Layout:
    """What the beginning of a file says of the rest: how it is packed, and whether ARC lines begin its records."""

    packing: Packing
    arc: bool


def layout_of(stream: BinaryIO) -> Layout:
    """How a file is laid out, by its first record; where damage has that one, by the first whose beginning is to be had nearby."""
    stream.seek(0)
    packing = packing_of(stream)
    either = Layout(packing, arc=True)
    first = _beginning(stream, either, 0)
    if packing.kind in MAGIC and not begins_record(first, arc=True):
        place = next_start(stream, either, 1, FIRST_RECORD_BYTES)
        first = b"" if place is None else _beginning(stream, either, place)
    return Layout(packing, not first.startswith(b"WARC/") and begins_record(first, arc=True))


def _beginning(stream: BinaryIO, layout: Layout, start: int) -> bytes:
    try:
        return next(member_chunks(stream, layout, start)).data.lstrip(b"\r\n")
    except (StopIteration, DamagedInput):
        return b""


def member_chunks(stream: BinaryIO, layout: Layout, start: int) -> Iterator[Chunk]:
    """`compression.chunks` from a member's offset."""
    stream.seek(start)
    return chunks(stream, limit=NO_LIMIT, start=start, packing=layout.packing)


def is_start(chunk: Chunk, layout: Layout) -> bool:
    """Whether a member begins here, and with a record."""
    return chunk.first and begins_record(chunk.data, arc=layout.arc)


def first_start(stream: BinaryIO, layout: Layout, begin: int, end: int | None) -> int | None:
    """Offset of the first member in a range that begins with a record, of those that a reader from the file's beginning meets.

    Returns:
        None where the range holds none; 0, whatever lies there, where the range begins with the file.
    """
    if begin == 0:
        return 0
    candidate = next_start(stream, layout, begin, end)
    if candidate is None or _is_sure(stream, layout, candidate) is None:
        return candidate
    start = _sure_start_before(stream, layout, begin)
    found = next((start for start in _starts_met(stream, layout, start) if start >= begin), None)
    return found if found is not None and (end is None or found < end) else None


def next_start(stream: BinaryIO, layout: Layout, begin: int, end: int | None) -> int | None:
    """Offset of the first member in a range whose beginning can be unpacked and is that of a record; None where there is none."""
    magic = MAGIC[layout.packing.kind]
    stream.seek(begin)
    window, offset = b"", begin
    while end is None or offset < end:
        data = read_fully(stream, SCAN_BYTES)
        window += data
        # A probe gets as many bytes as the reader gives a member's first step.
        complete = len(window) - PROBE_BYTES if data else len(window)
        stop = complete if end is None else min(complete, end - offset)
        at = -1
        while 0 <= (at := window.find(magic, at + 1)) < stop:
            if _probe(window[at : at + PROBE_BYTES], layout):
                return offset + at
        if not data:
            return None
        drop = max(0, complete)
        window, offset = window[drop:], offset + drop
    return None


def start_behind(stream: BinaryIO, layout: Layout, damage: DamagedInput) -> int | None:
    """Where to go on after damage: the next member that begins with a record, which may be one of an archive inside the damaged page.

    Nowhere after a truncated member that began with a record: all bytes to the file's end unpack as its own.
    """
    if layout.packing.kind not in MAGIC:
        return None
    stream.seek(damage.member)
    if damage.reason.startswith("truncated") and _probe(read_fully(stream, PROBE_BYTES), layout):
        return None
    return next_start(stream, layout, damage.member + 1, None)


def _probe(data: bytes, layout: Layout) -> bool:
    """What `chunks` would say of a member with these first bytes."""
    try:
        return is_start(next(chunks(io.BytesIO(data), packing=layout.packing)), layout)
    except DamagedInput:
        return False


def _is_sure(stream: BinaryIO, layout: Layout, start: int) -> int | None:
    """None where whole members follow on each other from `start` for SURE_BYTES; else where to look next."""
    try:
        for chunk in member_chunks(stream, layout, start):
            if chunk.first and chunk.member - start >= SURE_BYTES:
                return None
    except DamagedInput as damage:
        return damage.member + 1
    return start + 1


def _sure_start_before(stream: BinaryIO, layout: Layout, begin: int) -> int:
    """A member before `begin` that a reader from the file's beginning meets; 0 where no nearer one is sure."""
    distance = LOOK_BACK_BYTES
    while distance < begin:
        search: int | None = begin - distance
        while search is not None and search < begin:
            candidate = next_start(stream, layout, search, begin)
            if candidate is None:
                break
            search = _is_sure(stream, layout, candidate)
            if search is None:
                return candidate
        distance *= LOOK_BACK_GROWTH
    return 0


def _starts_met(stream: BinaryIO, layout: Layout, start: int) -> Iterator[int]:
    """Offsets of members that begin with a record, as a reader from `start` meets them."""
    place: int | None = start
    while place is not None:
        try:
            yield from (chunk.member for chunk in member_chunks(stream, layout, place) if is_start(chunk, layout))
            place = None
        except DamagedInput as damage:
            place = start_behind(stream, layout, damage)
