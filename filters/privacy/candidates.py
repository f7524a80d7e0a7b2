"""Where personal data may stand in a text: one pass over its UTF-8 bytes that costs nothing where there is none.

A candidate is a range of bytes and why it is one; `filters.privacy.personal_data` judges it. What cannot be personal data by its length is
none: a number of fewer than seven digits (six behind two capitals) that is no IPv4 address, a run with colons that holds no IPv6 address.
"""

# A kernel takes its scratch arrays as arguments, and its integers get their types from numba.
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

AT = 0
"""An '@'."""
BRACKETED_AT = 1
"""'(at)', '[at]' or '{at}', in any case."""
NUMBER = 2
"""Digits and what separates them, within a line."""
LETTERED = 3
"""Two or six capitals at the beginning of a word, and the digits behind them."""
COLONS = 4
"""Hexadecimal groups with colons, enough of them for an IPv6 address."""

_COLUMNS = 4  # kind, begin, past, digits of a number
_ROWS = 1024
_LEAST_DIGITS = 7
_COLON, _SPACE, _DOT = 0x3A, 0x20, 0x2E
_IPV6_BYTES = 45  # eight groups, the last two as an IPv4 address


def _classes() -> npt.NDArray[np.uint8]:
    """0: no beginning of a candidate; 1: a digit; 2: '@'; 3: ':'; 4: an opening bracket."""
    table = np.zeros(256, np.uint8)
    table[ord("0") : ord("9") + 1] = 1
    table[ord("@")], table[_COLON] = 2, 3
    table[[ord("("), ord("["), ord("{")]] = 4
    return table


_CLASSES = _classes()


def candidates(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Kind, begin, past and number of digits of each candidate, in rising order of what made it one.

    Args:
        data: UTF-8.
    """
    text = np.frombuffer(data, np.uint8)
    rows = np.empty((_ROWS, _COLUMNS), np.int64)
    at = 0
    while at < len(text):
        at, count = _find(text, at, _CLASSES, rows)
        yield from map(tuple, rows[:count].tolist())


@kernel
def _is_digit(byte) -> bool:
    return 0x30 <= byte <= 0x39


@kernel
def _is_capital(byte) -> bool:
    return 0x41 <= byte <= 0x5A


@kernel
def _is_word(byte) -> bool:
    """An ASCII letter, digit or '_', or a byte of a character beyond ASCII."""
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte == 0x5F or byte >= 0x80


@kernel
def _is_hexadecimal(byte) -> bool:
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66


@kernel
def _separator(data, at):
    """Bytes of the separator of digits that stands at `at`: blank - . / ( ) or a hyphen or blank beyond ASCII; 0 where none does."""
    byte = data[at]
    if byte in (0x20, 0x2D, 0x2E, 0x2F, 0x28, 0x29):
        return 1
    if byte == 0xC2 and at + 1 < len(data) and data[at + 1] == 0xA0:
        return 2
    # U+2010 to U+2013, and U+202F.
    if byte == 0xE2 and at + 2 < len(data) and data[at + 1] == 0x80 and (0x90 <= data[at + 2] <= 0x93 or data[at + 2] == 0xAF):
        return 3
    return 0


@kernel
def _find(data, at, classes, rows):
    """Fill `rows` from `at` on; where it went on to, and how many rows it filled."""
    count = 0
    while at < len(data) and count + 2 < len(rows):
        kind = classes[data[at]]
        if kind == 0:
            at += 1
        elif kind == 1:
            at, count = _number(data, at, rows, count)
        elif kind == 2:
            rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = AT, at, at + 1, 0
            count += 1
            at += 1
        elif kind == 3:
            at, count = _colons(data, at, rows, count)
        else:
            if at + 3 < len(data) and data[at + 1] | 0x20 == 0x61 and data[at + 2] | 0x20 == 0x74 and data[at + 3] in (0x29, 0x5D, 0x7D):
                rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = BRACKETED_AT, at, at + 4, 0
                count += 1
            at += 1
    return at, count


@kernel
def _number(data, at, rows, count):
    """A run of digits from `at` on, with at most three separators between two of them."""
    letters = 0
    while letters < 7 and at - letters > 0 and _is_capital(data[at - letters - 1]):
        letters += 1
    if letters and at > letters and _is_word(data[at - letters - 1]):
        letters = 0
    blank = at > 2 and data[at - 1] == _SPACE and _is_capital(data[at - 2])
    begin, past = at, at
    first, digits, dots = 0, 0, 0
    while at < len(data):
        if _is_digit(data[at]):
            at += 1
            digits += 1
            past = at
            continue
        if first == 0:
            first = digits
        width, pieces = _separator(data, at), 0
        gap = at
        while width and pieces < 3 and gap < len(data):
            if data[gap] == _DOT:
                dots += 1
            gap += width
            pieces += 1
            width = _separator(data, gap) if gap < len(data) else 0
        if pieces == 0 or gap >= len(data) or not _is_digit(data[gap]):
            break
        at = gap
    if first == 0:
        first = digits
    if (letters == 2 and first >= 2) or (letters == 6 and first == 2):
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = LETTERED, begin - letters, past, digits
        count += 1
    least = _LEAST_DIGITS - 1 if letters == 2 or blank else _LEAST_DIGITS
    if digits >= least or (dots >= 3 and digits >= 4):
        # A sign, or a bracket and a sign, belong to the number.
        back = 0
        while begin > 0 and back < 2 and data[begin - 1] in (0x2B, 0x28):
            begin -= 1
            back += 1
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = NUMBER, begin, past, digits
        count += 1
    return past, count


@kernel
def _colons(data, at, rows, count):
    """The run of hexadecimal digits, colons and dots around the colon at `at`, which is its first."""
    begin = at
    while begin > 0 and at - begin < 5 and _is_hexadecimal(data[begin - 1]):
        begin -= 1
    past, colons, double = at, 0, False
    while past < len(data) and past - begin <= _IPV6_BYTES and (data[past] in (_COLON, _DOT) or _is_hexadecimal(data[past])):
        if data[past] == _COLON:
            colons += 1
            double = double or (past > begin and data[past - 1] == _COLON)
        past += 1
    if colons < 2:
        # A time of day or a mapping: the digits behind the colon are still to be looked at.
        return at + 1, count
    outside = begin > 0 and _is_word(data[begin - 1])
    if not outside and (double or colons >= 6) and past - begin >= 4:
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = COLONS, begin, past, 0
        count += 1
        return past, count
    return at + 1, count
