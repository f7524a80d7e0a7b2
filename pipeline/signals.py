"""Columns of signals/, and how a batch of documents that is about to be written is measured. Text is not read again for them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.contamination.judge import MATCHES, matches
from filters.duplicates.digests import as_bytes
from filters.duplicates.signature import DEFINITION, has_words, sign
from filters.language.identify import LanguageModel
from filters.statistics import measure as text_signals
from filters.url_rules import registered_domain
from pipeline.config import Config
from pipeline.decisions.contamination import MATCHES_COLUMN, in_use
from pipeline.evaluation_sets import evaluation_index, evaluation_settings, word_counts, word_list_columns, word_list_settings
from pipeline.model_file import file_stamp, model_digest, model_file
from pipeline.model_signals import load_models, model_batch, model_columns, model_settings
from pipeline.schema import DOCUMENT_ID, REPLACED
from pipeline.sources.opt_out import OPT_OUTS
from pipeline.sources.records import Document


def signals_schema(config: Config) -> pa.Schema:
    """Columns of signals/: identity and sizes, language, the text's statistics, the MinHash signature (little-endian minima),
    and what models of the user's own say.
    """
    width = config.dedup.bands * config.dedup.rows * 4
    schema = pa.schema(
        [
            ("doc_id", DOCUMENT_ID),
            ("digest", DOCUMENT_ID),
            ("bytes", pa.int64()),
            ("domain", pa.string()),  # registered domain of a web page's address; null for other kinds
            ("language", pa.string()),  # ISO 639 of text; of code the programming language, as linguist names it
            ("language_score", pa.float32()),
            ("language_mixing_share", pa.float32()),  # of judged paragraphs' characters; null where none was long enough
            ("extraction_confidence", pa.float32()),  # of the fast extractor; null where nothing had to be chosen
            *(pa.field(name, pa.float32(), metadata={"definition": text}) for name, text in OPT_OUTS.items()),  # null but of web pages
            ("licence_evidence", pa.string()),  # of a web page: one of filters.licences.page.EVIDENCE
            ("replaced", REPLACED),
            pa.field("replacements", pa.float32(), metadata={"definition": "personal data and secrets replaced in the text"}),
            *text_signals.SCHEMA,
            ("words_digest", DOCUMENT_ID),  # of the words in their order, as the signature takes them; null where there is none
            ("signature", pa.binary(width)),
        ]
    )
    schema = pa.schema([*schema, *(pa.field(*column) for column in model_columns(config.signals, schema.names))])
    for name in word_list_columns(config.signals):
        if name in schema.names:
            raise ValueError(f"signals.word_lists: the column {name!r} is there already; choose another name")
        schema = schema.append(pa.field(name, pa.float32()))
    return schema.append(pa.field(MATCHES_COLUMN, MATCHES)) if in_use(config) else schema


def signals_settings(config: Config) -> list[Any]:
    """Every setting that decides a signal, for the fingerprint of extract."""
    dedup = config.dedup
    return [
        model_digest(language_file(config)),
        DEFINITION,
        dedup.ngram,
        dedup.bands,
        dedup.rows,
        dedup.seed,
        *model_settings(config.signals),
        *_list_settings(config),
    ]


def _list_settings(config: Config) -> list[Any]:
    return [*evaluation_settings(config.signals.contamination), *word_list_settings(config.signals)]


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
        "domain": _domains(documents),
        "extraction_confidence": pa.array([document.confidence for document in kept], pa.float32()),
        **_signatures(texts, config),
        "licence_evidence": pa.array([document.licence_evidence for document in kept], pa.string()),
        **_opt_outs(kept),
        **_replaced(kept),
        **_languages(documents, config),
        **_by_name(text_signals.compute(texts)),
        **model_batch(texts, config.signals),
    }
    columns |= word_counts(texts, columns["language"], config.signals)
    if in_use(config):
        columns[MATCHES_COLUMN] = matches(texts, evaluation_index(config.signals.contamination))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _by_name(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _lengths(texts: pa.StringArray) -> pa.Array:
    """Bytes of UTF-8, int64."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return pa.array(np.diff(offsets).astype(np.int64))


def _domains(documents: pa.RecordBatch) -> pa.Array:
    if documents["kind"][0].as_py() != "web":
        return pa.nulls(documents.num_rows, pa.string())
    return pa.array([registered_domain(locator) for locator in documents["locator"].to_pylist()], pa.string())


def _languages(documents: pa.RecordBatch, config: Config) -> dict[str, pa.Array]:
    """Language, its score, and what is in others; of code the programming language that its reader found, and null."""
    names = ("language", "language_score", "language_mixing_share")
    if documents["kind"][0].as_py() == "code":
        unknown = pa.nulls(documents.num_rows, pa.float32())
        return dict(zip(names, (documents["stated_language"], unknown, unknown), strict=True))
    found = language_model(config).measure(documents["text"])
    columns = (pa.array(found.codes, pa.string()), pa.array(found.scores), pa.array(found.mixing, from_pandas=True))
    return dict(zip(names, columns, strict=True))


def _opt_outs(kept: Sequence[Document]) -> dict[str, pa.Array]:
    """1 where a page says it, 0 where it does not, null for what is no page."""
    said = [document.opt_outs for document in kept]
    return {name: pa.array([None if page is None else float(name in page) for page in said], pa.float32()) for name in OPT_OUTS}


def _replaced(kept: Sequence[Document]) -> dict[str, pa.Array]:
    spans = [[{"kind": span.kind, "start": span.start, "end": span.end} for span in document.replaced] for document in kept]
    return {"replaced": pa.array(spans, REPLACED), "replacements": pa.array([float(len(row)) for row in spans], pa.float32())}


def _signatures(texts: pa.StringArray, config: Config) -> dict[str, pa.Array]:
    dedup = config.dedup
    minima, digests = sign(texts, dedup.ngram, dedup.bands * dedup.rows, dedup.seed)
    little = np.ascontiguousarray(minima, "<u4")
    signature = pa.Array.from_buffers(pa.binary(little.shape[1] * 4), len(texts), [None, pa.py_buffer(little)])
    return {"signature": signature, "words_digest": pc.if_else(pa.array(has_words(minima)), as_bytes(digests), None)}


def language_file(config: Config) -> Path:
    """Of the language model.

    Raises:
        ValueError: as `model_file`.
    """
    return model_file(config.signals.language_model, config.directory, config.signals.language_model_sha256)


def language_model(config: Config) -> LanguageModel:
    """The language model that a configuration names.

    Raises:
        ValueError: it is not there, cannot be fetched, or is no fastText classifier.
    """
    path = language_file(config)
    return _loaded(path, file_stamp(path))


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, _stamp: tuple[int, int]) -> LanguageModel:
    """One copy for each process: lid.176.ftz takes 0.05 s and 16 MB; a model of 1.6 GB is mapped and shared."""
    return LanguageModel.load(path)


def compile_kernels(config: Config) -> None:
    """Compile what measures a text, where the machine has not kept it: 20 s that each worker would take at the same time otherwise."""
    texts = pa.array(["text"])
    text_signals.compute(texts)
    load_models(config.signals)
    _signatures(texts, config)
    language_model(config).measure(texts)
    word_counts(texts, pa.nulls(1, pa.string()), config.signals)
    if in_use(config):
        matches(texts, evaluation_index(config.signals.contamination))
