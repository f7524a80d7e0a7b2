"""Every token is a target once per epoch, with the token before it as input, for any ranks, workers and resume points."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tokenshards import PackedBatches, TokenShards, plan, repeats

ROOT = Path(__file__).resolve().parents[2]


def batches_of(path, row_tokens=64, method="best_fit", batch_rows=4, seed=3):
    shards = TokenShards(path)
    return PackedBatches(shards, plan(shards.lengths, row_tokens, method), batch_rows, seed)


def pairs_of(shards):
    """(input, target) of every stored token, as the convention has it: EOS stands before each document."""
    return Counter(
        pair
        for number in range(len(shards))
        for pair in zip([shards.eos, *shards.document(number)[:-1].tolist()], shards.document(number).tolist(), strict=True)
    )


def served(batch):
    targets = batch.targets_BT.ravel()
    return Counter(zip(batch.tokens_BT.ravel()[targets >= 0].tolist(), targets[targets >= 0].tolist(), strict=True))


@pytest.mark.parametrize("method", ["best_fit", "concat"])
@pytest.mark.parametrize("row_tokens", [1, 7, 64, 5000])
def test_every_token_is_predicted_once_per_epoch(random_shards, method, row_tokens):
    batches = batches_of(random_shards, row_tokens, method, batch_rows=1)
    for epoch in range(2):
        seen: Counter[tuple[int, int]] = Counter()
        for step in range(epoch * batches.plan.rows, (epoch + 1) * batches.plan.rows):
            seen.update(served(batches.batch(step)))
        assert seen == pairs_of(batches.shards)


@pytest.mark.parametrize("method", ["best_fit", "concat"])
@pytest.mark.parametrize("row_tokens", [1, 7, 64])
def test_a_document_is_served_as_often_as_its_weight_says(make_shards, tmp_path, method, row_tokens):
    token = iter(range(2, 1 << 20))
    documents = [[next(token) for _ in range(length)] for length in (5, 40, 0, 90, 12, 3)]
    weights = [1, 3, 2, 0, 2.5, 0.5]
    shards = TokenShards(make_shards(tmp_path, {"train": [documents[:4], documents[4:]]}, 1 << 20, weights))
    assert shards.weights.tolist() == weights
    wanted = repeats(shards.weights, 3)
    assert wanted[:4].tolist() == [1, 3, 2, 0]
    assert wanted[4] in (2, 3)
    assert wanted[5] in (0, 1)
    batches = PackedBatches(shards, plan(shards.lengths, row_tokens, method, wanted), 1, 3)
    for epoch in range(2):
        seen: Counter[int] = Counter()
        for step in range(epoch * batches.plan.rows, (epoch + 1) * batches.plan.rows):
            targets = batches.batch(step).targets_BT
            seen.update(targets[targets >= 0].tolist())
        expected = Counter({id_: int(often) for document, often in zip(documents, wanted, strict=True) for id_ in document if often})
        assert seen == expected + Counter({shards.eos: int(wanted.sum())})


@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
@pytest.mark.parametrize("resumed_at", [0, 1, 5])
def test_ranks_and_resuming_change_nothing(random_shards, ranks, resumed_at):
    """The rows of all ranks, put together, are the rows of one process that was never stopped."""
    whole = batches_of(random_shards, batch_rows=6)
    first, second = batches_of(random_shards, batch_rows=6), batches_of(random_shards, batch_rows=6)
    first.step = resumed_at
    second.load_state_dict(first.state_dict())
    assert second.step == resumed_at
    for step in range(second.step, second.step + 4):
        parts = [second.batch(step, rank, ranks) for rank in range(ranks)]
        expected = whole.batch(step)
        for name in ("tokens_BT", "targets_BT", "document_BT", "position_BT", "rows_B", "documents_P", "starts_P", "lengths_P"):
            np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(expected, name), name)


def test_a_batch_says_where_each_token_came_from(random_shards):
    batches = batches_of(random_shards)
    B, T = 4, 64
    for step in range(20):
        batch = batches.batch(step)
        assert batch.tokens_BT.dtype == batch.targets_BT.dtype == np.int64
        assert batch.document_BT.dtype == batch.position_BT.dtype == batch.cu_seqlens.dtype == np.int32
        lengths = []
        for b in range(B):
            at = 0
            for number, piece in enumerate(range(*batch.piece_offsets[b : b + 2])):
                document, start, length = batch.documents_P[piece], batch.starts_P[piece], batch.lengths_P[piece]
                here = slice(at, at + length)
                np.testing.assert_array_equal(batch.targets_BT[b, here], batches.shards.span(document, start, length))
                assert (batch.document_BT[b, here] == number).all()
                assert batch.position_BT[b, here].tolist() == list(range(length))
                at += length
                lengths.append(length)
            assert (batch.targets_BT[b, at:] == -1).all()
            assert (batch.document_BT[b, at:] == -1).all()
            assert (batch.tokens_BT[b, at:] == batches.shards.eos).all()
            lengths += [T - at] if at < T else []
        assert np.diff(batch.cu_seqlens)[: len(lengths)].tolist() == lengths
        assert (batch.cu_seqlens[len(lengths) :] == B * T).all()
    assert len({len(batches.batch(step).cu_seqlens) for step in range(20)}) == 1


def test_a_batch_may_span_epochs(random_shards):
    batches = batches_of(random_shards, batch_rows=5)
    rows = np.concatenate([batches.batch(step).rows_B for step in range(batches.plan.rows)])
    assert (np.bincount(rows) == 5).all()
    assert (np.sort(rows[: batches.plan.rows]) == np.arange(batches.plan.rows)).all()


def test_a_changed_data_set_is_refused_with_what_changed(random_shards, make_shards, tmp_path):
    state = batches_of(random_shards).state_dict()
    other = make_shards(tmp_path / "other", {"train": [[[5, 6, 7]] * 40]}, 1 << 20)
    with pytest.raises(ValueError, match=r"the documents changed.*fingerprint"):
        batches_of(other).load_state_dict(state)
    with pytest.raises(ValueError, match="pack plan"):
        batches_of(random_shards, row_tokens=32).load_state_dict(state)
    shards = TokenShards(random_shards)
    twice = PackedBatches(shards, plan(shards.lengths, 64, repeats=np.full(len(shards), 2)), 4, 3)
    with pytest.raises(ValueError, match="row_tokens, packing or weights"):
        twice.load_state_dict(state)
    with pytest.raises(ValueError, match="seed was 3, is 4"):
        batches_of(random_shards, seed=4).load_state_dict(state)
    with pytest.raises(ValueError, match="no 'fingerprint'"):
        batches_of(random_shards).load_state_dict({})


def test_another_batch_size_goes_on_at_the_same_row(random_shards):
    four = batches_of(random_shards, batch_rows=4)
    four.step = 3
    six = batches_of(random_shards, batch_rows=6)
    six.load_state_dict(four.state_dict())
    assert six.step == 2
    with pytest.raises(ValueError, match="batch_rows 5"):
        batches_of(random_shards, batch_rows=5).load_state_dict(four.state_dict())


def test_what_cannot_be_batched_is_refused(random_shards, make_shards, tmp_path):
    batches = batches_of(random_shards)
    with pytest.raises(ValueError, match="no part 0 of 3"):
        batches.batch(0, 0, 3)
    with pytest.raises(ValueError, match="batch_rows 0"):
        batches_of(random_shards, batch_rows=0)
    other = TokenShards(make_shards(tmp_path / "other", {"train": [[[5]]], "validation": [[]]}))
    with pytest.raises(ValueError, match="other documents"):
        PackedBatches(other, batches.plan, 4, 0)
    empty = TokenShards(other.path, "validation")
    with pytest.raises(ValueError, match="no tokens"):
        PackedBatches(empty, plan(empty.lengths, 8), 4, 0)


def test_shards_are_read_where_nothing_else_is_installed(random_shards):
    """The package alone: every module but numpy's, pyarrow's and the standard library's is refused to it."""
    program = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.partition(".")[0]
        if top in {"numpy", "pyarrow", "tokenshards"} or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        if top in {"torch", "apache_beam", "trafilatura", "numba", "pydantic", "sentencepiece", "pipeline", "filters", "tokenizer"}:
            raise AssertionError(f"{name} was imported")
        raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from pathlib import Path
import tokenshards
shards = tokenshards.TokenShards(Path(sys.argv[1]))
tokenshards.verify(Path(sys.argv[1]))
batches = tokenshards.PackedBatches(shards, tokenshards.plan(shards.lengths, 64), 4, 0)
print(batches.batch(2).targets_BT.shape, shards.table().num_rows)
"""
    done = subprocess.run([sys.executable, "-c", program, random_shards], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "(4, 64) 60\n"), done.stderr
