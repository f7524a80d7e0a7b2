"""What a block looks like and where it stands, in numbers: the columns that the model decides by.

Sums over any element are differences of running sums over blocks, because an element's blocks are contiguous. All columns are float32,
feature by feature, so that the forest compares a whole column at a time.
"""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.extractor import tags
from filters.extractor.containers import (
    FAMILY_COUNT,
    FAR,
    best_container,
    describe_elements,
    is_heavy,
    mark_lineage,
    running_sums,
    template_groups,
)
from filters.extractor.layout import (
    BOLD_CHARACTERS,
    BREAKS,
    CAPITALS,
    CHARACTERS,
    CODE_CHARACTERS,
    COMMAS,
    DIGITS,
    ELEMENT,
    FIRST,
    IDEOGRAPHS,
    LAST,
    LINK_CHARACTERS,
    LINK_COUNT,
    NON_ASCII,
    PARENT,
    PAST,
    QUARTER_WORDS,
    SENTENCES,
    STOPS,
    TAG,
)
from filters.extractor.scan import Scan
from filters.extractor.tags import NUMBER
from filters.kernel import kernel

OWN = (
    "characters", "words", "word length", "link share", "links", "commas per word", "sentences per word", "digit share", "capital share",
    "non-ASCII share", "ideograph share", "stop word share", "bold share", "breaks", "last character", "code share",
)  # fmt: skip
# Elements whose presence around a block is a feature; those of OWN_TAGS and PARENT_TAGS as the block's element and its parent as well.
AROUND = (
    "article", "main", "header", "footer", "nav", "aside", "form", "table", "ul", "ol", "li", "pre", "blockquote", "figure", "h1", "h2",
    "h3",
    "h4", "h5", "td", "th", "p", "details", "dl", "dd", "dt", "section", "address", "menu", "dialog", "figcaption", "caption", "summary",
    "center", "fieldset", "search",
)  # fmt: skip
OWN_TAGS = (
    "p",
    "div",
    "li",
    "td",
    "th",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "dd",
    "dt",
    "section",
    "body",
    "figcaption",
    "blockquote",
    "article",
    "",
)
PARENT_TAGS = ("div", "li", "td", "article", "section", "body", "ul", "blockquote", "tr", "main")
PLACE = (
    "depth", "hidden", "friendly classes", "hostile classes", "position", "characters before", "characters after", "share before",
    "heading distance", "next heading distance", "heading level", "heavy before", "heavy after", "distance to heavy before",
    "distance to heavy after", "children",
)  # fmt: skip
CONTAINER = ("characters", "link share", "blocks", "paragraph share", "block length", "page share")
CONTAINERS = 4
CANDIDATE = ("in best", "levels to best", "score ratio", "best share", "side of best", "blocks from best")
TEMPLATE = ("blocks", "characters", "link share", "block length", "share in best")
PAGE = (
    "characters", "blocks", "link share", "paragraph share", "ideograph share", "articles", "article share", "main share", "headings",
    "elements",
    "best link share",
)  # fmt: skip
NEIGHBOUR = ("characters", "link share", "stop word share", "same template", "same parent", "commas")
NEIGHBOURS = (-3, -2, -1, 1, 2, 3)

NAMES: tuple[str, ...] = (
    *(f"own {name}" for name in OWN),
    *(f"is {name or 'custom'}" for name in OWN_TAGS),
    *(f"parent is {name}" for name in PARENT_TAGS),
    *(f"in {name}" for name in AROUND),
    *(f"levels to {name}" for name in tags.FAMILIES),
    *(f"place {name}" for name in PLACE),
    *(f"container {number} {name}" for number in range(CONTAINERS) for name in CONTAINER),
    *(f"candidate {name}" for name in CANDIDATE),
    *(f"template {name}" for name in TEMPLATE),
    *(f"page {name}" for name in PAGE),
    *(f"neighbour {offset} {name}" for offset in NEIGHBOURS for name in NEIGHBOUR),
)
"""What each row of `block_features` holds."""

