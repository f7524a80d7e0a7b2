"""Reading shards: documents as views of memory-mapped files, their origins, and a check of everything against everything."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tokenshards import format as shard_format
from tokenshards.format import Manifest, ShardEntry


class TokenShards:
    """The documents of one split, numbered from 0 through all of its shards.

    Nothing but offsets is read at the start (8 bytes per document); tokens are paged in as they are asked for.

    Args:
        path: folder with manifest.json.
        split: one that the manifest lists.

    Raises:
        ValueError: no manifest, no such split, or a file that is missing, truncated or not what the manifest says.
    """

    def __init__(self, path: Path, split: str = "train"):
        self.path, self.split = Path(path), split
        self.manifest: Manifest = shard_format.read_manifest(self.path)
        if split not in self.manifest.splits:
            raise ValueError(f"{str(path)!r} has no split {split!r}; it has {', '.join(self.manifest.splits) or 'none'}")
        self.entries: tuple[ShardEntry, ...] = tuple(entry for entry in self.manifest.shards if entry.split == split)
        dtype = shard_format.token_dtype(self.manifest.vocabulary)
        self._tokens = [_map(self.path, entry, dtype) for entry in self.entries]
        self._offsets = [_read_offsets(self.path, entry) for entry in self.entries]
        self._first = np.cumsum([0, *(entry.documents for entry in self.entries)])
        self.lengths: npt.NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *(np.diff(offsets) for offsets in self._offsets)])
        """int64 (documents,): tokens of each document, EOS included."""

    def __len__(self) -> int:
        return int(self._first[-1])

    def __reduce__(self) -> tuple[type[TokenShards], tuple[Path, str]]:
        # A loader's worker maps the files again; sent as an array, a memory map would travel as all of its tokens.
        return TokenShards, (self.path, self.split)

    @property
    def tokens(self) -> int:
        """Tokens of the split, every EOS included."""
        return self.manifest.splits[self.split].tokens

    @property
    def eos(self) -> int:
        """The id that ends every document."""
        return self.manifest.eos

    @property
    def vocabulary(self) -> int:
        """Number of ids."""
        return self.manifest.vocabulary

    @property
    def fingerprint(self) -> str:
        """sha256 of this split's shards in their order; equal fingerprints hold equal documents."""
        return shard_format.fingerprint(self.entries)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """float32 (documents,): how often an epoch shall serve each document (see `sampler.repeats`), of documents.parquet.

        1 where that file does not say: it was written before there were weights, or without any.

        Raises:
            ValueError: as `table`, or a weight is not in 0 to 1,000.
        """
        if "weight" not in pq.read_schema(self._documents_file()).names:
            return np.ones(len(self), np.float32)
        column = self.table(["weight"])["weight"]
        shard_format.check_weights(column, self._documents_file())
        weights: npt.NDArray[np.float32] = pc.fill_null(column, 1).to_numpy()
        return weights

    def locate(self, document: int) -> tuple[int, int]:
        """Position in `entries` of the shard that holds a document, and the document's number within it.

        Raises:
            IndexError: no such document.
        """
        if not 0 <= document < len(self):
            raise IndexError(f"document {document} of {len(self)}")
        shard = int(np.searchsorted(self._first, document, side="right")) - 1
        return shard, document - int(self._first[shard])

    def document(self, document: int) -> npt.NDArray[Any]:
        """Read-only view (tokens,) of a document, its EOS last, in the stored type."""
        shard, number = self.locate(document)
        offsets = self._offsets[shard]
        return self._tokens[shard][int(offsets[number]) : int(offsets[number + 1])]

    def span(self, document: int, start: int, length: int) -> npt.NDArray[Any]:
        """View of `length` tokens of a document from token `start`.

        Raises:
            IndexError: the span is not within the document.
        """
        tokens = self.document(document)
        if start < 0 or length < 0 or start + length > len(tokens):
            raise IndexError(f"tokens {start} to {start + length} of document {document}, which has {len(tokens)}")
        return tokens[start : start + length]

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """Rows of documents.parquet for this split, row i for document i.

        Raises:
            ValueError: the file is missing or tells of other documents than the shards hold.
        """
        path = self._documents_file()
        names = None if columns is None else list(dict.fromkeys([*columns, "tokens"]))
        # partitioning=None: pyarrow would otherwise take columns from folder names of the form key=value.
        try:
            table = pq.read_table(path, columns=names, filters=[("split", "==", self.split)], partitioning=None)
        except pa.ArrowInvalid as error:
            raise ValueError(f"{str(path)!r} cannot be read: {error}") from error
        if not np.array_equal(table.column("tokens").to_numpy(), self.lengths):
            raise ValueError(f"{str(path)!r} does not list the documents of these shards; copy the one that belongs to them")
        return table if columns is None else table.select(columns)

    def _documents_file(self) -> Path:
        path = self.path / shard_format.DOCUMENTS_FILE
        if not path.exists():
            raise ValueError(f"{str(path)!r} does not exist; copy it with the shards")
        return path


