"""Soft mode from the configuration to the training loop: what survives of a cluster is served as often as its size weighs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.config import load, load_stored
from pipeline.run import write_json
from tests.pipeline.corpora import curate, long_topics, write_config
from tokenshards import PackedBatches, TokenShards, plan, repeats, verify

COPIES = (3, 1, 2, 7, 1, 2, 1, 3, 1, 1, 1, 2, 1, 1, 1)  # of the first topics
WEIGHTS = {1: 1, 2: 0, 3: 2.5, 5: 4}


def configure(folder: Path, weights: Any) -> Path:
    rows = [
        {"text": text + "\n" * copy, "id": f"{name}-{copy}"}
        for (name, text), copies in zip(long_topics(), COPIES, strict=False)
        for copy in range(copies)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    values = {
        "name": "soft",
        "output": str(folder / "runs"),
        "sources": [{"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl")], "columns": {"locator": "id"}}],
        "filter": {"presets": {"table": []}},
        "dedup": {"weights": weights},
        "tokenizer": {"vocabulary": 400, "sample_bytes": 60_000},
        "shards": {"validation_share": 0.2},
        "runner": {"workers": 1},
    }
    return write_config(folder / "soft.yaml", values)


def test_what_survives_is_served_as_often_as_its_cluster_weighs(tmp_path: Path) -> None:
    config = configure(tmp_path, WEIGHTS)
    curate("run", config)
    run = tmp_path / "runs" / "soft"
    decisions = pq.read_table(run / "decisions").to_pylist()
    size_of = {}
    for row in decisions:
        size = row["cluster_size"] or 1
        assert row["weight"] == (WEIGHTS[max(key for key in WEIGHTS if key <= size)] if row["keep"] else None)
        size_of[row["doc_id"]] = size
    assert Counter(size_of[row["doc_id"]] for row in decisions if row["keep"]) == Counter(COPIES)

    verify(run / "shards")
    shards = TokenShards(run / "shards")
    ids = shards.table(["doc_id"])["doc_id"].to_pylist()
    packed = plan(shards.lengths, 128, repeats=repeats(shards.weights, 0))
    batches = PackedBatches(shards, packed, 1, 0)
    served = np.zeros(len(shards), np.int64)
    for step in range(packed.rows):
        batch = batches.batch(step)
        np.add.at(served, batch.documents_P, batch.lengths_P)
        assert int((batch.targets_BT >= 0).sum()) == int(batch.lengths_P.sum())
    times, beyond = np.divmod(served, shards.lengths)
    assert not beyond.any()
    assert {size_of[doc_id] for doc_id in ids} >= {1, 2, 3, 7}
    for doc_id, often in zip(ids, times.tolist(), strict=True):
        assert often in {1: (1,), 2: (0,), 3: (2, 3), 7: (4,)}[size_of[doc_id]]
    held_out = TokenShards(run / "shards", "validation")
    assert len(held_out) >= 1
    assert set(held_out.weights.tolist()) == {1}

    counts = json.loads((run / "tokenize" / "_manifest.json").read_text())["totals"]["sources"]["rows"]["train"]
    manifest = shards.manifest
    assert counts["epoch_tokens"] == manifest.epoch_tokens["train"] == round(float(shards.weights.astype(float) @ shards.lengths))
    assert manifest.epoch_tokens["validation"] == held_out.tokens
    page = (run / "report" / "index.html").read_text()
    assert f"an epoch serves {counts['epoch_tokens']:,} tokens; without weights {counts['tokens']:,}." in page
    for label, clusters, documents in (("1", 9, 9), ("2", 3, 6), ("3 to 4", 2, 6), ("5 to 9", 1, 7), ("10 to 99", 0, 0)):
        assert f'<td>{label}</td><td class="n">{documents}</td><td class="n">{clusters}</td>' in page
    seven = next(row["doc_id"] for row in decisions if row["keep"] and row["cluster_size"] == 7)
    assert "of 7 documents, served 4 times an epoch (" in curate("why", seven.hex()[:8], run).stdout

    # Without weights everything that is kept is served once, and the same documents are kept.
    curate("run", config, "--set", "dedup.weights=null")
    assert set(TokenShards(run / "shards").weights.tolist()) == {1}
    again = pq.read_table(run / "decisions").to_pylist()
    assert [row | {"weight": None} for row in again] == [row | {"weight": None} for row in decisions]
    assert {row["weight"] for row in again} == {None, 1}
    assert "an epoch serves" not in (run / "report" / "index.html").read_text()


def test_weights_are_read_from_yaml_from_the_command_line_and_from_what_a_run_keeps(tmp_path: Path) -> None:
    path = configure(tmp_path, {2: 2, 10: 0.5})
    assert load(path).dedup.weights == {2: 2, 10: 0.5}
    assert load(path, ["dedup.weights.2=3", "dedup.weights.40=1"]).dedup.weights == {2: 3, 10: 0.5, 40: 1}
    assert load(path, ["dedup.weights={5: 2, 100: 3}"]).dedup.weights == {5: 2, 100: 3}
    assert load(path, ["dedup.weights=fineweb-2@2025"]).dedup.weights == "fineweb-2@2025"
    assert load(path, ["dedup.weights=null"]).dedup.weights is None
    write_json(tmp_path / "kept.json", load(path).model_dump(mode="json"))
    assert load_stored(tmp_path / "kept.json").dedup == load(path).dedup
    for wrong, says in (
        ("fineweb@2025", r"dedup\.weights: 'fineweb@2025' is no table of weights \(did you mean 'fineweb-2@2025'\?\)"),
        ("{0: 2}", r"dedup\.weights: 0 is not the size of a cluster"),
        ("{2: -1}", r"dedup\.weights: -1 is not a weight of clusters of 2"),
        ("3", r"dedup\.weights: 3 is no table of weights"),
    ):
        with pytest.raises(ValueError, match=says) as error:
            load(path, [f"dedup.weights={wrong}"])
        assert "\n" not in str(error.value)
