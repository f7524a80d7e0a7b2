"""Exact Jaccard similarity, and how near the estimates come to it."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.shingles import jaccard, shingle_sets
from filters.duplicates.signature import estimate, signatures

texts = st.lists(st.text("ab cß中,\n", max_size=60), max_size=5)


def plain(text: str, ngram: int) -> set[tuple[str, ...]]:
    words = re.findall(r"中|[abcß]+", text)
    return {tuple(words[k : k + ngram]) for k in range(max(1, len(words) - ngram + 1))} if words else set()


@settings(max_examples=300, deadline=None)
@given(texts, st.integers(1, 6))
def test_sets_have_a_hash_for_each_different_shingle(batch, ngram):
    values, ends = shingle_sets(pa.array(batch, pa.string()), ngram)
    sets = [values[a:b] for a, b in pairwise(ends)]
    assert [len(one) for one in sets] == [len(plain(text, ngram)) for text in batch]
    assert all((np.diff(one.astype(object)) > 0).all() for one in sets)
    for a, one in zip(batch, sets, strict=True):
        for b, other in zip(batch, sets, strict=True):
            shared, both = plain(a, ngram) & plain(b, ngram), plain(a, ngram) | plain(b, ngram)
            assert jaccard(one, other) == (len(shared) / len(both) if both else 0)


def test_estimates_are_of_these_sets():
    words = [f"w{k}" for k in range(1000)]
    batch = pa.array([" ".join(words), " ".join(words[:700] + ["x"] * 300), " ".join(words[300:])])
    values, ends = shingle_sets(batch)
    minima = signatures(batch, permutations=4096)
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        exact = jaccard(values[ends[a] : ends[a + 1]], values[ends[b] : ends[b + 1]])
        assert estimate(minima[a], minima[b]) == pytest.approx(exact, abs=0.03)
