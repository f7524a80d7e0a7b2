"""Bands, stars, components and survivors: functions of the documents, not of their order."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.components import choose_survivors, components
from filters.duplicates.neighbours import NO_KEY, band_keys, star_edges
from filters.duplicates.signature import signatures


def rows(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """(key, document) pairs as columns."""
    keys = np.array([key for key, _ in pairs], np.uint64)
    documents = np.array([document for _, document in pairs], np.int64)
    return keys, documents


def connected(edges: list[tuple], nodes: list) -> list[set]:
    """Connected components by walking from node to node."""
    near: dict = {node: set() for node in nodes}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    parts, seen = [], set()
    for node in nodes:
        if node not in seen:
            part, waiting = set(), [node]
            while waiting:
                one = waiting.pop()
                if one not in part:
                    part.add(one)
                    waiting.extend(near[one])
            parts.append(part)
            seen |= part
    return parts


def identity(documents: np.ndarray) -> np.ndarray:
    """128-bit ids whose order is not that of the ordinals, with equal high halves among them."""
    return np.column_stack([(documents * 7 % 3).astype(np.uint64), (documents * 2654435761 % 1009).astype(np.uint64)])


buckets = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 30)), max_size=80)


@settings(max_examples=200, deadline=None)
@given(buckets, st.randoms())
def test_edges_do_not_depend_on_the_order_of_rows_nor_on_repeats(pairs, random):
    shuffled = pairs + pairs[:5]
    random.shuffle(shuffled)
    stars = []
    for rows_in_order in (pairs, shuffled):
        keys, documents = rows(rows_in_order)
        stars.append(star_edges(keys, identity(documents), documents))
    np.testing.assert_array_equal(stars[0].edges, stars[1].edges)


@settings(max_examples=200, deadline=None)
@given(buckets)
def test_stars_connect_exactly_what_shares_a_bucket(pairs):
    keys, documents = rows(pairs)
    found = star_edges(keys, identity(documents), documents)
    edges = [(document, ("key", key)) for key, document in pairs]
    parts = connected(edges, [node for edge in edges for node in edge])
    expected = {frozenset(node for node in part if not isinstance(node, tuple)) for part in parts}
    labels = components(found.edges, 31)
    assert {frozenset(np.flatnonzero(labels == labels[document]).tolist()) for _, document in pairs} == expected
    for hub, member in found.edges.tolist():
        assert tuple(identity(np.array([hub]))[0]) <= tuple(identity(np.array([member]))[0])
    assert len(found.edges) <= sum(len({d for k, d in pairs if k == key}) - 1 for key in {k for k, _ in pairs})


def test_partitions_of_the_hash_space_give_the_same_edges_together():
    generator = np.random.default_rng(0)
    keys, documents = generator.integers(1, 400, 3000).astype(np.uint64), generator.integers(0, 1000, 3000)
    whole = star_edges(keys, identity(documents), documents).edges
    parts = [star_edges(keys[keys % 4 == p], identity(documents[keys % 4 == p]), documents[keys % 4 == p]).edges for p in range(4)]
    np.testing.assert_array_equal(np.unique(np.concatenate(parts), axis=0), whole)


def test_a_large_bucket_costs_a_star_and_is_reported():
    documents = np.arange(200_000)
    stars = star_edges(np.full(200_000, 9, np.uint64), documents[::-1].astype(np.uint64), documents, large_bucket=1000)
    assert len(stars.edges) == 199_999
    assert set(stars.edges[:, 0].tolist()) == {199_999}
    assert (stars.large.tolist(), stars.large_sizes.tolist()) == ([9], [200_000])


def test_bands_of_equal_rows_agree_and_wordless_texts_have_none():
    text = "one two three four five six seven eight nine ten"
    minima = signatures(pa.array([text, text.upper() + "!", text + " eleven", "entirely different words stand in this one here", "", "?"]))
    keys = band_keys(minima, 14, 8)
    assert keys.shape == (6, 14)
    np.testing.assert_array_equal(keys[0], keys[1])
    assert not np.any(keys[0] == keys[3])
    assert len(np.unique(keys[0])) == 14
    assert np.all(keys[4:] == NO_KEY)
    stars = star_edges(keys.ravel(), np.repeat(np.arange(6, dtype=np.uint64), 14), np.repeat(np.arange(6), 14))
    assert [0, 1] in stars.edges.tolist()
    assert not np.any(stars.edges >= 4)
    with pytest.raises(ValueError, match="112"):
        band_keys(minima, 15, 8)


def test_an_empty_corpus_and_one_of_one_document():
    none = star_edges(np.empty(0, np.uint64), np.empty((0, 2), np.uint64), np.empty(0, np.int64))
    assert none.edges.shape == (0, 2)
    assert components(none.edges, 0).shape == (0,)
    assert components(none.edges, 1).tolist() == [0]
    assert choose_survivors(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2), np.uint64)).shape == (0,)
    assert choose_survivors(np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros((1, 2), np.uint64)).tolist() == [0]


GRAPHS = {
    "chain": lambda n, r: np.column_stack([np.arange(n - 1), np.arange(1, n)]),
    "chain from the far end": lambda n, r: np.column_stack([np.arange(n - 1, 0, -1), np.arange(n - 2, -1, -1)]),
    "star": lambda n, r: np.column_stack([np.full(n - 1, n - 1), np.arange(n - 1)]),
    "clique": lambda n, r: np.array([(a, b) for a in range(0, n, max(1, n // 60)) for b in range(0, a, max(1, n // 60))]),
    "random": lambda n, r: r.integers(0, n, (n // 2, 2)),
    "power law": lambda n, r: np.minimum(r.zipf(1.5, (n, 2)), n) - 1,
    "nothing": lambda n, r: np.empty((0, 2), np.int64),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_labels_are_the_smallest_ordinal_of_the_component(name, shuffled):
    generator = np.random.default_rng(5)
    n = 3000
    edges = GRAPHS[name](n, generator).astype(np.int64)
    if shuffled:
        edges = generator.permuted(edges[generator.permutation(len(edges))], axis=1)
        edges = generator.permutation(n)[edges]
    expected = np.empty(n, np.int64)
    for part in connected(edges.tolist(), list(range(n))):
        expected[list(part)] = min(part)
    np.testing.assert_array_equal(components(edges, n), expected)


def test_a_chain_of_a_million_is_near_linear():
    order = np.random.default_rng(1).permutation(1_000_000)
    edges = np.column_stack([np.arange(999_999), np.arange(1, 1_000_000)])
    assert not components(edges[::-1].copy(), 1_000_000).any()
    assert not components(order[edges], 1_000_000).any()


def test_an_edge_to_nowhere_is_refused():
    with pytest.raises(ValueError, match="names node 5; there are 5"):
        components(np.array([[0, 5]]), 5)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=30), st.randoms())
def test_the_survivor_is_the_longest_then_the_smallest_id_whatever_the_order(documents, random):
    order = list(range(len(documents)))
    random.shuffle(order)
    labels, lengths = (np.array([row[k] for row in documents], np.int64) for k in (0, 1))
    ids = identity(np.arange(len(documents)))
    plain = choose_survivors(labels, lengths, ids)
    for row, survivor in enumerate(plain.tolist()):
        cluster = [k for k in order if labels[k] == labels[row]]
        assert survivor == min(cluster, key=lambda k: (-lengths[k], tuple(ids[k]), k))
    if order and len(np.unique(ids, axis=0)) == len(ids):
        moved = choose_survivors(labels[order], lengths[order], ids[order])
        np.testing.assert_array_equal(np.array(order)[moved], plain[order])
