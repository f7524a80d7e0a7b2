"""A run directory never shows half a file, and knows which of its parts still stand."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.run import PartWriter, Receipt, Run, Unit, add_counts, partial, sweep_partials

SCHEMA = pa.schema([("number", pa.int64())])
UNITS = [Unit(key=key, fingerprint=f"{key}-1", bytes=1) for key in ("a", "b")]


def write(run: Run, unit: Unit, rows: int = 1) -> None:
    with PartWriter(run.part("table", unit.key), SCHEMA) as writer:
        writer.write(pa.table({"number": list(range(rows))}, schema=SCHEMA))
    run.give_receipt("stage", unit, [writer.path], {"rows": rows})


def test_a_failed_part_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    with pytest.raises(RuntimeError), PartWriter(path, SCHEMA) as writer:  # noqa: PT012
        writer.write(pa.table({"number": [1]}, schema=SCHEMA))
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []


def test_half_written_files_are_swept(tmp_path: Path) -> None:
    kept = tmp_path / "part-a.parquet"
    kept.touch()
    partial(kept).touch()
    sweep_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]


def test_a_stage_cut_off_keeps_its_finished_units(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.begin("stage", UNITS) == {}
    write(run, UNITS[0])
    assert run.begin("stage", UNITS).keys() == {"a"}  # and once more, without anything new
    assert run.begin("stage", UNITS).keys() == {"a"}


def test_a_part_that_was_overwritten_with_other_settings_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """Settings 1 finish; settings 2 overwrite part a and are killed; settings 1 come back: part a has to be done again."""
    run = Run(tmp_path)
    run.begin("stage", UNITS)
    for unit in UNITS:
        write(run, unit)
    run.finish("stage", "1", run.receipts("stage"), ["table"])
    assert run.is_current("stage", "1")
    changed = [Unit(key=unit.key, fingerprint=f"{unit.key}-2", bytes=1) for unit in UNITS]
    run.begin("stage", changed)
    write(run, changed[0])
    assert not run.is_current("stage", "1")
    assert run.begin("stage", UNITS).keys() == set()


def test_a_missing_or_shortened_part_makes_a_stage_stale(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("stage", UNITS)
    for unit in UNITS:
        write(run, unit)
    run.finish("stage", "1", run.receipts("stage"), ["table"])
    os.truncate(run.part("table", "b"), 10)
    assert not run.is_current("stage", "1")
    assert run.begin("stage", UNITS).keys() == {"a"}


def test_parts_of_inputs_that_are_gone_are_removed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("stage", UNITS)
    for unit in UNITS:
        write(run, unit)
    run.finish("stage", "1", run.receipts("stage"), ["table"])
    good = run.begin("stage", UNITS[:1])
    run.finish("stage", "2", good, ["table"])
    assert [path.name for path in (tmp_path / "table").iterdir()] == ["part-a.parquet"]


def test_a_damaged_manifest_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "_manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"^'[^\n]*_manifest.json' is not a manifest[^\n]*remove it[^\n]*$"):
        Run(tmp_path).manifest("stage")


def test_two_processes_do_not_write_to_one_run(tmp_path: Path) -> None:
    with Run(tmp_path).locked(), pytest.raises(ValueError, match="in use by another curate"), Run(tmp_path).locked():
        pass


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9)), max_size=6), st.randoms())
def test_counts_do_not_depend_on_the_order_of_parts(counts: list[dict[str, int]], random: object) -> None:
    shuffled = sorted(counts, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert list(add_counts(counts).items()) == list(add_counts(shuffled).items())
    assert sum(add_counts(counts).values()) == sum(sum(count.values()) for count in counts)


def test_a_receipt_survives_its_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("stage", UNITS)
    write(run, UNITS[0], rows=3)
    receipt = run.receipts("stage")["a"]
    assert isinstance(receipt, Receipt)
    assert receipt.counts == {"rows": 3}
    assert receipt.outputs["table/part-a.parquet"]["bytes"] == run.part("table", "a").stat().st_size
