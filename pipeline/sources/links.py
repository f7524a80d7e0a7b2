"""What a page points to: links, canonical URL, meta elements."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lxml.etree
import lxml.html

from filters.html import too_complex
from pipeline.sources.urls import canonical

if TYPE_CHECKING:
    from lxml.html import HtmlElement

# Different ones in the page's order; an index page of the largest sites has some thousands. 20,000 take 0.4 s.
LINKS_PER_PAGE = 20_000


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Of one page: canonical URLs that it links to, its own preferred URL or None, its meta elements by lower-case name."""

    links: list[str]
    canonical: str | None
    metas: list[tuple[str, str]]


def page_links(html: str, url: str) -> PageLinks:
    """What a page at a URL points to. Links with rel=nofollow are left out; a page too complex to parse points to nothing."""
    tree = _tree(html)
    if tree is None:
        return PageLinks([], None, [])
    base = next((base.get("href") for base in tree.iter("base") if base.get("href")), "")
    start = canonical(base, url) or url
    # A page names its neighbours many times over: each is looked at once.
    hrefs = dict.fromkeys(anchor.get("href", "") for anchor in tree.iter("a", "area") if "nofollow" not in anchor.get("rel", "").lower())
    found = (canonical(href, start) for href in itertools.islice(hrefs, LINKS_PER_PAGE) if href)
    preferred = next((link.get("href") for link in tree.iter("link") if "canonical" in link.get("rel", "").lower().split()), None)
    return PageLinks(
        links=list(dict.fromkeys(link for link in found if link)),
        canonical=canonical(preferred, start) if preferred else None,
        metas=_metas(tree),
    )


def _metas(tree: HtmlElement) -> list[tuple[str, str]]:
    return [(meta.get("name", "").strip().lower(), meta.get("content", "")) for meta in tree.iter("meta") if meta.get("name")]


def _tree(html: str) -> HtmlElement | None:
    if too_complex(html):
        return None
    try:
        # lxml, and not lexbor through resiliparse: walking a page of 8,000 links by its collections is quadratic (4 s a page).
        return lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except lxml.etree.ParserError:
        return None
