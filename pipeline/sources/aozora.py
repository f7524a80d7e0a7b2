"""Aozora Bunko's texts: without the legend, the readings over words, the typist's notes and the colophon.

The mark-up is the one that each file's own legend explains: `《…》` a reading, `｜` where the word under it begins, `［＃…］` a note,
`※［＃…］` a character outside the file's encoding, given by its place in JIS X 0213 or its Unicode number.
"""

from __future__ import annotations

import re

from pipeline.sources.book import Book
from pipeline.sources.dates import iso_date

LEGEND = "【テキスト中に現れる記号について】"
MISSING = "〓"  # the geta mark, printers' sign for a type that is not at hand

_READING = re.compile(r"《[^《》\n]{1,100}》")
_OUTSIDE = re.compile(r"※?［＃([^［］\n]{1,200})］")
_UNICODE = re.compile(r"U\+([0-9A-F]{4,6})")
_PLACE = re.compile(r"(?:^|\D)([12])-(\d{1,2})-(\d{1,2})(?:\D|$)")
_COLOPHON = re.compile(r"底本[：:]")
_RULE = re.compile(r"-{20,}\s*")


def recognises(text: str) -> bool:
    """Whether the legend stands near the top or the library is named in the colophon."""
    return LEGEND in text[:4000] or ("底本：" in text[-4000:] and "青空文庫" in text[-4000:])


def strip(text: str) -> Book:
    """The book within one of the library's text files. `date` is the day on which the file was made."""
    lines = text.split("\n")
    head = [line.strip() for line in lines[:10]]
    names = head[: head.index("")] if "" in head else head[:2]
    rules = [number for number, line in enumerate(lines[:80]) if _RULE.fullmatch(line)]
    if len(rules) >= 2 and LEGEND in "\n".join(lines[rules[0] : rules[1]]):
        lines[rules[0] : rules[1] + 1] = []
    # The colophon is the last block that begins with 底本; novels that speak of one do so earlier.
    starts = [number for number, line in enumerate(lines) if _COLOPHON.match(line) and number >= len(lines) - 60]
    colophon = lines[starts[0] :] if starts else []
    body = "\n".join(lines[: starts[0]] if starts else lines)
    return Book(
        text=_READING.sub("", _OUTSIDE.sub(_note, body)).replace("｜", ""),
        title=names[0] if names else None,
        author=names[-1] if len(names) > 1 else None,
        language="ja",
        date=next((found for line in colophon if line.rstrip().endswith("作成") and (found := iso_date(line))), None),
    )


def _note(found: re.Match[str]) -> str:
    """Nothing for a note; the character where the note describes one."""
    if not found[0].startswith("※"):
        return ""
    if number := _UNICODE.search(found[1]):
        point = int(number[1], 16)
        return chr(point) if point <= 0x10FFFF and not 0xD800 <= point < 0xE000 else MISSING
    if place := _PLACE.search(found[1]):
        plane, row, cell = (int(part) for part in place.groups())
        code = bytes([*([0x8F] if plane == 2 else []), 0xA0 + row, 0xA0 + cell]) if row <= 94 and 1 <= cell <= 94 else b""
        try:
            return code.decode("euc_jis_2004") or MISSING
        except UnicodeDecodeError:
            return MISSING
    return MISSING
