"""Columns of signals/, and how a batch of documents that is about to be written is measured. Text is not read again for them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from filters import signals as text_signals
from filters.language import LanguageModel
from filters.signature import signatures
from pipeline.config import Config
from pipeline.schema import DOCUMENT_ID
from pipeline.sources.records import Document


def signals_schema(config: Config) -> pa.Schema:
    """Columns of signals/: identity and sizes, language, the text's statistics, the MinHash signature (little-endian minima)."""
    width = config.dedup.bands * config.dedup.rows * 4
    return pa.schema(
        [
            ("doc_id", DOCUMENT_ID),
            ("digest", DOCUMENT_ID),
            ("bytes", pa.int64()),
            ("language", pa.string()),
            ("language_score", pa.float32()),
            ("extraction_confidence", pa.float32()),  # of the fast extractor; null where nothing had to be chosen
            *text_signals.SCHEMA,
            ("signature", pa.binary(width)),
        ]
    )


def signals_settings(config: Config) -> list[Any]:
    """Every setting that decides a signal, for the fingerprint of extract."""
    dedup = config.dedup
    return [config.signals.language_model, dedup.ngram, dedup.bands, dedup.rows, dedup.seed]


def signals_batch(documents: pa.RecordBatch, kept: Sequence[Document], config: Config) -> pa.Table:
    """Signals of a batch of documents of one source, row for row.

    Args:
        documents: columns of `pipeline.schema.DOCUMENTS`.
        kept: the same documents as they were read, with what stands in no column of theirs.
        config: says what is measured.
    """
    texts = documents["text"]
    schema = signals_schema(config)
    columns = {
        "doc_id": documents["doc_id"],
        "digest": documents["digest"],
        "bytes": _lengths(texts),
        "extraction_confidence": pa.array([document.confidence for document in kept], pa.float32()),
        "signature": _signatures(texts, config),
        **_languages(documents, config),
        **_by_name(text_signals.compute(texts)),
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _by_name(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _lengths(texts: pa.StringArray) -> pa.Array:
    """Bytes of UTF-8, int64."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return pa.array(np.diff(offsets).astype(np.int64))


def _languages(documents: pa.RecordBatch, config: Config) -> dict[str, pa.Array]:
    """Language and its score; null for code."""
    rows = documents.num_rows
    if documents["kind"][0].as_py() == "code":
        return {"language": pa.nulls(rows, pa.string()), "language_score": pa.nulls(rows, pa.float32())}
    languages, scores = language_model(config.signals.language_model).identify(documents["text"])
    return {"language": pa.array(languages, pa.string()), "language_score": pa.array(scores)}


def _signatures(texts: pa.StringArray, config: Config) -> pa.Array:
    dedup = config.dedup
    minima = np.ascontiguousarray(signatures(texts, dedup.ngram, dedup.bands * dedup.rows, dedup.seed), "<u4")
    return pa.Array.from_buffers(pa.binary(minima.shape[1] * 4), len(texts), [None, pa.py_buffer(minima)])


@functools.lru_cache(maxsize=2)
def language_model(name: str) -> LanguageModel:
    """One copy for each process: the model takes 0.1 s and 1 MB (lid.176.ftz) to 1 GB."""
    return LanguageModel.load(name)


def compile_kernels(config: Config) -> None:
    """Compile what measures a text, where the machine has not kept it: 20 s that each worker would take at the same time otherwise."""
    texts = pa.array(["text"])
    text_signals.compute(texts)
    _signatures(texts, config)
