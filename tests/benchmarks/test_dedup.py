"""The dedup benchmark says what DESIGN 11 asks; its C++ program gives our signatures; its measures are what they are called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dedup_pairs import colliding, judge, relative_error, together
from benchmarks.dedup_runs import configuration, expected_kept, identical, planted, write_run
from benchmarks.dedup_scale import power
from benchmarks.dedup_signatures import build
from benchmarks.dedup_texts import planted_pairs
from benchmarks.environments import PeerMissingError
from benchmarks.our_dedup import measured
from benchmarks.signal_texts import Text, pack
from filters.duplicates.signature import signatures

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are measured by Linux's means")


@pytest.fixture(scope="module")
def small_result(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("dedup") / "result.json"
    command = [sys.executable, "-m", "benchmarks.dedup", "--small", "--no-peers", "--data", str(shared_data), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not asked for" in done.stdout
    result: dict[str, Any] = json.loads(file.read_text())
    return result


def test_json_has_the_form_of_the_design(small_result: dict[str, Any]) -> None:
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["peers"].keys() >= {"datasketch", "rensa", "datatrove", "text-dedup"}
    assert small_result["ratios"] == {}
    assert small_result["mb_per_cpu_s"]["ours"].keys() == {"sample", "technical", "novels", "web"}
    assert small_result["scale"]["growth"].keys() >= {"wall_s", "cpu_s"}


def test_cpp_gives_our_signatures_on_real_texts(small_result: dict[str, Any]) -> None:
    if "absent" in small_result["limit"]:
        pytest.skip(small_result["limit"]["absent"])
    assert small_result["quality"]["ours"]["signatures_unlike_the_limits"] == dict.fromkeys(("sample", "technical", "novels", "web"), 0)


def test_what_is_measured_keeps_what_was_planted(small_result: dict[str, Any]) -> None:
    """The stage joins nearly all members of a cluster (recall of 14 x 8 at 0.85: 0.99) and nothing else."""
    for size, told in small_result["scale"]["sizes"].items():
        assert told["documents"] == int(size)
        assert told["kept"] == pytest.approx(told["expected_kept"], rel=0.05)
    ours = small_result["quality"]["ours"]
    assert ours["pairs, our signatures, verified exactly: pairs"]["0.7"]["precision"] == 1
    assert ours["pairs, our signatures, 14 x 8 alone: pairs"]["0.7"]["recall"] > 0.9
    assert all(0.6 < error < 1.5 for error in ours["relative_error"].values())
    assert small_result["whole"]["ours"]["documents"]["kept"] < small_result["input"]["whole"]["documents"]


@pytest.fixture(scope="module")
def program() -> tuple[str, ...]:
    try:
        return build()
    except PeerMissingError as error:
        pytest.skip(str(error))


PIECES = st.sampled_from(
    ["word ", "a", "Été ", "中文", "\u0301", "_x1 ", "\n", "🙂", "Σ", "ภาษา", "one two three four five six ", "\x00", "İ", ", "]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=40).map("".join), min_size=1, max_size=8))
def test_cpp_gives_our_signatures_on_odd_texts(
    program: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    pack([Text("odd", "", text, english=True) for text in texts], folder)
    subprocess.run([*program, "0.7", str(folder), str(folder / "out")], capture_output=True, check=True)
    theirs = np.fromfile(folder / "out", "<u4").reshape(len(texts), -1)
    np.testing.assert_array_equal(signatures(pa.array(texts, pa.string())), theirs)


def test_planted_pairs_have_their_similarities_and_errors_are_theirs() -> None:
    texts, pairs = planted_pairs(each=2, words=100)
    assert [similarity for _, _, similarity in pairs[::2]] == pytest.approx([step / 20 for step in range(2, 20)], abs=0.01)
    squares, expected = relative_error(signatures(pa.array(texts)), pairs)
    assert 0.5 < squares / expected < 2
    assert relative_error(np.arange(len(texts) * 112).reshape(-1, 112), pairs)[0] == pytest.approx(sum(p[2] ** 2 for p in pairs))


def test_pairs_are_judged_where_something_is_known() -> None:
    pairs = [(0, 1, 0.9), (2, 0, 0.8), (1, 2, 0.5)]
    told = judge({(0, 1), (1, 2), (3, 4)}, pairs, 0.7)
    assert (told.precision, told.recall, told.pairs, told.others) == (0.5, 0.5, 2, 1)
    assert together([5, -1, 5, 7, 5, -1]) == {(0, 2), (0, 4), (2, 4)}
    minima = np.arange(3 * 112, dtype=np.uint32).reshape(3, 112)
    minima[2, 8:16] = minima[0, 8:16]
    assert colliding(minima) == {(0, 2)}


def test_growth_is_the_exponent() -> None:
    assert power([(n, 3 * n**1.25) for n in (10, 100, 1000)]) == pytest.approx(1.25)


def test_a_written_run_goes_through_the_stage(tmp_path: Path) -> None:
    """One part or several: the documents kept are those that were planted, and of identical pages one."""
    write_run(configuration(tmp_path / "planted"), planted(2000, 112))
    told = measured(configuration(tmp_path / "planted", runner={"workers": 1}))
    assert told["documents"] == 2000
    assert told["kept"] == pytest.approx(expected_kept(2000), rel=0.05)
    write_run(configuration(tmp_path / "identical"), identical(700, 112))
    told = measured(configuration(tmp_path / "identical", runner={"workers": 1}))
    alone = measured_alone(tmp_path / "alone")
    assert told["kept"] == alone + 1


def measured_alone(folder: Path) -> int:
    write_run(configuration(folder), planted(1000, 112))
    return int(measured(configuration(folder, runner={"workers": 1}))["kept"])
