"""Signals of a text by models of the user's own: classifiers and perplexity."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.models.classifier import Classifier
from filters.models.normalisation import Normalisation
from filters.models.perplexity import PerplexityModel
from pipeline.model_file import file_stamp, model_digest
from pipeline.settings.signals import ClassifierSignal, PerplexitySignal, Signals
from pipeline.training.classifier import report_path


def column_of(classifier: ClassifierSignal) -> str:
    """Its column in signals/."""
    return f"{classifier.name}_score"


def model_columns(signals: Signals, others: Collection[str]) -> list[tuple[str, pa.DataType]]:
    """Names and types of the columns, in order.

    Args:
        signals: the configuration's section.
        others: the columns that signals/ has besides.

    Raises:
        ValueError: a column is among `others`.
    """
    names = [column_of(classifier) for classifier in signals.classifiers] + ["perplexity"] * (signals.perplexity is not None)
    for name in names:
        if name in others:
            taken = ", ".join(sorted(other for other in others if other.endswith("_score")))
            raise ValueError(f"signals.classifiers: the column {name!r} is there already; choose another name, taken are {taken}")
    return [(name, pa.float32()) for name in names]


def model_settings(signals: Signals) -> list[Any]:
    """Every setting and file that decides these columns, for the fingerprint of extract.

    Raises:
        ValueError: a model is no file, is another one than its sha256 says, or was trained on texts shown otherwise.
    """
    settings: list[Any] = []
    for classifier in signals.classifiers:
        digest = _checked_digest(f"signals.classifiers {classifier.name!r}", classifier)
        _check_normalisation(classifier)
        settings.append([classifier.name, digest, classifier.label, classifier.lowercase, classifier.characters])
    if signals.perplexity:
        settings.append(_checked_digest("signals.perplexity", signals.perplexity))
    return settings


def model_batch(texts: pa.StringArray, signals: Signals) -> dict[str, pa.Array]:
    """The columns for a batch of texts, row for row; NaN where a text has no word."""
    columns: dict[str, pa.Array] = {}
    scored: dict[tuple[str, Normalisation], npt.NDArray[np.float32]] = {}
    for classifier in signals.classifiers:
        # Several labels of one model are one pass.
        shown = (classifier.model, Normalisation(classifier.lowercase, classifier.characters))
        model = _classifier(*shown, file_stamp(classifier.model))
        if shown not in scored:
            scored[shown] = model.probabilities(texts)
        columns[column_of(classifier)] = pa.array(scored[shown][:, _label_number(classifier, model)])
    if signals.perplexity:
        columns["perplexity"] = pa.array(_perplexity(signals.perplexity.model, file_stamp(signals.perplexity.model)).perplexity(texts))
    return columns


def load_models(signals: Signals) -> None:
    """Read every model, so that what is wrong with one is a ValueError before any document is read, and compile what scores."""
    model_batch(pa.array(["text"]), signals)


@functools.lru_cache(maxsize=8)
def _classifier(path: str, normalisation: Normalisation, _stamp: tuple[int, int]) -> Classifier:
    return Classifier.load(path, normalisation)


@functools.lru_cache(maxsize=1)
def _perplexity(path: str, _stamp: tuple[int, int]) -> PerplexityModel:
    return PerplexityModel.load(path)


def _label_number(classifier: ClassifierSignal, model: Classifier) -> int:
    if classifier.label not in model.labels:
        known = ", ".join(model.labels[:20]) + (", …" if len(model.labels) > 20 else "")
        raise ValueError(
            f"signals.classifiers {classifier.name!r}: {classifier.label!r} is not a label of {classifier.model!r}; it knows {known}"
        )
    return model.labels.index(classifier.label)


def _checked_digest(key: str, setting: ClassifierSignal | PerplexitySignal) -> str:
    path = Path(setting.model)
    if not path.is_file():
        raise ValueError(f"{key}: {setting.model!r} is no file; give the path of a model")
    digest = model_digest(path)
    if setting.sha256 not in {None, digest}:
        raise ValueError(f"{key}: {setting.model!r} has sha256 {digest}, not {setting.sha256}; give the right file, or its sha256")
    return digest


def _check_normalisation(classifier: ClassifierSignal) -> None:
    """Against the report beside the model, where there is one."""
    beside = report_path(Path(classifier.model))
    if not beside.is_file():
        return
    try:
        stated = json.loads(beside.read_text(encoding="utf-8"))["normalisation"]
        trained = Normalisation(bool(stated["lowercase"]), int(stated["characters"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(beside)!r} is no report of `curate train-classifier`: {error!r}; remove it") from error
    if trained != Normalisation(classifier.lowercase, classifier.characters):
        raise ValueError(
            f"signals.classifiers {classifier.name!r}: {classifier.model!r} was trained with lowercase: {str(trained.lowercase).lower()}, "
            f"characters: {trained.characters}; set the same"
        )
