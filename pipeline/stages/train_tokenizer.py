"""Stage 5, train-tokenizer: a SentencePiece model from a deterministic sample of the kept text.

In:  documents/part-K and decisions/part-K; documents of the validation split never take part.
Out: tokenizer/tokenizer.model, tokenizer/report.json, tokenizer/sample/part-K.parquet (the sample, so that it can be looked at).
Lost: nothing. A document is sampled when the hash of its doc_id lies under a bound; the bound follows from the bytes kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.kept import below, cut_settings, is_validation, kept_batches, kept_units, keyed_hashes
from pipeline.run import Manifest, PartWriter, Run, Unit, digest, write_json
from pipeline.stage import Job, Stage
from tokenizer.train import train_tokenizer

VERSION = 1
SAMPLE = pa.schema([("hash", pa.uint64()), ("doc_id", pa.binary(16)), ("source", pa.string()), ("text", pa.string())])
MODEL = "model"


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """A unit per part to sample, and one for the model."""
    share = sample_share(run, config)
    settings = [
        VERSION,
        config.tokenizer.model_dump(mode="json"),
        config.shards.validation_share,
        config.shards.seed,
        share,
        *cut_settings(run, config),
    ]
    samples = kept_units(run, config, settings)
    # The part keys are not in the model's fingerprint's order: they are sorted, and the text is ordered by hash.
    return [*samples, Unit(key=MODEL, fingerprint=digest([unit.fingerprint for unit in samples]), bytes=0)]


def sample_share(run: Run, config: Config) -> float:
    """Share of the kept documents that makes about `tokenizer.sample_bytes`."""
    kept: int = sum(counts["kept_bytes"] for counts in run.need("dedup").totals["sources"].values())
    return min(1.0, config.tokenizer.sample_bytes / max(1.0, kept * (1 - config.shards.validation_share)))


def sample_unit(unit: Unit, run: Run, config: Config) -> None:
    """Write the sampled documents of one part, ordered by hash."""
    share, sampled, beat = sample_share(run, config), [SAMPLE.empty_table()], run.heartbeat("train-tokenizer", unit)
    for batch in kept_batches(run, unit.key, config):
        ids = batch["doc_id"].to_pylist()
        hashes = keyed_hashes(ids, "tokenizer sample", config.tokenizer.seed)
        chosen = below(hashes, share) & ~is_validation(ids, config)
        rows = batch.select(["doc_id", "source", "text"]).add_column(0, "hash", pa.array(hashes)).filter(pa.array(chosen))
        sampled.append(rows.cast(SAMPLE))
        beat(sum(table.num_rows for table in sampled), 0)
    table = pa.concat_tables(sampled).sort_by([("hash", "ascending"), ("text", "ascending")])
    path = run.path("tokenizer", "sample", f"part-{unit.key}.parquet")
    with PartWriter(path, SAMPLE) as writer:
        writer.write(table)
    text_bytes = pc.sum(pc.binary_length(table["text"])).as_py() or 0
    run.give_receipt("train-tokenizer", unit, [path], {"documents": table.num_rows, "bytes": text_bytes})


def sample_texts(run: Run) -> Iterator[str]:
    """The whole sample in order of hash, so that neither files nor parts decide the order. Reads hashes first, then text part by part."""
    files = sorted(run.path("tokenizer", "sample").glob("part-*.parquet"))
    tables = [pq.read_table(file, memory_map=True) for file in files]
    if not tables:
        return
    sample = pa.concat_tables(tables)
    order = np.lexsort([np.array(sample["doc_id"].to_pylist(), object), sample["hash"].to_numpy()])
    for start in range(0, len(order), 1000):
        yield from sample["text"].take(pa.array(order[start : start + 1000])).to_pylist()


def _work(job: Job) -> None:
    run, config = job.run, job.config
    job.each([unit for unit in job.units if unit.key != MODEL], sample_unit)
    model, report = run.path("tokenizer", "tokenizer.model"), run.path("tokenizer", "report.json")
    for unit in job.units:
        if unit.key == MODEL:
            write_json(report, train_tokenizer(sample_texts(run), config.tokenizer.vocabulary, model))
            run.give_receipt("train-tokenizer", unit, [model, report], {"models": 1})


def _summary(manifest: Manifest) -> str:
    totals = manifest.totals
    return f"one tokenizer from {totals['documents']:,} documents, {totals['bytes'] / 1e6:,.1f} MB"


TRAIN_TOKENIZER = Stage("train-tokenizer", ("tokenizer", "tokenizer/sample"), plan, _work, _summary)
