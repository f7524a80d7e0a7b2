"""Supervised fastText models as they lie on disk, .bin and .ftz: every count is checked against the file before it is believed.

The format has no document of its own; this follows fastText 0.9.2's sources (fasttext.cc, args.cc, dictionary.cc, densematrix.cc,
quantmatrix.cc, productquantizer.cc of facebookresearch/fastText, `loadModel` and each `load`). Little-endian throughout:

    int32 magic, version; int32 x 12 arguments, float64 threshold
    int32 entries, words, labels; int64 tokens, kept n-grams (-1: all); per entry its bytes, NUL, int64 count, int8 kind
    per kept n-gram int32 bucket, int32 row
    bool quantised; the input matrix; bool output quantised; the output matrix

A dense matrix is mapped, not read: a model of 1.6 GB is shared between processes. A quantised one is made float32 once.
"""

# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.kernel import kernel

MAGIC, VERSIONS = 793712314, (11, 12)
HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VERSUS_ALL = 1, 2, 3, 4
SUPERVISED = 3
LABEL = b"__label__"
LONGEST_NGRAM = 64  # characters or words; the models in use have 2 to 6
CENTROIDS = 256
# What a quantised matrix may become, in bytes: lid.176.ftz takes 3.2 MB.
LARGEST_DEQUANTISED = 4 << 30
# A label's count from here on is "no node yet" in fastText's tree.
COUNT_LIMIT = 10**15

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FastTextFile:
    """A model's parts, read-only."""

    shortest: int
    """Characters of the shortest n-gram."""
    longest: int
    """Of the longest; 0: the model has words alone."""
    word_ngrams: int
    buckets: int
    loss: int
    entry_bytes: npt.NDArray[np.uint8]
    """Words, then labels, without what separates them."""
    entry_offsets: npt.NDArray[np.int64]
    """Where each begins and ends in `entry_bytes`, int64 [words + labels + 1]."""
    words: int
    labels: tuple[str, ...]
    """Without `__label__`, in the model's order."""
    label_counts: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int32] | None
    """Of a pruned model: bucket and row (counted from the words' end) of each n-gram that it kept, int32 [kept, 2]."""
    vectors: Floats
    """float32 [rows, dimensions]."""
    output: Floats
    """float32 [labels, dimensions]."""


class _BrokenError(ValueError):
    """What is wrong with a file, without its name."""


class _Reader:
    """Numbers and arrays from a mapped file, none from behind its end."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self.data, self.at = data, 0

    def take(self, count: int, size: int, what: str) -> npt.NDArray[np.uint8]:
        if count < 0 or count * size > len(self.data) - self.at:
            raise _BrokenError(f"{what} reach beyond the end of the file")
        self.at += count * size
        return self.data[self.at - count * size : self.at]

    def numbers(self, layout: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}"), 1, what).tobytes())

    def floats(self, rows: int, columns: int, what: str) -> Floats:
        return self.take(rows * columns, 4, what).view("<f4").reshape(rows, columns)


def read_fasttext(path: Path) -> FastTextFile:
    """Read a supervised model.

    Raises:
        ValueError: there is no such file, it is damaged or no fastText model, or the model is not supervised.
    """
    try:
        data = np.asarray(np.memmap(path, np.uint8, mode="r"))
    except (OSError, ValueError) as error:  # numpy's ValueError: the file is empty
        raise ValueError(f"{str(path)!r} is no fastText model: {error}") from error
    try:
        return _read(_Reader(data))
    except _BrokenError as broken:
        raise ValueError(f"{str(path)!r} is no fastText classifier: {broken}; give a supervised model, .bin or .ftz") from broken


def _read(reader: _Reader) -> FastTextFile:
    magic, version = reader.numbers("ii", "the first numbers")
    if magic != MAGIC or version not in VERSIONS:
        raise _BrokenError(f"it begins with {magic} and {version}, not with {MAGIC} and {VERSIONS[-1]}")
    dimensions, _, _, _, _, word_ngrams, loss, model, buckets, shortest, longest, _, _ = reader.numbers("12id", "its arguments")
    if model != SUPERVISED:
        raise _BrokenError(f"its kind is {model}, not {SUPERVISED} (supervised)")
    if version == VERSIONS[0]:
        longest = 0  # such files were made before supervised models had n-grams of characters
    if loss not in (HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VERSUS_ALL):
        raise _BrokenError(f"its loss is {loss}, not 1 to 4")
    if not (dimensions > 0 and buckets >= 0 and 1 <= word_ngrams <= LONGEST_NGRAM and 0 <= longest <= LONGEST_NGRAM and shortest >= 0):
        raise _BrokenError(
            f"its n-grams are {shortest} to {longest} characters, {word_ngrams} words, {dimensions} dimensions, {buckets} buckets"
        )
    entries, words, labels, _, kept_count = reader.numbers("3i2q", "its counts of words")
    if entries < 0 or words < 0 or labels < 1 or entries != words + labels or kept_count < -1:
        raise _BrokenError(f"it has {entries} entries of {words} words and {labels} labels, {kept_count} n-grams kept")
    entry_bytes, offsets, counts = _entries(reader, entries, words)
    kept = reader.take(kept_count, 8, "its n-grams").view("<i4").reshape(-1, 2) if kept_count >= 0 else None
    (quantised,) = reader.numbers("B", "its matrix")
    vectors = _quantised(reader, dimensions) if quantised else _dense(reader, dimensions)
    (output_quantised,) = reader.numbers("B", "its output matrix")
    output = _quantised(reader, dimensions) if quantised and output_quantised else _dense(reader, dimensions)
    if len(output) != labels:
        raise _BrokenError(f"its output matrix has {len(output)} rows for {labels} labels")
    if longest or word_ngrams > 1:
        _check_buckets(kept, buckets, len(vectors) - words)
    elif len(vectors) < words:
        raise _BrokenError(f"its matrix has {len(vectors)} rows for {words} words")
    names = [entry_bytes[offsets[row] : offsets[row + 1]].tobytes() for row in range(words, entries)]
    try:
        told = tuple(name.removeprefix(LABEL).decode() for name in names)
    except UnicodeDecodeError as error:
        raise _BrokenError("a label is no UTF-8") from error
    sums = counts[words:]
    if np.any(sums < 0) or np.any(sums >= COUNT_LIMIT) or int(sums.sum(dtype=np.float64)) >= COUNT_LIMIT:
        raise _BrokenError("counts of its labels are negative or too large")
    return FastTextFile(
        shortest, longest, word_ngrams, buckets, loss, entry_bytes, offsets, words, told, sums.copy(), kept, vectors, output
    )


def _check_buckets(kept: npt.NDArray[np.int32] | None, buckets: int, rows: int) -> None:
    """Every n-gram's row is one of the `rows` behind the words."""
    if buckets < 1:
        raise _BrokenError("it has n-grams and no buckets for them")
    if kept is None:
        if rows < buckets:
            raise _BrokenError(f"its matrix has {rows} rows for {buckets} buckets")
    elif len(kept) and (kept.min() < 0 or kept[:, 0].max() >= buckets or kept[:, 1].max() >= rows):
        raise _BrokenError("an n-gram points outside its matrix")
    elif rows < 0:
        raise _BrokenError("its matrix has fewer rows than words")


