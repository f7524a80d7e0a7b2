"""One configuration file describes a corpus. Its keys are the fields of these sections; nothing else is read.

`load` turns a YAML file and `--set key.path=value` overrides into a `Config`, or ends with a ValueError of one line that quotes the
value and says what to do.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from pipeline.settings.dedup import Dedup
from pipeline.settings.extract import Extract
from pipeline.settings.filter import Filter, unused_changes
from pipeline.settings.section import Name, Section
from pipeline.settings.signals import Signals
from pipeline.settings.sources import Source
from pipeline.settings.stages import Generate, Runner, Shards, Tokenizer
from trainer.settings import TrainSettings


class Config(Section):
    """A corpus, from its inputs to a trained model."""

    name: Name
    output: str = "runs"
    """Folder in which the run directory NAME is made."""
    sources: tuple[Source, ...] = Field(min_length=1)
    extract: Extract = Extract()
    signals: Signals = Signals()
    filter: Filter = Filter()
    dedup: Dedup = Dedup()
    tokenizer: Tokenizer = Tokenizer()
    shards: Shards = Shards()
    train: TrainSettings | None = None
    """None: the run ends with its shards and report."""
    generate: Generate = Generate()
    runner: Runner = Runner()

    @model_validator(mode="after")
    def _distinct_sources(self) -> Config:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are named {name!r}; give each its own name")
        for section in ("source_presets", "source_bounds"):
            for name in getattr(self.filter, section):
                if name not in names:
                    raise ValueError(f"filter.{section} names {name!r}, which is no source; the sources are {', '.join(names)}")
        if unused := unused_changes(self.filter, [(source.name, source.kind) for source in self.sources]):
            raise ValueError(unused)
        return self

    @property
    def directory(self) -> Path:
        """The run directory."""
        return Path(self.output) / self.name


def load(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration file and apply `key.path=value` overrides (values are YAML).

    Raises:
        ValueError: the file cannot be read or is not YAML, a key is unknown, a value is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; the configurations that come with curate are in configs/") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from error
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from error
    return _validated(values, path, overrides)


def stored(config: Config) -> dict[str, Any]:
    """What `load_stored` reads again: every setting but where the run lies and on what it is done, which decide no result."""
    return config.model_dump(mode="json", exclude={"output", "runner"})


def load_stored(path: Path, overrides: Iterable[str] = ()) -> Config:
    """The configuration with which a stage was done, from its file in the run directory, with overrides as in `load`.

    `output` and `runner` have their defaults: where the run lies is known from the file.

    Raises:
        ValueError: the file is missing or none of this version, or an override is refused.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; do the stage again, or name the configuration file") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} cannot be read ({error}); name the configuration file") from error
    return _validated(values, path, overrides)


def _validated(values: Any, path: Path, overrides: Iterable[str]) -> Config:
    if not isinstance(values, dict):
        raise ValueError(f"{str(path)!r} is not a mapping of keys to values")
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ValueError(f"--set {override!r} is not of the form key.path=value")
    if key.startswith("filters."):
        key = f"filter.bounds.{key.removeprefix('filters.')}"
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"--set {override!r}: {text!r} is not a YAML value") from error
    *parents, last = key.split(".")
    place: Any = values
    for depth, part in enumerate(parents):
        place = _step(place, part, override) if isinstance(place, list) else place.setdefault(part, {})
        if place is None:
            raise ValueError(f"--set {override!r}: {'.'.join(parents[: depth + 1])!r} is empty in the file; set it whole")
        if not isinstance(place, (dict, list)):
            raise ValueError(f"--set {override!r}: {'.'.join(parents[: depth + 1])!r} is a value, not a section")
    if isinstance(place, list):
        _step(place, last, override)
        place[int(last)] = value
    else:
        place[last] = value


def _step(items: list[Any], part: str, override: str) -> Any:
    """An item of a list, by its number or, for sources, by its name."""
    if not part.isdigit() or int(part) >= len(items):
        raise ValueError(f"--set {override!r}: {part!r} is not the number of an item (0 to {len(items) - 1})")
    return items[int(part)]


def _one_line(error: ValidationError) -> str:
    """The first thing wrong, with its place, its value and, for an unknown key, the nearest known one."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "function-after")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        near = difflib.get_close_matches(str(first["loc"][-1]), sorted(_keys() - {first["loc"][-1]}), n=1)
        return f"{place}: unknown key{f'; did you mean {near[0]!r}?' if near else ''}{more}"
    if first["type"] == "missing":
        return f"{place}: missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    value = "" if first["type"] == "value_error" else f" (got {first['input']!r})"
    return f"{place + ': ' if place else ''}{message}{value}{more}"


def _keys() -> set[str]:
    """Names of the keys of every section."""
    return {name for section in Section.__subclasses__() for name in section.model_fields} | set(TrainSettings.__dataclass_fields__)
