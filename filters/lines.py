"""One line of text: its measurements, and C4's verdict on it.

A line is what lies between line feeds, without the blanks at its ends (a carriage return is a blank); one with nothing else is blank and
is not counted as a line. Python's `splitlines` also splits at nine rarer characters; these are blanks here.

Sentences of a line: one, and one more after each . ? or ! that a blank follows, and after each 。！ or ？, where text comes next that does
not begin with a lower-case letter (quotes and brackets may stand on either side of the blank); but not after a full stop behind a single
letter (an initial). NLTK's trained splitter, which C4 used, knows abbreviations too.
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
FIRST, LAST, WIDTH, CHARACTERS, BLANK_WORDS, LONGEST_WORD, LAST_POINT, SENTENCES = range(8)
PHRASES, CURLY, ALPHABETIC_CHARACTERS, ALPHANUMERIC_CHARACTERS, CITATIONS, TERMINAL_MARK = range(8, 14)
MEASURES = 14

# Bits of PHRASES.
LOREM_IPSUM, JAVASCRIPT, POLICY = 1, 2, 4

# Verdicts of `c4_verdict`.
KEPT, CUT, DROPPED_LOREM, DROPPED_CURLY = 0, 1, 2, 3
_LONGEST_WORD_KEPT = 1000  # characters

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
def _waiting_behind(point: int, letters: int, waiting: int) -> int:
    """What a sentence waits for behind `point`: 0 nothing, 1 a blank and then its next sentence, 2 its next sentence."""
    if point == 0x2E:
        return 0 if letters == 1 else 1
    if point == 0x3F or point == 0x21:
        return 1
    if point == 0x3002 or point == 0xFF01 or point == 0xFF1F:
        return 2
    return waiting if _closes(point) else 0


@kernel
def measure_line(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    citations: npt.NDArray[np.int32],
    measures: npt.NDArray[np.int64],
) -> np.uint64:
    """Measure the line `data[start:end]`, UTF-8 without its line feed.

    Args:
        data: UTF-8, uint8.
        start: first byte.
        end: behind the last byte.
        classes: `filters.unicode.classes()`.
        citations: int32 [room, 2], written: spans of Wikipedia citations, relative to `data`.
        measures: int64 [MEASURES], written: first and last byte offset without the blanks at the ends (equal: a blank line), the width of
            the whole line in characters and that without blanks at its ends, words between blanks and the longest of them in characters,
            last code point, sentences, bits of phrases, number of "{", characters that are letters or letters and digits, number of
            citations, whether the line ends in an end mark (see `filters.unicode.TERMINAL`).

    Returns:
        64-bit hash of the line without the blanks at its ends.
    """
    first = last = -1
    width = characters = words = word = longest = letters = alphabetic = alphanumeric = citation_count = phrases = curly = 0
    leading = sentences = point = last_point = last_properties = waiting = 0
    code = hashed = _OFFSET
    at = start
    while at < end:
        byte = data[at]
        point, size = np.int64(byte), 1
        if byte >= 0x80:
            point, size = code_point(data, at, end)
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
            words += word == 0
            word += 1
            longest = max(longest, word)
            characters = width - leading
            last, last_point, last_properties = at + size, point, properties
            if waiting == 2 and not _closes(point):
                sentences += 0 if properties & LOWER else 1
                waiting = 0
            waiting = _waiting_behind(point, letters, waiting) if waiting or properties & TERMINAL else 0
        letters = letters + 1 if is_letter else 0
        anchor = _ANCHORS[byte]
        if anchor:
            if anchor == 1:
                phrases |= _phrases(data, at, start, end)
            elif anchor == 2:
                curly += 1
            else:
                stop = _citation_end(data, at, end)
                if stop >= 0:
                    citations[citation_count, 0] = at
                    citations[citation_count, 1] = stop
                    citation_count += 1
        at += size
    if first < 0:
        first = last = start
    measures[FIRST], measures[LAST], measures[WIDTH], measures[CHARACTERS] = first, last, width, characters
    measures[BLANK_WORDS], measures[LONGEST_WORD], measures[LAST_POINT] = words, longest, last_point
    measures[SENTENCES] = sentences + 1 if words else 0
    measures[PHRASES], measures[CURLY], measures[CITATIONS] = phrases, curly, citation_count
    measures[ALPHABETIC_CHARACTERS], measures[ALPHANUMERIC_CHARACTERS] = alphabetic, alphanumeric
    measures[TERMINAL_MARK] = (last_properties & TERMINAL) // TERMINAL
    return hashed


@kernel
def ends_in_ellipsis(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether `data[start:end]` ends in "..." or "…"."""
    if end - start < 3:
        return False
    a, b, c = data[end - 3], data[end - 2], data[end - 1]
    return (a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@kernel
def c4_verdict(
    data: npt.NDArray[np.uint8],
    measures: npt.NDArray[np.int64],
    citations: npt.NDArray[np.int32],
    minimum_words: int,
    needs_end_mark: bool,
) -> int:
    """What C4's rules, in the order of `c4_utils.clean_page`, do with a measured line: keep it, cut it, or drop its whole page.

    The end mark is one of . ? ! " and stands before citations that end the line; words are those between blanks, citations among them.
    """
    if measures[LONGEST_WORD] > _LONGEST_WORD_KEPT:
        return CUT
    if needs_end_mark:
        first, last = measures[FIRST], measures[LAST]
        for k in range(measures[CITATIONS] - 1, -1, -1):
            if citations[k, 1] != last:
                break
            last = np.int64(citations[k, 0])
        mark = data[last - 1] if last > first else np.uint8(0)
        if not (mark == 0x2E or mark == 0x3F or mark == 0x21 or mark == 0x22):
            return CUT
        if last - first >= 3 and data[last - 1] == 0x2E and data[last - 2] == 0x2E and data[last - 3] == 0x2E:
            return CUT
    if measures[BLANK_WORDS] < minimum_words:
        return CUT
    if measures[PHRASES] & LOREM_IPSUM:
        return DROPPED_LOREM
    if measures[PHRASES] & JAVASCRIPT:
        return CUT
    if measures[CURLY]:
        return DROPPED_CURLY
    if measures[PHRASES] & POLICY:
        return CUT
    return KEPT
