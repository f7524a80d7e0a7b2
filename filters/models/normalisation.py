"""How a text is shown to a classifier: on one line, bounded, its runs of blanks made one. One kernel makes the lines that teach and those
that are scored, straight from UTF-8, so that a score means what training meant.
"""

# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from filters.fasttext.format import LABEL
from filters.kernel import kernel
from filters.unicode import code_point, lower, write_code_point

PREFIX = LABEL.decode()
_SENTENCE_END = b"</s>"  # fastText's own word for the end of a line; a text that holds it would be read as two
_SAMPLES = 4
_LABEL_MARK, _END_MARK = tuple(LABEL), tuple(_SENTENCE_END)
_MOST_BYTES = 4  # of a character in UTF-8

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How a text is shown to a classifier; the same in training and in use, or scores mean nothing."""

    lowercase: bool = False
    """Whether letters are made lower case, each by itself (`filters.unicode.lower`). DCLM leaves case as it is (mlfoundations/dclm,
    baselines/mappers/enrichers/quality_prediction_enrichers_calc_fasttext.py: stripped and joined lines, no more), and so does the default:
    held out, lower case moved the ROC area of toxicity in tweets from 0.950 to 0.960, of three domains by 0.000, and of quality by human
    labels from 0.783 to 0.764, by instructions against web pages from 0.748 to 0.746."""
    characters: int = 4000
    """At most so many: of a longer text its first half as many, and four samples of an eighth spread evenly over the rest. 0: all of it."""

    def lines(self, data: Bytes, offsets: Offsets) -> tuple[Bytes, Offsets]:
        """Each text on one line, the lines one behind the other: their UTF-8, and where each begins and ends in it, int64 [n + 1].

        A blank is what `str.split` takes for one, or NUL. What fastText would take for a label or the end of a line becomes a blank, not
        nothing: what is left and right of it could make up another one.

        Args:
            data: UTF-8 of all texts, read-only, as `filters.text.bytes_and_offsets` gives it.
            offsets: where each begins and ends in it, int64 [n + 1].
        """
        sizes = np.diff(offsets)
        most = np.minimum(sizes, _MOST_BYTES * self.characters) if self.characters else sizes
        if self.lowercase:
            most = most + most // 2  # Ⱥ has two bytes, its lower case three; no letter gains more
        rooms = np.concatenate([[0], np.cumsum(most + _SAMPLES + _MOST_BYTES)])
        found, bounds = np.empty(rooms[-1], np.uint8), np.zeros(len(offsets), np.int64)
        _fill(data, offsets, rooms, self.characters, self.lowercase, lower() if self.lowercase else _no_letters(), found, bounds)
        return found[: bounds[-1]], bounds

    def line(self, text: str) -> str:
        """One text; a lone surrogate is a question mark."""
        data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
        return self.lines(data, np.array([0, len(data)], np.int64))[0].tobytes().decode()


AS_WRITTEN = Normalisation()


@cache
def _no_letters() -> npt.NDArray[np.int32]:
    table = np.zeros(1, np.int32)
    table.setflags(write=False)
    return table


@kernel
def _fill(data, offsets, rooms, characters, lowercase, lowered, found, bounds):  # type: ignore[no-untyped-def]
    """Text by text; a text that is no UTF-8 may fill its room, never more."""
    to = 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        begin, limit = to, to + rooms[text + 1] - rooms[text]
        count = 0
        if 0 < characters < end - start:
            for at in range(start, end):
                count += data[at] & 0xC0 != 0x80
        if count <= characters or characters == 0:
            to = _write_piece(data, start, end, lowercase, lowered, found, begin, to, limit)
        else:
            single = count == end - start  # bytes and characters are the same
            prefix, sample = characters // 2, characters // (2 * _SAMPLES)
            step = (count - prefix) // _SAMPLES
            at = _behind(data, start, end, prefix, single)
            to = _write_piece(data, start, at, lowercase, lowered, found, begin, to, limit)
            for _ in range(_SAMPLES):
                stop = _behind(data, at, end, sample, single)
                to = _write_piece(data, at, stop, lowercase, lowered, found, begin, to, limit)
                at = _behind(data, at, end, step, single)
        if to > begin and found[to - 1] == 0x20:
            to -= 1
        bounds[text + 1] = to


@kernel
def _behind(data, at, end, characters, single):  # type: ignore[no-untyped-def]
    """The place so many characters behind another."""
    if single:
        return min(at + characters, end)
    for _ in range(characters):
        if at < end:
            at += 1
            while at < end and data[at] & 0xC0 == 0x80:
                at += 1
    return at


@kernel
def _write_piece(data, at, end, lowercase, lowered, found, begin, to, limit):  # type: ignore[no-untyped-def]
    """Write a piece and a blank; where the writing ended."""
    while at < end and to + _MOST_BYTES < limit:
        byte = data[at]
        size = 1
        if byte < 0x80:
            blank = byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F or byte == 0
            if byte == 0x5F and _stands(data, at, end, _LABEL_MARK, lowercase):
                blank, size = True, len(_LABEL_MARK)
            elif byte == 0x3C and _stands(data, at, end, _END_MARK, lowercase):
                blank, size = True, len(_END_MARK)
            if not blank:
                found[to] = byte + 0x20 if lowercase and 0x41 <= byte <= 0x5A else byte
                to += 1
        else:
            point, size = code_point(data, at, end)
            blank = _is_wide_blank(point)
            if not blank and lowercase and lowered[point] != point:
                to = write_code_point(found, to, lowered[point])
            elif not blank:
                for k in range(size):
                    found[to + k] = data[at + k]
                to += size
        if blank and to > begin and found[to - 1] != 0x20:
            found[to] = 0x20
            to += 1
        at += size
    if to > begin and found[to - 1] != 0x20:
        found[to] = 0x20
        to += 1
    return to


@kernel
def _stands(data, at, end, mark, lowercase):  # type: ignore[no-untyped-def]
    """Whether a mark of fastText stands here, once letters are lower case where they shall be."""
    if end - at < len(mark):
        return False
    for k in range(len(mark)):
        byte = data[at + k]
        if lowercase and 0x41 <= byte <= 0x5A:
            byte += 0x20
        if byte != mark[k]:
            return False
    return True


@kernel
def _is_wide_blank(point):  # type: ignore[no-untyped-def]
    """Blanks of `str.split` beyond ASCII."""
    if point < 0x1680:
        return point in (0x85, 0xA0)
    return point in (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000) or 0x2000 <= point <= 0x200A
