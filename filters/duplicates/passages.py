r"""Passages that stand word for word in several places: windows of words, the grams that stand for them, and spans of bytes.

A window is `least_words` consecutive words of one text, as `filters.word_hashes` has them. Two windows are equal when their words are. To
find equal windows among many texts without comparing all of them, each window is first known by one gram of half its words, the one with
the smallest hash, and among equals the rightmost (winnowing: Schleimer, Wilkerson, Aiken 2003, SIGMOD). That choice is a function of the
window's words alone, so equal windows choose equal grams at equal places in them: where a gram is chosen at one place only, none of the
windows that chose it is repeated. Neighbouring windows mostly choose the same gram: 2 / (windows per gram + 1) of the places are chosen by
some window, one in 13.5 for 50 words. (The paper's robust winnowing keeps the gram of the window before among equals, which a window's
content does not decide; and a gram in a window that other windows chose proves nothing about this one.)

Text is worked on in blocks of a fixed number of words, which cut long texts with an overlap of `least_words - 1` words: each window lies
in one block, whatever the length of a text, and memory does not grow with it.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import KIND, SPACE, WORD, classes, code_point, lower
from filters.word_hashes import BASE, next_word
from filters.words import mix

BLOCK_WORDS = 1 << 16
"""Words worked on together: their hashes, 512 kB, stay in the second-level cache."""

PASSAGE = np.dtype(
    [("row", "<u4"), ("word", "<u4"), ("until", "<u4"), ("start", "<u4"), ("end", "<u4"), ("break_end", "<u4"), ("opens_line", "?")]
)
"""Consecutive words of a text: the text's row; the number of the first word and of the one behind the last, from 0; the first byte; where
the punctuation attached to the last word and the blanks behind it end, and where the line breaks behind those do; whether it begins a line.
"""

# Of the second polynomial, whose hash tells apart what collides in the first; odd.
_CHECK_BASE = np.uint64(0xD6E8FEB86659FD93)
_32 = np.uint64(32)


@dataclass(frozen=True)
class Block:
    """Words of consecutive texts, until the next block is asked for. A piece is a run of one text's words, no fewer than a window has."""

    data: npt.NDArray[np.uint8]
    """UTF-8 of the texts that the block is of, and of others."""
    offsets: npt.NDArray[np.int64]
    """Where each text begins in `data`."""
    hashes: npt.NDArray[np.uint64]
    """Of each word."""
    bounds: npt.NDArray[np.int64]
    """[words, 2]: first byte of each word within its text, and the one behind its last."""
    pieces: npt.NDArray[np.int64]
    """[pieces, 4]: number of the text, number of the piece's first word in it; the piece's words in `hashes`, from and until."""

    @property
    def words(self) -> int:
        """In the block's pieces."""
        return int(self.pieces[-1, 3]) if len(self.pieces) else 0


@dataclass(frozen=True)
class Grams:
    """The grams that the windows of a block choose, in order. Windows are numbered by their first word in the block."""

    keys: npt.NDArray[np.uint64]
    windows: npt.NDArray[np.int64]
    """[grams, 2]: from and until which window a gram is the one chosen."""


@dataclass(frozen=True)
class Windows:
    """Windows with their hashes: 64 bits, 32 independent ones beside them, and where each stands."""

    hashes: npt.NDArray[np.uint64]
    checks: npt.NDArray[np.uint32]
    passages: npt.NDArray[np.void]
    """Of `PASSAGE`; the row is the number of the text in the block."""


