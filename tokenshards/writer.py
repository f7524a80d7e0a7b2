"""Writing shards: documents as token arrays to NAME.bin, NAME.idx, NAME.offsets.npy; then documents.parquet; the manifest last.

Shards can be written by any number of processes: `write_shard` touches only its own three files, each under a temporary name until it is
whole, so that a second worker on the same shard overwrites equal bytes. A directory without manifest.json is not finished.
"""

from __future__ import annotations

import hashlib
import secrets
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tokenshards import format as shard_format
from tokenshards.format import Manifest, ShardEntry

DOCUMENTS = pa.schema(
    [
        ("split", pa.string()),
        ("shard", pa.int32()),  # number within the split
        ("document", pa.int64()),  # number within the shard
        ("doc_id", pa.binary(16)),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("language", pa.string()),
        ("characters", pa.int64()),
        ("bytes", pa.int64()),  # of the UTF-8 text
        ("tokens", pa.int64()),  # with EOS
        ("weight", pa.float32()),  # how often an epoch of training shall serve the document; null: once
    ]
)
"""Columns of documents.parquet. The rows of a split lie together, ordered by shard, then document."""

BUFFER_BYTES = 1 << 22
"""Tokens gathered before a write; documents are a few kB, and a write call for each took a third of the time."""


def write_shard(directory: Path, name: str, documents: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any], eos: int) -> ShardEntry:
    """Write one shard. Memory: one document, a buffer of 4 MiB and 4 bytes per document.

    Args:
        directory: made if missing.
        name: SPLIT-NUMBER, as `shard_name` gives it.
        documents: integer arrays (tokens,), each ending in `eos`.
        dtype: of `token_dtype`.
        eos: the id that ends every document.

    Returns:
        The entry for `write_manifest`; its text bytes are still 0.

    Raises:
        ValueError: a document is empty, not one row of integers, does not end in `eos`, has an id beyond `dtype` or 2^31 tokens.
    """
    split, _ = shard_format.split_name(name)
    if dtype not in (np.dtype("<u2"), np.dtype("<u4")):
        raise ValueError(f"tokens of type {dtype} cannot be stored; take the type from token_dtype(vocabulary)")
    directory.mkdir(parents=True, exist_ok=True)
    lengths = array("i")
    digest = hashlib.sha256()
    with whole_file(shard_format.bin_path(directory, name)) as file:
        buffer = bytearray()
        for number, document in enumerate(documents):
            tokens = _stored(document, dtype, eos, f"document {number} of shard {name!r}")
            lengths.append(len(tokens))
            buffer += tokens.data.cast("B")
            if len(buffer) >= BUFFER_BYTES:
                digest.update(buffer)
                file.write(buffer)
                buffer.clear()
        digest.update(buffer)
        file.write(buffer)
    lengths_array = np.array(lengths, dtype=np.int32)
    offsets = np.zeros(len(lengths) + 1, dtype="<u8")
    np.cumsum(lengths_array, out=offsets[1:], dtype="<u8")
    with whole_file(shard_format.index_path(directory, name)) as file:
        shard_format.write_index(file, lengths_array, dtype.itemsize)
    with whole_file(shard_format.offsets_path(directory, name)) as file:
        np.save(file, offsets, allow_pickle=False)
    return ShardEntry(name, split, len(lengths), int(offsets[-1]), 0, digest.hexdigest())


def _stored(document: npt.NDArray[Any], dtype: np.dtype[Any], eos: int, name: str) -> npt.NDArray[Any]:
    """The document in the shard's type, once it is known to fit."""
    if document.ndim != 1 or document.dtype.kind not in "iu":
        raise ValueError(f"{name} has type {document.dtype} and shape {document.shape}; give one row of integers")
    if len(document) == 0 or document[-1] != eos:
        raise ValueError(f"{name} does not end in EOS {eos}; append it")
    if document.dtype != dtype and not 0 <= int(document.min()) <= int(document.max()) <= np.iinfo(dtype).max:
        raise ValueError(f"{name} has ids {document.min()} to {document.max()}; {dtype} cannot hold them, take the type of the vocabulary")
    if len(document) >= 1 << 31:
        raise ValueError(f"{name} has {len(document)} tokens; the Megatron index counts to 2^31, split it")
    return np.ascontiguousarray(document, dtype=dtype)


def write_documents(directory: Path, rows: Iterable[pa.RecordBatch | pa.Table]) -> Path:
    """Write documents.parquet from rows of `DOCUMENTS` in their order, one batch at a time.

    Raises:
        ValueError: columns differ from `DOCUMENTS`, a weight is not in 0 to 1,000, or a document does not follow its
            predecessor (next number, or 0 of a later shard).
    """
    path = directory / shard_format.DOCUMENTS_FILE
    directory.mkdir(parents=True, exist_ok=True)
    last: tuple[str, int, int] | None = None
    finished: set[str] = set()
    with whole_file(path) as file, pq.ParquetWriter(file, DOCUMENTS, compression="zstd") as parquet:
        for batch in rows:
            if batch.schema.names != DOCUMENTS.names:
                raise ValueError(f"documents.parquet has the columns {', '.join(DOCUMENTS.names)}; got {', '.join(batch.schema.names)}")
            table = pa.table(batch).cast(DOCUMENTS)
            shard_format.check_weights(table["weight"], path)
            keys = zip(*(table.column(name).to_pylist() for name in ("split", "shard", "document")), strict=True)
            for key in keys:
                _follows(last, key, finished)
                last = key
            parquet.write_table(table)
    return path


