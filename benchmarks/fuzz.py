"""Fuzz run over the readers of WARC, EPUB, git, Parquet and HTML: seeded, bounded, each case under a limit of CPU time and of memory.

    python -m benchmarks.fuzz [--seconds 600] [--targets NAME …] [--seed 1] [--small] [--data DIR] [--json FILE] [--failures DIR]
    python -m benchmarks.fuzz --replay FILE --targets NAME

Cases run in a child process: a case that takes its process down is a failure, and the next child goes on behind it. What a case is follows
from seed, target and number (and from the seed files at hand), never from the clock; time only decides how many there are. A failing case
is written to --failures with the words of the failure and the operations that made it. Exit status 1 when a case failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.environments import ROOT
from benchmarks.fuzz_targets import TARGETS, Broken, case_of

SMALL_CASES, SMALL_SEEDS = 15, 4
MOST_SEEDS = 40
CPU_S = 20.0  # of one case; the dearest sound page within the limits takes 3 s
# What waits for ever takes no CPU time: a child that is silent for WAIT_S and has used less than LEAST_CPU_S of it, grandchildren included.
WAIT_S, LEAST_CPU_S = 30.0, 0.5
MOST_WAITS = 20  # a grandchild that spins is not under the limit of CPU time
MEMORY_BYTES = 768 << 20  # beyond what the child has when it starts
KEPT_OF_A_KIND = 3
PROGRAM = (sys.executable, "-m", "benchmarks.fuzz")


@dataclass
class Tested:
    """What came of one target's cases."""

    cases: int = 0
    failed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """By kind: exception and place, broken rule, signal."""
    peak_mb: float = 0.0
    """Largest resident set of a child."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description="Seeded fuzz run over the readers.")
    parser.add_argument("--seconds", type=float, default=600, help="wall time, shared out among the targets (600)")
    parser.add_argument("--small", action="store_true", help=f"{SMALL_CASES} cases of each target")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="NAME", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data); without it, made seeds only"
    )
    parser.add_argument("--failures", type=Path, default=ROOT / ".bench" / "fuzz-failures", help="folder for failing cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read one failing case again, in this process, and show the traceback")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    if chosen.replay and len(chosen.targets) != 1:
        parser.error("--replay needs the one target that the case is of: --targets NAME")
    return chosen


def child(chosen: argparse.Namespace) -> None:
    """Cases one after another, told on standard output: `begin N`, then `ok N peak outcome` or `fail N kind words`, in JSON."""
    (name,) = chosen.targets
    target = TARGETS[name]
    seeds = target.seeds(chosen.data if chosen.data.is_dir() else None, SMALL_SEEDS if chosen.small else MOST_SEEDS)
    folder = Path.cwd()
    for seed in seeds[:3]:  # loads what is loaded late, before memory is limited
        _one(target.check, seed, folder)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, size + MEMORY_BYTES))
    number = chosen.first
    while True:
        case = case_of(target, seeds, name, chosen.seed, number)
        (folder / f"case-{number}").write_bytes(case.data)
        (folder / f"history-{number}").write_text("\n".join(case.history))
        _tell("begin", number)
        # The default action of SIGPROF ends the process, in whatever library it is.
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        kind, words = _one(target.check, case.data, folder)
        signal.setitimer(signal.ITIMER_PROF, 0)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        _tell("fail" if kind else "ok", number, kind, words, peak_mb)
        number += 1


def _one(check, data: bytes, folder: Path) -> tuple[str, str]:  # type: ignore[no-untyped-def]
    """Kind and words of a failure; kind '' and the outcome where there is none."""
    work = Path(tempfile.mkdtemp(dir=folder))
    try:
        return "", check(data, work)
    except Broken as error:
        return f"broken rule: {re.sub('[0-9]+', 'N', ' '.join(str(error).split()[:5]))}", str(error)
    except (Exception, MemoryError) as error:  # noqa: BLE001 -- any exception that gets out of a reader is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = "".join(traceback.format_exception(error)[-6:])
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}", words
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _tell(*words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Child:
    """A child process, its lines with a limit on waiting."""

    def __init__(self, name: str, first: int, chosen: argparse.Namespace, folder: Path) -> None:
        command = [*PROGRAM, "--child", "--targets", name, "--seed", str(chosen.seed), "--first", str(first)]
        command += ["--data", str(chosen.data.resolve())] + (["--small"] if chosen.small else [])
        # One pool of memory: arrow's and glibc's own ones reserve addresses by the gigabyte.
        environment = {
            "PYTHONPATH": str(ROOT),
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "MALLOC_ARENA_MAX": "2",
            "GIT_CEILING_DIRECTORIES": str(folder),
        }
        self.folder, self.ended = folder, ""
        self.log = (folder / "log").open("w+b")
        self.process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True
        )
        assert self.process.stdout is not None
        self.output, self.held = self.process.stdout.fileno(), b""
        self.lines = selectors.DefaultSelector()
        self.lines.register(self.output, selectors.EVENT_READ)

    def line(self) -> list[Any] | None:
        """The next line; None where the process ended. Raises TimeoutError."""
        used, waits = 0.0, 0
        while b"\n" not in self.held:
            if not self.lines.select(WAIT_S):
                used, before, waits = self._cpu_s(), used, waits + 1
                if used - before < LEAST_CPU_S or waits == MOST_WAITS:
                    raise TimeoutError
                continue
            piece = os.read(self.output, 1 << 16)
            if not piece:
                return None
            self.held += piece
        text, _, self.held = self.held.partition(b"\n")
        return json.loads(text)

    def _cpu_s(self) -> float:
        """Of the process and its descendants."""
        total = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            this = psutil.Process(self.process.pid)
            for process in (this, *this.children(recursive=True)):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def end(self) -> str:
        """Kill what is left of it; how it had ended, in words."""
        if self.ended:
            return self.ended
        status = self.process.poll()
        if status is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.seek(0)
        last = self.log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        self.log.close()
        self.lines.close()
        name = "SIGKILL" if status is None else signal.Signals(-status).name if status < 0 else f"status {status}"
        self.ended = f"more than {CPU_S:.0f} s of CPU time" if name == "SIGPROF" else f"process died: {name} {' '.join(last)[:200]}".strip()
        return self.ended


def run_target(name: str, chosen: argparse.Namespace, seconds: float) -> Tested:
    """Cases of one target until time is over, or a fixed number of them."""
    tested, number, deadline = Tested(), chosen.first, time.monotonic() + seconds
    last = chosen.first + SMALL_CASES if chosen.small else sys.maxsize
    while number < last and time.monotonic() < deadline:
        with tempfile.TemporaryDirectory(prefix=f"curate-fuzz-{name}-") as folder:
            running = Child(name, number, chosen, Path(folder))
            try:
                number = _until_death(running, name, number, last, deadline, tested, chosen)
            finally:
                running.end()
    return tested


def _until_death(running: Child, name: str, number: int, last: int, deadline: float, tested: Tested, chosen: argparse.Namespace) -> int:
    """Take in what one child tells, up to its death or the end of the run; the number of the next case."""
    begun = False
    while number < last and (time.monotonic() < deadline or begun):
        try:
            line = running.line()
        except TimeoutError:
            if not begun:
                raise RuntimeError(f"the child of {name} waits for ever before case {number}") from None
            _failed(tested, name, number, "waits for ever", "", running.folder, chosen)
            return number + 1
        if line is None:
            running.process.wait()
            words = running.end()
            if not begun:
                raise RuntimeError(f"the child of {name} cannot make case {number}: {words}")
            _failed(tested, name, number, words, "", running.folder, chosen)
            return number + 1
        begun = line[0] == "begin"
        if begun:
            continue
        _, number, kind, words, peak_mb = line
        tested.peak_mb = max(tested.peak_mb, peak_mb)
        if kind:
            _failed(tested, name, number, kind, words, running.folder, chosen)
        else:
            tested.cases += 1
            tested.outcomes[words] += 1
        for file in ("case", "history"):
            (running.folder / f"{file}-{number}").unlink()
        number += 1
    return number


def _failed(tested: Tested, name: str, number: int, kind: str, words: str, folder: Path, chosen: argparse.Namespace) -> None:
    tested.cases += 1
    tested.failed += 1
    tested.failures[kind] += 1
    if tested.failures[kind] > KEPT_OF_A_KIND:
        return
    chosen.failures.mkdir(parents=True, exist_ok=True)
    path = chosen.failures / f"{name}-{chosen.seed}-{number}"
    shutil.copyfile(folder / f"case-{number}", path.with_suffix(".bin"))
    history = (folder / f"history-{number}").read_text()
    path.with_suffix(".txt").write_text(f"{name}, seed {chosen.seed}, case {number}\n{kind}\n\nhow it was made:\n{history}\n\n{words}\n")
    sys.stderr.write(f"{name} {number}: {kind}; see {path}.txt\n")


def replay(path: Path, name: str) -> None:
    """One case, without limits."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(TARGETS[name].check(path.read_bytes(), Path(folder)) + "\n")


