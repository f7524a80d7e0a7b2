"""Runs that filter has just left, made of given texts without extraction, and what dedup decides of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.duplicates.digests import as_bytes, digests
from filters.duplicates.signature import has_words, sign
from pipeline.config import Config
from pipeline.run import PartWriter, Receipt, Run, sha256
from pipeline.schema import DOCUMENTS, FILTERED, document_id
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP


@dataclass(frozen=True)
class Text:
    """A document of a planted run."""

    name: str
    text: str
    source: str = "web"
    date: str | None = None
    input: str = "pages.warc.gz"
    kept: bool = True
    quality: float = 0.0
    domain: str | None = None

    @property
    def doc_id(self) -> bytes:
        return document_id("", self.name)


def signals_of(texts: Sequence[Text], config: Config) -> pa.Table:
    column = pa.array([text.text for text in texts], pa.string())
    minima, words = sign(column, config.dedup.ngram, config.dedup.bands * config.dedup.rows, config.dedup.seed)
    width = 4 * minima.shape[1]
    return pa.table(
        {
            "doc_id": pa.array([text.doc_id for text in texts], pa.binary(16)),
            "digest": pa.array(digests(column), pa.binary(16)),
            "domain": pa.array([text.domain for text in texts], pa.string()),
            "language": pa.array(["en"] * len(texts), pa.string()),
            "bytes": pa.array([len(text.text.encode()) for text in texts], pa.int64()),
            "words": pa.array([text.quality for text in texts], pa.float32()),
            "words_digest": pc.if_else(pa.array(has_words(minima)), as_bytes(words), None),
            "signature": pa.Array.from_buffers(pa.binary(width), len(texts), [None, pa.py_buffer(np.ascontiguousarray(minima))]),
        }
    )


def write_part(run: Run, config: Config, key: str, texts: Sequence[Text]) -> tuple[Receipt, Receipt]:
    """Write documents/, signals/ and filtered/ of one part; the receipts of extract and filter."""
    given = {
        "doc_id": [text.doc_id for text in texts],
        "source": [text.source for text in texts],
        "locator": [text.name for text in texts],
        "text": [text.text for text in texts],
        "date": [text.date for text in texts],
        "input": [text.input for text in texts],
        "kind": ["web"] * len(texts),
    }
    documents = pa.table([pa.array(given.get(field.name, [None] * len(texts)), field.type) for field in DOCUMENTS], schema=DOCUMENTS)
    filtered = pa.table([[text.doc_id for text in texts], [text.kept for text in texts], *[[None] * len(texts)] * 4], schema=FILTERED)
    signals = signals_of(texts, config)
    for name, table in (("documents", documents), ("signals", signals), ("filtered", filtered)):
        with PartWriter(run.part(name, key), table.schema) as writer:
            writer.write(table)
    counts: dict[str, Any] = {}
    for text in texts:
        source = counts.setdefault(text.source, {"documents": 0, "kept": 0})
        source["documents"] += 1
        source["kept"] += text.kept
    outputs = {name: str(run.part(name, key).relative_to(run.directory)) for name in ("documents", "signals", "filtered")}
    about = {path: {"bytes": run.path(path).stat().st_size, "sha256": sha256(run.path(path))} for path in outputs.values()}
    of_extract = {path: about[path] for path in (outputs["documents"], outputs["signals"])}
    return Receipt("", of_extract, {"sources": counts}), Receipt("", {outputs["filtered"]: about[outputs["filtered"]]}, {"sources": counts})


def plant(folder: Path, parts: Mapping[str, Sequence[Text]], **sections: Any) -> tuple[Run, Config]:
    """A run of these parts, filtered but not deduplicated."""
    names = sections.pop("sources", None) or sorted({text.source for texts in parts.values() for text in texts} or {"web"})
    sources = [{"name": name, "kind": "web", "paths": ["none"]} for name in names]
    config = Config.model_validate({"name": folder.name, "output": str(folder.parent), "sources": sources, **sections})
    run = Run(config.directory)
    run.directory.mkdir(parents=True, exist_ok=True)
    receipts = {key: write_part(run, config, key, texts) for key, texts in parts.items()}
    for number, stage in enumerate(("extract", "filter")):
        run.begin(stage, [])
        run.finish(stage, "", {key: pair[number] for key, pair in receipts.items()}, ())
    return run, config


def deduplicated(folder: Path, parts: Mapping[str, Sequence[Text]] | Sequence[Text], **sections: Any) -> Run:
    """A run of these parts, deduplicated."""
    run, config = plant(folder, parts if isinstance(parts, Mapping) else {"a": parts}, **sections)
    perform(DEDUP, run, config)
    return run


def decisions(run: Run) -> dict[str, dict[str, Any]]:
    """Rows of decisions/ by the document's name; every document must have another."""
    rows: dict[str, dict[str, Any]] = {}
    for file in sorted(run.path("decisions").glob("part-*.parquet")):
        names = pq.read_table(run.path("documents", file.name), columns=["locator"])["locator"].to_pylist()
        rows |= dict(zip(names, pq.read_table(file).to_pylist(), strict=True))
    return rows


def kept(run: Run) -> set[str]:
    return {name for name, row in decisions(run).items() if row["keep"]}
