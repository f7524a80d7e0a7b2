"""Cluster sizes become the weights that the tables say, and what is no table is refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.duplicates.weights import PRESETS, table_of, weights_of

TABLES = st.dictionaries(st.integers(1, 60), st.integers(0, 4000).map(lambda quarters: quarters / 4), min_size=1, max_size=8)


@given(TABLES, st.lists(st.integers(1, 80), max_size=30))
def test_the_weight_is_that_of_the_largest_key_that_is_at_most_the_size(table: dict[int, float], sizes: list[int]) -> None:
    expected = [table[max(reached)] if (reached := [key for key in table if key <= size]) else 1 for size in sizes]
    found = weights_of(np.array(sizes, np.int32), table_of(table))
    assert found.dtype == np.float32
    assert found.tolist() == expected
    assert table_of({str(key): weight for key, weight in table.items()}) == table
    assert weights_of(np.array(sizes, np.int32), None).tolist() == [1] * len(sizes)


def test_fineweb_2_is_as_published() -> None:
    """README.md of huggingface/fineweb-2: 1; N for N = 2, 3; 3 for 4; 5 to 99; 8 to 999; 1 from 1,000 on."""
    sizes = np.array([1, 2, 3, 4, 5, 99, 100, 999, 1000, 10**9])
    assert weights_of(sizes, table_of("fineweb-2@2025")).tolist() == [1, 2, 3, 3, 5, 5, 8, 8, 1, 1]
    # misc/rehydration/README.md: no duplicate once, one duplicate three times, 16 to 24 duplicates ten times.
    italian = weights_of(np.array([1, 2, 17, 25, 26, 144, 145]), table_of("fineweb-2-ita@2025"))
    assert italian.tolist() == [1, 3, 10, 10, 9, 2, 1]
    assert all(table_of(name) == table_of(dict(table)) for name, table in PRESETS.items())


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("fineweb2@2025", r"'fineweb2@2025' is no table of weights \(did you mean 'fineweb-2@2025'\?\); choose among"),
        ("zzz", "'zzz' is no table of weights; choose among fineweb-2@2025, fineweb-2-ita@2025"),
        ({}, "is no table of weights; give cluster size: weight"),
        ([2, 3], "is no table of weights; give cluster size: weight"),
        ({0: 1}, "0 is not the size of a cluster; give whole numbers of at least 1"),
        ({"two": 1}, "'two' is not the size"),
        ({True: 1}, "True is not the size"),
        ({2.5: 1}, "2.5 is not the size"),
        ({2: -0.5}, "-0.5 is not a weight of clusters of 2; give a number from 0 to 1,000"),
        ({2: 1000.5}, "1000.5 is not a weight"),
        ({2: float("nan")}, "nan is not a weight"),
        ({2: "many"}, "'many' is not a weight"),
    ],
)
def test_what_is_no_table_is_refused(weights: object, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        table_of(weights)
    assert "\n" not in str(error.value)
