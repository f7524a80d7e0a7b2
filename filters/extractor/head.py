"""What a page states about itself: title, date, author, language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from filters.extractor import tags
from filters.extractor.render import shown
from filters.extractor.scan import Scan

TITLE_CHARACTERS = 500
LINKED_DATA_BYTES = 1 << 16

_ISO_DATE = re.compile(r"\s{0,8}((?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?!\d)")
_JSON_DATE = re.compile(rb'"datePublished"\s{0,8}:\s{0,8}"([^"]{8,40})"')
_JSON_AUTHOR = re.compile(
    rb'"author"\s{0,8}:\s{0,8}[\[{\s]{0,8}(?:"@type"\s{0,8}:\s{0,8}"\w{1,40}"\s{0,8},\s{0,8})?"name"\s{0,8}:\s{0,8}"([^"]{1,200})"'
)
_LANGUAGE = re.compile(r"\s{0,8}([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})\s{0,8}$")


@dataclass(frozen=True, slots=True)
class Head:
    """None where the page says nothing."""

    title: str | None = None
    date: str | None = None
    """ISO 8601 day of publication."""
    author: str | None = None
    language: str | None = None
    """BCP 47, as stated: `en`, `pt-BR`."""
    robots: tuple[str, ...] = ()
    """Contents of the meta elements for all robots and for curate."""
    tdm_reservation: str | None = None
    """Content of the meta element of that name."""

    @property
    def opt_outs(self) -> list[tuple[str, str]]:
        """Name and content of the meta elements that may speak against use."""
        reserved = [("tdm-reservation", self.tdm_reservation)] if self.tdm_reservation else []
        return [*(("robots", content) for content in self.robots), *reserved]


def read_head(scanned: Scan) -> Head:
    """The page's own words, the first of each kind; a title for sharing (og:title) goes before that of the window."""
    stated: dict[int, str] = {}
    linked, robots = [], []
    page = scanned.page
    for kind, begin, past in scanned.facts.tolist():
        if kind == tags.LINKED_DATA:
            linked.append(page[begin : min(past, begin + LINKED_DATA_BYTES)].tobytes())
            continue
        if kind == tags.ROBOTS:
            robots.append(line(page[begin : min(past, begin + TITLE_CHARACTERS)].tobytes()) or "")
        elif kind not in stated or (kind == tags.DATE and not _ISO_DATE.match(stated[kind])):
            value = line(page[begin : min(past, begin + 4 * TITLE_CHARACTERS)].tobytes())
            if value:
                stated[kind] = value
    date = _day(stated.get(tags.DATE))
    author = stated.get(tags.AUTHOR)
    for script in linked:
        date = date or next((day for found in _JSON_DATE.finditer(script) if (day := _day(found[1].decode("utf-8", "replace")))), None)
        if author is None and (found := _JSON_AUTHOR.search(script)):
            author = line(found[1])
    language = _LANGUAGE.match(stated.get(tags.LANGUAGE, ""))
    return Head(
        stated.get(tags.OPEN_GRAPH_TITLE) or stated.get(tags.TITLE),
        date or _day(stated.get(tags.TIME)),
        None if author and author.startswith(("http://", "https://")) else author,
        language[1].replace("_", "-") if language else None,
        tuple(robots),
        stated.get(tags.RESERVATION),
    )


def line(data: bytes) -> str | None:
    """A short text in one line; None where nothing is left."""
    return " ".join(shown(data).split())[:TITLE_CHARACTERS] or None


def _day(stated: str | None) -> str | None:
    found = _ISO_DATE.match(stated) if stated else None
    return found[1] if found else None
