"""Which rules a configuration puts in force for a source."""

from __future__ import annotations

import pyarrow as pa

from filters.decide import LanguageRule, signals_of
from filters.presets import Preset
from filters.presets.changes import nearest
from pipeline.config import Config
from pipeline.decisions.contamination import SHARE, contamination_rule
from pipeline.settings.sources import Source


def rules(source: Source, config: Config) -> tuple[tuple[Preset, ...], LanguageRule | None]:
    """The presets in order, with the bounds in force, and the language rule; code has no language to check."""
    language = config.filter.language
    rule = LanguageRule(language.keep, language.minimum) if source.kind != "code" and language.keep else None
    return config.filter.presets_of(source.name, source.kind) + contamination_rule(config), rule


def check_rules(config: Config) -> None:
    """Whether every rule in force asks for a number that this configuration measures.

    Raises:
        ValueError: a bound names no column of signals/, or one that holds no numbers.
    """
    # Here and not above: the kernels take a second to import, and who decides from signals/ needs none of them.
    from pipeline.signals import signals_schema

    schema = signals_schema(config)
    numbers = {field.name for field in schema if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)} | {SHARE}
    for source in config.sources:
        for preset in rules(source, config)[0]:
            for name in sorted(signals_of(preset) - numbers):
                raise ValueError(f"{preset.name} bounds {name!r} for source {source.name!r}, which is no signal{nearest(name, numbers)}")
