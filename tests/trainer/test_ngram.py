"""The baselines: proper probabilities, and those that a slow reading of Chen and Goodman gives."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.ngram import NGram

VOCABULARY = 7


def contexts(tokens: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    padded = [0, 0, *tokens]
    return tuple(np.array(column, np.int64) for column in (padded[:-2], padded[1:-1], tokens))


class SlowKneserNey:
    """Interpolated modified Kneser-Ney in dictionaries, from the definition: Chen and Goodman 1998, equations 24 to 26."""

    def __init__(self, tokens: list[int]):
        trigrams = Counter(zip(*(column.tolist() for column in contexts(tokens)), strict=True))
        bigrams = Counter((b, c) for _, b, c in trigrams)
        unigrams = Counter((c,) for _, c in bigrams)
        self.orders = [unigrams, bigrams, trigrams]

    def discount(self, order: int, count: int) -> float:
        n = Counter(self.orders[order].values())
        if count == 0:
            return 0.0
        y = n[1] / (n[1] + 2 * n[2]) if n[1] and n[2] else 0.5
        least, most, result = 0.05, 0.95, 0.0
        for k in range(1, min(count, 3) + 1):
            estimate = k - (k + 1) * y * n[k + 1] / n[k] if n[k] else k / 2
            result = min(max(estimate, least), most)
            least, most = result, result + 1
        return result

    def probability(self, *gram: int) -> float:
        if not gram:
            return 1 / VOCABULARY
        order = len(gram) - 1
        lower = self.probability(*gram[1:])
        following = {key: count for key, count in self.orders[order].items() if key[:-1] == gram[:-1]}
        if not following:
            return lower
        total, count = sum(following.values()), following.get(gram, 0)
        left = sum(self.discount(order, each) for each in following.values()) / total
        return (count - self.discount(order, count)) / total + left * lower


tokens_lists = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=60)


@given(tokens_lists)
@settings(max_examples=30, deadline=None)
def test_trigram_is_the_slow_definition_and_sums_to_one(tokens: list[int]) -> None:
    fast, slow = NGram.trigram(*contexts(tokens), VOCABULARY), SlowKneserNey(tokens)
    everything = np.array(list(np.ndindex(VOCABULARY, VOCABULARY, VOCABULARY)), np.int64)
    p = fast.probability(*everything.T)
    np.testing.assert_allclose(p.reshape(-1, VOCABULARY).sum(1), 1, rtol=1e-12)
    assert p.min() > 0
    some = everything[:: 1 + len(everything) // 60]
    np.testing.assert_allclose(fast.probability(*some.T), [slow.probability(*map(int, gram)) for gram in some], rtol=1e-12)


@given(tokens_lists)
@settings(max_examples=30, deadline=None)
def test_unigram_sums_to_one_and_ignores_what_stands_before(tokens: list[int]) -> None:
    ngram = NGram.unigram(np.array(tokens, np.int64), VOCABULARY)
    everything = np.arange(VOCABULARY)
    p = ngram.probability(everything * 0, everything * 0, everything)
    assert p.sum() == pytest.approx(1)
    np.testing.assert_array_equal(p, ngram.probability(everything, everything[::-1], everything))
    counts = np.bincount(tokens, minlength=VOCABULARY)
    assert (np.diff(p[np.argsort(counts, kind="stable")]) >= -1e-12).all(), "a more frequent token is less probable"


def test_three_orders_beat_one_on_text(texts: list[bytes]) -> None:
    text = list(b"".join(texts[5:]))
    held_out = contexts(list(b"".join(texts[:5])))
    bits = [
        -np.log2(ngram.probability(*held_out)).mean() for ngram in (NGram.unigram(np.array(text), 257), NGram.trigram(*contexts(text), 257))
    ]
    assert 4 < bits[0] < 5
    assert 2 < bits[1] < 3.3


def test_trained_on_nothing_all_tokens_are_alike() -> None:
    nothing = np.zeros(0, np.int64)
    p = NGram.trigram(nothing, nothing, nothing, VOCABULARY).probability(np.array([1, 2]), np.array([3, 4]), np.array([5, 6]))
    np.testing.assert_allclose(p, 1 / VOCABULARY)


def test_a_vocabulary_too_large_for_packed_keys_is_refused() -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="2097152 pieces"):
        NGram.trigram(one, one, one, 1 << 21)
