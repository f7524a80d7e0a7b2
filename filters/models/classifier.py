"""fastText classifiers of texts: the probability of a label as a signal.

Quality, domain, sentiment and toxicity differ in nothing but their labels. Scored by `filters.fasttext`, which checks a file before it is
believed and maps it: processes share a model of 800 MB. fastText's own loader trusts every count of a file. Training is in
`filters.models.classifier_training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.fasttext.model import FastTextModel
from filters.models.normalisation import AS_WRITTEN, Normalisation
from filters.text import bytes_and_offsets

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A fastText classifier and how it is shown texts."""

    labels: tuple[str, ...]
    """Without fastText's prefix, sorted."""
    normalisation: Normalisation
    _model: FastTextModel

    @classmethod
    def load(cls, path: str | Path, normalisation: Normalisation = AS_WRITTEN) -> Classifier:
        """Load a model, plain (.bin) or quantised (.ftz). A plain one is mapped: write another over it by renaming, not in place.

        Raises:
            ValueError: there is no such file, it is damaged, or it is no fastText classifier.
        """
        if not Path(path).is_file():
            raise ValueError(f"{str(path)!r} is no file; give the path of a fastText classifier, such as `curate train-classifier` writes")
        model = FastTextModel.load(path)
        return cls(tuple(sorted(model.labels)), normalisation, model)

    def probabilities(self, texts: pa.StringArray | pa.LargeStringArray) -> Scores:
        """The probability of every label for each text, as fastText gives it; no Python string is made of a text.

        Returns:
            float32 [texts, labels], in the order of `labels`; rows of NaN for texts without a word. A text's row depends on it alone.
        """
        lines, bounds = self.normalisation.lines(*bytes_and_offsets(texts))
        return self._scores(lines, bounds)

    def line_probabilities(self, lines: Sequence[str]) -> Scores:
        """The same for texts that are on one line already, as `Normalisation.line` makes them."""
        return self._scores(*bytes_and_offsets(pa.array(lines, pa.large_string())))

    def _scores(self, lines: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> Scores:
        scores = self._model.score_spans(lines, bounds[:-1], bounds[1:])
        # Zeros: of a text no part of which is in the model.
        scores[(np.diff(bounds) == 0) | ~scores.any(axis=1)] = np.nan
        return scores[:, [self._model.labels.index(label) for label in self.labels]]
