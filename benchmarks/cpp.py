"""Plain C++ programs of our own definitions: the limit that ours is held against. Compiled once for a source and a compiler, in .bench/."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import xxhash

from benchmarks.environments import ROOT, PeerMissingError

FLAGS = ("-std=c++17", "-O3", "-march=native")


def compiled(source: Path, tables: Mapping[str, npt.NDArray[Any]]) -> tuple[str, ...]:
    """The program of a source file, and the files of the tables that it reads, by their names.

    Raises:
        PeerMissingError: there is no g++, or it fails.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise PeerMissingError("no g++ on this machine")
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, check=True).stdout
    digest = xxhash.xxh3_64_hexdigest(source.read_bytes() + version + " ".join(FLAGS).encode())
    folder = ROOT / ".bench" / f"{source.stem}-{digest}"
    program = folder / source.stem
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([compiler, *FLAGS, "-o", str(program), str(source)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerMissingError(f"g++ fails: {(done.stderr.strip().splitlines() or ['no message'])[0][:200]}")
    for name, table in tables.items():
        (folder / name).write_bytes(table.tobytes())
    return str(program), *(str(folder / name) for name in tables)
