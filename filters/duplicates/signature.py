"""MinHash signatures: shingles of normalised text and their minima, and a digest of its words, in one kernel.

Normalisation: words are those of `filters.word_hashes`. A shingle is `ngram` consecutive words. Broder 1997; the similarity of two texts
is the Jaccard index of their sets of shingles, and the share of equal minima estimates it with standard error sqrt(J(1-J)/permutations).

A shingle is a hash of 64 bits cut to 32, since processors multiply twice as many or more numbers of 32 bits at a time. Of n shingles about
n²/2^33 pairs meet in one hash (116 of a million), and two minima are equal by chance once in about 2^33/n; a minimum of 64 bits of which
32 are stored would meet no less often.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import KIND, PAIRED, WORD, classes, code_point, lower
from filters.word_hashes import BASE, OFFSET, PRIME
from filters.words import mix

NO_WORDS = np.uint32(0xFFFFFFFF)
"""Every minimum of a text without a word, which is near to nothing, not even to itself."""

DEFINITION = 2
"""Of the numbers in a signature: those of another definition do not compare, and documents are signed anew."""

_32 = np.uint64(32)
_29 = np.uint64(29)
_ODD = np.uint64(0xD6E8FEB86659FD93)
# Words hashed before their shingles are made, and shingles before their minima are taken: the block stays in the first-level cache while
# each permutation runs over it.
_BLOCK = 512


def permutations_of(count: int, seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Multipliers (odd) and addends of the permutations x -> a x + b modulo 2^32, uint32 [count] each: the upper halves of splitmix64 from
    `seed`.
    """
    with np.errstate(over="ignore"):
        steps = np.uint64(seed) + np.arange(1, 2 * count + 1, dtype=np.uint64) * BASE
        steps = (steps ^ (steps >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        steps = (steps ^ (steps >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        steps ^= steps >> np.uint64(31)
    halves = (steps >> _32).astype(np.uint32)
    return halves[:count] | np.uint32(1), halves[count:]


@cache
def _plain() -> npt.NDArray[np.uint8]:
    """Of each byte below 0x80 the lower-case letter, digit or "_" that it is, else 0; uint8 [256]."""
    table = np.zeros(256, np.uint8)
    is_word = classes()[:0x80] & WORD != 0
    table[:0x80][is_word] = lower()[:0x80][is_word]
    table.setflags(write=False)
    return table


@kernel
def _hash_words(data, at, end, properties, lowered, plain, state, words, filled):  # type: ignore[no-untyped-def]
    """Write hashes of the words of `data[at:end]`, as `next_word` gives them before it mixes, from `words[filled]` on, until `words` is
    full or the text ends; where it stopped, and behind the last. `state`, uint64 [2], is the word open there: its hash so far, and 1.

    A byte below 0x80 costs no branch: words end where no processor foresees it. With this and with hashes of 32 bits, technical English
    went from 142 to 357 MB per CPU-second.
    """
    code, is_open = state[0], np.int64(state[1])
    # A code point closes two words at most: the open one, and itself where it is a word.
    while at < end and filled < len(words) - 2:
        point = np.int64(data[at])
        if point < 0x80:
            letter = plain[point]
            words[filled] = code
            filled += is_open & (letter == 0)
            is_open = np.int64(letter != 0)
            code = (code ^ np.uint64(letter)) * PRIME if is_open else OFFSET
            at += 1
            continue
        point, size = code_point(data, at, end)
        at += size
        kind = np.int64(properties[point])
        is_alone = kind & KIND == PAIRED
        if not kind & WORD or is_alone:
            words[filled] = code
            filled += is_open
            code, is_open = OFFSET, np.int64(0)
        if kind & WORD:
            code, is_open = (code ^ np.uint64(lowered[point])) * PRIME, np.int64(1)
            if is_alone:
                words[filled] = code
                filled += 1
                code, is_open = OFFSET, np.int64(0)
    if at >= end and is_open:
        words[filled] = code
        filled += 1
        code, is_open = OFFSET, np.int64(0)
    state[0], state[1] = code, np.uint64(is_open)
    return at, filled


@kernel
def _lower_minima(shingles, count, multipliers, addends, minima):  # type: ignore[no-untyped-def]
    for k in range(len(minima)):
        multiplier, addend, least = multipliers[k], addends[k], minima[k]
        for j in range(count):
            least = min(least, np.uint32(shingles[j] * multiplier + addend))
        minima[k] = least


@kernel
def _take(rolled, count, shingles, multipliers, addends, minima):  # type: ignore[no-untyped-def]
    for j in range(count):
        shingles[j] = np.uint32(mix(rolled[j]) >> _32)
    _lower_minima(shingles, count, multipliers, addends, minima)


@kernel
def _sign(data, start, end, ngram, power, tables, multipliers, addends, scratch, minima):  # type: ignore[no-untyped-def]
    """Lower the minima, uint32 [permutations], by one text; how many words it has, and two digests of them in their order.

    The hash of a shingle is a polynomial in the hashes of its words, rolled on by one word, then mixed and cut to its upper 32 bits;
    `power` is the base to the `ngram`. Of `scratch`, `words`, uint64 [ngram + 514], begins with the last `ngram` words of the block before.
    """
    properties, lowered, plain = tables
    state, words, rolled, shingles = scratch
    total, rolling = 0, np.uint64(0)
    words[:ngram] = 0
    state[0], state[1] = OFFSET, 0
    low, high = BASE, _ODD
    at = start
    while at < end:
        at, filled = _hash_words(data, at, end, properties, lowered, plain, state, words, ngram)
        for j in range(ngram, filled):
            words[j] = mix(words[j])
            # Not linear, so that no two sequences are made to collide by arithmetic; 2 ns a word.
            low = (low ^ words[j]) * BASE
            low ^= low >> _32
            high = (high + words[j]) * _ODD
            high ^= high >> _29
        # Shingles of the first words of a text are short: they are rolled over and not taken.
        first = min(max(ngram - 1 - total, 0), filled - ngram)
        for j in range(first):
            rolling = rolling * BASE + words[ngram + j]
        count = filled - ngram - first
        for j in range(count):
            # What leaves is 0 in front of the text.
            rolling = rolling * BASE + words[ngram + first + j] - words[first + j] * power
            rolled[j] = rolling
        _take(rolled, count, shingles, multipliers, addends, minima)
        total += filled - ngram
        for j in range(ngram):
            words[j] = words[filled - ngram + j]
    if 0 < total < ngram:
        rolled[0] = rolling + np.uint64(total)
        _take(rolled, 1, shingles, multipliers, addends, minima)
    return total, mix(low), mix(high)


@kernel
def _sign_all(data, offsets, ngram, tables, multipliers, addends, result, digests):  # type: ignore[no-untyped-def]
    room = _BLOCK + 2
    scratch = (np.zeros(2, np.uint64), np.zeros(ngram + room, np.uint64), np.zeros(room, np.uint64), np.zeros(room, np.uint32))
    power = np.uint64(1)
    for _ in range(ngram):
        power *= BASE
    for document in range(len(offsets) - 1):
        minima = result[document]
        minima[:] = NO_WORDS
        begin, end = offsets[document], offsets[document + 1]
        total, low, high = _sign(data, begin, end, ngram, power, tables, multipliers, addends, scratch, minima)
        digests[document, 0], digests[document, 1] = low, high
        if total:
            for k in range(len(minima)):
                # A text with words keeps clear of the mark of those without, at the cost of one value in 2^32.
                minima[k] = min(minima[k], np.uint32(0xFFFFFFFE))


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
    _sign_all(data, offsets, ngram, (classes(), lower(), _plain()), multipliers, addends, result, digests)
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
