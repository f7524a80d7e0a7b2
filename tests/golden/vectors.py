"""The kept golden vectors: reading, measuring anew, and which bounds the texts walk. `tests/golden/README.md` describes the files."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from filters.decide import decide
from filters.presets import Bound, Preset
from filters.statistics.columns import CUTS, DEFINITIONS
from filters.statistics.measure import compute
from tests.golden.variations import RECIPES

FOLDER = Path(__file__).parent
TEXTS, SIGNALS, VERDICTS, PRESETS_FILE = (FOLDER / name for name in ("texts.jsonl", "signals.csv", "verdicts.csv", "presets.json"))
KEPT = "keep"


@dataclasses.dataclass(frozen=True)
class Golden:
    """One text; of a recipe the text is made when it is asked for."""

    name: str
    kind: str
    """'prose' or 'code'."""
    language: str
    """ISO 639-1, or of code the name that GitHub's linguist has."""
    content: str = ""
    recipe: tuple[str, int] | None = None
    digest: str = ""
    """xxh3-64 of the text that a recipe made when it was kept."""

    @functools.cached_property
    def text(self) -> str:
        return RECIPES[self.recipe[0]](self.recipe[1]) if self.recipe else self.content


def digest_of(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())


def kept_texts() -> list[Golden]:
    """Raises ValueError: a recipe makes another text than it did."""
    if not TEXTS.exists():
        return []
    found = []
    for line in TEXTS.read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        golden = Golden(**row | {"recipe": tuple(row["recipe"]) if "recipe" in row else None})
        if golden.recipe and digest_of(golden.text) != golden.digest:
            raise ValueError(
                f"the recipe of {golden.name!r} makes another text than the one that was kept; undo the change of {golden.recipe[0]}()"
            )
        found.append(golden)
    return found


def write_texts(texts: Iterable[Golden]) -> None:
    rows = [{name: value for name, value in dataclasses.asdict(text).items() if value} for text in texts]
    TEXTS.write_text("".join(json.dumps({"language": "", **row}, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def definition(preset: Preset) -> Any:
    """A preset as it is kept: all that it holds, without docstring and without what it leaves empty (fields may be added later)."""
    return _stated(dataclasses.asdict(preset))


def _stated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _stated(item) for name, item in value.items() if item is not None and item != () and item != {}}
    return [_stated(item) for item in value] if isinstance(value, tuple | list) else value


def number(value: float | None) -> str:
    """The shortest decimal that is this float32 and no other; NaN is empty."""
    return "" if value is None or np.isnan(value) else str(np.float32(value))


def measure(texts: Sequence[Golden]) -> pa.RecordBatch:
    """Columns of `filters.statistics.measure.SCHEMA`, and the language."""
    batch = compute(pa.array([text.text for text in texts], pa.large_string()))
    return in_languages(batch, [text.language for text in texts])


def in_languages(batch: pa.RecordBatch, languages: Sequence[str]) -> pa.RecordBatch:
    """The batch with another language column; '' is null."""
    named = [(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True) if name != "language"]
    column = pa.array([language or None for language in languages], pa.string())
    return pa.RecordBatch.from_arrays([*(column for _, column in named), column], names=[*(name for name, _ in named), "language"])


Rows = dict[str, dict[str, str]]
"""Name of a text to column to cell."""


def signal_rows(texts: Sequence[Golden], batch: pa.RecordBatch) -> Rows:
    columns = {name: [number(value) for value in batch[name].to_pylist()] for name in DEFINITIONS}
    columns |= {name: [" ".join(map(str, spans)) for spans in batch[name].to_pylist()] for name in CUTS}
    return {text.name: {name: cells[row] for name, cells in columns.items()} for row, text in enumerate(texts)}


class Verdict(NamedTuple):
    """The first broken bound: `rule` is the signal, `bound` as the ledger writes it ('>= 50')."""

    rule: str
    value: float
    bound: str

    def cell(self) -> str:
        return f"{self.rule} {number(self.value)} {self.bound}"


def verdicts(batch: pa.RecordBatch, preset: Preset) -> list[Verdict | None]:
    """None where the preset keeps the text."""
    rows = decide(batch, [preset]).to_pylist()
    return [None if row["keep"] else Verdict(row["rule"].removeprefix(f"{preset.name} "), row["value"], row["bound"]) for row in rows]


def verdict_rows(texts: Sequence[Golden], batch: pa.RecordBatch, presets: Iterable[Preset]) -> Rows:
    found = {preset.name: verdicts(batch, preset) for preset in presets}
    return {
        text.name: {name: verdict.cell() if (verdict := of[row]) else KEPT for name, of in found.items()} for row, text in enumerate(texts)
    }


def read_rows(path: Path) -> Rows:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row.pop("name"): row for row in csv.DictReader(file)}


def write_rows(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["name", *next(iter(rows.values()))], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"name": name, **row} for name, row in rows.items())


class Side(NamedTuple):
    """One end of one bound."""

    bound: Bound
    sign: str
    """'>=' or '<='."""
    limit: float
    languages: tuple[str, ...] = ()
    """Those that have this bound in place of the preset's own; none: it is the preset's own."""

    def __str__(self) -> str:
        return f"{self.bound.signal} {self.sign} {self.limit:g}" + (f" of {self.languages[0]}" if self.languages else "")


def sides(preset: Preset) -> list[Side]:
    """Each bound once for each of its ends, those of languages last."""
    own: dict[Bound, list[str]] = {}
    for language, bounds in preset.languages.items():
        for bound in bounds:
            own.setdefault(bound, []).append(language)
    found = []
    for bound, languages in [*((bound, []) for bound in preset.bounds), *own.items()]:
        for sign, limit in ((">=", bound.at_least), ("<=", bound.at_most)):
            if limit is not None and math.isfinite(limit):
                found.append(Side(bound, sign, limit, tuple(languages)))
    return found


def is_near(value: float, limit: float) -> bool:
    """Within a tenth of the limit, or the next whole number."""
    return abs(value - limit) <= (1 if float(limit).is_integer() and float(value).is_integer() else 0.1 * abs(limit))


def walkers(batch: pa.RecordBatch, found: Sequence[Verdict | None], side: Side) -> tuple[list[int], list[int]]:
    """Rows whose text just breaks one end of a bound, by the verdict, and rows that just do not; the nearest first."""
    signal, limit = side.bound.signal, side.limit
    values = np.asarray(batch[signal].to_numpy(zero_copy_only=False), np.float64)
    asked = [not side.languages or language in side.languages for language in batch["language"].to_pylist()]
    breaking = [
        row
        for row, verdict in enumerate(found)
        if verdict and asked[row] and verdict[::2] == (signal, f"{side.sign} {limit:.10g}") and is_near(verdict.value, limit)
    ]
    single = float(np.float32(limit))
    within = (values >= single if side.sign == ">=" else values <= single) & np.array(asked, bool)
    keeping = [int(row) for row in np.flatnonzero(within) if is_near(values[row], limit)]
    return tuple(sorted(rows, key=lambda row: (abs(values[row] - limit), row)) for rows in (breaking, keeping))  # type: ignore[return-value]


def unwalked(batch: pa.RecordBatch, presets: Iterable[Preset]) -> list[str]:
    """The ends of bounds that no text just breaks, or that none just does not break."""
    missing = []
    for preset in presets:
        found = verdicts(batch, preset)
        for side in sides(preset):
            breaking, keeping = walkers(batch, found, side)
            missing += [f"{preset.name}: no text just breaks {side}"] * (not breaking)
            missing += [f"{preset.name}: no text just keeps {side}"] * (not keeping)
    return missing
