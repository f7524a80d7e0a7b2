"""How well numbers tell what people called good: rank correlation with the labels of the DCLM annotation study (arXiv:2406.11794)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.results import columns
from filters.decide import decide
from filters.presets import PRESETS
from filters.statistics.columns import DEFINITIONS

SHOWN = 15
_DRAWS = 1000
_LOW, _HIGH = 2.5, 97.5  # percentiles: the interval holds 95 % of the draws
Floats = npt.NDArray[np.float64]


def ranks(values: Floats) -> Floats:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Floats = ends - (counts - 1) / 2
    return mean[inverse]


def spearman(scores: Floats, labels: Floats) -> float:
    """Spearman's rho, ties by mean ranks; 0 where either does not vary."""
    a, b = ranks(scores), ranks(labels)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def auc(scores: Floats, labels: Floats) -> float:
    """Chance that a good text scores above a bad one, ties half; 0.5 where there is only one kind."""
    good = labels > 0
    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return 0.5
    return float(ranks(scores)[good].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def correlations(scores: Mapping[str, npt.ArrayLike], labels: Sequence[int], draws: int = _DRAWS) -> dict[str, dict[str, Any]]:
    """Spearman's rho and AUC of each score against human labels, with 95 % intervals of rho by resampling the texts.

    Args:
        scores: by name, one number a text [n]; a signal, a classifier's score, 1 for kept. NaN counts as the median.
        labels: 0 or 1 [n].
        draws: of the bootstrap, from a fixed seed.

    Returns:
        By name, largest |rho| first: spearman, low, high, auc.
    """
    truth = np.asarray(labels, np.float64)
    samples = np.random.default_rng(0).integers(0, len(truth), (draws, len(truth)))
    told = {}
    for name, column in scores.items():
        values = np.array(column, np.float64)
        if np.isnan(values).all():
            continue
        values[np.isnan(values)] = np.nanmedian(values)
        low, high = np.percentile([spearman(values[rows], truth[rows]) for rows in samples], [_LOW, _HIGH])
        told[name] = {
            "spearman": round(spearman(values, truth), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
            "auc": round(auc(values, truth), 4),
        }
    return dict(sorted(told.items(), key=lambda item: (-abs(item[1]["spearman"]), item[0])))


def scores_of(signals: pa.Table, presets: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Every signal, and 1 or 0 for each preset that keeps or removes a text. A classifier's scores are added under a name of their own."""
    found = {name: signals[name].to_numpy() for name in DEFINITIONS}
    kept = {f"kept by {name}": decide(signals, [PRESETS[name]])["keep"].to_numpy(zero_copy_only=False) for name in presets}
    return found | kept


def correlation_table(told: Mapping[str, Mapping[str, float]]) -> str:
    """The strongest signals, and every preset and classifier."""
    chosen = [name for place, name in enumerate(told) if place < SHOWN or name not in DEFINITIONS]
    lines = [["", "rho", "95 %", "AUC"]]
    for name in chosen:
        row = told[name]
        lines.append([name, f"{row['spearman']:+.3f}", f"{row['low']:+.3f} to {row['high']:+.3f}", f"{row['auc']:.3f}"])
    return columns(lines)
