"""Near-duplicates among documents that agree in all rows of a band. Sorted columns and stars, never all pairs.

What comes out depends on the set of (key, document) rows alone, not on their order or on how they were partitioned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.duplicates.signature import NO_WORDS
from filters.kernel import kernel
from filters.words import mix

NO_KEY = np.uint64(0)
"""The band key of a text without a word; it is in no bucket."""

_ODD = np.uint64(0x9E3779B97F4A7C15)


@kernel
def _band_keys(signatures: npt.NDArray[np.uint32], bands: int, rows: int, keys: npt.NDArray[np.uint64]) -> None:
    for document in range(len(signatures)):
        if signatures[document, 0] == NO_WORDS:
            keys[document] = NO_KEY
            continue
        for band in range(bands):
            key = mix(np.uint64(band + 1) * _ODD)
            for row in range(rows):
                key = mix((key ^ np.uint64(signatures[document, band * rows + row])) * _ODD)
            keys[document, band] = max(key, np.uint64(1))


def band_keys(signatures: npt.NDArray[np.uint32], bands: int, rows: int) -> npt.NDArray[np.uint64]:
    """One 64-bit hash per band of `rows` minima. Keys of different bands do not meet, so that all bands may be sorted together.

    Args:
        signatures: uint32 [n, permutations], of `filters.duplicates.signature`.
        bands: keys per signature.
        rows: minima in a key; the first bands x rows minima are used.

    Returns:
        uint64 [n, bands]; `NO_KEY` where the text has no word.

    Raises:
        ValueError: the signatures have fewer than bands x rows minima.
    """
    if signatures.shape[1] < bands * rows:
        raise ValueError(
            f"{bands} bands of {rows} rows need {bands * rows} minima; these signatures have {signatures.shape[1]}, compute them anew"
        )
    keys = np.empty((len(signatures), bands), np.uint64)
    _band_keys(signatures, bands, rows, keys)
    return keys


@dataclass(frozen=True, slots=True)
class Stars:
    """What `verified_stars` found in one partition."""

    edges: npt.NDArray[np.int64]
    """int64 [m, 2]: (hub, member) ordinals of verified pairs, each once, sorted."""
    large: npt.NDArray[np.uint64]
    """Keys of the buckets over `large_bucket`, sorted."""
    large_sizes: npt.NDArray[np.int64]
    """Members of these buckets."""
    large_hubs: npt.NDArray[np.int64]
    """Their first hubs."""
    left: int
    """Members that no hub of their bucket was similar to, when as many as allowed had been tried."""


def verified_stars(
    keys: npt.NDArray[np.uint64],
    ordinals: npt.NDArray[np.int64],
    precedence: npt.NDArray[np.int64],
    verified: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]],
    hubs: int = 16,
    large_bucket: int = 10_000,
) -> Stars:
    """Join each member of a bucket to the first one that it is similar to, of those that were similar to nobody before them.

    The first member by `precedence` is the hub; members similar to it are joined to it; of the others the first is the next hub, and so on.
    So a member that met the hub by chance, or is similar to it by less than the threshold, still finds those that it belongs to.

    Args:
        keys: uint64 [n], of one partition of the hash space: all rows of a key are in it. Rows of `NO_KEY` are left out.
        ordinals: int64 [n], the documents.
        precedence: int64 [n], of the documents; the order in which they would survive, lower first. A member's place among those that were
            there before does not change when later ones are added, and neither do the pairs among those.
        verified: which pairs, int64 [m, 2] of ordinals, are similar: bool [m]. Asked once for a pair and hub.
        hubs: hubs per bucket: a bucket of b costs at most b times as many comparisons, where all pairs would be b² / 2.
        large_bucket: buckets with more members are reported.
    """
    order = np.lexsort((precedence, keys))
    order = order[keys[order] != NO_KEY]
    keys, ordinals = keys[order], ordinals[order]
    begins, sizes = groups(keys)
    is_large = sizes > large_bucket
    large, large_sizes, large_hubs = keys[begins[is_large]], sizes[is_large], ordinals[begins[is_large]]
    found = [np.empty((0, 2), np.int64)]
    for _ in range(hubs):
        begins, sizes = groups(keys)
        hub = np.repeat(ordinals[begins], sizes)
        members = np.flatnonzero(hub != ordinals)
        if not len(members):
            break
        pairs, places = unique_pairs(np.column_stack([hub[members], ordinals[members]]))
        similar = verified(pairs)
        found.append(pairs[similar])
        others = members[~similar[places]]
        keys, ordinals = keys[others], ordinals[others]
    return Stars(unique_pairs(np.concatenate(found))[0], large, large_sizes, large_hubs, len(keys) - len(groups(keys)[0]))


def unique_pairs(pairs: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct rows of int64 [n, 2], sorted, and the row among them of each given one."""
    # Twenty times as fast as np.unique over rows, which compares them as bytes.
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    ordered = pairs[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    places = np.empty(len(order), np.int64)
    places[order] = np.cumsum(is_new) - 1
    return ordered[is_new], places


def groups(keys: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each run of equal neighbours begins, int64 [groups], and its length."""
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = keys[1:] != keys[:-1]
    begins = np.flatnonzero(is_first)
    return begins, np.diff(begins, append=len(keys))


def shared(keys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which of sorted keys stand more than once: bool [n]."""
    stands = np.zeros(len(keys), np.bool_)
    stands[1:] = keys[1:] == keys[:-1]
    stands[:-1] |= stands[1:]
    return stands
