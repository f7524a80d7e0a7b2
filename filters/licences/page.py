"""The licence that a web page states for itself, and where it says so.

What a page says in a form made for it goes first, in this order: a link with rel=license (HTML Living Standard 4.6.6.10; the Creative
Commons chooser writes it), metadata (Dublin Core's rights and license, `itemprop=license`, `cc:license`), JSON-LD (schema.org `license` of
the page or its main entity, not of a picture in it). Then a plain link to Creative Commons, if it is the only licence linked to and what
stands before it gives it to the content, or if it stands in the page's footer. Any other is a mention: the licence of a picture, or an
article about licences. Two different licences in one place are no answer.
"""

from __future__ import annotations

import html as html_entities
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from filters.licences.licence import UNKNOWN, licence_of_url, spdx_expression

EVIDENCE = ("link", "metadata", "json-ld", "notice", "mention", "none")
"""Where the licence was found; 'mention' where only others' licences are, 'none' where there is nothing."""

TAG_CHARACTERS = 2_000
LINKED_DATA_CHARACTERS = 1 << 16
NOTICE_CHARACTERS = 400
DEPTH = 8
MOST_PLACES = 500
JUDGED_LINKS = 8  # first and last ones: each asks what comes before it

_WORDS = tuple(spelt for word in ("license", "licence", "rights") for spelt in (word, word.capitalize(), word.upper()))
_TAG_NAME = re.compile(r"<(a|link|meta|area)\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z:.-]{1,40})\s{0,8}=\s{0,8}(?:"([^"]{0,1000})"|'([^']{0,1000})'|([^\s"'<>`]{1,1000}))""")
_METADATA = re.compile(
    r"(?:dc|dcterms|dct|xhv|cc|og|citation)?[.:_]?(?:rights(?:\.license)?|licen[cs]e|rightsurl|rights-?uri)", re.IGNORECASE
)
_LINKED_DATA = re.compile(r"<script\b[^<>]{0,300}application/ld\+json[^<>]{0,300}>", re.IGNORECASE)
_PLAIN_LINK = re.compile(
    r"""href\s{0,4}=\s{0,4}["']?(?:https?:)?//(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[^\s"'<>]{2,100}""", re.IGNORECASE
)
_TAGS = re.compile(r"<[^<>]{0,2000}>")
_GIVES = re.compile(
    r"licen[cs]ed|licen[cs]e\s*:|(?:available|released|published|distributed|shared|provided) under"
    r"|(?:otherwise|where) (?:noted|stated|indicated)"
    r"|lizen[zs]|sous (?:la )?licence|mis(?:e|es)? \u00e0 disposition|licencia|licenza|licen\u00e7a|licentie|licens|licencj|lisens"
    r"|\u043b\u0438\u0446\u0435\u043d\u0437"
    r"|\u30e9\u30a4\u30bb\u30f3\u30b9|\u8bb8\u53ef|\u6388\u6743|\u6388\u6b0a"
)
_OF_OTHERS = re.compile(
    r"\b(?:photo|photograph|image|picture|icon|icons|font|fonts|music|song|video|illustration|figure|map"
    r"|logo|screenshot|dataset|foto|bild|photos|images|by [a-z]+ [a-z]+,)\b"
)
_FOOTER = re.compile(r"<(/?)footer\b", re.IGNORECASE)
_NOT_THE_PAGE = frozenset(
    {"ImageObject", "VideoObject", "AudioObject", "MediaObject", "SoftwareApplication", "SoftwareSourceCode", "Person", "Organization"}
)


@dataclass(frozen=True, slots=True)
class PageLicence:
    """An SPDX identifier or 'unknown', and one of `EVIDENCE`."""

    licence: str
    evidence: str


def page_licence(html: str) -> PageLicence:
    """The licence of a page.

    Args:
        html: the page as it was sent, decoded.
    """
    links, metadata = _marked(html)
    for evidence, stated in (("link", links), ("metadata", metadata), ("json-ld", _of_linked_data(html))):
        found = {licence for value in stated if (licence := _licence(value)) != UNKNOWN}
        if found:
            return PageLicence(found.pop() if len(found) == 1 else UNKNOWN, evidence)
    return _of_plain_links(html)


def _licence(stated: str) -> str:
    """Of a URL, or of an SPDX identifier."""
    licence = licence_of_url(stated)
    return licence if licence != UNKNOWN or " " in stated.strip() else spdx_expression(stated.strip())


def _marked(html: str) -> tuple[list[str], list[str]]:
    """Targets of the links marked as the licence, and what metadata states."""
    links, metadata, last = [], [], -1
    for place in sorted(place for word in _WORDS for place in _places(html, word)):
        begin = html.rfind("<", max(0, place - TAG_CHARACTERS), place)
        if begin <= last or not _TAG_NAME.match(html, begin):
            continue
        past = html.find(">", begin, begin + TAG_CHARACTERS)
        if past < place:
            continue
        last = begin
        attributes = {
            match[1].lower(): html_entities.unescape(match[2] or match[3] or match[4] or "")
            for match in _ATTRIBUTE.finditer(html, begin, past)
        }
        target = attributes.get("href", "") or attributes.get("content", "")
        if "license" in attributes.get("rel", "").lower().split() or "cc:license" in attributes.get("rel", "").lower().split():
            links.append(target)
        elif any(_METADATA.fullmatch(attributes.get(name, "")) for name in ("name", "property", "itemprop")):
            metadata.append(target)
    return links, metadata


def _places(html: str, word: str) -> Iterator[int]:
    at = html.find(word)
    for _ in range(MOST_PLACES):
        if at < 0:
            return
        yield at
        at = html.find(word, at + 1)


def _of_linked_data(html: str) -> Iterator[str]:
    if "ld+json" not in html:
        return
    for script in _LINKED_DATA.finditer(html):
        past = html.find("</script", script.end(), script.end() + LINKED_DATA_CHARACTERS)
        if past < 0:
            continue
        try:
            stated = json.loads(html[script.end() : past])
        except (ValueError, RecursionError):
            continue
        yield from _of_nodes(stated, DEPTH)


def _of_nodes(value: Any, depth: int) -> Iterator[str]:
    """Licences of the nodes that are the page or what it is about."""
    if isinstance(value, list) and depth:
        for item in value:
            yield from _of_nodes(item, depth - 1)
    if not isinstance(value, dict) or not depth:
        return
    types = value.get("@type")
    if _NOT_THE_PAGE.intersection(name for name in (types if isinstance(types, list) else [types]) if isinstance(name, str)):
        return
    stated = value.get("license")
    for item in stated if isinstance(stated, list) else [stated]:
        link = item.get("@id", item.get("url")) if isinstance(item, dict) else item
        if isinstance(link, str):
            yield link
    for name in ("@graph", "mainEntity", "mainEntityOfPage"):
        yield from _of_nodes(value.get(name), depth - 1)


def _of_plain_links(html: str) -> PageLicence:
    """By the links to Creative Commons that are not marked."""
    if "creativecommons.org/" not in html:
        return PageLicence(UNKNOWN, "none")
    places = [(found, licence) for found in _PLAIN_LINK.finditer(html) if (licence := licence_of_url(found[0])) != UNKNOWN]
    if not places:
        return PageLicence(UNKNOWN, "none")
    judged = places if len(places) <= 2 * JUDGED_LINKS else [*places[:JUDGED_LINKS], *places[-JUDGED_LINKS:]]
    if len({licence for _, licence in places}) == 1 and any(_gives(html, found.start()) for found, _ in judged):
        return PageLicence(places[0][1], "notice")
    return PageLicence(UNKNOWN, "mention")


def _gives(html: str, link: int) -> bool:
    """Whether what stands before a link, or that it is in the footer, makes it the licence of the content."""
    tag = html.rfind("<", max(0, link - TAG_CHARACTERS), link)
    before = html[max(0, tag - 3 * NOTICE_CHARACTERS) : max(tag, 0)]
    words = " ".join(html_entities.unescape(_TAGS.sub(" ", before)).lower().split())[-NOTICE_CHARACTERS // 2 :]
    if _OF_OTHERS.search(words):
        return False
    return bool(_GIVES.search(words)) or _in_footer(_FOOTER.finditer(html, 0, link))


def _in_footer(tags: Iterable[re.Match[str]]) -> bool:
    depth = 0
    for tag in tags:
        depth = max(0, depth - 1) if tag[1] else depth + 1
    return depth > 0
