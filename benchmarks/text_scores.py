"""How near a text comes to gold: tokens, 4-grams, phrases; and how sure a difference is.

Token F1: tokens as a multiset, per page, averaged over pages. 4-gram F1: the metric of github.com/scrapinghub/article-extraction-benchmark
(evaluate.py): word 4-grams as a multiset, precision averaged over the pages that have any, recall over those whose gold has any, and F1 of
the two averages. Phrases: of all phrases of all pages that should and should not be there, as in github.com/adbar/trafilatura's evaluation.

Tokens are that benchmark's, runs of letters, digits and underscores, but a character of a script without spaces is one of its own and a run
of underscores is none. NFC, case kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.gold import UNSPACED

NGRAM = 4
RESAMPLES = 2000
SEED = 20261121

_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """F1, precision and recall, each 0 to 1."""

    f1: float
    precision: float
    recall: float

    def as_json(self) -> dict[str, float]:
        """Rounded to what a few hundred pages can tell."""
        return {"f1": round(self.f1, 4), "precision": round(self.precision, 4), "recall": round(self.recall, 4)}


def tokens(text: str) -> list[str]:
    """Words of a text, in order."""
    return [token for token in _TOKEN.findall(unicodedata.normalize("NFC", text)) if token.strip("_")]


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """Multiset of the runs of `n` words; of a shorter text, itself."""
    return Counter(tuple(words[at : at + n]) for at in range(max(1, len(words) - n + 1)) if words)


def overlap(text: str, gold: str, n: int, undecided: str = "") -> tuple[int, int, int]:
    """Of runs of `n` tokens: how many both have, how many only the text, how many only the gold.

    Args:
        text: what an extractor gave.
        gold: what it should have given.
        n: 1 for tokens.
        undecided: text that may be there or not; what of it the gold lacks is not counted against the extractor.
    """
    given, wanted = ngrams(tokens(text), n), ngrams(tokens(gold), n)
    surplus = given - wanted
    if undecided:
        surplus -= ngrams(tokens(undecided), n)
    return sum((given & wanted).values()), surplus.total(), (wanted - given).total()


def page_scores(counts: Iterable[tuple[int, int, int]]) -> Floats:
    """F1, precision and recall of each page, float64 [pages, 3]. Two empty texts agree; precision of an empty text, and recall of empty
    gold, are NaN.
    """
    rows = []
    for both, surplus, missing in counts:
        f1 = 2 * both / (2 * both + surplus + missing) if both + surplus + missing else 1.0
        rows.append((f1, both / (both + surplus) if both + surplus else np.nan, both / (both + missing) if both + missing else np.nan))
    return np.array(rows, np.float64).reshape(-1, 3)


def mean_score(pages: Floats) -> Score:
    """Averages over pages, as for token F1."""
    return Score(*(float(value) for value in _means(pages)))


def scrapinghub_score(pages: Floats) -> Score:
    """F1 of average precision and average recall, as for 4-grams."""
    _, precision, recall = _means(pages)
    return Score(_harmonic(precision, recall), precision, recall)


def phrase_counts(text: str, keep: Sequence[str], drop: Sequence[str]) -> tuple[int, int, int]:
    """Wanted phrases that are there, unwanted ones that are there, wanted ones that are not; white space is single spaces on both sides."""
    spaced = " ".join(text.split())
    there = sum(" ".join(phrase.split()) in spaced for phrase in keep)
    return there, sum(" ".join(phrase.split()) in spaced for phrase in drop), len(keep) - there


def phrase_score(counts: npt.NDArray[np.int64]) -> Score:
    """Of all phrases together; `counts` as `phrase_counts` gives them, int64 [pages, 3]."""
    there, unwanted, missing = (int(value) for value in counts.sum(axis=0)) if len(counts) else (0, 0, 0)
    precision = there / (there + unwanted) if there + unwanted else 0.0
    recall = there / (there + missing) if there + missing else 0.0
    return Score(_harmonic(precision, recall), precision, recall)


def interval(
    ours: npt.NDArray[np.generic],
    other: npt.NDArray[np.generic],
    groups: Sequence[object],
    score: Callable[[npt.NDArray[np.generic]], Score],
) -> tuple[float, float, float]:
    """The difference of two F1 on the same pages, and its 95 % interval by bootstrap over groups of pages.

    Args:
        ours: a row per page.
        other: the same pages.
        groups: of each page, what is drawn together: the page itself, or its site.
        score: of any choice of rows.

    Returns:
        Difference, lower and upper bound.
    """
    rows: defaultdict[object, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    together = [np.array(members) for members in rows.values()]
    generator = np.random.default_rng(SEED)
    differences = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([together[group] for group in generator.integers(0, len(together), len(together))])
        differences.append(score(ours[drawn]).f1 - score(other[drawn]).f1)
    low, high = np.percentile(differences, [2.5, 97.5])
    return score(ours).f1 - score(other).f1, float(low), float(high)


def _means(pages: Floats) -> tuple[float, float, float]:
    """Of the columns, without what is not defined; 0 where nothing is."""
    defined = ~np.isnan(pages)
    sums, counts = np.where(defined, pages, 0.0).sum(axis=0), defined.sum(axis=0)
    f1, precision, recall = (float(value) for value in sums / np.maximum(counts, 1))
    return f1, precision, recall


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