_AROUND_BIT = np.full(len(tags.TAGS), -1, np.int64)
for _bit, _name in enumerate(AROUND):
    _AROUND_BIT[NUMBER[_name]] = _bit
_OWN_TAGS = np.array([NUMBER[name] for name in OWN_TAGS], np.int64)
_PARENT_TAGS = np.array([NUMBER[name] for name in PARENT_TAGS], np.int64)
_OFFSETS = np.array(NEIGHBOURS, np.int64)
_ARTICLE, _MAIN, _H1, _H6 = NUMBER["article"], NUMBER["main"], NUMBER["h1"], NUMBER["h6"]


def block_features(scanned: Scan) -> npt.NDArray[np.float32]:
    """Features of a page's blocks, float32 [len(NAMES), blocks]."""
    out = np.empty((len(NAMES), len(scanned.blocks)), np.float32)
    if len(scanned.blocks):
        _features(scanned.blocks, scanned.elements, scanned.signatures, out)
    return out


@kernel
def _features(blocks, elements, signatures, out) -> None:
    sums = running_sums(blocks)
    around, levels, depths, hidden, friendly, hostile = describe_elements(elements, _AROUND_BIT)
    scores, best = best_container(blocks, elements, sums)
    lineage = mark_lineage(elements, best)
    groups, group_sums = template_groups(blocks, elements, signatures, best)
    row = _own(blocks, out, 0)
    row = _tags(blocks, elements, around, levels, out, row)
    row = _place(blocks, elements, sums, depths, hidden, friendly, hostile, out, row)
    row = _containers(blocks, elements, sums, out, row)
    row = _candidates(blocks, elements, sums, scores, best, lineage, out, row)
    row = _templates(blocks, groups, group_sums, out, row)
    row = _page(blocks, elements, sums, best, out, row)
    row = _neighbours(blocks, elements, signatures, out, row)
    assert row == len(out)


@kernel
def _share(part, whole):
    return np.float32(part) / np.float32(max(whole, 1))


@kernel
def _own(blocks, out, row) -> int:
    for block in range(len(blocks)):
        characters = blocks[block, CHARACTERS]
        words = max(1.0, blocks[block, QUARTER_WORDS] / 4)
        out[row, block] = np.log1p(np.float32(characters))
        out[row + 1, block] = np.log1p(np.float32(words))
        out[row + 2, block] = min(30.0, characters / words)
        out[row + 3, block] = _share(blocks[block, LINK_CHARACTERS], characters)
        out[row + 4, block] = min(20, blocks[block, LINK_COUNT])
        out[row + 5, block] = blocks[block, COMMAS] / words
        out[row + 6, block] = blocks[block, SENTENCES] / words
        out[row + 7, block] = _share(blocks[block, DIGITS], characters)
        out[row + 8, block] = _share(blocks[block, CAPITALS], characters)
        out[row + 9, block] = _share(blocks[block, NON_ASCII], characters)
        out[row + 10, block] = _share(3 * blocks[block, IDEOGRAPHS], characters)
        out[row + 11, block] = blocks[block, STOPS] / words
        out[row + 12, block] = _share(blocks[block, BOLD_CHARACTERS], characters)
        out[row + 13, block] = min(10, blocks[block, BREAKS])
        out[row + 14, block] = blocks[block, LAST]
        out[row + 15, block] = _share(blocks[block, CODE_CHARACTERS], characters)
    return row + 16


