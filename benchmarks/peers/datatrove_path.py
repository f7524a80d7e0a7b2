"""FineWeb's published pipeline (datatrove, examples/fineweb.py) over WARC files, to tokens, with one worker.

Runs in datatrove's own environment, as a script: WARC_FOLDER OUT LANGUAGE_MODEL VOCABULARY.

In:  a folder of WARC files, the path of lid.176.ftz, a vocabulary size.
Out: OUT/rules/*.jsonl.gz (kept by the rules), OUT/deduplicated/*.jsonl.gz, OUT/tokens/, OUT/logs/STAGE/stats.json, and
     OUT/stages.json (CPU-seconds of each stage).

Steps, options and order are those of that example. The differences: English is asked for by name; the URL block list and the formatting of
personal data are left out, since the run that it is compared with has neither; records removed are not written down; the tokenizer is a
local one, trained here on the deduplicated text.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pylibmagic  # noqa: F401  # brings libmagic where the system has none; before datatrove asks python-magic for it
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter, LanguageFilter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.tokens.tokenizer import DocumentTokenizer
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.lid import FT176LID
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"


def stages(warc: Path, out: Path, language_model: Path, vocabulary: int) -> list[tuple[str, int, list[Any]]]:
    """Name, number of tasks and steps of each job, in order; `train-tokenizer` has no steps and is done by `train_tokenizer`."""
    # datatrove downloads lid.176.bin (126 MB); the quantised model of the other side is taken from where it lies.
    FT176LID.MODEL_URL = f"file://{language_model}"
    minhash = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    rules, signatures, buckets, removed, deduplicated = (
        str(out / name) for name in ("rules", "signatures", "buckets", "removed", "deduplicated")
    )
    rule_steps = [
        WarcReader(str(warc), glob_pattern="*.warc.gz"),
        Trafilatura(favour_precision=True),
        LanguageFilter("en", language_threshold=0.65),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        JsonlWriter(rules),
    ]
    tokens = DocumentTokenizer(str(out / "tokens"), str(out / "tokenizer.json"), save_filename="docs", eos_token=END_OF_TEXT, seed=0)
    return [
        ("rules", 1, rule_steps),
        ("signatures", 1, [JsonlReader(rules), MinhashDedupSignature(signatures, config=minhash)]),
        ("buckets", minhash.num_buckets, [MinhashDedupBuckets(signatures, buckets, config=minhash)]),
        ("clusters", 1, [MinhashDedupCluster(buckets, removed, config=minhash)]),
        ("deduplicated", 1, [JsonlReader(rules), MinhashDedupFilter(removed), JsonlWriter(deduplicated)]),
        ("train-tokenizer", 0, [out / "deduplicated", out / "tokenizer.json", vocabulary]),
        ("tokenize", 1, [JsonlReader(deduplicated), tokens]),
    ]


def train_tokenizer(folder: Path, model: Path, vocabulary: int) -> None:
    """Byte-level BPE over all texts of a folder of JSONL files."""

    def texts() -> Iterator[str]:
        for file in sorted(folder.glob("*.jsonl.gz")):
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)["text"]

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[END_OF_TEXT], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.save(str(model))


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    warc, out, language_model = (Path(argument).resolve() for argument in sys.argv[1:4])
    costs = {"import": cpu_seconds()}
    for name, tasks, steps in stages(warc, out, language_model, int(sys.argv[4])):
        before, started = cpu_seconds(), time.monotonic()
        if tasks:
            LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=str(out / "logs" / name)).run()
        else:
            train_tokenizer(*steps)
        costs[name] = cpu_seconds() - before
        sys.stderr.write(f"{name}: {time.monotonic() - started:.1f} s\n")
    (out / "stages.json").write_text(json.dumps(costs))


if __name__ == "__main__":
    main()
