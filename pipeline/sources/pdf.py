"""PDF with a text layer: the lines of its pages as paragraphs, by pdfium.

In:  the bytes of a file. pdfium is native code: what it makes of a hostile file is its own affair, so `read_pdf` is a function of its
     arguments alone and can be called in another process.
Out: one `Book`. Lines that most pages repeat at their top or bottom (running heads, page numbers) are left out; lines are joined to
     paragraphs, also across pages; words that a line end divides are joined.
Lost: pages without text; where nearly all are so, the book is refused, since what text there is will be the digitiser's cover page.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from filters.licences.licence import licence_of_text
from filters.text import normalise_text
from pipeline.sources.book import Book, NotABook
from pipeline.sources.dates import iso_date

TEXT_PAGE_SHARE = 0.1  # of pages that must have text
EDGE_LINES = 2  # at the top and the bottom of a page that may be running heads
# Left and right pages have heads of their own, and the first page of a chapter has none.
REPEATED_SHARE, REPEATED_PAGES = 0.3, 3
METADATA_BYTES = 1 << 20

_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?")
_DIGITS = re.compile(r"\d+|\b[ivxlcIVXLC]{1,8}\b")
HYPHENS = "\x02\ufffe\u00ad"  # pdfium's marks for a hyphen that divides a word, and the soft hyphen
_DIVIDED = re.compile(f"[{HYPHENS}](.?)")
SENTENCE_ENDS = tuple('.!?:…。！？”"»)')


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """What a file may be at most; beyond it is refused."""

    bytes: int = 64 << 20
    pages: int = 10_000
    page_characters: int = 200_000
    """A printed page has 2,000 to 6,000, a newspaper's 40,000."""
    characters: int = 64 << 20


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line of a page stands, in points from the lower left corner."""

    left: float
    right: float
    foot: float
    """Of its first character; pdfium joins the lines of a word that is divided into one, so the last may stand lower."""
    last_foot: float
    size: float
    """Of its type."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    place: _Place | None
    """None where pdfium does not say."""


def read_pdf(data: bytes, limits: PdfLimits) -> Book:
    """The book in a PDF file; `date` is the file's creation.

    Raises:
        NotABook: broken, encrypted with a password, beyond the limits, without pages, or 'no text layer'.
    """
    import pypdfium2

    if len(data) > limits.bytes:
        raise NotABook("too long", f"{len(data)} bytes, more than {limits.bytes}")
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise NotABook("encrypted" if "password" in str(error).lower() else "broken PDF", str(error)) from error
    try:
        pages = list(_pages(document, limits))
        stated = {name: normalise_text(value).strip() for name, value in document.get_metadata_dict(skip_empty=True).items()}
        language = _language(document)
    except pypdfium2.PdfiumError as error:
        raise NotABook("broken PDF", str(error)) from error
    finally:
        document.close()
    written = [page for page in pages if page]
    if len(written) < TEXT_PAGE_SHARE * len(pages) or not written:
        raise NotABook("no text layer", f"{len(written)} of {len(pages)} pages have text")
    day = _DATE.match(stated.get("CreationDate", ""))
    return Book(
        text=_paragraphs(_without_running_heads(written)),
        title=stated.get("Title") or None,
        author=stated.get("Author") or None,
        language=language,
        date=iso_date("-".join(part for part in day.groups() if part)) if day else None,
        licence=_licence(data),
    )


def _pages(document: Any, limits: PdfLimits) -> Iterator[list[_Line]]:
    """Lines of each page that are not blank."""
    import pypdfium2

    if not len(document):
        raise NotABook("broken PDF", "no pages")
    if len(document) > limits.pages:
        raise NotABook("too long", f"{len(document)} pages, more than {limits.pages}")
    total = damaged = 0
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            # A page that cannot be loaded is one without text.
            damaged += 1
            yield []
            continue
        text_page = page.get_textpage()
        count = text_page.count_chars()
        total += count
        if count > limits.page_characters or total > limits.characters:
            raise NotABook("too long", f"{count} characters on page {number + 1}, {total} so far")
        yield _lines(text_page, count)
        text_page.close()
        page.close()
    if damaged == len(document):
        raise NotABook("broken PDF", "no page of it can be loaded")


def _lines(text_page: Any, count: int) -> list[_Line]:
    text = text_page.get_text_range() if count else ""
    # Characters outside the basic plane are two of pdfium's and one of Python's: then numbers do not agree, and places are not asked for.
    placed = len(text) == count
    lines, at = [], 0
    for line in text.split("\n"):
        words = line.strip(" \t\r")
        if words:
            first = at + line.index(words[0])
            last = first + len(words.rstrip(HYPHENS)) - 1
            lines.append(_Line(normalise_text(words), _place(text_page, first, max(first, last)) if placed else None))
        at += len(line) + 1
    return lines


