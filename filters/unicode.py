"""Character classes and simple lower case per code point, pinned to one version of Unicode, and UTF-8 for the kernels.

Two small arrays lie beside this module and are expanded once per process (2 ms), so that a result does not depend on the Unicode version
of the Python that runs it. `python -m filters.unicode` makes them anew from `unicodedata`; that is a change of definition.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

UNICODE_VERSION = "14.0.0"
CODE_POINTS = 0x110000
REPLACEMENT = 0xFFFD

# The low three bits: what a character does to segmentation.
KIND = 7
SPACE = 0
LETTER = 1
DIGIT = 2
EXTEND = 3  # combining marks, format characters (joiners) and "_": belong to the token before them
SYMBOL = 4  # everything else: punctuation, symbols, controls, unassigned
PAIRED = 5  # Han, kana, bopomofo, yi: written without blanks, about two characters a word
CLUSTERED = 6  # Thai, Lao, Khmer, Myanmar, Tai: written without blanks, about four letters a word
# The high bits: independent properties.
TERMINAL = 8  # ends a sentence in some script (Unicode's Sentence_Terminal), or is a quotation mark of English
ALPHABETIC = 16  # str.isalpha
ALPHANUMERIC = 32  # str.isalnum
WORD = 64  # \w of Python's re: alphanumeric or "_"
LOWER = 128  # str.islower

_Ranges = tuple[tuple[int, int], ...]
_PAIRED: _Ranges = (
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF)),
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA48C), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x323AF)),
)
_CLUSTERED: _Ranges = (
    *((0x0E01, 0x0E4E), (0x0E80, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17D3), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xA9E0, 0xA9FF)),
    (0xAA60, 0xAADF),
)
# Sentence_Terminal of Unicode's PropList, the scripts that live text is written in; and the quotes that FineWeb's rule counts, also in
# their curly form.
_TERMINALS = ".!?։؝؞؟۔܀܁܂߹।॥၊။።፧፨᙮។៕‼‽⁇⁈⁉。꓿﹒﹖﹗！．？｡" + "'\"’”"

_CLASSES_FILE = Path(__file__).with_name("unicode_classes.npy")
_LOWER_FILE = Path(__file__).with_name("unicode_lower.npy")


@cache
def classes() -> npt.NDArray[np.uint8]:
    """One byte per code point, uint8 [0x110000]: a kind in the low three bits, properties above."""
    starts, values = np.load(_CLASSES_FILE).T
    table = np.repeat(values.astype(np.uint8), np.diff(starts, append=CODE_POINTS))
    table.setflags(write=False)
    return table


@cache
def lower() -> npt.NDArray[np.int32]:
    """Simple (one to one) lower case per code point, int32 [0x110000]. Final sigma is σ, and İ is i."""
    table = np.arange(CODE_POINTS, dtype=np.int32)
    upper, lowered = np.load(_LOWER_FILE).T
    table[upper] = lowered
    table.setflags(write=False)
    return table


@kernel
def code_point(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The code point of the UTF-8 sequence at `at` and its length in bytes; a byte that begins no valid sequence is U+FFFD of length 1."""
    lead = np.int64(data[at])
    if lead < 0x80:
        return lead, 1
    if lead < 0xC2 or lead > 0xF4:
        return REPLACEMENT, 1
    size = 2 if lead < 0xE0 else (3 if lead < 0xF0 else 4)
    if at + size > end:
        return REPLACEMENT, 1
    value = lead & (0x7F >> size)
    for k in range(1, size):
        byte = np.int64(data[at + k])
        if byte & 0xC0 != 0x80:
            return REPLACEMENT, 1
        value = (value << 6) | (byte & 0x3F)
    if value >= CODE_POINTS:
        return REPLACEMENT, 1
    return value, size


@kernel
def write_code_point(found, to, point):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 into `found`, uint8, at `to`; where the writing ended."""
    if point < 0x80:
        found[to] = point
        return to + 1
    if point < 0x800:
        found[to], found[to + 1] = 0xC0 | (point >> 6), 0x80 | (point & 0x3F)
        return to + 2
    if point < 0x10000:
        found[to], found[to + 1], found[to + 2] = 0xE0 | (point >> 12), 0x80 | ((point >> 6) & 0x3F), 0x80 | (point & 0x3F)
        return to + 3
    found[to], found[to + 1] = 0xF0 | (point >> 18), 0x80 | ((point >> 12) & 0x3F)
    found[to + 2], found[to + 3] = 0x80 | ((point >> 6) & 0x3F), 0x80 | (point & 0x3F)
    return to + 4


def _within(point: int, ranges: _Ranges) -> bool:
    return any(first <= point <= last for first, last in ranges)


def is_clustered(point: int) -> bool:
    """Whether a code point lies in a block of Thai, Lao, Khmer, Myanmar or Tai: no blanks, and words of several letters."""
    return _within(point, _CLUSTERED)


def _class(point: int) -> int:
    """The class byte of one code point, from `unicodedata`."""
    character = chr(point)
    category = unicodedata.category(character)
    properties = (
        (TERMINAL if character in _TERMINALS else 0)
        | (ALPHABETIC if character.isalpha() else 0)
        | (ALPHANUMERIC if character.isalnum() else 0)
        | (WORD if character.isalnum() or character == "_" else 0)
        | (LOWER if character.islower() else 0)
    )
    if character.isspace():
        return SPACE | properties
    if category in {"Mn", "Mc", "Me", "Cf"} or character == "_":
        return EXTEND | properties
    if character.isalnum():
        if category[0] == "L" or category == "Nl":
            if _within(point, _PAIRED):
                return PAIRED | properties
            if _within(point, _CLUSTERED):
                return CLUSTERED | properties
        return (LETTER if character.isalpha() else DIGIT) | properties
    return SYMBOL | properties


def measured_classes() -> npt.NDArray[np.int32]:
    """Runs of equal class, int32 [runs, 2] of (first code point, class), by the running Python's `unicodedata`."""
    table = np.fromiter((_class(point) for point in range(CODE_POINTS)), dtype=np.int32, count=CODE_POINTS)
    starts = np.flatnonzero(np.diff(table, prepend=-1)).astype(np.int32)
    return np.column_stack([starts, table[starts]])


def measured_lower() -> npt.NDArray[np.int32]:
    """Pairs of (code point, lower case) where the two differ, int32 [pairs, 2], by the running Python."""
    pairs = [(point, ord(chr(point).lower()[0])) for point in range(CODE_POINTS) if ord(chr(point).lower()[0]) != point]
    return np.array(pairs, dtype=np.int32)


if __name__ == "__main__":
    if unicodedata.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"this Python knows Unicode {unicodedata.unidata_version}; the tables are of {UNICODE_VERSION}")
    np.save(_CLASSES_FILE, measured_classes())
    np.save(_LOWER_FILE, measured_lower())
