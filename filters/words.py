"""Segmentation of a line into tokens, words among them: the definition that every word-based signal uses.

A token is one of
- a word: letters and digits, with the marks and "_" that follow them. ' and ’ join two of its characters, so does "." except between a
  lower-case and an upper-case letter (a blank forgotten between sentences), and so do "," and ":" between digits. "don't", "e.g", "3.14",
  "10:30" and "example.com" are one word each; "well-known" is three tokens;
- a piece of text in a script without blanks: two characters of Han, kana, bopomofo or yi, four of Thai, Lao, Khmer, Myanmar or Tai. These
  are about the mean word lengths there, so that counts of words and n-grams mean about what they mean elsewhere; pieces are cut from the
  start of a run, so equal sentences give equal pieces;
- a run of one and the same symbol or punctuation character, with the marks that follow it.

Blanks separate tokens. Compared with spaCy's English tokenizer (datatrove's word splitter): contractions ("do", "n't") and URLs are not
treated specially, and a run such as "!!!!" is one token, not four.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# ruff: noqa: PLR1714, SIM109
# mypy: disable-error-code="assignment, arg-type"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.unicode import ALPHABETIC, CLUSTERED, DIGIT, EXTEND, KIND, LETTER, LOWER, PAIRED, SPACE, SYMBOL, code_point

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""The eight of Gopher."""

# Positions in the tally of `tokenize`, int64 [TALLIES].
TOKENS, WORDS, SPACED_WORDS, SPACED_CHARACTERS, ALPHABETIC_WORDS, STOP_WORD_BITS, HASHES, ELLIPSES, STORED = range(9)
TALLIES = 9

_STOP_BYTES = tuple(int.from_bytes(word.encode(), "big") for word in STOP_WORDS)
_NONE = 7  # no token is open
_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


@kernel
def mix(value: np.uint64) -> np.uint64:
    """A bijection of 64 bits in which every input bit reaches every output bit (MurmurHash3's finalizer)."""
    value ^= value >> _33
    value *= _MIX_1
    value ^= value >> _33
    value *= _MIX_2
    value ^= value >> _33
    return value


@kernel
def _joins(point: int, before: int, data: npt.NDArray[np.uint8], after: int, end: int, classes: npt.NDArray[np.uint8]) -> bool:
    """Whether the character `point`, inside a word after a character of class `before`, joins it to what begins at `after`."""
    if after >= end or not (point == 0x27 or point == 0x2019 or point == 0x2E or point == 0x2C or point == 0x3A):
        return False
    following = classes[code_point(data, after, end)[0]]
    kind = following & KIND
    if kind != LETTER and kind != DIGIT:
        return False
    if point == 0x2C or point == 0x3A:
        return before & KIND == DIGIT and kind == DIGIT
    if point == 0x2E:
        return not (before & LOWER and following & ALPHABETIC and not following & LOWER)
    return True


@kernel
def _close(
    opened: int,
    code: np.uint64,
    length: int,
    alphabetic: bool,
    letters: np.int64,
    hashes: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int32],
    tally: npt.NDArray[np.int64],
) -> None:
    """Count the token that ends here, and store it while there is room."""
    tally[TOKENS] += 1
    if opened != SYMBOL:
        tally[WORDS] += 1
        if opened == LETTER:
            tally[SPACED_WORDS] += 1
            tally[SPACED_CHARACTERS] += length
    if alphabetic:
        tally[ALPHABETIC_WORDS] += 1
    if 2 <= length <= 4 and letters > 0:
        for k in range(len(_STOP_BYTES)):
            if letters == _STOP_BYTES[k]:
                tally[STOP_WORD_BITS] |= 1 << k
    stored = tally[STORED]
    if stored < len(hashes):
        hashes[stored] = mix(code)
        lengths[stored] = length
        tally[STORED] = stored + 1


@kernel
def tokenize(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    hashes: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int32],
    tally: npt.NDArray[np.int64],
) -> None:
    """Add the tokens of `data[start:end]`, which begins and ends at a blank or the text's end, to `tally`, `hashes` and `lengths`.

    Args:
        data: UTF-8, uint8.
        start: first byte.
        end: behind the last byte.
        classes: `filters.unicode.classes()`.
        hashes: uint64 [room]; the token at `tally[STORED]` and on are written, while there is room.
        lengths: int32 [room], characters of a token.
        tally: int64 [TALLIES], added to.
    """
    opened = np.int64(_NONE)
    symbol = 0
    run = 0  # of full stops, towards an ellipsis
    code = _OFFSET
    length = np.int64(0)
    alphabetic = np.bool_(False)
    letters = np.int64(0)  # the last bytes of an ASCII token in lower case, to compare with stop words
    before = np.int64(0)
    at = start
    while at < end:
        point, size = np.int64(data[at]), 1
        if point >= 0x80:
            point, size = code_point(data, at, end)
        properties = np.int64(classes[point])
        kind = properties & KIND
        if kind == SPACE:
            if opened != _NONE:
                _close(opened, code, length, alphabetic, letters, hashes, lengths, tally)
                opened = _NONE
            at += size
            continue
        if kind == DIGIT:
            kind = LETTER
        if opened == LETTER:
            extends = kind == LETTER or kind == EXTEND or (kind == SYMBOL and _joins(point, before, data, at + size, end, classes))
        elif opened == SYMBOL:
            extends = kind == EXTEND or (kind == SYMBOL and point == symbol)
        elif opened == PAIRED:
            extends = kind == EXTEND or (kind == PAIRED and length < 2)
        elif opened == CLUSTERED:
            # Vowel signs and tone marks are characters too, but not letters: pieces are cut before a letter only.
            extends = kind == EXTEND or (kind == CLUSTERED and length < 4)
        else:
            extends = False
        if not extends:
            if opened != _NONE:
                _close(opened, code, length, alphabetic, letters, hashes, lengths, tally)
            opened = SYMBOL if kind == EXTEND else kind
            symbol = point
            run = 0
            code = _OFFSET
            length = 0
            alphabetic = False
            letters = np.int64(0)
        code = (code ^ np.uint64(point)) * _PRIME
        length += 1
        alphabetic |= properties & ALPHABETIC != 0
        letters = ((letters << 8) | ((point | 0x20) & 0xFF)) & 0xFFFFFFFF if point < 0x80 else np.int64(-1)
        before = properties
        if opened == SYMBOL:
            tally[HASHES] += point == 0x23
            tally[ELLIPSES] += point == 0x2026
            run = run + 1 if point == 0x2E else 0
            if run == 3:
                tally[ELLIPSES] += 1
                run = 0
        at += size
    if opened != _NONE:
        _close(opened, code, length, alphabetic, letters, hashes, lengths, tally)
