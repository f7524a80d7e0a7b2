"""A remote object as a file: read in windows of bytes, with bounded patience where a server falters."""

from __future__ import annotations

import io
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

TRIES = 6
# Pauses between tries double from the first to the second; a server's own Retry-After goes before them, up to the third.
PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_ASKED_S = 600.0

# Windows grow while they are read on: finding a record in the middle of a file costs little, reading 64 MiB takes ten requests.
FIRST_WINDOW_BYTES = 1 << 18
WINDOW_GROWTH = 4
LARGEST_WINDOW_BYTES = 1 << 23
# Asked for at a time behind the part that is wanted, to the end of its last record.
TAIL_BYTES = 1 << 18


@dataclass(frozen=True)
class Remote:
    """Size in bytes (-1 where the server does not say) and a stamp that changes with the content (ETag, or time of change)."""

    bytes: int
    stamp: str
    ranges: bool = True
    """Whether the server says that it gives parts."""


class Patience:
    """Counts failures in a row, and waits between them."""

    def __init__(self, url: str) -> None:
        self.url, self.failures = url, 0

    def lose(self, words: str, asked_s: float = 0.0, pause: Callable[[float], None] = time.sleep) -> None:
        """Wait before the next try, at least as long as the server asked for.

        Raises:
            ValueError: it was the last try.
        """
        self.failures += 1
        if self.failures >= TRIES:
            raise ValueError(f"{self.url!r} cannot be read after {TRIES} tries: {words}")
        pause(max(min(PAUSE_S * 2 ** (self.failures - 1), LONGEST_PAUSE_S), min(asked_s, LONGEST_ASKED_S)))

    def regain(self) -> None:
        """Something was read."""
        self.failures = 0


class RangedFile(io.RawIOBase):
    """A seekable file over `fetch`, which asks a server. Seeks within what was last fetched ask for nothing.

    Args:
        end: where the part that is wanted ends; None where that is the file's end.
    """

    def __init__(self, url: str, end: int | None) -> None:
        self.url, self.end = url, end
        self.size = -1
        self.position = 0
        self._window, self._begin, self._step = memoryview(b""), 0, FIRST_WINDOW_BYTES

    @abstractmethod
    def fetch(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only at the end of an object that does not state its size."""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset; nothing is asked for yet."""
        if whence == io.SEEK_END and self.size < 0:
            raise OSError(f"{self.url!r} does not say its size")
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with what the window holds, after moving the window where it must be."""
        if 0 <= self.size <= self.position:
            return 0
        at = self.position - self._begin
        if not 0 <= at < len(self._window):
            goes_on = len(self._window) > 0 and at == len(self._window)
            self._step = min(self._step * WINDOW_GROWTH, LARGEST_WINDOW_BYTES) if goes_on else FIRST_WINDOW_BYTES
            self._window, self._begin, at = memoryview(self.fetch(self.position, self._wanted())), self.position, 0
        data = self._window[at : at + len(buffer)]
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    def _wanted(self) -> int:
        step = self._step
        if self.end is not None:
            step = min(step, self.end - self.position) if self.position < self.end else min(step, TAIL_BYTES)
        return step if self.size < 0 else min(step, self.size - self.position)
