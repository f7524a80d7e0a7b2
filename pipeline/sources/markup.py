"""Text of XHTML, HTML, TEI and FB2 with its block structure: paragraphs apart, lines of verse, lists and tables kept.

Nothing outside the bytes is read (no DTD, no external entity, no network), entities that a document defines are not expanded, and
the tree is walked with a list, not by recursion.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lxml import etree

from pipeline.sources.charset import declared_in_markup, decode_text

Layout = Literal["paragraph", "line", "cell", "break", "verbatim", "skip"]


def _layout(**names: str) -> dict[str, Layout]:
    """One table from a line of names per layout."""
    kinds: tuple[Layout, ...] = ("paragraph", "line", "cell", "break", "verbatim", "skip")
    return {name: kind for kind in kinds for name in names.get(kind, "").split()}


XHTML = _layout(
    paragraph="address article aside blockquote body caption details dialog div dl fieldset figcaption figure footer form h1 h2 h3 h4 h5"
    " h6 header hgroup hr main ol p section summary table ul",
    line="dd dt li tr option",
    cell="td th",
    verbatim="pre textarea xmp listing plaintext",
    # `rt` and `rp` are the readings over Japanese words, `nav` the table of contents.
    skip="audio canvas embed head iframe map nav noscript object rp rt script select style svg template title video",
    **{"break": "br"},
)

TEI = _layout(
    paragraph="ab argument back body byline closer castList dateline div div1 div2 div3 div4 div5 div6 div7 docTitle epigraph floatingText"
    " front group head imprimatur lg list listBibl milestone opener p postscript salute signed sp stage table text titlePage titlePart"
    " trailer",
    line="bibl castItem item l label row speaker",
    cell="cell",
    # What an editor put beside or in place of the text (TEI P5, chapter 3): the corrected reading of a choice stays.
    skip="abbr figDesc fw note orig sic teiHeader",
)

FB2 = _layout(
    paragraph="annotation body cite date epigraph p poem section stanza subtitle table text-author title",
    line="tr v",
    cell="td th",
    skip="binary description image",
    **{"break": "empty-line"},
)

_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_OWN = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_SPACE = re.compile(r"[ \t\r\n\f]+")


class MarkupError(ValueError):
    """A document that cannot be parsed."""


def parse_xml(data: bytes) -> etree._Element:
    """Tree of well-formed XML; HTML's named characters (`&nbsp;`) are known although no DTD is read.

    Raises:
        MarkupError: the XML is not well-formed, is nested deeper than 256, or names an unknown encoding.
    """
    data = data.lstrip(b" \t\r\n")  # books begin with a blank line before their XML declaration
    if b"\0" not in data[:1024]:  # in UTF-16 the pattern would not fit
        data = _NAMED.sub(_numeric, data)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise MarkupError(str(error)) from error


def parse_html(data: bytes, declared: str | None = None) -> etree._Element:
    """Tree of HTML however broken, in the encoding that `charset.decode_text` finds.

    Raises:
        MarkupError: there is no element in it, it cannot be decoded, or it is nested too deep (libxml2 would drop the rest in silence).
    """
    try:
        text = decode_text(data, declared or declared_in_markup(data))
    except UnicodeDecodeError as error:
        raise MarkupError(str(error)) from error
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    clean = text.replace("\0", "").encode("utf-8", "ignore")
    try:
        root = etree.fromstring(clean, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MarkupError(str(error)) from error
    if root is None:
        raise MarkupError("no element in it")
    for entry in parser.error_log:
        if entry.type_name == "ERR_RESOURCE_LIMIT":
            raise MarkupError(entry.message)
    return root


def parse_xhtml(data: bytes) -> etree._Element:
    """`parse_xml`, or `parse_html` where the XML is broken."""
    try:
        return parse_xml(data)
    except MarkupError:
        return parse_html(data)


def local_name(node: Any) -> str:
    """Name of an element without its namespace; '' for comments, instructions and entities."""
    tag = node.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def elements(root: etree._Element, name: str) -> list[etree._Element]:
    """Descendants of this local name, whatever their namespace, in document order."""
    return list(root.iter(f"{{*}}{name}"))


def plain(node: etree._Element | None) -> str:
    """All text within a node on one line."""
    return "" if node is None else _SPACE.sub(" ", "".join(str(piece) for piece in node.itertext())).strip()


@dataclass(slots=True)
class Writer:
    """Pieces of text put together with the white space that their blocks ask for and no more."""

    pieces: list[str]
    pending: int = 0
    """Line ends owed before the next text: 1 for a new line, 2 for a new paragraph."""
    space: bool = False
    """Whether a blank is owed."""
    verbatim: int = 0
    """How many verbatim blocks are open."""

    def owe(self, lines: int) -> None:
        """End the line (1) or paragraph (2) before the next text; at the beginning that means nothing."""
        self.pending, self.space = max(self.pending, lines), False

    def text(self, text: str | None) -> None:
        """Put text, any white space in it as one blank; as it is while `verbatim` is above 0."""
        if not text:
            return
        if self.verbatim:
            self._put(text)
            return
        words = _SPACE.sub(" ", text)
        if words.startswith(" "):
            self.space = True
            words = words[1:]
        if not words:
            return
        trailing = words.endswith(" ")
        self._put((" " if self.space and not self.pending and self.pieces else "") + words.removesuffix(" "))
        self.space = trailing

    def _put(self, text: str) -> None:
        if self.pending and self.pieces:
            self.pieces.append("\n" * self.pending)
        self.pending, self.space = 0, False
        self.pieces.append(text)


def text_of(root: etree._Element, layout: Mapping[str, Layout], skip_types: frozenset[str] = frozenset()) -> str:
    """Text under `root`: blocks two line ends apart, lines one, cells a tab, verbatim blocks as they are; other white space one blank.

    Args:
        root: any element; its own tail is not read.
        layout: what each local name is; names that it lacks are inline.
        skip_types: elements with one of these words in `epub:type` are left out.
    """
    out = Writer([])
    todo: list[tuple[Any, bool]] = [(root, False)]
    while todo:
        node, leaving = todo.pop()
        kind = layout.get(local_name(node).lower() if layout is XHTML else local_name(node))
        if leaving:
            if kind in {"paragraph", "verbatim"}:
                out.owe(2)
            elif kind == "line":
                out.owe(1)
            if kind == "verbatim":
                out.verbatim -= 1
        elif isinstance(node.tag, str) and kind != "skip" and not (skip_types and _has_type(node, skip_types)):
            if kind in {"paragraph", "verbatim"}:
                out.owe(2)
            elif kind == "line":
                out.owe(1)
            elif kind == "break":
                if out.verbatim:
                    out.text("\n")
                else:
                    out.owe(min(out.pending + 1, 2))
            elif kind == "cell" and node.getprevious() is not None and not out.pending:
                out.pieces.append("\t")
                out.space = False
            if kind == "verbatim":
                out.verbatim += 1
            out.text(node.text)
            todo.append((node, True))
            todo.extend((child, False) for child in reversed(node))
            continue
        if node is not root:
            out.text(node.tail)
    return "".join(out.pieces)


def _has_type(node: etree._Element, types: frozenset[str]) -> bool:
    stated = node.get("{http://www.idpf.org/2007/ops}type")
    return stated is not None and not types.isdisjoint(stated.split())


def _numeric(found: re.Match[bytes]) -> bytes:
    if found[1] in _XML_OWN:
        return found[0]
    characters = html.entities.html5.get(found[1].decode("ascii") + ";")
    return "".join(f"&#{ord(character)};" for character in characters).encode("ascii") if characters else found[0]
