"""Small shards of real Python source, byte by byte: no tokenizer is needed to have text whose next token can be learnt."""

from __future__ import annotations

import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from tokenshards import DOCUMENTS, token_dtype, write_documents, write_manifest, write_shard


@dataclass(frozen=True)
class Pieces:
    """How texts become ids."""

    encode: Callable[[bytes], Iterable[int]]
    eos: int
    vocabulary: int
    sha256: str


BYTES = Pieces(encode=list, eos=256, vocabulary=257, sha256="0" * 64)


def write_shards(
    folder: Path, documents: dict[str, list[tuple[bytes, str]]], pieces: Pieces = BYTES, weights: Mapping[bytes, float] | None = None
) -> Path:
    """Shards of splits of (text, licence); weights of some texts."""
    rows, entries = [], []
    for split, texts in documents.items():
        ids = [np.array([*pieces.encode(text), pieces.eos], np.uint16) for text, _ in texts]
        entries.append(write_shard(folder, f"{split}-00000", ids, token_dtype(pieces.vocabulary), pieces.eos))
        for number, (text, licence) in enumerate(texts):
            rows.append(
                {
                    "split": split,
                    "shard": 0,
                    "document": number,
                    "doc_id": hashlib.md5(text).digest(),
                    "source": "stdlib" if number % 2 else "other",
                    "kind": "code",
                    "locator": f"{split}/{number}",
                    "licence": licence,
                    "language": "en",
                    "characters": len(text),
                    "bytes": len(text),
                    "tokens": len(ids[number]),
                    "weight": (weights or {}).get(text),
                }
            )
    write_documents(folder, [pa.Table.from_pylist(rows, schema=DOCUMENTS)])
    write_manifest(folder, entries, tokenizer_sha256=pieces.sha256, vocabulary=pieces.vocabulary, eos=pieces.eos)
    return folder


def functions(module: ModuleType) -> list[bytes]:
    """Sources of a standard module's functions, as documents."""
    found = [value for _, value in sorted(vars(module).items()) if inspect.isfunction(value) and value.__module__ == module.__name__]
    return [inspect.getsource(function).encode() for function in found]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Two threads of products this small wait for each other most of the time, and far longer where the cores are shared."""
    torch = pytest.importorskip("torch", reason="the trainer needs torch: pip install 'curate[train]'")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def texts() -> list[bytes]:
    return functions(textwrap) + functions(inspect) + functions(json)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]) -> Path:
    documents = [(text, ("PSF-2.0", "MIT", "unknown")[number % 3]) for number, text in enumerate(texts)]
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": documents[6:], "validation": documents[:6]})
