"""Kept blocks to text: one line a block, cells of a row on one line, list items marked, code as it stands; or Markdown."""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# ruff: noqa: PLR1714, SIM109
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import html

import numpy as np
import numpy.typing as npt

from filters.extractor.layout import CHARACTERS, ELEMENT, END, PARENT, START, TAG
from filters.extractor.scan import Scan
from filters.extractor.tags import NUMBER
from filters.kernel import kernel
from filters.text import normalise_text

CELL_CHARACTERS = 200
"""A row with a longer cell, or with two blocks in one cell, lays out a page and is no row of data: its cells become lines."""

_TR, _TD, _TH, _LI, _OL, _UL, _PRE, _H1, _H6, _QUOTE, _TABLE = (
    NUMBER[name] for name in ("tr", "td", "th", "li", "ol", "ul", "pre", "h1", "h6", "blockquote", "table")
)
# Characters that show nothing (soft hyphen, zero-width space, byte-order mark), and the blank that does not break. One pass for each that
# occurs: str.translate takes 40 ns a character.
_REPLACED = (("\xad", ""), ("\u200b", ""), ("\ufeff", ""), ("\xa0", " "))
# Columns of what surrounds an element, int32; -1 where nothing does.
_ROW, _CELL, _ITEM, _LISTS, _NUMBER, _IN_PRE, _HEADING, _QUOTES = range(8)
_NEWLINE, _SPACE, _DASH, _HASH, _BAR, _TICK, _GREATER, _DOT = (ord(character) for character in "\n -#|`>.")


def render(scanned: Scan, kept: npt.NDArray[np.bool_], *, markdown: bool = False) -> str:
    """Text of the kept blocks, in `filters.text.normalise_text`'s form.

    Args:
        scanned: the page.
        kept: bool [blocks].
        markdown: headings, fences, tables and numbers of list items as CommonMark with GitHub's tables; inline mark-up is not kept.
    """
    if not kept.any():
        return ""
    blocks = scanned.blocks
    # Marks: at most a heading's seven, two fences of four, and a dash and three indents for each of ten list levels.
    room = int((blocks[kept, END] - blocks[kept, START]).sum()) + 64 * int(kept.sum()) * (2 if markdown else 1)
    out = np.empty(room + 64, np.uint8)
    around = _surroundings(scanned.elements)
    size = (_markdown if markdown else _plain)(scanned.text, blocks, kept, around, _data_rows(blocks, kept, around), out)
    return shown(out[:size].tobytes())


def plain_bytes(scanned: Scan) -> bytes:
    """Everything that a page shows, menus and footers included, in UTF-8 with its entities as they are written."""
    kept = np.ones(len(scanned.blocks), np.bool_)
    out = np.empty(len(scanned.text) + 8 * len(kept), np.uint8)
    around = _surroundings(scanned.elements)
    return out[: _plain(scanned.text, scanned.blocks, kept, around, _data_rows(scanned.blocks, kept, around), out)].tobytes()


def shown(data: bytes) -> str:
    """Text of a stretch of the page as a reader sees it."""
    text = data.decode("utf-8", "replace")
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        for character, replacement in _REPLACED:
            if character in text:
                text = text.replace(character, replacement)
    return normalise_text(text).strip("\n")


@kernel
def _surroundings(elements):
    """Row, cell and list item around each element, and what it stands in, int32 [elements, 8]."""
    around = np.zeros((len(elements), 8), np.int32)
    items = np.zeros(len(elements), np.int32)
    around[0, _ROW] = around[0, _CELL] = around[0, _ITEM] = -1
    for element in range(1, len(elements)):
        parent, tag = elements[element, PARENT], elements[element, TAG]
        for column in range(8):
            around[element, column] = around[parent, column]
        if tag == _TR:
            around[element, _ROW], around[element, _CELL] = element, -1
        elif tag == _TD or tag == _TH:
            around[element, _CELL] = element
        elif tag == _TABLE:
            around[element, _ROW] = around[element, _CELL] = -1
        elif tag == _LI:
            around[element, _ITEM] = element
            items[parent] += 1
            around[element, _NUMBER] = items[parent] if elements[parent, TAG] == _OL else 0
        elif tag == _OL or tag == _UL:
            around[element, _LISTS] += 1
        elif tag == _PRE:
            around[element, _IN_PRE] = element
        elif _H1 <= tag <= _H6:
            around[element, _HEADING] = tag - _H1 + 1
        elif tag == _QUOTE:
            around[element, _QUOTES] += 1
    return around


@kernel
def _data_rows(blocks, kept, around):
    """Which elements are rows of data, bool [elements]: see CELL_CHARACTERS."""
    rows = np.zeros(len(around), np.bool_)
    filled = np.full(len(around), -1, np.int32)
    for block in range(len(blocks)):
        if kept[block]:
            row, cell = around[blocks[block, ELEMENT], _ROW], around[blocks[block, ELEMENT], _CELL]
            if row >= 0 and cell >= 0 and filled[row] == -1:
                rows[row] = True
            if row >= 0:
                if cell < 0 or cell == filled[row] or blocks[block, CHARACTERS] > CELL_CHARACTERS:
                    rows[row] = False
                filled[row] = max(cell, 0)
    return rows


