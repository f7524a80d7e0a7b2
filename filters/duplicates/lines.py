"""Lines and paragraphs as 64-bit hashes of their words, and the spans that take chosen ones out of a text.

A line is what lies between line feeds (`filters.statistics.lines`: a carriage return, NEL or U+2028 is a blank within it); a paragraph is
lines without a blank one between them. The hash is of the words of `filters.word_hashes`, in order, so neither case nor punctuation nor
bullets nor the marks between a menu's items count. A line without a word has no hash.

Digits count. CCNet (Wenzek et al. 2020, arXiv:1911.00359) makes every digit 0 before it hashes paragraphs, but keeps the first copy of
each; here all copies are cut, and with digits alike the rows of tables, years and numbered headings of a whole site would be one line. On
3,000 pages with their navigation that cuts 16.4% of the bytes where this cuts 16.3%.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import KIND, SPACE, classes, code_point, lower
from filters.word_hashes import BASE, next_word
from filters.words import mix

# Columns of `Lines.edges`: first byte; behind the line feed; behind the blank lines that follow; bytes of the text other than blanks before
# the line, and up to its end; 1 where a blank line or nothing stands before it; words.
START, END, BEHIND_BLANKS, INK_BEFORE, INK_UP_TO, AFTER_BLANK, WORDS = range(7)
EDGES = 7

_LINE_FEED = 0x0A
_ASCII_INK = (classes()[:0x80] & KIND != SPACE).astype(np.int64)


@dataclass(frozen=True)
class Lines:
    """The lines, or paragraphs, with a word of n texts, in order."""

    hashes: npt.NDArray[np.uint64]
    """uint64 [lines]."""
    edges: npt.NDArray[np.int32]
    """int32 [lines, EDGES]: bytes, counted from the beginning of each text."""
    ends: npt.NDArray[np.int64]
    """int64 [n + 1]: where each text's lines begin, and the number of all."""
    ink: npt.NDArray[np.int32]
    """int32 [n]: bytes of each text that are no blanks."""


def lines_of(texts: pa.StringArray, unit: Literal["line", "paragraph"] = "line") -> Lines:
    """Hash and place of every line, or paragraph, with a word.

    Args:
        texts: string or large_string, each under 2 GiB; null counts as empty.
        unit: what is hashed.
    """
    data, offsets = bytes_and_offsets(texts)
    # Pages of these that no line needs are never touched.
    most = int(np.count_nonzero(data == _LINE_FEED)) + len(texts)
    hashes, edges = np.empty(most, np.uint64), np.empty((most, EDGES), np.int32)
    ends, ink = np.zeros(len(texts) + 1, np.int64), np.zeros(len(texts), np.int32)
    _find_all(data, offsets, unit == "paragraph", classes(), lower(), hashes, edges, ends, ink)
    return Lines(hashes[: ends[-1]].copy(), edges[: ends[-1]].copy(), ends, ink)


def cut_spans(
    edges: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int64],
    ink: npt.NDArray[np.int32],
    chosen: npt.NDArray[np.bool_],
    least_words: int = 1,
) -> tuple[pa.ListArray, npt.NDArray[np.float32]]:
    """What takes the chosen lines out of each text without leaving two blank lines where one was.

    Chosen lines with no other line with a word between them are one span. It takes its last line's end along, what stands without a word
    between its lines (blank lines, rules, bars), and, where a blank line or nothing stands before it, the blank lines behind it.

    Args:
        edges: int32 [lines, EDGES] of `Lines`.
        ends: int64 [n + 1] of `Lines`.
        ink: int32 [n] of `Lines`.
        chosen: bool [lines]; those of spans that are not cut are made false.
        least_words: a span of fewer words is not cut.

    Returns:
        list<int32> [n] of flat [start, end) byte offsets, in rising order, apart from each other, null where nothing is cut; and the share
        of each text's bytes other than blanks that is left, float32 [n], 1 of a text without any.
    """
    spans, span_ends = np.empty(2 * int(np.count_nonzero(chosen)), np.int32), np.zeros(len(ends), np.int32)
    left = np.ones(len(ink), np.float32)
    _cut_all(edges, ends, ink, chosen, least_words, spans, span_ends, left)
    none = pa.array(np.diff(span_ends) == 0)
    values = pa.array(spans[: span_ends[-1]])
    return pa.ListArray.from_arrays(pa.array(span_ends), values, type=pa.list_(pa.int32()), mask=none), left


