"""A forest of oblivious decision trees: every level of a tree asks one question of all rows, so that a level is one pass over a column."""

# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees of one depth; a row's answer is the sigmoid of `bias` plus one leaf of each tree."""

    features: npt.NDArray[np.int16]
    """[trees, depth]: which column a level compares."""
    borders: npt.NDArray[np.float32]
    """[trees, depth]: the level's bit is set where the column is above it."""
    leaves: npt.NDArray[np.float32]
    """[trees, 2 ** depth], by the bits of all levels, the first level's lowest."""
    bias: float

    def probabilities(self, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Answer for each row of `columns`, float32 [features, rows], as float32 [rows]."""
        return _probabilities(columns, self.features, self.borders, self.leaves, np.float32(self.bias))  # type: ignore[no-any-return]


@kernel
def _probabilities(columns, features, borders, leaves, bias):
    rows = columns.shape[1]
    trees, depth = features.shape
    sums = np.full(rows, bias, np.float32)
    leaf = np.empty(rows, np.uint8)
    for tree in range(trees):
        leaf[:] = 0
        for level in range(depth):
            column, border = columns[features[tree, level]], borders[tree, level]
            for row in range(rows):
                leaf[row] |= np.uint8(column[row] > border) << np.uint8(level)
        values = leaves[tree]
        for row in range(rows):
            sums[row] += values[leaf[row]]
    for row in range(rows):
        sums[row] = np.float32(1) / (np.float32(1) + np.exp(-sums[row]))
    return sums
