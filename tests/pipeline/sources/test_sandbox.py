"""Parsers that crash, recurse, spin and fill memory, in real processes: what it costs is one call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.html import ELEMENTS, trafilatura_text
from pipeline.config import load
from pipeline.run import Run
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import pages, sandbox
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document
from pipeline.sources.sandbox import Died, Raised, Sandbox, Stopped
from pipeline.sources.warc import WebRecord
from pipeline.stage import perform
from pipeline.stages.extract import EXTRACT
from tests.pipeline.corpora import ROOT, long_topics, page, write_config, write_warc
from tests.pipeline.sources import deadly

DEADLY = "tests.pipeline.sources.deadly"
DEADLY_WORDS = ("SEGMENTATION-FAULT", "FILLS-MEMORY", "STACK-OVERFLOW")
MEBIBYTE = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not enforce it")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    made = Sandbox(cpu_s=1, memory_bytes=512 * MEBIBYTE)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("crash", "SIGSEGV"),
        ("recurse_in_c", "SIGSEGV"),
        pytest.param("fill", f"more than {512 * MEBIBYTE} bytes of memory", marks=linux),
        ("spin", "SIGXCPU: more than 1 s of CPU time"),
        ("leave", "exit status 3"),
    ],
)
def test_a_death_is_told_and_the_neighbours_live(box, deed, words):
    before = box.call(f"{DEADLY}:said", "before")
    with pytest.raises(Died, match=f"^{words}"):
        box.call(f"{DEADLY}:{deed}", b"")
    assert (before, box.call(f"{DEADLY}:said", "after")) == ("before", "after")


def test_an_exception_is_told_by_its_type_and_costs_no_process(box):
    first = box.call(f"{DEADLY}:process", b"")
    with pytest.raises(Raised, match=r"^RecursionError: ") as caught:
        box.call(f"{DEADLY}:recurse_in_python", b"")
    assert caught.value.kind == "RecursionError"
    assert box.call(f"{DEADLY}:process", b"") == first != os.getpid()


def test_whether_a_call_dies_does_not_depend_on_those_before(box):
    """A child that an earlier page has spoilt dies at an innocent one, which is then done in a fresh child."""
    assert len({box.call(f"{DEADLY}:crash_after_others", b"") for _ in range(3)}) == 3


def test_children_are_replaced_after_so_many_calls():
    made = Sandbox(calls_per_child=2)
    seen = [made.call(f"{DEADLY}:process", b"") for _ in range(5)]
    made.close()
    assert seen[0] == seen[1] != seen[2] == seen[3] != seen[4]


def test_who_stops_a_child_stops_the_unit_and_rejects_no_page(box):
    with pytest.raises(Stopped, match="SIGTERM"):
        box.call(f"{DEADLY}:stopped", b"")


def test_a_child_killed_between_two_calls_costs_neither(box):
    os.kill(box.call(f"{DEADLY}:process", b""), signal.SIGKILL)
    assert box.call(f"{DEADLY}:said", "next") == "next"


def test_a_function_that_is_not_there_is_an_error_and_no_death(box):
    for target in (f"{DEADLY}:no_such", "no.such:thing", "nothing"):
        with pytest.raises(ValueError, match="no function"):
            box.call(target, b"")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=300))
def test_any_text_goes_and_comes_back(text):
    assert sandbox.call(f"{DEADLY}:said", text) == text


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
def test_any_size_goes_and_comes_back(size):
    assert sandbox.call(f"{DEADLY}:said", "ü" * size) == "ü" * size


def test_threads_get_each_their_own_answers(box):
    def ask(number: int) -> bool:
        if number % 10 == 7:
            with pytest.raises(Died):
                box.call(f"{DEADLY}:crash", b"")
            return True
        return bool(box.call(f"{DEADLY}:said", str(number) * 1000) == str(number) * 1000)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(60)))


def test_a_child_started_by_a_thread_that_has_ended_costs_no_page(box):
    thread = threading.Thread(target=box.call, args=(f"{DEADLY}:said", "x"))
    thread.start()
    thread.join()
    assert box.call(f"{DEADLY}:said", "y") == "y"


@linux
def test_a_spinning_child_dies_with_its_parent():
    """SIGKILL leaves the parent no time to say anything, and a child that spins reads nothing."""
    script = (
        "import threading, time\n"
        "from pipeline.sources.sandbox import Sandbox\n"
        "box = Sandbox()\n"
        f"print(box.call('{DEADLY}:process', b''), flush=True)\n"
        f"box.call('{DEADLY}:spin', b'')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    while _seconds_used(child) < 0.3:
        assert parent.poll() is None
    parent.kill()
    parent.wait()
    while _alive(child):
        pass
    parent.stdout.close()


def _seconds_used(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _alive(process: int) -> bool:
    """A zombie is dead, though nobody may have waited for it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def record(html: str) -> WebRecord:
    return WebRecord("http://example.org/", "response", None, 200, "text/html; charset=utf-8", html.encode(), offset=0, length=1)


