"""From verified pairs to clusters: who belongs together, who of them survives, and how alike the others are to that one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.duplicates.digests import as_bytes
from filters.duplicates.neighbours import groups, verified_stars
from filters.duplicates.survivors import choose_survivors, precedence
from pipeline.duplicates.candidates import read_edges
from pipeline.duplicates.connected import FACTOR, connected
from pipeline.duplicates.index import FOLDER, LINK, SURVIVOR, Ordinals, Population
from pipeline.duplicates.likeness import NEAR, SAME_TEXT, SAME_WORDS, Likeness
from pipeline.exchange import Place, bisected, exchange, mapped, save_array, write_records
from pipeline.run import PartWriter, Run
from pipeline.schema import DOCUMENT_ID
from pipeline.settings.dedup import Dedup
from pipeline.settings.stages import Runner

MEMBER = np.dtype([("key", "<u8"), ("label", "<i8"), ("node", "<i8")])
CLUSTERED = np.dtype(
    [
        ("ordinal", "<i8"),  # among the run's own documents
        ("cluster", "<u8", (2,)),
        ("survivor", "<u8", (2,)),
        ("survives", "?"),
        ("kind", "u1"),  # how it is like the survivor
        ("similarity", "<f4"),
        ("size", "<i4"),
    ]
)
FALLEN = np.dtype([("age", "<i4"), ("doc_id", "<u8", (2,)), ("survivor", "<u8", (2,))])
SUPERSEDED = pa.schema([("run", pa.string()), ("doc_id", DOCUMENT_ID), ("survivor_id", DOCUMENT_ID)])
RULES = {SAME_TEXT: "exact duplicate", SAME_WORDS: "same words", NEAR: "near duplicate"}
MOST_SURVIVORS = 256
"""Of a cluster that members are compared with; what is similar to none of them survives, too."""


def write_clusters(run: Run, dedup: Dedup, population: Population, runner: Runner) -> None:
    """`CLUSTERED` rows of every document of the run that is in a cluster to `dedup/clusters/`, and what later runs need to the index.

    Earlier documents that had survived and would not any more, because a document of this run joins their clusters, are told in
    `dedup/superseded.parquet`.
    """
    files = []
    for number, file in enumerate(connected(read_edges(run), run.path("dedup", "labels"), runner)):
        labels = mapped(file)
        members = np.empty(len(labels), MEMBER)
        members["label"], members["node"] = labels["label"], labels["node"]
        members["key"] = labels["label"].astype(np.uint64) * np.uint64(FACTOR)
        files.append(run.path("dedup", "members", f"{number:05d}.npy"))
        write_records(files[-1], members)
    exchange("clusters", files, clusters_of_place, (run, dedup, population), runner)
    names = [index.name for index in population.earlier]
    pieces = [np.load(file, allow_pickle=False) for file in sorted(run.path("dedup", "superseded").glob("*.npy"))]
    rows = np.concatenate([np.empty(0, FALLEN), *pieces])
    rows = rows[np.lexsort((rows["doc_id"][:, 1], rows["doc_id"][:, 0], rows["age"]))]
    ids = [as_bytes(np.ascontiguousarray(rows[name])) for name in ("doc_id", "survivor")]
    with PartWriter(run.path("dedup", "superseded.parquet"), SUPERSEDED) as writer:
        writer.write(pa.table([pa.array([names[age] for age in rows["age"].tolist()], pa.string()), *ids], schema=SUPERSEDED))


def clusters_of_place(placed: tuple[Place, npt.NDArray[np.void]], run: Run, dedup: Dedup, population: Population) -> None:
    """What `write_clusters` does of the clusters of one place of the hash space."""
    place, members = placed
    name = f"{place.number:05d}-of-{place.count:05d}.npy"
    nodes, labels = np.ascontiguousarray(members["node"]), np.ascontiguousarray(members["label"])
    known = population.links(nodes)
    stood = known["survivor"] == nodes
    if population.anew:
        known["survivor"], known["size"], known["cluster"] = nodes, 1, population.documents(nodes)["doc_id"]
    elif dedup.similar_to == "survivor":
        nodes, labels, known, stood = _with_further_survivors(nodes, labels, known, stood, population)
    order = np.lexsort((nodes, labels))
    nodes, labels, known, stood = nodes[order], labels[order], known[order], stood[order]
    likeness = Likeness(nodes, population, dedup, run.path("dedup", "shingles") if dedup.verify == "exact" else None)
    places = precedence(population.order(nodes, likeness.documents))
    first = choose_survivors(labels, places)
    survivors = first if dedup.similar_to == "member" else _similar_survivors(labels, places, likeness, population)
    sizes, smallest = _of_each(labels, known["size"], known["cluster"])
    stands = survivors == np.arange(len(nodes))

    links = np.empty(len(nodes), LINK)
    links["node"], links["survivor"], links["size"], links["cluster"] = nodes, nodes[first], sizes, smallest
    save_array(run.path(*FOLDER, "links", name), links[np.argsort(nodes)])
    if dedup.similar_to == "survivor":
        all_survivors = np.empty(int(stands.sum()), SURVIVOR)
        all_survivors["first"], all_survivors["survivor"] = nodes[first][stands], nodes[stands]
        save_array(run.path(*FOLDER, "survivors", name), np.sort(all_survivors))

    if dedup.similar_to == "survivor":  # each survivor and what it stands for is a cluster
        sizes, smallest = _of_each(survivors, np.ones(len(nodes), np.int64), likeness.documents["doc_id"])
    own = np.flatnonzero((nodes >= population.own_first) & (sizes > 1))
    pairs = np.stack([own, survivors[own]], axis=1)
    rows = np.zeros(len(own), CLUSTERED)
    rows["ordinal"] = nodes[own] - population.own_first
    rows["cluster"], rows["survivor"] = smallest[own], likeness.documents["doc_id"][survivors[own]]
    rows["survives"] = stands[own]
    rows["kind"] = likeness.kinds(pairs)
    # A similarity of 1 is not equality (nor are equal shingles): below 1, so that 1 means equal words.
    rows["similarity"] = np.where(rows["kind"] == NEAR, np.minimum(likeness.similarities(pairs), np.float32(0.9999)), 1)
    rows["size"] = np.minimum(sizes[own], np.iinfo(np.int32).max)
    save_array(run.path("dedup", "clusters", name), rows[np.argsort(rows["ordinal"])])

    fallen = np.flatnonzero((nodes < population.own_first) & stood & ~stands)
    told = np.zeros(len(fallen), FALLEN)
    told["age"] = population.ages(nodes[fallen])
    told["doc_id"], told["survivor"] = likeness.documents["doc_id"][fallen], likeness.documents["doc_id"][survivors[fallen]]
    if len(told):
        save_array(run.path("dedup", "superseded", name), told)


def _with_further_survivors(
    nodes: Ordinals, labels: Ordinals, known: npt.NDArray[np.void], stood: npt.NDArray[np.bool_], population: Population
) -> tuple[Ordinals, Ordinals, npt.NDArray[np.void], npt.NDArray[np.bool_]]:
    """The same and, beside the first survivor of an earlier cluster, its others; they add nothing to its size."""
    places, further = population.further_survivors(nodes)
    others = known[places]
    others["node"], others["size"] = further, 0
    together = np.concatenate([nodes, further])
    return together, np.concatenate([labels, labels[places]]), np.concatenate([known, others]), np.concatenate([stood, stood[places]])


def _similar_survivors(labels: Ordinals, places: Ordinals, likeness: Likeness, population: Population) -> Ordinals:
    """For each row the first survivor of its cluster that it is similar to, or itself: int64 [n].

    What survived of an earlier run is a survivor here whatever it is similar to: its run has written it.
    """
    earlier = likeness.nodes < population.own_first if not population.anew else np.zeros(len(labels), np.bool_)

    def similar(pairs: Ordinals) -> npt.NDArray[np.bool_]:
        return np.asarray(~earlier[pairs].all(axis=1) & likeness.similar(pairs))

    rows = np.arange(len(labels))
    stars = verified_stars(labels.astype(np.uint64) + np.uint64(1), rows, places, similar, MOST_SURVIVORS)
    rows[stars.edges[:, 1]] = stars.edges[:, 0]
    return rows


def clusters_of(run: Run, first: int, documents: int) -> npt.NDArray[np.void]:
    """`CLUSTERED` rows of a range of the run's own documents; `ordinal` counts from its first."""
    pieces = [np.empty(0, CLUSTERED)]
    for file in sorted(run.path("dedup", "clusters").glob("*.npy")):
        rows = mapped(file)
        begin, end = bisected(rows["ordinal"], np.array([first, first + documents]))
        pieces.append(np.array(rows[begin:end]))
    clustered = np.concatenate(pieces)
    clustered["ordinal"] -= first
    return clustered


