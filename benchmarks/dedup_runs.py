"""Runs as extract and filter leave them, written without text, so that dedup alone is measured; and the synthetic documents of a scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import Config
from pipeline.run import PartWriter, Run, Unit
from pipeline.schema import DOCUMENTS, FILTERED
from pipeline.signals import signals_schema

SOURCE = "texts"
PART_DOCUMENTS = 50_000
PER_CLUSTER, CLUSTERED_SHARE, KEPT_MINIMA = 4, 0.4, 0.92


@dataclass(frozen=True)
class Documents:
    """Some documents as dedup sees them."""

    ids: npt.NDArray[np.uint8]
    """uint8 [n, 16]."""
    digests: npt.NDArray[np.uint8]
    """uint8 [n, 16]; equal for equal texts."""
    sizes: npt.NDArray[np.int64]
    """Bytes of text."""
    signatures: npt.NDArray[np.uint32]
    """uint32 [n, permutations]."""


def configuration(output: Path, *, dedup: dict[str, Any] | None = None, runner: dict[str, Any] | None = None) -> Config:
    """Of a run named `dedup` under `output` with one table as its source, without rules and with its text left as it is."""
    return Config.model_validate({
        "name": "dedup",
        "output": str(output),
        "sources": [{"name": SOURCE, "kind": "table", "paths": [str(output / "texts.jsonl")]}],
        "extract": {"secrets": "keep", "personal_data": {"action": "keep"}},
        "filter": {"presets": {"table": []}},
        "dedup": dedup or {},
        "runner": runner or {},
    })  # fmt: skip


def write_run(config: Config, parts: Iterable[Documents]) -> None:
    """Write documents/, signals/ and filtered/ with the manifests of extract and filter; every document is kept by filter.

    Columns that dedup does not need (text among them) are null or 0.
    """
    run, receipts = Run(config.directory), {"extract": {}, "filter": {}}
    for stage in receipts:
        run.begin(stage, [])
    for number, part in enumerate(parts):
        unit = Unit(key=f"{number:05d}", fingerprint="synthetic", bytes=0)
        rows = len(part.sizes)
        ids, digests, sizes = _binary(part.ids), _binary(part.digests), pa.array(part.sizes)
        names = pa.array(np.full(rows, SOURCE))
        known = {
            "doc_id": ids, "digest": digests, "bytes": sizes, "source": names, "kind": pa.array(np.full(rows, "table")), "input": names,
            "keep": pa.array(np.ones(rows, np.bool_)), "signature": _binary(part.signatures.astype("<u4").view(np.uint8)),
        }  # fmt: skip
        tables = {"documents": DOCUMENTS, "signals": signals_schema(config), "filtered": FILTERED}
        paths = {}
        for table, schema in tables.items():
            columns = [_column(field, known, rows) for field in schema]
            with PartWriter(run.part(table, unit.key), schema) as writer:
                writer.write(pa.table(columns, schema=schema))
            paths[table] = writer.path
        counts = {"documents": rows, "kept": rows, "kept_bytes": int(part.sizes.sum()), "removed": {}, "languages": {}}
        run.give_receipt("extract", unit, [paths["documents"], paths["signals"]], {"sources": {SOURCE: {"documents": rows}}})
        run.give_receipt("filter", unit, [paths["filtered"]], {"sources": {SOURCE: counts}})
    for stage, folders in (("extract", ("documents", "signals")), ("filter", ("filtered",))):
        run.finish(stage, "synthetic", run.receipts(stage), folders)


def _column(field: pa.Field, known: dict[str, pa.Array], rows: int) -> pa.Array:
    """What is known; a second digest (of the words, of the payload) is the first; else null, or 0 or empty where that may not be."""
    if field.name in known or "digest" in field.name:
        return known.get(field.name, known["digest"]).cast(field.type)
    if field.nullable:
        return pa.nulls(rows, field.type)
    return pa.array([[]] * rows, field.type) if pa.types.is_list(field.type) else pa.array(np.zeros(rows)).cast(field.type)


def _binary(values: npt.NDArray[np.uint8]) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(values.shape[1]), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def planted(documents: int, permutations: int) -> Iterator[Documents]:
    """So many synthetic documents in parts: 60 of 100 like no other, the rest in clusters of about 4 whose members share 0.92 of the minima
    of one base each, so that two of them are alike at about 0.85 (0.92²). A cluster's members lie in all parts.
    """
    clusters = max(1, int(documents * CLUSTERED_SHARE / PER_CLUSTER))
    for number, begin in enumerate(range(0, documents, PART_DOCUMENTS)):
        rows = min(PART_DOCUMENTS, documents - begin)
        generator = np.random.default_rng([documents, number])
        minima = generator.integers(0, 0xFFFFFFFE, (rows, permutations), np.uint32)
        members = np.flatnonzero(generator.random(rows) < CLUSTERED_SHARE)
        # The base of cluster c is row c of a stream that each part can make for itself: splitmix64 of its place.
        places = generator.integers(0, clusters, len(members))[:, None] * permutations + np.arange(permutations)
        base = _splitmix(places.astype(np.uint64)) % np.uint64(0xFFFFFFFE)
        kept = generator.random((len(members), permutations)) < KEPT_MINIMA
        minima[members] = np.where(kept, base.astype(np.uint32), minima[members])
        ids, digests = (np.frombuffer(generator.bytes(rows * 16), np.uint8).reshape(rows, 16) for _ in range(2))
        yield Documents(ids, digests, generator.integers(200, 20_000, rows), minima)


def expected_kept(documents: int) -> float:
    """Of `planted`: those like no other, and one of each cluster that has members."""
    clusters = max(1, int(documents * CLUSTERED_SHARE / PER_CLUSTER))
    return documents * (1 - CLUSTERED_SHARE) + clusters * (1 - (1 - 1 / clusters) ** (documents * CLUSTERED_SHARE))


def identical(documents: int, permutations: int) -> Iterator[Documents]:
    """One text so many times, and 1,000 others."""
    others = next(planted(1000, permutations))
    yield others
    generator = np.random.default_rng(documents)
    minima = generator.integers(0, 0xFFFFFFFE, (1, permutations), np.uint32)
    digest = np.frombuffer(generator.bytes(16), np.uint8)[None]
    for begin in range(0, documents, PART_DOCUMENTS):
        rows = min(PART_DOCUMENTS, documents - begin)
        ids = np.frombuffer(generator.bytes(rows * 16), np.uint8).reshape(rows, 16)
        yield Documents(ids, np.repeat(digest, rows, axis=0), np.full(rows, 2000), np.repeat(minima, rows, axis=0))


def _splitmix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        values = (values + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
