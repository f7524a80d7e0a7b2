"""One pass over a page's bytes to blocks of text and the elements around them, without building a tree.

A block is the text between two tags that break a line. The scanner keeps the stack of open elements and knows which tags end others by
implication (HTML Living Standard, section 13.2.6, where that decides what is next to what); formatting elements are not opened again after
a misnested end, and text inside tables outside of cells stays where it stands. Text is collapsed as a browser shows it, entities are left
as they are written until a block is rendered.
"""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.extractor.attributes import past_byte, past_comment
from filters.extractor.layout import (
    ATTRIBUTES,
    BLOCK_COLUMNS,
    BLOCKS,
    DEEPEST,
    DEPTH,
    ELEMENT_COLUMNS,
    ELEMENTS,
    FACT_COUNT,
    FAMILIES,
    FIRST,
    HIDDEN,
    OUT,
    PARENT,
    PAST,
    SKIP_LEVEL,
    STACK_BITS,
    STACK_ELEMENT,
    STACK_TAG,
    STATES,
    TAG,
    UNSEEN,
)
from filters.extractor.nesting import DEPTH_LIMIT, FACTS, finish_tag, start_tag
from filters.extractor.text import flush, text_run
from filters.kernel import kernel, unowned


@dataclass(frozen=True, slots=True)
class Scan:
    """What a page holds, in document order. Arrays are views of scratch memory that the next scan overwrites."""

    page: npt.NDArray[np.uint8]
    text: npt.NDArray[np.uint8]
    """Bytes of all blocks."""
    blocks: npt.NDArray[np.int32]
    """[blocks, BLOCK_COLUMNS]."""
    elements: npt.NDArray[np.int32]
    """[elements, ELEMENT_COLUMNS]; 0 is the page itself, parents come before their children."""
    signatures: npt.NDArray[np.uint64]
    """[elements], of tag and class."""
    facts: npt.NDArray[np.int32]
    """[facts, 3]: kind (`tags.TITLE` …), and the range of bytes in `page` that states it."""
    deepest: int
    """Elements that were open at one time, at most."""


def scan(html: bytes) -> Scan:
    """Blocks and elements of a page.

    Args:
        html: UTF-8, valid.
    """
    page = np.frombuffer(html, np.uint8)
    most = html.count(b"<") + 2
    # Every byte of text comes from one of the page, but for the newline of a break.
    text = np.empty(len(page) + most, np.uint8)
    blocks = np.zeros((most, BLOCK_COLUMNS), np.int32)
    elements = np.empty((most, ELEMENT_COLUMNS), np.int32)
    signatures = np.empty(most, np.uint64)
    facts = np.empty((FACTS, 3), np.int32)
    state = np.zeros(STATES, np.int64)
    stack = np.empty((DEPTH_LIMIT, 3), np.int32)
    found = np.zeros(ATTRIBUTES, np.int64)
    _scan(page, text, blocks, elements, signatures, facts, state, stack, found)
    return Scan(
        page,
        text[: state[OUT]],
        blocks[: state[BLOCKS]],
        elements[: state[ELEMENTS]],
        signatures[: state[ELEMENTS]],
        facts[: state[FACT_COUNT]],
        int(state[DEEPEST]),
    )


@kernel
def _scan(page_, text_, blocks_, elements_, signatures_, facts_, state_, stack_, found_) -> None:
    # All of them, from the caller: one that is made here would be freed once its last owner is out of use.
    page, text, blocks, elements, signatures = unowned(page_), unowned(text_), unowned(blocks_), unowned(elements_), unowned(signatures_)
    facts, state, stack, found = unowned(facts_), unowned(state_), unowned(stack_), unowned(found_)
    end = len(page)
    elements[0, PARENT], elements[0, TAG], elements[0, FAMILIES], elements[0, FIRST], elements[0, HIDDEN] = -1, 0, 0, 0, 0
    signatures[0] = np.uint64(0)
    stack[0, STACK_TAG], stack[0, STACK_ELEMENT], stack[0, STACK_BITS] = 0, 0, 0
    state[ELEMENTS], state[DEPTH] = 1, 1
    at = 0
    while at < end:
        if state[SKIP_LEVEL] > 0 or state[UNSEEN] > 0:
            while at < end and page[at] != 60:
                at += 1
        else:
            at = text_run(page, at, text, blocks, state, stack[state[DEPTH] - 1, STACK_ELEMENT])
        if at + 1 >= end:
            break
        following = page[at + 1]
        if 97 <= following | 32 <= 122:
            at = start_tag(page, at + 1, text, blocks, elements, signatures, facts, state, stack, found)
        elif following == 47:
            if at + 2 < end and 97 <= page[at + 2] | 32 <= 122:
                at = finish_tag(page, at + 2, text, blocks, elements, state, stack)
            else:
                at = past_byte(page, at + 2, 62)
        elif following == 33:
            at = past_comment(page, at + 2)
        elif following == 63:
            at = past_byte(page, at + 2, 62)
        else:  # a skipped element's text
            at += 1
    state[UNSEEN] = 0
    flush(text, blocks, state)
    for depth in range(state[DEPTH]):
        elements[stack[depth, STACK_ELEMENT], PAST] = state[BLOCKS]
