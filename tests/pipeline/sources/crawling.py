"""Crawls of the site on loopback, and what they left."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipeline.settings.sources import Crawl
from pipeline.sources.crawl import crawl_host, rejects
from pipeline.sources.records import Reject, Tally
from pipeline.sources.urls import hosts
from pipeline.sources.warc import WebRecord, records
from tests.pipeline.sources.site import Site

STAMP = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def settings(site: Site, **changes: object) -> Crawl:
    values: dict[str, object] = {
        "seeds": [f"{site.url}/"],
        "depth": 5,
        "delay_s": 0,
        "timeout_s": 2,
        "retries": 0,
        "allow_private": True,
        "timestamp": STAMP,
    }
    return Crawl.model_validate(values | changes)


def crawl(site: Site, folder: Path, **changes: object) -> tuple[list[WebRecord], list[Reject], Path]:
    """Of the first seed's host: responses but for robots.txt and tdmrep.json, rejects, and the file."""
    folder.mkdir(exist_ok=True)
    made = settings(site, **changes)
    host, seeds = next(iter(hosts(made.seeds).items()))
    state = crawl_host(host, seeds, made, folder, "site")
    refused = list(rejects(folder, "site"))
    assert state.taken == state.responses + len(refused)
    file = folder / "site.warc.gz"
    outcomes = list(records(str(file), Tally(), 1 << 26))
    bad = [outcome for outcome in outcomes if isinstance(outcome, Reject) and not outcome.reason.startswith("record type")]
    assert not bad
    inquiries = ("/robots.txt", "/.well-known/tdmrep.json")
    pages = [outcome for outcome in outcomes if isinstance(outcome, WebRecord) and not outcome.url.endswith(inquiries)]
    assert len({page.url for page in pages}) == len(pages) == state.responses
    return pages, refused, file


def paths(site: Site, pages: list[WebRecord]) -> list[str]:
    return [page.url.removeprefix(site.url) for page in pages]


def branching(site: Site, width: int = 3, depth: int = 3) -> None:
    """A tree of pages, each linking to its children and back to the root."""

    def page(path: str, level: int) -> None:
        children = [f"{path}{number}/" for number in range(width)] if level < depth else []
        links = "".join(f'<a href="{child}">child</a> ' for child in children)
        site.html(path, f"<p>Page {path} of the tree.</p>{links}<a href='/'>home</a><a href='#top'>top</a>")
        for child in children:
            page(child, level + 1)

    page("/", 0)