def _entries(reader: _Reader, entries: int, words: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bytes of all words and labels, where each begins, and their counts."""
    if entries * 10 > len(reader.data) - reader.at:
        raise _BrokenError("its words reach beyond the end of the file")
    spans, counts = np.empty((entries, 2), np.int64), np.empty(entries, np.int64)
    end = _scan_entries(reader.data, reader.at, words, spans, counts)
    if end < 0:
        raise _BrokenError("its words reach beyond the end of the file, or labels stand among them")
    offsets = np.zeros(entries + 1, np.int64)
    np.cumsum(spans[:, 1] - spans[:, 0], out=offsets[1:])
    found = np.empty(offsets[-1], np.uint8)
    _copy_spans(reader.data, spans, found)
    reader.at = end
    return found, offsets, counts


@kernel
def _scan_entries(data, at, words, spans, counts):  # type: ignore[no-untyped-def]
    """Fill the span and the count of each entry; where the last one ends, or -1."""
    for entry in range(len(spans)):
        spans[entry, 0] = at
        while at < len(data) and data[at] != 0:
            at += 1
        spans[entry, 1] = at
        if len(data) - at < 10:
            return -1
        count = np.uint64(0)
        for k in range(8):
            count |= np.uint64(data[at + 1 + k]) << np.uint64(8 * k)
        counts[entry] = np.int64(count)
        if data[at + 9] != (entry >= words):
            return -1
        at += 10
    return at


@kernel
def _copy_spans(data, spans, found):  # type: ignore[no-untyped-def]
    to = 0
    for row in range(len(spans)):
        for at in range(spans[row, 0], spans[row, 1]):
            found[to] = data[at]
            to += 1


def _dense(reader: _Reader, dimensions: int) -> Floats:
    rows, columns = reader.numbers("qq", "a matrix")
    if columns != dimensions:
        raise _BrokenError(f"a matrix has {columns} columns, the model {dimensions} dimensions")
    return reader.floats(rows, columns, "a matrix's numbers")


def _quantised(reader: _Reader, dimensions: int) -> Floats:
    """Product quantisation (Jégou et al. 2011): each row's pieces are centroids, and its length, where stated, is one of 256."""
    has_lengths, rows, columns, size = reader.numbers("Bqqi", "a quantised matrix")
    if columns != dimensions or rows < 0 or rows * columns * 4 > LARGEST_DEQUANTISED:
        raise _BrokenError(f"a quantised matrix is of {rows} rows and {columns} columns, the model of {dimensions} dimensions")
    codes = reader.take(size, 1, "a quantised matrix's codes")
    pieces = _centroids(reader, columns)
    if rows * len(pieces) != size:
        raise _BrokenError(f"a quantised matrix has {size} codes for {rows} rows of {len(pieces)}")
    found = np.concatenate([piece[codes[number :: len(pieces)]] for number, piece in enumerate(pieces)], axis=1, dtype=np.float32)
    if has_lengths:
        lengths = reader.take(rows, 1, "a quantised matrix's lengths")
        (table,) = _centroids(reader, 1)
        with np.errstate(over="ignore", invalid="ignore"):  # of a damaged file
            found *= table[lengths]
    return np.ascontiguousarray(found)


def _centroids(reader: _Reader, columns: int) -> list[Floats]:
    """Of each piece of a row: float32 [256, its width]."""
    dimensions, pieces, width, last = reader.numbers("4i", "a quantiser")
    if dimensions != columns or pieces < 1 or width < 1 or last < 1 or width * (pieces - 1) + last != dimensions:
        raise _BrokenError(f"a quantiser cuts {dimensions} of {columns} columns into {pieces} pieces of {width}, the last of {last}")
    table = reader.floats(dimensions * CENTROIDS, 1, "a quantiser's centroids").reshape(-1)
    widths = [width] * (pieces - 1) + [last]
    begins = [number * CENTROIDS * width for number in range(pieces)]
    return [table[begin : begin + CENTROIDS * wide].reshape(CENTROIDS, wide) for begin, wide in zip(begins, widths, strict=True)]
