"""Connected components of edges on disk: by union-find where one worker can hold them, by rounds of star operations where not.

In:  files of edges, pairs of ordinals.
Out: files of (node, label), by node: the label is the smallest ordinal of the node's component. The same bytes by either way.
Lost: nothing; a node whose edges are all loops has no row.

A round is two jobs over the columnar shuffle, large-star and small-star (`filters.duplicates.stars`). What a place makes is first reduced
to the stars of its own edges by union-find, so a round does at least what the two operations do. Rounds end when every node stands in a
star, or when what is left fits one worker.

A node's neighbours go to one place, but a worker must not hold 10 million of them. Only the smallest is needed to know where they all go:
of a node that has more than its share in one file the others wait in that file (`waiting/`), and move when large-star has told where to
(`moves/`). So a node of d neighbours takes `memory_bytes` or less, whatever d.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.duplicates.components import labelled
from filters.duplicates.stars import forest, large_star, small_star, star_labels
from pipeline.exchange import HELD_BY_A_WORKER, FileUnit, Place, exchange, layout, mapped, save_array, write_records
from pipeline.run import COST_OF_NUMBERS
from pipeline.runners import Told, run_units
from pipeline.settings.stages import Runner

Edges = npt.NDArray[np.int64]
"""[m, 2]; in this module's own files (larger, smaller)."""
LABEL = np.dtype([("node", "<i8"), ("label", "<i8")])
RECORD = np.dtype([("key", "<u8"), ("neighbour", "<i8")])
# An odd factor maps ordinals one to one onto keys that are spread evenly; its inverse maps them back, so a record needs no third column.
FACTOR = 0x9E3779B97F4A7C15
INVERSE = pow(FACTOR, -1, 1 << 64)
# Measured 115 where no node has two edges, 103 where each has four.
EDGE_BYTES = 128
FILE_ROWS = 1 << 20


def connected(edge_files: Sequence[Path], folder: Path, runner: Runner) -> list[Path]:
    """Label every node that has an edge to another with the smallest ordinal of its component.

    Args:
        edge_files: .npy, int64 [m, 2], ordinals from 0 below 2^63; any order, repeats and loops allowed.
        folder: gets the result; what it held is removed.
        runner: where the jobs run, and within which memory.

    Returns:
        Files of `LABEL` records, by node across all of them. Their bytes depend on the edges alone.

    Raises:
        ValueError: as `run_job`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if _fits(sum(map(_rows, edge_files)), runner):
        return _write_labels(folder, _union_find(mapped(path) for path in edge_files))
    labels, _ = by_stars(edge_files, folder / "rounds", runner)
    written = _write_labels(folder, labels)
    shutil.rmtree(folder / "rounds", ignore_errors=True)  # not there where all edges were loops
    return written


def by_stars(edge_files: Sequence[Path], folder: Path, runner: Runner) -> tuple[Iterator[npt.NDArray[np.void]], int]:
    """The labels by rounds of star operations.

    Args:
        edge_files: as for `connected`.
        folder: for the files between rounds; the labels are read from it, and it may be removed after that.
        runner: as for `connected`.

    Returns:
        `LABEL` records by node, in pieces, and the number of rounds.
    """
    previous = folder / "000"
    units = [
        FileUnit(key=f"{number:05d}", fingerprint="", bytes=path.stat().st_size, number=number, path=path)
        for number, path in enumerate(edge_files)
    ]
    pieces = sum(-(-_rows(path) // _piece_rows(runner)) for path in edge_files)
    run_units("first stars", units, Told(_first_stars, (previous, _most_neighbours(pieces, runner), runner)), runner, COST_OF_NUMBERS)
    for number in count(1):
        files = _files(previous, "records")
        # An edge has two records, or one where it waits at its smaller end.
        if _fits(sum(map(_rows, [*files, *_files(previous, "waiting")])) // 2, runner):
            return iter(_union_find(_edges_of_records(mapped(path)) for path in files)), number - 1
        large, small = folder / f"{number:03d}-large", folder / f"{number:03d}"
        exchange(f"large-star {number}", files, _large_star, (large,), runner)
        if not _files(large, "unsettled"):
            return _merged([mapped(path) for path in _files(large, "labels")]), number
        _move_waiting(previous, large, runner)
        shutil.rmtree(previous)
        files = _files(large, "records")
        places = sum(map(len, layout(sum(path.stat().st_size for path in files), runner.memory_bytes)))
        exchange(f"small-star {number}", files, _small_star, (small, _most_neighbours(places, runner)), runner)
        shutil.rmtree(large)
        previous = small
    raise AssertionError("unreachable: each round moves an edge to a smaller node or is the last")


def _fits(edges: int, runner: Runner) -> bool:
    return edges <= _piece_rows(runner)


def _piece_rows(runner: Runner) -> int:
    """Edges that one worker can hold."""
    return max(1, runner.memory_bytes // EDGE_BYTES)


def _rows(path: Path) -> int:
    return len(mapped(path))


def _most_neighbours(files: int, runner: Runner) -> int:
    """How many neighbours of one node a file may send: those of all files together fit the place that gets them."""
    return max(1, runner.memory_bytes // (HELD_BY_A_WORKER * RECORD.itemsize * max(1, files)))


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / kind).glob("*.npy"))


def _first_stars(unit: FileUnit, folder: Path, most: int, runner: Runner) -> None:
    edges = mapped(unit.path)
    rows = _piece_rows(runner)
    for start in range(0, len(edges), rows):
        _write_for_large_star(folder, f"{unit.key}-{start // rows:05d}", forest(edges[start : start + rows]), most)


def _large_star(placed: tuple[Place, npt.NDArray[np.void]], folder: Path) -> None:
    """Records for small-star; the labels that would hold if this were the end; where neighbours that wait have to go."""
    place, records = placed
    nodes, neighbours = _columns(records)
    distinct, smallest, settled = star_labels(nodes, neighbours)
    labels = np.empty(len(distinct), LABEL)
    labels["node"], labels["label"] = distinct, smallest
    labels.sort(order="node")
    name = f"{place.number:05d}.npy"
    save_array(folder / "labels" / name, labels)
    if not settled.all():
        save_array(folder / "unsettled" / name, np.count_nonzero(~settled).reshape(1))
    # A loop says that others wait for this node.
    waited_for = np.isin(labels["node"], nodes[nodes == neighbours])
    if waited_for.any():
        save_array(folder / "moves" / name, labels[waited_for])
    _write_for_small_star(folder, name, forest(large_star(nodes, neighbours)))


def _small_star(placed: tuple[Place, npt.NDArray[np.void]], folder: Path, most: int) -> None:
    place, records = placed
    _write_for_large_star(folder, f"{place.number:05d}", forest(small_star(*_columns(records))), most)


def _move_waiting(previous: Path, large: Path, runner: Runner) -> None:
    """Edges that waited go where large-star sends them: part of its output, read by small-star."""
    units = [
        FileUnit(key=f"waiting-{path.stem}", fingerprint="", bytes=path.stat().st_size, number=number, path=path)
        for number, path in enumerate(_files(previous, "waiting"))
    ]
    run_units("moves", units, Told(_move, (large,)), runner, COST_OF_NUMBERS)


def _move(unit: FileUnit, folder: Path) -> None:
    edges = np.array(mapped(unit.path))
    moves = np.sort(np.concatenate([mapped(path) for path in _files(folder, "moves")]), order="node")
    edges[:, 1] = moves["label"][np.searchsorted(moves["node"], edges[:, 1])]
    _write_for_small_star(folder, f"{unit.key}.npy", edges)


def _write_for_small_star(folder: Path, name: str, edges: Edges) -> None:
    if len(edges):
        write_records(folder / "records" / name, _records(edges[:, 0], edges[:, 1]))


def _write_for_large_star(folder: Path, name: str, edges: Edges, most: int) -> None:
    """Records of both directions, without what waits: of a node's larger neighbours in a file all but the first where they are more than
    `most`. (Of smaller neighbours a node has one in a forest.)
    """
    edges = edges[np.lexsort((edges[:, 0], edges[:, 1]))]
    begins = np.flatnonzero(np.diff(edges[:, 1], prepend=-1))
    sizes = np.diff(begins, append=len(edges))
    many = begins[sizes > most]
    waits = np.repeat(sizes > most, sizes)
    waits[many] = False
    if waits.any():
        save_array(folder / "waiting" / f"{name}.npy", edges[waits])
    hubs = edges[many, 1]
    nodes = np.concatenate([edges[:, 0], edges[~waits, 1], hubs])
    if len(nodes):
        write_records(folder / "records" / f"{name}.npy", _records(nodes, np.concatenate([edges[:, 1], edges[~waits, 0], hubs])))


def _records(nodes: npt.NDArray[np.int64], neighbours: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    records = np.empty(len(nodes), RECORD)
    records["key"], records["neighbour"] = nodes.astype(np.uint64) * np.uint64(FACTOR), neighbours
    return records


def _columns(records: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Nodes and neighbours of records by their key: rows of a node stand together."""
    return (records["key"] * np.uint64(INVERSE)).astype(np.int64), np.ascontiguousarray(records["neighbour"])


