"""Text between tags: collapsed into the block's bytes, and counted on the way."""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# ruff: noqa: PLR1714, SIM109
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np

from filters.extractor.layout import (
    BLOCKS,
    BOLD_CHARACTERS,
    BOLDS,
    BREAKS,
    CAPITALS,
    CHARACTERS,
    CODE_CHARACTERS,
    CODES,
    COMMAS,
    DIGITS,
    ELEMENT,
    END,
    IDEOGRAPHS,
    LAST,
    LINK_CHARACTERS,
    LINK_COUNT,
    LINKS,
    NEW_LINK,
    NON_ASCII,
    OPEN,
    OUT,
    PRES,
    QUARTER_WORDS,
    SENTENCES,
    SPACE,
    START,
    STOPS,
    UNSEEN,
    WORD,
    WORD_BYTES,
)
from filters.extractor.stop_words import STOP_WORD_KEYS
from filters.extractor.tags import hash_table, looked_up
from filters.kernel import inlined, kernel

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_OFFSET_SIGNED = np.int64(0xCBF29CE484222325 - (1 << 64))
LONGEST_STOP_WORD = 16
# Kinds of ASCII characters.
_OTHER, _SMALL, _CAPITAL, _DIGIT, _COMMA, _SENTENCE, _BLANK, _AMPERSAND, _TAG = range(9)
_KIND = np.zeros(128, np.uint8)
_KIND[97:123], _KIND[65:91], _KIND[48:58] = _SMALL, _CAPITAL, _DIGIT
_KIND[[44, 59]], _KIND[[33, 46, 63]], _KIND[[9, 10, 11, 12, 13, 32]], _KIND[38], _KIND[60] = _COMMA, _SENTENCE, _BLANK, _AMPERSAND, _TAG
# What the last character of a block was.
LAST_OTHER, LAST_SENTENCE, LAST_COLON = 0, 1, 2
LONGEST_ENTITY = 32
# Names of signs, each with its kind and one added; other names are of letters.
_BLANK_NAMES = ("nbsp", "ensp", "emsp", "thinsp")
_SIGN_NAMES = (
    "amp", "lt", "gt", "quot", "apos", "laquo", "raquo", "ldquo", "rdquo", "lsquo", "rsquo", "sbquo", "bdquo", "lsaquo", "rsaquo", "ndash",
    "mdash", "bull", "middot", "copy", "reg", "trade", "times", "rarr", "larr", "para", "sect", "deg", "shy", "zwj", "zwnj", "euro",
    "pound",
)  # fmt: skip
ENTITY_KEYS, ENTITY_VALUES = hash_table(
    dict.fromkeys(_BLANK_NAMES, _BLANK + 1) | {"hellip": _SENTENCE + 1} | dict.fromkeys(_SIGN_NAMES, _OTHER + 1), 128
)


@kernel
def begins_tag(page, at) -> bool:
    """Whether the "<" at `at` begins a tag, an end tag or a comment."""
    if at + 1 >= len(page):
        return False
    following = page[at + 1]
    return 97 <= following | 32 <= 122 or following == 47 or following == 33 or following == 63


@kernel
def _kind(point) -> int:
    """Of a character beyond ASCII; what is no known blank or sign is a letter."""
    if point < 0x700:
        if point in (0x85, 0xA0):
            return _BLANK
        if point in (0x60C, 0x61B):
            return _COMMA
        if point in (0x61F, 0x6D4):
            return _SENTENCE
        return _OTHER if point < 0xC0 and point not in (0xAA, 0xB5, 0xBA) else _SMALL
    if 0x2000 <= point < 0x2C00:
        if point <= 0x200A or point in (0x2028, 0x2029, 0x202F, 0x205F):
            return _BLANK
        return _SENTENCE if point == 0x2026 else _OTHER
    if point == 0x3000:
        return _BLANK
    if point in (0x964, 0x965, 0x104B, 0x3002, 0xFF01, 0xFF0E, 0xFF1F):
        return _SENTENCE
    if point in (0x3001, 0xFF0C, 0xFF1B):
        return _COMMA
    if 0xFE00 <= point < 0x10000 and not 0xFF21 <= point <= 0xFFDC:
        return _OTHER
    return _OTHER if 0x1F000 <= point < 0x20000 else _SMALL


