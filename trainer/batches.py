"""Which batches a training run sees: made in one place, so that what measures a run plans what it planned."""

from __future__ import annotations

from tokenshards.loader import PackedBatches
from tokenshards.packing import plan
from tokenshards.reader import TokenShards
from tokenshards.sampler import repeats
from trainer.settings import TrainSettings


def training_batches(train: TokenShards, settings: TrainSettings) -> PackedBatches:
    """The batches of a run over a split, each document as often an epoch as its weight says.

    Raises:
        ValueError: the split has no tokens to serve, or documents.parquet is missing or of other documents.
    """
    packed = plan(train.lengths, settings.row_tokens, settings.packing, repeats(train.weights, settings.seed))
    return PackedBatches(train, packed, settings.batch_rows, settings.seed)


def data_fingerprint(batches: PackedBatches) -> str:
    """What decides the batches of a run beside its settings: the shards, and the plan where weights had a say in it."""
    shards = batches.shards
    return shards.fingerprint if (shards.weights == 1).all() else f"{shards.fingerprint} {batches.plan.fingerprint}"
