"""Placeholder of the branch `connected`: union-find alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from filters.duplicates.components import components
from pipeline.exchange import save_array
from pipeline.settings.stages import Runner

LABEL = np.dtype([("node", "<i8"), ("label", "<i8")])


def connected(edge_files: Sequence[Path], folder: Path, _runner: Runner) -> list[Path]:
    """Labels of every node that has an edge."""
    edges = np.concatenate([np.empty((0, 2), np.int64), *(np.load(file, allow_pickle=False) for file in edge_files)])
    nodes, places = np.unique(edges, return_inverse=True)
    labels = np.empty(len(nodes), LABEL)
    labels["node"], labels["label"] = nodes, nodes[components(places.reshape(-1, 2), len(nodes))]
    save_array(folder / "00000.npy", labels)
    return [folder / "00000.npy"]
