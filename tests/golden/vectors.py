"""The kept golden vectors: reading, measuring anew, and which bounds the texts walk. `tests/golden/README.md` describes the files."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from filters.decide import decide
from filters.presets import Bound, Preset
from filters.signals import CUTS, DEFINITIONS, compute
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
    """ISO 639-1, or '' for code."""
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
    """A preset as it is kept: everything but its docstring, as JSON has it."""
    return json.loads(json.dumps(dataclasses.asdict(preset)))


def number(value: float | None) -> str:
    """The shortest decimal that is this float32 and no other; NaN is empty."""
    return "" if value is None or np.isnan(value) else str(np.float32(value))


def measure(texts: Sequence[Golden]) -> pa.RecordBatch:
    """Columns of `filters.signals.SCHEMA`, and the language with a score of 1."""
    batch = compute(pa.array([text.text for text in texts], pa.large_string()))
    languages = pa.array([text.language or None for text in texts], pa.string())
    scores = pa.array(np.ones(len(texts), np.float32))
    names = [*batch.schema.names, "language", "language_score"]
    return pa.RecordBatch.from_arrays([*batch.columns, languages, scores], names=names)


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


def sides(preset: Preset) -> list[tuple[Bound, str, float]]:
    """Each bound once for each of its ends: the bound, '>=' or '<=', the limit."""
    found = [(bound, sign, limit) for bound in preset.bounds for sign, limit in ((">=", bound.at_least), ("<=", bound.at_most))]
    return [(bound, sign, limit) for bound, sign, limit in found if limit is not None]


def is_near(value: float, limit: float) -> bool:
    """Within a tenth of the limit, or the next whole number."""
    return abs(value - limit) <= (1 if float(limit).is_integer() and float(value).is_integer() else 0.1 * abs(limit))


def walkers(batch: pa.RecordBatch, found: Sequence[Verdict | None], bound: Bound, sign: str, limit: float) -> tuple[list[int], list[int]]:
    """Rows whose text just breaks one end of a bound, by the verdict, and rows that just do not; the nearest first."""
    values = np.asarray(batch[bound.signal].to_numpy(zero_copy_only=False), np.float64)
    breaking = [
        row
        for row, verdict in enumerate(found)
        if verdict and (verdict.rule, verdict.bound) == (bound.signal, f"{sign} {limit:.10g}") and is_near(verdict.value, limit)
    ]
    single = float(np.float32(limit))
    within = values >= single if sign == ">=" else values <= single
    keeping = [int(row) for row in np.flatnonzero(within) if is_near(values[row], limit)]
    return tuple(sorted(rows, key=lambda row: (abs(values[row] - limit), row)) for rows in (breaking, keeping))  # type: ignore[return-value]


def unwalked(batch: pa.RecordBatch, presets: Iterable[Preset]) -> list[str]:
    """The ends of bounds that no text just breaks, or that none just does not break."""
    missing = []
    for preset in presets:
        found = verdicts(batch, preset)
        for bound, sign, limit in sides(preset):
            breaking, keeping = walkers(batch, found, bound, sign, limit)
            missing += [f"{preset.name}: no text just breaks {bound.signal} {sign} {limit:g}"] * (not breaking)
            missing += [f"{preset.name}: no text just keeps {bound.signal} {sign} {limit:g}"] * (not keeping)
    return missing
