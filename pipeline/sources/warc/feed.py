"""Uncompressed bytes of a WARC with the place in the file of each."""

from __future__ import annotations

import io
from collections import deque
from typing import BinaryIO

from pipeline.sources.compression import Chunk, DamagedInput
from pipeline.sources.warc.members import Layout, is_start, member_chunks, start_behind


class Feed:
    """What a file holds from the member at `start` on, up to the first member at or behind `end` that begins with a record.

    A member that begins with a record ends the record before it, whatever length that one claims: `ensure` does not read across.
    """

    def __init__(self, stream: BinaryIO, layout: Layout, start: int, end: int | None) -> None:
        self.stream, self.layout, self.start, self.end = stream, layout, start, end
        self.plain = layout.packing.kind == "plain"
        self.chunks = member_chunks(stream, layout, start)
        self.buffer = bytearray()
        self.position = start if self.plain else 0  # of buffer[0] among the uncompressed bytes
        self.total = self.position
        self.marks: deque[tuple[int, Chunk, int]] = deque()  # first uncompressed byte, chunk (without data), its size
        self.held: bytes | None = None
        self.inside = False
        """Whether a record is being read, so that the beginning of the next one is not to be given."""
        self.damage: DamagedInput | None = None
        self.cut = False
        """Whether a record behind the range ended it, and not the file's end."""

    def ensure(self, size: int) -> bool:
        """Whether the buffer holds `size` bytes, after reading on where it must."""
        while len(self.buffer) < size:
            if self.held is not None:
                if self.inside or self.buffer:
                    return False
                self.buffer += self.held
                self.held = None
                continue
            if self.damage or self.cut:
                return False
            try:
                chunk = next(self.chunks)
            except StopIteration:
                return False
            except DamagedInput as damage:
                self.damage = damage
                return False
            begins = not self.plain and is_start(chunk, self.layout)
            if begins and self.end is not None and chunk.member >= self.end:
                self.cut = True
                return False
            data, chunk.data = chunk.data, b""
            self.marks.append((self.total, chunk, len(data)))
            self.total += len(data)
            if begins and (self.inside or self.buffer):
                self.held = data
            else:
                self.buffer += data
        return True

    def drop(self, size: int) -> None:
        """Let the buffer's first bytes go."""
        del self.buffer[:size]
        self.position += size
        while len(self.marks) > 1 and self.marks[0][0] + self.marks[0][2] < self.position:
            self.marks.popleft()

    def next_record(self) -> bool:
        """Go on to the first byte that is no blank line; whether there is one, and within the range."""
        self.inside = False
        while self.ensure(1):
            blank = len(self.buffer) - len(self.buffer.lstrip(b"\r\n"))
            if blank:
                self.drop(blank)
                continue
            if self.plain and self.end is not None and self.position >= self.end:
                self.cut = True
                return False
            self.inside = True
            return True
        return False

    def place(self, begin: int, end: int) -> tuple[int, int]:
        """Offset and length in the file of the uncompressed bytes from `begin` to `end`."""
        start = stop = None
        for first, chunk, size in self.marks:
            if start is None and begin < first + size:
                start = chunk.member + begin - first if self.plain else chunk.member
            if first < end:
                stop = chunk.end - (first + size - end) if self.plain and end < first + size else chunk.end
        if start is None:
            start = self.marks[-1][1].end if self.marks else 0
        return start, max(0, (stop or start) - start)

    def member_at(self, position: int) -> int | None:
        """Offset of the member whose first byte lies at an uncompressed position; None where none begins there."""
        for first, chunk, _size in self.marks:
            if first == position and chunk.first:
                return chunk.member
        return None

    def resynchronise(self) -> int:
        """After damage: go on at the next member that begins with a record; its offset, or else the file's end."""
        assert self.damage is not None
        place = start_behind(self.stream, self.layout, self.damage)
        self.damage = None
        self.buffer.clear()
        self.position = self.total
        self.marks.clear()
        if place is None:
            return self.stream.seek(0, io.SEEK_END)
        self.chunks = member_chunks(self.stream, self.layout, place)
        return place
