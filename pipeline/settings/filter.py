"""Settings of filter: from signals to verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import field_validator

from filters.presets import PRESETS
from pipeline.settings.section import Kind, Section, Share

DEFAULT_PRESETS: Mapping[Kind, tuple[str, ...]] = {
    "web": ("gopher@2021", "c4@tfds", "fineweb@2024"),
    "book": ("book@2026",),
    "code": ("starcoder@2023",),
    "table": ("gopher@2021", "fineweb@2024"),
}


class Language(Section):
    """Which languages are kept, for the kinds web, book and table."""

    keep: tuple[str, ...] = ()
    """Codes to keep; none: all."""
    minimum: Share = 0.65
    """Least score of the language."""


class Filter(Section):
    """From signals to verdicts."""

    language: Language = Language()
    presets: Mapping[Kind, tuple[str, ...]] = DEFAULT_PRESETS
    """Named rule sets per kind of source, checked in order. A kind that is not named keeps its default; an empty list is no rule."""
    source_presets: Mapping[str, tuple[str, ...]] = {}
    """The same by source name, in place of its kind's."""
    guard: Share = 0.98
    """The run stops when one rule removes more than this share of a source of at least 100 documents."""

    @field_validator("presets")
    @classmethod
    def _others_as_by_default(cls, presets: Mapping[Kind, tuple[str, ...]]) -> Mapping[Kind, tuple[str, ...]]:
        return {**DEFAULT_PRESETS, **presets}

    @field_validator("presets", "source_presets")
    @classmethod
    def _known(cls, presets: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        for name in (name for names in presets.values() for name in names):
            if name not in PRESETS:
                raise ValueError(f"{name!r} is not a preset; choose among {', '.join(sorted(PRESETS))}")
        return presets
