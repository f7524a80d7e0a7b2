"""Training of the extractor's model: CatBoost's oblivious trees over features of blocks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.extractor.features import block_features
from filters.extractor.forest import Forest
from filters.extractor.labels import FOLDS, MOST_BLOCKS, LabelledPage, block_labels, fold_of, teacher_texts
from filters.extractor.layout import CHARACTERS
from filters.extractor.page import chosen
from filters.extractor.scan import scan

TREES, RATE, DEPTH, BORDERS = 150, 0.15, 6, 64
SEED = 1


@dataclass(frozen=True, slots=True)
class _Lesson:
    """A page ready to learn from: columns float32 [features, blocks]; labels, weights float32 and characters int32 [blocks]."""

    fold: int
    columns: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    characters: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of all pages, and one for each fold that has not seen the fold's sites."""

    model: Forest
    folds: tuple[Forest, ...]
    held_out_f1: float
    """Mean over the pages of F1 over characters, by the folds' models, against the labels."""


def train(pages: Sequence[LabelledPage], *, workers: int = 2, told: Callable[[str], None] = lambda _words: None) -> Trained:
    """Teach the forest.

    Args:
        pages: of many sites.
        workers: processes that run the teacher.
        told: called with a line when a step is done.

    Raises:
        ValueError: catboost is not installed, or a fold has no page.
    """
    lessons = _lessons(pages, workers)
    for fold in range(FOLDS):
        if not any(lesson.fold == fold for lesson in lessons):
            raise ValueError(f"no site of the {len(lessons)} labelled pages falls into fold {fold}; give pages of more sites")
    told(f"{len(lessons)} pages, {sum(len(lesson.labels) for lesson in lessons):,} blocks")
    folds = []
    for fold in range(FOLDS):
        folds.append(_grown([lesson for lesson in lessons if lesson.fold != fold]))
        told(f"forest without fold {fold}")
    return Trained(_grown(lessons), tuple(folds), _held_out_f1(lessons, folds))


def _lessons(pages: Sequence[LabelledPage], workers: int) -> list[_Lesson]:
    to_teach = [page.html for page in pages if page.text is None or page.gold_share < 1]
    with ProcessPoolExecutor(workers) as pool:
        taught = dict(zip(to_teach, pool.map(teacher_texts, to_teach, chunksize=8), strict=True))
    lessons = []
    for page in pages:
        scanned = scan(page.html)
        if 0 < len(scanned.blocks) <= MOST_BLOCKS:
            labels, weights = block_labels(page, scanned, taught.get(page.html, ()))
            lessons.append(_Lesson(fold_of(page.site), block_features(scanned), labels, weights, scanned.blocks[:, CHARACTERS].copy()))
    return lessons


def _held_out_f1(lessons: Sequence[_Lesson], forests: Sequence[Forest]) -> float:
    scores = []
    for lesson in lessons:
        kept, _ = chosen(forests[lesson.fold].probabilities(lesson.columns), lesson.characters)
        characters = lesson.characters * kept
        wanted = float(lesson.characters @ lesson.labels)
        scores.append(2 * float(characters @ lesson.labels) / max(float(characters.sum()) + wanted, 1.0))
    return float(np.mean(scores))


def _grown(lessons: Sequence[_Lesson]) -> Forest:
    """A forest that answers with the labels' probabilities."""
    try:
        from catboost import CatBoost, Pool
    except ImportError as error:
        raise ValueError("training an extractor needs catboost; install curate[extractor]") from error
    learner = CatBoost({
        "loss_function": "CrossEntropy",
        "iterations": TREES,
        "learning_rate": RATE,
        "depth": DEPTH,
        "border_count": BORDERS,
        "random_seed": SEED,
        "allow_writing_files": False,
        "verbose": False,
    })  # fmt: skip
    columns = np.concatenate([lesson.columns for lesson in lessons], axis=1).T
    labels, weights = (np.concatenate([getattr(lesson, name) for lesson in lessons]) for name in ("labels", "weights"))
    learner.fit(Pool(columns, label=labels, weight=weights))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        learner.save_model(str(path), format="json")
        return _forest(json.loads(path.read_bytes()))


def _forest(model: dict[str, Any]) -> Forest:
    """CatBoost's JSON form: a leaf's number has the first split's answer as its lowest bit."""
    trees = [tree for tree in model["oblivious_trees"] if tree.get("splits")]
    features = np.zeros((len(trees), DEPTH), np.int16)
    borders = np.full((len(trees), DEPTH), np.inf, np.float32)  # of a level that a shallower tree lacks: never exceeded
    leaves = np.zeros((len(trees), 1 << DEPTH), np.float32)
    scale, bias = model["scale_and_bias"]
    for number, tree in enumerate(trees):
        for level, split in enumerate(tree["splits"]):
            features[number, level], borders[number, level] = split["float_feature_index"], split["border"]
        values = np.array(tree["leaf_values"], np.float32) * scale
        leaves[number, : len(values)] = values
    return Forest(features, borders, leaves, float(bias[0] if isinstance(bias, list) else bias))