def cluster_columns(clustered: npt.NDArray[np.void], row_of: Ordinals) -> pa.Table:
    """Columns of decisions/ about clusters for some documents: cluster_id, survivor_id, cluster_size, survives, rule, similarity.

    Args:
        clustered: rows of `CLUSTERED`.
        row_of: int64 [n], the row of each document, or -1 where it is in no cluster.
    """
    columns = {
        "cluster_id": as_bytes(clustered["cluster"]),
        "survivor_id": as_bytes(clustered["survivor"]),
        "cluster_size": pa.array(clustered["size"]),
        "survives": pa.array(clustered["survives"]),
        "rule": pa.array([RULES[kind] for kind in clustered["kind"].tolist()], pa.string()),
        "similarity": pa.array(clustered["similarity"]),
    }
    return pa.table(columns).take(pa.array(row_of, mask=row_of < 0))


def _of_each(labels: Ordinals, sizes: Ordinals, ids: npt.NDArray[np.uint64]) -> tuple[Ordinals, npt.NDArray[np.uint64]]:
    """For each row the sum of `sizes`, int64 [n], and the smallest of `ids`, uint64 [n, 2], of the rows of its label."""
    order = np.lexsort((ids[:, 1], ids[:, 0], labels))
    begins, lengths = groups(labels[order])
    totals, smallest = np.empty_like(sizes), np.empty_like(ids)
    totals[order] = np.repeat(np.add.reduceat(sizes[order], begins), lengths)
    smallest[order] = np.repeat(ids[order][begins], lengths, axis=0)
    return totals, smallest
