"""Main text of web pages by libraries: trafilatura and resiliparse."""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Literal

from resiliparse.extract.html2text import extract_plain_text

from filters.text import normalise_text

if TYPE_CHECKING:
    from trafilatura.settings import Extractor

Favour = Literal["precision", "balance", "recall"]

# lexbor and libxml2 compare each attribute of a tag with all before it: 20,000 of them took 0.7 s, 100,000 would take 17.
TAG_ATTRIBUTES = 5_000
LONG_TAG_CHARACTERS = 20_000
# Of 3,767 real pages the largest has 14,510 elements. trafilatura is quadratic in some: 30,000 of <q>, <code> and <blockquote> took 5 s.
ELEMENTS = 50_000

_LONG_TAG = re.compile(rf"<[A-Za-z][^<>]{{{LONG_TAG_CHARACTERS},}}")


class TooComplex(ValueError):  # noqa: N818
    """A page that would cost an extractor more than its size says."""


def too_complex(html: str) -> str:
    """Why a page would cost a parser more than its size says; '' where nothing speaks against it."""
    for tag in _LONG_TAG.finditer(html):
        attributes = max(tag[0].count("="), len(tag[0].split()) if '"' not in tag[0] and "'" not in tag[0] else 0)
        if attributes > TAG_ATTRIBUTES:
            return f"{attributes} attributes in one tag"
    return ""


def resiliparse_text(html: str) -> str:
    """A page's main text by resiliparse's rules; about 0.5 ms for 20 kB of HTML."""
    text = extract_plain_text(html, preserve_formatting=True, main_content=True, list_bullets=True, alt_texts=False, noscript=False)
    return normalise_text(text).strip("\n")


def trafilatura_text(html: str, favour: Favour = "balance", *, fallbacks: bool = False) -> str:
    """A page's main text, without comments, by trafilatura; about 9 ms for 20 kB of HTML. '' where it finds none.

    Args:
        html: the page; `too_complex` is the caller's to ask before.
        favour: precision, balance or recall.
        fallbacks: whether readability and justext are asked too, which takes twice as long.

    Raises:
        TooComplex: more than `ELEMENTS` elements.
        Exception: whatever lxml and trafilatura raise on a page that they cannot bear.
    """
    from trafilatura import bare_extraction
    from trafilatura.settings import Document
    from trafilatura.utils import load_html

    # Its own call would parse the whole tree a second time for metadata, which costs five times its extraction.
    tree = load_html(html, len(html) + 1)
    if tree is None:
        return ""
    elements = int(tree.xpath("count(//*)"))
    if elements > ELEMENTS:
        raise TooComplex(f"{elements} elements, more than {ELEMENTS}")
    document = bare_extraction(tree, options=_options(favour, fallbacks))
    return normalise_text(document.text or "").strip("\n") if isinstance(document, Document) else ""


@functools.cache
def _options(favour: Favour, fallbacks: bool) -> Extractor:
    from trafilatura.settings import Extractor

    # It logs a warning for every page without text; the caller says so with the page's name.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL + 1)
    # Deduplication looks into a cache of pages seen before, and would make a text depend on its neighbours.
    return Extractor(
        output_format="python",
        fast=not fallbacks,
        precision=favour == "precision",
        recall=favour == "recall",
        comments=False,
        tables=True,
        dedup=False,
    )
