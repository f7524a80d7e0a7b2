"""Clusters from pairs: a function of the pairs, not of their order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel


@kernel
def _root(parents: npt.NDArray[np.int64], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def _join(edges: npt.NDArray[np.int64], parents: npt.NDArray[np.int64]) -> None:
    # The smaller root becomes the parent, so that every root is the smallest of its tree; halving paths keeps a long chain near linear.
    for k in range(len(edges)):
        a = _root(parents, edges[k, 0])
        b = _root(parents, edges[k, 1])
        if a < b:
            parents[b] = a
        elif b < a:
            parents[a] = b
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]


def components(edges: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """The smallest ordinal of each node's connected component.

    Args:
        edges: int64 [m, 2], ordinals from 0 to n - 1; any order, repeats and loops allowed.
        n: nodes.

    Returns:
        int64 [n]; a node without edges is its own component.

    Raises:
        ValueError: an edge names a node that is not there.
    """
    edges = np.ascontiguousarray(edges, dtype=np.int64).reshape(-1, 2)
    if len(edges) and (edges.min() < 0 or edges.max() >= n):
        raise ValueError(f"an edge names node {int(edges.min() if edges.min() < 0 else edges.max())}; there are {n} nodes, from 0 on")
    parents = np.arange(n, dtype=np.int64)
    _join(edges, parents)
    return parents


def labelled(edges: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every node that has an edge, and the smallest node of its connected component; memory goes by the edges, not by the largest ordinal.

    Args:
        edges: int64 [m, 2], any ordinals, any order, repeats and loops allowed. With what is made of them an edge takes up to 115 bytes
            (measured where no node has two edges).

    Returns:
        int64 [nodes], rising, and int64 [nodes].
    """
    nodes, places = np.unique(edges, return_inverse=True)
    return nodes, nodes[components(places.reshape(-1, 2), len(nodes))]