def _place(text_page: Any, first: int, last: int) -> _Place | None:
    import pypdfium2.raw as pdfium

    left, right, foot, last_foot, unused = (ctypes.c_double() for _ in range(5))
    if not (
        pdfium.FPDFText_GetCharBox(text_page, last, unused, right, unused, unused)
        and pdfium.FPDFText_GetCharOrigin(text_page, last, unused, last_foot)
        and pdfium.FPDFText_GetCharOrigin(text_page, first, left, foot)
    ):
        return None
    size = max(pdfium.FPDFText_GetFontSize(text_page, number) for number in (first, last))
    return _Place(left.value, right.value, foot.value, last_foot.value, size)


def _without_running_heads(pages: list[list[_Line]]) -> list[list[_Line]]:
    """The pages without the lines at their edges that many repeat, numbers in them aside."""
    times = Counter(form for page in pages for form in {_form(line) for line in _edges(page)})
    most = max(REPEATED_PAGES, REPEATED_SHARE * len(pages))
    repeated = {form for form, count in times.items() if count >= most}
    titles = {form for line in pages[0] if "#" not in (form := _form(line))}
    # The first page's may be the title itself.
    kept = [[line for line in pages[0] if (form := _form(line)) not in repeated or form in titles]]
    for page in pages[1:]:
        first, last = 0, len(page)
        while first < min(EDGE_LINES, last) and _form(page[first]) in repeated:
            first += 1
        while last > max(first, len(page) - EDGE_LINES) and _form(page[last - 1]) in repeated:
            last -= 1
        kept.append(page[first:last])
    return kept


def _edges(page: list[_Line]) -> list[_Line]:
    return page if len(page) <= 2 * EDGE_LINES else page[:EDGE_LINES] + page[-EDGE_LINES:]


def _form(line: _Line) -> str:
    return _DIGITS.sub("#", " ".join(line.text.split())).casefold()


def _paragraphs(pages: list[list[_Line]]) -> str:
    """Lines joined to paragraphs, page by page; a sentence that a page's end cuts goes on in its paragraph."""
    paragraphs: list[str] = []
    for page in pages:
        places = [line.place for line in page if line.place]
        steps = [a.last_foot - b.foot for a, b in pairwise(places) if a.last_foot > b.foot]
        pitch = median(steps) if steps else 0.0
        left = median(place.left for place in places) if places else 0.0
        right = sorted(place.right for place in places)[len(places) * 3 // 4] if places else 0.0
        before: _Line | None = None
        for line in page:
            if before is None:
                begins = not paragraphs or (not paragraphs[-1].endswith(tuple(HYPHENS)) and not line.text[:1].islower())
            else:
                begins = _begins(before, line, pitch, left, right)
            if begins:
                paragraphs.append(line.text)
            else:
                paragraphs[-1] = _joined(paragraphs[-1], line.text)
            before = line
    return "\n\n".join(_DIVIDED.sub(_undivided, paragraph) for paragraph in paragraphs)


def _begins(before: _Line, line: _Line, pitch: float, left: float, right: float) -> bool:
    """Whether a line begins a paragraph: behind a gap, in another size of type, indented, or behind a short line that ends a sentence."""
    if before.text.endswith(tuple(HYPHENS)):
        return False
    above, here = before.place, line.place
    if above is None or here is None:
        return before.text.endswith(SENTENCE_ENDS)
    step = above.last_foot - here.foot
    em = max(here.size, 1.0)
    # A step upwards leads to the next column, where the sentence goes on.
    if pitch and step > 1.4 * pitch:
        return True
    if max(above.size, here.size) > 1.15 * max(1.0, min(above.size, here.size)):
        return True
    if here.left - above.left > 0.8 * em and left + 0.8 * em < here.left < left + 6 * em:
        return True
    return above.right < right - 3 * em and before.text.endswith(SENTENCE_ENDS)


def _undivided(found: re.Match[str]) -> str:
    """The word without its hyphen; `Anglo-` and `Saxon` keep theirs."""
    return found[1] if found[0][0] == "\u00ad" or not found[1].isupper() else f"-{found[1]}"


def _joined(paragraph: str, line: str) -> str:
    if paragraph.endswith(tuple(HYPHENS)):
        return paragraph + line
    # A hyphen behind a letter divides a word where a small letter goes on.
    if paragraph.endswith(("-", "\u2010")) and paragraph[-2:-1].isalpha() and line[:1].islower():
        return paragraph[:-1] + line
    return f"{paragraph} {line}"


def _language(document: Any) -> str | None:
    """The catalogue's /Lang."""
    import pypdfium2.raw as pdfium

    size = pdfium.FPDFCatalog_GetLanguage(document, None, 0)
    if not 2 < size <= 512:
        return None
    buffer = (ctypes.c_ushort * (size // 2))()
    pdfium.FPDFCatalog_GetLanguage(document, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").strip("\0 ") or None


def _licence(data: bytes) -> str | None:
    """The licence that the XMP metadata names, which most writers leave uncompressed so that it can be found (ISO 16684-1, section 7.2)."""
    start = data.find(b"<x:xmpmeta")
    end = data.find(b"</x:xmpmeta>", start, start + METADATA_BYTES) if start >= 0 else -1
    found = licence_of_text(data[start:end].decode("utf-8", "ignore")) if end >= 0 else "unknown"
    return found if found != "unknown" else None