@kernel
def _copy(text, start, end, out, size) -> int:
    for place in range(start, end):
        out[size] = text[place]
        size += 1
    return size


@kernel
def _fill(out, size, byte, count) -> int:
    for _ in range(count):
        out[size] = byte
        size += 1
    return size


@kernel
def _plain(text, blocks, kept, around, rows, out) -> int:
    size, last_row, last_item = 0, -1, -1
    for block in range(len(blocks)):
        if not kept[block]:
            continue
        element = blocks[block, ELEMENT]
        row, item = around[element, _ROW], around[element, _ITEM]
        data = row >= 0 and rows[row]
        if size:
            if data and row == last_row:
                size = _fill(out, size, _SPACE, 1)
                size = _fill(out, size, _BAR, 1)
                size = _fill(out, size, _SPACE, 1)
            else:
                size = _fill(out, size, _NEWLINE, 1)
        if item >= 0 and item != last_item and not (data and row == last_row):
            size = _fill(out, size, _DASH, 1)
            size = _fill(out, size, _SPACE, 1)
        size = _copy(text, blocks[block, START], blocks[block, END], out, size)
        last_row, last_item = row if data else -1, max(item, last_item)
    return size


@kernel
def _numbered(out, size, number) -> int:
    """Decimal digits of a number, a dot and a blank."""
    power = 1
    while power * 10 <= number:
        power *= 10
    while power:
        out[size] = 48 + number // power % 10
        size, power = size + 1, power // 10
    out[size], out[size + 1] = _DOT, _SPACE
    return size + 2


@kernel
def _prefixed(text, start, end, out, size, quotes, indent) -> int:
    """Copy, with each further line indented or quoted as the first."""
    for place in range(start, end):
        if size + 2 * quotes + indent + 8 >= len(out):
            break
        out[size] = text[place]
        size += 1
        if text[place] == _NEWLINE:
            size = _fill(out, size, _GREATER, min(quotes, 1))
            size = _fill(out, size, _SPACE, min(quotes, 1) + indent)
    return size


@kernel
def _markdown(text, blocks, kept, around, rows, out) -> int:
    size, last_row, last_item, last_pre, columns = 0, -1, -1, 0, 0
    for block in range(len(blocks)):
        if not kept[block]:
            continue
        element = blocks[block, ELEMENT]
        row, item, pre = around[element, _ROW], around[element, _ITEM], around[element, _IN_PRE]
        data = row >= 0 and rows[row]
        if last_pre and pre != last_pre:
            size = _fill(out, size, _NEWLINE, 1)
            size = _fill(out, size, _TICK, 3)
        if last_row >= 0 and row != last_row:
            size = _end_row(out, size, columns)
            columns = -1 if data else 0
        indent = 2 * min(max(around[element, _LISTS] - 1, 0), 8) if item >= 0 else 0
        if data and row == last_row:
            size = _fill(out, size, _SPACE, 1)
        elif size:
            size = _fill(
                out, size, _NEWLINE, 1 if (pre and pre == last_pre) or (data and last_row >= 0) or (item >= 0 and last_item >= 0) else 2
            )
        quotes = around[element, _QUOTES]
        if not data:
            size = _fill(out, size, _SPACE, indent)
            size = _fill(out, size, _GREATER, min(quotes, 1))
            size = _fill(out, size, _SPACE, min(quotes, 1))
        if item >= 0 and item > last_item and not data:
            if around[item, _NUMBER]:
                size = _numbered(out, size, around[item, _NUMBER])
            else:
                size = _fill(out, size, _DASH, 1)
                size = _fill(out, size, _SPACE, 1)
        if pre and pre != last_pre and not data:
            size = _fill(out, size, _TICK, 3)
            size = _fill(out, size, _NEWLINE, 1)
        if around[element, _HEADING] and not data:
            size = _fill(out, size, _HASH, around[element, _HEADING])
            size = _fill(out, size, _SPACE, 1)
        if data:
            size = _fill(out, size, _BAR, 1)
            size = _fill(out, size, _SPACE, 1)
            columns += 1 if columns >= 0 else 0
        size = _prefixed(text, blocks[block, START], blocks[block, END], out, size, quotes, indent)
        last_row, last_item, last_pre = row if data else -1, item, 0 if data else pre
    if last_row >= 0:
        size = _end_row(out, size, columns)
    if last_pre:
        size = _fill(out, size, _NEWLINE, 1)
        size = _fill(out, size, _TICK, 3)
    return size


@kernel
def _end_row(out, size, columns) -> int:
    """Close a table's row; after the first, the line that makes it a heading."""
    size = _fill(out, size, _SPACE, 1)
    size = _fill(out, size, _BAR, 1)
    if columns > 0:
        size = _fill(out, size, _NEWLINE, 1)
        for _ in range(columns):
            size = _fill(out, size, _BAR, 1)
            size = _fill(out, size, _DASH, 3)
        size = _fill(out, size, _BAR, 1)
    return size
