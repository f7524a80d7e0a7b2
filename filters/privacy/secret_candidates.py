"""The lines of a text that may hold a secret: one pass over its bytes, so that prose costs next to nothing.

Every format that `filters.privacy.secrets` knows, but for armoured keys, lies within a line, and each match has one of
- 14 letters, digits and `+/=_-` in a row with a digit and a letter among them (the shortest tokens have 16);
- 23 of those in a row with a letter (a token of several parts may have its digit in a short one);
- `eyJ`, with which a JSON web token begins;
- `://` and behind it, before a blank, an '@'.
"""

# mypy: disable-error-code="assignment, no-any-return, no-untyped-def"

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

_MIXED, _LONG = 14, 23
_LETTER, _DIGIT, _SIGN, _BLANK, _LINE, _AT, _COLON = 1, 2, 3, 4, 5, 6, 7


def _classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[ord("A") : ord("Z") + 1] = table[ord("a") : ord("z") + 1] = _LETTER
    table[ord("0") : ord("9") + 1] = _DIGIT
    table[list(b"+/=_-")] = _SIGN
    table[list(b" \t\r\f\v")] = _BLANK
    table[ord("\n")], table[ord("@")], table[ord(":")] = _LINE, _AT, _COLON
    return table


_CLASSES = _classes()


def lines_with_candidates(data: bytes) -> npt.NDArray[np.int64]:
    """int64 [lines, 2]: begin and past, in bytes and without line feeds, of the lines in which there may be a secret, in order."""
    lines = np.empty((data.count(b"\n") + 1, 2), np.int64)
    return lines[: _search(np.frombuffer(data, np.uint8), _CLASSES, lines)]


@kernel
def _search(data, classes, lines):
    count, begin, at = 0, 0, 0
    run, letters, digits = 0, 0, 0
    address, found = False, False
    while at <= len(data):
        kind = classes[data[at]] if at < len(data) else 5
        if 1 <= kind <= 3:
            run += 1
            letters += kind == 1
            digits += kind == 2
            token = letters > 0 and ((run >= _MIXED and digits > 0) or run >= _LONG)
            # eyJ
            found = found or token or (data[at] == 0x4A and run >= 3 and data[at - 1] == 0x79 and data[at - 2] == 0x65)
        else:
            run, letters, digits = 0, 0, 0
            if kind >= 6:
                found = found or (kind == 6 and address)
                address = address or (kind == 7 and at + 2 < len(data) and data[at + 1] == 0x2F and data[at + 2] == 0x2F)
            elif kind >= 4:
                address = False
                if kind == 5:
                    if found:
                        lines[count, 0], lines[count, 1] = begin, at
                        count += 1
                    begin, found = at + 1, False
        at += 1
    return count
