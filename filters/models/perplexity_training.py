"""Counts of n-grams to a `PerplexityModel`. What comes out depends on the texts and the number of entries alone."""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters import words as word
from filters.kernel import kernel
from filters.models.perplexity import ROOT, START, UNIT, PerplexityModel, fill, pair_key, triple_key
from filters.text import bytes_and_offsets
from filters.unicode import classes as unicode_classes

_TOP = 0xFFFF  # the highest cost, just below 64 bits: no n-gram of 2^64 tokens is rarer
_LEAST_DISCOUNT, _MOST_DISCOUNT = 0.1, 0.95  # of texts so few that no or all n-grams occur once
_TWO_STARTS = pair_key(START, START)

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@kernel
def _tokenize_all(data, offsets, classes, hashes, lengths):  # type: ignore[no-untyped-def]
    """Tokens of all texts, two starts before each; how many."""
    tally = np.zeros(word.TALLIES, np.int64)
    for document in range(len(offsets) - 1):
        for _ in range(2):
            hashes[tally[word.STORED]] = START
            tally[word.STORED] += 1
        word.tokenize(data, offsets[document], offsets[document + 1], classes, hashes, lengths, tally)
    return tally[word.STORED]


@kernel
def _keys(tokens, pairs, triples):  # type: ignore[no-untyped-def]
    """Keys of the pair and the triple that end at each token from the third on."""
    for k in range(2, len(tokens)):
        pairs[k - 2] = pair_key(tokens[k - 1], tokens[k])
        triples[k - 2] = triple_key(pair_key(tokens[k - 2], tokens[k - 1]), tokens[k])


def token_stream(texts: pa.StringArray) -> Keys:
    """Hashes of the tokens of all texts one after the other, uint64, two `START` before each text."""
    data, offsets = bytes_and_offsets(texts)
    hashes = np.empty(len(data) + 2 * len(texts), np.uint64)
    lengths = np.empty(len(hashes), np.int32)
    return hashes[: _tokenize_all(data, offsets, unicode_classes(), hashes, lengths)].copy()


def train(tokens: Keys, most_entries: int = 2_000_000) -> PerplexityModel:
    """Make a model of a stream of tokens.

    Args:
        tokens: as `token_stream` gives them, of as many texts as there are. 40 bytes a token are needed beside them.
        most_entries: n-grams that are kept, the most frequent ones; 12 to 24 bytes each in memory.

    Raises:
        ValueError: there is no token.
    """
    real = tokens[2:] != START
    if not np.any(real):
        raise ValueError("there is not one word in the texts; give others")
    pairs, triples = np.empty(len(tokens) - 2, np.uint64), np.empty(len(tokens) - 2, np.uint64)
    _keys(tokens, pairs, triples)
    # Pairs that end one token earlier: the contexts of triples.
    earlier = np.concatenate([np.array([_TWO_STARTS], np.uint64), pairs[:-1]])[real]
    last, pairs, triples = tokens[2:][real], pairs[real], triples[real]
    orders = [
        Order.count(last, np.full(len(last), ROOT), np.zeros(len(last), np.uint64)),
        Order.count(pairs, tokens[1:-1][real], last),
        Order.count(triples, earlier, pairs),
    ]
    return _model(_pruned(orders, most_entries))


@dataclass(frozen=True, slots=True)
class Order:
    """N-grams of one length, sorted by key, each with the keys of its context (all but the last token) and suffix (all but the first)."""

    keys: Keys
    counts: Counts
    contexts: Keys
    suffixes: Keys
    totals: Counts
    """How often the context occurs with anything behind it."""
    discount: float

    @classmethod
    def count(cls, keys: Keys, contexts: Keys, suffixes: Keys) -> Order:
        """From every occurrence."""
        found, first, counts = np.unique(keys, return_index=True, return_counts=True)
        heads, totals = np.unique(contexts, return_counts=True)
        once, twice = int(np.sum(counts == 1)), int(np.sum(counts == 2))
        discount = min(_MOST_DISCOUNT, max(_LEAST_DISCOUNT, once / max(1, once + 2 * twice)))
        contexts, suffixes = contexts[first], suffixes[first]
        return cls(found, counts.astype(np.int64), contexts, suffixes, totals[np.searchsorted(heads, contexts)].astype(np.int64), discount)

    def only(self, kept: npt.NDArray[np.bool_]) -> Order:
        """Some of its n-grams, their numbers as they were."""
        return replace(self, **{name: getattr(self, name)[kept] for name in ("keys", "counts", "contexts", "suffixes", "totals")})

    def shares(self) -> Floats:
        """What each n-gram has by itself, before any of the shorter one."""
        return np.asarray((self.counts - self.discount) / self.totals, np.float64)

    def left_over(self, contexts: Keys) -> Floats:
        """The b of each context: 1 less the shares of the n-grams that follow it here."""
        heads, place = np.unique(self.contexts, return_inverse=True)
        return 1.0 - _looked_up(heads, np.bincount(place, self.shares(), len(heads)).astype(np.float64), contexts)


def _looked_up(keys: Keys, values: Floats, wanted: Keys) -> Floats:
    """The value of each wanted key among sorted keys, 0 where it is not there."""
    if not len(keys):
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0.0)


def _pruned(orders: list[Order], most: int) -> list[Order]:
    """The most frequent n-grams of all lengths; of equally frequent ones the shorter, then those of smaller key.

    So an n-gram's context and suffix, which are no rarer and shorter, are always kept with it.
    """
    counts = np.concatenate([order.counts for order in orders])
    if len(counts) <= most:
        return orders
    rarest = np.partition(counts, len(counts) - most)[len(counts) - most]
    kept = counts > rarest
    kept[np.flatnonzero(counts == rarest)[: most - int(np.sum(kept))]] = True
    ends = np.cumsum([len(order.keys) for order in orders])
    return [order.only(kept[end - len(order.keys) : end]) for order, end in zip(orders, ends, strict=True)]


def _model(orders: list[Order]) -> PerplexityModel:
    ones, twos, threes = orders
    first = ones.shares()
    second = twos.shares() + twos.left_over(twos.contexts) * _looked_up(ones.keys, first, twos.suffixes)
    third = threes.shares() + threes.left_over(threes.contexts) * _looked_up(twos.keys, second, threes.suffixes)
    # Contexts that are no n-grams of tokens: no cost of theirs is ever asked.
    bare = np.array([ROOT, START, _TWO_STARTS], np.uint64)
    backs = [ones.left_over(bare[:1]), twos.left_over(bare[1:2]), threes.left_over(bare[2:])]
    backs += [twos.left_over(ones.keys), threes.left_over(twos.keys), np.ones(len(threes.keys))]
    keys = np.concatenate([bare, ones.keys, twos.keys, threes.keys])
    # The most frequent go in first and so are found at once.
    order = np.argsort(-np.concatenate([np.full(3, np.iinfo(np.int64).max), ones.counts, twos.counts, threes.counts]), kind="stable")
    entries = np.zeros(1 << int(np.ceil(np.log2(1.5 * len(keys)))), np.uint64)
    costs = _units(np.concatenate([np.ones(3), first, second, third]))
    fill(entries, keys[order], costs[order], _units(np.concatenate(backs))[order])
    return PerplexityModel(entries)


def _units(probabilities: Floats) -> npt.NDArray[np.uint16]:
    """-log2 in units, uint16."""
    units: npt.NDArray[np.uint16] = np.clip(np.rint(-np.log2(np.maximum(probabilities, 1e-300)) * UNIT), 0, _TOP).astype(np.uint16)
    return units