def _map(directory: Path, entry: ShardEntry, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    path = shard_format.bin_path(directory, entry.name)
    if not path.exists():
        raise ValueError(f"{str(path)!r} does not exist, but the manifest lists it; copy it or write the shards again")
    expected, size = entry.tokens * dtype.itemsize, path.stat().st_size
    if size != expected:
        raise ValueError(f"{str(path)!r} has {size} bytes where the manifest says {expected}; it is truncated or of another run")
    # An empty file cannot be mapped.
    return np.memmap(path, dtype, "r") if entry.tokens else np.zeros(0, dtype)


def _read_offsets(directory: Path, entry: ShardEntry) -> npt.NDArray[np.int64]:
    path = shard_format.offsets_path(directory, entry.name)
    try:
        # Mapped first: a header that promises more than the file holds is then refused before memory is taken for it.
        offsets = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist, but the manifest lists its shard; copy it or write the shards again") from error
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{str(path)!r} is not an array of offsets: {error}") from error
    if offsets.dtype != np.dtype("<u8") or offsets.shape != (entry.documents + 1,):
        raise ValueError(f"{str(path)!r} is not of {entry.documents} documents but {offsets.dtype} {offsets.shape}; write the shard again")
    signed: npt.NDArray[np.int64] = offsets.astype(np.int64)
    if signed[0] != 0 or signed[-1] != entry.tokens or (np.diff(signed) <= 0).any():
        raise ValueError(f"{str(path)!r} does not rise from 0 to {entry.tokens} tokens; write the shard again")
    return signed


def verify(path: Path) -> Manifest:
    """Check all of a shard folder: digests, sizes, EOS at every offset, ids within the vocabulary, both indices, documents.parquet.

    Returns:
        The manifest, which is then known to be true.

    Raises:
        ValueError: the first thing that disagrees, with its file.
    """
    directory = Path(path)
    manifest = shard_format.read_manifest(directory)
    documents = directory / shard_format.DOCUMENTS_FILE
    if not documents.exists() or shard_format.file_sha256(documents) != manifest.documents_sha256:
        raise ValueError(f"{str(documents)!r} is missing or changed since the manifest was written; restore it")
    for split in manifest.splits:
        shards = TokenShards(directory, split)
        for number, entry in enumerate(shards.entries):
            _verify_shard(shards, number, entry)
        text_bytes = int(shards.table(["bytes"]).column("bytes").to_numpy().sum())
        if text_bytes != manifest.splits[split].bytes:
            raise ValueError(f"{str(documents)!r} counts {text_bytes} bytes of {split!r}, the manifest {manifest.splits[split].bytes}")
        epoch_tokens = round(float(shards.weights.astype(np.float64) @ shards.lengths))
        if abs(epoch_tokens - manifest.epoch_tokens.get(split, epoch_tokens)) > 1:  # the last bit of a sum
            raise ValueError(
                f"{str(documents)!r} makes {epoch_tokens} tokens an epoch of {split!r}, the manifest {manifest.epoch_tokens[split]}"
            )
    return manifest


BLOCK_TOKENS = 1 << 24
"""Tokens checked against the vocabulary at once: 128 MiB of working memory at most, whatever the shard's size."""


def _verify_shard(shards: TokenShards, number: int, entry: ShardEntry) -> None:
    directory, manifest = shards.path, shards.manifest
    path = shard_format.bin_path(directory, entry.name)
    if shard_format.file_sha256(path) != entry.sha256:
        raise ValueError(f"{str(path)!r} has another sha256 than the manifest says; restore it or write the shards again")
    tokens, offsets = shards._tokens[number], shards._offsets[number]
    missing = np.flatnonzero(tokens[offsets[1:] - 1] != manifest.eos)
    if len(missing):
        raise ValueError(f"{str(path)!r}: document {missing[0]} does not end in EOS {manifest.eos}; the offsets are of another file")
    for start in range(0, len(tokens), BLOCK_TOKENS):
        largest = int(tokens[start : start + BLOCK_TOKENS].max())
        if largest >= manifest.vocabulary:
            raise ValueError(f"{str(path)!r} has id {largest} outside the vocabulary of {manifest.vocabulary}")
    index = shard_format.read_index(shard_format.index_path(directory, entry.name))
    agrees = (
        index.dtype == tokens.dtype
        and np.array_equal(index.lengths, np.diff(offsets))
        and np.array_equal(index.starts, offsets[:-1] * tokens.dtype.itemsize)
        and np.array_equal(index.documents, np.arange(entry.documents + 1))
    )
    if not agrees:
        raise ValueError(f"{str(shard_format.index_path(directory, entry.name))!r} disagrees with the offsets; write the shard again")
