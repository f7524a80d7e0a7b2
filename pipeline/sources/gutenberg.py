"""Project Gutenberg's texts: what is the book, what is the Project's own header, licence and credits.

Three generations of files are known, by these marks:
  since 2003     `*** START OF THE/THIS PROJECT GUTENBERG EBOOK … ***` to `*** END OF …`, the licence behind it;
  2001 to 2003   the same marks, the "small print" behind the end;
  before         no marks; the small print stands before the book and closes with `*END*THE SMALL PRINT! …*END*`.
The wording of the marks was taken from the 46 editions of shared/data/books/gitenberg.

Licence: the Project distributes works in the public domain of the United States under its own terms for the trademark. SPDX lists no
identifier for either, so documents carry `LicenseRef-Project-Gutenberg`, and works that the header calls copyrighted
`LicenseRef-Project-Gutenberg-Copyrighted`, which a user may want to leave out.
"""

from __future__ import annotations

import re

from pipeline.sources.book import Book
from pipeline.sources.dates import iso_date

LICENCE = "LicenseRef-Project-Gutenberg"
COPYRIGHTED = "LicenseRef-Project-Gutenberg-Copyrighted"
HEADER_CHARACTERS = 20_000  # the longest header seen, with the small print in front, has 14,000

_START = re.compile(r"\s{0,8}\*{3}\s{0,4}START OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)
_END = re.compile(r"\s{0,8}\*{3}\s{0,4}END OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)
_SMALL_PRINT = re.compile(r"\s{0,8}\*{3,4}START\*\*\s{0,2}(?:THE )?SMALL PRINT", re.IGNORECASE)
_SMALL_PRINT_END = re.compile(r"\s{0,8}\*(?:END\s?\*?\s?THE )?SMALL PRINT!.{0,80}\*END\*", re.IGNORECASE)
_LAST_WORDS = re.compile(r"\s{0,8}\*{0,3}\s{0,4}(?:End of (?:the |this )?Project|Ende dieses Projekte?) Gutenberg", re.IGNORECASE)
_LAST_STARS = re.compile(r"\s{0,8}\*{3}\s{0,4}(?:THE )?END\.?\s{0,4}\*{3}\s{0,8}", re.IGNORECASE)
_CREDITS = re.compile(
    r"\s{0,8}(?:Produced by|E-?text (?:prepared|reformatted) by|This e-?(?:text|book) was (?:produced|prepared) by|\(Additional editing by"
    r"|Dieses Buch wurde uns freundlicherweise)",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\s{0,8}(Title|Author|Release Date|Posting Date|Language|Character set encoding)\s?:\s{0,8}(\S.{0,400})", re.IGNORECASE
)
_OLD_TITLE = re.compile(
    r"[\s*]{0,12}(?:This is )?(?:The )?(?:\w{1,10} )?Project Gutenberg e-?(?:text|book) of ([^*]{1,200})", re.IGNORECASE
)
_OLD_DATE = re.compile(r"\s{0,8}([A-Z][a-z]{2,8},? \d{4})\s{1,8}\[E-?(?:text|book) #", re.IGNORECASE)


def recognises(text: str) -> bool:
    """Whether the first lines speak of the Project, or one of its marks stands in the header's place."""
    head = text[:HEADER_CHARACTERS]
    return "project gutenberg" in head[:3000].lower() or any(_START.match(line) for line in head.split("\n"))


def declared_encoding(data: bytes) -> str | None:
    """`Character set encoding` of the header."""
    found = re.search(rb"Character set encoding:\s{0,8}([A-Za-z0-9_.-]{2,40})", data[:HEADER_CHARACTERS], re.IGNORECASE)
    return found[1].decode("ascii") if found else None


def strip(text: str) -> Book:
    """The book within a text of the Project; the whole text where no mark is found. `date` is the release of the edition."""
    lines = text.split("\n")
    first, last = _first_line(lines), len(lines)
    for number in range(first, len(lines)):
        if _END.match(lines[number]) or _SMALL_PRINT.match(lines[number]):
            last = number
            break
    first = _behind_credits(lines, first, last)
    last = _last_line(lines, first, last)
    header = lines[: max(first, 60)]
    fields = _fields(header)
    copyrighted = any("copyrighted project gutenberg" in " ".join(line.lower().split()) for line in lines[: first + 1])
    return Book(
        text="\n".join(lines[first:last]).strip("\n"),
        title=fields.get("title") or _old_title(lines[:40]),
        author=fields.get("author"),
        language=fields.get("language"),
        date=iso_date(fields.get("release date", fields.get("posting date"))) or _old_date(header),
        licence=COPYRIGHTED if copyrighted else LICENCE,
    )


def _first_line(lines: list[str]) -> int:
    """First line behind the header: behind the start mark, else behind a small print that has a book behind it."""
    for number, line in enumerate(lines):
        if _START.match(line):
            # The title inside the mark may run over two or three lines.
            for further in range(number, min(number + 4, len(lines))):
                if lines[further].rstrip().endswith("***") and (further > number or line.count("***") > 1):
                    return further + 1
            return number + 1
    for number, line in enumerate(lines):
        if _SMALL_PRINT_END.match(line):
            return number + 1 if any(rest.strip() for rest in lines[number + 1 :]) else 0
    return 0


def _behind_credits(lines: list[str], first: int, last: int) -> int:
    """The line behind the paragraphs, at most five, that name who made the file or repeat its old title line."""
    for _ in range(6):
        while first < last and not lines[first].strip():
            first += 1
        if first == last or not (_CREDITS.match(lines[first]) or _OLD_TITLE.match(lines[first]) or lines[first].strip() == "***"):
            break
        while first < last and lines[first].strip():
            first += 1
    return first


def _last_line(lines: list[str], first: int, last: int) -> int:
    """The end without "End of Project Gutenberg's …", which stands in the last lines and may take two."""
    for number in range(max(first, last - 12), last):
        if _LAST_WORDS.match(lines[number]) or _LAST_STARS.fullmatch(lines[number]):
            return number
    return last


def _fields(header: list[str]) -> dict[str, str]:
    """The `Name: value` lines of a header; an indented line goes on with the value before it."""
    fields: dict[str, str] = {}
    name = ""
    for line in header:
        if found := _FIELD.match(line):
            name = found[1].lower()
            fields.setdefault(name, found[2].strip())
        elif name and line.startswith("   ") and line.strip() and name in {"title", "author"}:
            fields[name] = f"{fields[name]} {line.strip()}"[:400]
        else:
            name = ""
    return fields


def _old_title(lines: list[str]) -> str | None:
    for line in lines:
        if found := _OLD_TITLE.match(line):
            return found[1].split(", by ")[0].strip(" .\"'") or None
    return None


def _old_date(header: list[str]) -> str | None:
    return next((iso_date(found[1]) for line in header if (found := _OLD_DATE.match(line))), None)
