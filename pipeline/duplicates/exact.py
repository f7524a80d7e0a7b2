"""Verification by the texts themselves: exact Jaccard similarity of the shingles of each pair that passed by its signatures.

Only texts that are in such a pair are read, once. Their shingles lie on disk until the clusters are known, 8 bytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.duplicates.shingles import shingle_sets
from pipeline.config import Config
from pipeline.duplicates.candidates import PartUnit, read_edges
from pipeline.duplicates.index import Population
from pipeline.duplicates.likeness import Likeness, shingles_file
from pipeline.exchange import mapped, save_array
from pipeline.run import Run, Unit
from pipeline.stage import Job

FOLDER = ("dedup", "shingles")


@dataclass(frozen=True, kw_only=True)
class EdgesUnit(Unit):
    """A file of pairs."""

    path: Path


def verify_exactly(units: Sequence[PartUnit], job: Job, population: Population) -> None:
    """Leave in `dedup/edges/` the pairs whose exact similarity is `dedup.threshold` or more, and those of equal words."""
    files = read_edges(job.run)
    wanted = np.unique(np.concatenate([np.empty(0, np.int64), *(np.unique(mapped(file)) for file in files)]))
    save_array(job.run.path(*FOLDER, "wanted.npy"), wanted)
    job.each(units, write_shingles)
    edges = [EdgesUnit(key=file.stem, fingerprint="", bytes=file.stat().st_size, path=file) for file in files]
    job.each(edges, Compare(population))


def write_shingles(unit: PartUnit, run: Run, config: Config) -> None:
    """Write the shingles of the documents of a part that are in a pair."""
    wanted = mapped(run.path(*FOLDER, "wanted.npy"))
    wanted = wanted[slice(*np.searchsorted(wanted, [unit.first, unit.first + unit.kept]))]
    keep = pq.read_table(run.part("filtered", unit.key), columns=["keep"])["keep"].to_numpy()
    rows = np.flatnonzero(keep)[wanted - unit.first]
    sets, lengths = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    first = 0
    with pq.ParquetFile(run.part("documents", unit.key)) as documents:
        for group in range(documents.num_row_groups):
            count = documents.metadata.row_group(group).num_rows
            mine = rows[slice(*np.searchsorted(rows, [first, first + count]))] - first
            if len(mine):
                texts = documents.read_row_group(group, columns=["text"])["text"].combine_chunks().take(pa.array(mine))
                values, ends = shingle_sets(texts, config.dedup.ngram)
                sets.append(values)
                lengths.append(np.diff(ends))
            first += count
    folder = run.path(*FOLDER)
    save_array(shingles_file(folder, unit.key, "sets"), np.concatenate(sets))
    save_array(shingles_file(folder, unit.key, "ends"), np.cumsum(np.concatenate(lengths)))
    save_array(shingles_file(folder, unit.key, "whose"), np.array(wanted))


@dataclass(frozen=True)
class Compare:
    """Drops the pairs of one file that are not similar enough."""

    population: Population

    def __call__(self, edges: EdgesUnit, run: Run, config: Config) -> None:
        """Rewrite the file."""
        pairs = np.load(edges.path, allow_pickle=False)
        nodes, places = np.unique(pairs, return_inverse=True)
        likeness = Likeness(nodes, self.population, config.dedup, run.path(*FOLDER))
        save_array(edges.path, pairs[likeness.similar(places.reshape(pairs.shape))])