def report(results: dict[str, Tested]) -> str:
    lines = [f"{'':8} {'cases':>7} {'failed':>7} {'peak MB':>8}  most frequent outcomes"]
    for name, tested in results.items():
        most = ", ".join(f"{outcome} {count}" for outcome, count in tested.outcomes.most_common(6))
        lines.append(f"{name:8} {tested.cases:7,} {tested.failed:7,} {tested.peak_mb:8,.0f}  {most}")
        lines += [f"         {count} times {kind}" for kind, count in tested.failures.most_common()]
    return "\n".join(lines)


def main() -> None:
    chosen = arguments()
    if chosen.child:
        child(chosen)
        return
    if chosen.replay:
        replay(chosen.replay, chosen.targets[0])
        return
    results = {name: run_target(name, chosen, chosen.seconds / len(chosen.targets)) for name in chosen.targets}
    sys.stdout.write(report(results) + "\n")
    if chosen.json:
        values = {
            name: {**vars(tested), "outcomes": dict(tested.outcomes.most_common()), "failures": dict(tested.failures.most_common())}
            for name, tested in results.items()
        }
        chosen.json.write_text(
            json.dumps({"input": {"seed": chosen.seed, "small": chosen.small}, "ours": values}, indent=1) + "\n", encoding="utf-8"
        )
    sys.exit(any(tested.failed for tested in results.values()))


if __name__ == "__main__":
    main()
