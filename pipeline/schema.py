"""The columns of a run's tables. `documents`, `signals` and `decisions` parts of one name are row-aligned."""

from __future__ import annotations

import pyarrow as pa
import xxhash

DOCUMENT_ID = pa.binary(16)

DOCUMENTS = pa.schema(
    [
        ("doc_id", DOCUMENT_ID),  # xxh3-128 of source and locator
        ("source", pa.string()),
        ("kind", pa.string()),
        ("locator", pa.string()),
        ("text", pa.string()),
        ("title", pa.string()),
        ("licence", pa.string()),
        ("date", pa.string()),
        ("digest", DOCUMENT_ID),  # xxh3-128 of the UTF-8 text
        ("input", pa.string()),
        ("offset", pa.int64()),  # byte range of the record within its input
        ("length", pa.int64()),
        ("author", pa.string()),
        ("stated_language", pa.string()),  # by the record itself; what was identified is in signals/
        ("provider", pa.string()),  # of the contract under which the source was delivered
        ("expires", pa.string()),  # ISO 8601 day, the last of the contract
        ("payload_digest", pa.binary(16)),  # xxh3-128 of a web page's decoded payload; null for other kinds
    ]
)

# What stands in a text in place of personal data and secrets: `personal:KIND` or `secret:KIND`, and the bytes of its placeholder.
REPLACED = pa.list_(pa.struct([("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))

REJECTS = pa.schema(
    [
        ("stage", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("reason", pa.string()),
        ("error", pa.string()),
        ("input", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)

VERDICTS = [
    ("keep", pa.bool_()),
    ("stage", pa.string()),
    ("rule", pa.string()),
    ("value", pa.float32()),
    ("bound", pa.string()),
]

FILTERED = pa.schema([("doc_id", DOCUMENT_ID), *VERDICTS])

DECISIONS = pa.schema(
    [
        ("doc_id", DOCUMENT_ID),
        *VERDICTS,
        ("cluster_id", DOCUMENT_ID),  # smallest doc_id of the cluster; null for a document that duplicates nothing
        ("survivor_id", DOCUMENT_ID),
        ("cluster_size", pa.int32()),
        ("weight", pa.float32()),  # how often an epoch serves the document (`dedup.weights`); null where it is not kept
    ]
)


def document_id(source: str, locator: str) -> bytes:
    """xxh3-128 of source and locator, 16 bytes."""
    return xxhash.xxh3_128_digest(f"{source}\n{locator}".encode())
