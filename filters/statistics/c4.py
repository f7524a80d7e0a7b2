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
from filters.unicode import TERMINAL

# Readings of the rules, and verdicts.
TFDS, JMLR, DATATROVE = 0, 1, 2
KEPT, CUT, DROPPED_LOREM, DROPPED_CURLY = 0, 1, 2, 3

_LONGEST_WORD_KEPT = 1000  # characters
_MINIMUM_WORDS = (5, 3, 3)


@kernel
def without_citations(
    data: npt.NDArray[np.uint8], measures: npt.NDArray[np.int64], citations: npt.NDArray[np.int32], left: npt.NDArray[np.uint8]
) -> int:
    """Write a line without the blanks at its ends and then without its citations to `left`, uint8 [room]; how many bytes."""
    size = citation = 0
    at = measures[line.FIRST]
    while at < measures[line.LAST]:
        if citation < measures[line.CITATIONS] and at == citations[citation, 0]:
            at = np.int64(citations[citation, 1])
            citation += 1
            continue
        left[size] = data[at]
        size += 1
        at += 1
    return size


@kernel
def _ends_well(left: npt.NDArray[np.int64]) -> bool:
    """Whether the last character is one of . ? ! " and closes no "..."."""
    mark = left[line.END_CHARACTER]
    return (mark == 0x2E or mark == 0x3F or mark == 0x21 or mark == 0x22) and not left[line.ELLIPSIS]


@kernel
def _ends_in_any_script(left: npt.NDArray[np.int64], classes: npt.NDArray[np.uint8]) -> bool:
    """Whether the last character is an end mark of some script or an end quotation mark."""
    mark = left[line.END_CHARACTER]
    return mark == 0xBB or mark == 0x300D or mark == 0x300F or classes[mark] & TERMINAL != 0


@kernel
def c4_verdict(measures: npt.NDArray[np.int64], left: npt.NDArray[np.int64], classes: npt.NDArray[np.uint8], reading: int) -> int:
    """The verdict on a measured line.

    Both programs take the citations out behind the test for long words, so every other test meets the line without them; but DATATROVE's
    words were counted before, so that a citation between blanks is one. A line of nothing but citations is cut.

    The rules of TFDS, in the order of `c4_utils.clean_page`, and DATATROVE's, in that of its C4 filter without the end-mark rule, meet a
    page's "lorem ipsum" and "{" only in lines that no rule before has cut. Those of JMLR ask these two of the page, not of a line, and
    know no longest word and no ellipsis.

    Args:
        measures: of `filters.statistics.lines.measure_line`, with UNSPACED_WORDS.
        left: those of the line without its citations (`without_citations`), END_CHARACTER a blank where that ends in one; `measures`
            itself where it has none.
        classes: `filters.unicode.classes()`.
        reading: TFDS, JMLR or DATATROVE.
    """
    if reading != JMLR and measures[line.LONGEST_WORD] > _LONGEST_WORD_KEPT:
        return CUT
    if reading == TFDS and not _ends_well(left):
        return CUT
    if reading == JMLR and not _ends_in_any_script(left, classes):
        return CUT
    words = max(left[line.BLANK_WORDS], left[line.UNSPACED_WORDS])
    if reading == DATATROVE and words:
        words = max(measures[line.BLANK_WORDS], measures[line.UNSPACED_WORDS])
    if words < _MINIMUM_WORDS[reading]:
        return CUT
    phrases = left[line.PHRASES]
    if reading != JMLR and phrases & line.LOREM_IPSUM:
        return DROPPED_LOREM
    if phrases & line.JAVASCRIPT:
        return CUT
    if reading != JMLR and left[line.CURLY]:
        return DROPPED_CURLY
    return CUT if phrases & line.POLICY else KEPT
