"""The contestants of the signals benchmark: the same packed texts to each in a process of its own, in turns, and what each said of them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import DATATROVE, ROOT, Peer, PeerMissingError, python_of
from benchmarks.measure import CommandError, Cost, measure
from benchmarks.native import build
from benchmarks.results import Row, columns
from benchmarks.signal_texts import ENGLISH, OTHER, SAMPLE

PEERS = Path(__file__).resolve().parent / "peers"
# Its taggers for Gopher and C4 run on what its own requirements bring (numpy 1.26).
DOLMA = Peer("dolma", "1.2.1", ("dolma==1.2.1",))
ALL = (SAMPLE, ENGLISH, OTHER)


@dataclass
class Contestant:
    """One way to measure texts: how it is run, on which of the packed sets, and what its runs gave."""

    row: Row
    """Of the sample, which all get."""
    command: tuple[str, ...]
    sets: tuple[str, ...] = (SAMPLE,)
    totals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By set, of each run: CPU-seconds, wall seconds and what else it printed."""

    def enter(self, folder: Path, name: str) -> None:
        """Run it once over each of its sets; a contestant that fails is absent from then on."""
        for texts in self.sets:
            log = folder / f"{name}-{texts}.log"
            try:
                whole = measure([*self.command, str(folder / texts), str(self.out(folder, name, texts))], cwd=ROOT, log=log)
            except CommandError as error:
                self.row.absent = str(error)
                return
            told = json.loads(log.read_text().splitlines()[-1])
            self.totals.setdefault(texts, []).append(told)
            if texts == SAMPLE:
                self.row.costs.append(Cost(told["cpu_s"], told["wall_s"], whole.peak_mb))
                self.row.documents = dict(told.get("kept", {}))
                self.row.stage_cpu_s = {"start": whole.cpu_s - told["cpu_s"], **told.get("parts", {})}

    @staticmethod
    def out(folder: Path, name: str, texts: str) -> Path:
        """What it writes of a set."""
        return folder / f"{name}-{texts}.out"

    def speed(self, texts: str, size: int) -> float:
        """MB (10^6 bytes) per CPU-second, by the median run."""
        return size / 1e6 / statistics.median(told["cpu_s"] for told in self.totals[texts])


def contestants(*, peers: bool) -> dict[str, Contestant]:
    """All of them by key, ours first; one that cannot run here is absent, with the reason."""
    found = {
        "ours": Contestant(Row("curate, signals and verdicts"), (sys.executable, "-m", "benchmarks.our_signals", "signals"), ALL),
        "ours-extraction": Contestant(
            Row("curate, all that extraction measures"), (sys.executable, "-m", "benchmarks.our_signals", "extraction")
        ),
    }  # fmt: skip
    try:
        found["native"] = Contestant(Row("C++, the same signals"), build(), ALL)
    except PeerMissingError as error:
        found["native"] = Contestant(Row("C++, the same signals", absent=str(error)), ())
    scripts = {
        "datatrove": (DATATROVE, "datatrove_signals", "filters", "datatrove, four filters"),
        "datatrove-words": (DATATROVE, "datatrove_signals", "words", "datatrove, its word splitter alone"),
        "dolma-gopher": (DOLMA, "dolma_signals", "gopher_v1", "dolma, gopher_v1"),
        "dolma-c4": (DOLMA, "dolma_signals", "c4_v1", "dolma, c4_v1"),
        "dolma-c4-v2": (DOLMA, "dolma_signals", "c4_v2", "dolma, c4_v2"),
    }
    for key, (peer, script, name, label) in scripts.items():
        python, absent = None, "" if peers else "not asked for (--no-peers)"
        try:
            python = None if absent else python_of(peer)
        except PeerMissingError as error:
            absent = str(error)
        found[key] = Contestant(Row(label, absent=absent), (str(python), "-I", str(PEERS / f"{script}.py"), name))
    return found


def rule_verdicts(folder: Path) -> dict[str, str]:
    """The verdict of datatrove on each text of the sample by each rule: '1' where it is removed.

    Raises:
        PeerMissingError: datatrove cannot be had here.
        CommandError: it fails.
    """
    out = folder / "rules.out"
    command = [str(python_of(DATATROVE)), "-I", str(PEERS / "datatrove_signals.py"), "rules", str(folder / SAMPLE), str(out)]
    measure(command, cwd=folder, log=folder / "rules.log")
    verdicts: dict[str, str] = json.loads(out.read_text())
    return verdicts


def compile_times() -> dict[str, dict[str, float]]:
    """CPU-seconds of a process that measures its first text: kernels compiled, and read from the cache of the run before."""
    with tempfile.TemporaryDirectory(prefix="curate-kernels-") as name:
        told = {}
        for state in ("cold", "cached"):
            command = [sys.executable, "-m", "benchmarks.our_signals", "compile"]
            log = Path(name) / "log.txt"
            measure(command, cwd=ROOT, environment={"NUMBA_CACHE_DIR": name}, log=log)
            told[state] = {part: round(taken, 3) for part, taken in json.loads(log.read_text().splitlines()[-1]).items()}
        return told


def speed_table(entered: Mapping[str, Contestant], sizes: Mapping[str, int]) -> str:
    """MB per CPU-second by set of texts."""
    lines = [["MB per CPU-second", *sizes]]
    for contestant in entered.values():
        if contestant.totals and not contestant.row.absent:
            told = (f"{contestant.speed(texts, size):.2f}" if texts in contestant.totals else "" for texts, size in sizes.items())
            lines.append([contestant.row.label, *told])
    return columns(lines)


def processor() -> str:
    """Its name, for the record."""
    done = subprocess.run(["grep", "-m1", "model name", "/proc/cpuinfo"], capture_output=True, text=True, check=False)
    return done.stdout.partition(":")[2].strip()
