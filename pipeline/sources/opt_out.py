"""What a page says against being indexed, archived or mined: X-Robots-Tag, robots meta elements, TDM reservation.

Sources: developers.google.com/search/docs/crawling-indexing/robots-meta-tag; for noarchive as a refusal of training Bing's webmaster blog
of September 2023; noai as DeviantArt introduced it in November 2022; W3C TDMRep (Community Group Report of 2024).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protego import Protego

# In the order in which they name a refusal. noimageai and noimageindex are of pictures, which are never taken.
REFUSED = ("noindex", "none", "noarchive", "noai")
LOCATIONS = 1000
OPT_OUTS: dict[str, str] = {
    "noindex": "1 where the page's robots directives say noindex or none",
    "nofollow": "1 where they say nofollow or none",
    "noarchive": "1 where they say noarchive",
    "noai": "1 where they say noai",
    "tdm_reservation": "1 where the page reserves text and data mining",
}
"""What a page may say against its use, each a signal of web pages, and what it says."""


def agent_token(user_agent: str) -> str:
    """The product token that robots.txt and robots metas address (RFC 9309 section 2.2.1): `curate` of `curate/0.1 (corpus builder)`."""
    return re.split(r"[/\s(]", user_agent.strip(), maxsplit=1)[0] or "*"


def directives(headers: Mapping[str, str], metas: Iterable[tuple[str, str]], user_agent: str) -> frozenset[str]:
    """Robots directives for all crawlers or for this one, in lower case.

    Args:
        headers: of the response, by lower-case name, repeated ones joined by commas. Which of them a crawler's name at the beginning of one
            was meant to cover is lost by that: a directive without a name of its own is read as meant for all.
        metas: name in lower case and content of each meta element.
        user_agent: the crawler's.
    """
    agent = agent_token(user_agent).lower()
    stated = [content for name, content in metas if name in {"robots", agent}]
    for directive in headers.get("x-robots-tag", "").split(","):
        crawler, colon, rule = directive.partition(":")
        if not colon or crawler.strip().lower() == agent:
            stated.append(rule if colon else directive)
    # What has a colon has a value, as max-image-preview: none, and is none of ours.
    return frozenset(
        word for text in stated for rule in text.lower().replace(";", ",").split(",") if ":" not in rule for word in rule.split()
    )


def may_follow(said: frozenset[str]) -> bool:
    """Whether links of a page with these directives may be followed."""
    return not said & {"nofollow", "none"}


def tdm_reserved(headers: Mapping[str, str], metas: Iterable[tuple[str, str]]) -> bool:
    """Whether a page reserves text and data mining: its meta element decides, else its header."""
    stated = [content for name, content in metas if name == "tdm-reservation"] or [headers.get("tdm-reservation", "")]
    return any(value.strip() == "1" for value in stated)


def opt_outs(headers: Mapping[str, str], metas: Iterable[tuple[str, str]], user_agent: str) -> frozenset[str]:
    """Which of `OPT_OUTS` a page says; arguments as of `page_refusal`."""
    metas = list(metas)
    said = directives(headers, metas, user_agent)
    if "none" in said:
        said |= {"noindex", "nofollow"}
    return said.intersection(OPT_OUTS) | ({"tdm_reservation"} if tdm_reserved(headers, metas) else frozenset())


def page_refusal(headers: Mapping[str, str], metas: Iterable[tuple[str, str]], user_agent: str) -> tuple[str, str] | None:
    """Reason and words of a reject where a page says that it is not to be used; None where it does not.

    Args:
        headers: of the response, by lower-case name.
        metas: name in lower case and content of its meta elements; of a page that is not HTML, none.
        user_agent: the reader's.
    """
    metas = list(metas)
    said = directives(headers, metas, user_agent)
    refused = next((word for word in REFUSED if word in said), "")
    if refused:
        return "robots directive", refused
    if tdm_reserved(headers, metas):
        return "tdm reservation", "of the page"
    return None


@dataclass(frozen=True)
class Reservations:
    """A host's /.well-known/tdmrep.json: location patterns and whether they are reserved, in the file's order."""

    rules: tuple[tuple[Protego, bool], ...] = ()

    def reserve(self, url: str) -> bool:
        """Whether a URL is reserved: the first location that matches decides."""
        return next((reserved for location, reserved in self.rules if not location.can_fetch(url, "*")), False)


def parse_reservations(body: bytes) -> Reservations:
    """The rules of a tdmrep.json. What is not of its form says nothing; of more than 1,000 rules the first count."""
    try:
        stated = json.loads(body)
    except (ValueError, RecursionError):
        return Reservations()
    rules = []
    for rule in stated[:LOCATIONS] if isinstance(stated, list) else []:
        location, value = (rule.get("location"), rule.get("tdm-reservation")) if isinstance(rule, dict) else (None, None)
        if isinstance(location, str) and location.startswith("/") and location.isprintable() and value in {0, 1, "0", "1"}:
            # Location patterns are those of robots.txt: protego says whether one matches.
            pattern = location.replace("#", "%23")
            rules.append((Protego.parse(f"User-agent: *\nDisallow: {pattern}"), str(int(value)) == "1"))
    return Reservations(tuple(rules))
