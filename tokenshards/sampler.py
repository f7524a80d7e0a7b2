"""What an epoch serves and in which order: how often each document, and a keyed permutation of the rows, computed at any place without the
places before it.

A Feistel network over the smallest power of two that holds all rows, with a 64-bit mixing function for its rounds, is a bijection
whatever the function is; walking on until the value is a row (Black and Rogaway 2002, cycle walking) makes it a bijection of the
rows. The domain is below twice the rows, so a place costs under two walks on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ROUNDS = 8
"""Four suffice with a pseudo-random round function (Luby and Rackoff 1988); eight, because halves of few bits mix slowly."""
MASK = (1 << 64) - 1
REPEATS_KEY = 0x72657065617473
"""Keeps the choice of repeated documents independent of the order of rows under one seed."""


@dataclass(frozen=True)
class Sampler:
    """The endless sequence of rows: epoch e is places e * rows to (e + 1) * rows, each row once in each.

    Args:
        rows: number of rows, at least 1.
        seed: any integer of 64 bits; another seed gives other orders.

    Raises:
        ValueError: `rows` is below 1 or above 2^62, `seed` is not in 0 to 2^64 - 1.
    """

    rows_per_epoch: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.rows_per_epoch <= 1 << 62:
            raise ValueError(f"{self.rows_per_epoch} rows cannot be sampled; the plan needs at least one")
        if not 0 <= self.seed <= MASK:
            raise ValueError(f"seed {self.seed} is not in 0 to 2^64 - 1")

    def row(self, index: int) -> int:
        """Row at a place of the sequence."""
        return int(self.rows(index, 1)[0])

    def rows(self, start: int, count: int) -> npt.NDArray[np.int64]:
        """int64 (count,): rows at places `start` to `start + count`, across epochs where they lie in several.

        Raises:
            ValueError: `start` or `count` is negative.
        """
        if start < 0 or count < 0:
            raise ValueError(f"rows {start} to {start + count} are not places of the sequence; it begins at 0")
        parts = [np.zeros(0, np.int64)]
        while count:
            epoch, within = divmod(start, self.rows_per_epoch)
            taken = min(count, self.rows_per_epoch - within)
            parts.append(self._permute(np.arange(within, within + taken, dtype=np.uint64), epoch))
            start, count = start + taken, count - taken
        return np.concatenate(parts)

    def state(self, index: int, fingerprint: str) -> dict[str, Any]:
        """All that must be kept to go on from place `index`: seed, epoch, index within all epochs, and the data's fingerprint."""
        return {"seed": self.seed, "epoch": index // self.rows_per_epoch, "index": index, "fingerprint": fingerprint}

    def _permute(self, places: npt.NDArray[np.uint64], epoch: int) -> npt.NDArray[np.int64]:
        bits = max(2, (self.rows_per_epoch - 1).bit_length())
        key = _mix_one(_mix_one(self.seed) ^ epoch)
        keys = [_mix_one(key + number) for number in range(ROUNDS)]
        values = _feistel(places, bits, keys)
        outside = np.flatnonzero(values >= self.rows_per_epoch)
        while len(outside):
            values[outside] = _feistel(values[outside], bits, keys)
            outside = outside[values[outside] >= self.rows_per_epoch]
        return values.astype(np.int64)


def repeats(weights: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int64]:
    """How often each document stands in a pack plan: its weight rounded down, and once more with the chance of the fraction left.

    The chance is a keyed hash of (seed, document number): the same in every epoch, so that one plan serves them all, and the same wherever
    it is computed.

    Args:
        weights: (documents,), finite and at least 0, such as `TokenShards.weights`; 1 for all gives 1 for all.
        seed: any integer of 64 bits.

    Returns:
        int64 (documents,).

    Raises:
        ValueError: a weight is negative, infinite or not a number.
    """
    exact = np.asarray(weights, np.float64)
    if exact.ndim != 1 or not (np.isfinite(exact) & (exact >= 0)).all():
        raise ValueError(f"weights of shape {exact.shape} and least {exact.min(initial=0)} do not say how often; give numbers of 0 or more")
    whole = np.floor(exact)
    hashes = _mix(np.arange(len(exact), dtype=np.uint64) ^ np.uint64(_mix_one(seed ^ REPEATS_KEY)))
    # 53 bits, what a float64 holds: chances from 0 to below 1.
    chance = (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (whole + (chance < exact - whole)).astype(np.int64)


def _feistel(values: npt.NDArray[np.uint64], bits: int, keys: list[int]) -> npt.NDArray[np.uint64]:
    """A permutation of 0 to 2^bits - 1: the halves change each other in turn, so that they may differ by a bit in width."""
    low_bits = bits // 2
    low_mask, high_mask = np.uint64((1 << low_bits) - 1), np.uint64((1 << (bits - low_bits)) - 1)
    low, high = values & low_mask, values >> np.uint64(low_bits)
    for number, key in enumerate(keys):
        if number % 2:
            low ^= _mix(high ^ np.uint64(key)) & low_mask
        else:
            high ^= _mix(low ^ np.uint64(key)) & high_mask
    return (high << np.uint64(low_bits)) | low


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The output function of splitmix64 (Steele, Lea and Flood 2014); uint64 arithmetic on arrays wraps."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mix_one(value: int) -> int:
    return int(_mix(np.array([value & MASK], np.uint64))[0])
