"""The crawler against a real site on loopback."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator

from pipeline.sources.crawl import crawl_host, rejects
from tests.pipeline.sources.crawling import branching, crawl, paths, settings
from tests.pipeline.sources.site import Site, serve


@pytest.fixture
def site():
    with serve(Site()) as running:
        yield running


def test_pages_come_breadth_first_and_fastwarc_reads_them(site, tmp_path):
    branching(site, 2, 2)
    pages, refused, file = crawl(site, tmp_path)
    assert paths(site, pages) == ["/", "/0/", "/1/", "/0/0/", "/0/1/", "/1/0/", "/1/1/"]
    assert refused == []
    assert site.asked == ["/robots.txt", "/.well-known/tdmrep.json", *paths(site, pages)]
    kinds = []
    for record in ArchiveIterator(str(file), parse_http=False):
        assert record.verify_block_digest() or record.headers.get("WARC-Type") == "warcinfo"
        kinds.append(record.headers["WARC-Type"])
    assert kinds == ["warcinfo", *["request", "response"] * 9]
    digests = [
        record.verify_payload_digest()
        for record in ArchiveIterator(str(file), parse_http=True)
        if record.headers["WARC-Type"] == "response"
    ]
    assert all(digests)


def test_robots_are_obeyed(site, tmp_path):
    site.html("/", "<a href='/open'>a</a><a href='/closed/x'>b</a><a href='/meta'>c</a>")
    site.html("/open", "fine <a href='/rel' rel='nofollow'>no</a>")
    site.html("/meta", "<meta name=robots content='NOFOLLOW'><a href='/behind-meta'>x</a>")
    site.pages["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: curate\nDisallow: /closed\n")
    pages, refused, _file = crawl(site, tmp_path)
    assert paths(site, pages) == ["/", "/open", "/meta"]
    assert [(reject.locator, reject.reason) for reject in refused] == [(f"{site.url}/closed/x", "robots.txt")]


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (503, False)])
def test_robots_that_cannot_be_read(site, tmp_path, status, allowed):
    """RFC 9309 section 2.3.1: unavailable allows, unreachable refuses."""
    site.html("/", "hello")
    site.pages["/robots.txt"] = (status, {}, b"")
    pages, refused, _file = crawl(site, tmp_path)
    assert bool(pages) == allowed
    assert [reject.reason for reject in refused] == ([] if allowed else ["robots.txt"])


def test_crawl_delay_spaces_requests(site, tmp_path):
    branching(site, 1, 2)
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 0.3\n")
    crawl(site, tmp_path)
    gaps = [after - before for before, after in zip(site.times[2:], site.times[3:], strict=False)]
    assert len(gaps) == 2
    assert min(gaps) >= 0.29


def test_traps_end(site, tmp_path):
    """Redirect loops, chains, an endless calendar and other hosts are left at the limits, with a reason where a URL was taken up."""
    for step in range(9):
        site.pages[f"/chain{step}"] = (302, {"Location": f"/chain{step + 1}"}, b"")
    site.pages["/loop-a"] = (301, {"Location": "/loop-b"}, b"")
    site.pages["/loop-b"] = (301, {"Location": "/loop-a"}, b"")
    site.pages["/away"] = (302, {"Location": "http://elsewhere.invalid/"}, b"")
    site.html(
        "/", "".join(f"<a href='{path}'>x</a>" for path in ("/chain0", "/loop-a", "/away", "/calendar/0", "http://elsewhere.invalid/page"))
    )

    def calendar(path: str) -> tuple[int, dict[str, str], bytes]:
        if not path.startswith("/calendar/"):
            return 404, {}, b""
        day = int(path.rpartition("/")[2])
        return 200, {"Content-Type": "text/html"}, f"<html><a href='/calendar/{day + 1}'>tomorrow</a></html>".encode()

    site.fallback = calendar
    pages, refused, _file = crawl(site, tmp_path, depth=4)
    found = paths(site, pages)
    assert [path for path in found if "calendar" in path] == ["/calendar/0", "/calendar/1", "/calendar/2", "/calendar/3"]
    assert [path for path in found if "loop" in path] == ["/loop-a", "/loop-b"]
    assert [path for path in found if "chain" in path] == [f"/chain{step}" for step in range(6)]
    assert sorted(reject.reason for reject in refused) == ["redirect to another host", "too many redirects"]
    pages, _refused, _file = crawl(site, tmp_path / "few", max_pages=3)
    assert len(pages) == 3


def test_a_failing_page_is_asked_again(site, tmp_path):
    good = (200, {"Content-Type": "text/html"}, b"<html><p>at last</html>")
    site.pages["/"] = lambda count: good if count == 3 else (500, {}, b"busy")
    pages, _refused, _file = crawl(site, tmp_path, retries=2)
    assert [(page.status, page.body) for page in pages] == [(200, good[2])]
    assert site.counts["/"] == 3


def test_slow_huge_and_foreign_answers(site, tmp_path):
    site.html("/", "<a href=/slow>a</a><a href=/huge>b</a><a href=/image>c</a><a href=/cut>d</a><a href=/zip>e</a>")
    site.html("/slow", "late", **{"X-Sleep": "5"})
    site.pages["/huge"] = (200, {"Content-Type": "text/html"}, b"<p>" + b"word " * 400_000)
    site.pages["/image"] = (200, {"Content-Type": "image/png"}, b"\x89PNG" * 100_000)
    site.pages["/cut"] = (200, {"Content-Type": "text/html", "X-Cut": "1000"}, b"<html>" + b"text " * 1000)
    site.pages["/zip"] = (
        200,
        {"Content-Type": "text/html", "Content-Encoding": "gzip"},
        gzip.compress(b"<html><a href=/inside>x</a>", mtime=0),
    )
    site.html("/inside", "found")
    pages, refused, _file = crawl(site, tmp_path, timeout_s=0.5, max_bytes=100_000)
    found = {page.url.removeprefix(site.url): page for page in pages}
    assert [reject.reason for reject in refused] == ["timeout"]
    assert (len(found["/huge"].body), found["/huge"].truncated) == (100_000, True)
    assert (found["/image"].body, found["/image"].content_type, found["/image"].truncated) == (b"", "image/png", True)
    assert (len(found["/cut"].body), found["/cut"].truncated) == (1000, True)
    assert found["/inside"].status == 200
    assert set(found) == {"/", "/huge", "/image", "/cut", "/zip", "/inside"}


def test_private_addresses_are_refused_unless_allowed(site, tmp_path):
    site.html("/", "secret")
    pages, refused, _file = crawl(site, tmp_path, allow_private=False)
    assert pages == []
    assert site.asked == []
    assert [reject.reason for reject in refused] == ["private address"]


def test_include_and_exclude(site, tmp_path):
    branching(site, 2, 2)
    pages, _refused, _file = crawl(site, tmp_path, include=[f"{site.url}/0/"], exclude=["*/1/"])
    assert paths(site, pages) == ["/", "/0/", "/0/0/"]


def test_a_server_that_stops_leaves_rejects(tmp_path):
    """A URL that nobody answers any more is a reject, and what came before is kept."""
    with serve(Site()) as site:
        site.html("/", "<a href='/x'>x</a><a href='/y'>y</a>")
        made = settings(site)
        host = site.url

        def stop(done: int, _known: int) -> None:
            if done == 1:
                site.pages["/x"] = site.pages["/y"] = (200, {"Content-Type": "text/html", "X-Cut": "0", "Content-Length": "99"}, b"<p>cut")

        crawl_host(host, [f"{host}/"], made, tmp_path, "site", stop)
        refused = list(rejects(tmp_path, "site"))
    assert [(reject.locator, reject.reason) for reject in refused] == [(f"{host}/x", "unreachable"), (f"{host}/y", "unreachable")]
    assert not list(tmp_path.glob("*.partial"))
    crawl_host(host, [f"{host}/"], made, tmp_path, "gone")
    refused = list(rejects(tmp_path, "gone"))
    assert [reject.reason for reject in refused] == ["robots.txt"]


def test_killed_and_resumed_gives_equal_bytes(site, tmp_path):
    """SIGKILL in the middle; the second run asks only for what is missing and ends with the bytes of an uninterrupted one."""
    branching(site, 3, 3)
    _pages, _refused, whole = crawl(site, tmp_path / "whole")
    total = len(site.asked)
    (tmp_path / "killed").mkdir()
    code = (
        "import sys, time; from pathlib import Path; from pipeline.settings.sources import Crawl\n"
        "from pipeline.sources.crawl import crawl_host\n"
        "crawl = Crawl.model_validate_json(sys.argv[2])\n"
        "wait = lambda done, known: time.sleep(60 if done == 17 else 0)\n"
        "crawl_host(sys.argv[1], list(crawl.seeds), crawl, Path(sys.argv[3]), 'site', wait)"
    )
    arguments = [site.url, settings(site).model_dump_json(), str(tmp_path / "killed")]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=Path(__file__).parents[3])
    while len(site.asked) < total + 18 and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    partial = tmp_path / "killed" / "site.warc.gz.partial"
    data = partial.read_bytes()
    for cut in (0, 3, 7, 300):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / partial.name).write_bytes(data[: len(data) - cut])
        before = len(site.asked)
        _pages, _refused, resumed = crawl(site, folder)
        assert resumed.read_bytes() == whole.read_bytes()
        assert 0 < len(site.asked) - before <= total - 16


def test_two_crawls_of_an_unchanged_site_are_equal(site, tmp_path):
    branching(site, 2, 2)
    first, second = crawl(site, tmp_path / "a")[2], crawl(site, tmp_path / "b")[2]
    assert first.read_bytes() == second.read_bytes()
