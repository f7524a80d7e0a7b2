"""In how many documents each of very many keys stands: records added up in bounded memory, by part, and over the run by the shuffle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.duplicates.neighbours import groups
from pipeline.exchange import Place, Records, mapped, save_array, write_records
from pipeline.run import partial, publish

# What a byte of records takes while they are joined, sorted and added up.
HELD = 8


def counts_type(*, with_group: bool) -> np.dtype[np.void]:
    """Of a record: a key and its documents, and, where its bound is a share, the key of the documents that are counted together."""
    return np.dtype([("key", "<u8"), ("documents", "<u4"), *([("group", "<u8")] if with_group else [])])


def added_up(records: Records) -> Records:
    """One record for each key, of records in rising order of their keys."""
    begins, _ = groups(records["key"])
    summed = records[begins]
    if len(begins):
        summed["documents"] = np.add.reduceat(records["documents"], begins)
    return summed


class KeyCounts:
    """Counts of a part: in memory while they fit, else in several sorted files, `NAME-00000.npy` and so on."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype[np.void], memory_bytes: int) -> None:
        self._folder, self._name, self._dtype = folder, name, dtype
        self._most = max(1, memory_bytes // (HELD * dtype.itemsize))
        self._held: list[Records] = []
        self._records = self._files = 0

    def add(self, keys: npt.NDArray[np.uint64], documents: npt.NDArray[np.int64], groups_of: npt.NDArray[np.uint64] | None = None) -> None:
        """Count documents that were not counted before.

        Args:
            keys: uint64 [n].
            documents: int64 [n], the document in which each key stands; a key counts once in a document.
            groups_of: uint64 [n], where the records have a group.
        """
        order = np.lexsort((documents, keys))
        keys, documents = keys[order], documents[order]
        first = np.ones(len(keys), np.bool_)
        first[1:] = (keys[1:] != keys[:-1]) | (documents[1:] != documents[:-1])
        records = np.empty(int(np.count_nonzero(first)), self._dtype)
        records["key"], records["documents"] = keys[first], 1
        if "group" in (self._dtype.names or ()):
            assert groups_of is not None
            records["group"] = groups_of[order][first]
        self._held.append(added_up(records))
        self._records += len(self._held[-1])
        if self._records > self._most:
            self._join()
            # Half full after joining: joining again and again would take longer than another file.
            if self._records > self._most // 2:
                self.close()

    def close(self) -> None:
        """Write what is in memory."""
        if self._records:
            self._join()
            write_records(self._folder / f"{self._name}-{self._files:05d}.npy", self._held[0])
            self._held, self._records, self._files = [], 0, self._files + 1

    def _join(self) -> None:
        records = np.concatenate(self._held)
        self._held = [added_up(records[np.argsort(records["key"], kind="stable")])]
        self._records = len(self._held[0])


def write_frequent(
    placed: tuple[Place, Records], folder: Path, most_documents: int, most_share: float = 0.0, of_groups: tuple[Path, Path] | None = None
) -> None:
    """Write the keys of one place that stand in more documents than they may: work of `pipeline.exchange.exchange`.

    Args:
        placed: the place and its records.
        folder: where; `join_counts` reads it.
        most_documents: the bound.
        most_share: the same as a share of the documents of the key's group; the larger bound holds.
        of_groups: files of `join_counts`, of the documents of each group; None where there is no share.
    """
    place, records = placed
    counts = added_up(records)
    counts = counts[counts["documents"] > most_documents]
    if of_groups is not None:
        groups_known, documents = (mapped(path) for path in of_groups)
        sizes = documents[np.searchsorted(groups_known, counts["group"])]
        # 0.29 x 100 is 28.999... in binary: a bound of 29.
        counts = counts[counts["documents"] > np.floor(most_share * sizes + 1e-6)]
    save_array(folder / "keys" / f"{place.number:05d}.npy", np.ascontiguousarray(counts["key"]))
    save_array(folder / "documents" / f"{place.number:05d}.npy", np.ascontiguousarray(counts["documents"]))


def join_counts(folder: Path) -> tuple[Path, Path]:
    """The files of all places as two, beside the folder: keys in rising order, uint64 [n], and the documents of each, uint32 [n]."""
    names = {"keys": "<u8", "documents": "<u4"}
    paths = [folder.with_name(f"{folder.name}.{name}.npy") for name in names]
    for (name, dtype), path in zip(names.items(), paths, strict=True):
        arrays = [mapped(file) for file in sorted((folder / name).glob("*.npy"))]
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_joined(path, arrays, sum(map(len, arrays)), dtype)
    return paths[0], paths[1]


def _write_joined(path: Path, arrays: list[npt.NDArray[Any]], length: int, dtype: str) -> None:
    """Array by array: the whole need not fit in memory."""
    with partial(path).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": (length,)})
        for array in arrays:
            file.write(array.data)
    publish(partial(path), path)