@kernel
def _fill(data, offsets, state, least_words, properties, lowered, hashes, bounds, pieces):  # type: ignore[no-untyped-def]
    """Take words from `state` on (text, first byte in it, number of the word there) until the arrays are full; how many pieces."""
    document, at, number = state[0], state[1], state[2]
    filled, count = 0, 0
    while document < len(offsets) - 1:
        base, end = offsets[document], offsets[document + 1]
        begin, position, has_ended = filled, base + at, False
        while filled < len(hashes):
            code, start, behind = next_word(data, position, end, properties, lowered)
            if start >= behind:
                has_ended = True
                break
            hashes[filled] = code
            bounds[filled, 0], bounds[filled, 1] = start - base, behind - base
            filled += 1
            position = behind
        words = filled - begin
        if words >= least_words:
            pieces[count, 0], pieces[count, 1], pieces[count, 2], pieces[count, 3] = document, number, begin, filled
            count += 1
            if not has_ended:
                at = bounds[filled - least_words + 1, 0]
                number += words - least_words + 1
                break
        else:
            filled = begin
            if not has_ended:
                break
        document, at, number = document + 1, 0, 0
    state[0], state[1], state[2] = document, at, number
    return count


def word_blocks(texts: pa.StringArray | pa.LargeStringArray, least_words: int, block_words: int = BLOCK_WORDS) -> Iterator[Block]:
    """The words of texts, block by block; each window of `least_words` words lies in one piece of one block.

    Args:
        texts: null counts as empty.
        least_words: of a window, at least 2.
        block_words: the most that a block holds; at least two windows' worth are taken.
    """
    assert least_words >= 2
    data, offsets = bytes_and_offsets(texts)
    room = max(block_words, 2 * least_words)
    hashes, bounds = np.empty(room, np.uint64), np.empty((room, 2), np.int64)
    pieces = np.empty((room // least_words + 1, 4), np.int64)
    state = np.zeros(3, np.int64)
    while state[0] < len(texts):
        count = _fill(data, offsets, state, least_words, classes(), lower(), hashes, bounds, pieces)
        if count:
            yield Block(data, offsets, hashes, bounds, pieces[:count])


@kernel
def _choose(hashes, pieces, least_words, gram, power, values, places, keys, windows):  # type: ignore[no-untyped-def]
    """Write the chosen grams; how many. `values[head:tail]` rise: what may yet be the smallest hash, and where in `places`."""
    count = 0
    for piece in range(len(pieces)):
        begin, end = pieces[piece, 2], pieces[piece, 3]
        head, tail, chosen = 0, 0, -1
        rolling = np.uint64(0)
        for k in range(begin, end):
            rolling = rolling * BASE + hashes[k]
            place = k - gram + 1
            if place < begin:
                continue
            if place > begin:
                rolling -= hashes[place - 1] * power
            value = mix(rolling)
            while tail > head and values[tail - 1] >= value:
                tail -= 1
            values[tail], places[tail] = value, place
            tail += 1
            window = k - least_words + 1
            if window < begin:
                continue
            if places[head] < window:
                head += 1
            if places[head] != chosen:
                chosen = places[head]
                keys[count] = values[head]
                windows[count, 0] = window
                count += 1
            windows[count - 1, 1] = window + 1
    return count


def chosen_grams(block: Block, least_words: int) -> Grams:
    """The gram of `least_words // 2` words that each window of a block is known by."""
    gram = least_words // 2
    keys, windows = np.empty(block.words, np.uint64), np.empty((block.words, 2), np.int64)
    values, places = np.empty(block.words, np.uint64), np.empty(block.words, np.int64)
    count = _choose(block.hashes, block.pieces, least_words, gram, _power(BASE, gram), values, places, keys, windows)
    return Grams(keys[:count], windows[:count])


@kernel
def _breaks(data, at, end, properties, has_lines):  # type: ignore[no-untyped-def]
    """Where the white space at `at` ends; with or without its line breaks."""
    while at < end:
        point, size = code_point(data, at, end)
        if properties[point] & KIND != SPACE or (point == 0x0A and not has_lines):
            break
        at += size
    return at


@kernel
def _attached(data, at, end, properties):  # type: ignore[no-untyped-def]
    """Where the characters at `at` that are neither of a word nor white space end."""
    while at < end:
        point, size = code_point(data, at, end)
        if properties[point] & KIND == SPACE or properties[point] & WORD:
            break
        at += size
    return at


@kernel
def _place(data, base, end, row, number, bounds, first, last, properties, passage):  # type: ignore[no-untyped-def]
    """Write where the window of the words `first` to `last` of a block stands."""
    start = base + bounds[first, 0]
    behind = _attached(data, base + bounds[last, 1], end, properties)
    blanks = _breaks(data, behind, end, properties, False)
    passage["row"] = row
    passage["word"] = number
    passage["until"] = number + last - first + 1
    passage["start"] = bounds[first, 0]
    passage["end"] = blanks - base
    passage["break_end"] = _breaks(data, blanks, end, properties, True) - base
    passage["opens_line"] = start == base or data[start - 1] == 0x0A


@kernel
def _hash(data, offsets, hashes, bounds, pieces, wanted, least_words, powers, properties, found, checks, passages):  # type: ignore[no-untyped-def]
    """Roll two polynomials over each piece and write those of the windows that are wanted; how many."""
    count = 0
    for piece in range(len(pieces)):
        row, number, begin, end = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2], pieces[piece, 3]
        rolling, check = np.uint64(0), np.uint64(0)
        for k in range(begin, end):
            rolling = rolling * BASE + hashes[k]
            check = check * _CHECK_BASE + hashes[k]
            first = k - least_words + 1
            if first > begin:
                rolling -= hashes[first - 1] * powers[0]
                check -= hashes[first - 1] * powers[1]
            if first >= begin and wanted[first]:
                found[count] = mix(rolling)
                checks[count] = mix(check) >> _32
                word = number + first - begin
                _place(data, offsets[row], offsets[row + 1], row, word, bounds, first, k, properties, passages[count])
                count += 1
    return count


def hashed_windows(block: Block, grams: Grams, is_repeated: npt.NDArray[np.bool_], least_words: int) -> Windows:
    """The windows of a block whose gram is repeated, in the order of the text.

    Args:
        block: of `word_blocks`.
        grams: of `chosen_grams`.
        is_repeated: bool [grams].
        least_words: of a window.
    """
    steps = np.zeros(block.words + 1, np.int64)
    # A window has one gram: no two ranges begin, or end, at one window.
    steps[grams.windows[is_repeated, 0]] += 1
    steps[grams.windows[is_repeated, 1]] -= 1
    wanted = np.cumsum(steps) > 0
    count = int(wanted.sum())
    hashes, checks, passages = np.empty(count, np.uint64), np.empty(count, np.uint32), np.empty(count, PASSAGE)
    if count:
        powers = np.array([_power(BASE, least_words), _power(_CHECK_BASE, least_words)], np.uint64)
        given = (block.data, block.offsets, block.hashes, block.bounds, block.pieces, wanted, least_words, powers, classes())
        written = _hash(*given, hashes, checks, passages)
        assert written == count, "every window wanted lies in a piece"
    return Windows(hashes, checks, passages)


def united(passages: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Passages of which those that overlap or follow on each other are one.

    Args:
        passages: of `PASSAGE`, by row and first word, and so by last word too.
    """
    if not len(passages):
        return passages
    before, after = passages[:-1], passages[1:]
    begins = np.flatnonzero(np.concatenate([[True], (after["row"] != before["row"]) | (after["word"] > before["until"])]))
    spans: npt.NDArray[np.void] = passages[begins].copy()
    lasts = passages[np.append(begins[1:], len(passages)) - 1]
    for name in ("until", "end", "break_end"):
        spans[name] = lasts[name]
    return spans


def byte_spans(passages: npt.NDArray[np.void]) -> npt.NDArray[np.int32]:
    """What is cut of each text for passages that do not overlap, int32 [n, 2] of byte offsets [start, end).

    From the first word on, past the punctuation attached to the last word and the blanks behind it, so that no full stop or closing quote
    is left alone. The line breaks behind go as well where the passage begins a line: its lines are gone and leave no gap. Where it begins
    within a line they stay, and with them the paragraph of what stands before.
    """
    ends = np.where(passages["opens_line"], passages["break_end"], passages["end"])
    return np.stack([passages["start"], ends], axis=1).astype(np.int32)


def _power(base: np.uint64, exponent: int) -> np.uint64:
    return np.uint64(pow(int(base), exponent, 1 << 64))
