"""Elements as containers of text: running sums, what surrounds each, the likeliest container of the main text, repeated templates."""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np

from filters.extractor import tags
from filters.extractor.layout import (
    CHARACTERS,
    COMMAS,
    ELEMENT,
    FAMILIES,
    FIRST,
    HIDDEN,
    LINK_CHARACTERS,
    PARENT,
    PAST,
    TAG,
)
from filters.kernel import kernel

FAMILY_COUNT = len(tags.FAMILIES)
FAR = 30
"""Distances, in levels or blocks, are not told apart beyond this."""
HEAVY_CHARACTERS = 80
LIGHT_LINKS = 1 / 3
# Readability's idea: a paragraph speaks for its parent, and half as loud for its grandparent.
LEAST_CHARACTERS = 25

_NAMES = tuple(tags.FAMILIES)
FRIENDLY_BITS = 1 << _NAMES.index("article")
HOSTILE_BITS = sum(
    1 << _NAMES.index(name)
    for name in (
        "comment",
        "footer",
        "navigation",
        "sidebar",
        "share",
        "related",
        "advertisement",
        "cookie",
        "newsletter",
        "hidden",
        "print",
    )
)


@kernel
def is_heavy(blocks, block) -> bool:
    """Whether a block is long and hardly linked: a paragraph, whatever its element."""
    characters = blocks[block, CHARACTERS]
    return characters >= HEAVY_CHARACTERS and blocks[block, LINK_CHARACTERS] < LIGHT_LINKS * characters


@kernel
def running_sums(blocks):
    """Characters, link characters, and characters of paragraphs before each block, int64 [blocks + 1, 3]."""
    sums = np.zeros((len(blocks) + 1, 3), np.int64)
    for block in range(len(blocks)):
        characters, linked = blocks[block, CHARACTERS], blocks[block, LINK_CHARACTERS]
        sums[block + 1, 0] = sums[block, 0] + characters
        sums[block + 1, 1] = sums[block, 1] + linked
        sums[block + 1, 2] = sums[block, 2] + (characters if is_heavy(blocks, block) else 0)
    return sums


@kernel
def describe_elements(elements, around_bit):
    """Of each element with its ancestors: kinds around it (bits), levels up to each family of class names, depth, whether hidden, and
    how many of them have friendly and hostile classes.
    """
    count = len(elements)
    around = np.zeros(count, np.int64)
    levels = np.full((count, FAMILY_COUNT), FAR, np.uint8)
    depths, hidden, friendly, hostile = (
        np.zeros(count, np.int16),
        np.zeros(count, np.int8),
        np.zeros(count, np.int16),
        np.zeros(count, np.int16),
    )
    for element in range(1, count):
        parent = elements[element, PARENT]
        bit = around_bit[elements[element, TAG]]
        around[element] = around[parent] | (np.int64(1) << bit if bit >= 0 else 0)
        found = elements[element, FAMILIES]
        for family in range(FAMILY_COUNT):
            levels[element, family] = 0 if found >> family & 1 else min(FAR, levels[parent, family] + 1)
        depths[element] = depths[parent] + 1
        hidden[element] = hidden[parent] | elements[element, HIDDEN]
        friendly[element] = friendly[parent] + (1 if found & FRIENDLY_BITS else 0)
        hostile[element] = hostile[parent] + (1 if found & HOSTILE_BITS else 0)
    return around, levels, depths, hidden, friendly, hostile


@kernel
def best_container(blocks, elements, sums):
    """Score of each element as the container of the main text, float64 [elements], and the element with the highest."""
    scores = np.zeros(len(elements), np.float64)
    for block in range(len(blocks)):
        characters = blocks[block, CHARACTERS]
        if characters < LEAST_CHARACTERS or 2 * blocks[block, LINK_CHARACTERS] > characters:
            continue
        score = 1.0 + blocks[block, COMMAS] + min(characters / 100, 5.0)
        parent = max(0, elements[blocks[block, ELEMENT], PARENT])
        scores[parent] += score
        scores[max(0, elements[parent, PARENT])] += score / 2
    best = 0
    for element in range(len(elements)):
        if scores[element] > 0:
            first, past = elements[element, FIRST], elements[element, PAST]
            characters = sums[past, 0] - sums[first, 0]
            scores[element] *= 1 - (sums[past, 1] - sums[first, 1]) / max(characters, 1)
            found = elements[element, FAMILIES]
            if found & FRIENDLY_BITS:
                scores[element] *= 1.3
            if found & HOSTILE_BITS:
                scores[element] *= 0.5
            if scores[element] > scores[best]:
                best = element
    return scores, best


@kernel
def mark_lineage(elements, best):
    """Which elements are the best container or hold it, bool [elements]."""
    lineage = np.zeros(len(elements), np.bool_)
    at = best
    while at >= 0:
        lineage[at] = True
        at = elements[at, PARENT]
    return lineage


@kernel
def template_groups(blocks, elements, signatures, best):
    """Elements whose tag and class, and whose parent's, are equal: number of each element's group, int32 [elements], and by group the
    blocks, characters, link characters, and blocks inside the best container, int64 [elements, 4].
    """
    count = len(elements)
    size = 64
    while size < 2 * count:
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.full(size, -1, np.int32)
    keys = np.empty(count, np.uint64)
    groups = np.empty(count, np.int32)
    for element in range(count):
        parent = max(0, elements[element, PARENT])
        key = signatures[element] * np.uint64(0x9E3779B97F4A7C15) + signatures[parent]
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
        keys[element] = key
        slot = key & mask
        while slots[slot] >= 0 and keys[slots[slot]] != key:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            slots[slot] = element
        groups[element] = slots[slot]
    sums = np.zeros((count, 4), np.int64)
    first, past = elements[best, FIRST], elements[best, PAST]
    for block in range(len(blocks)):
        group = groups[blocks[block, ELEMENT]]
        sums[group, 0] += 1
        sums[group, 1] += blocks[block, CHARACTERS]
        sums[group, 2] += blocks[block, LINK_CHARACTERS]
        sums[group, 3] += 1 if first <= block < past else 0
    return groups, sums
