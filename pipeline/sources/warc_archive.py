"""The WARC that a crawl is writing, and what it held before: pages are answered from it, else from the network and then written.

In:  NAME.warc.gz.partial and NAME.frontier, where a killed crawl left them.
Out: NAME.warc.gz, when the crawl is done.
Lost: nothing that was written whole. Records that the frontier does not know yet are listed in it; what lies behind them is cut off. A
frontier that is missing, damaged or ahead of the WARC is made again, and the whole WARC listed.
"""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pipeline.run import digest
from pipeline.settings.sources import Crawl
from pipeline.sources import frontier as frontiers
from pipeline.sources.fetch import fetch
from pipeline.sources.frontier import LAYOUT, Frontier, Span
from pipeline.sources.http_message import parse_head
from pipeline.sources.pacing import Turns
from pipeline.sources.records import Tally
from pipeline.sources.robots import ROBOTS_BYTES
from pipeline.sources.warc import WebRecord, read_records
from pipeline.sources.warc_writer import exchange, warcinfo

SUFFIX = ".warc.gz"
PARTIAL_SUFFIX = ".warc.gz.partial"
FRONTIER_SUFFIX = ".frontier"
RECORD_HEAD_BYTES = 1 << 20
# One step writes a page and at most a few small files; more than this behind the frontier is read from the file itself.
TAIL_BYTES = 1 << 28


