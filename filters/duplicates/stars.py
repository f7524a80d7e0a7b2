"""Connected components by stars: what one place that holds all edges of its nodes can do towards them.

Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii 2014, "Connected Components in MapReduce and Beyond" (SoCC): the two operations taken
in turns until nothing changes leave, for every component, a star around its smallest node. Each keeps what is connected connected, makes no
edge more than it was given, and moves edges to smaller nodes only, so the turns come to an end; the paper proves O(log^2 nodes) of them.

An edge is a pair (larger, smaller). Columns are int64, and rows of one node stand together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from filters.duplicates.components import labelled

Nodes = npt.NDArray[np.int64]


def star_labels(nodes: Nodes, neighbours: Nodes) -> tuple[Nodes, Nodes, npt.NDArray[np.bool_]]:
    """What each node would call its component, and whether it stands in a star already.

    Args:
        nodes: [m], each edge twice, once from each of its ends; loops allowed.
        neighbours: [m], the other ends.

    Returns:
        [k] the nodes, in the order given; [k] the smallest of each and its neighbours; bool [k], False where a node has two different
        smaller neighbours, or a smaller and a larger one. Where all are True everywhere the smallest is the component's.
    """
    begins = _begins(nodes)
    distinct = nodes[begins]
    if not len(nodes):
        return distinct, distinct, np.empty(0, np.bool_)
    smallest = np.minimum(distinct, np.minimum.reduceat(neighbours, begins))
    largest_smaller = np.maximum.reduceat(np.where(neighbours < nodes, neighbours, -1), begins)
    has_larger = np.maximum.reduceat(neighbours, begins) > distinct
    return distinct, smallest, (smallest == distinct) | ((largest_smaller == smallest) & ~has_larger)


def large_star(nodes: Nodes, neighbours: Nodes) -> Nodes:
    """Edges from each node's larger neighbours to the smallest of it and its neighbours.

    Args:
        nodes: [m], each edge twice, once from each of its ends; loops allowed.
        neighbours: [m], the other ends. A node's neighbours may come in several calls where each has its smallest (a node of many).

    Returns:
        int64 [k, 2], as many as edges were given.
    """
    if not len(nodes):
        return np.empty((0, 2), np.int64)
    begins = _begins(nodes)
    smallest = np.minimum(nodes[begins], np.minimum.reduceat(neighbours, begins))
    larger = neighbours > nodes
    return np.stack([neighbours[larger], np.repeat(smallest, np.diff(begins, append=len(nodes)))[larger]], axis=1)


def small_star(nodes: Nodes, neighbours: Nodes) -> Nodes:
    """Edges from each node and its smaller neighbours to the smallest of them.

    Args:
        nodes: [m], each edge once, from its larger end.
        neighbours: [m], the smaller ends.

    Returns:
        int64 [k, 2], no more than edges were given.
    """
    if not len(nodes):
        return np.empty((0, 2), np.int64)
    begins = _begins(nodes)
    smallest = np.minimum.reduceat(neighbours, begins)
    of_each = np.repeat(smallest, np.diff(begins, append=len(nodes)))
    others = neighbours != of_each
    return np.concatenate([np.stack([nodes[begins], smallest], axis=1), np.stack([neighbours[others], of_each[others]], axis=1)])


def forest(edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The stars of edges that one worker holds: what they connect, in fewer edges. int64 [m, 2] of any kind to [k, 2], loops left out."""
    nodes, labels = labelled(edges)
    apart = nodes != labels
    return np.stack([nodes[apart], labels[apart]], axis=1)


def _begins(nodes: Nodes) -> Nodes:
    """Where the rows of each node begin."""
    return np.flatnonzero(np.concatenate([np.ones(min(1, len(nodes)), np.bool_), nodes[1:] != nodes[:-1]]))
