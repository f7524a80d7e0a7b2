"""WARC 1.0 and 1.1, WET, and ARC files to records.

In:  one file, local or remote: uncompressed, gzip per record, one gzip member for all, zstd, lz4 …
Out: a `WebRecord` for each response, resource and conversion; a Reject for each other record and each stretch that is no record.
Lost: nothing. Every byte lies in a record, a reject, or the blank lines and padding between them.

The framing is ours although FastWARC parses twice as fast (40 against 75 µs a page, where the cheapest test of a page takes 300): FastWARC
2.0 ends without a word at a truncated file and a cut header, gives up a file at its first wrong Content-Length or corrupt member, and
takes a file with bare line feeds for one empty record. The tests hold the two against each other on every intact file.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.sources.compression import READ_BYTES, Chunk, DamagedInput, chunks, sniff
from pipeline.sources.files import open_input
from pipeline.sources.http_message import BLANK_LINE, decode_body, parse_head
from pipeline.sources.records import Reject, Tally

HEADER_BYTES = 1 << 16
# A record's first line with the name of a field after it: the bare words "WARC/1.0" may stand in a page.
RECORD_START = re.compile(rb"\n(?=WARC/[01]\.\d{1,2}\r?\n[A-Za-z-]{1,40}:)")
LONGEST_START = 64
TYPES = frozenset({"warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"})
READ_TYPES = frozenset({"response", "resource", "conversion"})


@dataclass(frozen=True, slots=True)
class WebRecord:
    """What one URL answered, or the text made of it.

    `offset` and `length` are in bytes of the file as it lies, compressed or not: from where the member begins that holds the record, to
    where reading may stop.
    """

    url: str
    type: str
    """response, resource or conversion; 'file' for a page saved by itself (`sources.saved`)."""
    date: str | None
    """WARC-Date as written: ISO 8601, UTC."""
    status: int
    """Of HTTP; 200 where the record has none."""
    content_type: str
    """As the server said (of a resource or conversion: as the record says), in lower case; '' where nothing is said."""
    body: bytes
    """As stored; `payload` undoes its codings."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of HTTP, by lower-case name."""
    truncated: bool = False
    """Whether the crawler cut it short."""
    offset: int = 0
    length: int = 0

    def payload(self, limit: int) -> bytes:
        """The body without chunking and content coding, at most `limit` bytes.

        Raises:
            PayloadError: it is longer, or corrupt.
        """
        return decode_body(self.body, self.headers, limit) if self.headers else self.body


def records(path: str, tally: Tally, max_record_bytes: int) -> Iterator[WebRecord | Reject]:
    """All records of a file, in order.

    Args:
        path: local path or URL.
        tally: `records` counts what is given, before it is given; `bytes` grows as the file is read, to its size.
        max_record_bytes: a longer record, uncompressed, is a reject and is passed over without being held.

    Raises:
        ValueError: the file cannot be opened, or a remote one cannot be read on.
    """
    with open_input(path) as stream:
        yield from read_records(stream, tally, max_record_bytes)


def read_records(stream: BinaryIO, tally: Tally, max_record_bytes: int) -> Iterator[WebRecord | Reject]:
    """The same from an open, seekable stream that stands at its beginning."""
    before = tally.bytes
    for outcome in _Framing(stream, max_record_bytes).outcomes():
        tally.records += 1
        tally.bytes = before + outcome.offset + outcome.length
        yield outcome
    try:
        tally.bytes = before + stream.seek(0, io.SEEK_END)
    except OSError:  # a server that does not state a size
        tally.bytes = before + stream.tell()


