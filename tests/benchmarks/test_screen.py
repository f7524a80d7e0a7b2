"""The benchmark of the cheap tests runs, says what DESIGN 11 asks, and the pages lost stay within the bound. No time is judged."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LOST = 0.002  # issue 3


@pytest.fixture(scope="module")
def small_result(tmp_path_factory, shared_data) -> dict:
    file = tmp_path_factory.mktemp("benchmark") / "result.json"
    command = [sys.executable, "-m", "benchmarks.screen", "--small", "--data", str(shared_data), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trafilatura alone" in done.stdout
    return json.loads(file.read_text())


def test_json_has_the_form_of_the_design(small_result):
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["ratios"].keys() == small_result["peers"].keys() == {"trafilatura"}
    for contestant in (small_result["ours"], small_result["peers"]["trafilatura"], small_result["limit"]):
        assert all(contestant[number] > 0 for number in ("cpu_s", "wall_s", "peak_mb"))


def test_every_page_is_spared_by_one_step_or_extracted(small_result):
    steps = small_result["quality"]["ours"]["steps"]
    chain = [steps[name] for name in ("url", "plain text", "words", "language")]
    assert chain[0]["pages"] == small_result["input"]["pages"] > 0
    for before, after in itertools.pairwise(chain):
        assert before["pages"] - before["spared"] == after["pages"]
    assert chain[-1]["pages"] - chain[-1]["spared"] == small_result["ours"]["documents"]["extracted"]
    assert steps["language"]["spared"] > steps["words"]["spared"] > 0


def test_hardly_a_spared_page_would_have_been_kept(small_result):
    quality = small_result["quality"]["ours"]
    for name, step in quality["steps"].items():
        assert step["would_have_been_kept"] <= MOST_LOST * step["pages"], (name, step["lost"])
    for name, loss in quality["gold"]["steps"].items():
        assert loss["pages"] > 200
        assert len(loss["refused"]) <= MOST_LOST * loss["pages"], (name, loss["refused"])


def test_the_gold_pages_are_of_every_set_and_mostly_of_a_language(small_result):
    about = small_result["input"]
    assert about["gold_pages"] == sum(about["gold_collections"].values()) > 750
    assert len(about["gold_collections"]) == 7
    assert about["gold_languages"][""] < 20
    assert {"de", "en", "es", "fr", "ja", "zh", "ar", "ru"} <= about["gold_languages"].keys()
