"""A polite crawl of one host, breadth first, into one WARC.

In:  seeds, and limits of depth, pages, bytes and time.
Out: NAME.warc.gz: a warcinfo record, then request and response of robots.txt and of each page, in the order of the crawl.
Lost: nothing that was taken up: a URL ends as a response record or as a Reject.

The order is that of depth, then of discovery; it follows from the answers alone. A killed crawl therefore goes on by being done again:
pages that the partial file holds are answered from it, and the first that it does not hold is fetched.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import lxml.etree
import lxml.html

from filters.charset import decode_html
from filters.html import too_complex
from pipeline.config import Crawl
from pipeline.sources import robots
from pipeline.sources.fetch import DEFAULT_PORTS, FetchError, fetch
from pipeline.sources.http_message import PayloadError, parse_head
from pipeline.sources.records import Reject, Tally
from pipeline.sources.warc import WebRecord, read_records, records
from pipeline.sources.warc_writer import exchange, warcinfo

SUFFIX = ".warc.gz"
PARTIAL_SUFFIX = ".warc.gz.partial"
REDIRECTS = 5
URL_CHARACTERS = 2000
LINK_BYTES = 8 << 20
HEAD_BYTES = 1 << 20
REDIRECTED = frozenset({301, 302, 303, 307, 308})


def canonical(url: str, base: str = "") -> str | None:
    """A URL's one spelling: absolute, lower-case host, no fragment, no default port, escaped; None for one that is not crawled."""
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in DEFAULT_PORTS or not host or parts.username is not None:
        return None
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    result = urlunsplit((parts.scheme, netloc, path, query, ""))
    return result if len(result) <= URL_CHARACTERS else None


def hosts(seeds: Iterable[str]) -> dict[str, list[str]]:
    """Canonical seeds by scheme://host[:port], in their order.

    Raises:
        ValueError: a seed is no http or https URL that can be crawled.
    """
    grouped: dict[str, list[str]] = {}
    for seed in seeds:
        url = canonical(seed)
        if url is None:
            raise ValueError(f"crawl.seeds: {seed!r} cannot be crawled; give an http or https URL with a host and without a password")
        of_host = grouped.setdefault(_host(url), [])
        if url not in of_host:
            of_host.append(url)
    return grouped


def crawl_host(
    host: str,
    seeds: Sequence[str],
    crawl: Crawl,
    directory: Path,
    name: str,
    on_page: Callable[[int, int], None] = lambda _done, _known: None,
) -> list[Reject]:
    """Crawl one host into `directory/NAME.warc.gz`, going on where a killed crawl left `NAME.warc.gz.partial`.

    Args:
        host: scheme://host[:port], as `hosts` gives it.
        seeds: canonical URLs of that host.
        crawl: limits and manners.
        directory: exists.
        name: of the file, without suffix.
        on_page: called with pages done and pages known after each page.

    Returns:
        One Reject for each URL that was taken up and has no response record.

    Raises:
        OSError: the file cannot be written.
    """
    with _Archive(directory, name, crawl) as archive:
        return _Crawl(host, crawl, archive).run(seeds, on_page)


@dataclass(frozen=True, slots=True)
class _Page:
    """A URL of the frontier."""

    url: str
    depth: int
    hops: int = 0
    """Redirects that led here."""


class _Archive:
    """The WARC that is being written, and what it held before: pages are answered from it, else from the network and then written."""

    def __init__(self, directory: Path, name: str, crawl: Crawl) -> None:
        self.crawl = crawl
        self.final, self.partial = directory / f"{name}{SUFFIX}", directory / f"{name}{PARTIAL_SUFFIX}"
        self.limit = crawl.max_bytes + HEAD_BYTES
        self.known: dict[str, tuple[int, int]] = {}
        whole = self._recover() if self.partial.exists() else 0
        self.file = self.partial.open("r+b" if self.partial.exists() else "w+b")
        self.file.truncate(whole)
        self.file.seek(whole)
        self.next_request_at = 0.0
        if not whole:
            stamp = crawl.timestamp or datetime.now(UTC)
            stamp = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
            lines = [
                ("software", "curate"),
                ("format", "WARC File Format 1.1"),
                ("http-header-user-agent", crawl.user_agent),
                ("robots", "classic"),
            ]
            self.file.write(warcinfo(f"{stamp:%Y-%m-%dT%H:%M:%SZ}", self.final.name, lines))
            self.file.flush()

    def _recover(self) -> int:
        """Index the responses of the partial file; where the last whole one ends."""
        ends, urls = [0], [""]
        for record in records(str(self.partial), Tally(), self.limit):
            if isinstance(record, WebRecord):
                self.known[record.url] = record.offset, record.length
                urls.append(record.url)
                ends.append(record.offset + record.length)
            elif record.reason == "record type warcinfo":
                urls.append("")
                ends.append(record.offset + record.length)
            elif not record.reason.startswith("record type"):
                # Damage of no length lies in the last member's own end: its record was read, its checksum was not.
                if not record.length and len(ends) > 1 and record.offset == ends[-1]:
                    ends.pop()
                    self.known.pop(urls.pop(), None)
                break
        return ends[-1]

    def get(self, url: str, delay_s: float, *, any_type: bool = False) -> WebRecord:
        """The answer of a URL, from the file or from the network.

        Raises:
            FetchError: there is none.
        """
        if url not in self.known:
            wait = self.next_request_at - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                answer = fetch(url, self.crawl, any_type=any_type)
            finally:
                self.next_request_at = time.monotonic() + delay_s
            offset = self.file.seek(0, os.SEEK_END)
            self.known[url] = offset, self.file.write(exchange(answer))
            # To the operating system at once: a killed process loses nothing, and a page takes longer to fetch than to write.
            self.file.flush()
            head = parse_head(answer.head)
            assert head is not None
            status, headers, _ = head
            return WebRecord(url, "response", answer.date, status, headers.get("content-type", "").lower(), answer.body, headers)
        return self._read(url)

    def _read(self, url: str) -> WebRecord:
        offset, length = self.known[url]
        self.file.seek(offset)
        stored = BytesIO(self.file.read(length))
        record = next(record for record in read_records(stored, Tally(), self.limit) if isinstance(record, WebRecord))
        assert record.url == url, (record.url, url)
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if kind is None:
            self.partial.replace(self.final)


