"""Stage 4, dedup: exact duplicates and verified near-duplicates among what filter kept.

In:  filtered/part-K (who takes part) and signals/part-K (digest, signature, length). Text is not read.
Out: decisions/part-K, row-aligned with documents: filter's verdict, or keep = false by 'exact duplicate' or 'near duplicate' with the
     similarity to the survivor; cluster_id, survivor_id and cluster_size for every member of a cluster.
Lost: nothing; a duplicate keeps its row.

Only (hash, identity, ordinal) columns are shuffled, one bytes value per part and partition. Which member of a bucket is its centre
follows from doc_id and digest, never from the order of the input, so neither workers nor files change an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.duplicates.components import choose_survivors, components
from filters.duplicates.neighbours import band_keys, star_edges
from filters.duplicates.signature import estimate, has_words
from filters.duplicates.weights import table_of, weights_of
from pipeline.config import Config
from pipeline.run import COST_OF_NUMBERS, Manifest, PartWriter, Run, Unit, digest, partial, publish
from pipeline.runners import Told, run_job
from pipeline.schema import DECISIONS
from pipeline.stage import Job, Stage

VERSION = 2
RECORD = np.dtype([("key", "<u8"), ("identity", "<u8"), ("ordinal", "<i8")])
CLUSTERS = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("cluster_id", pa.binary(16)),
        ("survivor_id", pa.binary(16)),
        ("survives", pa.bool_()),
        ("exact", pa.bool_()),
        ("similarity", pa.float32()),
        ("size", pa.int32()),
    ]
)
VERIFY_EDGES = 1 << 16  # 65,536 pairs of 448-byte signatures: 59 MB at a time
PARTITIONS = 16
Ordinals = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PartUnit(Unit):
    """A part with the ordinal of its first document: documents are numbered through the parts in order of their keys."""

    first: int


def plan(run: Run, config: Config) -> Sequence[PartUnit]:
    """A unit per part of filtered/; each depends on every part, since a duplicate may lie anywhere."""
    filtered = run.outputs("filter", "filtered")
    everything = digest(
        [VERSION, config.dedup.model_dump(mode="json"), run.need("filter").outputs_digest(), run.need("extract").outputs_digest()]
    )
    parts = run.need("filter").parts
    units, first = [], 0
    for key, output in filtered.items():
        units.append(PartUnit(key=key, fingerprint=everything, bytes=output["bytes"], first=first))
        first += sum(counts["documents"] for counts in parts[key].counts["sources"].values())
    return units


def candidate_columns(unit: PartUnit, run: Run, config: Config) -> npt.NDArray[np.void]:
    """Records of a part: one per band of each kept document, and one for its digest."""
    dedup = config.dedup
    kept, signals = _kept_signals(unit, run, ["doc_id", "digest", "signature"])
    ordinals = unit.first + np.flatnonzero(kept)
    identity, digests = _identity(signals), _halves(signals["digest"])
    columns = []
    if dedup.exact:
        # Bands hash into the same space; a digest that meets a band's key is told apart when the pair is verified.
        columns.append(_records(digests[:, 0], identity, ordinals))
    if dedup.near:
        minima = _minima(signals["signature"], dedup.bands * dedup.rows)
        with_words = has_words(minima)
        keys = band_keys(minima[with_words], dedup.bands, dedup.rows)
        columns += [_records(keys[:, band], identity[with_words], ordinals[with_words]) for band in range(dedup.bands)]
    return np.concatenate(columns) if columns else np.empty(0, RECORD)


def partition(unit: PartUnit, run: Run, config: Config) -> list[tuple[int, bytes]]:
    """A part's records by partition of the hash space, packed."""
    records = candidate_columns(unit, run, config)
    places = records["key"] % np.uint64(PARTITIONS)
    order = np.argsort(places, kind="stable")
    borders = np.searchsorted(places[order], np.arange(PARTITIONS + 1))
    return [
        (place, records[order[borders[place] : borders[place + 1]]].tobytes())
        for place in range(PARTITIONS)
        if borders[place] < borders[place + 1]
    ]


def write_edges(packed: tuple[int, Iterable[bytes]], run: Run) -> None:
    """Star edges of one partition to `dedup/edges/`, pairs of ordinals, sorted."""
    place, blobs = packed
    records = np.concatenate([np.frombuffer(blob, RECORD) for blob in blobs])
    stars = star_edges(records["key"].copy(), records["identity"].copy(), records["ordinal"].copy())
    path = run.path("dedup", "edges", f"{place:05d}.npy")
    with partial(path).open("wb") as file:
        np.save(file, stars.edges)
    publish(partial(path), path)


