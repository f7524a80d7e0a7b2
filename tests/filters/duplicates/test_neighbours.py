"""Bands, stars, components and survivors: functions of the documents, not of their order."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.components import components
from filters.duplicates.neighbours import NO_KEY, band_keys, groups, unique_pairs, verified_stars
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


def order_of(documents: np.ndarray) -> np.ndarray:
    """An order that is not that of the ordinals."""
    return documents * 2654435761 % 1009


def all_similar(pairs: np.ndarray) -> np.ndarray:
    return np.ones(len(pairs), np.bool_)


def stars_of(pairs: list[tuple[int, int]], similar=all_similar, hubs: int = 16):
    keys, documents = rows(pairs)
    return verified_stars(keys, documents, order_of(documents), similar, hubs)


buckets = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 30)), max_size=80)


def some_similar(seed: int):
    """Similarity at random, the same for both directions."""
    table = np.random.default_rng(seed).random((31, 31)) < 0.4

    def similar(pairs: np.ndarray) -> np.ndarray:
        return table[pairs.min(axis=1), pairs.max(axis=1)]

    return similar


@settings(max_examples=200, deadline=None)
@given(buckets, st.randoms(), st.integers(0, 9))
def test_edges_do_not_depend_on_the_order_of_rows(pairs, random, seed):
    shuffled = sorted(set(pairs))
    random.shuffle(shuffled)
    stars = [stars_of(order, some_similar(seed)) for order in (sorted(set(pairs)), shuffled)]
    np.testing.assert_array_equal(stars[0].edges, stars[1].edges)


@settings(max_examples=200, deadline=None)
@given(buckets)
def test_stars_connect_exactly_what_shares_a_bucket(pairs):
    found = stars_of(sorted(set(pairs)))
    edges = [(document, ("key", key)) for key, document in pairs]
    parts = connected(edges, [node for edge in edges for node in edge])
    expected = {frozenset(node for node in part if not isinstance(node, tuple)) for part in parts}
    labels = components(found.edges, 31)
    assert {frozenset(np.flatnonzero(labels == labels[document]).tolist()) for _, document in pairs} == expected
    assert all(order_of(hub) < order_of(member) for hub, member in found.edges)
    assert len(found.edges) <= sum(len({d for k, d in pairs if k == key}) - 1 for key in {k for k, _ in pairs})


@settings(max_examples=200, deadline=None)
@given(buckets, st.integers(0, 9), st.integers(1, 4))
def test_each_member_is_joined_to_the_first_hub_that_it_is_similar_to(pairs, seed, hubs):
    """Against a plain loop, bucket by bucket."""
    similar, pairs = some_similar(seed), sorted(set(pairs))
    edges, left = set(), 0
    for key in {key for key, _ in pairs}:
        waiting = sorted((document for other, document in pairs if other == key), key=lambda document: order_of(np.int64(document)))
        for _ in range(hubs):
            if waiting:
                hub, *members = waiting
                mine = [member for member in members if similar(np.array([[hub, member]]))[0]]
                edges |= {(hub, member) for member in mine}
                waiting = [member for member in members if member not in mine]
        left += max(0, len(waiting) - 1)
    found = stars_of(pairs, similar, hubs)
    assert {tuple(edge) for edge in found.edges.tolist()} == edges
    assert found.left <= left + len({key for key, _ in pairs})


@settings(max_examples=200, deadline=None)
@given(buckets, st.integers(0, 9))
def test_later_documents_change_nothing_among_earlier_ones(pairs, seed):
    """What makes deduplication against an index equal to deduplicating everything at once."""
    similar, pairs = some_similar(seed), sorted(set(pairs))
    early = [(key, document) for key, document in pairs if order_of(np.int64(document)) < 500]
    before = {tuple(edge) for edge in stars_of(early, similar).edges.tolist()}
    after = {tuple(edge) for edge in stars_of(pairs, similar).edges.tolist()}
    members = {document for _, document in early}
    assert {edge for edge in after if set(edge) <= members} == before


def test_partitions_of_the_hash_space_give_the_same_edges_together():
    generator = np.random.default_rng(0)
    pairs = sorted({(int(key), int(document)) for key, document in zip(*generator.integers(1, 400, (2, 3000)), strict=True)})
    whole = stars_of(pairs).edges
    parts = [stars_of([pair for pair in pairs if pair[0] % 4 == part]).edges for part in range(4)]
    np.testing.assert_array_equal(np.unique(np.concatenate(parts), axis=0), whole)


def test_a_large_bucket_costs_a_star_and_is_reported():
    documents = np.arange(200_000)
    stars = verified_stars(np.full(200_000, 9, np.uint64), documents, documents[::-1].copy(), all_similar, large_bucket=1000)
    assert len(stars.edges) == 199_999
    assert set(stars.edges[:, 0].tolist()) == {199_999}
    assert (stars.large.tolist(), stars.large_sizes.tolist(), stars.left) == ([9], [200_000], 0)


def test_a_bucket_of_strangers_costs_as_many_comparisons_as_hubs():
    documents, asked = np.arange(1000), []

    def strangers(pairs: np.ndarray) -> np.ndarray:
        asked.append(len(pairs))
        return np.zeros(len(pairs), np.bool_)

    stars = verified_stars(np.full(1000, 9, np.uint64), documents, documents, strangers, hubs=4)
    assert (asked, len(stars.edges), stars.left) == ([999, 998, 997, 996], 0, 995)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1 << 40)), max_size=40))
def test_unique_pairs(pairs):
    array = np.array(pairs, np.int64).reshape(-1, 2)
    found, places = unique_pairs(array)
    assert found.tolist() == [list(pair) for pair in sorted(set(pairs))]
    np.testing.assert_array_equal(found[places], array)


def test_groups_of_nothing_of_one_and_of_runs():
    assert [array.tolist() for array in groups(np.array([], np.uint64))] == [[], []]
    assert [array.tolist() for array in groups(np.array([7], np.uint64))] == [[0], [1]]
    assert [array.tolist() for array in groups(np.array([1, 1, 2, 5, 5, 5], np.uint64))] == [[0, 2, 3], [2, 1, 3]]


def test_bands_of_equal_rows_agree_and_wordless_texts_have_none():
    text = "one two three four five six seven eight nine ten"
    minima = signatures(pa.array([text, text.upper() + "!", text + " eleven", "entirely different words stand in this one here", "", "?"]))
    keys = band_keys(minima, 14, 8)
    assert keys.shape == (6, 14)
    np.testing.assert_array_equal(keys[0], keys[1])
    assert not np.any(keys[0] == keys[3])
    assert len(np.unique(keys[0])) == 14
    assert np.all(keys[4:] == NO_KEY)
    documents = np.repeat(np.arange(6), 14)
    stars = verified_stars(keys.ravel(), documents, documents, all_similar)
    assert [0, 1] in stars.edges.tolist()
    assert not np.any(stars.edges >= 4)
    with pytest.raises(ValueError, match="112"):
        band_keys(minima, 15, 8)


def test_an_empty_corpus_and_one_of_one_document():
    none = stars_of([])
    assert (none.edges.shape, none.left) == ((0, 2), 0)
    assert components(none.edges, 0).shape == (0,)
    assert components(none.edges, 1).tolist() == [0]


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
