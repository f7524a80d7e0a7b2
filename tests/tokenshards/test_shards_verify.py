"""A folder that was changed, cut or mixed up is found, and the message says which file."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tokenshards import TokenShards, verify


@pytest.mark.parametrize(
    "name",
    ["train-00000.bin", "train-00001.bin", "train-00000.idx", "train-00002.offsets.npy", "documents.parquet", "validation-00000.bin"],
)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_flipped_bit_anywhere_is_found(random_shards, name, place):
    verify(random_shards)
    file = random_shards / name
    data = bytearray(file.read_bytes())
    data[int(place * (len(data) - 1))] ^= 4
    file.write_bytes(data)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        verify(random_shards)


@pytest.mark.parametrize("name", ["train-00000.bin", "train-00000.idx", "train-00000.offsets.npy", "documents.parquet"])
@pytest.mark.parametrize("kept", [None, 0, 10, -1])
def test_a_truncated_or_missing_file_is_found(random_shards, name, kept):
    file = random_shards / name
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        verify(random_shards)


def test_opening_finds_what_would_give_wrong_tokens(random_shards):
    """Without reading the tokens: a truncated .bin and offsets of another shard."""
    shutil.copy(random_shards / "train-00001.offsets.npy", random_shards / "train-00000.offsets.npy")
    with pytest.raises(ValueError, match="not of 25 documents"):
        TokenShards(random_shards)
    file = random_shards / "train-00000.bin"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ValueError, match="truncated"):
        TokenShards(random_shards)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("version", 2, "not a manifest of version 1"),
        ("vocabulary", 1000, "dtype 'uint32'"),
        ("eos", 1 << 20, "EOS"),
        ("fingerprint", "0" * 64, "fingerprint"),
        ("splits", {}, "not of a listed split"),
        ("splits", [], "not a manifest"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_wrong_manifest_is_refused(random_shards, key, value, message):
    file = random_shards / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(ValueError, match=message):
        verify(random_shards)


def test_a_count_changed_in_the_manifest_is_refused(random_shards):
    file = random_shards / "manifest.json"
    values = json.loads(file.read_text())
    values["shards"][0]["documents"] -= 1
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="add up"):
        TokenShards(random_shards)


def test_a_user_learns_what_to_give(random_shards, tmp_path):
    with pytest.raises(ValueError, match=r"has no manifest\.json"):
        TokenShards(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no split 'test'; it has train, validation"):
        TokenShards(random_shards, "test")
    (random_shards / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        TokenShards(random_shards)


def test_documents_of_other_shards_are_refused(random_shards, make_shards, tmp_path):
    other = make_shards(tmp_path / "other", {"train": [[[3]] * 60]})
    shutil.copy(other / "documents.parquet", random_shards / "documents.parquet")
    with pytest.raises(ValueError, match="does not list the documents"):
        TokenShards(random_shards).table()


def test_a_missing_end_is_found_even_when_the_digest_agrees(make_shards, tmp_path):
    """Offsets shifted by one token with everything else made to fit: the EOS tells."""
    path = make_shards(tmp_path, {"train": [[[5, 6], [7, 8]]]})
    np.save(path / "train-00000.offsets.npy", np.array([0, 2, 6], np.uint64))
    shards = TokenShards(path)
    assert shards.lengths.tolist() == [2, 4]
    with pytest.raises(ValueError, match="does not end in EOS"):
        verify(path)
