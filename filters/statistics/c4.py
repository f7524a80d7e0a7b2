"""What C4's rules do with a line: keep it, cut it, or drop its whole page.

Words of a line are those between blanks; where it has more words of scripts without blanks (`filters.words`), those. So no line of Chinese
or Thai is cut for having no blanks.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# ruff: noqa: PLR1714
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel
from filters.statistics import lines as line
from filters.unicode import TERMINAL, code_point

# Readings of the rules, and verdicts.
TFDS, JMLR, DATATROVE = 0, 1, 2
KEPT, CUT, DROPPED_LOREM, DROPPED_CURLY = 0, 1, 2, 3

_LONGEST_WORD_KEPT = 1000  # characters
_MINIMUM_WORDS = (5, 3, 3)


@kernel
def _uncited_end(measures: npt.NDArray[np.int64], citations: npt.NDArray[np.int32]) -> int:
    """Where the line ends without the citations at its end."""
    last = measures[line.LAST]
    for k in range(measures[line.CITATIONS] - 1, -1, -1):
        if citations[k, 1] != last:
            break
        last = np.int64(citations[k, 0])
    return last


@kernel
def _ends_well(data: npt.NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether the last character is one of . ? ! " and closes no "..."."""
    mark = data[last - 1] if last > first else np.uint8(0)
    if not (mark == 0x2E or mark == 0x3F or mark == 0x21 or mark == 0x22):
        return False
    return not (last - first >= 3 and data[last - 1] == 0x2E and data[last - 2] == 0x2E and data[last - 3] == 0x2E)


@kernel
def _ends_in_any_script(data: npt.NDArray[np.uint8], first: int, last: int, classes: npt.NDArray[np.uint8]) -> bool:
    """Whether the last character is an end mark of some script or an end quotation mark."""
    at = last - 1
    while at > first and data[at] & 0xC0 == 0x80:
        at -= 1
    if at < first:
        return False
    point = code_point(data, at, last)[0]
    return point == 0xBB or point == 0x300D or point == 0x300F or classes[point] & TERMINAL != 0


@kernel
def _has_words(
    data: npt.NDArray[np.uint8],
    measures: npt.NDArray[np.int64],
    citations: npt.NDArray[np.int32],
    classes: npt.NDArray[np.uint8],
    reading: int,
) -> bool:
    """Whether the line has the words that the reading asks for; datatrove counts a citation between blanks as a word."""
    least = _MINIMUM_WORDS[reading]
    words = measures[line.BLANK_WORDS]
    if words >= least and reading != DATATROVE and measures[line.CITATIONS]:
        words = line.words_outside(data, measures[line.FIRST], measures[line.LAST], classes, citations, measures[line.CITATIONS])[0]
    return words >= least or measures[line.UNSPACED_WORDS] >= least


@kernel
def c4_verdict(
    data: npt.NDArray[np.uint8],
    measures: npt.NDArray[np.int64],
    citations: npt.NDArray[np.int32],
    classes: npt.NDArray[np.uint8],
    reading: int,
) -> int:
    """The verdict on a measured line.

    The rules of TFDS, in the order of `c4_utils.clean_page`, and DATATROVE's, in that of its C4 filter without the end-mark rule, meet a
    page's "lorem ipsum" and "{" only in lines that no rule before has cut. Those of JMLR ask these two of the page, not of a line, and
    know no longest word and no ellipsis.

    Args:
        data: UTF-8, uint8.
        measures: of `filters.statistics.lines.measure_line`, with UNSPACED_WORDS.
        citations: its spans of citations, int32 [room, 2].
        classes: `filters.unicode.classes()`.
        reading: TFDS, JMLR or DATATROVE.
    """
    first, phrases = measures[line.FIRST], measures[line.PHRASES]
    if reading != JMLR and measures[line.LONGEST_WORD] > _LONGEST_WORD_KEPT:
        return CUT
    if reading == TFDS and not _ends_well(data, first, _uncited_end(measures, citations)):
        return CUT
    if reading == JMLR and not _ends_in_any_script(data, first, _uncited_end(measures, citations), classes):
        return CUT
    if not _has_words(data, measures, citations, classes, reading):
        return CUT
    if reading != JMLR and phrases & line.LOREM_IPSUM:
        return DROPPED_LOREM
    if phrases & line.JAVASCRIPT:
        return CUT
    if reading != JMLR and measures[line.CURLY]:
        return DROPPED_CURLY
    return CUT if phrases & line.POLICY else KEPT
