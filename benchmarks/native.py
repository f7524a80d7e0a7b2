"""The plain C++ pass over the same signals (peers/signals.cpp): compiled where g++ is, and held against ours, value for value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.cpp import compiled
from filters.statistics.columns import CUTS, DEFINITIONS
from filters.unicode import classes, lower

SOURCE = Path(__file__).resolve().parent / "peers" / "signals.cpp"
# Sums of doubles may be taken in another order; a float32 has 24 bits.
_RELATIVE = 2.0**-22


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two passes gave the same numbers."""

    values: int
    """Compared."""
    different: dict[str, int]
    """By column, or column of spans: texts where they differ."""
    missing: list[str]
    """Our columns that the C++ pass has not."""


def build() -> tuple[str, ...]:
    """The program and the tables of character classes and of lower case.

    Raises:
        PeerMissingError: as `compiled`.
    """
    return compiled(SOURCE, {"classes.bin": classes(), "lower.bin": lower()})


def compare(ours: pa.Table, out: Path, columns: Sequence[str], cuts: Sequence[str]) -> Agreement:
    """Hold what the C++ pass wrote, signals and spans under the names that it tells, against ours of the same texts."""
    rows, numbers = ours.num_rows, np.fromfile(out, np.int32)
    values = numbers[: len(columns) * rows].view(np.float32).reshape(len(columns), rows)
    different: dict[str, int] = {}
    for name, theirs in zip(columns, values, strict=True):
        mine = ours[name].to_numpy()
        equal = np.isclose(mine, theirs, rtol=_RELATIVE, atol=0, equal_nan=True)
        if not equal.all():
            different[name] = int((~equal).sum())
    at = len(columns) * rows
    for name in cuts:
        ends = numbers[at : at + rows + 1]
        spans = numbers[at + rows + 1 : at + rows + 1 + ends[-1]].tolist()
        at += rows + 1 + int(ends[-1])
        found = [spans[start:end] for start, end in pairwise(ends.tolist())]
        if wrong := sum(mine != theirs for mine, theirs in zip(ours[name].to_pylist(), found, strict=True)):
            different[name] = wrong
    missing = [name for name in (*DEFINITIONS, *CUTS) if name not in {*columns, *cuts}]
    return Agreement(values.size, different, missing)


def as_json(agreement: Agreement) -> dict[str, Any]:
    """For the results file."""
    return {"values": agreement.values, "different": agreement.different, "missing": agreement.missing}
