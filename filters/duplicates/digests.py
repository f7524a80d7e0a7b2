"""Digests of whole texts, for exact duplicates: of the text as it is, and of its normal form."""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import WORD, classes, code_point, lower


@kernel
def _encode(point, at, output):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 at `at`; where the next goes."""
    if point < 0x80:
        output[at] = point
        return at + 1
    if point < 0x800:
        output[at] = 0xC0 | (point >> 6)
        output[at + 1] = 0x80 | (point & 0x3F)
        return at + 2
    if point < 0x10000:
        output[at] = 0xE0 | (point >> 12)
        output[at + 1] = 0x80 | ((point >> 6) & 0x3F)
        output[at + 2] = 0x80 | (point & 0x3F)
        return at + 3
    output[at] = 0xF0 | (point >> 18)
    output[at + 1] = 0x80 | ((point >> 12) & 0x3F)
    output[at + 2] = 0x80 | ((point >> 6) & 0x3F)
    output[at + 3] = 0x80 | (point & 0x3F)
    return at + 4


@kernel
def _normalise(data, offsets, properties, lowered, output, ends):  # type: ignore[no-untyped-def]
    """Write the words of each text in lower case with one blank behind each."""
    written = 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        is_open = False
        while at < end:
            point, size = np.int64(data[at]), 1
            if point >= 0x80:
                point, size = code_point(data, at, end)
            if properties[point] & WORD:
                written = _encode(np.int64(lowered[point]), written, output)
                is_open = True
            elif is_open:
                output[written] = 0x20
                written += 1
                is_open = False
            at += size
        if is_open:
            output[written] = 0x20
            written += 1
        ends[document + 1] = written


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def normal_forms(texts: pa.StringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    r"""The normal form of each text: NFC, words (`\w+`) in simple lower case, one blank behind each.

    Returns:
        UTF-8 of all, uint8, and where each begins and ends, int64 [n + 1].
    """
    data, offsets = bytes_and_offsets(texts)
    if np.any(data >= 0xCC):  # below lie U+0000 to U+02FF, where all is composed (U+0300 begins with the byte 0xCC)
        texts = pa.array([_composed(text or "") for text in texts.to_pylist()], pa.large_string())
        data, offsets = bytes_and_offsets(texts)
    # Lower case may take more bytes than upper case does: Ⱥ (2) and ⱥ (3); never more than half again.
    output = np.empty(len(data) + len(data) // 2 + len(offsets), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _normalise(data, offsets, classes(), lower(), output, ends)
    return output[: ends[-1]], ends


def digests(texts: pa.StringArray) -> list[bytes]:
    """xxh3-128 of the UTF-8 of each text, 16 bytes, big-endian; null counts as empty."""
    data, offsets = bytes_and_offsets(texts)
    view = memoryview(data.data)
    return [xxhash.xxh3_128_digest(view[start:end]) for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


def normal_digests(texts: pa.StringArray) -> list[bytes]:
    """xxh3-128 of each text's normal form, 16 bytes; of the text itself where it has no word, so that wordless texts are not all equal."""
    data, offsets = normal_forms(texts)
    view = memoryview(data.data)
    plain = digests(texts)
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), plain, strict=True)
    return [xxhash.xxh3_128_digest(view[start:end]) if end > start else fallback for start, end, fallback in bounds]
