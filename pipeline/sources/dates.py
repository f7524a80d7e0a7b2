"""Dates as records state them, as ISO 8601: a year, a month or a day, as exact as the record is."""

from __future__ import annotations

import re
from datetime import date, datetime

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")

_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?)?)?")
_ENGLISH = re.compile(r"([A-Za-z]{3,9})\.?,?\s{1,4}(?:(\d{1,2})(?:st|nd|rd|th)?,?\s{1,4})?(\d{4})\b")
_JAPANESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")


def iso_date(value: object) -> str | None:
    """ISO 8601 of a date, a timestamp, a year, or text that begins with one; None where there is none.

    Text is read as ISO 8601 (`2014-05-25T00:00:00Z`, `1895`), English (`October 2, 2004`, `March, 1994`) or Japanese (`2010年5月21日`).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:04d}" if 0 < value < 10_000 else None
    if not isinstance(value, str):
        return None
    text = value.strip()[:80]
    if (found := _JAPANESE.match(text)) and _exists(*found.groups()):
        return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}"
    if found := _ISO.match(text):
        rest = text[found.end() :]
        if not rest[:1].isdigit() and _exists(*found.group(1, 2, 3)):
            return found[0]
    if found := _ENGLISH.match(text):
        month = [number for number, name in enumerate(MONTHS, 1) if name.startswith(found[1].lower())]
        if len(month) == 1:
            year, day = found[3], f"{int(found[2]):02d}" if found[2] else None
            if _exists(year, f"{month[0]:02d}", day):
                return "-".join(part for part in (year, f"{month[0]:02d}", day) if part)
    return None


def _exists(year: str, month: str | None, day: str | None) -> bool:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True
