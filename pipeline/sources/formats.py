"""What the bytes of one file are, and the book in them: the readers by format, told by content.

A name only tells a LICENSE, or a part of a LaTeX source, from a book.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from filters.charset import MARKS
from filters.licences.licence import UNKNOWN
from filters.licences.page import page_licence
from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.sources import aozora, gutenberg
from pipeline.sources.book import Book, NotABook
from pipeline.sources.charset import SNIFFED_BYTES, decode_text, looks_binary
from pipeline.sources.dates import iso_date
from pipeline.sources.fb2 import read_fb2
from pipeline.sources.latex import is_latex, read_latex
from pipeline.sources.markup import XHTML, MarkupError, elements, parse_html, plain, text_of
from pipeline.sources.pdf import PdfLimits, read_pdf
from pipeline.sources.tei import read_tei

MAGIC = (
    (b"{\\rtf", "unsupported: RTF"),
    (b"\xd0\xcf\x11\xe0", "unsupported: Microsoft Office"),
    (b"7z\xbc\xaf\x27\x1c", "unsupported: 7z archive"),
    (b"Rar!", "unsupported: RAR archive"),
    (b"AT&TFORM", "unsupported: DjVu"),
    (b"\x89PNG", "not a book: image"),
    (b"\xff\xd8\xff", "not a book: image"),
    (b"GIF8", "not a book: image"),
    (b"ID3", "not a book: audio"),
    (b"OggS", "not a book: audio"),
)
HTML_ROOTS = frozenset(
    {"html", "head", "body", "title", "meta", "div", "p", "h1", "h2", "h3", "center", "table", "pre", "article", "section"}
)
LICENCE_STEMS = frozenset({"license", "licence", "copying", "unlicense"})

_ROOT = re.compile(r"<(?:!DOCTYPE\s{1,8})?([A-Za-z_][\w:.-]{0,60})", re.IGNORECASE)
# The header of AsciiDoc (docs.asciidoctor.org, Document Header): attributes, the title, the author's line; sections begin with `==`.
_ASCIIDOC = re.compile(
    r"(?::[\w-]{1,60}:.{0,200}\n|\n){0,20}=[ ](.{1,200})\n(?:([^\W\d_][^\n:=<]{1,100})(?:<.{1,100})?\n)?(?=[\s\S]{0,3000}\n==[ ])"
)
_JSON = re.compile(r'\{\s{0,200}["}]|\[\s{0,200}(?:\{|\[|"|\])')
_YAML_KEY = re.compile(r"\s{0,40}(?:-\s)?[\w.-]{1,60}:(?:\s|$)")
_YAML_LINE = re.compile(r"\s{0,40}-\s|\s{0,40}[\w.-]{1,60}:(?:\s|$)|#|---|\s{2}|['\"]")


def read_book(data: bytes, name: str, extract: Extract) -> Book:
    """The book in the bytes of one file that is neither compressed nor an archive.

    Args:
        data: the whole file.
        name: its path; only LICENSE, COPYING and `.tex` mean something.
        extract: `max_html_bytes` bounds HTML.

    Raises:
        NotABook: it is something else, cannot be decoded or parsed, or is empty.
    """
    if not data.strip(b" \t\r\n\f\0"):
        raise NotABook("empty")
    if data[:1024].lstrip(b" \t\r\n\f\0\xef\xbb\xbf").startswith(b"%PDF-"):
        return read_pdf(data, PdfLimits(extract.max_record_bytes, characters=extract.max_record_bytes))
    for magic, reason in MAGIC:
        if data.startswith(magic):
            raise NotABook(reason)
    marked = data.startswith(tuple(mark for mark, _ in MARKS))
    head = data[:SNIFFED_BYTES]
    if looks_binary(data):
        raise NotABook("not a book: binary")
    root = _root_name(_decoded(head, None, "replace") if marked else head.decode("latin-1").removeprefix("ï»¿"))
    if root in {"TEI", "TEI.2", "teiCorpus"}:
        return read_tei(data)
    if root and root.lower() in HTML_ROOTS:
        return _read_html(data, extract)
    if root == "FictionBook":
        return read_fb2(data)
    if root and root.split(":")[-1] == "RDF":
        raise NotABook("not a book: RDF")
    if root and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<!DOCTYPE")):
        raise NotABook("not a book: XML", f"root element {root}")
    text = normalise_text(_decoded(data, gutenberg.declared_encoding(data)))
    if is_latex(text):
        return read_latex(text)
    if PurePosixPath(name).suffix.lower() == ".tex":
        raise NotABook("TeX without a document", "no \\documentclass in it")
    _refuse_data(text, name)
    asciidoc = _ASCIIDOC.match(text[:4000])
    title, author = asciidoc.groups() if asciidoc else (None, None)
    return without_boilerplate(Book(text, title=title, author=author))


def _decoded(data: bytes, declared: str | None, errors: str = "strict") -> str:
    if errors == "replace":  # only to look at the beginning, which may be cut inside a character
        return next(data[len(mark) :].decode(encoding, errors) for mark, encoding in MARKS if data.startswith(mark))
    try:
        return decode_text(data, declared)
    except UnicodeDecodeError as error:
        raise NotABook("undecodable", str(error)) from error


def _read_html(data: bytes, extract: Extract) -> Book:
    if len(data) > extract.max_html_bytes:
        raise NotABook("too long", f"HTML of {len(data)} bytes; max_html_bytes is {extract.max_html_bytes}")
    try:
        root = parse_html(data)
    except MarkupError as error:
        raise NotABook("broken HTML", str(error)) from error
    title = next(iter(elements(root, "title")), None)
    meta = {
        (node.get("name") or node.get("property") or "").lower(): " ".join((node.get("content") or "").split())
        for node in reversed(elements(root, "meta"))
    }

    def said(*names: str) -> str | None:
        return next((meta[name] for name in names if meta.get(name)), None)

    licence = page_licence(data.decode("latin-1")).licence
    book = Book(
        normalise_text(text_of(root, XHTML)),
        title=plain(title) or None,
        author=said("author", "dc.creator", "dcterms.creator", "citation_author"),
        language=root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or said("dc.language", "dcterms.language"),
        date=iso_date(said("dc.date", "dcterms.created", "dcterms.issued", "citation_publication_date")),
        licence=licence if licence != UNKNOWN else None,
    )
    return without_boilerplate(book)


def without_boilerplate(book: Book) -> Book:
    """The book without the words of the library that it comes from; what the file says of itself goes before what those words say."""
    for recognises, strip in ((gutenberg.recognises, gutenberg.strip), (aozora.recognises, aozora.strip)):
        if recognises(book.text):
            inner = strip(book.text)
            return replace(
                inner,
                title=inner.title or book.title,
                author=book.author or inner.author,
                language=book.language or inner.language,
                date=book.date or inner.date,
                licence=book.licence or inner.licence,
            )
    return book


def _root_name(head: str) -> str | None:
    """Name of the first element, or of the document type where one is declared; None where no mark-up begins the text."""
    head = head.lstrip("\ufeff \t\r\n")
    while head.startswith(("<?", "<!--")):
        close = "?>" if head.startswith("<?") else "-->"
        _, found, rest = head.partition(close)
        if not found:
            return None
        head = rest.lstrip()
    match = _ROOT.match(head)
    return match[1] if match else None


def _refuse_data(text: str, name: str) -> None:
    """Refuse what lies beside books: descriptions of them, and licences."""
    start = text[:SNIFFED_BYTES].strip()
    if _JSON.match(start) and text.rstrip()[-1:] in {"}", "]"}:
        raise NotABook("not a book: JSON")
    lines = [line for line in start.split("\n")[:30] if line.strip()]
    keys = sum(bool(_YAML_KEY.match(line)) for line in lines)
    if len(lines) >= 3 and sum(bool(_YAML_LINE.match(line)) for line in lines) >= 0.9 * len(lines) and keys >= 0.5 * len(lines):
        raise NotABook("not a book: YAML")
    stem = PurePosixPath(name).name.split(".")[0].lower()
    if stem in LICENCE_STEMS or (lines and lines[0].strip().upper() == "THE FULL PROJECT GUTENBERG LICENSE"):
        raise NotABook("not a book: licence")
