"""Which member of a cluster stays: an order of documents, as columns of unsigned integers of which the lower comes first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

LAST = np.uint64((1 << 64) - 1)
"""Of a document that lacks what is compared."""

_SIGN = np.uint64(1 << 63)
_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?!\d)")


def rank(values: npt.NDArray[Any], *, lowest_first: bool = False) -> npt.NDArray[np.uint64]:
    """Numbers as uint64 that sort the highest number first; NaN is last.

    Args:
        values: integers or floats [n], compared as float64.
        lowest_first: the other way round; NaN is last all the same.
    """
    numbers = np.asarray(values, np.float64) + 0.0  # -0.0 becomes 0.0
    bits = numbers.view(np.uint64)
    # IEEE 754 numbers sort as their bits do, once negative ones are turned over.
    ascending = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return np.where(np.isnan(numbers), LAST, ascending if lowest_first else ~ascending)


def day_numbers(dates: Iterable[str | None]) -> npt.NDArray[np.float64]:
    """ISO 8601 dates as YYYYMMDD, float64; a missing month or day is 0; NaN for what begins with no year."""
    days = (_DAY.match(date or "") for date in dates)
    return np.array([np.nan if day is None else int(day[1] + (day[2] or "00") + (day[3] or "00")) for day in days], np.float64)


def precedence(order: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Each row's place in the order of uint64 [n, columns], the first column weighing most; equal rows by their place in the array."""
    places = np.empty(len(order), np.int64)
    places[np.lexsort([order[:, k] for k in range(order.shape[1] - 1, -1, -1)])] = np.arange(len(order))
    return places


def choose_survivors(labels: npt.NDArray[np.int64], precedence: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The row that survives of each row's cluster: the one of lowest precedence.

    Args:
        labels: int64 [n], equal within a cluster.
        precedence: int64 [n], all different.

    Returns:
        int64 [n], a row number; a row that survives has its own.
    """
    order = np.lexsort((precedence, labels))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = labels[order][1:] != labels[order][:-1]
    survivors = np.empty(len(order), np.int64)
    survivors[order] = order[np.flatnonzero(is_first)][np.cumsum(is_first) - 1]
    return survivors
