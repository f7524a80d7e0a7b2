"""The signals benchmark says what DESIGN 11 asks; the C++ pass gives our numbers; rank correlation is what it is. No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.environments import PeerMissingError
from benchmarks.human_labels import auc, correlations, ranks, spearman
from benchmarks.native import build, compare
from benchmarks.signal_texts import SAMPLE, Text, pack, sample_of, unpack
from benchmarks.verdicts import RULES, agreement
from filters.statistics.measure import compute

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are measured by Linux's means")


@pytest.fixture(scope="module")
def small_result(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("signals") / "result.json"
    command = [sys.executable, "-m", "benchmarks.signals", "--small", "--no-peers", "--data", str(shared_data), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not asked for" in done.stdout
    result: dict[str, Any] = json.loads(file.read_text())
    return result


def test_json_has_the_form_of_the_design(small_result: dict[str, Any]) -> None:
    assert {"input", "ours", "peers", "ratios", "quality"} <= small_result.keys()
    assert small_result["peers"].keys() >= {"datatrove", "dolma-gopher", "dolma-c4"}
    assert small_result["ratios"] == {}
    assert small_result["mb_per_cpu_s"]["ours"].keys() == {"sample", "english", "other"}
    assert small_result["input"]["compile"].keys() == {"cold", "cached"}
    assert small_result["input"][SAMPLE]["bytes"] <= 300_000
    assert (
        sum(part["bytes"] for part in small_result["input"]["english"]["collections"].values()) == small_result["input"]["english"]["bytes"]
    )


def test_the_cpp_pass_gives_our_numbers_on_real_texts(small_result: dict[str, Any]) -> None:
    if "absent" in small_result["limit"]:
        pytest.skip(small_result["limit"]["absent"])
    for told in small_result["quality"]["native"].values():
        assert told["values"] > 1000
        assert told["different"] == {}
        assert told["missing"] == []


def test_human_labels_go_with_length(small_result: dict[str, Any]) -> None:
    """What people called good in that study is longer: a column that got lost or mixed up would show."""
    told = small_result["quality"]["ours"]["human_labels"]
    assert told["words"]["low"] > 0.1
    assert told["words"]["auc"] > 0.6


@pytest.fixture(scope="module")
def program() -> tuple[str, str, str]:
    try:
        return build()
    except PeerMissingError as error:
        pytest.skip(str(error))


PIECES = st.sampled_from(
    [
        "the ", "With ", "a.b ", "...", "…", "#", "- ", "• ", "\n", "\n\n", " \n", "[12]", "[edit]", "{", "lorem ipsum ", "JavaScript ",
        "use cookies ", "Yes. No! 'So?' ", "。日本語の文章", "ภาษาไทย", "é\u0301", "\u200b", "<html><p>x</p>", "<!-- ", "<script>",
        "\\x41" * 9, "0x1f, " * 9, "QUJD" * 20, "3.14,15 ", "Σ", "\U0001f600", "\x00", "\x85", "auto-generated", "<?xml version=",
        "x" * 1001, "known.[2] ", "[1] ", "[[2]3]", "items in cart", " Read more...", "Sign-in ", "3 likes\n", "1.5k Views", "LOUD",
        "中文字", "है। ", "»", "」", "K", "İ",
    ]
)  # fmt: skip


# An XML declaration that ends behind the first 100 bytes.
@example(texts=["the the " + "QUJD" * 20 + "<?xml version="])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.lists(PIECES, max_size=25).map("".join), min_size=1, max_size=12))
def test_the_cpp_pass_gives_our_numbers_on_odd_texts(
    program: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    pack([Text("odd", str(number), text, english=True) for number, text in enumerate(texts)], folder)
    done = subprocess.run([*program, str(folder), str(folder / "out")], capture_output=True, text=True, check=True)
    ours = pa.Table.from_batches([compute(pa.array(texts, pa.string()))])
    names = json.loads(done.stdout)
    told = compare(ours, folder / "out", names["columns"], names["cuts"])
    assert told.different == {}
    assert told.missing == []


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=10), rows=st.integers(1, 4))
def test_packed_texts_are_read_as_they_were(tmp_path_factory: pytest.TempPathFactory, texts: list[str], rows: int) -> None:
    folder = tmp_path_factory.mktemp("packed")
    pack([Text("c", "", text, english=True) for text in texts], folder)
    batches = unpack(folder, rows)
    assert [text for batch in batches for text in batch.to_pylist()] == texts
    assert all(len(batch) == rows for batch in batches[:-1])


def test_a_sample_keeps_to_its_budget_and_to_english() -> None:
    texts = [Text(name, str(n), f"{name} {n} " * 10, english) for name in "abc" for n in range(30) for english in (True, False)]
    few = [Text("few", "", "x" * 50, english=True)]
    sample = sample_of(texts + few, 3000)
    assert sum(text.bytes for text in sample) <= 3000
    assert all(text.english for text in sample)
    assert {text.collection for text in sample} == {"a", "b", "c", "few"}
    assert set(sample_of((texts + few)[::-1], 3000)) == set(sample)


def test_rules_compare_one_bound_each() -> None:
    """A short text breaks the bound on words, and no verdict of the other side is read for another rule."""
    signals = pa.Table.from_batches([compute(pa.array(["Too short.", "word and the other of it " * 20 + "."]))])
    theirs = {rule.theirs: "00" for rule in RULES} | {"gopher min_doc_words": "01"}
    told = agreement(signals, theirs)
    row = told["gopher@2021 words low"]
    assert (row["both"], row["only_ours"], row["only_datatrove"]) == (0, 1, 1)
    assert row["texts_only_ours"] == [0]
    assert told["gopher@2021 words high"]["agree"] == 1.0
    assert len(told) == len(RULES)


def test_rank_correlation_of_known_orders() -> None:
    labels = np.array([0.0, 0, 1, 1])
    assert ranks(np.array([5.0, 1, 5, 9])).tolist() == [2.5, 1, 2.5, 4]
    assert spearman(np.array([1.0, 1, 2, 2]), labels) == pytest.approx(1)
    assert (auc(np.array([1.0, 2, 3, 4]), labels), auc(np.array([4.0, 3, 2, 1]), labels), auc(np.ones(4), labels)) == (1.0, 0.0, 0.5)
    told = correlations({"up": [1, 2, 3, 4], "flat": [1, 1, 1, 1], "gap": [np.nan, 0, 2, 3]}, [0, 0, 1, 1], draws=50)
    assert told["flat"]["spearman"] == 0
    assert list(told)[-1] == "flat"
    assert all(row["low"] <= row["high"] for row in told.values())
