"""PDF: what a page says becomes paragraphs, and what cannot be read says why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.extract import Extract
from pipeline.sources.book import NotABook
from pipeline.sources.formats import read_book
from pipeline.sources.pdf import PdfLimits, read_pdf

Placed = tuple[float, float, str]
PROSE = (
    "The first sentence of the paragraph goes on over the end of its line and is not com-",
    "plete before the second line, where it ends after all, as sentences of prose do, and",
    "a third line of full width follows, so that the paragraph has a right edge as books do",
    "and ends here.",
)


def pdf(pages: Sequence[Sequence[Placed]], info: str = "", catalogue: str = "", trailer: str = "", metadata: str = "") -> bytes:
    """A PDF file of these pages, each a list of (left, height, words) in Times of 10 points."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
        f"<< {info} >>",
    ]
    kids = []
    for page in pages:
        shown = "".join(f"BT /F 10 Tf {left} {height} Td ({words}) Tj ET\n" for left, height, words in page)
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
        font = "/Resources << /Font << /F 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] {font} /Contents {len(objects)} 0 R >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    if metadata:
        objects.append(f"<< /Type /Metadata /Subtype /XML /Length {len(metadata)} >>\nstream\n{metadata}\nendstream")
    out, places = "%PDF-1.5\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer\n"
    return (out + end + f"<< /Size {len(places) + 1} /Root 1 0 R /Info 4 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n").encode(
        "latin-1"
    )


def column(lines: Sequence[str], top: float = 700, left: float = 60) -> list[Placed]:
    return [(left, top - 12 * number, line) for number, line in enumerate(lines)]


def book_page(number: int) -> list[Placed]:
    """A page with a running head, one paragraph, an indented one behind it, and its number at the foot."""
    first = "abcdefghijklmnopqrstuvw"[number % 20 :][:3].upper() + PROSE[0][3:]
    side = "A HISTORY OF LINES" if number % 2 else f"CHAPTER {number // 10}"
    second = column([f"Page {number} has an indented line here that", f"goes on to the left of {first[:3]}."], 652)
    second[0] = (78, *second[0][1:])
    return [(60, 760, side), *column([first, *PROSE[1:]]), *second, (290, 40, str(number))]


def refused(data: bytes, limits: PdfLimits | None = None) -> str:
    with pytest.raises(NotABook) as caught:
        read_pdf(data, limits or PdfLimits())
    return caught.value.reason


def test_lines_become_paragraphs_without_running_heads_and_page_numbers():
    data = pdf([book_page(number) for number in range(10, 22)], info="/Title (On Lines) /Author (A. Writer) /CreationDate (D:20190312)")
    book = read_pdf(data, PdfLimits())
    paragraphs = book.text.split("\n\n")
    assert len(paragraphs) == 24
    assert paragraphs[0] == "KLM" + " ".join(PROSE).replace("com- plete", "complete")[3:]
    assert paragraphs[1] == "Page 10 has an indented line here that goes on to the left of KLM."
    assert "HISTORY" not in book.text
    assert (book.title, book.author, book.date) == ("On Lines", "A. Writer", "2019-03-12")


def test_a_paragraph_goes_on_over_the_end_of_a_page():
    pages = [column([*PROSE[:3], "which the page cuts in the"]), column(["middle of a sentence.", "Here it is over, and"])]
    assert read_pdf(pdf(pages), PdfLimits()).text.count("\n\n") == 0


def test_language_and_licence_where_stated():
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>https://creativecommons.org/licenses/by-sa/4.0/</a></x:xmpmeta>'
    book = read_pdf(pdf([column(PROSE)], catalogue="/Lang (de-AT)", metadata=xmp), PdfLimits())
    assert (book.language, book.licence) == ("de-AT", "CC-BY-SA-4.0")


def test_a_scan_is_refused_and_single_pictures_are_not():
    assert refused(pdf([[] for _ in range(30)])) == "no text layer"
    # The page that a digitiser puts in front makes no text layer.
    assert refused(pdf([column(PROSE), *([] for _ in range(30))])) == "no text layer"
    assert "third line" in read_pdf(pdf([column(PROSE), [], [], []]), PdfLimits()).text


def test_an_encrypted_file_is_refused():
    locked = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'ab' * 32}> /U <{'cd' * 32}> >> /ID [<00><00>]"
    assert refused(pdf([column(PROSE)], trailer=locked)) == "encrypted"


def test_limits_hold():
    data = pdf([column(PROSE)] * 5)
    assert refused(data, PdfLimits(bytes=len(data) - 1)) == "too long"
    assert refused(data, PdfLimits(pages=4)) == "too long"
    assert refused(data, PdfLimits(page_characters=100)) == "too long"
    assert refused(data, PdfLimits(characters=500)) == "too long"
    assert read_pdf(data, PdfLimits(bytes=len(data), pages=5, page_characters=1000, characters=5000)).text


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.4\n" + b"0 0 obj\n" * 2000, pdf([])])
def test_what_only_begins_as_a_pdf_is_refused(data):
    assert refused(data) in {"broken PDF", "no text layer"}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_pdf_is_a_book_or_a_reason(data):
    content = bytearray(pdf([book_page(number) for number in range(3)]))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(9, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(9, len(content)))]
    try:
        found = read_book(bytes(content), "a.pdf", Extract()).text
    except NotABook as error:
        found = error.reason
    assert found in {"broken PDF", "encrypted", "no text layer", "too long"} or "sentence" in found or len(found) < 2000
