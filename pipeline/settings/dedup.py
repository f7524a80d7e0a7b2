"""Settings of dedup: what counts as a duplicate, of what, and which of the duplicates stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from filters.duplicates.weights import table_of
from pipeline.settings.section import Kind, Section, Share


class RepeatedLines(Section):
    """Lines or paragraphs that stand in many documents of one domain or source: navigation, licences, templates. They are cut."""

    unit: Literal["line", "paragraph"] = "line"
    """What is compared: lines, or runs of lines between blank ones."""
    within: Literal["domain", "source", "run"] = "domain"
    """Whose documents are counted together; what has no domain is counted with its source."""
    most_documents: int = Field(default=20, ge=1)
    """Documents in which a line may stand; one that stands in more is cut from each of them."""
    most_share: Share = 0.0
    """The same as a share of the documents counted together; the larger bound holds."""
    least_words: int = Field(default=8, ge=1)
    """Words that repeated lines behind each other must hold together to be cut: a heading or a line of code alone (`Examples`, `else:`)
    stands in many documents and is no template."""
    kinds: tuple[Kind, ...] = ("web",)
    """Kinds of sources whose documents take part."""


class RepeatedPassages(Section):
    """Runs of words that stand word for word in an earlier place, of the same document or another. They are cut there."""

    least_words: int = Field(default=50, ge=10, le=1000)
    """Words of the shortest passage."""
    kinds: tuple[Kind, ...] = ("web", "book", "table")
    """Kinds of sources whose documents take part."""


class Dedup(Section):
    """Exact and near-duplicates. A signature has bands x rows minima; collisions are verified against `threshold`."""

    exact: bool = True
    """Texts of equal bytes, and texts of equal words."""
    near: bool = True
    ngram: int = Field(default=5, ge=1, le=100)
    """Words in a shingle."""
    bands: int = Field(default=14, ge=1, le=256)
    rows: int = Field(default=8, ge=1, le=64)
    seed: int = Field(default=1, ge=0)
    threshold: Share = 0.7
    """Least Jaccard similarity of a verified pair."""
    verify: Literal["estimate", "exact", "none"] = "estimate"
    """How a pair that collides is compared: by its signatures, by the shingles of its texts, or not at all."""
    similar_to: Literal["member", "survivor"] = "member"
    """Whom a document must be similar to in order to be removed: any member of its cluster, so that a chain of small changes is one cluster
    with one survivor; or the survivor itself, so that such a chain falls into several clusters."""
    scope: Literal["run", "source", "crawl"] = "crawl"
    """Which documents are compared: all; those of one source; or, of Common Crawl files (CC-MAIN-YYYY-WW in the input's name), those of one
    crawl, and all others together."""
    survivor: tuple[str, ...] = ("date", "bytes")
    """Which member of a cluster stays: the highest by the first of these that differs. `date`, `source` (the order of the configuration,
    first best) or a column of numbers in signals/; `-` in front: the lowest. Last by the smallest doc_id."""
    against: tuple[str, ...] = ()
    """Directories of earlier runs, oldest first: what they hold is a duplicate here too. Their texts are not needed."""
    weights: str | dict[int, float] | None = None
    """None: what is kept is served once an epoch. A preset (fineweb-2@2025, fineweb-2-ita@2025) or a table, cluster size to weight: what
    survives of a cluster of at least that size is served so often. Sizes below the smallest of the table weigh 1."""
    lines: RepeatedLines | None = None
    passages: RepeatedPassages | None = None
    least_left: Share = 0.1
    """A document of whose bytes less than this share is left by `lines` and `passages` is removed, and what is left with it."""

    @field_validator("weights", mode="before")
    @classmethod
    def _known_weights(cls, weights: Any) -> Any:
        table = table_of(weights)
        return table if isinstance(weights, Mapping) else weights
