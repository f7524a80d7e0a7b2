"""Digests of whole texts, for exact duplicates and for what a text is known by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from filters.text import bytes_and_offsets


def digests(texts: pa.StringArray) -> list[bytes]:
    """xxh3-128 of the UTF-8 of each text, 16 bytes, big-endian; null counts as empty."""
    data, offsets = bytes_and_offsets(texts)
    view = memoryview(data.data)
    return [xxhash.xxh3_128_digest(view[start:end]) for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


def as_numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Binary values of 16 bytes as uint64 [n, 2] that sort as the bytes do. Null counts as zeros."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        array = array.fill_null(bytes(16))
    data = np.frombuffer(array.buffers()[1] or b"", np.uint8)[16 * array.offset : 16 * (array.offset + len(array))]
    return data.view(">u8").astype(np.uint64).reshape(-1, 2)


def as_bytes(numbers: npt.NDArray[np.uint64]) -> pa.Array:
    """The reverse of `as_numbers`: uint64 [n, 2] to binary values of 16 bytes."""
    return pa.Array.from_buffers(pa.binary(16), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers.astype(">u8")))])
