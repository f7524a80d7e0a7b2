"""Where each record of a WARC or ARC file begins and ends.

The framing is ours although FastWARC parses twice as fast (40 against 75 µs a page, where the cheapest test of a page takes 300): FastWARC
2.0 ends without a word at a truncated file and a cut header, gives up a file at its first wrong Content-Length or corrupt member, and
takes a file with bare line feeds for one empty record. The tests hold the two against each other on every intact file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.sources.http_message import BLANK_LINE
from pipeline.sources.records import Reject
from pipeline.sources.warc.feed import Feed
from pipeline.sources.warc.record import START_BYTES, WebRecord, arc_line, arc_record, fields, warc_record

HEADER_BYTES = 1 << 16
# A record's first line with the name of a field after it: the bare words "WARC/1.0" may stand in a page.
RECORD_START = re.compile(rb"\n(?=WARC/[01]\.\d{1,2}\r?\n[A-Za-z-]{1,40}:)")
LONGEST_START = 64


class Framing:
    """The records that a feed holds; of an uncompressed file, those that begin at or behind `begin`."""

    def __init__(self, feed: Feed, limit: int, begin: int = 0) -> None:
        self.feed, self.limit, self.begin = feed, limit, begin
        self.first = feed.start == 0
        self.passing = False

    def outcomes(self) -> Iterator[WebRecord | Reject]:
        """What a member's first record gives is held back until the next record or member begins, or the member proves corrupt.

        A member cut behind its record's last byte gives that record, which its length shows to be whole, and one reject for the
        checksum that never came. One whose checksum is there and wrong gives the reject alone.
        """
        feed = self.feed
        waiting: list[WebRecord | Reject] = []
        member: int | None = None
        given = 0
        while True:
            if feed.next_record():
                entered = feed.member_at(feed.position)
                self.passing = feed.plain and feed.position < self.begin
                outcome = self._next()
                self.first = False
                if self.passing:
                    continue
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
                self.first = False
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
        if not (given or waiting or feed.start or self.begin or feed.cut):
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
        if feed.buffer.startswith(b"WARC/"):
            return self._warc_record()
        if feed.layout.arc:
            return self._arc_record()
        return self._stretch("not a WARC file" if self.first else "not a WARC record")

    def _warc_record(self) -> WebRecord | Reject | None:
        feed = self.feed
        begin = feed.position
        while not (blank := BLANK_LINE.search(feed.buffer, 0, HEADER_BYTES)):
            if len(feed.buffer) >= HEADER_BYTES:
                return self._stretch("not a WARC record")
            if not feed.ensure(len(feed.buffer) + 1):
                return None if feed.damage else self._stretch("truncated record")
        head = fields(bytes(feed.buffer[: blank.start()]))
        length = head.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return self._stretch("no content length")
        url, size = head.get("warc-target-uri", "").strip("<>"), int(length)
        feed.drop(blank.end())
        if size > self.limit:
            return self._passed_over(begin, url, size)
        block = self._block(size)
        if block is None:
            return None if feed.damage else self._stretch("truncated record", url, begin)
        if self.passing:
            return None
        offset, extent = feed.place(begin, feed.position)
        return warc_record(head, url, block, offset, extent)

    def _block(self, size: int) -> bytes | None:
        """The record's bytes; None where the file ends before. A block that swallows the next record ends where that one begins."""
        feed = self.feed
        whole = feed.ensure(size)
        if whole:
            feed.ensure(size + LONGEST_START)
            follows = bytes(feed.buffer[size : size + LONGEST_START]).lstrip(b"\r\n")
            if not follows or follows.startswith(b"WARC/"):
                return self._taken(size)
        # The length may end in the middle of the next record's first lines.
        swallowed = RECORD_START.search(feed.buffer, 0, size + LONGEST_START if whole else len(feed.buffer))
        if swallowed and swallowed.start() < size:
            size = swallowed.start()
        elif not whole:
            return None
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        block = b"" if self.passing else bytes(self.feed.buffer[:size])
        self.feed.drop(size)
        return block

    def _passed_over(self, begin: int, url: str, size: int) -> Reject:
        feed, missing = self.feed, size
        offset, _ = feed.place(begin, begin + 1)
        while missing and feed.ensure(1):
            step = min(missing, len(feed.buffer))
            feed.drop(step)
            missing -= step
        last, extent = feed.place(max(feed.position - 1, 0), feed.position)
        return Reject(url, "record too long", f"{size} bytes, more than {self.limit}", offset, last + extent - offset)

    def _stretch(self, reason: str, url: str = "", begin: int | None = None) -> Reject | None:
        """Everything up to the next record, as one reject."""
        feed = self.feed
        begin = feed.position if begin is None else begin
        words = repr(bytes(feed.buffer[:80])) if reason.startswith("not") else ""
        offset, _ = feed.place(begin, begin + 1)
        # What may be the beginning of a record at the buffer's end is searched again with what follows.
        longest = START_BYTES if feed.layout.arc else LONGEST_START
        searched = 1
        while True:
            at = self._record_after(searched)
            if at is not None:
                feed.drop(at)
                break
            feed.drop(max(0, len(feed.buffer) - HEADER_BYTES))
            searched = max(1, len(feed.buffer) - longest)
            if not feed.ensure(len(feed.buffer) + 1):
                feed.drop(len(feed.buffer))
                break
        last, extent = feed.place(max(feed.position - 1, 0), feed.position)
        return Reject(url, reason, words, offset, max(0, last + extent - offset))

    def _record_after(self, start: int) -> int | None:
        buffer = self.feed.buffer
        found = RECORD_START.search(buffer, start - 1)
        before = found.end() if found else None
        if not self.feed.layout.arc:
            return before
        at = start - 1
        while (at := buffer.find(b"\n", at)) >= 0 and (before is None or at < before):
            at += 1
            end = buffer.find(b"\n", at, at + START_BYTES)
            if end >= 0 and arc_line(bytes(buffer[at : end + 1])):
                return at
        return before

    def _arc_record(self) -> WebRecord | Reject | None:
        """ARC 1 and 2 (archive.org/web/researcher/ArcFileFormat.php): a line of URL, address, date, type … length, then the bytes."""
        feed = self.feed
        begin = feed.position
        while (end := feed.buffer.find(b"\n", 0, HEADER_BYTES)) < 0:
            if len(feed.buffer) >= HEADER_BYTES:
                return self._stretch("not an ARC record")
            if not feed.ensure(len(feed.buffer) + 1):
                return None if feed.damage else self._stretch("truncated record")
        line = arc_line(bytes(feed.buffer[: end + 1]))
        if not line:
            return self._stretch("not an ARC record")
        url, date, content_type, length = line
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            return self._stretch("no content length", url)
        size = int(length)
        feed.drop(end + 1)
        if size > self.limit:
            return self._passed_over(begin, url, size)
        if not feed.ensure(size):
            return None if feed.damage else self._stretch("truncated record", url, begin)
        block = self._taken(size)
        if self.passing:
            return None
        offset, extent = feed.place(begin, feed.position)
        return arc_record(url, date, content_type, block, offset, extent)


def _is_stretch(outcome: WebRecord | Reject) -> bool:
    return isinstance(outcome, Reject) and outcome.reason.startswith("not a")
