"""The torch loader gives the batches of `PackedBatches`, whatever the workers and ranks."""

# ruff: noqa: E402 - torch may be missing
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is the extra curate[train]")

from torch.utils.data import DataLoader

from tokenshards import PackedBatches, TokenShards, plan
from tokenshards.torch import TENSORS, PackedDataset


@pytest.fixture
def batches(random_shards):
    shards = TokenShards(random_shards)
    return PackedBatches(shards, plan(shards.lengths, 64), 4, 9)


def load(batches, workers, **options):
    return list(DataLoader(PackedDataset(batches, **options), batch_size=None, num_workers=workers))


@pytest.mark.parametrize("start", [0, 3])
def test_workers_change_nothing(batches, start):
    batches.step = start
    alone, two = load(batches, 0, steps=12), load(batches, 2, steps=12)
    assert [batch["step"] for batch in alone] == [batch["step"] for batch in two] == list(range(start, 12))
    for one, other in zip(alone, two, strict=True):
        expected = batches.batch(one["step"])
        for name in TENSORS:
            assert torch.equal(one[name], other[name])
            assert torch.equal(one[name], torch.from_numpy(getattr(expected, name)))


def test_ranks_share_each_batch(batches):
    parts = [load(batches, 0, steps=5, rank=rank, ranks=2) for rank in range(2)]
    for step, both in enumerate(zip(*parts, strict=True)):
        expected = torch.from_numpy(batches.batch(step).targets_BT)
        assert torch.equal(torch.cat([part["targets_BT"] for part in both]), expected)


def test_a_spawned_worker_maps_the_files_again(batches):
    """A worker that is not forked gets the path, not the tokens."""
    loader = DataLoader(PackedDataset(batches, steps=2), batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert [torch.equal(batch["targets_BT"], torch.from_numpy(batches.batch(batch["step"]).targets_BT)) for batch in loader] == [True, True]


def test_ranks_that_do_not_divide_a_batch_are_refused(batches):
    with pytest.raises(ValueError, match="no part 0 of 3"):
        PackedDataset(batches, rank=0, ranks=3)
    with pytest.raises(ValueError, match="give both or none"):
        PackedDataset(batches, rank=0)
