"""Verdicts of a part, made from signals/ alone: by the stage filter, and by what-if under other settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from filters.decide import decide, needed
from pipeline.config import Config
from pipeline.decisions.contamination import MATCHES_COLUMN, SHARE, frequent_ngrams, in_use, judged
from pipeline.decisions.rules import rules
from pipeline.run import Run
from pipeline.settings.sources import Source

# Extraction writes groups of 1,000 rows; decided one by one, a million documents take three times as long.
GROUPS_AT_ONCE = 64


def source_of(run: Run, key: str, config: Config) -> Source | None:
    """The source of a part's documents, of which all are one: its unit was. None where the part has no document.

    Raises:
        ValueError: the configuration has no such source.
    """
    with pq.ParquetFile(run.part("documents", key)) as file:
        if not file.metadata.num_rows:
            return None
        name = next(file.iter_batches(batch_size=1, row_groups=[0], columns=["source"]))["source"][0].as_py()
    by_name = {source.name: source for source in config.sources}
    if name not in by_name:
        raise ValueError(f"{str(run.directory)!r} holds documents of source {name!r}, which the configuration lacks; extract anew")
    return by_name[name]


def verdicts(run: Run, key: str, source: Source, config: Config, further: Iterable[str] = ()) -> Iterator[tuple[pa.Table, pa.RecordBatch]]:
    """Signals and verdicts of a part's documents, row for row, up to 64 row groups at a time.

    Args:
        run: where signals/ lies.
        key: of the part.
        source: of its documents.
        config: says which rules are in force.
        further: columns of signals/ to read beside those that the rules need.

    Yields:
        Columns of signals/, and columns of `filters.decide.DECISIONS`.

    Raises:
        ValueError: a rule asks for a signal that was not measured.
    """
    in_force = rules(source, config)
    frequent = frequent_ngrams(run, config) if in_use(config) else None
    with pq.ParquetFile(run.part("signals", key)) as file:
        present = file.schema_arrow.names
        columns = sorted(
            {name for name in (*needed(*in_force), *further, *([] if frequent is None else [MATCHES_COLUMN])) if name in present}
        )
        for groups in _batched(range(file.num_row_groups), GROUPS_AT_ONCE):
            signals = file.read_row_groups(groups, columns=columns)
            if frequent is not None:
                signals = signals.append_column(SHARE, pa.array(judged(signals, frequent, config).share))
            yield signals, decide(signals, *in_force)


def _batched(items: Sequence[int], most: int) -> Iterator[list[int]]:
    for begin in range(0, len(items), most):
        yield list(items[begin : begin + most])
