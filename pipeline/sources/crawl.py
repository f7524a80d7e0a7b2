"""A polite crawl of one host, breadth first, into one WARC.

In:  seeds, and limits of depth, pages, bytes and time.
Out: NAME.warc.gz: a warcinfo record, then request and response of robots.txt, tdmrep.json, sitemaps and pages, in the order of the crawl;
     and NAME.frontier, which holds the rejects until `forget`.
Lost: nothing that was taken up: a URL ends as a response record or as a reject. What was left in line at `max_pages` is counted.

The order is that of depth, then of discovery; it follows from the answers alone, and not from the crawls beside it. A redirect to another
host that is crawled, or that `include` names, is followed here: into this WARC, by the rules of that host's own robots.txt, at that
host's turn. A page's rel=canonical is taken up as a page at the same depth; both stay, and dedup decides between them. Pages that say
noindex are kept in the WARC: extraction refuses them (`extract.respect_opt_outs`).
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from filters.charset import decode_html
from pipeline.settings.sources import Crawl
from pipeline.sources import frontier as frontiers
from pipeline.sources import opt_out, robots
from pipeline.sources.fetch import FetchError
from pipeline.sources.frontier import PAGE, SITEMAP, Frontier, HostRobots, Page, Span, State
from pipeline.sources.http_message import PayloadError
from pipeline.sources.links import page_links
from pipeline.sources.pacing import Turns
from pipeline.sources.records import Reject
from pipeline.sources.sitemaps import NESTING, SITEMAP_BYTES, SITEMAPS, parse_sitemap
from pipeline.sources.urls import canonical, canonical_location, host_of, hosts, trap
from pipeline.sources.warc import WebRecord
from pipeline.sources.warc_archive import FRONTIER_SUFFIX, WarcArchive

REDIRECTS = 5
LINK_BYTES = 8 << 20
REDIRECTED = frozenset({301, 302, 303, 307, 308})
# A host that gives no answer so often in a row is gone: 10,000 URLs would wait for 20 s and more each.
GIVEN_UP_AFTER = 10
# Crawls wait most of their time, and parse at 1 to 50 ms a page: more trees at once would take memory and gain nothing.
PARSING = threading.Semaphore(2)


def crawl_host(
    host: str,
    seeds: Sequence[str],
    crawl: Crawl,
    directory: Path,
    name: str,
    on_page: Callable[[int, int], None] = lambda _done, _known: None,
    turns: Turns | None = None,
) -> State:
    """Crawl one host into `directory/NAME.warc.gz`, going on where a killed crawl left `NAME.warc.gz.partial` and `NAME.frontier`.

    Args:
        host: scheme://host[:port], as `urls.hosts` gives it.
        seeds: canonical URLs of that host.
        crawl: limits and manners.
        directory: exists.
        name: of the files, without suffix.
        on_page: called with pages done and pages known after each page.
        turns: shared with the crawls of other hosts in this process.

    Returns:
        How many URLs were taken up, answered and left.

    Raises:
        OSError: a file cannot be written.
        Stopped: `turns.stop` was called.
    """
    settings = [host, list(seeds), crawl.model_dump(mode="json", exclude={"seeds", "hosts_at_once"})]
    with _disk_errors(directory), WarcArchive(directory, name, crawl, turns or Turns(), settings) as archive:
        if not archive.frontier.state.finished:
            _HostCrawl(host, crawl, archive).run(seeds, on_page)
        archive.finish()
        return archive.frontier.state


def rejects(directory: Path, name: str) -> Iterator[Reject]:
    """One Reject for each URL that a finished crawl took up and that has no response record, in the order of discovery."""
    with _disk_errors(directory):
        frontier = Frontier(directory / f"{name}{FRONTIER_SUFFIX}", "")
        try:
            yield from frontier.rejects()
        finally:
            frontier.close()


def forget(directory: Path, name: str) -> None:
    """Delete a finished crawl's frontier: its rejects have been written elsewhere."""
    frontiers.remove(directory / f"{name}{FRONTIER_SUFFIX}")


