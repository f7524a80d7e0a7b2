"""Overlap of texts with evaluation items: what is recorded of each document, and what that says of it.

At extraction every n-gram of an item that stands in a text is recorded (`matches`): numbers, no verdict. Later, without any text, n-grams
that stand in many documents are left out (`frequencies`): famous quotations, licences and set phrases are no leak. What remains says which
share of an item's n-grams a document holds (`judge`), and which bytes of its text those are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.contamination.evaluation_index import Index
from filters.contamination.ngram_table import search

MATCH = pa.struct(
    [
        pa.field("set", pa.int16()),
        pa.field("item", pa.int32()),  # within its set
        pa.field("of", pa.int32()),  # different n-grams of the item; 1 where it is searched by answer
        pa.field("ngram", pa.uint64()),  # key of the n-gram, or of the short question
        pa.field("start", pa.int32()),  # bytes of the document's text
        pa.field("end", pa.int32()),
    ]
)
MATCHES = pa.list_(MATCH)
"""The column of a document's matches, in rising order of place. An n-gram that stands in a text several times, or in several items, has a
row for each."""


def matches(texts: pa.StringArray, index: Index) -> pa.ListArray:
    """Every n-gram of an item, and every short question with its answer, in each text.

    Args:
        texts: string or large_string of at most 2^31 - 1 bytes each; null counts as empty.
        index: the items.

    Returns:
        `MATCHES`, as many rows as `texts`.
    """
    hits = search(texts, index.ngram, index.table, index.answers)
    by_answer = hits[:, 1] >= index.answers.ngrams
    long, short = hits[~by_answer], hits[by_answer]
    counts = np.diff(index.offsets)[long[:, 1]]
    # The k-th posting of each hit: a running number, less the number at which its hit began.
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(index.offsets[long[:, 1]], counts)
    rows = short[:, 1] - index.answers.ngrams
    items = np.concatenate([index.postings[places], index.answer_items[rows]]).astype(np.int64)
    ngrams = np.concatenate([index.table.keys[np.repeat(long[:, 1], counts)], index.answer_questions[rows]])
    document, start, end = np.concatenate([np.repeat(long, counts, axis=0), short])[:, [0, 2, 3]].T
    order = np.lexsort((end, ngrams, items, start, document))
    same = np.zeros(len(order), np.bool_)
    # Of several answers to one question at one place the first ending stays.
    same[1:] = np.all([np.diff(column[order]) == 0 for column in (document, start, items, ngrams)], axis=0)
    order = order[~same]
    columns = [index.sets[items], index.numbers[items], index.sizes[items], ngrams, start.astype(np.int32), end.astype(np.int32)]
    values = pa.StructArray.from_arrays(
        [pa.array(column[order], field.type) for column, field in zip(columns, MATCH, strict=True)], fields=list(MATCH)
    )
    ends = np.concatenate([[0], np.cumsum(np.bincount(document[order], minlength=len(texts)))])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


_SORTED_ROWS = 1 << 20


class Frequencies:
    """In how many different documents each n-gram stands, counted up to a bound, whatever the order in which documents come.

    Copies of a document (equal digests) count once. Held are 16 bytes for each document of an n-gram that stands in no more than the bound,
    and 8 for every other n-gram: at most the index's n-grams times the bound.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pairs = np.empty((0, 2), np.uint64)
        self._frequent = np.empty(0, np.uint64)
        self._added: list[npt.NDArray[np.uint64]] = []
        self._added_rows = 0

    def add(self, column: pa.ListArray, digests: pa.Array) -> None:
        """Count the matches of some documents.

        Args:
            column: `MATCHES`.
            digests: binary, at least 8 bytes each, of the same documents.
        """
        counts, values = _rows(column)
        if not len(values):
            return
        named = np.flatnonzero(counts)
        short = np.zeros(len(column), np.uint64)
        short[named] = [int.from_bytes(digest[:8], "little") for digest in digests.take(pa.array(named)).to_pylist()]
        self._added.append(np.stack([values.field("ngram").to_numpy(zero_copy_only=False), np.repeat(short, counts)], axis=1))
        self._added_rows += len(values)
        # Sorting when as much was added as is held keeps the work in proportion to what is added.
        if self._added_rows > max(_SORTED_ROWS, len(self._pairs)):
            self._count()

    def frequent(self) -> npt.NDArray[np.uint64]:
        """Keys of the n-grams that stand in more documents than the bound, uint64, rising."""
        self._count()
        return self._frequent

    def _count(self) -> None:
        pairs = np.concatenate([self._pairs, *self._added])
        self._added, self._added_rows = [], 0
        pairs = np.unique(pairs[~np.isin(pairs[:, 0], self._frequent)], axis=0)
        keys, documents = np.unique(pairs[:, 0], return_counts=True)
        above = documents > self._most
        self._frequent = np.union1d(self._frequent, keys[above])
        self._pairs = pairs[~np.repeat(above, documents)]


