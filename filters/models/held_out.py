"""What held-out scores say of a classifier: precision and recall, ranking, calibration. Numbers from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10

Scores = npt.NDArray[np.floating[Any]]
Truth = npt.NDArray[np.bool_]


def precision_recall_f1(truth: Truth, predicted: Truth) -> dict[str, float]:
    """Of one label. Precision of nothing predicted and recall of nothing true are 0."""
    hits = int(np.sum(truth & predicted))
    precision = hits / max(1, int(np.sum(predicted)))
    recall = hits / max(1, int(np.sum(truth)))
    return {"precision": precision, "recall": recall, "f1": 2 * hits / max(1, int(np.sum(predicted)) + int(np.sum(truth)))}


def area_under_curve(truth: Truth, scores: Scores) -> float:
    """Area under the ROC curve: how often a true one scores above a false one, ties half (Mann-Whitney); NaN where one side is empty."""
    positives, negatives = int(np.sum(truth)), int(np.sum(~truth))
    if not positives or not negatives:
        return float("nan")
    return (float(np.sum(_ranks(scores)[truth])) - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(truth: Truth, scores: Scores) -> float:
    """Precision at each score that occurs, weighted by the recall that it adds; NaN where nothing is true. Not interpolated."""
    if not np.any(truth):
        return float("nan")
    _, hits, predicted = _by_threshold(truth, scores)
    gained = np.diff(hits, prepend=0)
    return float(np.sum(gained * hits / predicted) / hits[-1])


def best_f1(truth: Truth, scores: Scores) -> dict[str, float]:
    """The threshold ("score of at least") with the highest F1, the highest of equals; chosen on the same texts, so a little flattering."""
    thresholds, hits, predicted = _by_threshold(truth, scores)
    best = int(np.argmax(2 * hits / (predicted + max(1, int(np.sum(truth))))))
    return {"threshold": float(thresholds[best]), **precision_recall_f1(truth, scores >= thresholds[best])}


def calibration(truth: Truth, scores: Scores, bins: int = BINS) -> list[dict[str, Any]]:
    """Texts by score in equal steps from 0 to 1: bounds, how many, their mean score and the share of them that is true.

    A bin without texts has a null mean and share. The last bin has its upper bound.
    """
    number = np.minimum((np.asarray(scores, np.float64) * bins).astype(np.int64), bins - 1)
    table = []
    for k in range(bins):
        inside = number == k
        count = int(np.sum(inside))
        means = {"mean_score": float(np.mean(scores[inside])), "true_share": float(np.mean(truth[inside]))} if count else {}
        table.append({"from": k / bins, "to": (k + 1) / bins, "texts": count, **(means or dict.fromkeys(("mean_score", "true_share")))})
    return table


def expected_calibration_error(table: Sequence[dict[str, Any]]) -> float:
    """Mean distance of mean score and true share, weighted by texts (Guo et al. 2017, arXiv:1706.04599)."""
    texts: int = sum(row["texts"] for row in table)
    distance: float = sum(row["texts"] * abs(row["mean_score"] - row["true_share"]) for row in table if row["texts"])
    return distance / max(1, texts)


def rank_correlation(first: Scores, second: Scores) -> float:
    """Spearman's: Pearson's of the ranks, ties at their mean rank; NaN where one side is constant."""
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / scale if scale else float("nan")


def evaluate(labels: Sequence[str], truth: npt.NDArray[np.integer[Any]], scores: Scores) -> dict[str, Any]:
    """A classifier's held-out report.

    Args:
        labels: names, as many as `scores` has columns.
        truth: int [texts], the number of each text's label.
        scores: float [texts, labels], probabilities.

    Returns:
        `texts`, `accuracy`, `confusion` (true label: predicted label: texts), and under `labels` for each label: texts, precision, recall
        and F1 of the likeliest label (of two labels, a score of at least 0.5), `best_f1`, average precision, ROC area, calibration.
    """
    predicted = np.argmax(scores, axis=1)
    confusion = {
        label: {other: int(np.sum((truth == row) & (predicted == column))) for column, other in enumerate(labels)}
        for row, label in enumerate(labels)
    }
    report: dict[str, Any] = {"texts": len(truth), "accuracy": float(np.mean(truth == predicted)), "confusion": confusion, "labels": {}}
    for number, label in enumerate(labels):
        is_label, score = truth == number, scores[:, number]
        table = calibration(is_label, score)
        report["labels"][label] = {
            "texts": int(np.sum(is_label)),
            **precision_recall_f1(is_label, predicted == number),
            "best_f1": best_f1(is_label, score),
            "average_precision": average_precision(is_label, score),
            "roc_area": area_under_curve(is_label, score),
            "expected_calibration_error": expected_calibration_error(table),
            "calibration": table,
        }
    return report


def _ranks(values: Scores) -> npt.NDArray[np.float64]:
    """Ranks from 1, equal values at their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)


def _by_threshold(truth: Truth, scores: Scores) -> tuple[Scores, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scores that occur, from the highest; how many true ones and how many at all score at least that."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(truth[order], dtype=np.float64)
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))
    return ordered[last], hits[last], (last + 1).astype(np.float64)
