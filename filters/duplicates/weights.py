"""Soft mode: the size of a cluster as a sampling weight of what survives of it, in place of forgetting how often it was found.

A table maps cluster sizes to weights, as a step function: the largest key that is at most the size. Weight 3 is three times an epoch,
0.5 every second such document, 0 never.

FineWeb-2 (Penedo et al. 2025, arXiv:2506.20920) deduplicates each language over all crawls and calls this rehydration. It published two
kinds of table. The README of huggingface/fineweb-2 has had, since its first version of December 2024, one for all languages, tried and not
searched for; that is the preset `fineweb-2@2025`. The paper then made a table per language (misc/rehydration/README.md of the same
repository): a cluster size whose documents the filters remove at least as often as documents overall weighs 1, the size of which they
remove fewest 10, what lies between is interpolated in the share removed, smoothed over 5 sizes and rounded. `fineweb-2-ita@2025` is
theirs of Italian. Texts of another language, other filters or one crawl alone ask for a table of their own.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Table = Mapping[int, float]
"""Cluster size to weight."""

MOST_WEIGHT = 1000.0
"""A weight above is a slip: it would serve one document more often than the largest published table serves a hundred."""

PRESETS: Mapping[str, Table] = {
    "fineweb-2@2025": {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1},
    "fineweb-2-ita@2025": {
        1: 1, 2: 3, 3: 4, 4: 5, 5: 6, 7: 7, 8: 8, 11: 9, 17: 10, 26: 9, 31: 8, 46: 7, 52: 6, 63: 5, 75: 4, 96: 3, 118: 2, 123: 3, 125: 2,
        145: 1,
    },
}  # fmt: skip
"""Tables by name; a table never changes under its name."""


def table_of(weights: Any) -> Table | None:
    """The table that a configuration names or writes out; keys may be texts of whole numbers, as JSON has them. None stays None.

    Raises:
        ValueError: no such preset, no table, an empty one, a key that is not a whole number of at least 1, or a weight not in 0 to 1,000.
    """
    if weights is None:
        return None
    if isinstance(weights, str):
        if weights not in PRESETS:
            near = difflib.get_close_matches(weights, PRESETS, n=1, cutoff=0.4)
            told = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{weights!r} is no table of weights{told}; choose among {', '.join(PRESETS)}, or give cluster size: weight")
        return PRESETS[weights]
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(f"{weights!r} is no table of weights; give cluster size: weight, such as {{2: 2, 10: 3}}, or a preset's name")
    table = {_size(size): _weight(size, weight) for size, weight in weights.items()}
    return dict(sorted(table.items()))


def weights_of(sizes: npt.NDArray[Any], table: Table | None) -> npt.NDArray[np.float32]:
    """float32 (documents,): weight of each document by the size of its cluster; 1 below the smallest key, and everywhere without a table.

    Args:
        sizes: integers (documents,), 1 for a document that duplicates nothing.
        table: of `table_of`.
    """
    ordered = sorted((table or {}).items())
    steps = np.searchsorted(np.array([size for size, _ in ordered], np.int64), sizes, side="right")
    return np.array([1.0, *(weight for _, weight in ordered)], np.float32)[steps]


def _size(key: Any) -> int:
    number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() else key
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 1 << 63:
        raise ValueError(f"{key!r} is not the size of a cluster; give whole numbers of at least 1")
    return number


def _weight(size: Any, weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not (math.isfinite(weight) and 0 <= weight <= MOST_WEIGHT):
        raise ValueError(f"{weight!r} is not a weight of clusters of {size}; give a number from 0 to {MOST_WEIGHT:,.0f}")
    return float(weight)