class _HostCrawl:
    """The crawl of one host, step by step."""

    def __init__(self, host: str, crawl: Crawl, archive: WarcArchive) -> None:
        self.host, self.crawl, self.archive, self.frontier = host, crawl, archive, archive.frontier
        # Prefixes are compared with canonical URLs, and so are to be spelled as they are.
        self.include = tuple(canonical(prefix) or prefix for prefix in crawl.include)
        self.hosts = {host, *_seed_hosts(crawl.seeds), *(host_of(prefix) for prefix in self.include)}
        self.rules: dict[str, tuple[robots.Rules, HostRobots]] = {}

    def run(self, seeds: Sequence[str], on_page: Callable[[int, int], None]) -> None:
        state = self.frontier.state
        if not state.begun:
            with self.frontier.step():
                state.begun = True
                self.frontier.add(Page(seed) for seed in seeds)
                if self.crawl.sitemaps:
                    self._add_sitemaps(self._rules(self.host).sitemaps() or [f"{self.host}/sitemap.xml"], self.host, 0)
        while state.pages < self.crawl.max_pages:
            with self.frontier.step():
                page = self.frontier.next()
                if page is None:
                    break
                self._take(page)
            if page.kind == PAGE:
                on_page(state.pages, min(state.pages + state.waiting, self.crawl.max_pages))

    def _take(self, page: Page) -> None:
        """One URL to its end, but for what it leads to."""
        state = self.frontier.state
        rules = self._rules(host_of(page.url))
        if refused := rules.refuses(page.url):
            self.frontier.reject(page.url, *refused)
            return
        if rules.delay_s() > self.crawl.longest_delay_s:
            self.frontier.reject(page.url, "crawl delay", f"{rules.delay_s():g} s, more than {self.crawl.longest_delay_s:g}")
            return
        state.pages += page.kind == PAGE
        try:
            record = self.archive.get(page.url, max(self.crawl.delay_s, rules.delay_s()), any_type=page.kind == SITEMAP)
        except FetchError as error:
            self.frontier.reject(page.url, error.reason, error.words)
            state.failures += 1
            if state.failures >= GIVEN_UP_AFTER:
                self.frontier.reject_waiting("host given up", f"no answer {GIVEN_UP_AFTER} times in a row")
            return
        state.failures = 0
        self.frontier.answered(page)
        if record.status in REDIRECTED:
            self._redirect(page, record)
        elif page.kind == SITEMAP:
            self._read_sitemap(page, record)
        else:
            self._read_page(page, record)

    def _redirect(self, page: Page, record: WebRecord) -> None:
        """Put the target next, and not last: a redirect is the same page. A reject where it is not followed."""
        location = record.headers.get("location", "")
        url = canonical_location(location, page.url)
        if not location:
            return  # the answer is all that there is
        if url is None:
            self.frontier.reject(location, "redirect to no URL", f"from {page.url}")
        elif host_of(url) not in self.hosts:
            self.frontier.reject(url, "redirect to another host", f"from {page.url}")
        elif page.hops >= REDIRECTS:
            self.frontier.reject(url, "too many redirects", f"from {page.url}")
        elif words := trap(url):
            self.frontier.reject(url, "trap", words)
        else:
            self.frontier.add([Page(url, page.depth, page.hops + 1, page.kind)], urgent=True)

    def _read_page(self, page: Page, record: WebRecord) -> None:
        """Put a page's links in line."""
        if record.status != 200 or "html" not in record.content_type or host_of(page.url) != self.host:
            return
        try:
            html = decode_html(record.payload(LINK_BYTES), record.content_type)
        except PayloadError:
            # The page is in the WARC; extraction will say what is wrong with it.
            return
        with PARSING:
            found = page_links(html, page.url)
        if found.canonical:
            self._add([found.canonical], page.depth)
        may_follow = opt_out.may_follow(opt_out.directives(record.headers, found.metas, self.crawl.user_agent))
        if page.depth < self.crawl.depth and may_follow:
            self._add(found.links, page.depth + 1)

    def _read_sitemap(self, page: Page, record: WebRecord) -> None:
        """Put a sitemap's pages in line, as seeds, and its sitemaps before them."""
        if record.status != 200:
            return
        try:
            with PARSING:
                found = parse_sitemap(record.payload(SITEMAP_BYTES))
        except PayloadError:
            return
        # depth of a sitemap: how many indexes name it, less NESTING + 1, so that sitemaps come before pages.
        self._add_sitemaps(found.sitemaps, page.url, page.depth + NESTING + 2)
        self._add([url for url in (canonical(location, page.url) for location in found.pages) if url], 0)

    def _add_sitemaps(self, locations: Iterable[str], base: str, nesting: int) -> None:
        room = SITEMAPS - self.frontier.count(SITEMAP)
        for location in locations:
            url = canonical(location, base)
            if url is None or room <= 0:
                continue
            if host_of(url) != self.host:
                self.frontier.reject(url, "sitemap of another host", f"in {base}")
            elif nesting > NESTING:
                self.frontier.reject(url, "sitemap nesting", f"in {base}")
            else:
                room -= 1
                self.frontier.add([Page(url, nesting - NESTING - 1, 0, SITEMAP)])

    def _add(self, urls: Iterable[str], depth: int) -> None:
        """Put wanted URLs in line; those shaped like a trap are rejects."""
        pages = []
        for url in urls:
            if self._wanted(url):
                if words := trap(url):
                    self.frontier.reject(url, "trap", words)
                else:
                    pages.append(Page(url, depth))
        self.frontier.add(pages)

    def _wanted(self, url: str) -> bool:
        if host_of(url) != self.host or (self.include and not url.startswith(self.include)):
            return False
        return not any(fnmatchcase(url, pattern) for pattern in self.crawl.exclude)

    def _rules(self, host: str) -> robots.Rules:
        """The rules of a host, asked for where they are not known or have grown old."""
        if host not in self.rules and (known := self.frontier.robots(host)):
            self.rules[host] = self._read_rules(known), known
        if host not in self.rules or self._old(self.rules[host][1]):
            known = self._ask(host)
            self.frontier.keep_robots(host, known)
            self.rules[host] = self._read_rules(known), known
        return self.rules[host][0]

    def _old(self, known: HostRobots) -> bool:
        if self.frontier.state.pages - known.asked_at_page >= self.crawl.robots_pages:
            return True
        if self.crawl.timestamp or known.date is None:
            return False  # the clock has no say in a crawl that does not stamp by it
        return (datetime.now(UTC) - datetime.fromisoformat(known.date)).total_seconds() > robots.OLDEST_S

    def _ask(self, host: str) -> HostRobots:
        """Ask for robots.txt and, where that allows anything, for tdmrep.json."""
        pages = self.frontier.state.pages
        try:
            record = self._follow(f"{host}/robots.txt", robots.REDIRECTS)
        except FetchError as error:
            # A host that may not be asked at all is refused as that.
            reason = error.reason if error.reason in {"private address", "unknown host"} else robots.REASON
            return HostRobots(f"robots.txt cannot be read: {error}", reason, None, None, pages, None)
        reservations = None
        known = HostRobots("", robots.REASON, (record.offset, record.length), None, pages, record.date)
        url = f"{host}/.well-known/tdmrep.json"
        if self.crawl.respect_tdm and not self._read_rules(known).refuses(url):
            try:
                answer = self._follow(url, REDIRECTS)
                reservations = (answer.offset, answer.length) if answer.status == 200 else None
            except FetchError:
                reservations = None  # section "TDM File on the Origin Server": without access to the file there is no reservation by it
        return HostRobots("", robots.REASON, known.robots, reservations, pages, record.date)

    def _follow(self, url: str, redirects: int) -> WebRecord:
        """The answer at the end of at most so many redirects, whatever host they lead to."""
        for _hop in range(redirects + 1):
            record = self.archive.get(url, self.crawl.delay_s, limit=robots.ROBOTS_BYTES, any_type=True)
            target = canonical_location(record.headers.get("location", ""), url) if record.status in REDIRECTED else None
            if target is None:
                break
            url = target
        return record

    def _read_rules(self, known: HostRobots) -> robots.Rules:
        agent = opt_out.agent_token(self.crawl.user_agent)
        if known.robots is None:
            return robots.Rules(agent, refusal=known.refusal, reason=known.reason)
        record = self.archive.read(Span(*known.robots))
        if record.status in REDIRECTED:
            # Section 2.3.1.2: after five hops the file may be taken as not there.
            return robots.Rules(agent)
        try:
            body = record.payload(robots.ROBOTS_BYTES << 2)
            reserved = self.archive.read(Span(*known.reservations)).payload(robots.ROBOTS_BYTES << 2) if known.reservations else b""
        except PayloadError as error:
            return robots.Rules(agent, refusal=f"robots.txt cannot be read: {error}")
        return robots.parse_rules(record.status, body, self.crawl.user_agent, opt_out.parse_reservations(reserved))


@functools.lru_cache(maxsize=4)
def _seed_hosts(seeds: tuple[str, ...]) -> frozenset[str]:
    """Once for all hosts of a crawl: 10,000 of them, each looking at 10,000 seeds, would take half an hour."""
    return frozenset(hosts(seeds))


@contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    """SQLite's errors are the disk's: a frontier that can be read but not written."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{str(directory)!r}: the crawl's frontier: {error}") from error
