"""Which paragraphs of a text are judged by themselves, and how much of them is in another language than the text.

A paragraph is a line, or as many lines without an empty one between them as have `LEAST` bytes together. A text is cut into `PARAGRAPHS`
equal parts; of each the first paragraph of at least `LEAST` bytes that begins in it is judged, by the letters among its first `JUDGED`
bytes; one with fewer than `LEAST` bytes of letters is not. It counts as of another language when its likeliest language is not the text's,
has a score of at least `SURE`, and the text's own has less than `UNLIKE` there: "other" should be a language and not a doubt. So closely
related languages, which share their scores, are seldom told apart here.
"""

# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

PARAGRAPHS = 8
LEAST, JUDGED = 80, 192  # bytes
SURE, UNLIKE = 0.5, 0.1

Offsets = npt.NDArray[np.int64]


def paragraph_spans(data: npt.NDArray[np.uint8], offsets: Offsets) -> tuple[Offsets, Offsets, Offsets]:
    """Text number, begin and end (bytes of `data`, whose texts begin and end at `offsets`) of each paragraph to judge, int64 each."""
    found = np.empty((3, PARAGRAPHS * (len(offsets) - 1)), np.int64)
    count = _fill(data, offsets, found)
    texts, starts, ends = found[:, :count]
    return texts, starts, ends


@kernel
def _fill(data, offsets, found):  # type: ignore[no-untyped-def]
    count = 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        behind = start  # of the last paragraph that was taken
        for part in range(PARAGRAPHS):
            at = start + (end - start) * part // PARAGRAPHS
            stop = start + (end - start) * (part + 1) // PARAGRAPHS
            at = max(at, behind)
            while start < at < stop and data[at - 1] != 0x0A:
                at += 1
            while at < stop:
                last = at
                limit = min(end, at + JUDGED)
                # Over a line feed only where what stands before it is too short, and the next line is not empty.
                while last < limit and (data[last] != 0x0A or (at < last < at + LEAST and data[last - 1] != 0x0A)):
                    last += 1
                if last - at >= LEAST:
                    found[0, count], found[1, count], found[2, count] = text, at, last
                    behind = last
                    count += 1
                    break
                at = last + 1
    return count


def other_share(texts: Offsets, characters: Offsets, other: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.float32]:
    """Share of each text's judged characters that stand in paragraphs of another language, float32 [count]; NaN where none was judged.

    Args:
        texts: the text of each judged paragraph.
        characters: judged of each.
        other: whether it is in another language.
        count: of texts.
    """
    whole = np.bincount(texts, characters, count)
    part = np.bincount(texts, characters * other, count)
    share: npt.NDArray[np.float64] = np.divide(part, whole, out=np.full(count, np.nan), where=whole > 0)
    return share.astype(np.float32)
