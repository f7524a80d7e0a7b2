"""Batches from shards and a pack plan, each a function of its step alone.

Letters: B rows of a batch, T positions of a row, P pieces of a batch.

For a piece (document, start, length) the targets are the document's tokens start to start + length, and the input at each is the token
before it; EOS stands before a document's first token. So every token in the plan is a target exactly once per epoch, as often as its
document was asked for, the first token of a document too, and where a document is cut nothing is lost between its pieces. A row that its
pieces do not fill is padded at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenshards.packing import PackPlan
from tokenshards.reader import TokenShards
from tokenshards.sampler import Sampler

NO_TARGET = -1


@dataclass(frozen=True)
class Batch:
    """What one step sees. Padding: EOS as input, -1 as target and document, position 0."""

    step: int
    tokens_BT: npt.NDArray[np.int64]
    """Inputs."""
    targets_BT: npt.NDArray[np.int64]
    """Tokens to predict, -1 where there is none."""
    document_BT: npt.NDArray[np.int32]
    """Number of the piece within its row, from 0: positions attend only to positions of the same number."""
    position_BT: npt.NDArray[np.int32]
    """Position within the piece, from 0."""
    cu_seqlens: npt.NDArray[np.int32]
    """Ends of the sequences of the flattened batch after a 0, as variable-length attention takes them. Padding at a row's end is a sequence
    of its own. The length is the same for every step, so that a compiled model keeps its shapes: the end, B * T, is repeated."""
    rows_B: npt.NDArray[np.int64]
    """Row of the plan."""
    piece_offsets: npt.NDArray[np.int32]
    """(B + 1,): row b has pieces piece_offsets[b] to piece_offsets[b + 1]."""
    documents_P: npt.NDArray[np.int64]
    """Number in the shards (`TokenShards.table` says where it came from)."""
    starts_P: npt.NDArray[np.int64]
    lengths_P: npt.NDArray[np.int32]


class PackedBatches:
    """The endless sequence of batches of one run; step s takes rows s * B to (s + 1) * B of the sampler, whatever was taken before.

    Args:
        shards: one split.
        plan: over `shards.lengths`, with `repeats(shards.weights, seed)` where documents are weighted.
        batch_rows: B, rows of one step over all ranks.
        seed: of the order of rows.

    Attributes:
        step: the next step; the caller's to move, and what `state_dict` keeps.

    Raises:
        ValueError: `batch_rows` is below 1, the plan has no rows or was made for other documents.
    """

    def __init__(self, shards: TokenShards, plan: PackPlan, batch_rows: int, seed: int):
        if batch_rows < 1:
            raise ValueError(f"batch_rows {batch_rows} is not a number of rows; give at least 1")
        if plan.rows == 0:
            raise ValueError(f"split {shards.split!r} of {str(shards.path)!r} has no tokens to pack")
        if int(plan.document.max()) >= len(shards) or (plan.start + plan.length > shards.lengths[plan.document]).any():
            raise ValueError(f"the plan is of other documents than {str(shards.path)!r} holds; make it from shards.lengths")
        self.shards, self.plan, self.batch_rows = shards, plan, batch_rows
        self.sampler = Sampler(plan.rows, seed)
        self.step = 0

    @property
    def steps_per_epoch(self) -> float:
        """Steps in which every token of the plan is a target once; the last may be shared with the next epoch."""
        return self.plan.rows / self.batch_rows

    def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
        """The batch of a step, or rows part * B / parts to (part + 1) * B / parts of it: what one of `parts` ranks takes.

        Raises:
            ValueError: B is not a multiple of `parts`, or `part` is not below it.
        """
        if not 0 <= part < parts or self.batch_rows % parts:
            raise ValueError(f"batch_rows {self.batch_rows} has no part {part} of {parts}; make it a multiple of the number of ranks")
        B, T = self.batch_rows // parts, self.plan.row_tokens
        rows_B = self.sampler.rows(step * self.batch_rows + part * B, B)
        tokens_BT = np.full((B, T), self.shards.eos, np.int64)
        targets_BT = np.full((B, T), NO_TARGET, np.int64)
        document_BT = np.full((B, T), -1, np.int32)
        position_BT = np.zeros((B, T), np.int32)
        pieces: list[int] = []
        piece_offsets = np.zeros(B + 1, np.int32)
        ends = [0]
        for b, row in enumerate(rows_B.tolist()):
            at = 0
            first, end = self.plan.row_offsets[row : row + 2].tolist()
            for number, piece in enumerate(range(first, end)):
                document, start, length = (int(column[piece]) for column in (self.plan.document, self.plan.start, self.plan.length))
                targets = self.shards.span(document, start, length)
                tokens_BT[b, at + 1 : at + length] = targets[:-1]
                if start:
                    tokens_BT[b, at] = self.shards.span(document, start - 1, 1)[0]
                targets_BT[b, at : at + length] = targets
                document_BT[b, at : at + length] = number
                position_BT[b, at : at + length] = np.arange(length, dtype=np.int32)
                at += length
                ends.append(b * T + at)
            if at < T:
                ends.append((b + 1) * T)
            pieces.extend(range(first, end))
            piece_offsets[b + 1] = len(pieces)
        cu_seqlens = np.full(B * (self.plan.most_pieces + 1) + 1, B * T, np.int32)
        cu_seqlens[: len(ends)] = ends
        return Batch(
            step=step,
            tokens_BT=tokens_BT,
            targets_BT=targets_BT,
            document_BT=document_BT,
            position_BT=position_BT,
            cu_seqlens=cu_seqlens,
            rows_B=rows_B,
            piece_offsets=piece_offsets,
            documents_P=self.plan.document[pieces],
            starts_P=self.plan.start[pieces],
            lengths_P=self.plan.length[pieces],
        )

    def state_dict(self) -> dict[str, Any]:
        """What to keep in a checkpoint: plain values, independent of ranks and workers."""
        return {
            **self.sampler.state(self.step * self.batch_rows, self.shards.fingerprint),
            "plan": self.plan.fingerprint,
            "step": self.step,
            "batch_rows": self.batch_rows,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. B may differ if its rows end at a whole step of the new one.

        Raises:
            ValueError: the documents, the plan, or the seed are others than those of `state`, or B does not divide the rows taken.
        """
        expected = {"fingerprint": "the documents", "plan": "the pack plan (row_tokens, packing or weights)", "seed": "the seed"}
        now = self.state_dict()
        for key, meaning in expected.items():
            if key not in state:
                raise ValueError(f"the saved state has no {key!r}; it is not of PackedBatches.state_dict")
            if state[key] != now[key]:
                raise ValueError(
                    f"{meaning} changed since the state was saved ({key} was {state[key]}, is {now[key]}); begin anew or restore"
                )
        step, beyond = divmod(int(state["index"]), self.batch_rows)
        if beyond:
            raise ValueError(f"{state['index']} rows were taken, which is no whole step of batch_rows {self.batch_rows}; choose a divisor")
        self.step = step
