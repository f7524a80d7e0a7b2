"""The crawl stage over many hosts: side by side, each for itself, every URL accounted for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline.corpora import ROOT, command, curate, digests, environment, write_config
from tests.pipeline.sources.crawling import STAMP, branching
from tests.pipeline.sources.site import Site, serve

HOSTS = 8


@pytest.fixture
def sites():
    """Each of other pages; the last gives no answer to anything but robots.txt."""
    with ExitStack() as stack:
        running = [stack.enter_context(serve(Site())) for _ in range(HOSTS)]
        for number, site in enumerate(running):
            branching(site, 2, 3)
            site.html("/0/", f"<p>Site {number}.</p><a href='/missing'>x</a>", **{"X-Sleep": "0.05"})
            site.pages["/1/"] = (302, {"Location": f"{running[number - 1].url}/1/0/"}, b"")
        running[-1].fallback = lambda _path: (0, {}, b"")
        running[-1].pages = {"/robots.txt": (404, {}, b""), "/.well-known/tdmrep.json": (404, {}, b"")}
        yield running


def configure(folder: Path, sites: list[Site], **changes: object) -> Path:
    crawl = {"seeds": [f"{site.url}/" for site in sites], "depth": 5, "delay_s": 0, "timeout_s": 1, "retries": 0, "allow_private": True}
    source = {"name": "sites", "kind": "web", "crawl": crawl | {"timestamp": STAMP.isoformat()} | changes}
    return write_config(folder / "config.yaml", {"name": "many", "output": str(folder / "runs"), "sources": [source]})


def crawled(folder: Path) -> Path:
    return folder / "runs" / "many"


def meet(site: Site, barrier: threading.Barrier) -> None:
    """A page that is answered as before once all hosts have been asked for theirs, and else with 500."""
    page = site.pages["/0/"]

    def answer(_count: int) -> tuple[int, dict[str, str], bytes]:
        try:
            barrier.wait(timeout=20)
        except threading.BrokenBarrierError:
            return 500, {}, b"the other hosts were not asked meanwhile"
        return page

    site.pages["/0/"] = answer


def test_hosts_side_by_side_give_what_they_give_one_by_one(tmp_path, sites):
    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    curate("crawl", configure(tmp_path / "one", sites, hosts_at_once=1))
    barrier = threading.Barrier(HOSTS - 1)
    for site in sites[:-1]:
        meet(site, barrier)
    curate("crawl", configure(tmp_path / "all", sites, hosts_at_once=HOSTS, timeout_s=30))
    assert digests(crawled(tmp_path / "all"), ["crawl/_manifest.json"]) == digests(crawled(tmp_path / "one"), ["crawl/_manifest.json"])
    assert all(site.most_together == 1 for site in sites[:-1]), "one request at a time, redirects from other hosts included"
    run = crawled(tmp_path / "all")
    manifest = json.loads((run / "crawl" / "_manifest.json").read_text())
    assert len(manifest["parts"]) == HOSTS
    counts = manifest["totals"]["urls"]["sites"]
    rejects = pq.read_table(run / "rejects" / "crawl").to_pylist()
    assert counts["taken"] == counts["responses"] + len(rejects)
    assert {row["locator"] for row in rejects} == {f"{sites[-1].url}/", f"{sites[-1].url}/1/0/"}
    assert {row["reason"] for row in rejects} == {"unreachable"}
    assert not list(run.rglob("*.frontier*"))
    before = [len(site.asked) for site in sites]
    assert "up to date" in curate("crawl", tmp_path / "all" / "config.yaml").stderr
    with serve(Site()) as late:
        branching(late, 1, 1)
        curate("crawl", configure(tmp_path / "all", [*sites, late], hosts_at_once=3, timeout_s=30))
    assert [len(site.asked) for site in sites] == before, "a host that is added leaves the others as they are"


def test_a_full_disk_and_a_kill_leave_a_crawl_that_goes_on(tmp_path, sites):
    if not shutil.which("prlimit"):
        pytest.skip("no prlimit command to make a disk of 30 kB with")
    for name in ("whole", "hindered"):
        (tmp_path / name).mkdir()
    curate("crawl", configure(tmp_path / "whole", sites))
    config = configure(tmp_path / "hindered", sites)
    # No file may grow beyond this, and each frontier does.
    limited = ["prlimit", "--fsize=30000", *command("crawl", config)]
    done = subprocess.run(limited, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    told = done.stderr.strip().splitlines()[-1]
    assert (done.returncode, told[:8]) == (2, "curate: "), done.stderr
    assert "File too large" in told or "frontier" in told
    assert "Traceback" not in done.stderr
    asked = sum(len(site.asked) for site in sites)
    process = subprocess.Popen(command("crawl", config), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    while sum(len(site.asked) for site in sites) < asked + 40 and process.poll() is None:
        time.sleep(0.001)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    curate("crawl", config)
    assert digests(crawled(tmp_path / "hindered")) == digests(crawled(tmp_path / "whole"))
