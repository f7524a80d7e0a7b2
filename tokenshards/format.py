"""The shard format: names, token types, the Megatron index, the manifest.

One shard NAME is three files over the same documents:
    NAME.bin          token ids, little endian, no header; every document ends in EOS.
    NAME.idx          Megatron-LM's index of NAME.bin, so that Megatron, NeMo and what reads their files need no conversion.
    NAME.offsets.npy  uint64 (documents + 1,): the token at which each document begins, and the total.
The directory holds manifest.json and documents.parquet beside them.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

VERSION = 1
MANIFEST = "manifest.json"
DOCUMENTS_FILE = "documents.parquet"

UINT16_VOCABULARY = 65_500
"""Megatron-LM takes uint16 below this many ids; the same bound, so that both sides choose the same width."""
LARGEST_VOCABULARY = 1 << 31
"""Wider tokens are declared int32 in the index, so ids stay below 2^31."""

LARGEST_WEIGHT = 1000
"""Times an epoch; a plan holds every copy."""

INDEX_MAGIC = b"MMIDIDX\x00\x00"
INDEX_VERSION = 1
INDEX_HEADER = struct.Struct("<9sQBQQ")
"""Magic, version, dtype code, sequences, length of the document index (documents + 1): Megatron-LM core/datasets/indexed_dataset.py."""
DTYPE_CODES = {2: 8, 4: 4}
"""Bytes per token to Megatron's code: 8 is uint16, 4 is int32."""


def token_dtype(vocabulary: int) -> np.dtype[Any]:
    """Little-endian type of the tokens of a vocabulary: uint16 under 65,500 ids, uint32 above.

    Raises:
        ValueError: `vocabulary` is below 1 or above 2^31.
    """
    if not 1 <= vocabulary <= LARGEST_VOCABULARY:
        raise ValueError(f"a vocabulary of {vocabulary} ids does not fit the shard format; it takes 1 to {LARGEST_VOCABULARY}")
    return np.dtype("<u2") if vocabulary < UINT16_VOCABULARY else np.dtype("<u4")


def shard_name(split: str, number: int) -> str:
    """`train-00000`: what the three files of a shard begin with."""
    return f"{split}-{number:05d}"


def split_name(name: str) -> tuple[str, int]:
    """Split and number of a shard name.

    Raises:
        ValueError: `name` is not SPLIT-NUMBER.
    """
    split, dash, number = name.rpartition("-")
    if not (split and dash and number.isascii() and number.isdigit()) or shard_name(split, int(number)) != name:
        raise ValueError(f"{name!r} is not the name of a shard; name it like {shard_name('train', 0)!r}")
    return split, int(number)


def bin_path(directory: Path, name: str) -> Path:
    """The tokens of a shard."""
    return directory / f"{name}.bin"


def index_path(directory: Path, name: str) -> Path:
    """The Megatron index of a shard."""
    return directory / f"{name}.idx"


def offsets_path(directory: Path, name: str) -> Path:
    """The token offsets of a shard."""
    return directory / f"{name}.offsets.npy"


def write_index(file: BinaryIO, lengths: npt.NDArray[np.int32], token_bytes: int) -> None:
    """Write a Megatron index in which every document is one sequence.

    Args:
        file: open for writing.
        lengths: int32 (documents,), tokens per document.
        token_bytes: 2 or 4.
    """
    documents = len(lengths)
    ends = np.cumsum(lengths, dtype="<i8") * token_bytes
    starts = np.concatenate([np.zeros(min(documents, 1), "<i8"), ends[:-1]])
    file.write(INDEX_HEADER.pack(INDEX_MAGIC, INDEX_VERSION, DTYPE_CODES[token_bytes], documents, documents + 1))
    file.writelines(column.tobytes() for column in (lengths.astype("<i4"), starts, np.arange(documents + 1, dtype="<i8")))


@dataclass(frozen=True, slots=True)
class MegatronIndex:
    """What a .idx says: `lengths` int32 in tokens and `starts` int64 in bytes (sequences,), `documents` int64, its last entry the end."""

    dtype: np.dtype[Any]
    lengths: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]


