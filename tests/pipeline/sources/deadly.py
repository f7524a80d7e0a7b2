"""Functions that kill, hang or fill the process that runs them, as a faulty parser would; `test_sandbox` runs them in real children."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable

from filters.html import Favour, trafilatura_text

RUNS: list[str] = []


def crash(data: bytes) -> None:
    ctypes.string_at(0)


def recurse_in_c(data: bytes) -> object:
    chain: Iterable[object] = [0]
    for _ in range(400_000):
        chain = filter(None, chain)
    return next(iter(chain), None)


def recurse_in_python(data: bytes) -> object:
    return recurse_in_python(data)


def fill(data: bytes) -> int:
    return len(bytearray(1 << 33))


def spin(data: bytes) -> None:
    while True:
        pass


def leave(data: bytes) -> None:
    os._exit(3)


def stopped(data: bytes) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def said(data: str) -> str:
    """What it was told, while the library that it stands for prints and reads."""
    print("noise")
    sys.stdin.read()
    return data


def process(data: bytes) -> int:
    return os.getpid()


def crash_after_others(data: bytes) -> int:
    """Sound in a fresh process; dies where another call has been before, as after a heap that was spoilt."""
    RUNS.append("")
    if len(RUNS) > 1:
        ctypes.string_at(0)
    return os.getpid()


def main_text_or_death(page: str, favour: Favour, *, fallbacks: bool) -> str:
    """trafilatura, with a fault in it: three pages of the test's own kill it."""
    for words, deed in (("SEGMENTATION-FAULT", crash), ("FILLS-MEMORY", fill), ("STACK-OVERFLOW", recurse_in_c)):
        if words in page:
            deed(b"")
    return trafilatura_text(page, favour, fallbacks=fallbacks)