class _Feed:
    """Uncompressed bytes of a file, with the place in the file of each.

    A member that begins with a record ends the record before it, whatever length that one claims: `ensure` does not read across.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.plain = sniff(stream.read(6)) == "plain"
        stream.seek(0)
        self.chunks = chunks(stream)
        self.buffer = bytearray()
        self.position = 0  # of buffer[0] among the uncompressed bytes
        self.marks: deque[tuple[int, Chunk, int]] = deque()  # first uncompressed byte, chunk (without data), its size
        self.held: bytes | None = None
        self.damage: DamagedInput | None = None
        self.arc = False
        self.total = 0

    def ensure(self, size: int) -> bool:
        """Whether the buffer holds `size` bytes, after reading on where it must."""
        while len(self.buffer) < size:
            if self.held is not None:
                if self.buffer:
                    return False
                self.buffer += self.held
                self.held = None
                continue
            if self.damage:
                return False
            try:
                chunk = next(self.chunks)
            except StopIteration:
                return False
            except DamagedInput as damage:
                self.damage = damage
                return False
            data, chunk.data = chunk.data, b""
            self.marks.append((self.total, chunk, len(data)))
            self.total += len(data)
            if chunk.first and not self.plain and self.buffer and self.begins_record(data):
                self.held = data
            else:
                self.buffer += data
        return True

    def begins_record(self, data: bytes | bytearray) -> bool:
        return data.startswith(b"WARC/") or (self.arc and _arc_line(bytes(data[:HEADER_BYTES])) is not None)

    def drop(self, size: int) -> None:
        del self.buffer[:size]
        self.position += size
        while len(self.marks) > 1 and self.marks[0][0] + self.marks[0][2] < self.position:
            self.marks.popleft()

    def drop_blank(self) -> None:
        while self.ensure(1):
            blank = len(self.buffer) - len(self.buffer.lstrip(b"\r\n"))
            if not blank:
                return
            self.drop(blank)

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
        """After damage: go on at the next member that holds a record; its offset, or else the file's end."""
        assert self.damage is not None
        search, self.damage = self.damage.member + 1, None
        self.buffer.clear()
        self.position = self.total
        self.marks.clear()
        magic = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}.get(self._kind(), b"")
        if not magic:
            return self.stream.seek(0, io.SEEK_END)
        self.stream.seek(search)
        window = b""
        while True:
            data = self.stream.read(READ_BYTES)
            window += data
            at = -1
            while (at := window.find(magic, at + 1)) >= 0:
                if self._holds_record(search + at):
                    self.stream.seek(search + at)
                    self.chunks = chunks(self.stream, start=search + at)
                    return search + at
            if not data:
                return search + len(window)
            keep = len(magic) - 1
            search += len(window) - keep
            window = window[-keep:]
            self.stream.seek(search + keep)

    def _kind(self) -> str:
        self.stream.seek(0)
        return sniff(self.stream.read(6))

    def _holds_record(self, offset: int) -> bool:
        self.stream.seek(offset)
        try:
            return self.begins_record(next(chunks(io.BytesIO(self.stream.read(1 << 14))), Chunk(b"", 0, 0, first=True)).data)
        except DamagedInput:
            return False


