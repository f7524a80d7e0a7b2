"""Training of fastText classifiers (`filters.models.classifier`), by the fasttext library.

`DCLM` follows the recipe of DCLM (Li et al. 2024, arXiv:2406.11794), good text against random web pages by words and pairs of words:
lr 0.1, dim 100, epoch 5 and minCount 1 are those of baselines/train_fasttext_classifier.py in mlfoundations/dclm, 2,000,000 buckets
fastText's own. That script leaves wordNgrams at 1; the model that DCLM published says 'bigram' in its name
(openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train), so it is 2 here.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from filters.models.classifier import Classifier
from filters.models.normalisation import AS_WRITTEN, PREFIX, Normalisation

_SENTENCE_END = "</s>"
_LEAST_VALUES = 1 << 16  # smaller blocks may come from glibc's per-thread cache, which M_PERTURB does not reach
_PERTURB = -6  # M_PERTURB of malloc.h


@dataclass(frozen=True, slots=True)
class FastTextSettings:
    """Hyperparameters by fastText's meanings. One thread always, so that equal lines in equal order give equal bytes."""

    word_ngrams: int = 2
    dimensions: int = 100
    epochs: int = 0
    """Passes over the texts; 0: 5, and of few texts up to 50, as `settings_for` says."""
    learning_rate: float = 0.0
    """Of the first text; it falls to nothing at the last. 0: DCLM's 0.1, and 0.5 where there are few texts."""
    minimum_count: int = 1
    """Words that occur less often are left out."""
    buckets: int = 2_000_000
    """Rows that n-grams of two words and more share by hash. A model takes (words + buckets) x dimensions x 4 bytes."""
    seed: int = 0


DEFAULT = FastTextSettings()
DCLM = FastTextSettings(epochs=5, learning_rate=0.1)
FEW_TEXTS = 4000


