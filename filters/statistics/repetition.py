"""Repeated lines, paragraphs and n-grams, in time and memory linear in their number.

N-grams are numbered level by level: an n-gram can be repeated only where the (n-1)-grams at its position and at the next are, and it is
named by their two numbers. So each level looks only at what the level below found repeated (in technical documents 31 % of the
tokens at two words and 4 % at five), and no n-gram is ever compared as text; two tokens are equal when their 64-bit hashes are.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="return-value"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.words import mix

LIMIT = 1 << 22
"""Tokens (and lines) of one text that are looked at: about 25 MB of English. Keeps the memory of one text under 300 MB."""

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)

_EMPTY = np.int32(-1)


def room(items: int) -> int:
    """Slots of an open-addressing table that holds `items` keys at most half full; a power of two."""
    return max(16, 1 << (2 * items - 1).bit_length())


@kernel
def _slots(items: int) -> int:
    slots = 16
    while slots < 2 * items:
        slots *= 2
    return slots


@kernel
def _find(key: np.uint64, mask: int, keys: npt.NDArray[np.uint64], values: npt.NDArray[np.int32]) -> int:
    """The slot of `key`, or the empty one where it would go."""
    slot = np.int64(mix(key)) & mask
    while values[slot] != _EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel
def duplicates(
    hashes: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int32],
    count: int,
    table_keys: npt.NDArray[np.uint64],
    table_values: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """How many of the first `count` items occurred before among them, and the sum of their lengths. The first of equals is none."""
    slots = _slots(count)
    table_values[:slots] = _EMPTY
    repeated = 0
    characters = 0
    for i in range(count):
        slot = _find(hashes[i], slots - 1, table_keys, table_values)
        if table_values[slot] == _EMPTY:
            table_keys[slot] = hashes[i]
            table_values[slot] = 0
        else:
            repeated += 1
            characters += lengths[i]
    return repeated, characters


@kernel
def _level(
    n: int,
    tokens: int,
    active: npt.NDArray[np.int32],
    active_count: int,
    hashes: npt.NDArray[np.uint64],
    ids: npt.NDArray[np.int32],
    fresh: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int32],
    table_keys: npt.NDArray[np.uint64],
    table_values: npt.NDArray[np.int32],
) -> tuple[int, int, int, int]:
    """Number the n-grams at the active positions and keep those positions where the n-gram is repeated.

    `ids` holds the number of the (n-1)-gram at a position, -1 where that is not repeated, and then that of the n-gram.

    Returns:
        Positions kept, distinct n-grams, occurrences of the most frequent n-gram, its first position (0, 0 where none was looked at).
    """
    slots = _slots(active_count)
    table_values[:slots] = _EMPTY
    distinct = 0
    for j in range(active_count):
        i = active[j]
        fresh[j] = -1
        if i + n > tokens or (n > 1 and ids[i + 1] < 0):
            continue
        key = hashes[i] if n == 1 else (np.uint64(ids[i]) << np.uint64(32)) | np.uint64(ids[i + 1])
        slot = _find(key, slots - 1, table_keys, table_values)
        number = table_values[slot]
        if number == _EMPTY:
            table_keys[slot] = key
            table_values[slot] = distinct
            number = distinct
            counts[number] = 0
            distinct += 1
        counts[number] += 1
        fresh[j] = number
    kept = 0
    most = 0
    first = 0
    for j in range(active_count):
        i = active[j]
        number = fresh[j]
        if number >= 0 and counts[number] > most:
            most = counts[number]
            first = i
        if number >= 0 and counts[number] > 1:
            ids[i] = number
            active[kept] = i
            kept += 1
        else:
            ids[i] = -1
    return kept, distinct, most, first


@kernel
def ngram_characters(
    tokens: int,
    hashes: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    table_keys: npt.NDArray[np.uint64],
    table_values: npt.NDArray[np.int32],
    characters: npt.NDArray[np.float64],
) -> None:
    """Characters in repeated n-grams of the first `tokens` tokens.

    Args:
        tokens: how many.
        hashes: uint64 [tokens or more].
        lengths: int32 [tokens or more], characters per token.
        indices: scratch, int32 [5, tokens + 1 or more].
        table_keys: scratch, uint64 [room(tokens) or more].
        table_values: scratch, int32 [room(tokens) or more].
        characters: float64 [9], written. For n of 2, 3, 4: occurrences of the most frequent n-gram (of equals, the first to occur) times
            its length with one blank between words. For n of 5 to 10: the lengths, without blanks, of n-grams that occurred before, in a
            walk that steps over each such n-gram.
    """
    ids, active, fresh, counts, ends = indices[0], indices[1], indices[2], indices[3], indices[4]
    characters[:] = 0
    ends[0] = 0
    for i in range(tokens):
        active[i] = i
        ends[i + 1] = ends[i] + lengths[i]
    remaining = tokens
    for n in range(1, 11):
        remaining, distinct, most, first = _level(n, tokens, active, remaining, hashes, ids, fresh, counts, table_keys, table_values)
        if 2 <= n <= 4 and tokens >= n:
            if most < 2:
                most, first = 1, 0
            characters[n - 2] = most * (ends[first + n] - ends[first] + n - 1)
        elif n >= 5:
            seen = counts
            seen[:distinct] = 0
            free = 0
            for j in range(remaining):
                i = active[j]
                if i < free:
                    continue
                if seen[ids[i]]:
                    characters[n - 2] += ends[i + n] - ends[i]
                    free = i + n
                else:
                    seen[ids[i]] = 1