class _Framing:
    """Where each record begins and ends."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.feed = _Feed(stream)
        self.limit = limit
        self.found = False

    def outcomes(self) -> Iterator[WebRecord | Reject]:
        """What a member's first record gives is held back until the next record or member begins, or the member proves corrupt."""
        feed = self.feed
        waiting: list[WebRecord | Reject] = []
        member: int | None = None
        given = 0
        while True:
            feed.drop_blank()
            if feed.ensure(1):
                entered = feed.member_at(feed.position)
                outcome = self._next()
                if outcome and entered is None and waiting and _is_stretch(outcome):
                    waiting.append(outcome)
                    continue
                if outcome or entered is not None:
                    given += len(waiting)
                    yield from waiting
                    waiting, member = [outcome] if outcome else [], entered
                if outcome:
                    continue
                feed.drop(len(feed.buffer))
            if feed.damage:
                # A checksum that fails behind a member's only record speaks against that record.
                whole = member == feed.damage.member and (not waiting or feed.damage.reason.startswith("corrupt"))
                if not whole:
                    given += len(waiting)
                    yield from waiting
                waiting, member = [], None
                given += 1
                yield self._damaged(whole_member=whole)
            else:
                break
        yield from waiting
        if not given + len(waiting):
            yield Reject("", "empty file")

    def _damaged(self, *, whole_member: bool) -> Reject:
        """From where the damaged member begins when nothing was read from it, else from where reading stopped, to the next good member."""
        damage = self.feed.damage
        assert damage is not None
        offset = damage.member if whole_member else damage.offset
        end = self.feed.resynchronise()
        return Reject("", damage.reason, str(damage), offset, max(0, end - offset))

    def _next(self) -> WebRecord | Reject | None:
        """The outcome that begins at the buffer's first byte; None where damage cuts it off."""
        feed = self.feed
        if not feed.ensure(LONGEST_START) and feed.damage and len(feed.buffer) < LONGEST_START:
            return None
        if feed.buffer.startswith(b"filedesc:"):
            feed.arc = True
        if feed.arc:
            return self._arc_record()
        if feed.buffer.startswith(b"WARC/"):
            return self._warc_record()
        return self._stretch("not a WARC record" if self.found else "not a WARC file")

    def _warc_record(self) -> WebRecord | Reject | None:
        feed = self.feed
        begin = feed.position
        while not (blank := BLANK_LINE.search(feed.buffer)):
            if len(feed.buffer) > HEADER_BYTES:
                return self._stretch("not a WARC record")
            if not feed.ensure(len(feed.buffer) + 1):
                return None if feed.damage else self._stretch("truncated record")
        head = _fields(bytes(feed.buffer[: blank.start()]))
        length = head.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return self._stretch("no content length")
        self.found = True
        url, size = head.get("warc-target-uri", "").strip("<>"), int(length)
        feed.drop(blank.end())
        if size > self.limit:
            return self._passed_over(begin, url, size)
        block = self._block(size)
        if block is None:
            return None if feed.damage else self._stretch("truncated record", url, begin)
        offset, extent = feed.place(begin, feed.position)
        return _web_record(head, url, block, offset, extent)

    def _block(self, size: int) -> bytes | None:
        """The record's bytes; None where the file ends before. A block that swallows the next record ends where that one begins."""
        feed = self.feed
        whole = feed.ensure(size)
        if whole:
            feed.ensure(size + LONGEST_START)
            follows = bytes(feed.buffer[size : size + LONGEST_START]).lstrip(b"\r\n")
            if not follows or follows.startswith(b"WARC/"):
                block = bytes(feed.buffer[:size])
                feed.drop(size)
                return block
        # The length may end in the middle of the next record's first lines.
        swallowed = RECORD_START.search(feed.buffer, 0, size + LONGEST_START if whole else len(feed.buffer))
        if swallowed and swallowed.start() < size:
            size = swallowed.start()
        elif not whole:
            return None
        block = bytes(feed.buffer[:size])
        feed.drop(size)
        return block

    def _passed_over(self, begin: int, url: str, size: int) -> Reject:
        feed, missing = self.feed, size
        offset, _ = feed.place(begin, begin + 1)
        while missing and feed.ensure(1):
            step = min(missing, len(feed.buffer))
            feed.drop(step)
            missing -= step
            if missing and feed.held is not None:
                break
        last, extent = feed.place(max(feed.position - 1, 0), feed.position)
        return Reject(url, "record too long", f"{size} bytes, more than {self.limit}", offset, last + extent - offset)

    def _stretch(self, reason: str, url: str = "", begin: int | None = None) -> Reject | None:
        """Everything up to the next record, as one reject."""
        feed = self.feed
        begin = feed.position if begin is None else begin
        words = repr(bytes(feed.buffer[:80])) if reason.startswith("not") else ""
        offset, _ = feed.place(begin, begin + 1)
        searched = 1
        while True:
            at = self._record_after(searched)
            if at is not None:
                feed.drop(at)
                break
            feed.drop(max(0, len(feed.buffer) - HEADER_BYTES))
            searched = max(1, len(feed.buffer) - LONGEST_START)
            if not feed.ensure(len(feed.buffer) + 1):
                feed.drop(len(feed.buffer))
                break
        last, extent = feed.place(max(feed.position - 1, 0), feed.position)
        return Reject(url, reason, words, offset, max(0, last + extent - offset))

    def _record_after(self, start: int) -> int | None:
        buffer = self.feed.buffer
        if not self.feed.arc:
            found = RECORD_START.search(buffer, start - 1)
            return found.end() if found else None
        at = start - 1
        while (at := buffer.find(b"\n", at)) >= 0:
            at += 1
            end = buffer.find(b"\n", at, at + HEADER_BYTES)
            if end >= 0 and _arc_line(bytes(buffer[at : end + 1])):
                return at
        return None

    def _arc_record(self) -> WebRecord | Reject | None:
        """ARC 1 and 2 (archive.org/web/researcher/ArcFileFormat.php): a line of URL, address, date, type … length, then the bytes."""
        feed = self.feed
        begin = feed.position
        while (end := feed.buffer.find(b"\n", 0, HEADER_BYTES)) < 0:
            if len(feed.buffer) > HEADER_BYTES:
                return self._stretch("not an ARC record")
            if not feed.ensure(len(feed.buffer) + 1):
                return None if feed.damage else self._stretch("truncated record")
        line = _arc_line(bytes(feed.buffer[: end + 1]))
        if not line:
            return self._stretch("not an ARC record")
        url, date, content_type, length = line
        if not length.isdigit() or len(length) > 15:
            return self._stretch("no content length", url)
        size = int(length)
        feed.drop(end + 1)
        if size > self.limit:
            return self._passed_over(begin, url, size)
        if not feed.ensure(size):
            return None if feed.damage else self._stretch("truncated record", url, begin)
        block = bytes(feed.buffer[:size])
        feed.drop(size)
        offset, extent = feed.place(begin, feed.position)
        if url.startswith("filedesc:"):
            return Reject(url, "record type filedesc", "", offset, extent)
        stamp = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:14]}Z" if len(date) == 14 else None
        if http := parse_head(block):
            status, headers, body = http
            kind = headers.get("content-type", content_type).lower()
            return WebRecord(url, "response", stamp, status, kind, block[body:], headers, offset=offset, length=extent)
        return WebRecord(url, "resource", stamp, 200, content_type, block, offset=offset, length=extent)


