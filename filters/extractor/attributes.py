"""Names and attributes of a tag, read byte by byte."""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# ruff: noqa: PLR1714, SIM102
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np

from filters.extractor import tags
from filters.extractor.layout import (
    A_CONTENT,
    A_CONTENT_END,
    A_FAMILIES,
    A_HIDDEN,
    A_HREF,
    A_LANG,
    A_LANG_END,
    A_META,
    A_MOMENT,
    A_MOMENT_END,
    A_SIGNATURE,
    A_TYPE,
    A_TYPE_END,
)
from filters.extractor.tags import (
    ATTRIBUTE_KEYS,
    ATTRIBUTE_VALUES,
    LEXICON_FOUND,
    LEXICON_NEXT,
    META_KEYS,
    META_VALUES,
    NUMBER,
    TAG_KEYS,
    TAG_VALUES,
    looked_up,
)
from filters.kernel import inlined, kernel

LEXICON_BYTES = 256
_META = NUMBER["meta"]
_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_DISPLAY, _VISIBILITY = np.frombuffer(b"display:none", np.uint8), np.frombuffer(b"visibility:hidden", np.uint8)


@kernel
def past_byte(page, at, byte) -> int:
    """Position after the next `byte`, or the end."""
    while at < len(page):
        if page[at] == byte:
            return at + 1
        at += 1
    return at


@kernel
def past_comment(page, at) -> int:
    """`at` stands behind "<!"."""
    end = len(page)
    if at + 1 < end and page[at] == 45 and page[at + 1] == 45:
        at += 2
        if at < end and page[at] == 62:
            return at + 1
        if at + 1 < end and page[at] == 45 and page[at + 1] == 62:
            return at + 2
        while at < end:
            if page[at] == 62 and page[at - 1] == 45 and page[at - 2] == 45:
                return at + 1
            if page[at] == 62 and page[at - 1] == 33 and page[at - 2] == 45 and page[at - 3] == 45:
                return at + 1
            at += 1
        return at
    return past_byte(page, at, 62)


@kernel
def tag_number(page, at) -> tuple[int, int, bool]:
    """Number of the element whose name begins at `at`, where the name ends, and whether it is a custom element's."""
    key, begin, custom = _OFFSET, at, False
    end = len(page)
    while at < end:
        byte = page[at]
        if byte == 62 or byte == 47 or byte == 32 or 9 <= byte <= 13:
            break
        custom = custom or byte == 45
        key = (key ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _PRIME
        at += 1
    if at - begin > tags.LONGEST_NAME:
        return 0, at, custom
    return looked_up(key, TAG_KEYS, TAG_VALUES), at, custom


@inlined
def read_attributes(page, at, number, found) -> int:
    """Read the attributes of a start tag; position behind its ">"."""
    end = len(page)
    found[:] = 0
    found[A_CONTENT] = found[A_TYPE] = found[A_LANG] = found[A_MOMENT] = -1
    while at < end:
        byte = page[at]
        if byte == 62:
            return at + 1
        if byte == 47 or byte == 32 or 9 <= byte <= 13:
            at += 1
            continue
        key = _OFFSET
        while at < end:
            byte = page[at]
            if byte == 61 or byte == 62 or byte == 47 or byte == 32 or 9 <= byte <= 13:
                if byte != 61 or key != _OFFSET:
                    break
            key = (key ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _PRIME
            at += 1
        purpose = looked_up(key, ATTRIBUTE_KEYS, ATTRIBUTE_VALUES)
        while at < end and (page[at] == 32 or 9 <= page[at] <= 13):
            at += 1
        begin = past = at
        if at < end and page[at] == 61:
            at += 1
            while at < end and (page[at] == 32 or 9 <= page[at] <= 13):
                at += 1
            if at < end and (page[at] == 34 or page[at] == 39):
                begin = at + 1
                at = past_byte(page, begin, page[at])
                past = at - 1 if at < end or page[end - 1] == page[begin - 1] else at
            else:
                begin = at
                while at < end and page[at] != 62 and page[at] != 32 and not 9 <= page[at] <= 13:
                    at += 1
                past = at
        if purpose:
            _note(page, begin, max(begin, past), purpose, number, found)
    return at


@kernel
def _note(page, begin, past, purpose, number, found) -> None:
    if purpose == tags.CLASS or purpose == tags.ID or purpose == tags.ROLE:
        found[A_FAMILIES] |= families(page, begin, past)
        if purpose == tags.CLASS:
            found[A_SIGNATURE] = _signature(page, begin, past)
    elif purpose == tags.PROPERTY or purpose == tags.NAME:
        if number == _META:
            if found[A_META] == 0:
                found[A_META] = _meta(page, begin, past)
        elif purpose == tags.PROPERTY:
            found[A_FAMILIES] |= families(page, begin, past)
    elif purpose == tags.HIDDEN:
        found[A_HIDDEN] = 1
    elif purpose == tags.STYLE:
        if _conceals(page, begin, past):
            found[A_HIDDEN] = 1
    elif purpose == tags.HREF:
        found[A_HREF] = 1
    elif purpose == tags.CONTENT:
        found[A_CONTENT], found[A_CONTENT_END] = begin, past
    elif purpose == tags.TYPE:
        found[A_TYPE], found[A_TYPE_END] = begin, past
    elif purpose == tags.LANG:
        found[A_LANG], found[A_LANG_END] = begin, past
    elif purpose == tags.MOMENT:
        found[A_MOMENT], found[A_MOMENT_END] = begin, past


@kernel
def families(page, begin, past) -> int:
    """Families of words (`tags.FAMILIES`) in a class or id, as bits."""
    bits, state, before = 0, LEXICON_NEXT[0, 0], np.int64(0)
    for at in range(begin, min(past, begin + LEXICON_BYTES)):
        byte = np.int64(page[at])
        if 97 <= byte <= 122:
            state = LEXICON_NEXT[state, byte - 96]
        elif 65 <= byte <= 90:
            if 97 <= before <= 122:
                state = LEXICON_NEXT[state, 0]
                bits |= np.int64(LEXICON_FOUND[state])
            state = LEXICON_NEXT[state, byte - 64]
        else:
            state = LEXICON_NEXT[state, 0]
        bits |= np.int64(LEXICON_FOUND[state])
        before = byte
    return bits | np.int64(LEXICON_FOUND[LEXICON_NEXT[state, 0]])


@kernel
def _signature(page, begin, past) -> int:
    """Of a class without its digits: `post-17` and `post-18` are one template."""
    key = _OFFSET
    for at in range(begin, min(past, begin + LEXICON_BYTES)):
        if not 48 <= page[at] <= 57:
            key = (key ^ np.uint64(page[at])) * _PRIME
    return np.int64(key >> np.uint64(2))


@kernel
def _meta(page, begin, past) -> int:
    key = _OFFSET
    for at in range(begin, min(past, begin + 32)):
        byte = page[at]
        key = (key ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _PRIME
    return looked_up(key, META_KEYS, META_VALUES)


@kernel
def _conceals(page, begin, past) -> bool:
    """Whether a style says display:none or visibility:hidden."""
    past = min(past, begin + 4 * LEXICON_BYTES)
    for first in range(begin, past):
        letter = page[first] | 32
        if letter != 100 and letter != 118:
            continue
        pattern = _DISPLAY if letter == 100 else _VISIBILITY
        at, matched = first, 0
        while at < past and matched < len(pattern):
            byte = page[at]
            if byte != 32:
                if (byte | 32 if 65 <= byte <= 90 else byte) != pattern[matched]:
                    break
                matched += 1
            at += 1
        if matched == len(pattern):
            return True
    return False
