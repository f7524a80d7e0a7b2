"""The kept documents of a part, with the spans cut that the rules in force remove, and which split each belongs to.

The only place where text is read again after extraction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from filters.cuts import apply_cuts
from pipeline.config import Config
from pipeline.decisions.contamination import CUTS, MATCHES_COLUMN, contaminated_cut_settings, frequent_ngrams, judged
from pipeline.decisions.rules import rules
from pipeline.run import Run, Unit, digest
from pipeline.settings.sources import Source

REPEATED = {"lines": "repeated_lines", "passages": "repeated_passages"}
"""Columns of spans that dedup found over the whole run, in dedup/lines/ and dedup/passages/, row-aligned with documents/."""
COLUMNS = ["doc_id", "source", "kind", "locator", "licence", "digest", "text"]


def kept_batches(run: Run, key: str, config: Config) -> Iterator[pa.Table]:
    """Kept rows of documents/part-K, about 1,000 at a time, with `text` after cuts, `language` and `weight` beside `COLUMNS`."""
    sources = {source.name: source for source in config.sources}
    decisions = pq.read_table(run.part("decisions", key), columns=["keep", "weight"])
    keep = decisions["keep"].combine_chunks()
    row = 0
    frequent = None
    with contextlib.ExitStack() as files:
        documents, signals = (files.enter_context(pq.ParquetFile(run.part(table, key))) for table in ("documents", "signals"))
        repeated = {REPEATED[name]: files.enter_context(pq.ParquetFile(run.part(f"dedup/{name}", key))) for name in repeats_wanted(config)}
        aligned = {file.num_row_groups for file in (documents, signals, *repeated.values())}
        assert len(aligned) == 1, "documents, signals and dedup's spans are row-aligned, group by group"
        for group in range(documents.num_row_groups):
            rows = documents.metadata.row_group(group).num_rows
            mask = keep.slice(row, rows)
            weights = decisions["weight"].slice(row, rows)
            row += rows
            if mask.true_count == 0:
                continue
            batch = documents.read_row_group(group, columns=COLUMNS).filter(mask)
            cuts = _cuts(sources[batch["source"][0].as_py()], config)
            measured = signals.read_row_group(
                group, columns=["language", *(MATCHES_COLUMN if name == CUTS else name for name in cuts)]
            ).filter(mask)
            if CUTS in cuts:
                frequent = frequent_ngrams(run, config) if frequent is None else frequent
                measured = measured.append_column(CUTS, pa.array(judged(measured, frequent, config).spans, pa.list_(pa.int32())))
            for name, file in repeated.items():
                measured = measured.append_column(name, file.read_row_group(group, columns=[name])[name].filter(mask))
            if cuts or repeated:
                spans = zip(*(measured[name].to_pylist() for name in (*cuts, *repeated)), strict=True)
                texts = [
                    apply_cuts(text.encode(), united(filter(None, cut))).decode()
                    for text, cut in zip(batch["text"].to_pylist(), spans, strict=True)
                ]
                batch = batch.set_column(batch.schema.get_field_index("text"), "text", pa.array(texts, pa.string()))
            yield batch.append_column("language", measured["language"]).append_column("weight", weights.filter(mask))


def is_validation(doc_ids: Sequence[bytes], config: Config) -> npt.NDArray[np.bool_]:
    """Bool [n]: held out, by hash of doc_id under `shards.validation_share`."""
    return below(keyed_hashes(doc_ids, "validation", config.shards.seed), config.shards.validation_share)


def keyed_hashes(doc_ids: Sequence[bytes], purpose: str, seed: int) -> npt.NDArray[np.uint64]:
    """uint64 [n]: xxh3-64 of doc_id under a key of its own for each purpose, so that choices are independent of each other."""
    key = xxhash.xxh3_64_intdigest(purpose.encode(), seed=seed)
    return np.fromiter((xxhash.xxh3_64_intdigest(doc_id, seed=key) for doc_id in doc_ids), np.uint64, len(doc_ids))


def below(hashes: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Bool [n]: the hashes that lie in the lowest `share` of their space."""
    return hashes.astype(np.float64) < share * 2.0**64


def united(spans: Iterable[Sequence[int]]) -> list[int]:
    """Flat [start, end) spans of several rules as one list, in rising order and without overlaps."""
    pairs = sorted(pair for flat in spans for pair in zip(flat[::2], flat[1::2], strict=True))
    merged: list[int] = []
    for start, end in pairs:
        if merged and start <= merged[-1]:
            merged[-1] = max(merged[-1], end)
        else:
            merged += [start, end]
    return merged


def cut_settings(run: Run, config: Config) -> list[Any]:
    """What decides which spans are cut, for the fingerprints of stages that read kept text: presets may differ in nothing else."""
    return [{source.name: _cuts(source, config) for source in config.sources}, *contaminated_cut_settings(run, config)]


def kept_units(run: Run, config: Config, settings: Sequence[Any]) -> list[Unit]:
    """A unit for each part of the kept text, its fingerprint of `settings` and of everything that the text is made from."""
    documents, decisions = run.outputs("extract", "documents"), run.outputs("dedup", "decisions")
    repeated = [run.outputs("dedup", f"dedup/{name}") for name in repeats_wanted(config)]
    units = []
    for key in sorted(decisions):
        made_from = [documents[key]["sha256"], decisions[key]["sha256"], *(spans[key]["sha256"] for spans in repeated)]
        units.append(Unit(key=key, fingerprint=digest([settings, *made_from]), bytes=documents[key]["bytes"]))
    return units


def repeats_wanted(config: Config) -> list[str]:
    """Which of `REPEATED` are looked for and cut: also the folders of dedup/ with their spans."""
    return [name for name in REPEATED if getattr(config.dedup, name) is not None]


def _cuts(source: Source, config: Config) -> list[str]:
    """Columns of spans that the source's presets cut."""
    return sorted({name for preset in rules(source, config)[0] for name in preset.cuts})
