"""Stage 4, dedup: exact duplicates and verified near-duplicates among what filter kept, here and in earlier runs.

In:  filtered/part-K (who takes part), signals/part-K (digests, signature, what survivors are chosen by), documents/part-K (input, date);
     dedup/index/ of the runs that `dedup.against` names. Text is read only where `verify: exact`, `lines` or `passages` ask for it.
Out: decisions/part-K, row-aligned with documents: filter's verdict, or keep = false by 'exact duplicate', 'same words' or 'near duplicate'
     with the similarity to the survivor, or by 'repeated text' where `lines` and `passages` leave too little; cluster_id, survivor_id and
     cluster_size for every member of a cluster; the weight of what is kept.
     dedup/lines/ and dedup/passages/part-K, row-aligned: spans that are cut when text is read again.
     dedup/index/, which later runs are compared with; dedup/superseded.parquet, documents of earlier runs that would fall now.
Lost: nothing; a duplicate keeps its row.

Which member of a bucket the others are compared with, and which of a cluster survives, follows from the declared order and doc_id, never
from the order of the input, so neither workers nor files change an answer.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from filters.duplicates.weights import table_of, weights_of
from pipeline.config import Config
from pipeline.duplicates.candidates import PartUnit, check_survivor, describe_part, earlier_records, find_pairs
from pipeline.duplicates.clusters import RULES, cluster_columns, clusters_of, write_clusters
from pipeline.duplicates.earlier_runs import earlier_indexes, write_index
from pipeline.duplicates.exact import verify_exactly
from pipeline.duplicates.index import FOLDER, Part, Population
from pipeline.duplicates.likeness import NEAR
from pipeline.duplicates.repeats import RULE as REPEATED_TEXT
from pipeline.duplicates.repeats import find_repeats, repeats_files, shares_left
from pipeline.run import COST_OF_NUMBERS, Manifest, PartWriter, Run, Unit, digest
from pipeline.schema import DECISIONS
from pipeline.stage import Job, Stage

VERSION = 3
INDEX = "index"
# Folders within dedup/ that only the work itself needs.
SCRATCH = ("records", "edges", "labels", "members", "clusters", "superseded", "shingles", "survivors", "buckets")


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """A unit per part of filtered/, each dependent on every part since a duplicate may lie anywhere; and one for the index."""
    check_survivor(config)
    earlier = [[index.digest, xxhash.xxh3_128_hexdigest(index.forgotten().tobytes())] for index in earlier_indexes(run, config)]
    settings = [VERSION, config.dedup.model_dump(mode="json"), [source.name for source in config.sources], earlier]
    fingerprint = digest([settings, run.need("filter").outputs_digest(), run.need("extract").outputs_digest()])
    parts = run.need("filter").parts
    units: list[Unit] = []
    first = 0
    for key, output in run.outputs("filter", "filtered").items():
        kept = sum(counts["kept"] for counts in parts[key].counts["sources"].values())
        units.append(PartUnit(key=key, fingerprint=fingerprint, bytes=output["bytes"], first=first, kept=kept))
        first += kept
    return [*units, Unit(key=INDEX, fingerprint=fingerprint, bytes=0)]


def decide_unit(unit: PartUnit, run: Run, config: Config) -> None:
    """Write the decisions of one part."""
    verdicts = pq.read_table(run.part("filtered", unit.key))
    kept_rows = np.flatnonzero(verdicts["keep"].to_numpy())
    clustered = clusters_of(run, unit.first, unit.kept)
    row_of = np.full(verdicts.num_rows, -1, np.int64)
    row_of[kept_rows[clustered["ordinal"]]] = np.arange(len(clustered))
    mine = cluster_columns(clustered, row_of)
    duplicate = pc.fill_null(pc.invert(mine["survives"]), False)
    least = f">= {config.dedup.threshold:g}"
    # In a chain of small changes a document may be less similar to the survivor than to the member that it is removed for.
    near = pc.if_else(pc.less(mine["similarity"], np.float32(config.dedup.threshold)), f"{least} to another member", least)
    bound = pc.if_else(pc.equal(mine["rule"], RULES[NEAR]), near, "= 1")
    unique = pc.and_(verdicts["keep"], pc.invert(duplicate))
    left = pa.array(shares_left(run, unit.key, config), from_pandas=True)
    emptied = pc.and_(unique, pc.fill_null(pc.less(left, np.float32(config.dedup.least_left)), False))
    keep = pc.and_(unique, pc.invert(emptied))
    weights = weights_of(pc.fill_null(mine["cluster_size"], 1).to_numpy(), table_of(config.dedup.weights))
    columns = {
        "doc_id": verdicts["doc_id"],
        "keep": keep,
        "stage": pc.if_else(pc.or_(duplicate, emptied), "dedup", verdicts["stage"]),
        "rule": pc.if_else(duplicate, mine["rule"], pc.if_else(emptied, REPEATED_TEXT, verdicts["rule"])),
        "value": pc.if_else(duplicate, mine["similarity"], pc.if_else(emptied, left, verdicts["value"])),
        "bound": pc.if_else(duplicate, bound, pc.if_else(emptied, f">= {config.dedup.least_left:g}", verdicts["bound"])),
        "cluster_id": mine["cluster_id"],
        "survivor_id": mine["survivor_id"],
        "cluster_size": mine["cluster_size"],
        "weight": pc.if_else(keep, pa.array(weights), None),
    }
    table = pa.table([pc.cast(columns[field.name], field.type) for field in DECISIONS], schema=DECISIONS)
    with PartWriter(run.part("decisions", unit.key), DECISIONS) as writer:
        writer.write(table)
    index = [run.path(*FOLDER, f"part-{unit.key}.{name}.npy") for name in ("documents", "signatures")]
    outputs = [writer.path, *index, *repeats_files(run, unit.key, config)]
    run.give_receipt("dedup", unit, outputs, {"sources": _counts(unit, run, table)})


def _counts(unit: PartUnit, run: Run, decisions: pa.Table) -> dict[str, Any]:
    sizes = pq.read_table(run.part("signals", unit.key), columns=["bytes"])["bytes"]
    sources = pq.read_table(run.part("documents", unit.key), columns=["source"])["source"]
    table = pa.table({"source": sources, "bytes": sizes, "keep": decisions["keep"], "stage": decisions["stage"], "rule": decisions["rule"]})
    counts: dict[str, Any] = {}
    for row in table.group_by(["source", "keep", "stage", "rule"]).aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist():
        source = counts.setdefault(row["source"], {"documents": 0, "kept": 0, "kept_bytes": 0, "removed": {}})
        if row["keep"]:
            source["kept"] += row["bytes_count"]
            source["kept_bytes"] += row["bytes_sum"]
        if row["keep"] or row["stage"] == "dedup":
            source["documents"] += row["bytes_count"]
        if row["stage"] == "dedup":
            source["removed"][row["rule"]] = {"documents": row["bytes_count"], "bytes": row["bytes_sum"]}
    return counts


def check(run: Run, _config: Config, manifest: Manifest) -> None:
    """What filter kept = kept + removed by rule, per source."""
    filtered = run.need("filter").totals["sources"]
    for name, counts in manifest.totals.get("sources", {}).items():
        removed = sum(rule["documents"] for rule in counts["removed"].values())
        if not filtered[name]["kept"] == counts["documents"] == counts["kept"] + removed:
            raise ValueError(
                f"source {name!r} does not add up: {filtered[name]['kept']} kept by filter, "
                f"{counts['kept']} kept and {removed} removed by dedup; this is a fault of curate, please report it"
            )


def _summary(manifest: Manifest) -> str:
    sources = manifest.totals.get("sources", {}).values()
    kept, kept_bytes = sum(s["kept"] for s in sources), sum(s["kept_bytes"] for s in sources)
    removed: dict[str, int] = {}
    for source in sources:
        for rule, count in source["removed"].items():
            removed[rule] = removed.get(rule, 0) + count["documents"]
    told = ", ".join(f"{count:,} by {rule!r}" for rule, count in sorted(removed.items()))
    return f"{kept:,} documents kept ({kept_bytes / 1e6:,.1f} MB); removed {told or 'none'}"


def _work(job: Job) -> None:
    run, config = job.run, job.config
    units = [unit for unit in plan(run, config) if isinstance(unit, PartUnit)]
    for name in (*SCRATCH, INDEX):
        shutil.rmtree(run.path("dedup", name), ignore_errors=True)
    earlier = earlier_indexes(run, config)
    own = tuple(Part(str(run.path(*FOLDER)), unit.key, unit.kept) for unit in units)
    population = Population(earlier, own, anew=any(len(index.forgotten()) for index in earlier))
    records = run.path("dedup", "records")
    job.each(units, Describe(records, population.own_first), cost=COST_OF_NUMBERS)
    files = [records / f"part-{unit.key}.npy" for unit in units]
    if population.anew:
        files += [file for begin, index in zip(population.begins, earlier, strict=False) for file in earlier_records(index, begin, records)]
    find_pairs(files, run, config, population)
    if config.dedup.verify == "exact":
        verify_exactly(units, job, population)
    write_clusters(run, config.dedup, population, config.runner)
    find_repeats(units, job)
    job.each([unit for unit in job.units if isinstance(unit, PartUnit)], decide_unit, cost=COST_OF_NUMBERS)
    for unit in job.units:
        if unit.key == INDEX:
            _finish_index(unit, job, population)
    for name in SCRATCH:
        shutil.rmtree(run.path("dedup", name), ignore_errors=True)


class Describe:
    """`describe_part` as work on a unit."""

    def __init__(self, records: Path, own_first: int) -> None:
        self.records, self.own_first = records, own_first

    def __call__(self, unit: PartUnit, run: Run, config: Config) -> None:
        """Write the part's rows of the index and its records."""
        describe_part(unit, run, config, self.records, self.own_first)


def _finish_index(unit: Unit, job: Job, population: Population) -> None:
    """Close the index: its digest is of what its parts hold and of how their clusters came out."""
    run = job.run
    files = sorted(file for name in ("bands", "links", "survivors") for file in run.path(*FOLDER, name).glob("*.npy"))
    content = {path: output["sha256"] for receipt in job.receipts().values() for path, output in receipt.outputs.items()}
    description = write_index(run, job.config, population.own, population.earlier, content)
    run.give_receipt("dedup", unit, [description, *files, run.path("dedup", "superseded.parquet"), run.path("dedup", "buckets.json")], {})


DEDUP = Stage("dedup", ("decisions", "dedup/lines", "dedup/passages"), plan, _work, _summary, check)
