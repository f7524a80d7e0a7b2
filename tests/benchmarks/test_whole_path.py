"""The benchmark runs, says what DESIGN 11 asks, and its documents add up. No number of seconds is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contestants import read_datatrove
from benchmarks.environments import Peer, PeerMissingError, python_of
from benchmarks.measure import CommandError, measure

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are measured by Linux's means")


@pytest.fixture(scope="module")
def small_result(tmp_path_factory) -> dict:
    shared = Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (shared / "corpus" / "docs_web-00000.warc.gz").exists():
        pytest.skip(f"no corpus/docs_web-*.warc.gz in {shared}; set CURATE_SHARED_DATA to the folder that holds corpus/")
    file = tmp_path_factory.mktemp("benchmark") / "result.json"
    command = [sys.executable, "-m", "benchmarks.whole_path", "--small", "--no-peers", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "curate" in done.stdout
    assert "not asked for" in done.stdout
    return json.loads(file.read_text())


def test_json_has_the_form_of_the_design(small_result):
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["peers"] == {"datatrove": {"absent": "not asked for (--no-peers)"}}
    assert small_result["ratios"] == {}
    for contestant in ("ours", "limit"):
        assert all(small_result[contestant][number] > 0 for number in ("cpu_s", "wall_s", "peak_mb"))
    assert small_result["ours"]["stage_cpu_s"].keys() >= {"extract", "filter", "dedup", "train-tokenizer", "tokenize"}


def test_every_page_is_kept_or_has_a_reason(small_result):
    documents, reasons = (small_result["quality"]["ours"][name] for name in ("documents", "reasons"))
    gone = {stage: sum(counts.values()) for stage, counts in reasons.items()}
    assert documents["pages"] == small_result["input"]["pages"] == small_result["limit"]["documents"]["pages"]
    assert documents["pages"] - gone["extract"] == documents["extracted"]
    assert documents["extracted"] - gone["filter"] == documents["kept_by_rules"]
    assert documents["kept_by_rules"] - gone["dedup"] == documents["kept"]
    assert documents["extracted"] >= documents["english"] >= documents["kept_by_rules"] >= documents["kept"] > 0
    assert documents["tokens"] > documents["kept"]


def test_the_limit_extracts_the_pages_that_ours_extracts(small_result):
    """Text on the pages where ours finds text, but for the few where a pass over the page's bytes decides otherwise."""
    assert small_result["limit"]["documents"]["extracted"] == pytest.approx(small_result["ours"]["documents"]["extracted"], rel=0.15)


BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < {0}: pass"


def test_a_child_that_nobody_waited_for_is_measured(tmp_path):
    """A process that outlives its parent still counts: CPU-seconds of both, memory of the larger."""
    orphan = f"held = bytearray(200_000_000)\n{BURN.format(0.6)}"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {orphan!r}])"
    cost = measure([sys.executable, "-c", parent], cwd=tmp_path, log=tmp_path / "log.txt")
    assert cost.cpu_s >= 0.6
    assert cost.peak_mb >= 200


def test_a_command_that_fails_is_quoted(tmp_path):
    with pytest.raises(CommandError, match="no such thing"):
        measure([sys.executable, "-c", "raise SystemExit('no such thing')"], cwd=tmp_path, log=tmp_path / "log.txt")


def test_a_peer_that_cannot_be_installed_is_said_to_be_absent(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.environments.ROOT", tmp_path)
    with pytest.raises(PeerMissingError, match=r"cannot be made: .*nowhere"):
        python_of(Peer("nowhere", "1.0", (str(tmp_path / "nowhere-1.0-py3-none-any.whl"),)))


def test_datatrove_statistics_add_up(tmp_path):
    """Statistics as datatrove 0.10.1 writes them (numbers, or mappings with a total): every page is kept or has a reason."""

    def step(name, **stats):
        return {"name": name, "stats": stats}

    rules = [
        step("📖 - READER: 🕷 Warc", documents={"total": 8, "unit": "input_file"}),
        step("🛢 - EXTRAC: ⛏ Trafilatura", total=8, forwarded=6, dropped=1, timeout=1),
        step("🔻 - FILTER: 🌍 Language ID", total=6, forwarded=4, dropped=2),
        step("🔻 - FILTER: 🥇 Gopher Quality", total=4, forwarded=3, dropped=1, dropped_gopher_short_doc=1),
        step("💽 - WRITER: 🐿 Jsonl", total=3),
    ]
    deduplicated = [step("📖 - READER: 🐿 Jsonl", documents=3), step("🫂 - DEDUP: 🎯 MinHash stage 4", total=3, forwarded=2, dropped=1)]
    for stage, steps in {
        "rules": rules,
        "deduplicated": deduplicated,
        "tokenize": [step("✍️ Writer", tokens={"total": 99, "n": 2})],
    }.items():
        (tmp_path / "logs" / stage).mkdir(parents=True)
        (tmp_path / "logs" / stage / "stats.json").write_text(json.dumps(steps))
    (tmp_path / "stages.json").write_text("{}")
    outcome = read_datatrove(tmp_path, 10)
    assert outcome.documents == {"pages": 10, "extracted": 6, "english": 4, "kept_by_rules": 3, "kept": 2, "tokens": 99}
    assert outcome.reasons["filter"] == {"Language ID": 2, "Gopher Quality gopher_short_doc": 1}
    assert 10 - sum(sum(counts.values()) for counts in outcome.reasons.values()) == 2
