"""Which rules a configuration puts in force for a source."""

from __future__ import annotations

from filters.decide import LanguageRule
from filters.presets import PRESETS, Preset
from pipeline.config import Config
from pipeline.settings.sources import Source


def rules(source: Source, config: Config) -> tuple[tuple[Preset, ...], LanguageRule | None]:
    """The presets, in the order in which they are checked, and the language rule; code has no language to check."""
    names = config.filter.source_presets.get(source.name, config.filter.presets.get(source.kind, ()))
    language = config.filter.language
    rule = LanguageRule(language.keep, language.minimum) if source.kind != "code" and language.keep else None
    return tuple(PRESETS[name] for name in names), rule
