"""Components of edges on disk are those of union-find in memory, byte by byte, whichever way and within whichever memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filters.duplicates.components import labelled
from pipeline.duplicates import connected as module
from pipeline.duplicates.connected import LABEL, by_stars, connected
from pipeline.settings.stages import Runner
from tests.filters.duplicates.graphs import Edges, chain, clique, graphs, power_law, shuffled, sparse, star


def write(folder: Path, edges: Edges, files: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.npy" for number in range(files)]
    for path, part in zip(paths, np.array_split(edges, files), strict=True):
        np.save(path, part)
    return paths


def within(memory_bytes: int, **settings: int) -> Runner:
    """A runner with less memory than the configuration allows, so that small graphs need rounds."""
    return Runner(**settings).model_copy(update={"memory_bytes": memory_bytes})


def expected(edges: Edges) -> np.ndarray:
    nodes, labels = labelled(edges[edges[:, 0] != edges[:, 1]])
    table = np.empty(len(nodes), LABEL)
    table["node"], table["label"] = nodes, labels
    return table


def read(paths: list[Path]) -> np.ndarray:
    return np.concatenate([np.empty(0, LABEL), *map(np.load, paths)])


@pytest.mark.parametrize("name", ["chain in no order", "star around its largest", "power law", "near 2^40", "loops", "empty"])
def test_hard_graphs(tmp_path: Path, name: str) -> None:
    edges = graphs(250)[name]
    files = write(tmp_path / "edges", edges, 3)
    for memory in (1 << 30, 1000 + 100 * len(edges)):  # an edge takes 128 bytes
        folder = tmp_path / str(memory)
        found = connected(files, folder, within(memory, workers=1))
        np.testing.assert_array_equal(read(found), expected(edges), err_msg=name)
        assert sorted(folder.rglob("*")) == found, "nothing is left but the result"


def test_rounds_are_taken_until_every_node_stands_in_a_star(tmp_path: Path) -> None:
    """With memory for next to nothing what is left never fits one worker, so large-star has the last word."""
    edges = np.concatenate([shuffled(chain(100)), shuffled(sparse(900), 3) + 100, star(700, 699) + 1100, power_law(500, 500) + 1800])
    labels, rounds = by_stars(write(tmp_path / "edges", edges, 2), tmp_path / "rounds", within(130_000, workers=1))
    np.testing.assert_array_equal(np.concatenate(list(labels)), expected(edges))
    assert rounds > 1
    assert (tmp_path / "rounds" / f"{rounds:03d}-large").is_dir(), "ended by large-star"


def test_the_bytes_depend_on_the_edges_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_ROWS", 1000)
    edges = np.concatenate([clique(40), shuffled(star(3000), 5) + 35, shuffled(star(2500), 7) + 5000])
    ways = {
        "union-find": (write(tmp_path / "one", edges, 1), Runner(workers=1)),
        "rounds": (write(tmp_path / "three", edges[::-1], 3), within(500_000, workers=1)),
        "less memory": (write(tmp_path / "two", edges[:, ::-1], 2), within(300_000, workers=1)),
        "repeats": (write(tmp_path / "five", repeated(edges), 5), within(800_000, workers=1)),
    }
    written = {name: connected(files, tmp_path / name, runner) for name, (files, runner) in ways.items()}
    contents = {name: [(path.name, path.read_bytes()) for path in paths] for name, paths in written.items()}
    assert len(contents["union-find"]) > 5
    assert all(content == contents["union-find"] for content in contents.values())


def test_two_workers_write_what_one_writes(tmp_path: Path) -> None:
    files = write(tmp_path / "edges", star(3000), 3)
    one = connected(files, tmp_path / "one", Runner(workers=1))
    two = connected(files, tmp_path / "two", within(250_000, workers=2, small_job_bytes=0))
    assert [path.read_bytes() for path in two] == [path.read_bytes() for path in one]


def repeated(edges: Edges) -> Edges:
    return np.random.default_rng(1).permutation(np.concatenate([edges, edges[::2], np.repeat(edges[:9, :1], 2, axis=1)]))


def test_no_place_is_given_all_neighbours_of_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200,000 copies of one page: a place stays within the setting although all of them are neighbours of one node."""
    edges, memory, sizes = shuffled(star(200_000), 11), 6_000_000, tmp_path / "sizes"
    original = module._large_star

    def watched(placed: tuple, folder: Path) -> None:
        with sizes.open("a") as file:  # the function goes to the worker as a copy
            file.write(f"{placed[1].nbytes * module.HELD_BY_A_WORKER}\n")
        original(placed, folder)

    monkeypatch.setattr(module, "_large_star", watched)
    found = connected(write(tmp_path / "edges", edges, 4), tmp_path / "out", within(memory, workers=1))
    np.testing.assert_array_equal(read(found), expected(edges))
    most = max(map(int, sizes.read_text().split()))
    # A node's own records come on top of a place's average.
    assert most < 1.6 * memory < 200_000 * 16 * module.HELD_BY_A_WORKER / 2


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    files = write(tmp_path / "edges", chain(2000), 1)
    (tmp_path / "rounds").mkdir()
    (tmp_path / "rounds" / "000").write_text("a file where a folder should be")
    with pytest.raises(ValueError, match="000"):
        by_stars(files, tmp_path / "rounds", within(30_000, workers=1))
