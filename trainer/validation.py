"""What the model gives each held-out document: the sum of -ln p of its tokens, from which every bits-per-byte figure is made."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tokenshards.loader import PackedBatches
from tokenshards.packing import plan
from tokenshards.reader import TokenShards
from trainer.model import Transformer, attention_mask

BATCH_TOKENS = 8192  # of one forward pass


def validation_shards(path: Path) -> TokenShards:
    """The validation split.

    Raises:
        ValueError: there is none, or it is empty.
    """
    shards = TokenShards(path, "validation")
    if not shards.tokens:
        raise ValueError(f"{str(path)!r} has no validation tokens; raise shards.validation_share and tokenize again")
    return shards


def first_documents(lengths: npt.NDArray[np.int64], tokens: int) -> int:
    """How many documents from the first on make up at most `tokens` tokens; at least 1."""
    return max(1, int(np.searchsorted(np.cumsum(lengths), tokens, side="right")))


def bits_per_byte(losses: npt.NDArray[np.float64], text_bytes: npt.NDArray[np.int64]) -> float:
    """Sum of losses in nats over bytes of text, in bits; EOS is paid for and has no bytes."""
    return float(losses.sum() / math.log(2) / text_bytes.sum())


@torch.inference_mode()
def document_losses(model: Transformer, shards: TokenShards, row_tokens: int, documents: int | None = None) -> npt.NDArray[np.float64]:
    """Sum of -ln p per document, (documents,) float64 nats. Every token is predicted once, EOS too.

    Args:
        model: computes in its `precision`.
        shards: one split.
        row_tokens: longest piece, T; documents are cut as for training, by best fit, and a piece sees nothing of the one before but its
            last token.
        documents: the first so many; none: all.
    """
    device = model.output_VC.device
    count = len(shards) if documents is None else documents
    packed = plan(shards.lengths[:count], row_tokens, "best_fit")
    batch_rows = min(max(1, BATCH_TOKENS // row_tokens), packed.rows)
    batches = PackedBatches(shards, packed, batch_rows, seed=0)
    losses = np.zeros(count)
    for step in range(math.ceil(packed.rows / batch_rows)):
        batch = batches.batch(step)
        rows = min(batch_rows, packed.rows - step * batch_rows)  # the last batch runs on into the next epoch
        tokens_BT, targets_BT, document_BT, position_BT = (
            torch.from_numpy(array[:rows]).long().to(device)
            for array in (batch.tokens_BT, batch.targets_BT, batch.document_BT, batch.position_BT)
        )
        hidden_BTC = model(tokens_BT, position_BT, attention_mask(document_BT, model.precision))
        # Rows are filled from their start, by their pieces in order: so the targets in order are the pieces in order.
        of_targets = model.token_losses(hidden_BTC, targets_BT)[targets_BT >= 0].double().cpu().numpy()
        pieces = int(batch.piece_offsets[rows])
        owner = np.repeat(batch.documents_P[:pieces], batch.lengths_P[:pieces])
        losses += np.bincount(owner, of_targets, minlength=count)
    return losses