@kernel
def _find_all(data, offsets, by_paragraph, properties, lowered, hashes, edges, ends, ink):  # type: ignore[no-untyped-def]
    for document in range(len(offsets) - 1):
        ends[document + 1], ink[document] = _find(
            data, offsets[document], offsets[document + 1], by_paragraph, properties, lowered, hashes, edges, ends[document]
        )


@kernel
def _find(data, base, end, by_paragraph, properties, lowered, hashes, edges, first):  # type: ignore[no-untyped-def]
    """Write the lines of `data[base:end]` from place `first` on; behind the last of them, and how many bytes are no blanks."""
    count = first
    ink = words = 0
    code = np.uint64(0)
    is_open = False  # a line or paragraph has begun that may go on
    after_blank = True
    ended = False  # the line before was hashed, or blank behind one that was
    at = base
    while at < end:
        following, line_ink = _line_end(data, at, end, properties)
        if line_ink == 0:
            if is_open:
                count, ended, is_open = _close(hashes, edges, count, code, words), words > 0, False
            if ended:
                edges[count - 1, BEHIND_BLANKS] = following - base
            after_blank = True
            at = following
            continue
        if not is_open:
            edges[count, START], edges[count, INK_BEFORE], edges[count, AFTER_BLANK] = at - base, ink, after_blank
            code, words, is_open = np.uint64(0), 0, True
        ink += line_ink
        edges[count, END] = edges[count, BEHIND_BLANKS] = following - base
        edges[count, INK_UP_TO] = ink
        word, begin, behind = next_word(data, at, following, properties, lowered)
        while begin < behind:
            code = code * BASE + word
            words += 1
            word, begin, behind = next_word(data, behind, following, properties, lowered)
        if not by_paragraph:
            count, ended, is_open = _close(hashes, edges, count, code, words), words > 0, False
        after_blank = False
        at = following
    if is_open:
        count = _close(hashes, edges, count, code, words)
    return count, ink


@kernel
def _close(hashes, edges, count, code, words):  # type: ignore[no-untyped-def]
    """Keep the line or paragraph at place `count` if it has a word; the next place."""
    if words == 0:
        return count
    # The number of words tells apart what a word of hash 0 in front would make equal.
    hashes[count] = mix(code + np.uint64(words))
    edges[count, WORDS] = words
    return count + 1


@kernel
def _line_end(data, at, end, properties):  # type: ignore[no-untyped-def]
    """Behind the line feed of the line that begins at `at`, and how many of its bytes are no blanks."""
    ink = 0
    while at < end:
        byte = data[at]
        if byte < 0x80:  # a lookup fewer: 6% of the whole
            at += 1
            if byte == _LINE_FEED:
                break
            ink += _ASCII_INK[byte]
        else:
            point, size = code_point(data, at, end)
            at += size
            if properties[point] & KIND != SPACE:
                ink += size
    return at, ink


@kernel
def _cut_all(edges, ends, ink, chosen, least_words, spans, span_ends, left):  # type: ignore[no-untyped-def]
    count = 0
    for document in range(len(ink)):
        at, end = ends[document], ends[document + 1]
        cut = 0
        while at < end:
            behind = at
            words = 0
            while behind < end and chosen[behind]:
                words += edges[behind, WORDS]
                behind += 1
            if words >= least_words:
                first, last = edges[at], edges[behind - 1]
                spans[count], spans[count + 1] = first[START], last[BEHIND_BLANKS] if first[AFTER_BLANK] else last[END]
                cut += last[INK_UP_TO] - first[INK_BEFORE]
                count += 2
            else:
                chosen[at:behind] = False
            at = behind + 1
        span_ends[document + 1] = count
        if ink[document]:
            left[document] = (ink[document] - cut) / ink[document]
