"""Stage 6, tokenize: kept documents to token shards.

In:  documents/part-K, decisions/part-K, tokenizer/tokenizer.model.
Out: tokenize/encoded/part-K (a part's token ids in shuffled order), shards/ (DESIGN 7).
Lost: nothing; kept documents = documents in the shards, checked.

The order of documents is that of a keyed hash of doc_id, and shard i of n holds the i-th n-th of the hash space: shards follow from the
documents alone, and writing one takes a slice of every encoded part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.kept import cut_settings, is_validation, kept_batches, kept_units, keyed_hashes
from pipeline.run import COST_OF_NUMBERS, Manifest, PartWriter, Receipt, Run, Unit, digest, partial, publish, sha256
from pipeline.stage import Job, Stage
from tokenizer.encode import Encoder
from tokenshards.format import MANIFEST, ShardEntry, bin_path, token_dtype
from tokenshards.writer import DOCUMENTS as SHARD_DOCUMENTS
from tokenshards.writer import write_documents, write_manifest, write_shard

VERSION = 2
ENCODED = pa.schema(
    [
        ("split", pa.string()),
        ("hash", pa.uint64()),
        ("digest", pa.binary(16)),
        ("start", pa.int64()),
        *(SHARD_DOCUMENTS.field(name) for name in SHARD_DOCUMENTS.names if name not in {"split", "shard", "document"}),
    ]
)
SHARDS = "shards"
HASH_SPACE = 1 << 64


@dataclass(frozen=True, kw_only=True)
class ShardUnit(Unit):
    """One shard: a split's documents whose hash lies in [first, last)."""

    split: str
    first: int
    last: int


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """A unit per part to encode, and one for all shards, which follow from the counts."""
    model = run.need("train-tokenizer").parts["model"].outputs["tokenizer/tokenizer.model"]["sha256"]
    settings = [VERSION, config.shards.model_dump(mode="json"), model, *cut_settings(run, config)]
    parts = kept_units(run, config, settings)
    return [*parts, Unit(key=SHARDS, fingerprint=digest([settings, [unit.fingerprint for unit in parts]]), bytes=0)]


def encode_unit(unit: Unit, run: Run, config: Config) -> None:
    """Write a part's ids and a table of its documents, both in order of (split, hash, doc_id, digest)."""
    encoder = Encoder.load(run.path("tokenizer", "tokenizer.model"))
    dtype = token_dtype(encoder.vocabulary)
    ids: list[npt.NDArray[Any]] = []
    tables = [ENCODED.empty_table()]
    beat = run.heartbeat("tokenize", unit)
    for batch in kept_batches(run, unit.key, config):
        texts, doc_ids = batch["text"].to_pylist(), batch["doc_id"].to_pylist()
        encoded = [tokens.astype(dtype) for tokens in encoder.encode_batch(texts, eos=True)]
        first = sum(map(len, ids))
        ids += encoded
        lengths = np.array([len(tokens) for tokens in encoded], np.int64)
        validation = is_validation(doc_ids, config)
        columns: dict[str, Any] = {
            **{name: batch[name] for name in ("doc_id", "digest", "source", "kind", "locator", "licence", "language")},
            "split": np.where(validation, "validation", "train"),
            "hash": keyed_hashes(doc_ids, "shard order", config.shards.seed),
            "start": np.arange(first, first + len(encoded)),  # place in `ids`, until they are put in order
            "characters": [len(text) for text in texts],
            "bytes": pc.binary_length(batch["text"]),
            "tokens": lengths,
            # What is held out is measured, not sampled: each document once.
            "weight": np.where(validation, np.float32(1), batch["weight"].to_numpy()),
        }
        tables.append(pa.table([_column(columns[field.name], field) for field in ENCODED], schema=ENCODED))
        beat(len(ids), unit.bytes * len(ids) // max(1, len(ids) + 1))
    table = pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("split", "hash", "doc_id", "digest")])
    order = table["start"].to_numpy()
    starts = np.concatenate([[0], np.cumsum(table["tokens"].to_numpy())]).astype(np.int64)
    table = table.set_column(table.schema.get_field_index("start"), ENCODED.field("start"), pa.array(starts[:-1]))
    tokens_path = run.path("tokenize", "encoded", f"part-{unit.key}.tokens")
    tokens_path.parent.mkdir(parents=True, exist_ok=True)
    with partial(tokens_path).open("wb") as file:
        for place in order:
            file.write(ids[place].tobytes())
    publish(partial(tokens_path), tokens_path)
    with PartWriter(run.path("tokenize", "encoded", f"part-{unit.key}.parquet"), ENCODED) as writer:
        writer.write(table)
    run.give_receipt("tokenize", unit, [tokens_path, writer.path], {"sources": _counts(table)})


