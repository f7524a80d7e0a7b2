"""`curate train-classifier`: texts by label to a fastText classifier, and what it does on texts that it has not seen.

In:  two labels or more, each of one path or several (`pipeline.training.labelled_texts`).
Out: the model; beside it MODEL.json: texts of each label, precision, recall and calibration on those held out, settings.
Lost: texts that stand under two labels, and records that cannot be read; both are counted.

The order of files and texts changes nothing: texts are split and ordered by their own digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.models.classifier import Classifier
from filters.models.classifier_training import DEFAULT, FastTextSettings, settings_for, train
from filters.models.held_out import evaluate
from filters.models.normalisation import AS_WRITTEN, Normalisation
from pipeline.training.labelled_texts import AS_LINES, Order, Read, Reading, Spool, texts_of

BATCH = 1000


def report_path(model: Path) -> Path:
    """Where the report of a model lies."""
    return model.with_name(model.name + ".json")


def train_classifier(
    paths: Mapping[str, Sequence[str]],
    output: Path,
    *,
    held_out: float = 0.2,
    reading: Reading = AS_LINES,
    normalisation: Normalisation = AS_WRITTEN,
    settings: FastTextSettings = DEFAULT,
    quantise: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train a classifier, write it to `output`, and its report beside it.

    Args:
        paths: by label, two labels at least.
        output: the model file.
        held_out: share of the texts that do not teach and are scored instead; 0: none, and no report of them.
        reading: how files are read.
        normalisation: how texts are shown to the classifier.
        settings: hyperparameters; `seed` also decides the split and the order.
        quantise: whether the model is made small, about 6 MB.
        told: is given a line when something long begins.

    Returns:
        The report: `labels`, `contradictory`, `normalisation`, `settings`, `quantised`, `model`, and `held_out` as
        `filters.models.held_out.evaluate` gives it.

    Raises:
        ValueError: fewer than two labels, a path gives no text, a label has no text on one side of the split, or fastText refuses.
    """
    if len(paths) < 2:
        raise ValueError(f"a classifier needs two labels; {', '.join(map(repr, paths)) or 'none'} is given, add another LABEL=PATH")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"{str(output)!r}: its folder does not exist; make it first")
    names = list(paths)
    with Spool(settings.seed) as spool:
        told(f"reading texts of {', '.join(names)}")
        read = _fill(spool, paths, reading, normalisation)
        order = spool.order()
        aside = order.held_out(held_out)
        _check_sides(names, order, aside, held_out)
        taught = np.flatnonzero(~aside)
        settings = settings_for(len(taught), settings)
        told(f"training on {len(taught):,} texts, {settings.epochs} epochs, learning rate {settings.learning_rate:g}")
        examples = zip((names[number] for number in order.labels[taught]), spool.texts(order, taught), strict=True)
        model = train(examples, normalisation, settings)
        if quantise:
            told("quantising")
            model.quantise()
        temporary = output.with_name(f".{output.name}.part")
        model.save(temporary)
        scores, truth = _scored(Classifier.load(temporary, normalisation), names, spool, order, np.flatnonzero(aside))
    report = {
        "labels": _counts(names, read, order, aside),
        "contradictory": len(order.contradictory),
        "normalisation": asdict(normalisation),
        "settings": asdict(settings),
        "quantised": quantise,
        "model": {"bytes": temporary.stat().st_size, "sha256": _sha256(temporary)},
        "held_out": evaluate(names, truth, scores) if len(truth) else None,
    }
    temporary.replace(output)
    report_path(output).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return report


def _fill(spool: Spool, paths: Mapping[str, Sequence[str]], reading: Reading, normalisation: Normalisation) -> dict[str, Read]:
    read = {label: Read() for label in paths}
    for number, (label, given) in enumerate(paths.items()):
        for path in given:
            for text in texts_of(path, reading, read[label]):
                line = normalisation.line(text)
                if line:
                    spool.add(number, line)
                else:
                    read[label].rejects["no word"] += 1
    return read