class Candidates(beam.PTransform):  # type: ignore[misc]
    """Parts to files of candidate pairs, through one shuffle of packed columns."""

    def __init__(self, units: Sequence[PartUnit], run: Run, config: Config) -> None:
        super().__init__()
        self.units, self.run, self.config = units, run, config

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        """One element per part, then one per partition."""
        return (
            pipeline
            | "dedup parts" >> beam.Create(list(self.units))
            | "records by partition" >> beam.FlatMap(Told(partition, (self.run, self.config)))
            | "gather partitions" >> beam.GroupByKey()
            | "star edges" >> beam.Map(Told(write_edges, (self.run,)))
        )


def resolve(units: Sequence[PartUnit], run: Run, config: Config) -> pa.Table:
    """Verified pairs to clusters and survivors: a row of `CLUSTERS` for every member of a cluster, by ordinal."""
    files = sorted(run.path("dedup", "edges").glob("*.npy"))
    edges = np.unique(np.concatenate([np.empty((0, 2), np.int64), *(np.load(file) for file in files)]), axis=0)
    members = np.unique(edges)
    signals = _signals_of(members, units, run)
    edges = np.searchsorted(members, edges)  # from here on, places in `members`
    digests, minima = _halves(signals["digest"]), _minima(signals["signature"], config.dedup.bands * config.dedup.rows)
    similarity = np.empty(len(edges), np.float32)
    for start in range(0, len(edges), VERIFY_EDGES):
        pairs = edges[start : start + VERIFY_EDGES]
        similarity[start : start + VERIFY_EDGES] = _similarity(pairs, digests, minima, near=config.dedup.near)
    edges = edges[similarity >= config.dedup.threshold] if config.dedup.near else edges[similarity == 1]
    labels = components(edges, len(members))
    survivors = choose_survivors(labels, signals["bytes"].to_numpy(), _order_of_ids(signals))
    sizes = np.bincount(labels, minlength=len(members))[labels] if len(members) else labels
    clustered = np.flatnonzero(sizes > 1)
    ids = signals["doc_id"].combine_chunks()
    pairs = np.stack([clustered, survivors[clustered]], axis=1)
    exact = (digests[pairs[:, 0]] == digests[pairs[:, 1]]).all(axis=1)
    smallest = _smallest_ids(labels, signals["doc_id"].to_pylist())
    columns = [
        members[clustered],
        pa.array([smallest[label] for label in labels[clustered]], pa.binary(16)),
        ids.take(pa.array(survivors[clustered])),
        clustered == survivors[clustered],
        exact,
        _similarity(pairs, digests, minima, near=config.dedup.near),
        sizes[clustered].astype(np.int32),
    ]
    return pa.table(columns, schema=CLUSTERS)


def decide_unit(unit: PartUnit, run: Run, config: Config) -> None:
    """Write the decisions of one part."""
    verdicts = pq.read_table(run.part("filtered", unit.key))
    rows = verdicts.num_rows
    clusters = pq.read_table(run.path("dedup", "clusters.parquet"))
    ordinals = clusters["ordinal"].to_numpy()
    begin, end = np.searchsorted(ordinals, [unit.first, unit.first + rows])
    clusters = clusters.slice(begin, end - begin)
    places = ordinals[begin:end] - unit.first
    row_of = np.full(rows, -1, np.int64)
    row_of[places] = np.arange(len(places))
    indices = pa.array(row_of, mask=row_of < 0)
    mine = clusters.take(indices)
    duplicate = pc.fill_null(pc.invert(mine["survives"]), False)
    exact = pc.fill_null(mine["exact"], False)
    rule = pc.if_else(exact, "exact duplicate", "near duplicate")
    keep = pc.and_(verdicts["keep"], pc.invert(duplicate))
    weights = weights_of(pc.fill_null(mine["size"], 1).to_numpy(), table_of(config.dedup.weights))
    columns = {
        "doc_id": verdicts["doc_id"],
        "keep": keep,
        "stage": pc.if_else(duplicate, "dedup", verdicts["stage"]),
        "rule": pc.if_else(duplicate, rule, verdicts["rule"]),
        "value": pc.if_else(duplicate, mine["similarity"], verdicts["value"]),
        "bound": pc.if_else(duplicate, pc.if_else(exact, "= 1", f">= {config.dedup.threshold:g}"), verdicts["bound"]),
        "cluster_id": mine["cluster_id"],
        "survivor_id": mine["survivor_id"],
        "cluster_size": mine["size"],
        "weight": pc.if_else(keep, pa.array(weights), None),
    }
    table = pa.table([pc.cast(columns[field.name], field.type) for field in DECISIONS], schema=DECISIONS)
    with PartWriter(run.part("decisions", unit.key), DECISIONS) as writer:
        writer.write(table)
    run.give_receipt("dedup", unit, [writer.path], {"sources": _counts(unit, run, table)})


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
    """What filter kept = kept + exact duplicates + near duplicates, per source."""
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
    kept = sum(s["kept"] for s in sources)
    removed = [
        sum(s["removed"].get(rule, {"documents": 0})["documents"] for s in sources) for rule in ("exact duplicate", "near duplicate")
    ]
    kept_bytes = sum(s["kept_bytes"] for s in sources)
    return f"{kept:,} documents kept ({kept_bytes / 1e6:,.1f} MB); {removed[0]:,} exact and {removed[1]:,} near duplicates"


