"""How alike two documents are, by what the index holds of them or by the shingles of their texts."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters.duplicates.shingles import jaccard
from filters.duplicates.signature import estimate_pairs
from pipeline.duplicates.index import Ordinals, Population
from pipeline.exchange import mapped
from pipeline.settings.dedup import Dedup

PAIRS_AT_ONCE = 1 << 15  # of signatures of 448 bytes: 29 MB
NEAR, SAME_WORDS, SAME_TEXT = 0, 1, 2
"""How two documents are alike."""


class Likeness:
    """Compares documents by what the index holds of them. Pairs are rows of `nodes`."""

    def __init__(self, nodes: Ordinals, population: Population, dedup: Dedup, shingles: Path | None = None) -> None:
        """`shingles`: folder of the shingles of all documents that are in a pair, where similarity is to be exact."""
        self.nodes, self.population, self.dedup = nodes, population, dedup
        self.documents = population.documents(nodes)
        self.sets = Sets(shingles, population) if shingles else None

    def candidates(self, pairs: Ordinals) -> npt.NDArray[np.bool_]:
        """Bool [m]: similar enough to be duplicates, or to be compared exactly later."""
        dedup = self.dedup
        if dedup.verify == "none":
            return np.ones(len(pairs), np.bool_)
        # Four standard errors of an estimate at the threshold.
        margin = 4 * (dedup.threshold * (1 - dedup.threshold) / (dedup.bands * dedup.rows)) ** 0.5 if dedup.verify == "exact" else 0.0
        same = self.same(pairs)
        return np.asarray(same | (self.estimates(pairs) >= np.float32(dedup.threshold - margin)))

    def similar(self, pairs: Ordinals) -> npt.NDArray[np.bool_]:
        """Bool [m]: duplicates."""
        if self.sets is None:
            return self.candidates(pairs)
        return np.asarray(self.same(pairs) | (self.similarities(pairs) >= np.float32(self.dedup.threshold)))

    def similarities(self, pairs: Ordinals) -> npt.NDArray[np.float32]:
        """float32 [m]: Jaccard similarity of shingles, exact or estimated."""
        return self.estimates(pairs) if self.sets is None else self.sets.similarities(self.nodes[pairs])

    def same(self, pairs: Ordinals) -> npt.NDArray[np.bool_]:
        """Bool [m]: of equal words, where that is asked for."""
        return self.kinds(pairs) > NEAR if self.dedup.exact else np.zeros(len(pairs), np.bool_)

    def kinds(self, pairs: Ordinals) -> npt.NDArray[np.uint8]:
        """uint8 [m] of NEAR, SAME_WORDS, SAME_TEXT."""
        first, second = self.documents[pairs[:, 0]], self.documents[pairs[:, 1]]
        same_text = (first["digest"] == second["digest"]).all(axis=1)
        same_words = (first["words"] == second["words"]).all(axis=1)
        return np.where(same_text, SAME_TEXT, np.where(same_words, SAME_WORDS, NEAR)).astype(np.uint8)

    def estimates(self, pairs: Ordinals) -> npt.NDArray[np.float32]:
        """float32 [m]: estimated Jaccard similarity; 0 where near-duplicates are not asked for."""
        result = np.zeros(len(pairs), np.float32)
        for start in range(0, len(pairs) if self.dedup.near else 0, PAIRS_AT_ONCE):
            some = pairs[start : start + PAIRS_AT_ONCE]
            rows, places = np.unique(some, return_inverse=True)
            places = places.reshape(some.shape)
            minima = self.population.signatures(self.nodes[rows])
            result[start : start + len(some)] = estimate_pairs(minima, places[:, 0], places[:, 1])
        return result


class Sets:
    """Shingles of the run's own documents, by ordinal; files are mapped when they are first asked for."""

    def __init__(self, folder: Path, population: Population) -> None:
        parts = [part for part in population.own if part.documents]
        self.folder, self.keys = folder, [part.key for part in parts]
        self.firsts = np.cumsum([0, *(part.documents for part in parts[:-1])]) + population.own_first
        self._part = functools.lru_cache(maxsize=64)(self._open)

    def of(self, ordinal: int) -> npt.NDArray[np.uint64]:
        """Shingles of one document, uint64, rising."""
        whose, ends, values = self._part(int(np.searchsorted(self.firsts, ordinal, side="right")) - 1)
        place = int(np.searchsorted(whose, ordinal))
        assert whose[place] == ordinal
        return values[ends[place] : ends[place + 1]]

    def similarities(self, pairs: Ordinals) -> npt.NDArray[np.float32]:
        """float32 [m]: exact Jaccard similarity of pairs of ordinals, int64 [m, 2]."""
        return np.array([jaccard(self.of(a), self.of(b)) for a, b in pairs.tolist()], np.float32)

    def _open(self, place: int) -> tuple[Ordinals, Ordinals, npt.NDArray[np.uint64]]:
        whose, ends, sets = (mapped(shingles_file(self.folder, self.keys[place], name)) for name in ("whose", "ends", "sets"))
        return whose, ends, sets


def shingles_file(folder: Path, key: str, name: str) -> Path:
    """Of a part: `whose` shingles (ordinals, rising), where each one's `ends`, and the `sets`."""
    return folder / f"part-{key}.{name}.npy"
