r"""Words as 64-bit hashes, for shingles and n-grams: text in, one number a word out, whatever its case and what stands around it.

A word is a match of Python's `\w+` (letters, digits and "_"), each character in simple lower case; but a character of Han, kana, bopomofo
or yi is a word by itself, since nothing separates them. Marks are no part of it: a Thai or Hindi word falls apart at its vowel signs, in
every text at the same places.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.unicode import CODE_POINTS, EXTEND, KIND, PAIRED, WORD, classes, code_point, is_clustered
from filters.words import mix

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the polynomial over the hashes of consecutive words; odd, so that it has an inverse modulo 2^64."""

OFFSET = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x100000001B3)


@kernel
def next_word(
    data: npt.NDArray[np.uint8], at: int, end: int, properties: npt.NDArray[np.uint8], lowered: npt.NDArray[np.int32]
) -> tuple[np.uint64, int, int]:
    """Hash of the first word in `data[at:end]`, its first byte and the one behind its last; both are `end` where there is none.

    Args:
        data: UTF-8, uint8.
        at: where to begin.
        end: behind the last byte.
        properties: `filters.unicode.classes()`, or a table made of it.
        lowered: `filters.unicode.lower()`.
    """
    point, size, kind = 0, 1, np.int64(0)
    while at < end:
        point, size = np.int64(data[at]), 1
        if point >= 0x80:
            point, size = code_point(data, at, end)
        kind = np.int64(properties[point])
        if kind & WORD:
            break
        at += size
    if at >= end:
        return np.uint64(0), end, end
    start = at
    code = (OFFSET ^ np.uint64(lowered[point])) * PRIME
    at += size
    if kind & KIND != PAIRED:
        while at < end:
            point, size = np.int64(data[at]), 1
            if point >= 0x80:
                point, size = code_point(data, at, end)
            kind = np.int64(properties[point])
            if not kind & WORD or kind & KIND == PAIRED:
                break
            code = (code ^ np.uint64(lowered[point])) * PRIME
            at += size
    return mix(code), start, at


@cache
def phrase_classes() -> npt.NDArray[np.uint8]:
    """`filters.unicode.classes()` for lists of words, uint8 [0x110000]: marks belong to words, and every character of Thai, Lao, Khmer,
    Myanmar and Tai, marks among them, is a word by itself, so that a phrase in a script without blanks is found as a plain substring.
    """
    table = classes().copy()
    table[table & KIND == EXTEND] |= WORD
    clustered = np.fromiter((is_clustered(point) for point in range(CODE_POINTS)), np.bool_, CODE_POINTS)
    table[clustered] = (table[clustered] & np.uint8(0xFF ^ KIND)) | np.uint8(PAIRED | WORD)
    table.setflags(write=False)
    return table