def _work(job: Job) -> None:
    units = plan(job.run, job.config)
    edges = job.run.path("dedup", "edges")
    edges.mkdir(exist_ok=True)
    for file in edges.glob("*"):
        file.unlink()
    run_job(job.config.runner, lambda pipeline: pipeline | "dedup" >> Candidates(units, job.run, job.config), units, COST_OF_NUMBERS)
    with PartWriter(job.run.path("dedup", "clusters.parquet"), CLUSTERS) as writer:
        writer.write(resolve(units, job.run, job.config))
    job.each(job.units, decide_unit, cost=COST_OF_NUMBERS)


def _kept_signals(unit: PartUnit, run: Run, columns: list[str]) -> tuple[npt.NDArray[np.bool_], pa.Table]:
    keep = pq.read_table(run.part("filtered", unit.key), columns=["keep"])["keep"]
    return keep.to_numpy().astype(bool), pq.read_table(run.part("signals", unit.key), columns=columns).filter(keep)


def _signals_of(ordinals: Ordinals, units: Sequence[PartUnit], run: Run) -> pa.Table:
    """Signals of some documents, by sorted ordinal; only parts that hold one are read."""
    columns = ["doc_id", "digest", "bytes", "signature"]
    borders = np.searchsorted(ordinals, [*(unit.first for unit in units), np.iinfo(np.int64).max])
    tables = [
        pq.read_table(run.part("signals", unit.key), columns=columns).take(pa.array(ordinals[begin:end] - unit.first))
        for unit, begin, end in zip(units, borders, borders[1:], strict=False)
        if begin < end or unit is units[0]
    ]
    return pa.concat_tables(tables)


def _records(keys: npt.NDArray[np.uint64], identity: npt.NDArray[np.uint64], ordinals: Ordinals) -> npt.NDArray[np.void]:
    records = np.empty(len(keys), RECORD)
    records["key"], records["identity"], records["ordinal"] = keys, identity, ordinals
    return records


def _halves(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Fixed 16-byte values as uint64 [n, 2]."""
    return np.frombuffer(b"".join(column.to_pylist()), "<u8").reshape(-1, 2)


def _identity(signals: pa.Table) -> npt.NDArray[np.uint64]:
    """uint64 [n] of doc_id and digest, so that only identical documents tie."""
    ids, digests = _halves(signals["doc_id"]), _halves(signals["digest"])
    mixed: npt.NDArray[np.uint64] = ids[:, 0] ^ (digests[:, 0] * np.uint64(0x9E3779B97F4A7C15))
    return mixed


def _order_of_ids(signals: pa.Table) -> npt.NDArray[np.uint64]:
    """uint64 [n, 4] that sort as (doc_id, digest) do."""
    return np.column_stack([_halves(signals[name]).byteswap() for name in ("doc_id", "digest")])


def _minima(column: pa.ChunkedArray, permutations: int) -> npt.NDArray[np.uint32]:
    return np.frombuffer(b"".join(column.to_pylist()), "<u4").reshape(-1, permutations)


def _similarity(pairs: Ordinals, digests: npt.NDArray[np.uint64], minima: npt.NDArray[np.uint32], *, near: bool) -> npt.NDArray[np.float32]:
    """float32 [pairs]: 1 for equal texts, else the Jaccard similarity by signature (0 where near is off or a text has no word)."""
    first, second = pairs[:, 0], pairs[:, 1]
    estimated = estimate(minima[first], minima[second]) if near else np.zeros(len(pairs), np.float32)
    # An estimate of 1 is not equality: below 1, so that 1 means equal texts.
    estimated = np.minimum(estimated, 0.9999)
    same = (digests[first] == digests[second]).all(axis=1)
    return np.where(same, 1, estimated).astype(np.float32)


def _smallest_ids(labels: Ordinals, ids: list[bytes]) -> dict[int, bytes]:
    smallest: dict[int, bytes] = {}
    for label, document in zip(labels.tolist(), ids, strict=True):
        smallest[label] = min(document, smallest.get(label, document))
    return smallest


DEDUP = Stage("dedup", ("decisions",), plan, _work, _summary, check)