@kernel
def _tags(blocks, elements, around, levels, out, row) -> int:
    for block in range(len(blocks)):
        element = blocks[block, ELEMENT]
        tag = elements[element, TAG]
        parent = elements[max(0, elements[element, PARENT]), TAG]
        place = row
        for known in _OWN_TAGS:
            out[place, block] = 1.0 if tag == known else 0.0
            place += 1
        for known in _PARENT_TAGS:
            out[place, block] = 1.0 if parent == known else 0.0
            place += 1
        bits = around[element]
        for bit in range(len(AROUND)):
            out[place, block] = np.float32(bits >> bit & 1)
            place += 1
        for family in range(FAMILY_COUNT):
            out[place, block] = np.float32(levels[element, family])
            place += 1
    return row + len(_OWN_TAGS) + len(_PARENT_TAGS) + len(AROUND) + FAMILY_COUNT


@kernel
def _is_heading(blocks, elements, block) -> int:
    """Level of the heading that a block is, or 0."""
    tag = elements[blocks[block, ELEMENT], TAG]
    return tag - _H1 + 1 if _H1 <= tag <= _H6 else 0


@kernel
def _place(blocks, elements, sums, depths, hidden, friendly, hostile, out, row) -> int:
    count = len(blocks)
    total = sums[count, 0]
    since, level, heavy_before, heavy_at = FAR, 0, 0, -FAR
    for block in range(count):
        element = blocks[block, ELEMENT]
        out[row, block] = depths[element]
        out[row + 1, block] = hidden[element]
        out[row + 2, block] = friendly[element]
        out[row + 3, block] = hostile[element]
        out[row + 4, block] = np.float32(block) / np.float32(count)
        out[row + 5, block] = np.log1p(np.float32(sums[block, 0]))
        out[row + 6, block] = np.log1p(np.float32(total - sums[block + 1, 0]))
        out[row + 7, block] = _share(sums[block, 0], total)
        heading = _is_heading(blocks, elements, block)
        if heading:
            since, level = 0, heading
        out[row + 8, block] = min(FAR, since)
        out[row + 10, block] = level
        out[row + 11, block] = min(FAR, heavy_before)
        out[row + 13, block] = min(FAR, block - heavy_at)
        out[row + 15, block] = min(FAR, elements[element, PAST] - elements[element, FIRST])
        if is_heavy(blocks, block):
            heavy_before, heavy_at = heavy_before + 1, block
        since += 1
    until, heavy_after, heavy_at = FAR, 0, count + FAR
    for block in range(count - 1, -1, -1):
        out[row + 9, block] = min(FAR, until)
        until = 1 if _is_heading(blocks, elements, block) else until + 1
        out[row + 12, block] = min(FAR, heavy_after)
        out[row + 14, block] = min(FAR, heavy_at - block)
        if is_heavy(blocks, block):
            heavy_after, heavy_at = heavy_after + 1, block
    return row + 16


@kernel
def _containers(blocks, elements, sums, out, row) -> int:
    """Of the block's element and of ancestors that each hold at least a quarter more text than the one before."""
    total = sums[len(blocks), 0]
    for block in range(len(blocks)):
        element, place = blocks[block, ELEMENT], row
        for _ in range(CONTAINERS):
            first, past = elements[element, FIRST], elements[element, PAST]
            characters = sums[past, 0] - sums[first, 0]
            out[place, block] = np.log1p(np.float32(characters))
            out[place + 1, block] = _share(sums[past, 1] - sums[first, 1], characters)
            out[place + 2, block] = np.log1p(np.float32(past - first))
            out[place + 3, block] = _share(sums[past, 2] - sums[first, 2], characters)
            out[place + 4, block] = _share(characters, past - first)
            out[place + 5, block] = _share(characters, total)
            place += 6
            while element > 0:
                element = elements[element, PARENT]
                if 4 * (sums[elements[element, PAST], 0] - sums[elements[element, FIRST], 0]) >= 5 * characters:
                    break
    return row + 6 * CONTAINERS


