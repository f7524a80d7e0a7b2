"""The numbers of a classifier's report, computed a second time by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from filters.models.held_out import (
    area_under_curve,
    average_precision,
    best_f1,
    calibration,
    evaluate,
    expected_calibration_error,
    rank_correlation,
)

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 12).map(lambda value: value / 12)), min_size=2, max_size=60)


def columns(pairs):
    return np.array([truth for truth, _ in pairs]), np.array([score for _, score in pairs])


@settings(max_examples=200, deadline=None)
@given(SCORED)
def test_area_is_the_chance_that_a_true_one_scores_above_a_false_one(pairs):
    truth, scores = columns(pairs)
    wins = [(a > b) + (a == b) / 2 for a in scores[truth] for b in scores[~truth]]
    if wins:
        assert area_under_curve(truth, scores) == pytest.approx(np.mean(wins))
    else:
        assert np.isnan(area_under_curve(truth, scores))


@settings(max_examples=200, deadline=None)
@given(SCORED)
def test_average_precision_and_best_f1_go_through_every_threshold(pairs):
    truth, scores = columns(pairs)
    if not truth.any():
        assert np.isnan(average_precision(truth, scores))
        return
    total, before, f1s = 0.0, 0.0, {}
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        precision, recall = truth[chosen].mean(), truth[chosen].sum() / truth.sum()
        total += (recall - before) * precision
        before = recall
        f1s[threshold] = 2 * precision * recall / (precision + recall) if precision else 0.0
    assert average_precision(truth, scores) == pytest.approx(total)
    found = best_f1(truth, scores)
    assert found["f1"] == pytest.approx(max(f1s.values()))
    assert f1s[found["threshold"]] == pytest.approx(found["f1"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40))
def test_rank_correlation_is_scipys(pairs):
    first, second = (np.array(column, float) for column in zip(*pairs, strict=True))
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    else:
        assert np.isnan(rank_correlation(first, second))


def test_calibration_puts_every_text_into_one_bin():
    scores = np.array([0.0, 0.05, 0.1, 0.55, 0.99, 1.0])
    truth = np.array([False, False, True, True, True, False])
    table = calibration(truth, scores)
    assert [row["texts"] for row in table] == [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    assert table[9]["mean_score"] == pytest.approx(0.995)
    assert table[9]["true_share"] == 0.5
    assert table[2]["mean_score"] is None
    assert expected_calibration_error(table) == pytest.approx((2 * 0.025 + 0.9 + 0.45 + 2 * 0.495) / 6)


def test_a_report_of_three_labels_adds_up():
    truth = np.array([0, 0, 1, 1, 2, 2, 2])
    scores = np.array(
        [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.1, 0.9, 0.0], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.2, 0.2, 0.6]]
    )
    report = evaluate(("a", "b", "c"), truth, scores)
    assert report["accuracy"] == pytest.approx(5 / 7)
    assert report["confusion"] == {"a": {"a": 1, "b": 1, "c": 0}, "b": {"a": 0, "b": 2, "c": 0}, "c": {"a": 1, "b": 0, "c": 2}}
    assert report["labels"]["b"]["precision"] == pytest.approx(2 / 3)
    assert report["labels"]["b"]["recall"] == 1
    assert report["labels"]["c"]["f1"] == pytest.approx(0.8)
