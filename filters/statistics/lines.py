"""One line of text and its measurements.

A line is what lies between line feeds, without the blanks at its ends (a carriage return is a blank); one with nothing else is blank and
is not counted as a line. Python's `splitlines` also splits at nine rarer characters; these are blanks here.

Sentences of a line: one, and one more after each . ? or ! that a blank follows, and after each end mark of another script (。 ！ ። । and
others of `filters.unicode.TERMINAL`), where text comes next that does not begin with a lower-case letter (quotes and brackets may stand on
either side of the blank); but not after a full stop behind a single letter (an initial). NLTK's trained splitter, which C4 used, knows
abbreviations too, and English only.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# ruff: noqa: PLR1714
# mypy: disable-error-code="assignment, no-any-return"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.unicode import ALPHABETIC, ALPHANUMERIC, KIND, LOWER, SPACE, TERMINAL, code_point

# Positions in the measurements of `measure_line`, int64 [MEASURES].
FIRST, LAST, WIDTH, CHARACTERS, BLANK_WORDS, LETTERED_WORDS, COUNTED_WORDS, LONGEST_WORD, SENTENCES = range(9)
PHRASES, CURLY, ALPHABETIC_CHARACTERS, ALPHANUMERIC_CHARACTERS, UPPER_CHARACTERS, CITATIONS, TERMINAL_MARK = range(9, 16)
END_CHARACTER, ELLIPSIS = 16, 17
TOKENS, UNSPACED_WORDS = 18, 19  # written by who tokenizes the line: its tokens, and its words of scripts without blanks
MEASURES = 20

# Bits of PHRASES.
LOREM_IPSUM, JAVASCRIPT, POLICY = 1, 2, 4

_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


# Each phrase is looked for at one of its rarer letters: a page has few of v, k, f and p, and most of these fail at the next comparison.
_PRIVACY_POLICY, _JAVASCRIPT, _LOREM, _TERMS = _bytes("privacy policy"), _bytes("javascript"), _bytes("lorem ipsum"), _bytes("terms of use")
_COOKIE_POLICY, _USES, _USE_OF, _USE = _bytes("cookie policy"), _bytes("uses cookies"), _bytes("use of cookies"), _bytes("use cookies")
_EDIT, _NEEDED = _bytes("edit]"), _bytes("citation needed]")

_ANCHORS = np.zeros(256, dtype=np.uint8)
_ANCHORS[[ord(letter) for letter in "vVkKfFpP"]] = 1
_ANCHORS[ord("{")] = 2
_ANCHORS[ord("[")] = 3


@kernel
def matches(data: npt.NDArray[np.uint8], at: int, start: int, end: int, phrase: npt.NDArray[np.uint8]) -> bool:
    """Whether `phrase`, in lower case, stands at `at` within `data[start:end]`, in any ASCII case."""
    if at < start or at + len(phrase) > end:
        return False
    for k in range(len(phrase)):
        byte = data[at + k]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte != phrase[k]:
            return False
    return True


@kernel
def _phrases(data: npt.NDArray[np.uint8], at: int, start: int, end: int) -> int:
    """Bits of the phrases whose anchor letter is at `at`."""
    letter = data[at] | 0x20
    if letter == 0x76:
        if matches(data, at - 2, start, end, _JAVASCRIPT):
            return JAVASCRIPT
        return POLICY if matches(data, at - 3, start, end, _PRIVACY_POLICY) else 0
    if letter == 0x6B:
        found = (
            matches(data, at - 3, start, end, _COOKIE_POLICY)
            or matches(data, at - 8, start, end, _USES)
            or matches(data, at - 10, start, end, _USE_OF)
            or matches(data, at - 7, start, end, _USE)
        )
        return POLICY if found else 0
    if letter == 0x66:
        return POLICY if matches(data, at - 7, start, end, _TERMS) else 0
    return LOREM_IPSUM if matches(data, at - 7, start, end, _LOREM) else 0


@kernel
def _citation_end(data: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """End of the Wikipedia citation "[12]", "[]", "[edit]" or "[citation needed]" that begins at `at`; -1 where none does."""
    i = at + 1
    while i < end and 0x30 <= data[i] <= 0x39:
        i += 1
    if i < end and data[i] == 0x5D:
        return i + 1
    if i == at + 1:
        for phrase in (_EDIT, _NEEDED):
            length = 0
            while length < len(phrase) and i + length < end and data[i + length] == phrase[length]:
                length += 1
            if length == len(phrase):
                return i + length
    return -1


@kernel
def _closes(point: int) -> bool:
    """A quote or bracket that may stand between an end mark and the blank after it."""
    if point < 0x80:
        return point == 0x22 or point == 0x27 or point == 0x29 or point == 0x5D
    return point == 0x201D or point == 0x2019 or point == 0x300D or point == 0x300F or point == 0xFF09


@kernel
def _waiting_behind(point: int, properties: int, letters: int, waiting: int) -> int:
    """What a sentence waits for behind `point`: 0 nothing, 1 a blank and then its next sentence, 2 its next sentence."""
    if point == 0x2E:
        return 0 if letters == 1 else 1
    if point == 0x3F or point == 0x21:
        return 1
    if _closes(point):
        return waiting
    return 2 if properties & TERMINAL else 0  # 。 ！ ። । and their like need no blank behind


@kernel
def _note(
    data: npt.NDArray[np.uint8],
    at: int,
    start: int,
    end: int,
    citations: npt.NDArray[np.int32],
    measures: npt.NDArray[np.int64],
) -> None:
    """Note the phrase, curly bracket or citation whose anchor is at `at`."""
    anchor = _ANCHORS[data[at]]
    if anchor == 1:
        measures[PHRASES] |= _phrases(data, at, start, end)
    elif anchor == 2:
        measures[CURLY] += 1
    else:
        stop = _citation_end(data, at, end)
        if stop >= 0:
            count = measures[CITATIONS]
            citations[count, 0] = at
            citations[count, 1] = stop
            measures[CITATIONS] = count + 1


@kernel
def _ends_in_ellipsis(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether `data[start:end]` ends in "..." or "…"."""
    if end - start < 3:
        return False
    a, b, c = data[end - 3], data[end - 2], data[end - 1]
    return (a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@kernel
def measure_line(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    lowered: npt.NDArray[np.int32],
    citations: npt.NDArray[np.int32],
    measures: npt.NDArray[np.int64],
) -> np.uint64:
    """Measure the line `data[start:end]`, UTF-8 without its line feed.

    Args:
        data: UTF-8, uint8.
        start: first byte.
        end: behind the last byte.
        classes: `filters.unicode.classes()`.
        lowered: `filters.unicode.lower()`.
        citations: int32 [room, 2], written: spans of Wikipedia citations, relative to `data`.
        measures: int64 [MEASURES], written: first and last byte offset without the blanks at the ends (equal: a blank line), the width of
            the whole line in characters and that without blanks at its ends, words between blanks, those of them that hold a letter, those
            that begin with a letter or digit, the longest of them in characters, sentences, bits of phrases, number of "{", characters
            that are letters, letters and digits, capitals (a lower case of their own), number of citations, whether the line ends in an
            end mark (see `filters.unicode.TERMINAL`), its last character before the blanks at its end (0 of a blank line), whether it
            ends there in "..." or "…".

    Returns:
        64-bit hash of the line without the blanks at its ends.
    """
    first = last = -1
    width = characters = words = lettered = counted = word = longest = letters = alphabetic = alphanumeric = capitals = 0
    leading = sentences = point = last_point = waiting = letters_before = 0
    measures[PHRASES] = measures[CURLY] = measures[CITATIONS] = 0
    code = hashed = _OFFSET
    at = start
    while at < end:
        byte = data[at]
        point, size = np.int64(byte), 1
        if byte >= 0x80:
            point, size = code_point(data, at, end)
            capitals += lowered[point] != point
        capitals += 0x41 <= byte <= 0x5A
        properties = np.int64(classes[point])
        width += 1
        is_letter = (properties & ALPHABETIC) // ALPHABETIC
        alphabetic += is_letter
        alphanumeric += (properties & ALPHANUMERIC) // ALPHANUMERIC
        if properties & KIND == SPACE:
            word = 0
            waiting = 2 if waiting else 0
            if first >= 0:
                code = (code ^ np.uint64(point)) * _PRIME
        else:
            if first < 0:
                first, leading = at, width - 1
            code = (code ^ np.uint64(point)) * _PRIME
            hashed = code
            if word == 0:
                words += 1
                counted += (properties & ALPHANUMERIC) // ALPHANUMERIC
                lettered += alphabetic - is_letter > letters_before
                letters_before = alphabetic - is_letter
            word += 1
            longest = max(longest, word)
            characters = width - leading
            last, last_point = at + size, point
            if waiting == 2 and not _closes(point):
                sentences += 0 if properties & LOWER else 1
                waiting = 0
            waiting = _waiting_behind(point, properties, letters, waiting) if waiting or properties & TERMINAL else 0
        letters = letters + 1 if is_letter else 0
        if _ANCHORS[byte]:
            _note(data, at, start, end, citations, measures)
        at += size
    lettered += alphabetic > letters_before
    measures[FIRST] = first if first >= 0 else start
    measures[LAST] = last if first >= 0 else start
    measures[WIDTH], measures[CHARACTERS], measures[LONGEST_WORD] = width, characters, longest
    measures[BLANK_WORDS], measures[LETTERED_WORDS], measures[COUNTED_WORDS] = words, lettered, counted
    measures[SENTENCES] = sentences + 1 if words else 0
    measures[ALPHABETIC_CHARACTERS], measures[ALPHANUMERIC_CHARACTERS], measures[UPPER_CHARACTERS] = alphabetic, alphanumeric, capitals
    measures[TERMINAL_MARK] = (np.int64(classes[last_point]) & TERMINAL) // TERMINAL
    measures[END_CHARACTER], measures[ELLIPSIS] = last_point, _ends_in_ellipsis(data, start, last)
    return hashed


@kernel
def words_outside(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    spans: npt.NDArray[np.int32],
    count: int,
) -> tuple[int, int]:
    """Words between blanks of `data[start:end]` without its spans, and those that begin with a letter or digit.

    Args:
        data: UTF-8, uint8.
        start: first byte.
        end: behind the last byte.
        classes: `filters.unicode.classes()`.
        spans: int32 [count or more, 2], in rising order: what is left before and behind one meets.
        count: spans to leave out.
    """
    words = counted = word = span = 0
    at = start
    while at < end:
        if span < count and at == spans[span, 0]:
            at = np.int64(spans[span, 1])
            span += 1
            continue
        point, size = code_point(data, at, end)
        properties = np.int64(classes[point])
        if properties & KIND == SPACE:
            word = 0
        else:
            if word == 0:
                words += 1
                counted += (properties & ALPHANUMERIC) // ALPHANUMERIC
            word = 1
        at += size
    return words, counted
