"""What a run keeps of its documents, so that they and those of later runs can be compared without their text.

    dedup/index/
      part-K.documents.npy    `document_dtype`, a row for each document that filter kept in part K
      part-K.signatures.npy   uint32 [n, permutations]
      bands/PLACE.keys.npy    uint64, every key of every document, rising, by place of the hash space
      bands/PLACE.ordinals.npy    int64, the documents of these keys
      links/PLACE.npy         `LINK`: each document of a cluster and the first that survives of it
      survivors/PLACE.npy     `SURVIVOR`: all that survive of a cluster, where they are several
      forgotten.npy           int64, rising: documents that were taken out
      index.json              settings, parts, the indexes that it was made against

A document's ordinal is its place in a population: the documents of the earlier indexes, oldest first, then the run's own, part by part.
What an index stores counts in the population that it was made in, but bands and forgotten ones from 0 in the index itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.duplicates.neighbours import groups
from pipeline.exchange import Place, bisected, mapped

LINK = np.dtype([("node", "<i8"), ("survivor", "<i8"), ("size", "<i8"), ("cluster", "<u8", (2,))])
SURVIVOR = np.dtype([("first", "<i8"), ("survivor", "<i8")])
FOLDER = ("dedup", "index")
DESCRIPTION = "index.json"
FORGOTTEN = "forgotten.npy"
Ordinals = npt.NDArray[np.int64]


def document_dtype(ranks: int) -> np.dtype[Any]:
    """A document: identifiers as `filters.duplicates.digests.as_numbers` gives them, and the columns that survivors are chosen by."""
    return np.dtype([("doc_id", "<u8", (2,)), ("digest", "<u8", (2,)), ("words", "<u8", (2,)), ("rank", "<u8", (ranks,))])


@dataclass(frozen=True)
class Part:
    """The documents of one part of a run."""

    folder: str
    key: str
    documents: int


@dataclass(frozen=True)
class Index:
    """The index of an earlier run."""

    name: str
    """The run's directory as the configuration gives it."""
    folder: Path
    digest: str
    """Of what it holds; what was forgotten does not show in it."""
    settings: dict[str, Any]
    parts: tuple[Part, ...]
    against: tuple[str, ...]
    """Digests of the indexes that it was made against, oldest first."""

    @property
    def documents(self) -> int:
        """How many it numbers, forgotten ones too."""
        return sum(part.documents for part in self.parts)

    def forgotten(self) -> Ordinals:
        """Documents that were taken out, rising, counted from 0 in this index."""
        path = self.folder / FORGOTTEN
        return np.load(path, allow_pickle=False) if path.exists() else np.empty(0, np.int64)


