"""The benchmark of language identification runs and says what DESIGN 11 asks. No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are measured by Linux's means")


@pytest.fixture(scope="module")
def small_result(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("language") / "result.json"
    command = [sys.executable, "-m", "benchmarks.language", "--small", "--no-peers", "--data", str(shared_data), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not asked for" in done.stdout
    result: dict[str, Any] = json.loads(file.read_text())
    return result


def test_json_has_the_form_of_the_design(small_result: dict[str, Any]) -> None:
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["peers"].keys() == {"fasttext-numpy2", "pycld2", "py3langid", "lingua-language-detector"}
    assert small_result["ours"]["cpu_s"] > 0
    assert small_result["ours"]["documents"] == small_result["input"]["texts"]


def test_accuracy_is_told_by_length_and_language(small_result: dict[str, Any]) -> None:
    quality = small_result["quality"]["ours"]
    assert len(quality["by language"]) > 100
    common = quality["known to all"]
    assert common["first 20"] < common["first 200"]
    assert common["paragraphs"] > 0.95
    assert common["documents"] > 0.98
    # An excerpt says of a document what the whole says.
    assert abs(common["documents"] - small_result["quality"]["whole"]["known to all"]["documents"]) < 0.01


def test_two_opinions_are_better_than_one(small_result: dict[str, Any]) -> None:
    for languages in ("known to all", "all of lid.176"):
        ours, alone = (small_result["quality"][key][languages]["paragraphs"] for key in ("ours", "fasttext"))
        assert ours > alone + 0.02
