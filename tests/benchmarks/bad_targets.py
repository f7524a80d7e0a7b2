"""`python bad_targets.py ARGUMENTS OF benchmarks.fuzz`: the fuzz run over a reader that breaks every rule, under small limits."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from random import Random

from benchmarks import fuzz
from benchmarks.fuzz_targets import TARGETS, Case, Target, sound
from pipeline.sources.records import Document, Reject, Tally

DEEDS = ("sound", "crash", "spin", "wait", "memory", "hidden memory", "raise", "lose", "surrogate", "range")


def make(_seeds: list[bytes], random: Random) -> Case:
    """A deed by turns of chance."""
    return Case(random.choice(DEEDS).encode(), ("chosen",))


def check(data: bytes, _folder: Path) -> str:
    """Do what the case says."""
    match data.decode():
        case "crash":
            ctypes.string_at(0)
        case "spin":
            while True:
                pass
        case "wait":
            os.read(os.pipe()[0], 1)
        case "memory":
            bytes(4 << 30)
        case "hidden memory":
            return sound([Reject("x", "extractor failed", "MemoryError: ")], Tally(records=1))
        case "raise":
            raise KeyError("missing")
        case "lose":
            return sound([Document("x", "text")], Tally(records=2))
        case "surrogate":
            return sound([Document("x", "\ud800")], Tally(records=1))
        case "range":
            return sound([Document("x", "text", offset=5, length=6)], Tally(records=1), 10)
    return sound([Document("x", "text", offset=5, length=5)], Tally(records=1), 10)


if __name__ == "__main__":
    TARGETS["html"] = Target(lambda _data, _most: [b"sound"], make, check)
    fuzz.CPU_S, fuzz.WAIT_S, fuzz.LEAST_CPU_S, fuzz.SMALL_CASES = 0.5, 5.0, 0.05, int(os.environ["BAD_CASES"])
    fuzz.PROGRAM = (sys.executable, str(Path(__file__).resolve()))
    fuzz.main()
