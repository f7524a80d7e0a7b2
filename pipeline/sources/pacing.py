"""Whose turn it is to ask a host: one request at a time and a pause between two, over all the crawls of a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipeline.sources.urls import DEFAULT_PORTS


class Stopped(Exception):  # noqa: N818 -- the crawl is asked to end; nothing went wrong
    """Another thread of the crawl has failed, and this one is to leave its files as they are."""


@dataclass(slots=True)
class Turn:
    """A server's. `rest_s` may be set by who holds it: so much longer is the server left alone."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    next_at: float = 0.0
    rest_s: float = 0.0


class Turns:
    """The turns of all servers. http and https of one name are one server; other ports are others."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}
        self._guard = threading.Lock()
        self._stop = threading.Event()

    def stop(self) -> None:
        """End every wait, now and later, with Stopped."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: `stop` was called.
        """
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped

    @contextmanager
    def of(self, url: str, delay_s: float) -> Iterator[Turn]:
        """The turn to ask a URL's server, held until the block ends; the next one comes `delay_s` after that."""
        parts = urlsplit(url)
        server = parts.hostname or ""
        if parts.port not in {None, *DEFAULT_PORTS.values()}:
            server = f"{server}:{parts.port}"
        with self._guard:
            turn = self._turns.setdefault(server, Turn())
        with turn.lock:
            self.pause(turn.next_at - time.monotonic())
            turn.rest_s = 0.0
            try:
                yield turn
            finally:
                turn.next_at = time.monotonic() + max(delay_s, turn.rest_s)