def test_isolated_or_not_a_page_gives_the_same():
    source = Source(name="web", kind="web", paths=("unused",))
    made = [page(*topic)[1].decode() for topic in long_topics()[:6]]
    made += [
        "<p>",
        "<html><body>" + "<div>" * 3000,
        "<p>" + "<b>x</b>" * (ELEMENTS + 10),
        "\0",
        "<html><body><p>\ud800</p>".encode("utf-8", "replace").decode(),
    ]
    found = [
        [page_document(record(html), Extract(extractor="trafilatura", isolate=isolate), source) for html in made]
        for isolate in (True, False)
    ]
    assert found[0] == found[1]
    assert sum(isinstance(outcome, Document) for outcome in found[0]) >= 6
    assert found[0][8].reason == "page too complex"


def test_too_many_elements_are_refused_by_their_number():
    assert trafilatura_text("<html><body><p>" + "<b>x</b> " * 2000)
    with pytest.raises(ValueError, match=str(ELEMENTS)):
        trafilatura_text("<p>" + "<b>x</b>" * (ELEMENTS + 10))


@linux
def test_pages_that_kill_the_extractor_cost_themselves_and_no_neighbour(tmp_path, monkeypatch):
    """A whole stage: the documents are those of a run without the deadly pages, and every record is accounted for."""
    good = [page(*topic) for topic in long_topics()[:9]]
    killers = [(f"http://example.org/{words}", b"<html><body><p>%s</p></body></html>" % words.encode()) for words in DEADLY_WORDS]
    mixed = [*good[:3], killers[0], *good[3:4], *killers[1:], *good[4:]]
    monkeypatch.setattr(pages, "trafilatura_text", deadly.main_text_or_death)
    found = {}
    for name, chosen in (("good", good), ("mixed", mixed)):
        warc = write_warc(tmp_path / f"{name}.warc.gz", chosen)
        values = {
            "name": name,
            "extract": {"extractor": "trafilatura"},
            "output": str(tmp_path),
            "sources": [{"name": "pages", "kind": "web", "paths": [str(warc)]}],
        }
        config = load(write_config(tmp_path / f"{name}.yaml", values | {"runner": {"workers": 1}}))
        run = Run(config.directory)
        perform(EXTRACT, run, config)
        manifest = run.need("extract")
        counts = manifest.totals["sources"]["pages"]
        assert counts["records"] == len(chosen)
        assert counts["documents"] == len(good)
        found[name] = counts, sorted(pq.read_table(config.directory / "documents", columns=["locator", "text"]).to_pylist(), key=str)
    assert found["mixed"][1] == found["good"][1]
    assert {reason: count["records"] for reason, count in found["mixed"][0]["rejects"].items()} == {"extractor died": 3}
    errors = {
        row["locator"].rpartition("/")[2]: row["error"] for row in pq.read_table(tmp_path / "mixed" / "rejects" / "extract").to_pylist()
    }
    assert errors["SEGMENTATION-FAULT"] == errors["STACK-OVERFLOW"] == signal.SIGSEGV.name
    assert "bytes of memory" in errors["FILLS-MEMORY"]