def _is_stretch(outcome: WebRecord | Reject) -> bool:
    return isinstance(outcome, Reject) and outcome.reason.startswith("not a")


def _fields(head: bytes) -> dict[str, str]:
    """A record's named fields, by lower-case name; of a repeated one the first."""
    fields: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", errors="replace").split("\n")[1:]:
        if line[:1] in {" ", "\t"} and name:
            fields[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            fields.setdefault(name, value.strip())
    return fields


def _arc_line(line: bytes) -> tuple[str, str, str, str] | None:
    """URL, date, content type and length of an ARC record's first line; None where it is none. URLs may hold spaces."""
    text = line.partition(b"\n")[0].decode("utf-8", errors="replace").strip("\r")
    for fields in (text.rsplit(" ", 4), text.rsplit(" ", 9)):
        if (
            len(fields) in {5, 10}
            and ":" in fields[0]
            and fields[2].isdigit()
            and len(fields[2]) in {12, 14, 18}
            and not fields[0].startswith(" ")
        ):
            return fields[0], fields[2], fields[3].lower(), fields[-1]
    return None


def _web_record(head: dict[str, str], url: str, block: bytes, offset: int, extent: int) -> WebRecord | Reject:
    kind = head.get("warc-type", "").lower()
    if kind not in READ_TYPES:
        return Reject(url, f"record type {kind if kind in TYPES else 'unknown'}", "" if kind in TYPES else kind[:80], offset, extent)
    if not url:
        return Reject(url, "no target URI", "", offset, extent)
    date, content_type = head.get("warc-date"), head.get("content-type", "").lower()
    truncated = "warc-truncated" in head
    if kind == "response" and (content_type.startswith("application/http") or url.startswith("http")):
        http = parse_head(block)
        if http is None:
            return Reject(url, "no HTTP status", repr(block[:80]), offset, extent)
        status, headers, body = http
        content_type = headers.get("content-type", "").lower()
        return WebRecord(url, kind, date, status, content_type, block[body:], headers, truncated, offset, extent)
    return WebRecord(url, kind, date, 200, content_type, block, {}, truncated, offset, extent)
