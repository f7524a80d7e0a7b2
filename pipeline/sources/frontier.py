"""The frontier of one host's crawl, in SQLite: which URLs are known, what became of each, and how much of the WARC that covers.

A crawl's step (one URL taken, its records appended to the WARC, its links found) is one transaction, which ends with the WARC's length.
So a killed crawl finds either the step's row and its records, or at most records behind the length that it knows; those are listed in
`held` and answer the same requests when the step is done again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.sources.records import Reject

PAGE, SITEMAP = 0, 1
WAITING, ANSWERED, REJECTED = 0, 1, 2
LAYOUT = 1
LOCATOR_CHARACTERS = 2000

TABLES = """
CREATE TABLE urls (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, depth INTEGER NOT NULL, hops INTEGER NOT NULL,
    urgent INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT, error TEXT
);
CREATE INDEX waiting ON urls (urgent DESC, depth, id) WHERE state = 0;
CREATE TABLE held (id INTEGER PRIMARY KEY, url TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE INDEX held_url ON held (url);
CREATE TABLE robots (host TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE state (value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A URL of the frontier. `depth` counts links from a seed, `hops` the redirects that led here."""

    url: str
    depth: int = 0
    hops: int = 0
    kind: int = PAGE


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the WARC, in bytes."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class HostRobots:
    """How a host was asked for its rules: where the answers lie, why there is none, and when that was."""

    refusal: str
    reason: str
    robots: tuple[int, int] | None
    reservations: tuple[int, int] | None
    asked_at_page: int
    date: str | None


@dataclass(slots=True)
class State:
    """What a crawl is at, beside its URLs."""

    layout: int
    settings: str
    warc_bytes: int = 0
    """Of the WARC, as far as the frontier has taken it in."""
    last: tuple[int, int] = (0, 0)
    """Offset and length of the last whole record before that."""
    waiting: int = 0
    """URLs in line."""
    pages: int = 0
    """Pages taken up: answered or failed, not refused by robots.txt."""
    responses: int = 0
    failures: int = 0
    """Pages in a row that gave no answer."""
    begun: bool = False
    finished: bool = False
    taken: int = 0
    """URLs that were taken up: from the line, or as the target of a redirect that is not followed."""


class Frontier:
    """The frontier in one file. Changes are kept when the `step` that they are made in ends.

    Raises:
        sqlite3.Error: the file is no frontier, or cannot be written; of every method.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self._base = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing; a machine that loses its power may lose the last steps, never the file's order.
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        if not self._base.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
            self._base.executescript(f"BEGIN; {TABLES} COMMIT;")
        row = self._base.execute("SELECT value FROM state").fetchone()
        self.state = State(**json.loads(row[0])) if row else State(LAYOUT, settings)

    @contextmanager
    def step(self) -> Iterator[None]:
        """All changes until the block ends, or none."""
        self._base.execute("BEGIN")
        try:
            yield
            self._base.execute("DELETE FROM state")
            self._base.execute("INSERT INTO state VALUES (?)", (json.dumps(asdict(self.state)),))
            self._base.execute("COMMIT")
        except BaseException:
            self._base.execute("ROLLBACK")
            raise

    def add(self, pages: Iterable[Page], *, urgent: bool = False) -> None:
        """Put URLs that are not known yet in line: by depth, then as they come; an urgent one before all."""
        rows = ((page.url, page.kind, page.depth, page.hops, urgent) for page in pages)
        added = self._base.executemany("INSERT OR IGNORE INTO urls VALUES (NULL, ?, ?, ?, ?, ?, 0, NULL, NULL)", rows)
        self.state.waiting += added.rowcount

    def next(self) -> Page | None:
        """The URL whose turn it is; it stays in line until it is answered or rejected."""
        row = self._base.execute(
            "SELECT url, depth, hops, kind FROM urls WHERE state = 0 ORDER BY urgent DESC, depth, id LIMIT 1"
        ).fetchone()
        return Page(*row) if row else None

    def answered(self, page: Page) -> None:
        """A URL has its response record."""
        self.state.responses += 1
        self.state.taken += 1
        self.state.waiting -= 1
        self._base.execute("UPDATE urls SET state = ? WHERE url = ?", (ANSWERED, page.url))

    def reject(self, url: str, reason: str, error: str) -> None:
        """A URL ends without a record, whether it was in line or not; one that has ended already stays as it is."""
        url = url.encode("utf-8", "backslashreplace").decode()[:LOCATOR_CHARACTERS]
        error = error.encode("utf-8", "backslashreplace").decode()
        ended = self._base.execute(
            "UPDATE urls SET state = ?, reason = ?, error = ? WHERE url = ? AND state = 0", (REJECTED, reason, error, url)
        )
        self.state.waiting -= ended.rowcount
        if not ended.rowcount:
            ended = self._base.execute("INSERT OR IGNORE INTO urls VALUES (NULL, ?, 0, 0, 0, 0, ?, ?, ?)", (url, REJECTED, reason, error))
        self.state.taken += ended.rowcount

    def reject_waiting(self, reason: str, error: str) -> None:
        """The same for all URLs in line."""
        self._base.execute("UPDATE urls SET state = ?, reason = ?, error = ? WHERE state = 0", (REJECTED, reason, error))
        self.state.taken += self.state.waiting
        self.state.waiting = 0

    def count(self, kind: int) -> int:
        """How many URLs of a kind are known."""
        return int(self._base.execute("SELECT count(*) FROM urls WHERE kind = ?", (kind,)).fetchone()[0])

    def rejects(self) -> Iterator[Reject]:
        """Every URL that ended without a record, in the order of discovery."""
        rows = self._base.execute("SELECT url, reason, error FROM urls WHERE state = ? ORDER BY id", (REJECTED,))
        return (Reject(url, reason, error) for url, reason, error in rows)

    def hold(self, records: Iterable[tuple[str, Span]]) -> None:
        """Records of the WARC that no step has taken in yet, in its order."""
        self._base.executemany("INSERT INTO held VALUES (NULL, ?, ?, ?)", ((url, span.offset, span.length) for url, span in records))

    def take_held(self, url: str) -> Span | None:
        """The first such record of a URL, which then is taken in; None where there is none."""
        row = self._base.execute("SELECT id, offset, length FROM held WHERE url = ? ORDER BY id LIMIT 1", (url,)).fetchone()
        if row is None:
            return None
        self._base.execute("DELETE FROM held WHERE id = ?", row[:1])
        return Span(*row[1:])

    def robots(self, host: str) -> HostRobots | None:
        """What is known of a host's rules."""
        row = self._base.execute("SELECT value FROM robots WHERE host = ?", (host,)).fetchone()
        return HostRobots(**json.loads(row[0])) if row else None

    def keep_robots(self, host: str, robots: HostRobots) -> None:
        """Replace it."""
        self._base.execute("INSERT OR REPLACE INTO robots VALUES (?, ?)", (host, json.dumps(asdict(robots))))

    def close(self) -> None:
        """Leave the file whole, without a journal beside it."""
        self._base.close()


def remove(path: Path) -> None:
    """Delete a frontier and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
