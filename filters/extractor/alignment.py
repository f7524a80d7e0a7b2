"""How much of each block of a page a given text holds: the labels that a model of main text learns from."""

# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import html
import re

import numpy as np
import numpy.typing as npt

from filters.extractor.layout import END, START
from filters.extractor.scan import Scan
from filters.kernel import kernel

RUN_BONUS = 2
"""A token that continues a match counts as three: equal words in menus do not draw a text apart."""
MOST_CELLS = 60_000_000
NGRAM = 5

# A word, or one character of a script that is written without blanks.
TOKEN = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u9fff\uf900-\ufaff]|[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u9fff\uf900-\ufaff]+"
)


def tokens(text: str) -> list[str]:
    """Words of a text in lower case, ideographs one by one."""
    return TOKEN.findall(text.lower())


def block_texts(scanned: Scan) -> list[str]:
    """The text of each block, entities resolved."""
    data = scanned.text.tobytes()
    return [html.unescape(data[start:end].decode()) for start, end in scanned.blocks[:, [START, END]].tolist()]


def kept_shares(texts: list[str], reference: str) -> npt.NDArray[np.float32]:
    """Share of each block's tokens that the reference holds, in the best alignment of the two, float32 [blocks]; 0 for a block without any.

    Args:
        texts: of the blocks, in the page's order.
        reference: what somebody took for the main text of the page.
    """
    numbers: dict[str, int] = {}
    found = [tokens(text) for text in texts]
    lengths = np.array([len(words) for words in found], np.int64)
    page = np.array([numbers.setdefault(word, len(numbers)) for words in found for word in words], np.int32)
    given = np.array([numbers.setdefault(word, len(numbers)) for word in tokens(reference)], np.int32)
    if not len(given) or not len(page):
        return np.zeros(len(texts), np.float32)
    matched = _aligned(page, given) if len(page) * len(given) <= MOST_CELLS else _covered(page, given)
    ends = np.cumsum(lengths)
    running = np.concatenate([[0], np.cumsum(matched)])
    return ((running[ends] - running[ends - lengths]) / np.maximum(lengths, 1)).astype(np.float32)


def _covered(page: npt.NDArray[np.int32], given: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """For two long texts: tokens of the page inside some n-gram of the reference."""
    known = {tuple(given[at : at + NGRAM].tolist()) for at in range(len(given) - NGRAM + 1)}
    matched = np.zeros(len(page), np.bool_)
    for at in range(len(page) - NGRAM + 1):
        if tuple(page[at : at + NGRAM].tolist()) in known:
            matched[at : at + NGRAM] = True
    return matched


@kernel
def _aligned(page, given):
    """Which tokens of the page the longest common subsequence takes, runs weighing more, bool [page]."""
    rows, columns = len(page), len(given)
    # Two scores for each pair of prefixes: the best of all, and the best whose last tokens match each other.
    best, best_before = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    run, run_before = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    moves = np.zeros((rows + 1, columns + 1), np.uint8)  # 1 up, 2 left, 3 match; 4 added where the match continues a run
    for row in range(1, rows + 1):
        best, best_before = best_before, best
        run, run_before = run_before, run
        token = page[row - 1]
        best[0] = 0
        for column in range(1, columns + 1):
            up, left = best_before[column], best[column - 1]
            score, move = (up, 1) if up >= left else (left, 2)
            run[column] = 0
            if given[column - 1] == token:
                fresh, longer = best_before[column - 1] + 1, 0
                if run_before[column - 1] > 0:
                    longer = run_before[column - 1] + 1 + RUN_BONUS
                if longer >= fresh:
                    run[column], move_match = longer, 7
                else:
                    run[column], move_match = fresh, 3
                if run[column] > score:
                    score, move = run[column], move_match
                else:
                    move |= 8 if move_match == 7 else 16  # the run may go on although the cell itself is reached otherwise
            best[column] = score
            moves[row, column] = move
    matched = np.zeros(rows, np.bool_)
    row, column, running = rows, columns, False
    while row > 0 and column > 0:
        move = moves[row, column]
        kind = move & 7
        if running or kind in (3, 7):
            matched[row - 1] = True
            running = kind == 7 or move & 8 != 0
            row, column = row - 1, column - 1
        elif kind == 1:
            row -= 1
        else:
            column -= 1
    return matched
