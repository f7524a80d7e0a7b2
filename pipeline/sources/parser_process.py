"""A process in which parsers run that may crash, recurse or spin: `python -m pipeline.sources.parser_process`, started by `sandbox`.

In:  requests on standard input: sizes of two parts (two 32-bit numbers, little-endian); JSON with `target` ('module:function'), `arguments`
     (by name) and whether the data is text; the data, which is the function's first argument.
Out: on what was standard output, an R when it is ready, then answers: a letter (A answer, E exception, U unknown function) and the size of
     the rest, which is JSON.
It ends with its input, that is with the process that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import importlib
import json
import math
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY = b"R"
REQUEST, ANSWER = struct.Struct("<II"), struct.Struct("<cI")
OUT_OF_MEMORY = 99  # exit status; no signal has its number
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
ERROR_CHARACTERS = 1000


def main(parent: int, cpu_s: int, memory_bytes: int) -> None:
    """Answer until the input ends.

    Args:
        parent: process to live no longer than.
        cpu_s: seconds of CPU time that one request may take; then the kernel sends SIGXCPU.
        memory_bytes: that requests may take beyond what the bare process has.
    """
    requests = os.fdopen(os.dup(0), "rb", buffering=1 << 16)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What a library prints is no answer.
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    _end_with(parent)
    # Ctrl-C is the parent's to act on; a page must not seem to have killed its parser.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory_bytes)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")  # rather this process than the worker
    answers.write(READY)
    while header := requests.read(REQUEST.size):
        described, size = REQUEST.unpack(header)
        request = json.loads(requests.read(described))
        data = requests.read(size)
        _limit_cpu(cpu_s)
        status, answer = _answered(request, data)
        answers_left = memoryview(ANSWER.pack(status, len(answer)) + answer)
        while answers_left:
            answers_left = answers_left[answers.write(answers_left) :]


def _answered(request: dict[str, Any], data: bytes) -> tuple[bytes, bytes]:
    try:
        function = _function(request["target"])
    except (ImportError, AttributeError) as error:
        return b"U", _json(f"{type(error).__name__}: {error}")
    try:
        value = function(data.decode("utf-8", "surrogatepass") if request["text"] else data, **request["arguments"])
        return b"A", _json(dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # what libraries leave behind after a failed allocation is not to be trusted
    except Exception as error:  # noqa: BLE001 -- it is told to the parent, which rejects the page
        return b"E", _json([type(error).__name__, str(error)[:ERROR_CHARACTERS]])


@functools.cache
def _function(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=True).encode("utf-8", "surrogatepass")


def _end_with(parent: int) -> None:
    """Die when the parent does, even while a parser spins and nobody reads the input. Elsewhere than on Linux the CPU limit ends a spin."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        sizes = [int(pages) * resource.getpagesize() for pages in Path("/proc/self/statm").read_text(encoding="ascii").split()]
        for limit, used in ((resource.RLIMIT_AS, sizes[0]), (resource.RLIMIT_DATA, sizes[5])):
            hard = resource.getrlimit(limit)[1]
            resource.setrlimit(limit, (_least(used + most, hard), hard))


def _limit_cpu(seconds: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (_least(math.ceil(usage.ru_utime + usage.ru_stime) + seconds, hard), hard))


def _least(wanted: int, hard: int) -> int:
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
