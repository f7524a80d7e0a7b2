"""What a host allows: robots.txt by RFC 9309, robots meta elements and X-Robots-Tag."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from protego import Protego

# RFC 9309 section 2.5: a crawler must read at least this much.
ROBOTS_BYTES = 500 << 10
# Section 2.3.1.2: at least five hops.
REDIRECTS = 5
REASON = "robots.txt"
CLOSED = re.compile(r"\b(?:nofollow|noindex|none)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """Rules of one host for one crawler. `refusal` says why nothing may be asked; '' where `rules` decide."""

    agent: str
    rules: Protego | None = None
    refusal: str = ""
    reason: str = REASON
    """Of the rejects."""

    def allows(self, url: str) -> bool:
        """Whether a URL may be asked for."""
        return not self.refusal and (self.rules is None or bool(self.rules.can_fetch(url, self.agent)))

    def delay_s(self) -> float:
        """Crawl-delay in seconds, 0 where none is stated."""
        stated = self.rules.crawl_delay(self.agent) if self.rules else None
        return max(0.0, float(stated)) if stated else 0.0


def agent_token(user_agent: str) -> str:
    """The product token that robots.txt addresses (section 2.2.1): `curate` of `curate/0.1 (corpus builder)`."""
    return re.split(r"[/\s(]", user_agent.strip(), maxsplit=1)[0] or "*"


def parse_rules(status: int, body: bytes, user_agent: str) -> Rules:
    """Rules from the answer to /robots.txt (section 2.3.1): 4xx allows everything, 5xx nothing."""
    agent = agent_token(user_agent)
    if 400 <= status < 500 and status != 429:
        return Rules(agent)
    if not 200 <= status < 300:
        return Rules(agent, refusal=f"robots.txt answers status {status}")
    return Rules(agent, Protego.parse(body[:ROBOTS_BYTES].decode("utf-8", errors="replace")))


def may_follow(headers: Mapping[str, str], metas: Mapping[str, str], user_agent: str) -> bool:
    """Whether links of a page may be followed: neither nofollow, noindex nor none for all crawlers or this one.

    Args:
        headers: of the response, by lower-case name.
        metas: content of the page's meta elements by lower-case name.
        user_agent: the crawler's.
    """
    agent = agent_token(user_agent).lower()
    stated = [metas.get("robots", ""), metas.get(agent, "")]
    for directive in headers.get("x-robots-tag", "").split(","):
        crawler, colon, rule = directive.partition(":")
        stated.append(rule if colon and crawler.strip().lower() == agent else "" if colon else directive)
    return not any(CLOSED.search(text) for text in stated)