@kernel
def _shown(page, at) -> tuple[int, int, int]:
    """Code point, length in bytes, and kind of the character at `at`; an entity is one character."""
    byte = np.int64(page[at])
    if byte < 128:
        return _entity(page, at) if byte == 38 else (byte, 1, np.int64(_KIND[byte]))
    point, size = byte & 0x1F, 2
    if byte >= 0xF0:
        point, size = byte & 7, 4
    elif byte >= 0xE0:
        point, size = byte & 0xF, 3
    for place in range(at + 1, at + size):
        point = point << 6 | np.int64(page[place]) & 0x3F
    return point, size, _kind(point)


@kernel
def _entity(page, at) -> tuple[int, int, int]:
    """The character reference at `at`: a number is its character, a name a letter unless it is a known sign; or the "&" alone."""
    past, key, number = at + 1, _OFFSET, np.int64(0)
    numeric = past < len(page) and page[past] == 35
    limit = min(len(page), at + LONGEST_ENTITY)
    if numeric:
        past += 1
        hexadecimal = past < limit and page[past] | 32 == 120
        past += 1 if hexadecimal else 0
    while past < limit and page[past] < 128:
        byte = np.int64(page[past])
        if not 1 <= _KIND[byte] <= _DIGIT:
            break
        if numeric:
            number = min(0x110000, number * (16 if hexadecimal else 10) + (byte - 48 if byte < 58 else (byte | 32) - 87))
        else:
            key = (key ^ np.uint64(byte)) * _PRIME
        past += 1
    if past >= len(page) or page[past] != 59 or past < at + 3:
        return 38, 1, _OTHER
    size = past + 1 - at
    if numeric:
        return number, size, np.int64(_KIND[number]) % _AMPERSAND if number < 128 else _kind(number)
    found = looked_up(key, ENTITY_KEYS, ENTITY_VALUES)
    return 0xC0, size, found - 1 if found else _SMALL


@kernel
def _is_stop_word(key, keys) -> bool:
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != np.uint64(0):
        if keys[slot] == key:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@kernel
def end_word(blocks, state) -> None:
    """Count the word that is open."""
    if state[WORD_BYTES]:
        row = state[BLOCKS]
        blocks[row, QUARTER_WORDS] += 4
        if state[WORD_BYTES] <= LONGEST_STOP_WORD and _is_stop_word(np.uint64(state[WORD]), STOP_WORD_KEYS):
            blocks[row, STOPS] += 1
        state[WORD_BYTES] = 0
        state[WORD] = _OFFSET_SIGNED


@kernel
def flush(text, blocks, state) -> None:
    """End the open block, unless the break is not shown."""
    if state[UNSEEN]:
        return
    if state[OPEN]:
        end_word(blocks, state)
        row = state[BLOCKS]
        past = state[OUT]
        while past > blocks[row, START] and (text[past - 1] == 32 or text[past - 1] == 10 or text[past - 1] == 9):
            past -= 1
        blocks[row, END] = state[OUT] = past
        state[BLOCKS] += 1
        state[OPEN] = 0
    state[SPACE] = 0


@kernel
def line_break(text, blocks, state) -> None:
    """A <br>: a new line, and the second of two in a row ends the block."""
    if not state[OPEN] or state[UNSEEN]:
        return
    if state[SPACE] == 2:
        flush(text, blocks, state)
        return
    end_word(blocks, state)
    blocks[state[BLOCKS], BREAKS] += 1
    if state[PRES]:
        text[state[OUT]] = 10
        state[OUT] += 1
    else:
        state[SPACE] = 2


@kernel
def _open_block(page, at, text, blocks, state, element) -> None:
    row = state[BLOCKS]
    blocks[row, START], blocks[row, ELEMENT] = state[OUT], element
    state[OPEN] = 1
    state[WORD_BYTES], state[WORD] = 0, _OFFSET_SIGNED
    if state[PRES]:
        begin = at
        while begin > 0 and (page[begin - 1] == 32 or page[begin - 1] == 9):
            begin -= 1
        for place in range(begin, at):
            text[state[OUT]] = page[place]
            state[OUT] += 1


@kernel
def _add(blocks, state, characters, quarters, commas, sentences, digits, capitals, foreign, ideographs, last) -> None:
    """Add the counts of a run to the open block."""
    row = state[BLOCKS]
    blocks[row, CHARACTERS] += characters
    blocks[row, QUARTER_WORDS] += quarters
    blocks[row, COMMAS] += commas
    blocks[row, SENTENCES] += sentences
    blocks[row, DIGITS] += digits
    blocks[row, CAPITALS] += capitals
    blocks[row, NON_ASCII] += foreign
    blocks[row, IDEOGRAPHS] += ideographs
    if last >= 0:
        blocks[row, LAST] = last
    if state[LINKS]:
        blocks[row, LINK_CHARACTERS] += characters
        blocks[row, LINK_COUNT] += state[NEW_LINK]
        state[NEW_LINK] = 0
    if state[BOLDS]:
        blocks[row, BOLD_CHARACTERS] += characters
    if state[CODES]:
        blocks[row, CODE_CHARACTERS] += characters


