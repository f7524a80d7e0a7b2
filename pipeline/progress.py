"""One line per stage while it runs: documents, documents per second, time left; and what it took when it ends.

The figures come from the workers' heartbeats and from /proc; they are shown and logged, and decide nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from pipeline.run import Run, Unit

TERMINAL_S, PIPE_S = 0.5, 10.0
PAGE = os.sysconf("SC_PAGE_SIZE")


class Progress:
    """Shows a stage's progress until the context ends. `note` is for stages that are one long step, such as training."""

    def __init__(self, stage: str, run: Run, units: list[Unit], stream: TextIO | None = None) -> None:
        self.stage, self.run = stage, run
        self.units = {unit.key: unit.bytes for unit in units}
        self.total_bytes = sum(self.units.values())
        self.peak_bytes = 0
        self._stream = stream or sys.stderr
        self._note: tuple[int, int, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self.started, self._cpu = time.monotonic(), _cpu_s()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")

    def note(self, done: int, total: int, text: str) -> None:
        """How far a stage without units is."""
        self._note = (done, total, text)

    @property
    def wall_s(self) -> float:
        """Since the stage began."""
        return time.monotonic() - self.started

    @property
    def cpu_s(self) -> float:
        """Of this process and of the workers that have ended."""
        return _cpu_s() - self._cpu

    def line(self) -> str:
        """The progress line as it stands."""
        if self._note is not None:
            done, total, text = self._note
            return f"{self.stage:<16} {done:,} of {total:,}  {text}  {_left(self.wall_s, done, total)}"
        documents, done_bytes = self._heartbeats()
        rate = documents / max(self.wall_s, 1e-3)
        return f"{self.stage:<16} {documents:,} documents  {rate:,.0f}/s  {_left(self.wall_s, done_bytes, self.total_bytes)}"

    def _heartbeats(self) -> tuple[int, int]:
        documents = done = 0
        for file in sorted(self.run.path(self.stage, "progress").glob("*")):
            try:
                counted, read = map(int, file.read_text().split())
            except (OSError, ValueError):  # just being written, or removed with its stage
                continue
            documents, done = documents + counted, done + min(read, self.units.get(file.name, read))
        finished = {file.stem for file in self.run.path(self.stage, "receipts").glob("*.json")}
        beating = {file.name for file in self.run.path(self.stage, "progress").glob("*")}
        return documents, done + sum(self.units.get(key, 0) for key in finished - beating)

    def _watch(self) -> None:
        shown = time.monotonic()
        terminal = self._stream.isatty()
        while not self._stop.wait(TERMINAL_S):
            self.peak_bytes = max(self.peak_bytes, tree_memory_bytes())
            if time.monotonic() - shown >= (TERMINAL_S if terminal else PIPE_S):
                shown = time.monotonic()
                self._stream.write(f"\r\x1b[K{self.line()}" if terminal else self.line() + "\n")
                self._stream.flush()
        self.peak_bytes = max(self.peak_bytes, tree_memory_bytes())


def _left(wall_s: float, done: int, total: int) -> str:
    if done <= 0 or total <= 0:
        return "time left unknown"
    seconds = wall_s * max(total - done, 0) / done
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def tree_memory_bytes() -> int:
    """Resident memory of this process and its descendants together; 0 where there is no /proc."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:  # the process has just ended
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        parents[int(folder.name)], resident[int(folder.name)] = int(fields[1]), int(fields[21]) * PAGE
    total, generation = 0, [os.getpid()]
    while generation:
        total += sum(resident.get(process, 0) for process in generation)
        generation = [process for process, parent in parents.items() if parent in generation]
    return total
