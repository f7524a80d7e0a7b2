"""Settings of filter: from signals to verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from filters.presets import NEWEST, PRESETS, Bound, Preset
from filters.presets.changes import Change, changed, family, nearest, of_preset
from pipeline.settings.section import Kind, Section, Share

DEFAULT_PRESETS: Mapping[Kind, tuple[str, ...]] = {
    "web": ("default@2026",),
    "book": ("book@2026",),
    "code": ("starcoder@2023",),
    "table": ("default@2026",),
}
SIDES = ("at_least", "at_most")
_SIDES_SCHEMA = {"type": "object", "properties": {side: {"type": ["number", "null"]} for side in SIDES}, "additionalProperties": False}


def _number(value: Any) -> float:
    # YAML 1.1 reads 1e-3 as text.
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no number") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _limits(value: Any) -> dict[str, float | None]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no bound; give {{at_least: …}}, {{at_most: …}} or both")
    for side in value:
        if side not in SIDES:
            raise ValueError(f"{side!r} is no side of a bound{nearest(str(side), SIDES)}; give at_least, at_most or both")
    return {side: None if limit is None else _number(limit) for side, limit in value.items()}


def _change(value: Any) -> Change:
    """A number, null, or the sides that are named."""
    return None if value is None else _limits(value) if isinstance(value, Mapping) else _number(value)


BoundChange = Annotated[
    Any, BeforeValidator(_change), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}, _SIDES_SCHEMA]}, mode="validation")
]
Limits = Annotated[Any, BeforeValidator(_limits), WithJsonSchema(_SIDES_SCHEMA, mode="validation")]
PresetChanges = Mapping[str, Mapping[str, BoundChange]]
NONE: PresetChanges = {}


class Language(Section):
    """Which languages are kept, for the kinds web, book and table."""

    keep: tuple[str, ...] = ()
    """Codes to keep; none: all."""
    minimum: Share = 0.65
    """Least score of the language."""


class Guard(Section):
    """The run stops when one rule removes more than a share of one group of documents, and says which with examples; 1: never."""

    source: Share = 0.98
    """Of a source."""
    language: Share = 0.98
    """Of a language within a source; not asked of the rule `language` and of code, where whole languages are removed on purpose."""
    domain: Share = 1.0
    """Of a registered domain of web pages within a source. Off unless set: a large crawl always has some domain that is nothing but link
    lists, and a run that stops at each of them would never end."""
    least_documents: int = Field(default=100, ge=1)
    """Smaller groups are not judged."""


class Contaminated(Section):
    """What is made of documents that hold items of `signals.contamination.sets`."""

    action: Literal["drop", "cut", "mark"] = "drop"
    """Remove the document; or cut the spans out of its text when it is tokenized; or only count, in filter/contamination.json."""
    maximum_share: Share = 0.1
    """An item is found where a document holds more than this share of its n-grams; 0: any one n-gram. On planted items (`python -m
    benchmarks.contamination`) 0.1 finds 0.50 of those with every 14th word replaced, 0.2 finds 0.11 and 0 all; a passage of 100 words of
    which a sentence of 20 is quoted stays below it."""
    most_documents: int = Field(default=10, ge=1)
    """An n-gram that stands in more documents than this, and in more than `most_share` of all, is no sign of a leak but a quotation, a
    licence or a set phrase. Brown et al. 2020 (arXiv:2005.14165, appendix C) took 10. Equal documents count once."""
    most_share: Share = 1e-6
    """Copies of a leak grow with a corpus as set phrases do: of 10 million documents and more, the bound grows with their number."""


class Filter(Section):
    """From signals to verdicts."""

    language: Language = Language()
    presets: Mapping[Kind, tuple[str, ...]] = DEFAULT_PRESETS
    """Named rule sets per kind of source, checked in order. A kind that is not named keeps its default; an empty list is no rule."""
    source_presets: Mapping[str, tuple[str, ...]] = {}
    """The same by source name, in place of its kind's."""
    own_presets: Mapping[str, Mapping[str, Limits]] = {}
    """Rule sets of your own, by name: {NAME: {SIGNAL: {at_least: …, at_most: …}}}, checked as written. They are named in `presets` and
    `source_presets` as the others are."""
    bounds: PresetChanges = NONE
    """Other bounds for presets: {PRESET: {SIGNAL: CHANGE}}. PRESET is a name (`fineweb@2024`) or all its versions (`fineweb`). CHANGE is a
    number in place of the one side that the bound has, {at_least: …, at_most: …} for the sides to change (null: no such side), or null for
    no bound. Short on the command line: `--set filters.PRESET.SIGNAL=CHANGE`."""
    language_bounds: Mapping[str, PresetChanges] = {}
    """The same by language, as the `language` column has it: {LANGUAGE: {PRESET: {SIGNAL: CHANGE}}}; over `bounds`."""
    source_bounds: Mapping[str, PresetChanges] = {}
    """The same by source name; over `language_bounds` and `bounds`."""
    contamination: Contaminated = Contaminated()
    guard: Guard = Guard()
    """A bare number is the share of a source and of a language."""

    @field_validator("presets")
    @classmethod
    def _others_as_by_default(cls, presets: Mapping[Kind, tuple[str, ...]]) -> Mapping[Kind, tuple[str, ...]]:
        return {**DEFAULT_PRESETS, **presets}

    @field_validator("own_presets")
    @classmethod
    def _own(cls, presets: Mapping[str, Mapping[str, Limits]]) -> Mapping[str, Mapping[str, Limits]]:
        for name, bounds in presets.items():
            if name in PRESETS or name in {family(shipped) for shipped in PRESETS}:
                raise ValueError(
                    f"{name!r} is the name of a preset that comes with curate; give yours another, or change it under filter.bounds"
                )
            if not name or any(character in name for character in " .\n"):
                raise ValueError(f"{name!r} is no name for a preset; use letters, digits, '-', '_' and '@'")
            if not bounds:
                raise ValueError(f"preset {name!r} has no bounds; give it one such as {{words: {{at_least: 50}}}}")
            preset = Preset(name, tuple(Bound(signal, **limits) for signal, limits in bounds.items()))
            changed(preset, bounds, {}, {})
        return presets

    @field_validator("guard", mode="before")
    @classmethod
    def _share_of_both(cls, guard: Any) -> Any:
        return {"source": guard, "language": guard} if isinstance(guard, int | float) else guard

    @model_validator(mode="after")
    def _known(self) -> Filter:
        known = self.known_presets()
        for name in (name for names in (*self.presets.values(), *self.source_presets.values()) for name in names):
            if name not in known:
                raise ValueError(f"{name!r} is not a preset{nearest(name, known)}; choose among {', '.join(sorted(known))}")
        everything = {"bounds": self.bounds}
        everything |= {f"language_bounds.{language}": changes for language, changes in self.language_bounds.items()}
        everything |= {f"source_bounds.{source}": changes for source, changes in self.source_bounds.items()}
        names = known.keys() | {family(name) for name in known}
        for place, changes in everything.items():
            for name in changes:
                if name not in names:
                    choice = f"{nearest(name, names)}; choose among {', '.join(sorted(known))}"
                    raise ValueError(f"filter.{place} changes {name!r}, which is not a preset{choice}")
        return self

    def known_presets(self) -> dict[str, Preset]:
        """Every preset by its name, the configuration's own among them."""
        own = {
            name: Preset(name, tuple(Bound(signal, **limits) for signal, limits in bounds.items()))
            for name, bounds in self.own_presets.items()
        }
        return {**PRESETS, **NEWEST, **own}

    def presets_of(self, source: str, kind: Kind) -> tuple[Preset, ...]:
        """The presets in force for a source, with the bounds in force, in the order in which they are checked.

        Raises:
            ValueError: a change does not fit the bound that it changes.
        """
        known = self.known_presets()
        names = self.source_presets.get(source, self.presets.get(kind, ()))
        return tuple(self._in_force(known[name], source) for name in names)

    def _in_force(self, preset: Preset, source: str) -> Preset:
        by_language = {language: of_preset(changes, preset.name) for language, changes in self.language_bounds.items()}
        try:
            return changed(
                preset,
                of_preset(self.bounds, preset.name),
                {language: changes for language, changes in by_language.items() if changes},
                of_preset(self.source_bounds.get(source, {}), preset.name),
            )
        except ValueError as error:
            raise ValueError(f"filter's bounds change {preset.name} for source {source!r}: {error}") from error


def unused_changes(settings: Filter, sources: Iterable[tuple[str, Kind]]) -> str:
    """Which change is of a preset that is in force for none of its sources, as words for an error; '' where there is none."""
    in_force = {name: {preset.name for preset in settings.presets_of(name, kind)} for name, kind in sources}
    everywhere = set[str]().union(*in_force.values())
    places: list[tuple[str, PresetChanges, set[str]]] = [("bounds", settings.bounds, everywhere)]
    places += [(f"language_bounds.{language}", changes, everywhere) for language, changes in settings.language_bounds.items()]
    places += [(f"source_bounds.{source}", changes, in_force.get(source, set())) for source, changes in settings.source_bounds.items()]
    for place, changes, names in places:
        for name in changes:
            if name not in names | {family(preset) for preset in names}:
                known = f"in force are {', '.join(sorted(names))}" if names else "none is in force there"
                return f"filter.{place} changes {name!r}, which no source that it concerns has in force ({known}); take the change out"
    return ""
