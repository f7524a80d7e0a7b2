"""The benchmark of classifiers runs on its small input and says what DESIGN 11 asks. No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def small_result(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("classifiers") / "result.json"
    command = [sys.executable, "-m", "benchmarks.classifiers", "--small", "--no-peers", "--data", str(shared_data), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "human labels of quality" in done.stdout
    result: dict[str, Any] = json.loads(file.read_text())
    return result


def test_json_has_the_form_of_the_design(small_result: dict[str, Any]) -> None:
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["peers"] == {"scikit-learn": {}}
    for row in (*small_result["ours"]["speed"].values(), *small_result["limit"].values()):
        assert row["cpu_s"] > 0


def test_labels_that_can_be_learnt_are_learnt(small_result: dict[str, Any]) -> None:
    for task, least in (("toxicity", 0.75), ("domain", 0.9)):
        for counts in small_result["input"][task].values():
            assert counts["records"] == 300
        for row in small_result["ours"][task]["labels"].values():
            assert row["roc_area"] > least


def test_perplexity_rises_with_what_is_wrong_with_a_text(small_result: dict[str, Any]) -> None:
    medians = {name: row["median"] for name, row in small_result["quality"]["perplexity"].items()}
    assert medians["technical, seen"] < medians["technical, unseen"] < medians["the same, words shuffled"]
    assert medians["the same, words shuffled"] < medians["the same, letters shuffled"]
