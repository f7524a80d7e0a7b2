"""A bound on a signal, and a named rule set of bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bound:
    """The values of one signal that a document may have; both ends belong to the range."""

    signal: str
    """A float32 column of `filters.statistics.measure.SCHEMA`."""
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"the bound of {self.signal!r} has neither at_least nor at_most; give it one")


@dataclass(frozen=True, slots=True)
class Preset:
    """A named rule set: bounds in the order in which they are checked, and the cuts that its documents get."""

    name: str
    bounds: tuple[Bound, ...]
    cuts: tuple[str, ...] = ()
    """Columns of spans (`filters.statistics.measure.CUTS`) that are cut from the text of a kept document before it is tokenized."""
    languages: Mapping[str, tuple[Bound, ...]] = field(default_factory=dict, hash=False)
    """Language, as the `language` column names it, to bounds that stand in place of those of `bounds` of the same signal for its documents;
    one of a signal that `bounds` lacks is checked after them."""
