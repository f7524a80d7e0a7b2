"""Small shard folders, written by the real writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tokenshards.format import shard_name, token_dtype
from tokenshards.writer import DOCUMENTS, write_documents, write_manifest, write_shard

EOS = 1
Shards = Sequence[Sequence[Sequence[int]]]


def write(directory: Path, splits: Mapping[str, Shards], vocabulary: int = 1000, weights: Sequence[float] | None = None) -> Path:
    """Folder with the shards of each split, each a list of documents without their EOS; weights of all documents in this order."""
    entries, rows = [], []
    for split, shards in splits.items():
        for number, documents in enumerate(shards):
            ended = [np.array([*document, EOS], np.int64) for document in documents]
            entries.append(write_shard(directory, shard_name(split, number), ended, token_dtype(vocabulary), EOS))
            for position, document in enumerate(ended):
                row: dict[str, Any] = dict.fromkeys(("source", "kind", "licence", "language"), "x")
                row |= {"split": split, "shard": number, "document": position, "doc_id": bytes(16), "tokens": len(document)}
                row |= {"locator": f"{split}/{number}/{position}", "characters": len(document), "bytes": 2 * len(document)}
                rows.append(row | ({"weight": weights[len(rows)]} if weights is not None else {}))
    write_documents(directory, [pa.RecordBatch.from_pylist(rows, DOCUMENTS)])
    write_manifest(directory, entries, tokenizer_sha256="0" * 64, vocabulary=vocabulary, eos=EOS)
    return directory


@pytest.fixture(scope="session")
def make_shards() -> Callable[..., Path]:
    return write


@pytest.fixture
def random_shards(tmp_path: Path) -> Path:
    """Three shards of 60 documents with long-tailed lengths; every token of the split is another number, but for EOS."""
    lengths = np.minimum(np.random.default_rng(5).lognormal(3, 1.2, 60).astype(int), 900)
    token = iter(range(2, 1 << 30))
    documents = [[next(token) for _ in range(length)] for length in lengths]
    return write(tmp_path / "shards", {"train": [documents[:25], documents[25:26], documents[26:]], "validation": [[[7, 8]]]}, 1 << 20)
