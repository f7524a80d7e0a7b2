"""Which member of a cluster stays."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.survivors import LAST, choose_survivors, day_numbers, precedence, rank

numbers = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324])


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers, max_size=20))
def test_ranks_sort_as_the_numbers_do_and_put_last_what_is_none(values):
    array = np.array(values, np.float64)
    known = sorted((value for value in values if not math.isnan(value)), reverse=True)
    ordered = array[np.argsort(rank(array), kind="stable")]
    assert ordered[: len(known)].tolist() == known
    assert np.isnan(ordered[len(known) :]).all()
    upwards = array[np.argsort(rank(array, lowest_first=True), kind="stable")]
    assert upwards[: len(known)].tolist() == known[::-1]
    assert (rank(array)[np.isnan(array)] == LAST).all()
    assert rank(np.array([0.0]))[0] == rank(np.array([-0.0]))[0]


def test_days_of_whole_and_broken_dates():
    dates = ["2024-02-28", "2024-02-28T10:00:00Z", "2024-02", "2024", "1813", None, "", "soon", "20240228", "2024-2-3", "99999"]
    assert [None if math.isnan(day) else day for day in day_numbers(dates)] == [
        *[20240228, 20240228, 20240200, 20240000, 18130000, None, None, None, None, 20240000, None]
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), max_size=30), st.randoms())
def test_the_first_of_each_cluster_stays_whatever_the_order(documents, random):
    table = np.array(documents, np.uint64).reshape(-1, 3)
    labels, places = table[:, 0].astype(np.int64), precedence(table[:, 1:])
    assert sorted(places.tolist()) == list(range(len(documents)))
    survivors = choose_survivors(labels, places)
    for row, survivor in enumerate(survivors.tolist()):
        cluster = [k for k in range(len(documents)) if labels[k] == labels[row]]
        assert survivor == min(cluster, key=lambda k: (documents[k][1:], k))
    if len(set(documents)) == len(documents):
        order = random.sample(range(len(documents)), len(documents))
        moved = choose_survivors(labels[order], precedence(table[order, 1:]))
        assert [order[k] for k in moved] == survivors[order].tolist()
