"""FictionBook 2 (FB2): the main bodies in order, metadata from the description.

Left out: bodies of notes and comments and the marks that lead to them, pictures, and the annotation, which is the library's. The elements
are those of the schema at github.com/gribuser/fb2.
"""

from __future__ import annotations

from lxml import etree

from filters.licences.licence import licence_of_text
from pipeline.sources.book import Book, NotABook
from pipeline.sources.dates import iso_date
from pipeline.sources.markup import FB2, MarkupError, elements, local_name, parse_xml, plain, text_of

ASIDE = frozenset({"notes", "comments", "footnotes"})
NAME_PARTS = ("first-name", "middle-name", "last-name")


def read_fb2(data: bytes) -> Book:
    """The book in a FictionBook document; `date` is the writing's where stated, else the edition's year.

    Raises:
        NotABook: the XML is broken or has no body.
    """
    try:
        root = parse_xml(_without_binaries(data))
    except MarkupError as error:
        raise NotABook("broken XML", str(error)) from error
    bodies = [node for node in root if local_name(node) == "body" and (node.get("name") or "").lower() not in ASIDE]
    if not bodies:
        raise NotABook("FB2 has no body", f"root element is {local_name(root)}")
    for body in bodies:
        _drop_note_marks(body)
    # `src-title-info` tells of a translation's original and is not read.
    info = next(iter(elements(root, "title-info")), None)
    publication = next(iter(elements(root, "publish-info")), None)
    year = plain(_child(publication, "year")) if publication is not None else None
    rights = " ".join(plain(node) for node in elements(root, "custom-info"))
    licence = licence_of_text(rights) if rights else "unknown"
    return Book(
        text="\n\n".join(text_of(body, FB2) for body in bodies),
        title=plain(_child(info, "book-title")) or None,
        author="; ".join(filter(None, map(_person, [] if info is None else elements(info, "author")))) or None,
        language=plain(_child(info, "lang")) or None,
        date=_date(info) or iso_date(year),
        licence=licence if licence != "unknown" else None,
    )


def _without_binaries(data: bytes) -> bytes:
    """The document without its pictures: in base64 they are most of its bytes, and more than libxml2 takes for one text."""
    pieces, at = [], 0
    while (start := data.find(b"<binary", at)) >= 0 and (end := data.find(b"</binary>", start)) >= 0:
        pieces.append(data[at:start])
        at = end + len(b"</binary>")
    return b"".join([*pieces, data[at:]])


def _drop_note_marks(body: etree._Element) -> None:
    for link in elements(body, "a"):
        if link.get("type") == "note":
            link.text = None
            for child in list(link):
                link.remove(child)


def _child(node: etree._Element | None, name: str) -> etree._Element | None:
    return None if node is None else next((child for child in node if local_name(child) == name), None)


def _person(author: etree._Element) -> str:
    parts = [plain(_child(author, name)) for name in NAME_PARTS]
    return " ".join(filter(None, parts)) or plain(_child(author, "nickname"))


def _date(info: etree._Element | None) -> str | None:
    date = _child(info, "date")
    return None if date is None else iso_date(date.get("value")) or iso_date(plain(date))
