"""How well a tokenizer fits text it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenizer.encode import UNKNOWN, Encoder


def measure(encoder: Encoder, texts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Measure a tokenizer on held-out text.

    Args:
        encoder: the tokenizer.
        texts: (source, text) pairs.

    Returns:
        Plain values for JSON: `total` and `sources`, by name. Each has documents, characters, bytes (UTF-8), tokens (without EOS),
        `bytes_per_token` (higher is denser) and `byte_fallback_share` (share of tokens that are single bytes of characters without a
        piece), both None where there are no tokens; `total` also `pieces` (neither bytes nor control) and `unused_pieces` among them.
    """
    is_byte, is_piece = _kinds(encoder)
    uses: dict[str, npt.NDArray[np.int64]] = {}
    counted: dict[str, dict[str, int]] = {}
    for source, text in texts:
        ids = encoder.encode(text)
        counts = counted.setdefault(source, {"documents": 0, "characters": 0, "bytes": 0})
        counts["documents"] += 1
        counts["characters"] += len(text)
        counts["bytes"] += len(text.encode())
        np.add.at(uses.setdefault(source, np.zeros(encoder.vocabulary, np.int64)), ids, 1)
    all_uses = sum(uses.values(), np.zeros(encoder.vocabulary, np.int64))
    all_counts = {key: sum(counts[key] for counts in counted.values()) for key in ("documents", "characters", "bytes")}
    return {
        "total": {
            **_shares(all_counts, all_uses, is_byte),
            "pieces": int(is_piece.sum()),
            "unused_pieces": int((is_piece & (all_uses == 0)).sum()),
        },
        "sources": {source: _shares(counted[source], uses[source], is_byte) for source in sorted(counted)},
    }


def _kinds(encoder: Encoder) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which ids are single bytes, and which are pieces that training chose."""
    bytes_ = {f"<0x{byte:02X}>" for byte in range(256)}
    pieces = [encoder.piece(number) for number in range(encoder.vocabulary)]
    is_byte = np.array([piece in bytes_ for piece in pieces])
    is_control = np.array([piece in encoder.control or piece == UNKNOWN for piece in pieces])
    return is_byte, ~is_byte & ~is_control


def _shares(counts: dict[str, int], uses: npt.NDArray[np.int64], is_byte: npt.NDArray[np.bool_]) -> dict[str, Any]:
    tokens = int(uses.sum())
    return {
        **counts,
        "tokens": tokens,
        "bytes_per_token": counts["bytes"] / tokens if tokens else None,
        "byte_fallback_share": int(uses[is_byte].sum()) / tokens if tokens else None,
    }
