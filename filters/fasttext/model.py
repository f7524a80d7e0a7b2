"""A supervised fastText model whose answers are fastText's own, computed straight from Arrow's UTF-8."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.fasttext.format import HIERARCHICAL, FastTextFile, read_fasttext
from filters.fasttext.kernel import ALL_KEPT, NONE_KEPT, SOME_KEPT, Network, fill_slots, score_all, tree
from filters.text import bytes_and_offsets

_SENTENCE_END = b"</s>"


@dataclass(frozen=True, slots=True)
class FastTextModel:
    """A classifier; equal answers for equal text, whatever stands beside it in a batch."""

    path: Path
    labels: tuple[str, ...]
    """Without `__label__`, in the model's order."""
    network: Network
    loss: int
    weights: npt.NDArray[np.float32]
    """The output matrix, float32 [dimensions, labels]."""
    children: npt.NDArray[np.int32]
    """The tree of hierarchical softmax, int32 [labels - 1, 2]; empty for other losses."""

    @classmethod
    def load(cls, path: str | Path) -> FastTextModel:
        """Load a .bin or .ftz; an unquantised matrix stays in the mapped file.

        Raises:
            ValueError: there is no such file, it is damaged, or the model is not supervised.
        """
        file = read_fasttext(Path(path))
        children = np.empty((len(file.labels) - 1 if file.loss == HIERARCHICAL else 0, 2), np.int32)
        if file.loss == HIERARCHICAL:
            tree(file.label_counts, children)
        weights = np.ascontiguousarray(file.output.T, np.float32)
        return cls(Path(path), file.labels, _network(file), file.loss, weights, children)

    def scores(self, texts: pa.StringArray | pa.LargeStringArray) -> npt.NDArray[np.float32]:
        """Every label's score for each text as fastText's `predict(text, k=-1)` gives it, with line feeds as blanks.

        Args:
            texts: whole texts; a null is empty. An empty one is scored by `</s>` alone, as fastText does.

        Returns:
            float32 [texts, labels], in the order of `labels`; at most 1 (fastText may give 1.00001); zeros for a text no part of which is
            in the model.
        """
        data, offsets = bytes_and_offsets(texts)
        return self.score_spans(data, offsets[:-1], offsets[1:])

    def score_spans(
        self, data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """The same for the texts `data[start:end]` of UTF-8."""
        data = data.view()
        data.setflags(write=False)  # or the kernel would be compiled once for each kind
        scores = np.empty((len(starts), len(self.labels)), np.float32)
        rows = np.empty(len(starts), np.int64)
        score_all(data, starts, ends, self.network, self.loss, self.weights, self.children, scores, rows)
        return np.minimum(scores, 1, out=scores)

    def predict(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The likeliest label of each text, the earlier of equals, and its score, float32 [texts]."""
        scores = self.scores(texts)
        best = scores.argmax(axis=1)
        return [self.labels[label] for label in best], scores[np.arange(len(best)), best]

    def probabilities(self, texts: pa.StringArray | pa.LargeStringArray, label: str) -> npt.NDArray[np.float32]:
        """The score of one label, float32 [texts].

        Raises:
            ValueError: the model does not know the label.
        """
        if label not in self.labels:
            raise ValueError(f"{label!r} is not a label of {self.path.name}; it knows {', '.join(self.labels[:20])}")
        return self.scores(texts)[:, self.labels.index(label)]


def _network(file: FastTextFile) -> Network:
    entries = len(file.entry_offsets) - 1
    slots = np.full(1 << max(4, (2 * entries).bit_length()), -1, np.int32)
    fill_slots(file.entry_bytes, file.entry_offsets, slots)
    ends = file.entry_offsets[: file.words + 1]
    lengths = np.diff(ends)
    sentence_end = next(
        (int(row) for row in np.flatnonzero(lengths == len(_SENTENCE_END)) if file.entry_bytes[ends[row] :][:4].tobytes() == _SENTENCE_END),
        -1,
    )
    keeps, bits, rows = ALL_KEPT, np.zeros(1, np.uint8), np.zeros(1, np.int32)
    if file.kept is not None:
        keeps = SOME_KEPT if len(file.kept) else NONE_KEPT
        flags = np.zeros(file.buckets + 1, np.uint8)
        flags[file.kept[:, 0]] = 1
        bits = np.packbits(flags, bitorder="little")
        rows = np.zeros(file.buckets + 1, np.int32)
        rows[file.kept[:, 0]] = file.kept[:, 1]
    vectors = file.vectors
    vectors.setflags(write=False)  # as a mapped one is: kernels are compiled for one kind
    return Network(
        file.entry_bytes,
        file.entry_offsets,
        slots,
        file.words,
        sentence_end,
        file.shortest,
        file.longest,
        file.word_ngrams,
        file.buckets,
        1 / max(1, file.buckets),
        keeps,
        bits,
        rows,
        vectors,
    )
