"""The columnar shuffle: sorted files of fixed-width records, regrouped by their key through one GroupByKey.

A unit writes its records sorted by `key`, a hash of 64 bits. The hash space is cut into places of equal width; a file gives each place one
packed bytes value, its slice, and what works on a place gets all slices as one array, in the order of the files. So neither the number of
places nor the workers show in what comes out, and memory holds packed bytes only: an element per record would take about 5 times as much.

FnApiRunner keeps in memory what it groups. Where the records are more than `runner.memory_bytes` allows, the places are taken in rounds,
one job after another; a round reads its slices alone, so rounds read no byte twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from pipeline.run import COST_OF_NUMBERS, Unit, partial, publish
from pipeline.runners import Told, run_job
from pipeline.settings.stages import Runner

# What a byte of records takes in the runner that groups it (about 3: as read, as packed, as joined) and in the worker that sorts it.
HELD_BY_THE_RUNNER = 4
HELD_BY_A_WORKER = 8
# Fewer places than this would leave workers without work; each costs a value per file.
LEAST_PLACES = 16
MOST_PLACES = 4096

Records = npt.NDArray[np.void]
"""A structured array whose field `key` is uint64, rising."""
Slice = tuple[int, bytes, list[Any]]
"""The number of the file, its packed records of one place, and their dtype's description."""


@dataclass(frozen=True, order=True)
class Place:
    """One of `count` equal ranges of the hash space."""

    number: int
    count: int

    @property
    def first(self) -> int:
        """The smallest key of the place."""
        return -(-self.number * (1 << 64) // self.count)

    @property
    def last(self) -> int:
        """The largest key of the place."""
        return -(-(self.number + 1) * (1 << 64) // self.count) - 1


def of_places(records: Records, places: Sequence[Place]) -> Iterator[Records]:
    """The slice of sorted records that is of each place; places in rising order."""
    keys = np.ascontiguousarray(records["key"])
    begins = np.searchsorted(keys, np.array([place.first for place in places], np.uint64), side="left")
    ends = np.searchsorted(keys, np.array([place.last for place in places], np.uint64), side="right")
    return (records[begin:end] for begin, end in zip(begins, ends, strict=True))


def layout(total_bytes: int, memory_bytes: int) -> list[list[Place]]:
    """Places of the hash space, by the round in which each is taken."""
    count = min(MOST_PLACES, max(LEAST_PLACES, -(-total_bytes * HELD_BY_A_WORKER // memory_bytes)))
    rounds = min(count, max(1, -(-total_bytes * HELD_BY_THE_RUNNER // memory_bytes)))
    places = [Place(number, count) for number in range(count)]
    return [places[k * count // rounds : (k + 1) * count // rounds] for k in range(rounds)]


def write_records(path: Path, records: Records) -> None:
    """Sort records by their key, ties in the order given, and write them."""
    save_array(path, records[np.argsort(records["key"], kind="stable")])


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array as .npy, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial(path).open("wb") as file:
        np.save(file, array, allow_pickle=False)
    publish(partial(path), path)


def mapped(path: Path) -> npt.NDArray[Any]:
    """An array of `save_array`, mapped into memory."""
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


@dataclass(frozen=True, kw_only=True)
class FileUnit(Unit):
    """A file of sorted records."""

    number: int
    path: Path


class Exchange(beam.PTransform):  # type: ignore[misc]
    """Files of sorted records to work on each place."""

    def __init__(self, label: str, units: Sequence[FileUnit], places: Sequence[Place], work: Told) -> None:
        super().__init__()
        self.named, self.units, self.places, self.work = label, list(units), list(places), work

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        """One element per file, then one per place that has records."""
        return (
            pipeline
            | f"{self.named} files" >> beam.Create(self.units)
            | f"{self.named} slices" >> beam.FlatMap(Told(_slices, (self.places,)))
            | f"{self.named} places" >> beam.GroupByKey()
            | f"{self.named} work" >> beam.Map(_Work(self.work, self.places))
        )


@dataclass(frozen=True)
class _Work:
    """The user's work on a place, of the runner's grouping."""

    work: Told
    places: Sequence[Place]

    def __call__(self, grouped: tuple[int, Iterable[Slice]]) -> None:
        number, slices = grouped
        # The runner's order of values is its own.
        ordered = sorted(slices, key=lambda one: one[0])
        records = np.concatenate([np.frombuffer(blob, np.dtype(described)) for _, blob, described in ordered])
        place = next(place for place in self.places if place.number == number)
        self.work((place, records[np.argsort(records["key"], kind="stable")]))


def _slices(unit: FileUnit, places: Sequence[Place]) -> list[tuple[int, Slice]]:
    records = mapped(unit.path)
    slices = zip(places, of_places(records, places), strict=True)
    return [(place.number, (unit.number, piece.tobytes(), records.dtype.descr)) for place, piece in slices if len(piece)]


def exchange(label: str, files: Sequence[Path], work: Callable[..., None], arguments: tuple[Any, ...], runner: Runner) -> None:
    """Do `work((place, records), *arguments)` on every place that has records: all of them, by key, ties in the order of the files.

    Args:
        label: of the Beam steps.
        files: of `write_records`, of one dtype; an order that does not depend on the workers.
        work: writes what it makes of a place to a file named for it; several files may be made at the same time.
        arguments: handed on; picklable.
        runner: where, and within which memory.

    Raises:
        ValueError: as `run_job`.
    """
    units = [
        FileUnit(key=f"{number:05d}", fingerprint="", bytes=path.stat().st_size, number=number, path=path)
        for number, path in enumerate(files)
    ]
    total = sum(unit.bytes for unit in units)
    for places in layout(total, runner.memory_bytes) if units else ():
        transform = Exchange(label, units, places, Told(work, arguments))
        run_job(runner, lambda pipeline, transform=transform: pipeline | label >> transform, units, COST_OF_NUMBERS)  # type: ignore[misc]


def bisected(column: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """np.searchsorted, reading only what it compares: of a field of mapped records numpy would copy the whole column each time.

    Args:
        column: rising integers [n], of any stride.
        values: integers [m].

    Returns:
        int64 [m]: the first place whose number is not below the value.
    """
    low, high = np.zeros(len(values), np.int64), np.full(len(values), len(column), np.int64)
    while len(open_ := np.flatnonzero(low < high)):
        middle = (low[open_] + high[open_]) // 2
        below = column[middle] < values[open_]
        low[open_[below]] = middle[below] + 1
        high[open_[~below]] = middle[~below]
    return low
