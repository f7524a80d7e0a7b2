"""The benchmark runs, and what-if says in it what filter then does. No number of seconds is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are measured by Linux's means")


def test_what_if_and_filter_agree_on_a_made_run(tmp_path):
    file = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks.what_if", "--documents", "3000", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert {"input", "ours", "peers", "ratios", "quality"} <= result.keys()
    assert result["quality"]["ours"]["agreement"] == 1
    assert result["ours"].keys() >= {"what-if, one bound", "filter, one bound", "why"}
    assert " 0 leave" not in done.stdout