@dataclass(frozen=True)
class Judgement:
    """What the matches of some documents come to."""

    share: npt.NDArray[np.float32]
    """Per document: the largest share that it holds of an item's n-grams; 0 where it has no match."""
    document: npt.NDArray[np.int64]
    """Per item found in a document: which one, rising."""
    set: npt.NDArray[np.int16]
    item: npt.NDArray[np.int32]
    spans: list[list[int]]
    """Per document: flat [start, end) byte offsets of what it holds of the items found, rising, without overlaps."""


def judge(column: pa.ListArray, frequent: npt.NDArray[np.uint64], above: float) -> Judgement:
    """Which items stand in which documents.

    Args:
        column: `MATCHES`.
        frequent: keys of n-grams that count for nothing, rising.
        above: an item is found in a document that holds a larger share of its n-grams than this.
    """
    counts, values = _rows(column)
    owners = np.repeat(np.arange(len(column)), counts)
    ngrams = values.field("ngram").to_numpy(zero_copy_only=False)
    counted = np.flatnonzero(~np.isin(ngrams, frequent))
    owners, ngrams = owners[counted], ngrams[counted]
    sets, items, of, start, end = (
        values.field(name).to_numpy(zero_copy_only=False)[counted] for name in ("set", "item", "of", "start", "end")
    )
    order = np.lexsort((ngrams, items, sets, owners))
    new_item = _changes(order, owners, sets, items)
    new_ngram = new_item | _changes(order, ngrams)
    group = np.cumsum(new_item) - 1
    firsts = order[new_item]
    shares = (np.bincount(group, weights=new_ngram, minlength=len(firsts)) / of[firsts]).astype(np.float32)
    share = np.zeros(len(column), np.float32)
    np.maximum.at(share, owners[firsts], shares)
    found = shares > np.float32(above)
    kept = order[found[group]] if len(group) else order
    spans: list[list[int]] = [[] for _ in range(len(column))]
    for row in kept[np.lexsort((end[kept], start[kept], owners[kept]))]:
        flat = spans[owners[row]]
        if flat and start[row] <= flat[-1]:
            flat[-1] = max(flat[-1], int(end[row]))
        else:
            flat += [int(start[row]), int(end[row])]
    found_at = firsts[found]
    return Judgement(share, owners[found_at], sets[found_at], items[found_at], spans)


def _rows(column: pa.ListArray) -> tuple[npt.NDArray[np.int64], pa.StructArray]:
    """Matches per document, int64 [n], and all of them."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    return np.diff(offsets), column.values.slice(offsets[0], offsets[-1] - offsets[0])


def _changes(order: npt.NDArray[np.int64], *columns: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Where, in this order, any of the columns differs from the row before."""
    changed = np.ones(len(order), np.bool_)
    if len(order):
        changed[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    return changed
