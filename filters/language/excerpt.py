"""What of a text is judged: a bounded part of its letters, in lower case, one blank between words.

A text of at most `WHOLE` bytes is judged whole; of a longer one its beginning and `SAMPLES` samples spread evenly over the rest. Letters,
combining marks, joiners, apostrophes and hyphens stay; everything else is a blank; addresses (`x://…`, `www.…`, `x@…`) go as a whole.
CLD2's errors on lingua's sentences fell from 5.1 to 4.9 in 100 thereby, fastText's stayed as they were. A region is looked at up to
four times the bytes that it may give, so that a text of digits costs no more than a text of words.
"""

# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.unicode import CODE_POINTS, DIGIT, KIND, SPACE, SYMBOL, classes, code_point, lower, write_code_point

PREFIX, SAMPLES, SAMPLE = 512, 4, 128  # bytes of UTF-8
WHOLE = PREFIX + SAMPLES * SAMPLE
LOOKED_AT = 4
# How far a sample's beginning is moved to stand behind a blank.
BLANK_WITHIN = 64

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def excerpts(
    data: Bytes, starts: Offsets, ends: Offsets, *, prefix: int = PREFIX, samples: int = SAMPLES, lower_case: bool = True
) -> tuple[Bytes, Offsets]:
    """Excerpts of the texts `data[start:end]` of UTF-8, one behind the other, and where each begins and ends in them, int64 [texts + 1].

    Args:
        data: bytes that hold all texts.
        starts: where each begins, int64 [texts].
        ends: where each ends, int64 [texts].
        prefix: bytes of the beginning.
        samples: of `SAMPLE` bytes each.
        lower_case: whether letters are made lower case; where not, only what is no letter goes.
    """
    most = prefix + samples * SAMPLE
    # A letter's lower case may take half as much again; a sample may end within the bytes of its last letter.
    room = int(np.minimum(ends - starts, most).sum()) * 3 // 2 + len(starts) * (8 + 5 * samples)
    found, offsets = np.empty(room, np.uint8), np.zeros(len(starts) + 1, np.int64)
    _fill(data, starts, ends, prefix, samples, classes(), lower() if lower_case else _as_they_are(), found, offsets)
    return found[: offsets[-1]], offsets


@cache
def _as_they_are() -> npt.NDArray[np.int32]:
    table = np.arange(CODE_POINTS, dtype=np.int32)
    table.setflags(write=False)
    return table


@kernel
def _fill(data, starts, ends, prefix, samples, kinds, lowered, found, offsets):  # type: ignore[no-untyped-def]
    to = 0
    for text in range(len(starts)):
        start, end = starts[text], ends[text]
        begin = to
        if end - start <= prefix + samples * SAMPLE:
            to = _copy_letters(data, start, end, end - start, kinds, lowered, found, begin, to)
        else:
            step = (end - start - prefix) // max(1, samples)
            to = _copy_letters(
                data, start, min(start + LOOKED_AT * prefix, start + prefix + step), prefix, kinds, lowered, found, begin, to
            )
            for k in range(samples):
                first = _behind_blank(data, start + prefix + k * step, end)
                to = _copy_letters(data, first, min(first + LOOKED_AT * SAMPLE, end), SAMPLE, kinds, lowered, found, begin, to)
        if to > begin and found[to - 1] == 0x20:
            to -= 1
        offsets[text + 1] = to


@kernel
def _behind_blank(data, at, end):  # type: ignore[no-untyped-def]
    """The first place behind a blank, or the next character where there is none soon."""
    while at < end and data[at] & 0xC0 == 0x80:
        at += 1
    for place in range(at, min(at + BLANK_WITHIN, end)):
        if data[place] <= 0x20:
            return place
    return at


@kernel
def _copy_letters(data, at, end, most, kinds, lowered, found, begin, to):  # type: ignore[no-untyped-def]
    """Write the letters of `data[at:end]` until `most` bytes are written, and a blank; where the writing ended."""
    word, limit = to, to + most
    while at < end and to < limit:
        byte = data[at]
        if byte < 0x80:
            point, size = np.int64(byte), 1
        else:
            point, size = code_point(data, at, len(data))
        kind = kinds[point] & KIND
        kept = kind not in (SPACE, DIGIT, SYMBOL) and point != 0x5F
        if point in (0x27, 0x2019, 0x2D):
            kept = to > word  # within a word or at its end
        if kept:
            to = write_code_point(found, to, lowered[point])
            at += size
            continue
        address = point == 0x40 or (point == 0x3A and at + 2 < end and data[at + 1] == 0x2F and data[at + 2] == 0x2F)
        if point == 0x2E and to - word == 3:
            address = found[word] == 0x77 and found[word + 1] == 0x77 and found[word + 2] == 0x77
        if address:
            to = word
            while at < end and data[at] > 0x20:
                at += 1
            continue
        at += size
        if to > begin and found[to - 1] != 0x20:
            found[to] = 0x20
            to += 1
        word = to
    if to > begin and found[to - 1] != 0x20:
        found[to] = 0x20
        to += 1
    return to
