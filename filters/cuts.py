"""Cutting recorded spans out of a text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def apply_cuts(text: bytes, spans: Sequence[int]) -> bytes:
    """The text without its spans, and without blanks and line feeds at its ends where anything was cut.

    Args:
        text: UTF-8.
        spans: flat [start, end) byte offsets in rising order, not overlapping, as in the columns `filters.statistics.measure.CUTS`.

    Raises:
        ValueError: the spans are not of this text: odd in number, out of order, or beyond its end.
    """
    if not len(spans):
        return text
    edges = [0, *(int(edge) for edge in spans), len(text)]
    if len(edges) % 2 or any(left > right for left, right in itertools.pairwise(edges)):
        raise ValueError(f"spans {edges[1:9]}... do not lie within a text of {len(text)} bytes; compute the signals of this text anew")
    return b"".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)).strip()
