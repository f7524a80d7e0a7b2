"""What a host allows: robots.txt by RFC 9309, read by protego."""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

from pipeline.sources.opt_out import Reservations, agent_token

# RFC 9309 section 2.5: a crawler must read at least this much.
ROBOTS_BYTES = 500 << 10
# Section 2.3.1.2: at least five hops.
REDIRECTS = 5
# Section 2.4: no copy should be older.
OLDEST_S = 24 * 3600
REASON = "robots.txt"
NONE = Reservations()
# Each rule is stored once for each agent line of its group: 12,000 of both in one file would be 144 million. 2 million take about 2 s.
MOST_RULES = 2_000_000


@dataclass(frozen=True)
class Rules:
    """Rules of one host for one crawler. `refusal` says why nothing may be asked; '' where `rules` decide."""

    agent: str
    rules: Protego | None = None
    refusal: str = ""
    reason: str = REASON
    """Of the rejects."""
    reservations: Reservations = NONE

    def refuses(self, url: str) -> tuple[str, str] | None:
        """Reason and words of a reject where a URL may not be asked for; None where it may."""
        if self.refusal:
            return self.reason, self.refusal
        if self.rules is not None and not self.rules.can_fetch(url, self.agent):
            return REASON, "disallowed"
        if self.reservations.reserve(url):
            return "tdm reservation", "of the host"
        return None

    def delay_s(self) -> float:
        """Crawl-delay in seconds, 0 where none is stated."""
        return float((self.rules and self.rules.crawl_delay(self.agent)) or 0.0)

    def sitemaps(self) -> list[str]:
        """URLs of sitemaps as they are written."""
        return list(dict.fromkeys(self.rules.sitemaps)) if self.rules else []


def parse_rules(status: int, body: bytes, user_agent: str, reservations: Reservations = NONE) -> Rules:
    """Rules from the answer to /robots.txt (section 2.3.1): 4xx allows everything, 5xx and 429 nothing.

    Args:
        status: of the answer.
        body: without codings; what lies beyond 500 KiB is not read, nor the line that is cut there.
        user_agent: the crawler's.
        reservations: of the host, beside its rules.
    """
    agent = agent_token(user_agent)
    if 400 <= status < 500 and status != 429:
        return Rules(agent, reservations=reservations)
    if not 200 <= status < 300:
        return Rules(agent, refusal=f"robots.txt answers status {status}")
    if len(body) >= ROBOTS_BYTES:
        body = body[:ROBOTS_BYTES].rpartition(b"\n")[0]
    text = body.decode("utf-8-sig", errors="replace")
    if (count := _rule_count(text)) > MOST_RULES:
        return Rules(agent, refusal=f"robots.txt cannot be read: {count} rules, more than {MOST_RULES}")
    return Rules(agent, Protego.parse(text), reservations=reservations)


def _rule_count(text: str) -> int:
    """How many rules protego will store: for each group agents times lines."""
    total = agents = lines = 0
    for line in text.splitlines():
        if line.lstrip().lower().startswith("user"):
            if lines:
                total, agents, lines = total + agents * lines, 0, 0
            agents += 1
        elif line.strip():
            lines += 1
    return total + agents * lines
