"""The torch side of `PackedBatches`: an IterableDataset that any DataLoader takes, on any number of ranks and workers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset, get_worker_info

from tokenshards.loader import PackedBatches

TENSORS = (
    "tokens_BT",
    "targets_BT",
    "document_BT",
    "position_BT",
    "cu_seqlens",
    "rows_B",
    "piece_offsets",
    "documents_P",
    "starts_P",
    "lengths_P",
)
"""Fields of `loader.Batch` that become tensors of the same name, shape and type."""


class PackedDataset(IterableDataset[dict[str, torch.Tensor | int]]):
    """Batches from `batches.step` on, as dicts of CPU tensors and the `step` itself; this rank's rows of each.

        packed = plan(shards.lengths, 2048, repeats=repeats(shards.weights, seed=0))
        batches = PackedBatches(shards, packed, batch_rows=64, seed=0)
        batches.load_state_dict(checkpoint["data"])  # when resuming
        for batch in DataLoader(PackedDataset(batches, steps=10_000), batch_size=None, num_workers=2):
            logits = model(batch["tokens_BT"], batch["cu_seqlens"])
            loss = cross_entropy(logits.flatten(0, 1), batch["targets_BT"].flatten(), ignore_index=-1)
            ...
            batches.step = batch["step"] + 1
            checkpoint["data"] = batches.state_dict()

    Args:
        batches: where to begin is read from its `step` when iteration begins.
        steps: the step before which to stop; None goes on for ever.
        rank: this process among `ranks`; None asks torch.distributed, and takes 0 of 1 where it is not initialised.
        ranks: number of processes that share each batch.

    Raises:
        ValueError: `batches.batch_rows` is not a multiple of `ranks`, or only one of `rank` and `ranks` is given.
    """

    def __init__(self, batches: PackedBatches, steps: int | None = None, rank: int | None = None, ranks: int | None = None):
        super().__init__()
        if (rank is None) != (ranks is None):
            raise ValueError(f"rank {rank} of ranks {ranks}: give both or none")
        if rank is None or ranks is None:
            distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
            rank, ranks = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed else (0, 1)
        if not 0 <= rank < ranks or batches.batch_rows % ranks:
            raise ValueError(f"batch_rows {batches.batch_rows} has no part {rank} of {ranks}; make it a multiple of the number of ranks")
        self.batches, self.steps, self.rank, self.ranks = batches, steps, rank, ranks

    def __iter__(self) -> Iterator[dict[str, torch.Tensor | int]]:
        worker = get_worker_info()
        # A DataLoader asks its workers in turn, so every n-th step from each comes out in order.
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.batches.step + number
        while self.steps is None or step < self.steps:
            batch = self.batches.batch(step, self.rank, self.ranks)
            yield {"step": step, **{name: torch.from_numpy(getattr(batch, name)) for name in TENSORS}}
            step += workers