def _follows(last: tuple[str, int, int] | None, key: tuple[str, int, int], finished: set[str]) -> None:
    split, shard, document = key
    if last is not None and last[0] != split:
        finished.add(last[0])
    same_split = last is not None and last[0] == split
    if same_split and last is not None and last[1] == shard:
        in_order = document == last[2] + 1
    else:
        in_order = document == 0 and split not in finished and (not same_split or (last is not None and shard > last[1]))
    if not in_order:
        raise ValueError(f"documents.parquet: document {key} follows {last}; sort the rows by split, shard and document")


def write_manifest(directory: Path, entries: Sequence[ShardEntry], *, tokenizer_sha256: str, vocabulary: int, eos: int) -> Manifest:
    """Write manifest.json, once every shard and documents.parquet are there. Same input, same bytes.

    Args:
        directory: holds the shards and documents.parquet.
        entries: what `write_shard` returned, in any order. A split without documents is declared by one empty shard.
        tokenizer_sha256: of the tokenizer model, in hexadecimal.
        vocabulary: number of ids.
        eos: the id that ends every document.

    Raises:
        ValueError: a shard is listed twice or is missing, or documents.parquet is missing or counts other documents or tokens than a shard.
    """
    path = directory / shard_format.DOCUMENTS_FILE
    if not path.exists():
        raise ValueError(f"{str(directory)!r} has no {path.name}; write it with write_documents before the manifest")
    dtype = shard_format.token_dtype(vocabulary)
    ordered = sorted(entries, key=lambda entry: shard_format.split_name(entry.name))
    counted = _count_documents(path)
    filled = []
    for entry in ordered:
        file = shard_format.bin_path(directory, entry.name)
        if not file.exists() or file.stat().st_size != entry.tokens * dtype.itemsize:
            raise ValueError(f"{str(file)!r} is missing or not of {entry.tokens} tokens of {dtype}; write the shard again")
        documents, tokens, text_bytes = counted.pop(shard_format.split_name(entry.name), (0, 0, 0))
        if (documents, tokens) != (entry.documents, entry.tokens):
            raise ValueError(
                f"shard {entry.name!r} has {entry.documents} documents and {entry.tokens} tokens, "
                f"{path.name} lists {documents} and {tokens} (is the shard given twice?)"
            )
        filled.append(replace(entry, bytes=text_bytes))
    if counted:
        raise ValueError(f"{path.name} lists documents of {shard_format.shard_name(*min(counted))!r}, which is not among the shards")
    if not 0 <= eos < vocabulary:
        raise ValueError(f"EOS {eos} is outside the vocabulary of {vocabulary}")
    splits = sorted({entry.split for entry in filled})
    manifest = Manifest(
        version=shard_format.VERSION,
        tokenizer_sha256=tokenizer_sha256,
        vocabulary=vocabulary,
        eos=eos,
        dtype=dtype.name,
        documents_sha256=shard_format.file_sha256(path),
        splits={split: shard_format.count(entry for entry in filled if entry.split == split) for split in splits},
        shards=tuple(filled),
        fingerprint=shard_format.fingerprint(filled),
        epoch_tokens=_epoch_tokens(path, splits),
    )
    with whole_file(directory / shard_format.MANIFEST) as out:
        out.write(manifest.to_json().encode())
    return manifest


def _count_documents(path: Path) -> dict[tuple[str, int], tuple[int, int, int]]:
    """Documents, tokens and text bytes per (split, shard), one row group in memory at a time."""
    counted: dict[tuple[str, int], tuple[int, int, int]] = {}
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(columns=["split", "shard", "tokens", "bytes"]):
            groups = pa.table(batch).group_by(["split", "shard"]).aggregate([([], "count_all"), ("tokens", "sum"), ("bytes", "sum")])
            groups = groups.set_column(groups.schema.get_field_index("bytes_sum"), "bytes_sum", pc.coalesce(groups["bytes_sum"], 0))
            for row in groups.to_pylist():
                documents, tokens, text_bytes = counted.get((row["split"], row["shard"]), (0, 0, 0))
                counted[row["split"], row["shard"]] = (
                    documents + row["count_all"],
                    tokens + row["tokens_sum"],
                    text_bytes + row["bytes_sum"],
                )
    return counted


def _epoch_tokens(path: Path, splits: Sequence[str]) -> dict[str, int]:
    """Tokens times weight per split, rounded; summed by weight first, so that the order of the rows decides no bit."""
    by_weight: Counter[tuple[str, float]] = Counter()
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(columns=["split", "tokens", "weight"]):
            for row in pa.table(batch).group_by(["split", "weight"]).aggregate([("tokens", "sum")]).to_pylist():
                by_weight[row["split"], 1.0 if row["weight"] is None else row["weight"]] += row["tokens_sum"]
    return {split: round(sum(tokens * weight for (of, weight), tokens in sorted(by_weight.items()) if of == split)) for split in splits}


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when it is complete; a failure leaves what was there before."""
    # Random, not the process id: two workers on two machines may share a folder. Not mkstemp: only the owner could read its files.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