@kernel
def _candidates(blocks, elements, sums, scores, best, lineage, out, row) -> int:
    first, past = elements[best, FIRST], elements[best, PAST]
    top, total = max(scores[best], 1e-6), sums[len(blocks), 0]
    share = _share(sums[past, 0] - sums[first, 0], total)
    for block in range(len(blocks)):
        element = blocks[block, ELEMENT]
        ratio, levels, at = 0.0, 0, element
        while at > 0:
            ratio = max(ratio, scores[at] / top)
            if lineage[at]:
                break
            levels += 1
            at = elements[at, PARENT]
        out[row, block] = 1.0 if first <= block < past else 0.0
        out[row + 1, block] = min(FAR, levels) if not first <= block < past else 0
        out[row + 2, block] = ratio
        out[row + 3, block] = share
        out[row + 4, block] = -1.0 if block < first else 1.0 if block >= past else 0.0
        out[row + 5, block] = min(FAR, first - block if block < first else block - past + 1 if block >= past else 0)
    return row + 6


@kernel
def _templates(blocks, groups, group_sums, out, row) -> int:
    for block in range(len(blocks)):
        group = groups[blocks[block, ELEMENT]]
        count, characters = group_sums[group, 0], group_sums[group, 1]
        out[row, block] = np.log1p(np.float32(count))
        out[row + 1, block] = np.log1p(np.float32(characters))
        out[row + 2, block] = _share(group_sums[group, 2], characters)
        out[row + 3, block] = _share(characters, count)
        out[row + 4, block] = _share(group_sums[group, 3], count)
    return row + 5


@kernel
def _page(blocks, elements, sums, best, out, row) -> int:
    count = len(blocks)
    total = sums[count, 0]
    articles, in_article, in_main, headings, ideographs = 0, 0, 0, 0, 0
    reached = 0
    for element in range(len(elements)):
        first, past = elements[element, FIRST], elements[element, PAST]
        if elements[element, TAG] == _ARTICLE:
            articles += 1
            if first >= reached:  # not inside another one
                in_article += sums[past, 0] - sums[first, 0]
                reached = past
        elif elements[element, TAG] == _MAIN:
            in_main = max(in_main, sums[past, 0] - sums[first, 0])
    for block in range(count):
        headings += 1 if _is_heading(blocks, elements, block) else 0
        ideographs += blocks[block, IDEOGRAPHS]
    first, past = elements[best, FIRST], elements[best, PAST]
    out[row, :] = np.log1p(np.float32(total))
    out[row + 1, :] = np.log1p(np.float32(count))
    out[row + 2, :] = _share(sums[count, 1], total)
    out[row + 3, :] = _share(sums[count, 2], total)
    out[row + 4, :] = _share(3 * ideographs, total)
    out[row + 5, :] = min(50, articles)
    out[row + 6, :] = _share(in_article, total)
    out[row + 7, :] = _share(in_main, total)
    out[row + 8, :] = min(50, headings)
    out[row + 9, :] = np.log1p(np.float32(len(elements)))
    out[row + 10, :] = _share(sums[past, 1] - sums[first, 1], sums[past, 0] - sums[first, 0])
    return row + 11


@kernel
def _neighbours(blocks, elements, signatures, out, row) -> int:
    count = len(blocks)
    for offset in _OFFSETS:
        for block in range(count):
            other = block + offset
            if not 0 <= other < count:
                for place in range(6):
                    out[row + place, block] = -1.0
                continue
            characters = blocks[other, CHARACTERS]
            words = max(1.0, blocks[other, QUARTER_WORDS] / 4)
            element, near = blocks[block, ELEMENT], blocks[other, ELEMENT]
            out[row, block] = np.log1p(np.float32(characters))
            out[row + 1, block] = _share(blocks[other, LINK_CHARACTERS], characters)
            out[row + 2, block] = blocks[other, STOPS] / words
            out[row + 3, block] = 1.0 if signatures[element] == signatures[near] else 0.0
            out[row + 4, block] = 1.0 if elements[element, PARENT] == elements[near, PARENT] else 0.0
            out[row + 5, block] = blocks[other, COMMAS] / words
        row += 6
    return row
