"""From signals to verdicts, on whole columns. No text is read, so a changed bound costs seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.presets import Bound, Preset
from filters.presets.changes import is_no_bound

DECISIONS: pa.Schema = pa.schema(
    [
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("stage", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("value", pa.float32()),
        pa.field("bound", pa.string()),
    ]
)
"""One row per document. All but `keep` are null where the document is kept; `rule` is "gopher@2021 words" or "language", `bound` is ">=
50": the bound in force for that row, whatever the preset says by itself."""

STAGE = "filter"


@dataclass(frozen=True, slots=True)
class LanguageRule:
    """Keep documents whose language is one of `keep`, at a score of at least `minimum`. An empty `keep` keeps every document."""

    keep: tuple[str, ...]
    minimum: float


class _Verdicts:
    """The first broken bound of each row, as rules are tried in order."""

    def __init__(self, rows: int):
        self.rule = np.full(rows, -1, np.int32)
        self.value = np.zeros(rows, np.float32)
        self.rules: list[str] = []
        self.bounds: list[str] = []

    def remove(self, broken: npt.NDArray[np.bool_], values: npt.NDArray[np.float32], rule: str, bound: str) -> None:
        """Remove the rows that are `broken` and not removed before."""
        rows = np.flatnonzero(broken & (self.rule < 0))
        self.rule[rows] = len(self.rules)
        self.value[rows] = values[rows]
        self.rules.append(rule)
        self.bounds.append(bound)

    def batch(self) -> pa.RecordBatch:
        kept = self.rule < 0
        numbers = pa.array(self.rule, mask=kept)
        stage = pa.array(np.zeros(len(kept), np.int32), mask=kept)
        columns = [
            pa.array(kept),
            pa.array([STAGE], pa.string()).take(stage),
            pa.array(self.rules, pa.string()).take(numbers),
            pa.array(self.value, mask=kept),
            pa.array(self.bounds, pa.string()).take(numbers),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=DECISIONS)


def _column(signals: pa.RecordBatch | pa.Table, name: str, needed_by: str) -> pa.Array:
    if name not in signals.schema.names:
        raise ValueError(f"{needed_by} needs the signal {name!r}, which these signals lack; extract them anew")
    column = signals.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numbers(signals: pa.RecordBatch | pa.Table, name: str, needed_by: str) -> npt.NDArray[np.float32]:
    """A column as float32 [rows]; null is NaN."""
    column = _column(signals, name, needed_by)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float32)


def signals_of(preset: Preset) -> set[str]:
    """Signals that a preset bounds, for all documents or those of a language."""
    return {bound.signal for bounds in (preset.bounds, *preset.languages.values()) for bound in bounds}


def bounds_of(preset: Preset, language: str | None) -> list[Bound]:
    """The bounds that a document of a language has to keep, in the order in which they are checked."""
    chosen = [special.get(language, general) if language else general for _, general, special in _by_signal(preset)]
    return [bound for bound in chosen if bound is not None and not is_no_bound(bound)]


def needed(presets: Sequence[Preset], language: LanguageRule | None = None) -> list[str]:
    """Columns of signals/ that `decide` reads for these rules, sorted."""
    names = set[str]().union(*map(signals_of, presets))
    names |= {"language", "language_score"} if language is not None and language.keep else set()
    return sorted(names | ({"language"} if any(preset.languages for preset in presets) else set()))


def decide(signals: pa.RecordBatch | pa.Table, presets: Sequence[Preset], language: LanguageRule | None = None) -> pa.RecordBatch:
    """The first broken rule per document: language, then the bounds of each preset in order.

    Args:
        signals: float32 columns, one per signal that a bound names, such as those of `filters.statistics.measure.SCHEMA`; with a language
        rule or
            bounds for a language also `language` (string), with a language rule `language_score` (float32). Any number of rows.
        presets: checked left to right; a bound for a document's language is checked in place of that of the same signal.
        language: checked first; None: not at all. A document without language is removed.

    Returns:
        Columns of `DECISIONS`, as many rows as `signals`, in its order. NaN and null break no bound; values compare as float32.

    Raises:
        ValueError: a rule names a signal that `signals` lacks.
    """
    verdicts = _Verdicts(signals.num_rows)
    languages = _Languages(signals)
    if language is not None and language.keep:
        scores = _numbers(signals, "language_score", "the language rule")
        verdicts.remove(~languages.among(language.keep, "the language rule"), scores, "language", f"in {', '.join(language.keep)}")
        verdicts.remove(~(scores >= np.float32(language.minimum)), scores, "language", f">= {language.minimum:g}")
    for preset in presets:
        for signal, general, special in _by_signal(preset):
            values = _numbers(signals, signal, preset.name)
            rule = f"{preset.name} {signal}"
            if general is not None:
                others = ~languages.among(special, preset.name) if special else None
                _check(verdicts, values, general, rule, others)
            for code, bound in special.items():
                rows = languages.among([code], preset.name)
                if rows.any():  # a preset for code has bounds for twenty languages, a part few of them
                    _check(verdicts, values, bound, rule, rows)
    return verdicts.batch()


class _Languages:
    """The `language` column, encoded once, when a rule first asks."""

    def __init__(self, signals: pa.RecordBatch | pa.Table):
        self.signals = signals
        self.known: list[str | None] | None = None
        self.codes: npt.NDArray[np.int32] = np.zeros(0, np.int32)

    def among(self, languages: Iterable[str], needed_by: str) -> npt.NDArray[np.bool_]:
        """Bool [rows]: documents in one of these; one without language is in none."""
        if self.known is None:
            encoded = _column(self.signals, "language", needed_by).dictionary_encode()
            self.known = [*encoded.dictionary.to_pylist(), None]
            self.codes = encoded.indices.fill_null(len(self.known) - 1).to_numpy(zero_copy_only=False)
        wanted = set(languages)
        chosen: npt.NDArray[np.bool_] = np.array([name is not None and name in wanted for name in self.known])[self.codes]
        return chosen


def _by_signal(preset: Preset) -> Iterator[tuple[str, Bound | None, dict[str, Bound]]]:
    """Each signal of a preset in the order in which it is checked: its bound for all, and those for languages that stand in its place."""
    special: dict[str, dict[str, Bound]] = {}
    for code, bounds in preset.languages.items():
        for bound in bounds:
            special.setdefault(bound.signal, {})[code] = bound
    for bound in preset.bounds:
        yield bound.signal, bound, special.pop(bound.signal, {})
    for signal, bounds_of in special.items():
        yield signal, None, bounds_of


def _check(verdicts: _Verdicts, values: npt.NDArray[np.float32], bound: Bound, rule: str, rows: npt.NDArray[np.bool_] | None) -> None:
    """Remove the rows, among those asked about (None: all), whose value lies outside the bound."""
    for limit, sign, outside in ((bound.at_least, ">=", np.less), (bound.at_most, "<=", np.greater)):
        if limit is not None:
            broken = outside(values, np.float32(limit))
            verdicts.remove(broken if rows is None else broken & rows, values, rule, f"{sign} {limit:.10g}")