def _check_sides(names: Sequence[str], order: Order, aside: npt.NDArray[np.bool_], share: float) -> None:
    for number, label in enumerate(names):
        of_label = order.labels == number
        if not np.any(of_label & ~aside):
            raise ValueError(f"label {label!r} has no text to learn from, {np.sum(of_label)} in all; give more, or a smaller --held-out")
        if share > 0 and not np.any(of_label & aside):
            raise ValueError(f"label {label!r} has none of {np.sum(of_label)} texts held out; give more, or a larger --held-out, or 0")


def _scored(
    model: Classifier, names: Sequence[str], spool: Spool, order: Order, places: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Probabilities float32 [texts, labels in the order of `names`] of the held-out texts, and the number of each one's label."""
    columns = [model.labels.index(label) for label in names]
    scores = np.empty((len(places), len(names)), np.float32)
    for start in range(0, len(places), BATCH):
        lines = list(spool.texts(order, places[start : start + BATCH]))
        scores[start : start + len(lines)] = model.line_probabilities(lines)[:, columns]
    return scores, order.labels[places].astype(np.int64)


def _counts(names: Sequence[str], read: Mapping[str, Read], order: Order, aside: npt.NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    """Of each label: records = training + held out + duplicates + contradictory + rejects."""
    counts: dict[str, dict[str, Any]] = {}
    for number, label in enumerate(names):
        of_label = order.labels == number
        counts[label] = {
            "records": read[label].records,
            "training": int(np.sum(of_label & ~aside)),
            "held_out": int(np.sum(of_label & aside)),
            "duplicates": int(np.sum(order.duplicates == number)),
            "contradictory": int(np.sum(order.contradictory == number)),
            "rejects": dict(sorted(read[label].rejects.items())),
        }
        texts = np.sum(of_label) + np.sum(order.duplicates == number) + np.sum(order.contradictory == number)
        assert read[label].records == texts + read[label].rejects.total(), "records are texts or rejects"
    return counts


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def told_report(report: Mapping[str, Any]) -> Iterator[str]:
    """The report in lines for people."""
    yield f"{'label':<16}{'training':>10}{'held out':>10}{'duplicates':>12}{'rejects':>9}"
    for label, counts in report["labels"].items():
        rejects = sum(counts["rejects"].values())
        yield f"{label:<16}{counts['training']:>10,}{counts['held_out']:>10,}{counts['duplicates']:>12,}{rejects:>9,}"
    if report["contradictory"]:
        yield f"{report['contradictory']:,} records stand under several labels and taught none"
    found = report["held_out"]
    if not found:
        return
    yield ""
    yield f"held out: accuracy {found['accuracy']:.3f}"
    heads = ("precision", "recall", "F1", "best F1", "at score", "avg. prec.", "ROC area")
    yield f"{'label':<16}" + "".join(f"{head:>11}" for head in heads)
    for label, row in found["labels"].items():
        best = row["best_f1"]
        numbers = (row["precision"], row["recall"], row["f1"], best["f1"], best["threshold"], row["average_precision"], row["roc_area"])
        yield f"{label:<16}" + "".join(f"{number:>11.3f}" for number in numbers)
    for label in list(found["labels"])[: 1 if len(found["labels"]) == 2 else None]:
        yield ""
        yield f"calibration, expected error {found['labels'][label]['expected_calibration_error']:.3f}"
        yield f"{'score of ' + label:<16}{'texts':>10}{'mean':>10}{'true share':>12}"
        for row in found["labels"][label]["calibration"]:
            if row["texts"]:
                bounds = f"{row['from']:.1f} to {row['to']:.1f}"
                yield f"{bounds:<16}{row['texts']:>10,}{row['mean_score']:>10.3f}{row['true_share']:>12.3f}"