@inlined
def text_run(page, at, text, blocks, state, element) -> int:  # noqa: C901 -- one loop over bytes whose counters stay in registers
    """Take in text from `at` on; where the next tag begins, or the end."""
    end = len(page)
    pre = state[PRES] > 0
    characters = quarters = commas = sentences = digits = capitals = foreign = ideographs = np.int64(0)
    space, out, last = state[SPACE], state[OUT], np.int64(-1)
    key, word_bytes = np.uint64(state[WORD]), state[WORD_BYTES]
    while at < end:
        byte = page[at]
        if byte < 128:
            point, size, kind = np.int64(byte), 1, np.int64(_KIND[byte])
            if word_bytes and kind <= _DIGIT and kind >= _SMALL and not space:
                # Inside a word, which is nearly all of the text: three times as fast as by what follows.
                text[out] = byte
                key = (key ^ np.uint64(byte | 32 if kind == _CAPITAL else byte)) * _PRIME
                out, characters, word_bytes, at = out + 1, characters + 1, word_bytes + 1, at + 1
                capitals += kind == _CAPITAL
                digits += kind == _DIGIT
                continue
            if kind == _TAG:
                if begins_tag(page, at):
                    break
                kind = np.int64(_OTHER)
            elif kind == _AMPERSAND:
                point, size, kind = _entity(page, at)
        else:
            point, size, kind = _shown(page, at)
            foreign += 1
        if kind == _BLANK or (kind == _OTHER and word_bytes):
            if word_bytes:
                state[WORD], state[WORD_BYTES] = np.int64(key), word_bytes
                end_word(blocks, state)
                key, word_bytes = _OFFSET, np.int64(0)
            if kind == _BLANK:
                if pre and state[OPEN]:
                    if byte != 13:
                        text[out] = 10 if byte == 10 else 9 if byte == 9 else 32
                        out += 1
                elif space == 0:
                    space = np.int64(1)
                at += size
                continue
        if not state[OPEN]:
            state[OUT] = out
            _open_block(page, at, text, blocks, state, element)
            key, word_bytes, out = _OFFSET, np.int64(0), state[OUT]
        elif space:
            text[out] = 10 if space == 2 else 32
            out += 1
            characters += 1
        space = np.int64(0)
        for place in range(at, at + size):
            text[out] = page[place]
            out += 1
        characters += 1
        if kind == _SMALL or kind == _CAPITAL or kind == _DIGIT:
            last = np.int64(LAST_OTHER)
            if kind == _CAPITAL:
                capitals += 1
            elif kind == _DIGIT:
                digits += 1
            if 0x3005 <= point <= 0x9FFF or 0xF900 <= point <= 0xFAFF or 0x20000 <= point < 0x40000:
                characters, quarters, ideographs = characters + 2, quarters + 2, ideographs + 1
            elif (0xE00 <= point < 0x10A0 and (point < 0xF00 or point >= 0x1000)) or 0x1780 <= point < 0x1800:
                quarters += 1
            else:
                for place in range(at, at + size):
                    letter = page[place]
                    key = (key ^ np.uint64(letter | 32 if 65 <= letter <= 90 else letter)) * _PRIME
                word_bytes += size
        else:
            if word_bytes:
                state[WORD], state[WORD_BYTES] = np.int64(key), word_bytes
                end_word(blocks, state)
                key, word_bytes = _OFFSET, np.int64(0)
            if kind == _SENTENCE:
                sentences, last = sentences + 1, np.int64(LAST_SENTENCE)
            elif kind == _COMMA:
                commas, last = commas + 1, np.int64(LAST_OTHER)
            elif point == 58 or point == 0xFF1A:
                last = np.int64(LAST_COLON)
            elif not (point == 34 or point == 39 or point == 41 or point == 0x201D or point == 0xBB or point == 0):
                last = np.int64(LAST_OTHER)
        at += size
    state[SPACE], state[OUT], state[WORD], state[WORD_BYTES] = space, out, np.int64(key), word_bytes
    if state[OPEN]:
        _add(blocks, state, characters, quarters, commas, sentences, digits, capitals, foreign, ideographs, last)
    return at
