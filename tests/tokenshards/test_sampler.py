"""The sampler is a permutation in every epoch, differs between epochs and seeds, and needs no past."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenshards import Sampler, repeats


@settings(max_examples=150, deadline=None)
@given(rows=st.integers(1, 3000), seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 2**40))
def test_every_row_once_per_epoch(rows, seed, epoch):
    assert sorted(Sampler(rows, seed).rows(epoch * rows, rows).tolist()) == list(range(rows))


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 100), start=st.integers(0, 300), count=st.integers(0, 120))
def test_any_stretch_is_the_same_row_by_row(rows, start, count):
    sampler = Sampler(rows, 7)
    assert sampler.rows(start, count).tolist() == [sampler.row(index) for index in range(start, start + count)]


def test_a_place_far_out_costs_nothing_that_came_before():
    assert 0 <= Sampler(10**15, 3).row(10**18) < 10**15


def test_orders_differ_between_epochs_and_seeds():
    orders = {tuple(Sampler(500, seed).rows(epoch * 500, 500)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_the_order_never_changes():
    """A checkpoint of today must go on with the next version: a change of these numbers is a change of the format."""
    assert Sampler(1000, 0).rows(0, 8).tolist() == [404, 729, 623, 343, 661, 703, 586, 465]
    assert Sampler(7, 123).rows(5, 4).tolist() == [5, 1, 4, 2]


@pytest.mark.parametrize("rows", [3, 16, 33])
def test_every_row_comes_at_every_place_equally_often(rows):
    """Chi-squared over 2,000 epochs, with a bound of six standard deviations."""
    epochs = 2000
    orders = Sampler(rows, 11).rows(0, rows * epochs).reshape(epochs, rows)
    expected = epochs / rows
    for place in range(rows):
        counts = np.bincount(orders[:, place], minlength=rows)
        statistic = ((counts - expected) ** 2 / expected).sum()
        assert statistic < (rows - 1) + 6 * (2 * (rows - 1)) ** 0.5 + 12


def test_neighbours_in_the_plan_are_not_neighbours_in_the_order():
    order = Sampler(100_000, 5).rows(0, 100_000)
    assert (np.abs(np.diff(order)) <= 1).mean() < 0.001
    assert abs(np.corrcoef(order, np.arange(100_000))[0, 1]) < 0.02


@pytest.mark.parametrize(("rows", "seed"), [(0, 0), (-1, 0), (5, -1), (5, 2**64)])
def test_what_cannot_be_sampled_is_refused(rows, seed):
    with pytest.raises(ValueError, match=f"{rows} rows|seed {seed}"):
        Sampler(rows, seed)


@given(st.lists(st.floats(0, 9, width=32), max_size=40), st.integers(0, 2**64 - 1))
def test_repeats_are_the_weight_rounded_down_or_up(weights, seed):
    found = repeats(np.array(weights, np.float32), seed)
    assert found.dtype == np.int64
    assert all(np.floor(weight) <= times <= np.ceil(weight) for weight, times in zip(weights, found.tolist(), strict=True))
    assert (found == repeats(np.array(weights), seed)).all()
    assert (found[:7] == repeats(np.array(weights[:7]), seed)).all()


def test_fractions_come_as_often_as_they_say_and_differ_by_seed():
    for weight in (0.1, 0.5, 2.75):
        found = repeats(np.full(100_000, weight), 1)
        assert abs(found.mean() - weight) < 0.006  # four standard deviations of 0.5 / sqrt(100,000)
    assert 0.4 < (repeats(np.full(1000, 0.5), 1) == repeats(np.full(1000, 0.5), 2)).mean() < 0.6


@pytest.mark.parametrize("weights", [[1, -0.5], [np.nan], [np.inf], [[1, 1]]])
def test_weights_that_say_no_number_are_refused(weights):
    with pytest.raises(ValueError, match="do not say how often"):
        repeats(np.array(weights), 0)
