"""What a command costs: CPU-seconds and peak memory of its whole process tree, and wall time. Linux.

A command is run under this file as a script, which is the reaper of every descendant (prctl PR_SET_CHILD_SUBREAPER): processes that
outlive their parent, or that it never waited for, come back here and are counted. CPU-seconds are the kernel's own sum, not a sample.
Peak memory is the larger of two: the tree's proportional set size, sampled (pages shared between forks count once), and the largest
resident set of any one process, exact but for one process alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, linux/prctl.h
SAMPLE_S = 0.2  # one sample of a tree of 700 MB took 5 ms
GRACE_S = 5.0
MEGABYTE = 1e6


@dataclass(frozen=True)
class Cost:
    """CPU-seconds (user and system), wall seconds, and megabytes (10^6 bytes) at the peak."""

    cpu_s: float
    wall_s: float
    peak_mb: float


class CommandError(Exception):
    """A measured command ended with a status other than 0; the text quotes the end of what it wrote."""


def measure(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None, log: Path) -> Cost:
    """Run a command to its end.

    Args:
        command: program and arguments.
        cwd: where it runs.
        environment: variables set beside those of this process.
        log: gets what it writes to its standard output and error.

    Raises:
        CommandError: its exit status is not 0.
    """
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as output:
        result = Path(folder) / "cost.json"
        wrapped = [sys.executable, "-I", str(Path(__file__).resolve()), str(result), *command]
        subprocess.run(wrapped, cwd=cwd, env={**os.environ, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT, check=True)
        measured = json.loads(result.read_text())
    if measured.pop("status"):
        lines = log.read_text(errors="replace").strip().splitlines() or ["(it wrote nothing)"]
        raise CommandError(f"{' '.join(command[:4])} … failed: {lines[-1][:300]}")
    return Cost(**measured)


def median(costs: Iterable[Cost]) -> Cost:
    """The median of each number by itself."""
    rows = list(costs)
    return Cost(*(statistics.median(getattr(cost, name) for cost in rows) for name in ("cpu_s", "wall_s", "peak_mb")))


class _TreeMemory(threading.Thread):
    """Samples the proportional set size of all descendants of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        this = psutil.Process()
        while not self._ended.wait(SAMPLE_S):
            total = 0
            for process in this.children(recursive=True):
                # A process may end between being listed and being asked.
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += process.memory_full_info().pss
            self.peak_bytes = max(self.peak_bytes, total)

    def end(self) -> None:
        self._ended.set()
        self.join()


def run_as_reaper(command: Sequence[str]) -> tuple[int, Cost]:
    """Exit status and cost of a command; returns when its last descendant has ended. Reaps every child of this process."""
    if ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel does not let a process reap its descendants (prctl PR_SET_CHILD_SUBREAPER)")
    memory = _TreeMemory()
    memory.start()
    started = time.monotonic()
    main = subprocess.Popen(command)
    ended, status = os.wait()
    while ended != main.pid:
        ended, status = os.wait()
    wall_s = time.monotonic() - started
    main.returncode = os.waitstatus_to_exitcode(status)
    _reap_rest()
    memory.end()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak_bytes = max(memory.peak_bytes, usage.ru_maxrss * 1024)
    return main.returncode, Cost(usage.ru_utime + usage.ru_stime, wall_s, peak_bytes / MEGABYTE)


def _reap_rest() -> None:
    """Wait for descendants that outlived the command; after a grace they are killed, and counted all the same."""
    deadline = time.monotonic() + GRACE_S
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if ended:
                continue
            if time.monotonic() > deadline:
                for process in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGKILL)
            time.sleep(0.02)


def main() -> None:
    status, cost = run_as_reaper(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps({"status": status, **asdict(cost)}))


if __name__ == "__main__":
    main()
