"""What RefinedWeb's line rules, as DCLM runs them, cut of a line.

Penedo et al. 2023 (arXiv:2306.01116), appendix G.2; the functions and their order are those of mlfoundations/dclm:
baselines/baselines_configs/dclm_baseline_refinedweb.yaml and baselines/mappers/modifiers.py. DCLM takes each rule over all lines before
the next, but no rule looks at two lines, so here each line passes all of them, in that order:

1. a line of which more than half of the characters are capitals is cut;
2. a line of digits alone is cut (it is of one word and falls to 4 as well);
3. a line that is a counter ("3 likes", "1.2k views") is cut;
4. a line of one word is cut;
5. in a line of at most 10 words "items in cart" is cut wherever it stands,
6. "Read more" with the three characters behind it at the line's end (DCLM's pattern has the dots of "Read more..." unescaped),
7. and "Sign-in" at its beginning; a line of which nothing is left but blanks is cut.

Empty lines stay. Capitals are characters with a lower case of their own; phrases are compared in any ASCII case. Words of a line are those
between blanks, or, where these are more, those of scripts without blanks: a sentence in Chinese is not a line of one word.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# ruff: noqa: PLR1714
# mypy: disable-error-code="assignment, no-any-return, return-value"

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.statistics import lines as line
from filters.statistics.lines import matches
from filters.unicode import ALPHANUMERIC, DIGIT, KIND, SPACE, code_point

_COUNTED = np.array(
    [
        functools.reduce(lambda code, letter: code << 5 | letter & 0x1F, word, 0)
        for word in (
            *(b"likes", b"shares", b"comments", b"retweets", b"reposts", b"quotes", b"bookmarks", b"upvotes", b"downvotes"),
            *(b"downloads", b"views", b"followers"),
        )
    ],
    dtype=np.int64,
)
"""Five bits a letter, so that a word is compared as one number."""
_CART = np.frombuffer(b"items in cart", dtype=np.uint8)
_CART_STEPS = np.full(256, len(_CART), dtype=np.uint8)  # from the byte at the end of a place to the next place where it may stand
_CART_STEPS[_CART[:-1]] = np.arange(len(_CART) - 1, 0, -1)
_MORE = np.frombuffer(b"read more", dtype=np.uint8)
_SIGN_IN = np.frombuffer(b"sign-in", dtype=np.uint8)
_LEAST_WORDS = 2
_LONGEST_COUNTED = 10  # letters that are read: one more than the longest word has
_MOST_WORDS = 10
_UNDERSCORE = 0x5F


@kernel
def _is_word(data: npt.NDArray[np.uint8], at: int, end: int, classes: npt.NDArray[np.uint8]) -> bool:
    r"""Whether the character at `at` is of \w."""
    return data[at] == _UNDERSCORE or classes[code_point(data, at, end)[0]] & ALPHANUMERIC != 0


@kernel
def _behind_symbols(data: npt.NDArray[np.uint8], at: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """The next character of a word, or the end."""
    while at < end and not _is_word(data, at, end, classes):
        at += code_point(data, at, end)[1]
    return at


@kernel
def _behind_number(data: npt.NDArray[np.uint8], at: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """End of the number with its thousands, decimals and k, m or b that begins at `at`; `at` where none does."""
    begin = at
    while at < end:
        point, size = code_point(data, at, end)
        if classes[point] & KIND != DIGIT and (at == begin or not (point == 0x2C or point == 0x2E)):
            break
        at += size
    if at > begin and at < end:
        letter = data[at] | 0x20
        at += letter == 0x6B or letter == 0x6D or letter == 0x62
    return at


@kernel
def is_counter(data: npt.NDArray[np.uint8], start: int, end: int, classes: npt.NDArray[np.uint8]) -> bool:
    """Whether a line is a number, blanks and one of the words that social media count, with symbols around."""
    at = _behind_symbols(data, start, end, classes)
    behind = _behind_number(data, at, end, classes)
    if behind == at:
        return False
    at = behind
    while at < end:
        point, size = code_point(data, at, end)
        if classes[point] & KIND != SPACE:
            break
        at += size
    if at == behind:
        return False
    code = np.int64(0)
    letters = 0
    while at < end and 0x61 <= data[at] | 0x20 <= 0x7A and letters < _LONGEST_COUNTED:
        code = (code << 5) | (data[at] & 0x1F)
        letters += 1
        at += 1
    for counted in _COUNTED:
        if code == counted:
            return _behind_symbols(data, at, end, classes) == end
    return False


@kernel
def _blank_before(data: npt.NDArray[np.uint8], at: int, start: int, classes: npt.NDArray[np.uint8]) -> int:
    """Where the blank before `at` begins; `at` where there is none."""
    begin = at - 1
    while begin > start and data[begin] & 0xC0 == 0x80:
        begin -= 1
    return begin if begin >= start and classes[code_point(data, begin, at)[0]] & KIND == SPACE else at


@kernel
def _without_cart(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    left: npt.NDArray[np.uint8],
    origin: npt.NDArray[np.int32],
) -> int:
    """Write the bytes without each "items in cart" and the blank before it to `left`, and where they stood to `origin`; how many."""
    count = 0
    at = start
    while at < end:
        if data[at] | 0x20 == 0x69 and matches(data, at, start, end, _CART):
            count -= at - _blank_before(data, at, start, classes)  # the blank was the last to be written
            at += len(_CART)
            continue
        left[count], origin[count] = data[at], at
        count += 1
        at += 1
    return count


@kernel
def _more_begin(data: npt.NDArray[np.uint8], start: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """Where the "Read more" and three characters that end the text begin, the blank before them among it; the end where none do."""
    at = end
    for _ in range(3):
        if at <= start:
            return end
        at -= 1
        while at > start and data[at] & 0xC0 == 0x80:
            at -= 1
    at -= len(_MORE)
    return _blank_before(data, at, start, classes) if matches(data, at, start, end, _MORE) else end


@kernel
def _sign_in_end(data: npt.NDArray[np.uint8], start: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    """Behind the "Sign-in" and one blank that begin the text; its beginning where none do."""
    if not matches(data, start, start, end, _SIGN_IN):
        return start
    at = start + len(_SIGN_IN)
    if at < end:
        point, size = code_point(data, at, end)
        at += size if classes[point] & KIND == SPACE else 0
    return at


@kernel
def _has_cart(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether "items in cart" stands in it (Horspool's search)."""
    at = start + len(_CART) - 1
    while at < end:
        if matches(data, at - len(_CART) + 1, start, end, _CART):
            return True
        at += _CART_STEPS[data[at] | 0x20]
    return False


