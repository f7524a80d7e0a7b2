"""Repeated lines and passages of the documents that dedup leaves: who takes part, and what is left of each text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from filters.duplicates.survivors import LAST
from pipeline.config import Config
from pipeline.duplicates.candidates import PartUnit
from pipeline.duplicates.clusters import clusters_of
from pipeline.duplicates.index import FOLDER, Part, part_file
from pipeline.duplicates.repeated_lines import find_repeated_lines
from pipeline.duplicates.repeated_passages import find_repeated_passages
from pipeline.exchange import mapped, save_array
from pipeline.kept import repeats_wanted, united
from pipeline.run import COST_OF_NUMBERS, Run
from pipeline.stage import Job

RULE = "repeated text"


def find_repeats(units: Sequence[PartUnit], job: Job) -> None:
    """Write the spans of repeated lines and passages of every part, among what is no duplicate."""
    run, config, wanted = job.run, job.config, repeats_wanted(job.config)
    if wanted:
        job.each(units, write_survivors, cost=COST_OF_NUMBERS)
    if "lines" in wanted:
        find_repeated_lines(units, run, config)
    if "passages" in wanted:
        find_repeated_passages(units, run, config, survival_order)


def write_survivors(unit: PartUnit, run: Run, _config: Config) -> None:
    """Write which rows of a part are kept so far."""
    survives = pq.read_table(run.part("filtered", unit.key), columns=["keep"])["keep"].to_numpy().astype(np.bool_)
    clustered = clusters_of(run, unit.first, unit.kept)
    survives[np.flatnonzero(survives)[clustered["ordinal"][~clustered["survives"]]]] = False
    save_array(run.path("dedup", "survivors", f"part-{unit.key}.npy"), survives)


def survival_order(run: Run, key: str) -> npt.NDArray[np.uint64]:
    """uint64 [rows, columns] that sort the rows of a part as they survive; those that filter removed are last."""
    keep = pq.read_table(run.part("filtered", key), columns=["keep"])["keep"].to_numpy().astype(np.bool_)
    documents = mapped(part_file(Part(str(run.path(*FOLDER)), key, int(keep.sum())), "documents"))
    columns = np.concatenate([documents["rank"], documents["doc_id"], documents["digest"]], axis=1)
    order = np.full((len(keep), columns.shape[1]), LAST)
    order[keep] = columns
    return order


def repeats_files(run: Run, key: str, config: Config) -> list[Path]:
    """Files of spans of a part."""
    return [run.part(f"dedup/{name}", key) for name in repeats_wanted(config)]


def shares_left(run: Run, key: str, config: Config) -> npt.NDArray[np.float32]:
    """float32 [rows]: how much of each text lines and passages leave; NaN of a text that nothing is cut from."""
    tables = [pq.read_table(file) for file in repeats_files(run, key, config)]
    left = np.full(pq.read_metadata(run.part("documents", key)).num_rows, np.nan, np.float32)
    spans = [table.column(0).combine_chunks() for table in tables]
    cut = [np.asarray(column.is_valid()) for column in spans]
    for table, is_cut in zip(tables, cut, strict=True):
        left[is_cut] = table["left"].to_numpy()[is_cut]
    both = np.flatnonzero(np.logical_and.reduce(cut)) if len(cut) > 1 else np.empty(0, np.int64)
    if len(both):
        sizes = pq.read_table(run.part("signals", key), columns=["bytes"])["bytes"].to_numpy()
        for row in both:
            flat = united(column[row].as_py() for column in spans)
            left[row] = 1 - (sum(flat[1::2]) - sum(flat[::2])) / sizes[row]
    return left
