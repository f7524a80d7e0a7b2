"""Repeated passages by a suffix array over the bytes of all texts, as Lee et al. 2022 (arXiv:2107.06499) have it, with pydivsufsort.

    python -I suffix_array.py TEXTS LEAST_WORDS OUT

TEXTS: words in lower case with one blank behind each, documents in their order, NUL behind each. OUT gets the words that lie in a window of
LEAST_WORDS words which stands further up, as bits in order (.npy). Standard library, numpy and pydivsufsort.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

BLANK, END = 0x20, 0x00


def repeated(data: Any, suffixes: Any, common: Any, least_words: int) -> Any:
    """Which words stand in a repeated window.

    Args:
        data: uint8 [bytes].
        suffixes: where suffixes begin, in their order.
        common: bytes that each has in common with the next.
        least_words: of a window.

    Returns:
        bool [words].
    """
    words_before = np.zeros(len(data) + 1, np.int32)
    np.cumsum(data == BLANK, out=words_before[1:])
    is_start = np.zeros(len(data), bool)
    is_start[0] = True
    is_start[1:] = (data[:-1] == BLANK) | (data[:-1] == END)
    is_start &= data != END
    chosen = np.flatnonzero(is_start[suffixes])
    # What a word's suffix has in common with the next word's is the least that all suffixes between have.
    shared = np.minimum.reduceat(common, chosen)
    starts = suffixes[chosen]
    del chosen
    ends = np.flatnonzero(data == END)
    last = ends[np.searchsorted(ends, starts)]
    whole = words_before[np.minimum(starts + shared, last)] - words_before[starts]
    is_same = whole >= least_words
    is_same[-1] = False
    begins = np.flatnonzero(np.concatenate([[True], ~is_same[:-1]]))
    first = np.minimum.reduceat(starts, begins)
    is_later = starts != np.repeat(first, np.diff(begins, append=len(starts)))
    edges = np.zeros(words_before[-1] + 1, np.int64)
    words = words_before[starts[is_later]]
    np.add.at(edges, words, 1)
    np.add.at(edges, words + least_words, -1)
    return np.cumsum(edges[:-1]) > 0


def main() -> None:
    from pydivsufsort import divsufsort, kasai

    texts, least_words, out = sys.argv[1:]
    data = np.fromfile(texts, np.uint8)
    suffixes = divsufsort(data)
    np.save(Path(out), repeated(data, suffixes, kasai(data, suffixes), int(least_words)))


if __name__ == "__main__":
    main()
