"""From signals to verdicts, on whole columns. No text is read, so a changed bound costs seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.presets import Preset

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
50"."""

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


def decide(signals: pa.RecordBatch | pa.Table, presets: Sequence[Preset], language: LanguageRule | None = None) -> pa.RecordBatch:
    """The first broken rule per document: language, then the bounds of each preset in order.

    Args:
        signals: columns of `filters.signals.SCHEMA`, and with a language rule also `language` (string) and `language_score`
            (float32); any number of rows.
        presets: checked left to right.
        language: checked first; None: not at all. A document without language is removed.

    Returns:
        Columns of `DECISIONS`, as many rows as `signals`, in its order. NaN and null break no bound; values compare as float32.

    Raises:
        ValueError: a rule names a signal that `signals` lacks.
    """
    verdicts = _Verdicts(signals.num_rows)
    if language is not None and language.keep:
        scores = _numbers(signals, "language_score", "the language rule")
        known = {None: False} | dict.fromkeys(language.keep, True)
        encoded = _column(signals, "language", "the language rule").dictionary_encode()
        wanted = np.array([known.get(name, False) for name in encoded.dictionary.to_pylist()] + [False])
        is_wanted = wanted[encoded.indices.fill_null(len(wanted) - 1).to_numpy(zero_copy_only=False)]
        verdicts.remove(~is_wanted, scores, "language", f"in {', '.join(language.keep)}")
        verdicts.remove(~(scores >= np.float32(language.minimum)), scores, "language", f">= {language.minimum:g}")
    for preset in presets:
        for bound in preset.bounds:
            values = _numbers(signals, bound.signal, preset.name)
            rule = f"{preset.name} {bound.signal}"
            if bound.at_least is not None:
                verdicts.remove(values < np.float32(bound.at_least), values, rule, f">= {bound.at_least:.10g}")
            if bound.at_most is not None:
                verdicts.remove(values > np.float32(bound.at_most), values, rule, f"<= {bound.at_most:.10g}")
    return verdicts.batch()