def read_index(path: Path) -> MegatronIndex:
    """Read a Megatron index of uint16 or int32 tokens.

    Raises:
        ValueError: the file is missing or no such index, or its size is not what its header promises.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; copy it with its shard or write the shard again") from error
    if len(data) < INDEX_HEADER.size:
        raise ValueError(f"{str(path)!r} is too short for a Megatron index; write the shard again")
    magic, version, code, sequences, documents = INDEX_HEADER.unpack_from(data)
    if magic != INDEX_MAGIC or version != INDEX_VERSION:
        raise ValueError(f"{str(path)!r} is not a Megatron index of version {INDEX_VERSION}; write the shard again")
    widths = {code: width for width, code in DTYPE_CODES.items()}
    if code not in widths:
        raise ValueError(f"{str(path)!r} has dtype code {code}; shards use 8 (uint16) or 4 (int32)")
    if len(data) != INDEX_HEADER.size + 12 * sequences + 8 * documents:
        raise ValueError(f"{str(path)!r} has {len(data)} bytes, not those of {sequences} sequences; write the shard again")
    at = INDEX_HEADER.size
    lengths = np.frombuffer(data, "<i4", sequences, at)
    starts = np.frombuffer(data, "<i8", sequences, at + 4 * sequences)
    return MegatronIndex(np.dtype(f"<u{widths[code]}"), lengths, starts, np.frombuffer(data, "<i8", documents, at + 12 * sequences))


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """One shard, as the manifest lists it. `bytes` counts the UTF-8 text of its documents, 0 until the manifest is written."""

    name: str
    split: str
    documents: int
    tokens: int
    bytes: int
    sha256: str
    """Of NAME.bin, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals of a split."""

    shards: int
    documents: int
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """manifest.json: everything a reader must know, and what `verify` checks."""

    version: int
    tokenizer_sha256: str
    vocabulary: int
    eos: int
    dtype: str
    documents_sha256: str
    """Of documents.parquet."""
    splits: dict[str, Counts]
    shards: tuple[ShardEntry, ...]
    """By split, then number."""
    fingerprint: str
    epoch_tokens: dict[str, int] = field(default_factory=dict)
    """By split: tokens times weight, what an epoch serves but for the chance of fractions. Empty where an older version wrote it."""

    def to_json(self) -> str:
        """Sorted keys, no clock: equal shards give equal bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def read_manifest(directory: Path) -> Manifest:
    """Read manifest.json.

    Raises:
        ValueError: it is missing, is not JSON, lacks a key, or its counts disagree with its shards.
    """
    path = directory / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{str(directory)!r} has no {MANIFEST}; give the folder that `curate tokenize` wrote") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(values, dict) or values.get("version") != VERSION:
        raise ValueError(f"{str(path)!r} is not a manifest of version {VERSION}; write the shards again with this version")
    try:
        manifest = Manifest(
            **{
                **values,
                "splits": {split: Counts(**counts) for split, counts in values["splits"].items()},
                "shards": tuple(ShardEntry(**entry) for entry in values["shards"]),
            }
        )
        _check(manifest)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a manifest of token shards: {error}") from error
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error
    return manifest


def _check(manifest: Manifest) -> None:
    if token_dtype(manifest.vocabulary).name != manifest.dtype:
        raise ValueError(f"dtype {manifest.dtype!r} is not that of a vocabulary of {manifest.vocabulary}")
    if not 0 <= manifest.eos < manifest.vocabulary:
        raise ValueError(f"EOS {manifest.eos} is outside the vocabulary of {manifest.vocabulary}")
    for split, stated in manifest.splits.items():
        counted = count(entry for entry in manifest.shards if entry.split == split)
        if counted != stated:
            raise ValueError(f"the shards of split {split!r} add up to {counted}, stated are {stated}")
    for entry in manifest.shards:
        if split_name(entry.name)[0] != entry.split or entry.split not in manifest.splits:
            raise ValueError(f"shard {entry.name!r} is not of a listed split")
    if fingerprint(manifest.shards) != manifest.fingerprint:
        raise ValueError("the fingerprint is not that of the listed shards")


def count(entries: Iterable[ShardEntry]) -> Counts:
    """Totals of some shards."""
    kept = list(entries)
    return Counts(
        len(kept),
        sum(entry.documents for entry in kept),
        sum(entry.tokens for entry in kept),
        sum(entry.bytes for entry in kept),
    )


def fingerprint(entries: Iterable[ShardEntry]) -> str:
    """sha256 over name, documents, tokens and sha256 of each shard in their order: the identity of a data set."""
    lines = "".join(f"{entry.name} {entry.documents} {entry.tokens} {entry.sha256}\n" for entry in entries)
    return hashlib.sha256(lines.encode()).hexdigest()


def check_weights(weights: pa.ChunkedArray, path: Path) -> None:
    """Refuse weights that say no number of times; null is none.

    Raises:
        ValueError: one is NaN, below 0 or above 1,000.
    """
    wrong = weights.filter(pc.fill_null(pc.invert(pc.and_(pc.greater_equal(weights, 0), pc.less_equal(weights, LARGEST_WEIGHT))), False))
    if len(wrong):
        raise ValueError(f"{str(path)!r} has a weight of {wrong[0].as_py()}; it says how often a document is served, 0 to {LARGEST_WEIGHT}")


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
