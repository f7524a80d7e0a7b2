"""Unigram and trigram baselines: what counting alone makes of the same tokens.

The trigram is interpolated modified Kneser-Ney (Chen and Goodman 1998, TR-10-98, section 3): three discounts per order, estimated
from how many n-grams occur once, twice, three and four times, lower orders over continuation counts, and the unigram interpolated
with 1 / V, so that every probability is above zero. The unigram baseline is the same with raw counts and no higher order. Counts
are sorted arrays of keys (a · V + b) · V + c in int64, which holds vocabularies below 2²¹.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """One order: sorted n-gram keys, their discounted shares of their context, and the mass each context leaves to the order below.

    Attributes:
        keys: int64, sorted; context · V + token.
        share: float64, max(count - discount, 0) / total of the context.
        contexts: int64, sorted.
        left: float64, the share of a context's mass that goes to the lower order.
    """

    keys: Ids
    share: Probabilities
    contexts: Ids
    left: Probabilities

    @classmethod
    def of(cls, keys: Ids, counts: Ids, vocabulary: int) -> Level:
        """From sorted distinct keys and their counts."""
        discount = _discounts(counts)[np.minimum(counts, 3)]
        contexts, first = np.unique(keys // vocabulary, return_index=True)
        total = np.add.reduceat(counts, first).astype(np.float64) if len(keys) else np.zeros(0)
        removed = np.add.reduceat(discount, first) if len(keys) else np.zeros(0)
        per_key = np.repeat(total, np.diff(np.append(first, len(keys))))
        return cls(keys, (counts - discount) / per_key, contexts, removed / total)

    def interpolate(self, context: Ids, token: Ids, lower: Probabilities, vocabulary: int) -> Probabilities:
        """Share of the n-gram plus the mass left to `lower`; a context never seen leaves all of it."""
        return _lookup(self.keys, self.share, context * vocabulary + token, 0.0) + _lookup(self.contexts, self.left, context, 1.0) * lower


@dataclass(frozen=True)
class NGram:
    """A model of `len(levels)` orders, lowest first. `NGram.unigram` and `NGram.trigram` train one."""

    levels: tuple[Level, ...]
    vocabulary: int

    @classmethod
    def unigram(cls, tokens: Ids, vocabulary: int) -> NGram:
        """Absolute discounting of raw counts, interpolated with 1 / V.

        Args:
            tokens: (n,) int64 ids.
            vocabulary: V.
        """
        keys, counts = np.unique(tokens, return_counts=True)
        return cls((Level.of(keys.astype(np.int64), counts.astype(np.int64), vocabulary),), vocabulary)

    @classmethod
    def trigram(cls, before_2: Ids, before_1: Ids, tokens: Ids, vocabulary: int) -> NGram:
        """Interpolated modified Kneser-Ney of order 3.

        Args:
            before_2: (n,) int64 ids two places before each token.
            before_1: (n,) one place before.
            tokens: (n,) the tokens to be predicted.
            vocabulary: V, below 2²¹.

        Raises:
            ValueError: V is too large for packed keys.
        """
        if vocabulary >= 1 << 21:
            raise ValueError(f"a vocabulary of {vocabulary} pieces does not fit packed trigram keys, which take fewer than {1 << 21}")
        keys_3, counts_3 = _count((before_2 * vocabulary + before_1) * vocabulary + tokens)
        keys_2, counts_2 = _count(np.sort(keys_3 % (vocabulary * vocabulary)), is_sorted=True)  # distinct left neighbours of (b, c)
        keys_1, counts_1 = _count(np.sort(keys_2 % vocabulary), is_sorted=True)
        orders = ((keys_1, counts_1), (keys_2, counts_2), (keys_3, counts_3))
        return cls(tuple(Level.of(keys, counts, vocabulary) for keys, counts in orders), vocabulary)

    def probability(self, before_2: Ids, before_1: Ids, tokens: Ids) -> Probabilities:
        """p(token | two before it), (n,) float64 above 0; over all V tokens of one context they sum to 1."""
        # Equal n-grams are looked up once, in sorted order: binary searches of neighbours share their cache lines.
        keys, back = np.unique((before_2 * self.vocabulary + before_1) * self.vocabulary + tokens, return_inverse=True)
        token, context = keys % self.vocabulary, keys // self.vocabulary
        contexts = (np.zeros_like(context), context % self.vocabulary, context)
        p = np.full(len(keys), 1.0 / self.vocabulary)
        for level, before in zip(self.levels, contexts, strict=False):
            p = level.interpolate(before, token, p, self.vocabulary)
        return p[back]


def _count(keys: Ids, *, is_sorted: bool = False) -> tuple[Ids, Ids]:
    if not is_sorted:
        keys = np.sort(keys)
    first = np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]]))
    return keys[first], np.diff(np.append(first, len(keys))).astype(np.int64)


def _discounts(counts: Ids) -> Probabilities:
    """D of counts 0, 1, 2 and 3 or more (Chen and Goodman, equation 26).

    Small samples break the estimates: D of 1 is kept within 0.05 to 0.95, and each further one between 0 and 1 above the one before, so
    that what remains of a count is above zero and grows with it.
    """
    once, twice, thrice, four = (float(np.count_nonzero(counts == k)) for k in (1, 2, 3, 4))
    y = once / (once + 2 * twice) if once and twice else 0.5
    first = min(max(1 - 2 * y * twice / once if once else 0.5, 0.05), 0.95)
    second = min(max(2 - 3 * y * thrice / twice if twice else 1.0, first), first + 1)
    third = min(max(3 - 4 * y * four / thrice if thrice else 1.5, second), second + 1)
    return np.array([0.0, first, second, third])


def _lookup(keys: Ids, values: Probabilities, wanted: Ids, default: float) -> Probabilities:
    if not len(keys):
        return np.full(len(wanted), default)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], default)
