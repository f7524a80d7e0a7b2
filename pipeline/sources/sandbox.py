"""Parsers run in a process of their own, so that a page that kills its parser costs that page and nothing else.

A call sends bytes or text to a named function in a child process and gets its answer as JSON: 0.1 ms for a page of 100 kB. Children
are started when first needed, one for each call that runs at the same time, and are used again. Two limits hold for a call: memory, and CPU
time as the last resort; both are far above what the size limits let a real page use.

Whether a call fails is decided by its arguments alone: one that dies in a child that has served others is tried again in a fresh one.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from pipeline.sources import parser_process
from pipeline.sources.parser_process import ANSWER, OUT_OF_MEMORY, READY, REQUEST

# Worst of 35 kinds of made-up pages within the limits of `filters.html`: 10 s of CPU time, 0.4 GB.
CPU_S = 120
MEMORY_BYTES = 2 << 30
# libxml2 never forgets the name of a tag or attribute, so a child must not live for ever; a fresh one takes 0.3 s to its first main text.
CALLS_PER_CHILD = 10_000
PIPE_BYTES = 1 << 20
# Signals by which people and systems stop processes; no page is to blame.
FROM_OUTSIDE = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT})


class Died(Exception):  # noqa: N818
    """The function took its process with it: the name of the signal, or the limit that was reached."""


class Raised(Exception):  # noqa: N818
    """The function raised an exception. `kind` is the name of its type."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind, self.words = kind, words


class Stopped(RuntimeError):  # noqa: N818
    """The child was ended from outside, or does not start: the unit fails and is done again by the next run."""


class Sandbox:
    """Children that run functions. Any number of threads may call; a fork of this process begins without children.

    Args:
        cpu_s: seconds of CPU time for one call.
        memory_bytes: for one call, beyond what a bare child takes (about 20 MB). Enforced where the system can: Linux.
        calls_per_child: after so many, a child is replaced.
    """

    def __init__(self, cpu_s: int = CPU_S, memory_bytes: int = MEMORY_BYTES, calls_per_child: int = CALLS_PER_CHILD) -> None:
        self.cpu_s, self.memory_bytes, self.calls_per_child = cpu_s, memory_bytes, calls_per_child
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        os.register_at_fork(after_in_child=self._forget)

    def call(self, target: str, data: bytes | str, **arguments: Any) -> Any:
        """`function(data, **arguments)`, as JSON gives it back; a dataclass comes as a dict of its fields.

        Args:
            target: 'module:function', importable from this process's `sys.path`.
            data: the function's first argument.
            arguments: values that JSON knows.

        Raises:
            Died: it crashed, or reached a limit, in a fresh process.
            Raised: it raised an exception.
            Stopped: the child was stopped from outside, or cannot be started.
            ValueError: there is no such function.
        """
        while True:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                child = _Child(self.cpu_s, self.memory_bytes)
            fresh = child.calls == 0
            try:
                status, answer = child.ask(target, data, arguments)
            except Died:
                if fresh:
                    raise
                continue
            if child.calls < self.calls_per_child:
                with self._lock:
                    self._idle.append(child)
            else:
                child.end()
            if status == b"A":
                return answer
            if status == b"E":
                raise Raised(*answer)
            raise ValueError(f"{target!r} is no function that a parser process can run: {answer}")

    def close(self) -> None:
        """End all idle children; the next call starts another."""
        with self._lock:
            ended, self._idle = self._idle, []
        for child in ended:
            child.end()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._idle = []


class _Child:
    """One process, asked by one thread at a time."""

    def __init__(self, cpu_s: int, memory_bytes: int) -> None:
        # -P: the child's modules are those of this process, whatever folder it was started in.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path), "OPENBLAS_NUM_THREADS": "1"}  # noqa: PTH109
        numbers = (os.getpid(), cpu_s, memory_bytes)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", parser_process.__name__, *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.calls = 0
        self.limits = f"more than {cpu_s} s of CPU time", f"more than {memory_bytes} bytes of memory"
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            # A page in one piece instead of in pieces of 64 kB, each with a change of process. Refused to a user with very many pipes.
            with contextlib.suppress(OSError, AttributeError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def ask(self, target: str, data: bytes | str, arguments: dict[str, Any]) -> tuple[bytes, Any]:
        """Status letter and value of the answer. Raises Died or Stopped; the child is gone then, as after any other exception."""
        process, text = self.process, isinstance(data, str)
        assert process.stdin is not None
        assert process.stdout is not None
        described = json.dumps({"target": target, "arguments": arguments, "text": text}).encode()
        payload = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if not self.calls:
            self._await_ready()
        self.calls += 1
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(REQUEST.pack(len(described), len(payload)) + described)
                process.stdin.write(payload)
                process.stdin.flush()
            header = process.stdout.read(ANSWER.size)
            if len(header) == ANSWER.size:
                status, size = ANSWER.unpack(header)
                answer = process.stdout.read(size)
                if len(answer) == size:
                    return status, json.loads(answer.decode("utf-8", "surrogatepass"))
        except BaseException:  # an interrupt: the answer of this call must not be taken for the next one's
            process.kill()
            self.end()
            raise
        self.end()
        raise self._death()

    def _await_ready(self) -> None:
        assert self.process.stdout is not None
        if self.process.stdout.read(1) != READY:
            self.end()
            raise Stopped(f"the parser process does not start: {self._death()}; try {sys.executable} -m {parser_process.__name__}")

    def end(self) -> None:
        """Close the pipes, at which a living child ends, and wait for it."""
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        self.process.wait()

    def _death(self) -> Died | Stopped:
        code = self.process.returncode
        if code >= 0:
            if code == OUT_OF_MEMORY:
                return Died(self.limits[1])
            return Died(f"exit status {code}")
        name = signal.Signals(-code).name
        if -code in FROM_OUTSIDE:
            return Stopped(f"the parser process was stopped from outside by {name}; run again")
        return Died(f"{name}: {self.limits[0]}" if -code == signal.SIGXCPU else name)


_sandbox = Sandbox()
atexit.register(_sandbox.close)
call = _sandbox.call
close = _sandbox.close