def _edges_of_records(records: npt.NDArray[np.void]) -> Edges:
    nodes, neighbours = _columns(records)
    once = neighbours < nodes
    return np.stack([nodes[once], neighbours[once]], axis=1)


def _union_find(edges: Iterable[Edges]) -> list[npt.NDArray[np.void]]:
    nodes, found = labelled(np.concatenate([np.empty((0, 2), np.int64), *(piece[piece[:, 0] != piece[:, 1]] for piece in edges)]))
    labels = np.empty(len(nodes), LABEL)
    labels["node"], labels["label"] = nodes, found
    return [labels]


def _merged(tables: Sequence[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.void]]:
    """Tables by node, no node in two of them, as one such table in pieces of at most about `FILE_ROWS` rows."""
    step = max(1, FILE_ROWS // max(1, len(tables)))
    begins = np.zeros(len(tables), np.int64)
    ends = np.array([len(table) for table in tables])
    while open_ := np.flatnonzero(begins < ends).tolist():
        # Up to the smallest of the nodes a step ahead: at least one table gives a whole step, none more.
        bound = min(tables[k]["node"][min(begins[k] + step, ends[k]) - 1] for k in open_)
        pieces = []
        for k in open_:
            window = tables[k][begins[k] : begins[k] + step]
            pieces.append(window[: np.searchsorted(window["node"], bound, side="right")])
            begins[k] += len(pieces[-1])
        piece = np.concatenate(pieces)
        yield piece[np.argsort(piece["node"])]


def _write_labels(folder: Path, labels: Iterable[npt.NDArray[np.void]]) -> list[Path]:
    """Files of `FILE_ROWS` rows, the last of fewer, whatever the pieces."""
    written: list[Path] = []
    kept = np.empty(0, LABEL)

    def write(rows: npt.NDArray[np.void]) -> None:
        written.append(folder / f"{len(written):05d}.npy")
        save_array(written[-1], rows)

    for piece in labels:
        kept = np.concatenate([kept, piece])
        while len(kept) >= FILE_ROWS:
            write(kept[:FILE_ROWS])
            kept = kept[FILE_ROWS:]
    if len(kept):
        write(kept)
    return written
