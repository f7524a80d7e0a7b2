"""Graphs that make life hard for one way of finding components or another: int64 [m, 2], ordinals in no order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Edges = npt.NDArray[np.int64]


def shuffled(edges: Edges, seed: int = 0) -> Edges:
    """The same graph with other ordinals, its edges in another order and half of them turned round."""
    generator = np.random.default_rng(seed)
    nodes = int(edges.max(initial=-1)) + 1
    edges = generator.permutation(generator.permutation(nodes)[edges]) if len(edges) else edges
    turned = generator.random(len(edges)) < 0.5
    return np.where(turned[:, None], edges[:, ::-1], edges)


def chain(n: int) -> Edges:
    return np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)


def star(n: int, centre: int = 0) -> Edges:
    others = np.delete(np.arange(n), centre)
    return np.stack([np.full(n - 1, centre), others], axis=1)


def clique(n: int) -> Edges:
    return np.argwhere(np.triu(np.ones((n, n), np.bool_), 1)).astype(np.int64)


def power_law(edges: int, nodes: int, seed: int = 0) -> Edges:
    """Ends drawn by Zipf's law with exponent 1.6: a few nodes have most of the edges. Loops and repeats among them."""
    return np.random.default_rng(seed).zipf(1.6, (edges, 2)).astype(np.int64) % nodes


def sparse(nodes: int, seed: int = 0) -> Edges:
    """Random, with about as many edges as nodes: one large component and many small ones."""
    return np.random.default_rng(seed).integers(0, nodes, (nodes * 3 // 5, 2))


def bridged(n: int) -> Edges:
    """Two cliques and a single edge between their largest members."""
    return np.concatenate([clique(n), clique(n) + n, [[n - 1, 2 * n - 1]]])


def graphs(n: int) -> dict[str, Edges]:
    """All of them with about n edges, by name."""
    side = int((2 * n) ** 0.5) + 1
    return {
        "chain": chain(n),
        "chain in no order": shuffled(chain(n)),
        "star": star(n),
        "star around its largest": star(n, n - 1),
        "star in no order": shuffled(star(n)),
        "clique": clique(side),
        "power law": power_law(n, n),
        "random": sparse(2 * n),
        "bridged": shuffled(bridged(int(n**0.5) + 1)),
        "near 2^40": shuffled(sparse(2 * n, 1)) + ((1 << 40) - 2 * n),
        "loops": np.repeat(np.arange(n)[:, None], 2, axis=1),
        "empty": np.empty((0, 2), np.int64),
    }
