"""Sets of shingles, and the exact Jaccard similarity of two. Shingles are those of `filters.duplicates.signature`, as hashes of 64 bits."""

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


@kernel
def _shingles(data, offsets, ngram, properties, lowered, output, ends):  # type: ignore[no-untyped-def]
    """Write each text's shingles, rising and each once, one text behind another."""
    recent = np.zeros(ngram, np.uint64)
    power = np.uint64(1)
    for _ in range(ngram):
        power *= BASE
    written = 0
    for document in range(len(offsets) - 1):
        begin, words, rolling = written, 0, np.uint64(0)
        word, start, at = next_word(data, offsets[document], offsets[document + 1], properties, lowered)
        while start < at:
            place = words % ngram
            rolling = rolling * BASE + word
            if words >= ngram:
                rolling -= recent[place] * power
            recent[place] = word
            words += 1
            if words >= ngram:
                output[written] = mix(rolling)
                written += 1
            word, start, at = next_word(data, at, offsets[document + 1], properties, lowered)
        if 0 < words < ngram:
            output[written] = mix(rolling + np.uint64(words))
            written += 1
        output[begin:written].sort()
        last = begin
        for k in range(begin, written):
            if k == begin or output[k] != output[last - 1]:
                output[last] = output[k]
                last += 1
        written = last
        ends[document + 1] = written


def shingle_sets(texts: pa.StringArray, ngram: int = 5) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The set of shingles of each text.

    Args:
        texts: string or large_string; null counts as empty.
        ngram: words in a shingle. A shorter text has one shingle, of all its words.

    Returns:
        The hashes of all texts, uint64, rising within each; and where each text's begin and end, int64 [n + 1].
    """
    data, offsets = bytes_and_offsets(texts)
    # A word takes a byte at least, and what parts it from the next another; a character of Han takes three alone.
    output = np.empty(len(data) // 2 + len(offsets), np.uint64)
    ends = np.zeros(len(offsets), np.int64)
    _shingles(data, offsets, ngram, classes(), lower(), output, ends)
    return output[: ends[-1]], ends


@kernel
def _shared(a, b):  # type: ignore[no-untyped-def]
    i, j, shared = 0, 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            shared += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return shared


def jaccard(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> float:
    """Shared over all elements of two sets, uint64, rising; 0 where both are empty."""
    shared = _shared(a, b)
    return shared / (len(a) + len(b) - shared) if len(a) + len(b) else 0.0