def settings_for(texts: int, settings: FastTextSettings) -> FastTextSettings:
    """The settings, with what they leave open by the number of texts.

    Epochs: 5 from 40,000 texts on, as DCLM for 400,000; for fewer as many as show 200,000 in all, up to 50. With 5 a classifier of few
    texts has hardly begun: of 2,400 sentences of three domains it knew 67 % held out, with 50 passes 97 %; of 3,900 tweets ROC area was
    0.924 and 0.948. Learning rate: 0.1 as DCLM, and 0.5 of fewer than 4,000 texts: 124 judged pages at 0.1 give every page 0.502.
    """
    epochs = settings.epochs or min(50, max(5, 200_000 // max(1, texts)))
    return replace(settings, epochs=epochs, learning_rate=settings.learning_rate or (0.5 if texts < FEW_TEXTS else 0.1))


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """What training made, in memory."""

    normalisation: Normalisation
    """How the lines were made that taught it."""
    _model: Any

    def save(self, path: Path) -> None:
        """Write the model; the normalisation is not in it."""
        self._model.save_model(str(path))

    def quantise(self, rows: int = 100_000) -> None:
        """Make the model small, in place: the `rows` words and n-grams of the largest vectors stay, in a byte for each two dimensions.

        Takes about a minute at 100 dimensions, on any number of rows above 65,536; 100,000 rows give 6 MB.
        """
        self._model.quantize(cutoff=rows, retrain=False, qnorm=False, thread=1, verbose=0)

    def classifier(self) -> Classifier:
        """What scores with it, by way of a temporary file as large as the model."""
        with tempfile.TemporaryDirectory(prefix="curate-classifier-") as folder:
            path = Path(folder, "model.bin")
            self.save(path)
            return Classifier.load(path, self.normalisation)


def train(examples: Iterable[tuple[str, str]], normalisation: Normalisation, settings: FastTextSettings = DEFAULT) -> TrainedClassifier:
    """Learn from (label, line) pairs, the lines made by `normalisation`, in the order in which the examples come.

    The order should be mixed, as by `mixed`: fastText goes through it once an epoch.

    Equal examples in equal order give equal bytes on Linux with glibc; elsewhere see `_zeroed_memory`.

    Raises:
        ValueError: fewer than two labels, too small a model, or no word that occurs `minimum_count` times, or fastText refuses.
    """
    import fasttext

    if settings.buckets * settings.dimensions < _LEAST_VALUES:
        least = -(-_LEAST_VALUES // settings.dimensions)
        raise ValueError(f"{settings.buckets} buckets of {settings.dimensions} dimensions are too few; give {least} buckets at least")
    labels, count = set(), 0
    with tempfile.TemporaryDirectory(prefix="curate-classifier-") as folder:
        file = Path(folder, "lines.txt")
        with file.open("w", encoding="utf-8", newline="\n") as lines:
            for label, line in examples:
                labels.add(label)
                count += 1
                lines.write(f"{PREFIX}{label} {line}\n")
        if len(labels) < 2:
            raise ValueError(f"a classifier needs texts of two labels at least; there are {', '.join(map(repr, sorted(labels))) or 'none'}")
        settings = settings_for(count, settings)
        try:
            with _zeroed_memory():
                model = fasttext.train_supervised(
                    str(file),
                    wordNgrams=settings.word_ngrams,
                    dim=settings.dimensions,
                    epoch=settings.epochs,
                    lr=settings.learning_rate,
                    minCount=settings.minimum_count,
                    bucket=settings.buckets,
                    seed=settings.seed,
                    label=PREFIX,
                    thread=1,
                    verbose=0,
                )
        except (ValueError, RuntimeError, MemoryError) as error:
            advice = "; lower the learning rate" if "NaN" in str(error) else ""
            raise ValueError(f"fastText cannot learn from these texts: {error}{advice}") from error
    if not set(model.get_words()) - {_SENTENCE_END}:
        raise ValueError(f"no word of these texts occurs {settings.minimum_count} times; give more texts or a smaller --minimum-count")
    return TrainedClassifier(normalisation, model)


@contextmanager
def _zeroed_memory() -> Iterator[None]:
    """Have glibc give memory that is zero (mallopt(3), M_PERTURB: the complement of the value).

    With one thread fastText sets the first tenth of its matrix and takes the rest as the memory is (facebookresearch/fastText issue 1061):
    after other work in the same process that gave other models from equal texts, or "Encountered NaN".
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    mallopt(_PERTURB, 0xFF)
    try:
        yield
    finally:
        mallopt(_PERTURB, 0)


def line_digest(line: str, seed: int = 0) -> tuple[int, int]:
    """The two 64-bit halves of a line's xxh3-128: one says on which side of a split it stands, the other its place in the order."""
    return divmod(xxhash.xxh3_128_intdigest(line.encode(), seed=seed), 1 << 64)


def fold_of(line: str, folds: int, seed: int = 0) -> int:
    """The fold of a line, 0 to folds - 1; equal lines share one."""
    return line_digest(line, seed)[0] * folds >> 64


def mixed(examples: Iterable[tuple[str, str]], seed: int = 0) -> list[tuple[str, str]]:
    """(label, line) pairs in an order that depends on the lines alone."""
    return sorted(examples, key=lambda example: (line_digest(example[1], seed)[1], example[1], example[0]))


def out_of_fold(
    texts: Sequence[str],
    labels: Sequence[str],
    wanted: str,
    *,
    folds: int = 10,
    normalisation: Normalisation = AS_WRITTEN,
    settings: FastTextSettings = DEFAULT,
) -> npt.NDArray[np.float32]:
    """The probability of a label for each text, by a model that has not seen the text nor any equal one.

    Args:
        texts: of any number; equal ones stand in one fold and teach once.
        labels: of each text.
        wanted: the label whose probability is asked.
        folds: models that are trained, each without its fold.
        normalisation: how texts are shown.
        settings: `seed` also decides the folds.

    Returns:
        float32 [texts].

    Raises:
        ValueError: `wanted` is not among the labels, or what is left beside a fold has one label only.
    """
    if wanted not in labels:
        raise ValueError(f"{wanted!r} is not a label of these texts; they have {', '.join(map(repr, sorted(set(labels))))}")
    lines = [normalisation.line(text) for text in texts]
    fold = [fold_of(line, folds, settings.seed) for line in lines]
    scores = np.full(len(lines), np.nan, np.float32)
    for held_out in sorted(set(fold)):
        taught = {(label, line) for label, line, number in zip(labels, lines, fold, strict=True) if number != held_out and line}
        model = train(mixed(taught, settings.seed), normalisation, settings).classifier()
        rows = [row for row, number in enumerate(fold) if number == held_out]
        scores[rows] = model.line_probabilities([lines[row] for row in rows])[:, model.labels.index(wanted)]
    return scores
