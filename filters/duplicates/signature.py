"""MinHash signatures: shingles of normalised text and their minima, and a digest of its words, in one kernel.

Normalisation: words are those of `filters.word_hashes`. A shingle is `ngram` consecutive words. Broder 1997; the similarity of two texts
is the Jaccard index of their sets of shingles, and the share of equal minima estimates it with standard error sqrt(J(1-J)/permutations).
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import classes, lower
from filters.word_hashes import BASE, next_word
from filters.words import mix

NO_WORDS = np.uint32(0xFFFFFFFF)
"""Every minimum of a text without a word, which is near to nothing, not even to itself."""

_32 = np.uint64(32)
_ODD = np.uint64(0xD6E8FEB86659FD93)
# Shingles hashed before their minima are taken: the block stays in the first-level cache while each permutation runs over it.
_BLOCK = 512


def permutations_of(count: int, seed: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Multipliers (odd) and addends of the permutations x -> a x + b modulo 2^64, uint64 [count] each, by splitmix64 from `seed`."""
    with np.errstate(over="ignore"):
        steps = np.uint64(seed) + np.arange(1, 2 * count + 1, dtype=np.uint64) * BASE
        steps = (steps ^ (steps >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        steps = (steps ^ (steps >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        steps ^= steps >> np.uint64(31)
    return steps[:count] | np.uint64(1), steps[count:]


@kernel
def _lower_minima(block, filled, multipliers, addends, minima):  # type: ignore[no-untyped-def]
    for k in range(len(minima)):
        multiplier, addend, least = multipliers[k], addends[k], minima[k]
        for j in range(filled):
            least = min(least, block[j] * multiplier + addend)
        minima[k] = least


@kernel
def _sign(data, start, end, ngram, power, properties, lowered, multipliers, addends, recent, block, minima):  # type: ignore[no-untyped-def]
    """Minima of one text, uint64 [permutations]; how many words it has, and two digests of them in their order.

    The hash of a shingle is a polynomial in the hashes of its words, rolled on by one word and then mixed; `power` is the base to the
    `ngram`.
    """
    words = 0
    filled = 0
    rolling = np.uint64(0)
    low, high = BASE, np.uint64(1)
    word, begin, at = next_word(data, start, end, properties, lowered)
    while begin < at:
        low = mix((low ^ word) * BASE)
        high = mix(high + word) * _ODD
        place = words % ngram
        rolling = rolling * BASE + word
        if words >= ngram:
            rolling -= recent[place] * power
        recent[place] = word
        words += 1
        if words >= ngram:
            block[filled] = mix(rolling)
            filled += 1
            if filled == _BLOCK:
                _lower_minima(block, filled, multipliers, addends, minima)
                filled = 0
        word, begin, at = next_word(data, at, end, properties, lowered)
    if 0 < words < ngram:
        block[0] = mix(rolling + np.uint64(words))
        filled = 1
    _lower_minima(block, filled, multipliers, addends, minima)
    return words, low, high


@kernel
def _sign_all(data, offsets, ngram, properties, lowered, multipliers, addends, result, digests):  # type: ignore[no-untyped-def]
    recent = np.zeros(ngram, np.uint64)
    block = np.zeros(_BLOCK, np.uint64)
    minima = np.zeros(len(multipliers), np.uint64)
    power = np.uint64(1)
    for _ in range(ngram):
        power *= BASE
    for document in range(len(offsets) - 1):
        minima[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        words, low, high = _sign(
            data, offsets[document], offsets[document + 1], ngram, power, properties, lowered, multipliers, addends, recent, block, minima
        )
        digests[document, 0], digests[document, 1] = low, high
        for k in range(len(minima)):
            # A text with words keeps clear of the mark of those without, at the cost of one value in 2^32.
            result[document, k] = min(minima[k] >> _32, np.uint64(0xFFFFFFFE)) if words else np.uint64(0xFFFFFFFF)


def signatures(texts: pa.StringArray, ngram: int = 5, permutations: int = 112, seed: int = 1) -> npt.NDArray[np.uint32]:
    """MinHash signature of each text.

    Args:
        texts: string or large_string; null counts as empty.
        ngram: words in a shingle, at least 1. A shorter text has one shingle, of all its words.
        permutations: minima in a signature.
        seed: of the permutations; only signatures of one seed and ngram compare.

    Returns:
        uint32 [n, permutations]; rows of `NO_WORDS` for texts without a word.
    """
    return sign(texts, ngram, permutations, seed)[0]


def sign(
    texts: pa.StringArray, ngram: int = 5, permutations: int = 112, seed: int = 1
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
    """`signatures`, and uint64 [n, 2]: a digest of 128 bits of each text's words in their order, equal for all texts without a word."""
    assert ngram >= 1
    assert permutations >= 1
    data, offsets = bytes_and_offsets(texts)
    multipliers, addends = permutations_of(permutations, seed)
    result = np.empty((len(texts), permutations), np.uint32)
    digests = np.empty((len(texts), 2), np.uint64)
    _sign_all(data, offsets, ngram, classes(), lower(), multipliers, addends, result, digests)
    return result, digests


def has_words(minima: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which signatures, uint32 [n, permutations], are of a text with a word: bool [n]."""
    return np.asarray(minima[:, 0] != NO_WORDS)


def estimate(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Estimated Jaccard index of the texts behind two signatures: the share of equal minima.

    Args:
        a: uint32 [permutations], or [n, permutations] for n pairs.
        b: the same.

    Returns:
        float64 [] or [n]; 0 where a text has no word.
    """
    shares = np.asarray((a == b).mean(axis=-1))
    return np.where(a[..., 0] == NO_WORDS, 0.0, shares)


@kernel
def _equal_shares(rows, a, b, shares):  # type: ignore[no-untyped-def]
    for k in range(len(a)):
        first, second = rows[a[k]], rows[b[k]]
        equal = 0
        for j in range(rows.shape[1]):
            equal += first[j] == second[j]
        shares[k] = 0 if first[0] == np.uint32(0xFFFFFFFF) else equal / rows.shape[1]


def estimate_pairs(minima: npt.NDArray[np.uint32], a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """`estimate` of rows a and b, int64 [m], of signatures uint32 [n, permutations], without copying them: float32 [m]."""
    shares = np.empty(len(a), np.float32)
    _equal_shares(minima, a, b, shares)
    return shares
