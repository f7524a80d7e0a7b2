"""A crawl that is cut off anywhere goes on, asks for nothing twice, and ends with the bytes of one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.settings.sources import Crawl
from pipeline.sources.crawl import crawl_host, forget, rejects
from pipeline.sources.frontier import Frontier, Page
from tests.pipeline.corpora import ROOT
from tests.pipeline.sources.crawling import branching, crawl, settings
from tests.pipeline.sources.site import Site, serve

CODE = (
    "import sys; from pathlib import Path; from pipeline.settings.sources import Crawl\nfrom pipeline.sources.crawl import crawl_host\n"
    "crawl = Crawl.model_validate_json(sys.argv[2])\n"
    "crawl_host(sys.argv[1], list(crawl.seeds), crawl, Path(sys.argv[3]), 'site')"
)


class CutOff(Exception):
    pass


@pytest.fixture
def site():
    """39 pages and what goes with them: robots.txt again and again, a redirect, a page that fails, one that is closed."""
    with serve(Site()) as running:
        branching(running, 3, 3)
        running.html("/", "".join(f"<a href='{path}'>x</a>" for path in ("/0/", "/moved", "/broken", "/closed", "/1/", "/2/")))
        running.pages["/moved"] = (302, {"Location": "/2/2/"}, b"")
        running.pages["/broken"] = (0, {}, b"")
        running.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /closed\n")
        yield running


def changed(site: Site) -> Crawl:
    return settings(site, robots_pages=7)


def cut_off_at(page: int, site: Site, folder: Path) -> None:
    """Leave the files as they are after so many pages."""
    folder.mkdir(parents=True)

    def stop(done: int, _known: int) -> None:
        if done == page:
            raise CutOff

    with pytest.raises(CutOff):
        crawl_host(site.url, [f"{site.url}/"], changed(site), folder, "site", stop)


def warc_cut(folder: Path) -> None:
    file = folder / "site.warc.gz.partial"
    file.write_bytes(file.read_bytes()[:-700])


def warc_gone_on(folder: Path) -> None:
    """A record that broke off in the middle: killed while it was written."""
    file = folder / "site.warc.gz.partial"
    data = file.read_bytes()
    file.write_bytes(data + data[:200])


def warc_with_noise(folder: Path) -> None:
    """What a file system may leave after a loss of power: the right length and other bytes."""
    file = folder / "site.warc.gz.partial"
    file.write_bytes(file.read_bytes()[:-900] + bytes(900))


def frontier_gone(folder: Path) -> None:
    for file in folder.glob("site.frontier*"):
        file.unlink()


def frontier_damaged(folder: Path) -> None:
    frontier_gone(folder)
    (folder / "site.frontier").write_bytes(b"SQLite format 3\0" + bytes(5000))


def frontier_no_database(folder: Path) -> None:
    frontier_gone(folder)
    (folder / "site.frontier").write_bytes(b"not a database, and long enough to be looked at " * 100)


def warc_gone(folder: Path) -> None:
    (folder / "site.warc.gz.partial").unlink()


@pytest.mark.parametrize(
    "damage", [warc_cut, warc_gone_on, warc_with_noise, warc_gone, frontier_gone, frontier_damaged, frontier_no_database]
)
def test_whatever_a_cut_leaves_the_end_is_the_same(site, tmp_path, damage):
    _pages, refused, whole = crawl(site, tmp_path / "whole", robots_pages=7)
    for page in (2, 23):
        folder = tmp_path / f"{page}"
        cut_off_at(page, site, folder)
        damage(folder)
        _pages, again, resumed = crawl(site, folder, robots_pages=7)
        assert resumed.read_bytes() == whole.read_bytes()
        assert again == refused


def test_a_frontier_that_is_behind_its_warc_takes_in_what_follows(site, tmp_path):
    """The last steps were written to the WARC and not committed: nothing of them is asked for again."""
    _pages, refused, whole = crawl(site, tmp_path / "whole", robots_pages=7)
    cut_off_at(9, site, tmp_path / "old")
    cut_off_at(30, site, tmp_path / "new")
    shutil.copy(tmp_path / "old" / "site.frontier", tmp_path / "new" / "site.frontier")
    before = len(site.asked)
    _pages, again, resumed = crawl(site, tmp_path / "new", robots_pages=7)
    assert resumed.read_bytes() == whole.read_bytes()
    assert again == refused
    # robots.txt and tdmrep.json come with every 7 pages; 43 pages in all, and the broken one is before page 9.
    assert len(site.asked) - before <= 43 - 30 + 2 * 3, site.asked[before:]


def test_killed_again_and_again(site, tmp_path):
    """SIGKILL at moments of chance, many times over; no page is asked for twice but those that were in flight."""
    _pages, refused, whole = crawl(site, tmp_path / "whole", robots_pages=7)
    asked, kills, chance = len(site.asked), 0, random.Random(7)
    folder = tmp_path / "killed"
    folder.mkdir()
    arguments = [site.url, changed(site).model_dump_json(), str(folder)]
    while not (folder / "site.warc.gz").exists():
        process = subprocess.Popen([sys.executable, "-c", CODE, *arguments], cwd=ROOT)
        until = len(site.asked) + chance.randint(3, 14)
        while len(site.asked) < until and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.004)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        assert process.wait() in {0, -signal.SIGKILL}
    _pages, again, resumed = crawl(site, folder, robots_pages=7)
    assert resumed.read_bytes() == whole.read_bytes()
    assert again == refused
    assert kills >= 2
    assert len(site.asked) - asked <= asked + 3 * kills


def test_a_finished_crawl_is_not_done_again_until_it_is_forgotten(site, tmp_path):
    _pages, refused, whole = crawl(site, tmp_path, robots_pages=7)
    before, data = len(site.asked), whole.read_bytes()
    whole.rename(tmp_path / "site.warc.gz.partial")  # killed between the last commit and the name
    state = crawl_host(site.url, [f"{site.url}/"], changed(site), tmp_path, "site")
    assert (len(site.asked), whole.read_bytes(), list(rejects(tmp_path, "site"))) == (before, data, refused)
    assert state.taken == state.responses + len(refused)
    forget(tmp_path, "site")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["site.warc.gz"]
    crawl_host(site.url, [f"{site.url}/"], changed(site), tmp_path, "site")
    assert len(site.asked) > before


def test_a_crawl_by_other_rules_begins_anew(site, tmp_path):
    cut_off_at(20, site, tmp_path / "site")
    before = len(site.asked)
    _pages, _refused, resumed = crawl(site, tmp_path / "site", robots_pages=7, user_agent="other/1")
    assert site.asked[before:][:3] == ["/robots.txt", "/.well-known/tdmrep.json", "/"]
    anew = crawl(site, tmp_path / "new", robots_pages=7, user_agent="other/1")[2]
    assert resumed.read_bytes() == anew.read_bytes()


def test_the_line_is_by_depth_then_discovery_and_knows_each_url_once(tmp_path):
    frontier = Frontier(tmp_path / "frontier", "")
    with frontier.step():
        frontier.add([Page("c", 1), Page("a"), Page("b"), Page("a", 3)])
        frontier.add([Page("z", 2)], urgent=True)
        frontier.reject("b", "why", "")
        frontier.reject("unseen \udcff", "why", "\udcff")
        frontier.reject("unseen \udcff", "again", "")
    seen = []
    while page := frontier.next():
        with frontier.step():
            frontier.answered(page)
        seen.append(page.url)
    frontier.close()
    assert seen == ["z", "a", "c"]
    again = Frontier(tmp_path / "frontier", "")
    assert [(reject.locator, reject.reason) for reject in again.rejects()] == [("b", "why"), ("unseen \\udcff", "why")]
    assert (again.state.taken, again.state.responses, again.state.waiting) == (5, 3, 0)
    again.close()


def test_a_step_that_fails_leaves_no_trace(tmp_path):
    frontier = Frontier(tmp_path / "frontier", "")

    def failing():
        with frontier.step():
            frontier.add([Page("a")])
            raise CutOff

    with pytest.raises(CutOff):
        failing()
    assert frontier.next() is None
    frontier.close()