class _Crawl:
    """The frontier of one host."""

    def __init__(self, host: str, crawl: Crawl, archive: _Archive) -> None:
        self.host, self.crawl, self.archive = host, crawl, archive
        self.rejects: list[Reject] = []

    def run(self, seeds: Sequence[str], on_page: Callable[[int, int], None]) -> list[Reject]:
        rules = self._rules()
        delay_s = max(self.crawl.delay_s, rules.delay_s())
        frontier = deque(_Page(seed, 0) for seed in seeds)
        seen = {page.url for page in frontier}
        done = 0
        while frontier and done < self.crawl.max_pages:
            page = frontier.popleft()
            if not rules.allows(page.url):
                self.rejects.append(Reject(page.url, rules.reason, rules.refusal))
                continue
            done += 1
            try:
                record = self.archive.get(page.url, delay_s)
            except FetchError as error:
                self.rejects.append(Reject(page.url, error.reason, error.words))
                record = None
            if record is not None and record.status in REDIRECTED:
                target = self._target(page, record)
                if target and target.url not in seen:
                    seen.add(target.url)
                    # Next, and not last: a redirect is the same page.
                    frontier.appendleft(target)
            elif record is not None and page.depth < self.crawl.depth:
                for link in self._links(record):
                    if link not in seen:
                        seen.add(link)
                        frontier.append(_Page(link, page.depth + 1))
            on_page(done, min(done + len(frontier), self.crawl.max_pages))
        return self.rejects

    def _rules(self) -> robots.Rules:
        url = f"{self.host}/robots.txt"
        agent = robots.agent_token(self.crawl.user_agent)
        try:
            for _hop in range(robots.REDIRECTS + 1):
                record = self.archive.get(url, self.crawl.delay_s, any_type=True)
                target = canonical(record.headers.get("location", ""), url) if record.status in REDIRECTED else None
                if target is None:
                    break
                url = target
            body = record.payload(robots.ROBOTS_BYTES << 2)
        except FetchError as error:
            # A host that may not be asked at all is refused as that.
            reason = error.reason if error.reason in {"private address", "unknown host"} else robots.REASON
            return robots.Rules(agent, refusal=f"robots.txt cannot be read: {error}", reason=reason)
        except PayloadError as error:
            return robots.Rules(agent, refusal=f"robots.txt cannot be read: {error}")
        if record.status in REDIRECTED:
            # Section 2.3.1.2: after five hops the file may be taken as not there.
            return robots.Rules(agent)
        return robots.parse_rules(record.status, body, self.crawl.user_agent)

    def _target(self, page: _Page, record: WebRecord) -> _Page | None:
        """Where a redirect leads; a reject where it is not followed."""
        location = record.headers.get("location", "")
        url = canonical(location, page.url)
        if url is None or _host(url) != self.host:
            self.rejects.append(Reject(url or location, "redirect to another host", f"from {page.url}"))
            return None
        if page.hops >= REDIRECTS:
            self.rejects.append(Reject(url, "too many redirects", f"from {page.url}"))
            return None
        return _Page(url, page.depth, page.hops + 1)

    def _links(self, record: WebRecord) -> list[str]:
        """URLs that a page links to and that may be crawled, in the page's order."""
        if record.status != 200 or "html" not in record.content_type:
            return []
        try:
            html = decode_html(record.payload(LINK_BYTES), record.content_type)
        except PayloadError:
            # The page is in the WARC; extraction will say what is wrong with it.
            return []
        if too_complex(html):
            return []
        try:
            # lxml, and not lexbor through resiliparse: walking a page of 8,000 links by its collections is quadratic (4 s a page).
            tree = lxml.html.document_fromstring(html.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
        except lxml.etree.ParserError:
            return []
        metas = {meta.get("name", "").lower(): meta.get("content", "") for meta in tree.iter("meta")}
        if not robots.may_follow(record.headers, metas, self.crawl.user_agent):
            return []
        base = next((base.get("href") for base in tree.iter("base") if base.get("href")), "")
        start = canonical(base, record.url) or record.url
        # A page names its neighbours many times over: each is looked at once.
        links = dict.fromkeys(anchor.get("href", "") for anchor in tree.iter("a") if "nofollow" not in anchor.get("rel", "").lower())
        urls = (canonical(link, start) for link in links if link)
        return [url for url in urls if url and self._wanted(url)]

    def _wanted(self, url: str) -> bool:
        if _host(url) != self.host or (self.crawl.include and not url.startswith(self.crawl.include)):
            return False
        return not any(fnmatchcase(url, pattern) for pattern in self.crawl.exclude)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
