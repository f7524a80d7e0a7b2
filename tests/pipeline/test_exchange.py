"""The columnar shuffle: every record arrives once, at its place, whatever the memory and the workers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchange import LEAST_PLACES, Place, bisected, exchange, layout, of_places, save_array, write_records
from pipeline.settings.stages import Runner

RECORD = np.dtype([("key", "<u8"), ("ordinal", "<i8"), ("weight", "<f4", (2,))])
EDGES = [0, 1, (1 << 64) - 1, (1 << 63), (1 << 63) - 1]


def write_place(placed: tuple[Place, np.ndarray], folder: Path) -> None:
    place, records = placed
    save_array(folder / f"{place.number:05d}-{place.count}.npy", records)


def gathered(folder: Path) -> np.ndarray:
    return np.concatenate([np.load(file) for file in sorted(folder.glob("*.npy"))])


def records(n: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    table = np.zeros(n, RECORD)
    table["key"] = generator.integers(0, 1 << 64, n, np.uint64, endpoint=False)
    table["key"][: len(EDGES)] = np.array(EDGES, np.uint64)[:n]
    table["key"][n // 2 :] = table["key"][: n - n // 2]  # every key twice
    table["ordinal"] = np.arange(n) + seed * n
    table["weight"] = generator.random((n, 2))
    return table


@pytest.mark.parametrize("runner", [{"workers": 1}, {"memory_bytes": 1 << 20}, {"workers": 2, "small_job_bytes": 0}])
def test_every_record_arrives_once_in_order(tmp_path: Path, runner: dict) -> None:
    parts = [records(20_000, seed) for seed in range(4)]
    files = [tmp_path / "in" / f"{number}.npy" for number in range(4)]
    for file, part in zip(files, parts, strict=True):
        write_records(file, part)
    exchange("test", files, write_place, (tmp_path / "out",), Runner(**runner))
    everything = np.concatenate(parts)
    np.testing.assert_array_equal(gathered(tmp_path / "out"), everything[np.argsort(everything["key"], kind="stable")])
    count = len(layout(everything.nbytes, Runner(**runner).memory_bytes))
    assert (count > 1) == (runner.get("memory_bytes") is not None)


@given(st.integers(0, 1 << 40), st.integers(1 << 20, 1 << 34))
def test_places_part_the_hash_space(total: int, memory: int) -> None:
    rounds = layout(total, memory)
    places = [place for each in rounds for place in each]
    assert all(rounds)
    assert len(places) >= LEAST_PLACES
    assert (places[0].first, places[-1].last) == (0, (1 << 64) - 1)
    assert all(a.last + 1 == b.first for a, b in pairwise(places))
    keys = np.sort(np.array([*EDGES, *(place.first for place in places), *(place.last for place in places)], np.uint64))
    table = np.zeros(len(keys), RECORD)
    table["key"] = keys
    assert sum(len(piece) for piece in of_places(table, places)) == len(keys)


@given(st.lists(st.integers(-50, 50)), st.lists(st.integers(-60, 60)))
def test_bisected_finds_what_searchsorted_finds(column: list[int], values: list[int]) -> None:
    table = np.zeros(len(column), [("other", "<i4"), ("node", "<i8")])
    table["node"] = sorted(column)
    wanted = np.array(values, np.int64)
    assert bisected(table["node"], wanted).tolist() == np.searchsorted(table["node"], wanted).tolist()


def test_no_file_is_no_work(tmp_path: Path) -> None:
    exchange("test", [], write_place, (tmp_path / "out",), Runner())
    assert not (tmp_path / "out").exists()


def test_a_full_disk_at_a_place_is_one_line(tmp_path: Path) -> None:
    write_records(tmp_path / "in.npy", records(100, 0))
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(ValueError, match="out"):
        exchange("test", [tmp_path / "in.npy"], write_place, (tmp_path / "out",), Runner())