@dataclass(frozen=True)
class Population:
    """Every document that a run compares: those of `earlier` indexes, oldest first, then those of its own parts."""

    earlier: tuple[Index, ...]
    own: tuple[Part, ...]
    anew: bool = False
    """Earlier documents are compared with each other again, since some of those that made their clusters were forgotten."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in order of their ordinals."""
        return (*(part for index in self.earlier for part in index.parts), *self.own)

    @property
    def begins(self) -> list[int]:
        """First ordinal of each earlier index, then of the run's own documents."""
        return [0, *accumulate(index.documents for index in self.earlier)]

    @property
    def own_first(self) -> int:
        """First ordinal of the run's own documents."""
        return self.begins[-1]

    def ages(self, ordinals: Ordinals) -> Ordinals:
        """Which index each document is of, oldest 0; int64 [n]."""
        return np.searchsorted(np.array(self.begins[1:], np.int64), ordinals, side="right").astype(np.int64)

    def documents(self, ordinals: Ordinals) -> npt.NDArray[np.void]:
        """Rows of `document_dtype` of some documents, in the order given."""
        return self._rows("documents", ordinals)

    def signatures(self, ordinals: Ordinals) -> npt.NDArray[np.uint32]:
        """Signatures of some documents, uint32 [n, permutations], in the order given."""
        return self._rows("signatures", ordinals)

    def order(self, ordinals: Ordinals, documents: npt.NDArray[np.void]) -> npt.NDArray[np.uint64]:
        """uint64 [n, columns] that sort as documents survive: the older index, the declared ranks, doc_id, digest."""
        age = self.ages(ordinals).astype(np.uint64)[:, None]
        return np.concatenate([age, documents["rank"], documents["doc_id"], documents["digest"]], axis=1)

    def records(self, place: Place, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Ordinals]:
        """Keys and documents of earlier indexes that have one of `keys`, uint64 of one place, rising and each once."""
        found_keys, found = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for begin, index in zip(self.begins, self.earlier, strict=False):
            for file in sorted((index.folder / "bands").glob("*.keys.npy")):
                number, count = map(int, file.name.removesuffix(".keys.npy").split("-of-"))
                stored = Place(number, count)
                if stored.last < place.first or stored.first > place.last:
                    continue
                theirs, ordinals = mapped(file), mapped(file.with_name(file.name.replace(".keys.", ".ordinals.")))
                starts, ends = np.searchsorted(theirs, keys, side="left"), np.searchsorted(theirs, keys, side="right")
                sizes = ends - starts
                rows = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
                found_keys.append(np.repeat(keys, sizes))
                found.append(ordinals[rows] + begin)
        return np.concatenate(found_keys), np.concatenate(found)

    def links(self, ordinals: Ordinals) -> npt.NDArray[np.void]:
        """For each document the `LINK` of what survived of its cluster in the latest run that knew it, in this population's ordinals.

        A document that was in no cluster survives by itself: its size is 1 and its cluster its own doc_id.
        """
        result = np.empty(len(ordinals), LINK)
        result["node"], result["survivor"], result["size"] = ordinals, ordinals, 1
        result["cluster"] = self.documents(ordinals)["doc_id"]
        for number, index in enumerate(self.earlier):
            theirs, ours = self._begins_of(number)
            for file in sorted((index.folder / "links").glob("*.npy")):
                table = mapped(file)
                wanted = _moved(result["survivor"], ours, theirs)
                places = np.minimum(bisected(table["node"], wanted), len(table) - 1)
                hits = np.flatnonzero(table["node"][places] == wanted)
                linked = table[places[hits]]
                result["survivor"][hits] = _moved(linked["survivor"], theirs, ours)
                result["size"][hits], result["cluster"][hits] = linked["size"], linked["cluster"]
        return result

    def further_survivors(self, firsts: Ordinals) -> tuple[Ordinals, Ordinals]:
        """What else survived of the clusters whose first survivors are given: the places among `firsts`, and the documents."""
        latest: dict[int, Ordinals] = {}
        for number, index in enumerate(self.earlier):
            theirs, ours = self._begins_of(number)
            wanted = _moved(firsts, ours, theirs)
            for file in sorted((index.folder / "survivors").glob("*.npy")):
                table = mapped(file)
                begins = bisected(table["first"], wanted)
                ends = bisected(table["first"], wanted + 1)
                for place in np.flatnonzero(ends > begins).tolist():
                    latest[place] = _moved(table["survivor"][begins[place] : ends[place]], theirs, ours)
        further = {place: ordinals[ordinals != firsts[place]] for place, ordinals in latest.items()}
        places = np.repeat(np.array(list(further), np.int64), [len(ordinals) for ordinals in further.values()])
        return places, np.concatenate([np.empty(0, np.int64), *further.values()])

    def _begins_of(self, number: int) -> tuple[Ordinals, Ordinals]:
        """Where each index that index `number` was made of begins and, last, where it ends: as it counts, and as this population does.

        Two numbers for each: [begin, end) of every member one after another.
        """
        known = {index.digest: place for place, index in enumerate(self.earlier)}
        members = [*(known[digest] for digest in self.earlier[number].against), number]
        counts = np.array([self.earlier[member].documents for member in members], np.int64)
        theirs = np.cumsum(counts) - counts
        ours = np.array([self.begins[member] for member in members], np.int64)
        return np.stack([theirs, theirs + counts], axis=1), np.stack([ours, ours + counts], axis=1)

    def _rows(self, name: str, ordinals: Ordinals) -> npt.NDArray[Any]:
        """Rows of the parts' files; a part's file is mapped only while it is read, so that its pages do not pile up."""
        parts = self.parts
        ends = np.cumsum([part.documents for part in parts])
        order = np.argsort(ordinals, kind="stable")
        ordered = ordinals[order]
        part_of = np.searchsorted(ends, ordered, side="right")
        result: npt.NDArray[Any] | None = None
        for begin, size in zip(*groups(part_of), strict=True):
            part = parts[part_of[begin]]
            table = mapped(part_file(part, name))
            rows = table[ordered[begin : begin + size] - (ends[part_of[begin]] - part.documents)]
            result = np.empty((len(ordinals), *rows.shape[1:]), rows.dtype) if result is None else result
            result[order[begin : begin + size]] = rows
        if result is None:
            empty = mapped(part_file(parts[0], name))[:0] if parts else np.empty(0, document_dtype(0))
            result = np.array(empty)
        return result


def _moved(ordinals: Ordinals, from_ranges: Ordinals, to_ranges: Ordinals) -> Ordinals:
    """Ordinals of some ranges, int64 [ranges, 2], as those of the ranges in their place; -1 for one that is in none."""
    place = np.searchsorted(from_ranges[:, 0], ordinals, side="right") - 1
    inside = (place >= 0) & (ordinals < from_ranges[place, 1])
    return np.where(inside, ordinals - from_ranges[place, 0] + to_ranges[place, 0], -1)


def part_file(part: Part, name: str) -> Path:
    """File of a part's documents or signatures."""
    return Path(part.folder) / f"part-{part.key}.{name}.npy"