@kernel
def _phrase_spans(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    words: int,
    classes: npt.NDArray[np.uint8],
    spans: npt.NDArray[np.int32],
    left: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
) -> int:
    """Write what rules 5 to 7 cut within a line of so many words to `spans`, int32 [room, 2]; how many."""
    if words < 3 or not _has_cart(data, start, end):
        stop = _more_begin(data, start, end, classes)
        begin = _sign_in_end(data, start, stop, classes)
        spans[0, 0], spans[0, 1] = start, begin
        count = np.int64(begin > start)
        spans[count, 0], spans[count, 1] = stop, end
        return count + (end > stop)
    origin = np.empty(end - start, np.int32)
    size = _without_cart(data, start, end, classes, left[0], origin)
    first = np.int64(0)  # a literal would be compiled for by itself
    stop = _more_begin(left[1], first, size, classes)
    begin = _sign_in_end(left[1], first, stop, classes)
    count = 0
    at = start
    for k in range(begin, stop):
        if origin[k] > at:
            spans[count, 0], spans[count, 1] = at, origin[k]
            count += 1
        at = np.int64(origin[k]) + 1
    spans[count, 0], spans[count, 1] = at, end
    return count + (end > at)


@kernel
def cut_line(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    measures: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    spans: npt.NDArray[np.int32],
    left: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
) -> tuple[int, int]:
    """What the rules cut of the line `data[start:end]`.

    Args:
        data: UTF-8, uint8.
        start: first byte.
        end: behind the last byte, the line feed left out.
        measures: of `filters.statistics.lines.measure_line`, with UNSPACED_WORDS.
        classes: `filters.unicode.classes()`.
        spans: int32 [room, 2], written: what is cut within the line, in rising order; room for a span in each 13 bytes and two more.
        left: scratch, uint8 [end - start or more], and the same array again as it may not be written: of the type of `data`.

    Returns:
        Number of spans, -1 where the whole line is cut; words cut that begin with a letter or digit.
    """
    words = measures[line.BLANK_WORDS]
    whole = 2 * measures[line.UPPER_CHARACTERS] > measures[line.WIDTH]
    whole |= end > start and words < _LEAST_WORDS and measures[line.UNSPACED_WORDS] < _LEAST_WORDS
    if whole:
        return -1, measures[line.COUNTED_WORDS]
    if end == start:
        return 0, 0
    if not 0x61 <= data[start] | 0x20 <= 0x7A and is_counter(data, start, end, classes):  # most lines begin with a letter
        return -1, measures[line.COUNTED_WORDS]
    if words > _MOST_WORDS:
        return 0, 0
    count = _phrase_spans(data, start, end, words, classes, spans, left)
    if count == 0:
        return 0, 0
    words, counted = line.words_outside(data, start, end, classes, spans, count)
    return count if words else -1, measures[line.COUNTED_WORDS] - counted
