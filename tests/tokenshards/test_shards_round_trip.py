"""What is written is what is read, by this reader and by one written from Megatron's format alone."""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenshards import TokenShards, token_dtype, verify, write_documents, write_manifest, write_shard
from tokenshards.format import file_sha256

SHARDS = st.lists(st.lists(st.lists(st.integers(0, 70_000), max_size=30), max_size=6), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(shards=SHARDS, vocabulary=st.sampled_from([70_001, 1 << 20]))
def test_any_documents_come_back(make_shards, shards, vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        path = make_shards(Path(folder), {"train": shards}, vocabulary)
        manifest = verify(path)
        read = TokenShards(path, "train")
        documents = [[*document, 1] for shard in shards for document in shard]
        assert [read.document(number).tolist() for number in range(len(read))] == documents
        assert read.lengths.tolist() == [len(document) for document in documents]
        assert read.tokens == manifest.splits["train"].tokens == sum(map(len, documents))
        assert read.table().num_rows == len(documents)


@settings(max_examples=40, deadline=None)
@given(documents=st.lists(st.lists(st.integers(0, 60_000), max_size=50), max_size=20), wide=st.booleans())
def test_megatron_reads_the_same_documents(documents, wide):
    """An independent reader of the format of Megatron-LM's core/datasets/indexed_dataset.py."""
    with tempfile.TemporaryDirectory() as folder:
        dtype = token_dtype(100_000 if wide else 65_000)
        write_shard(Path(folder), "train-00003", [np.array([*document, 1]) for document in documents], dtype, 1)
        index = (Path(folder) / "train-00003.idx").read_bytes()
        tokens = (Path(folder) / "train-00003.bin").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, entries = struct.unpack("<qBqq", index[9:34])
    assert (version, code, sequences, entries) == (1, 4 if wide else 8, len(documents), len(documents) + 1)
    lengths = struct.unpack(f"<{sequences}i", index[34 : 34 + 4 * sequences])
    pointers = struct.unpack(f"<{sequences}q", index[34 + 4 * sequences : 34 + 12 * sequences])
    document_index = struct.unpack(f"<{entries}q", index[34 + 12 * sequences :])
    assert list(document_index) == list(range(len(documents) + 1))
    letter, width = ("i", 4) if wide else ("H", 2)
    read = [
        list(struct.unpack(f"<{length}{letter}", tokens[pointer : pointer + length * width]))
        for length, pointer in zip(lengths, pointers, strict=True)
    ]
    assert read == [[*document, 1] for document in documents]


def test_the_type_changes_where_megatron_changes_it():
    assert token_dtype(65_499) == np.uint16
    assert token_dtype(65_500) == np.uint32
    assert token_dtype(1 << 31).itemsize == 4
    with pytest.raises(ValueError, match="2147483649"):
        token_dtype((1 << 31) + 1)


def test_equal_documents_give_equal_bytes(make_shards, tmp_path):
    """Shards, documents.parquet and manifest.json hold no clock, path or order of work."""
    splits = {"train": [[[5, 6], []], [[7]]], "validation": [[[8, 9]]]}
    one, other = make_shards(tmp_path / "a", splits), make_shards(tmp_path / "longer" / "b", dict(reversed(splits.items())))
    for file in sorted(one.iterdir()):
        if file.name not in ("documents.parquet", "manifest.json"):
            assert file.read_bytes() == (other / file.name).read_bytes(), file.name
    same = make_shards(tmp_path / "c", splits)
    assert {file.name: file.read_bytes() for file in one.iterdir()} == {file.name: file.read_bytes() for file in same.iterdir()}
    assert TokenShards(one).fingerprint == TokenShards(other).fingerprint


def test_fingerprint_tells_splits_and_contents_apart(make_shards, tmp_path):
    one = make_shards(tmp_path / "a", {"train": [[[5, 6]]]})
    changed = make_shards(tmp_path / "b", {"train": [[[5, 7]]]})
    grown = make_shards(tmp_path / "c", {"train": [[[5, 6]]], "validation": [[[5]]]})
    assert TokenShards(one).fingerprint != TokenShards(changed).fingerprint
    assert TokenShards(one).fingerprint == TokenShards(grown).fingerprint


def test_a_shard_larger_than_the_buffer_streams(tmp_path):
    """9 MB of tokens from a generator, two buffers and a rest."""
    document = np.append(np.arange(2, 30_002) % 60_000 + 2, 1).astype(np.uint16)
    entry = write_shard(tmp_path, "train-00000", (document for _ in range(150)), token_dtype(65_000), 1)
    tokens = np.fromfile(tmp_path / "train-00000.bin", "<u2").reshape(150, -1)
    assert entry.tokens == tokens.size
    assert (tokens == document).all()


def test_a_split_may_be_empty(make_shards, tmp_path):
    path = make_shards(tmp_path, {"train": [[[4]]], "validation": [[]]})
    verify(path)
    empty = TokenShards(path, "validation")
    assert (len(empty), empty.tokens, empty.table().num_rows) == (0, 0, 0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (np.array([5, 6]), "does not end in EOS"),
        (np.array([], np.int64), "does not end in EOS"),
        (np.array([70_000, 1]), "cannot hold"),
        (np.array([-1, 1]), "cannot hold"),
        (np.array([0.5, 1.0]), "integers"),
        (np.array([[5, 1]]), "one row"),
    ],
)
def test_a_document_that_cannot_be_stored_is_refused_and_leaves_nothing(tmp_path, document, message):
    with pytest.raises(ValueError, match=f"document 1 of shard 'train-00000'.*{message}"):
        write_shard(tmp_path, "train-00000", [np.array([4, 1]), document], token_dtype(1000), 1)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_old_shard(make_shards, tmp_path):
    path = make_shards(tmp_path, {"train": [[[4, 5]]]})

    def documents():
        yield np.array([9, 1])
        raise OSError("source went away")

    with pytest.raises(OSError, match="went away"):
        write_shard(path, "train-00000", documents(), token_dtype(1000), 1)
    verify(path)


def test_the_manifest_is_refused_when_documents_and_shards_disagree(make_shards, tmp_path):
    path = make_shards(tmp_path, {"train": [[[4, 5]], [[6]]]})
    entries = TokenShards(path).entries
    options = {"tokenizer_sha256": "0" * 64, "vocabulary": 1000, "eos": 1}
    with pytest.raises(ValueError, match=r"train-00001.*not among the shards"):
        write_manifest(path, entries[:1], **options)
    with pytest.raises(ValueError, match="given twice"):
        write_manifest(path, [*entries, entries[0]], **options)
    table = TokenShards(path).table()
    with pytest.raises(ValueError, match="sort the rows"):
        write_documents(path, [table.take([1, 0])])
    write_documents(path, [table.slice(0, 1)])
    with pytest.raises(ValueError, match=r"train-00001.*lists 0 and 0"):
        write_manifest(path, entries, **options)


def test_the_table_tells_where_each_document_came_from(random_shards):
    shards = TokenShards(random_shards)
    locators = shards.table(["locator"]).column("locator").to_pylist()
    assert len(locators) == len(shards) == 60
    for number in (0, 24, 25, 26, 59):
        shard, document = shards.locate(number)
        assert locators[number] == f"train/{shard}/{document}"
    assert json.loads((random_shards / "manifest.json").read_text())["splits"]["train"]["bytes"] == 2 * shards.tokens
    with pytest.raises(IndexError):
        shards.document(60)
    with pytest.raises(IndexError):
        shards.span(0, 0, int(shards.lengths[0]) + 1)


def test_shards_of_before_there_were_weights_are_served_once(random_shards):
    """Without the column, and with nothing in it; the manifest of then says nothing of epochs."""
    path = random_shards / "documents.parquet"
    assert TokenShards(random_shards).weights.tolist() == [1] * 60
    pq.write_table(pq.read_table(path, partitioning=None).drop(["weight"]), path)
    manifest = json.loads((random_shards / "manifest.json").read_text())
    assert manifest.pop("epoch_tokens") == {"train": TokenShards(random_shards).tokens, "validation": 3}
    manifest["documents_sha256"] = file_sha256(path)
    (random_shards / "manifest.json").write_text(json.dumps(manifest))
    assert TokenShards(random_shards).weights.tolist() == [1] * 60
    assert verify(random_shards).epoch_tokens == {}


def test_the_manifest_counts_an_epoch_and_a_wrong_count_is_found(make_shards, tmp_path):
    path = make_shards(tmp_path, {"train": [[[5] * 9, [6] * 4]], "validation": [[[7]]]}, weights=[2.5, 0, 1])
    manifest = verify(path)
    assert manifest.epoch_tokens == {"train": 25, "validation": 2}
    values = json.loads((path / "manifest.json").read_text())
    values["epoch_tokens"]["train"] = 14
    (path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="makes 25 tokens an epoch of 'train', the manifest 14"):
        verify(path)


@pytest.mark.parametrize("weight", [-1, float("nan"), 1001])
def test_a_weight_that_says_no_number_of_times_is_not_written(make_shards, tmp_path, weight):
    with pytest.raises(ValueError, match="has a weight of"):
        make_shards(tmp_path, {"train": [[[5], [6]]]}, weights=[1, weight])
