"""Bad input gives numbers, never a crash, in linear time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.cuts import apply_cuts
from filters.decide import decide
from filters.duplicates.signature import signatures
from filters.language.identify import LanguageModel
from filters.presets import PRESETS
from filters.statistics.columns import CUTS, DEFINITIONS
from filters.statistics.measure import compute
from filters.text import normalise_text
from tests.golden.hostile import LINE_BYTES, TEXTS, UNITS, line_of
from tests.golden.variations import passages
from tests.golden.vectors import in_languages, verdicts
from tests.pipeline.corpora import ROOT, curate, environment, write_config

MAY_BE_NAN = {name for name, definition in DEFINITIONS.items() if "NaN" in definition}
# Kernels, models and scratch arrays of address space are 3 GB; a text has 13 bytes of scratch a byte. Linear work takes about 3 s.
MEMORY_BYTES, CPU_S = 7 << 30, 60


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_signals_cuts_and_verdicts(text: str) -> None:
    batch = compute(pa.array([text], pa.string()))
    row = batch.to_pylist()[0]
    assert [name for name in DEFINITIONS if not (row[name] >= 0 and np.isfinite(row[name])) and name not in MAY_BE_NAN] == []
    for name in CUTS:
        assert row[name] == sorted(row[name])
        assert len(apply_cuts(text.encode(), row[name]).decode()) <= len(text)
    for preset in PRESETS.values():
        verdict = verdicts(in_languages(batch, [""]), preset)[0]
        assert verdict is None or np.isfinite(verdict.value)


def test_signatures_and_languages() -> None:
    texts = pa.array(list(TEXTS.values()), pa.string())
    assert signatures(texts).shape == (len(TEXTS), 112)
    languages, scores = LanguageModel.load().identify(texts)
    assert len(languages) == len(TEXTS)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


def test_a_null_is_an_empty_text() -> None:
    both = compute(pa.array([None, ""], pa.string())).to_pylist()
    np.testing.assert_equal(both[0], both[1])
    assert decide(compute(pa.array([None], pa.string())), [PRESETS["gopher@2021"]])["keep"].to_pylist() == [False]


def test_lone_surrogates_are_left_out_of_stored_text() -> None:
    assert normalise_text("a\ud800b\udfff \ud83d\ude00 c") == "ab  c"
    with pytest.raises(UnicodeEncodeError):
        pa.array(["\ud800"])  # so no kernel meets one


@pytest.mark.parametrize(
    "damage", [b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\xc0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80" * 50]
)
def test_bytes_that_are_no_utf8_are_replacement_characters(damage: bytes) -> None:
    """Arrow does not look at what it is handed; `pipeline` hands on valid text only."""
    data = b"before " + damage + b" behind it."
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, len(data)], np.int32)), pa.py_buffer(data)])
    batch = compute(broken)
    assert 18 <= batch["characters"][0].as_py() <= len(data)
    assert batch["words"][0].as_py() == 3
    assert signatures(broken).shape == (1, 112)


@pytest.mark.parametrize("unit", UNITS)
def test_a_line_of_50_megabytes(unit: str) -> None:
    """In a process of its own, which ends where a step is quadratic in time or memory."""
    limits = [str(LINE_BYTES), str(MEMORY_BYTES), str(CPU_S)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden.hostile", unit, *limits],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    characters, lines, words, pairs, tens = map(float, done.stdout.split())
    assert characters == np.float32(len(line_of(UNITS[unit], LINE_BYTES)))
    assert lines == 1
    if unit == "words":
        assert words == LINE_BYTES / 5
        assert pairs == pytest.approx(9 / 5, rel=1e-3)
        assert tens == pytest.approx(4 / 5, rel=1e-3)


def test_a_run_over_bad_texts(tmp_path: Path) -> None:
    """As rows and as books: a document with numbers and a verdict, or a reject with a reason; nothing else and nothing less."""
    rows = [json.dumps({"id": name, "text": text}).encode() for name, text in TEXTS.items()]
    rows += [b'{"id": "lone-surrogate", "text": "a \\ud800 b \\udc00"}', b'{"id": "only-surrogates", "text": "\\udfff\\ud800"}']
    rows += [b'{"id": "invalid-utf8", "text": "a \xed\xa0\x80 b"}']
    good = passages("prose.txt")
    rows += [json.dumps({"id": "good", "text": good["english-bread"] + "\n" + good["english-harbour"]}).encode()]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(rows))
    books = {name: text.encode() for name, text in TEXTS.items()} | {"surrogates": b"a \xed\xa0\x80 b \xff\n" * 50}
    books["long-line"] = line_of(UNITS["no-ends"], 5_000_000).encode()
    (tmp_path / "books").mkdir()
    for name, data in books.items():
        (tmp_path / "books" / f"{name}.txt").write_bytes(data)
    sources = [
        {"name": "rows", "kind": "table", "paths": [str(tmp_path / "rows.jsonl")], "columns": {"locator": "id"}},
        {"name": "books", "kind": "book", "paths": [str(tmp_path / "books")]},
    ]
    rules = {"presets": {"table": ["gopher@2021", "c4@tfds", "fineweb@2024"], "book": ["book@2026"]}, "guard": 1.0}
    config = write_config(
        tmp_path / "bad.yaml", {"name": "bad", "output": str(tmp_path), "sources": sources, "filter": rules, "runner": {"workers": 1}}
    )
    curate("extract", config)
    curate("filter", config)
    documents, rejects, signals, decisions = (
        pq.read_table(tmp_path / "bad" / name) for name in ("documents", "rejects", "signals", "filtered")
    )
    outcomes = documents["source"].to_pylist() + rejects["source"].to_pylist()
    assert outcomes.count("rows") == len(rows)
    assert outcomes.count("books") == len(books)
    assert all(rejects["reason"].to_pylist())
    assert documents.num_rows == signals.num_rows == decisions.num_rows > 40
    for name in set(DEFINITIONS) - MAY_BE_NAN:
        assert np.isfinite(signals[name].to_numpy()).all(), name
    texts = dict(zip(documents["locator"].to_pylist(), documents["text"].to_pylist(), strict=True))
    assert next(text for locator, text in texts.items() if locator.endswith("lone-surrogate")) == "a  b"
    assert {"good"} <= {locator.rpartition("#")[2] for locator, keep in zip(texts, decisions["keep"].to_pylist(), strict=True) if keep}
    assert all(row["rule"] and row["bound"] for row in decisions.to_pylist() if not row["keep"])
