"""Candidates for near-duplicates: documents that agree in all rows of a band. Sorted columns and stars, never all pairs.

What comes out depends on the set of (key, identity) rows alone, not on their order or on how they were partitioned.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """What `star_edges` found in one partition."""

    edges: npt.NDArray[np.int64]
    """int64 [m, 2]: (hub, member) ordinals, each pair once, sorted. The hub has the smallest identity of its bucket."""
    large: npt.NDArray[np.uint64]
    """Keys of the buckets over `large_bucket`, sorted."""
    large_sizes: npt.NDArray[np.int64]
    """Members of these buckets."""


def star_edges(
    keys: npt.NDArray[np.uint64],
    identities: npt.NDArray[np.uint64],
    ordinals: npt.NDArray[np.int64],
    large_bucket: int = 10_000,
) -> Stars:
    """Join each member of a bucket to the one with the smallest identity.

    Args:
        keys: uint64 [n], band keys of one partition of the hash space: all rows of a key are in it. Rows of `NO_KEY` are left out.
        identities: uint64 [n, 2], doc_id as (high, low) halves; or uint64 [n].
        ordinals: int64 [n], the documents.
        large_bucket: buckets with more members are reported; they get their edges like others, since a star costs no more than a sort.
    """
    # Star edges from the smallest identity: b - 1 per bucket of b, where all pairs would be b² / 2.
    keyed = keys != NO_KEY
    keys, ordinals = keys[keyed], ordinals[keyed]
    halves = identities.reshape(len(keyed), identities.shape[1] if identities.ndim == 2 else 1)[keyed]
    order = np.lexsort((ordinals, *(halves[:, k] for k in range(halves.shape[1] - 1, -1, -1)), keys))
    sorted_keys, sorted_ordinals = keys[order], ordinals[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    begins = np.flatnonzero(is_first)
    sizes = np.diff(begins, append=len(order))
    hubs = np.repeat(sorted_ordinals[begins], sizes)
    members = hubs != sorted_ordinals
    edges = np.unique(np.column_stack([hubs[members], sorted_ordinals[members]]).astype(np.int64), axis=0)
    is_large = sizes > large_bucket
    return Stars(edges=edges, large=sorted_keys[begins[is_large]], large_sizes=sizes[is_large].astype(np.int64))