def shard_units(receipts: Iterable[Receipt], config: Config, fingerprint: str) -> list[ShardUnit]:
    """Equal slices of the hash space, as many for each split as make about `shard_tokens` tokens each."""
    tokens = {"train": 0, "validation": 0}
    for receipt in receipts:
        for counts in receipt.counts.get("sources", {}).values():
            for split in tokens:
                tokens[split] += counts[split]["tokens"]
    units = []
    for split, total in tokens.items():
        shards = max(1, -(-total // config.shards.shard_tokens))
        for shard in range(shards):  # one at least: a split without documents is an empty shard
            first, last = shard * HASH_SPACE // shards, (shard + 1) * HASH_SPACE // shards
            name = f"{split}-{shard:05d}"
            units.append(
                ShardUnit(key=name, fingerprint=digest([fingerprint, name]), bytes=total // shards, split=split, first=first, last=last)
            )
    return units


def shard_unit(unit: ShardUnit, run: Run, _config: Config) -> None:
    """Write one shard: its slice of every encoded part, merged by hash."""
    encoder = Encoder.load(run.path("tokenizer", "tokenizer.model"))
    dtype = token_dtype(encoder.vocabulary)
    rows, sources = [ENCODED.append(pa.field("part", pa.int32())).empty_table()], []
    for place, file in enumerate(sorted(run.path("tokenize", "encoded").glob("part-*.parquet"))):
        table = pq.read_table(file)
        hashes = table["hash"].to_numpy()
        mine = (hashes >= np.uint64(unit.first)) & (hashes <= np.uint64(unit.last - 1)) & (table["split"].to_numpy() == unit.split)
        table = table.filter(pa.array(mine))
        rows.append(table.append_column(pa.field("part", pa.int32()), pa.array(np.full(table.num_rows, place, np.int32))))
        tokens = file.with_suffix(".tokens")
        sources.append(np.memmap(tokens, dtype, "r") if tokens.stat().st_size else np.empty(0, dtype))
    merged = pa.concat_tables(rows).sort_by([(name, "ascending") for name in ("hash", "doc_id", "digest")])

    def documents() -> Iterator[npt.NDArray[Any]]:
        for part, start, length in zip(merged["part"].to_numpy(), merged["start"].to_numpy(), merged["tokens"].to_numpy(), strict=True):
            yield np.asarray(sources[part][start : start + length])

    folder = run.path("shards")
    folder.mkdir(exist_ok=True)
    write_shard(folder, unit.key, documents(), dtype, encoder.eos)
    count = merged.num_rows
    numbers: dict[str, Any] = {"split": [unit.split] * count, "shard": [int(unit.key[-5:])] * count, "document": range(count)}
    columns = [_column(numbers[field.name] if field.name in numbers else merged[field.name], field) for field in SHARD_DOCUMENTS]
    with PartWriter(run.path("tokenize", "shards", f"{unit.key}.parquet"), SHARD_DOCUMENTS) as writer:
        writer.write(pa.table(columns, schema=SHARD_DOCUMENTS))
    files = sorted(folder.glob(f"{unit.key}.*"))
    run.give_receipt("tokenize", unit, [*files, writer.path], {"shards": 1})


def write_shards_manifest(unit: Unit, units: Sequence[ShardUnit], run: Run) -> None:
    """Gather the shards to documents.parquet and manifest.json."""
    encoder = Encoder.load(run.path("tokenizer", "tokenizer.model"))
    folder, parts = run.path("shards"), [run.path("tokenize", "shards", f"{shard.key}.parquet") for shard in units]
    documents = write_documents(folder, (pq.read_table(part) for part in parts))
    entries = [_entry(shard, part, sha256(bin_path(folder, shard.key))) for shard, part in zip(units, parts, strict=True)]
    write_manifest(folder, entries, tokenizer_sha256=encoder.sha256, vocabulary=encoder.vocabulary, eos=encoder.eos)
    run.give_receipt("tokenize", unit, [documents, folder / MANIFEST], {})


def _entry(shard: ShardUnit, part: Path, digest_of_tokens: str) -> ShardEntry:
    lengths = pq.read_table(part, columns=["tokens"])["tokens"]
    # The manifest takes the bytes of text from documents.parquet itself.
    return ShardEntry(shard.key, shard.split, len(lengths), pc.sum(lengths).as_py() or 0, 0, digest_of_tokens)


def check(run: Run, _config: Config, manifest: Manifest) -> None:
    """Documents kept by dedup = documents in the shards, per source."""
    kept = {name: counts["kept"] for name, counts in run.need("dedup").totals["sources"].items() if counts["kept"]}
    written = {name: sum(split["documents"] for split in counts.values()) for name, counts in manifest.totals.get("sources", {}).items()}
    if kept != written:
        raise ValueError(f"the shards do not add up: {kept} documents kept, {written} written; this is a fault of curate, please report it")
    if not any(counts["train"]["documents"] for counts in manifest.totals.get("sources", {}).values()):
        raise ValueError(
            "no document is left for training: filter and dedup removed them all or shards.validation_share holds them all out; see report/"
        )


def _summary(manifest: Manifest) -> str:
    sources = manifest.totals.get("sources", {}).values()
    tokens = {split: sum(counts[split]["tokens"] for counts in sources) for split in ("train", "validation")}
    return f"{tokens['train']:,} tokens to train on, {tokens['validation']:,} held out, in {manifest.totals.get('shards', 0)} shards"


def _work(job: Job) -> None:
    job.each([unit for unit in job.units if unit.key != SHARDS], encode_unit)
    for unit in job.units:
        if unit.key == SHARDS:
            shards = shard_units(job.receipts().values(), job.config, unit.fingerprint)
            job.each(shards, shard_unit, cost=COST_OF_NUMBERS)
            write_shards_manifest(unit, shards, job.run)


def _counts(table: pa.Table) -> dict[str, Any]:
    zero = {"documents": 0, "tokens": 0, "bytes": 0, "epoch_tokens": 0}
    counts: dict[str, Any] = {}
    weighted = table.append_column("epoch_tokens", pc.multiply(table["tokens"].cast(pa.float64()), table["weight"].cast(pa.float64())))
    sums = [("tokens", "count"), ("tokens", "sum"), ("bytes", "sum"), ("epoch_tokens", "sum")]
    # One thread: the order in which floats are summed decides their last bits.
    for row in weighted.group_by(["source", "split"], use_threads=False).aggregate(sums).to_pylist():
        source = counts.setdefault(row["source"], {"train": zero, "validation": zero})
        source[row["split"]] = {
            "documents": row["tokens_count"],
            "tokens": row["tokens_sum"],
            "bytes": row["bytes_sum"],
            "epoch_tokens": round(row["epoch_tokens_sum"]),
        }
    return counts


def _column(values: Any, field: pa.Field) -> pa.Array:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.cast(field.type)
    return pa.array(values, field.type)


TOKENIZE = Stage("tokenize", ("shards", "tokenize/encoded", "tokenize/shards"), plan, _work, _summary, check)
