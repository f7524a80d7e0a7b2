"""How good the contestants' texts are on the sets with gold: scores per set, by kind of page, and differences with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.page_sets import HAND_MADE, Page
from benchmarks.results import columns
from benchmarks.text_scores import (
    NGRAM,
    Floats,
    interval,
    mean_score,
    overlap,
    page_scores,
    phrase_counts,
    phrase_score,
    scrapinghub_score,
)

LEAST_OF_A_KIND = 3
COUNTS = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """One contestant's scores on the pages of one set that have gold of a sort, row for row."""

    pages: tuple[Page, ...]
    tokens: Floats
    fourgrams: Floats
    phrases: COUNTS

    def as_json(self) -> dict[str, Any]:
        """Scores of the set, and those of each kind of page where pages have kinds."""
        if not len(self.tokens):
            return {"pages": len(self.pages), "phrases": phrase_score(self.phrases).as_json()}
        told: dict[str, Any] = {"pages": len(self.pages), **self._text_scores(np.arange(len(self.pages)))}
        kinds = sorted({kind for page in self.pages for kind in page.kinds})
        rows = {kind: np.array([row for row, page in enumerate(self.pages) if kind in page.kinds]) for kind in kinds}
        if kinds:
            told["by_kind"] = {
                kind: {"pages": len(chosen), **self._text_scores(chosen)} for kind, chosen in rows.items() if len(chosen) >= LEAST_OF_A_KIND
            }
        return told

    def _text_scores(self, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        return {"tokens": mean_score(self.tokens[rows]).as_json(), "fourgrams": scrapinghub_score(self.fourgrams[rows]).as_json()}


def judge(pages: Sequence[Page], texts: Mapping[bytes, str]) -> dict[str, Judged]:
    """Scores by set.

    Args:
        pages: of any sets; those without gold are passed over.
        texts: what a contestant gave, by digest of the page.
    """
    judged = {}
    for name in dict.fromkeys(page.collection for page in pages):
        chosen = [page for page in pages if page.collection == name and (page.text is not None or page.keep or page.drop)]
        if not chosen:
            continue
        given = [texts[page.digest] for page in chosen]
        with_text = [(page, text) for page, text in zip(chosen, given, strict=True) if page.text is not None]
        tokens, fourgrams = (page_scores(overlap(text, page.text or "", n, page.undecided) for page, text in with_text) for n in (1, NGRAM))
        phrases = [phrase_counts(text, page.keep, page.drop) for page, text in zip(chosen, given, strict=True) if page.text is None]
        judged[name] = Judged(tuple(chosen), tokens, fourgrams, np.array(phrases, np.int64).reshape(-1, 3))
    return judged


def differences(ours: Mapping[str, Judged], other: Mapping[str, Judged]) -> dict[str, dict[str, list[float]]]:
    """By set and metric: difference of F1, ours minus the other's, and its 95 % interval; pages are drawn, for phrases sites."""
    told: dict[str, dict[str, list[float]]] = {}
    for name, mine in ours.items():
        theirs, numbers = other[name], range(len(mine.pages))
        if len(mine.tokens):
            found = {
                "tokens": interval(mine.tokens, theirs.tokens, numbers, mean_score),
                "fourgrams": interval(mine.fourgrams, theirs.fourgrams, numbers, scrapinghub_score),
            }
        else:
            found = {"phrases": interval(mine.phrases, theirs.phrases, [page.site for page in mine.pages], phrase_score)}
        told[name] = {metric: [round(value, 4) for value in values] for metric, values in found.items()}
    return told


def quality_table(quality: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """F1 (precision/recall) of each contestant on each set: tokens and 4-grams, or phrases."""
    sets = list(dict.fromkeys(name for told in quality.values() for name in told if name != "kind"))
    blocks = []
    for name in sets:
        pages = next(told[name]["pages"] for told in quality.values() if name in told)
        lines = [f"{name}, {pages} pages"]
        for key, told in quality.items():
            if name in told:
                cells = [
                    f"{metric} {score['f1']:.3f} ({score['precision']:.3f}/{score['recall']:.3f})"
                    for metric in ("tokens", "fourgrams", "phrases")
                    if (score := told[name].get(metric))
                ]
                lines.append(f"  {labels[key]:28}  {'  '.join(cells)}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def kinds_table(quality: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """Token F1 on the hand-made gold by kind of page, a column for each contestant."""
    told = {key: sets[HAND_MADE]["by_kind"] for key, sets in quality.items() if HAND_MADE in sets}
    if not told:
        return ""
    kinds = next(iter(told.values()))
    lines = [["", "pages", *(labels[key] for key in told)]]
    lines += [[kind, str(first["pages"]), *(f"{told[key][kind]['tokens']['f1']:.3f}" for key in told)] for kind, first in kinds.items()]
    return columns(lines)
