"""Books in TEI XML (TEI P5, and P4's `TEI.2`): the text element with its front and back, metadata from the header."""

from __future__ import annotations

import re

from lxml import etree

from filters.licences.licence import licence_of_text
from pipeline.sources.book import Book, NotABook
from pipeline.sources.dates import iso_date
from pipeline.sources.markup import TEI, MarkupError, elements, local_name, parse_xml, plain, text_of

_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-9]{2})\b")


def read_tei(data: bytes) -> Book:
    """The book in a TEI document. Notes and the uncorrected readings are left out; `date` is the year of the first edition where stated.

    Raises:
        NotABook: the XML is broken, or has no text element.
    """
    try:
        root = parse_xml(data)
    except MarkupError as error:
        raise NotABook("broken XML", str(error)) from error
    # A group holds several texts; the outermost hold the others.
    texts = [node for node in elements(root, "text") if not any(local_name(above) == "text" for above in node.iterancestors())]
    if not texts:
        raise NotABook("TEI has no text", f"root element is {local_name(root)}")
    header = next(iter(elements(root, "teiHeader")), None)
    text = "\n\n".join(text_of(node, TEI) for node in texts)
    if header is None:
        return Book(text=text)
    statement = next(iter(elements(header, "titleStmt")), header)
    language = next((node.get("ident") for node in elements(header, "language")), None)
    return Book(
        text=text,
        title=plain(next(iter(elements(statement, "title")), None)) or None,
        author="; ".join(filter(None, map(plain, elements(statement, "author")))) or None,
        language=language or root.get("{http://www.w3.org/XML/1998/namespace}lang"),
        date=_date(header),
        licence=_licence(header),
    )


def _date(header: etree._Element) -> str | None:
    sources = [node for node in elements(header, "bibl") if node.get("type") == "firstEdition"] or elements(header, "sourceDesc")
    for source in sources:
        for date in elements(source, "date"):
            stated = date.get("when") or plain(date)
            if found := iso_date(stated):
                return found
            if year := _YEAR.search(stated):
                return year[1]
    return None


def _licence(header: etree._Element) -> str | None:
    for availability in elements(header, "availability"):
        for node in [*elements(availability, "licence"), *elements(availability, "ref"), availability]:
            for stated in (node.get("target") or "", plain(node)):
                if stated and (found := licence_of_text(stated)) != "unknown":
                    return found
    return None