class WarcArchive:
    """One host's WARC and frontier, open. Use as a context: the file gets its name when the block ends well and `finish` was called.

    Raises:
        OSError: a file cannot be read or written.
    """

    def __init__(self, directory: Path, name: str, crawl: Crawl, turns: Turns, settings: object) -> None:
        self.crawl, self.turns = crawl, turns
        self.final, self.partial = directory / f"{name}{SUFFIX}", directory / f"{name}{PARTIAL_SUFFIX}"
        self.limit = max(crawl.max_bytes, ROBOTS_BYTES) + RECORD_HEAD_BYTES
        self.file: BinaryIO | None = None
        self.frontier = self._open_frontier(directory / f"{name}{FRONTIER_SUFFIX}", digest([LAYOUT, settings]))
        if self.frontier.state.finished:
            return
        self.file = self.partial.open("r+b" if self.partial.exists() else "w+b")
        self._take_in_tail()

    def _open_frontier(self, path: Path, settings: str) -> Frontier:
        """What a killed crawl with the same settings left, where it fits the WARC; else an empty one."""
        existed = path.exists()
        try:
            frontier = Frontier(path, settings)
        except (sqlite3.DatabaseError, TypeError, ValueError):
            # Damaged, or of another layout: the WARC tells the same, at the price of reading it.
            frontiers.remove(path)
            return Frontier(path, settings)
        state = frontier.state
        if state.layout == LAYOUT and state.settings == settings and self._fits(frontier):
            return frontier
        frontier.close()
        frontiers.remove(path)
        if existed and state.settings != settings:
            # A crawl by other rules: its pages may be ones that these do not allow.
            self.partial.unlink(missing_ok=True)
        return Frontier(path, settings)

    def _fits(self, frontier: Frontier) -> bool:
        """Whether the WARC holds what the frontier knows."""
        state = frontier.state
        if state.finished:
            return self.final.exists() or self.partial.exists()
        size = self.partial.stat().st_size if self.partial.exists() else 0
        if size < state.warc_bytes or size - state.warc_bytes > TAIL_BYTES:
            return False
        if not state.warc_bytes:
            return True
        with self.partial.open("rb") as file:
            file.seek(state.last[0])
            return bool(list(_whole_records(BytesIO(file.read(state.last[1])), self.limit, 0)))

    def _take_in_tail(self) -> None:
        """List the whole records that the frontier does not know, and cut off what follows them."""
        assert self.file is not None
        state = self.frontier.state
        known = state.warc_bytes
        with self.frontier.step():
            if self.file.seek(0, os.SEEK_END) > known:
                self.file.seek(known)
                tail = BytesIO(self.file.read()) if known else self.file
                self.frontier.hold(self._taken_in(_whole_records(tail, self.limit, known)))
            self.file.truncate(state.warc_bytes)
            if not state.warc_bytes:
                self._append(self._warcinfo())

    def _taken_in(self, records: Iterable[tuple[str, Span]]) -> Iterator[tuple[str, Span]]:
        for url, span in records:
            self.frontier.state.warc_bytes = span.offset + span.length
            self.frontier.state.last = span.offset, span.length
            if url:
                yield url, span

    def _warcinfo(self) -> bytes:
        stamp = self.crawl.timestamp or datetime.now(UTC)
        stamp = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
        lines = [
            ("software", "curate"),
            ("format", "WARC File Format 1.1"),
            ("http-header-user-agent", self.crawl.user_agent),
            ("robots", "classic"),
        ]
        return warcinfo(f"{stamp:%Y-%m-%dT%H:%M:%SZ}", self.final.name, lines)

    def get(self, url: str, delay_s: float, *, limit: int = 0, any_type: bool = False) -> WebRecord:
        """The answer of a URL, from the file or from the network; its `offset` and `length` are its place in the WARC.

        Raises:
            FetchError: there is none.
            Stopped: the crawl is to end.
        """
        if held := self.frontier.take_held(url):
            return self.read(held)
        with self.turns.of(url, delay_s) as turn:
            answer = fetch(url, self.crawl, self.turns.pause, limit=limit, any_type=any_type)
            turn.rest_s = answer.rest_s
        stored = answer.exchange
        span = self._append(exchange(stored, self.frontier.state.warc_bytes))
        head = parse_head(stored.head)
        assert head is not None
        status, headers, _ = head
        kind = headers.get("content-type", "").lower()
        return WebRecord(url, "response", stored.date, status, kind, stored.body, headers, bool(stored.truncated), span.offset, span.length)

    def read(self, span: Span) -> WebRecord:
        """A record of the WARC."""
        assert self.file is not None
        self.file.seek(span.offset)
        stored = BytesIO(self.file.read(span.length))
        record = next(record for record in read_records(stored, Tally(), self.limit) if isinstance(record, WebRecord))
        return dataclasses.replace(record, offset=span.offset, length=span.length)

    def _append(self, data: bytes) -> Span:
        assert self.file is not None
        state = self.frontier.state
        self.file.seek(state.warc_bytes)
        self.file.write(data)
        # To the operating system at once: a killed process loses nothing, and a page takes longer to fetch than to write.
        self.file.flush()
        span = Span(state.warc_bytes, len(data))
        state.warc_bytes += len(data)
        state.last = span.offset, span.length
        return span

    def finish(self) -> None:
        """The crawl is done: give the WARC its name. The frontier stays, with its rejects, until `remove`."""
        if self.file is not None:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.frontier.state.finished = True
            with self.frontier.step():
                pass
        if self.partial.exists():
            self.partial.replace(self.final)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.file is not None:
            self.file.close()
        self.frontier.close()


def _whole_records(stream: BinaryIO, limit: int, offset: int) -> Iterator[tuple[str, Span]]:
    """URL ('' of the warcinfo) and place of each exchange of a stream that lies at `offset` in its file, until damage."""
    last: tuple[str, Span] | None = None
    begin = 0
    for record in read_records(stream, Tally(), limit):
        if isinstance(record, WebRecord) or record.reason == "record type warcinfo":
            if last:
                yield last
            end = record.offset + record.length
            # From the request on, which the same step wrote.
            last = record.url if isinstance(record, WebRecord) else "", Span(offset + begin, end - begin)
            begin = end
        elif not record.reason.startswith("record type"):
            # Damage of no length lies in the last member's own end: its record was read, its checksum was not.
            if not record.length and record.offset == begin:
                last = None
            break
    if last:
        yield last
