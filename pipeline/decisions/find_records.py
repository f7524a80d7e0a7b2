"""Where a record stands in a run's tables, by doc_id or locator. Only columns of ids and locators are read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.decisions.ledger import printable
from pipeline.run import Run
from pipeline.schema import DOCUMENT_ID, document_id

SCHEMES = ("", "https://", "http://")
CANDIDATES = 5
"""Shown of the documents whose doc_id begins as was given."""
NEAR_LOCATORS = 2000  # of one host are compared with what was asked for: 0.1 s
_DOCUMENT_ID = re.compile(r"[0-9a-fA-F]{32}")
_BEGINNING = re.compile(r"[0-9a-fA-F]{8,31}")


@dataclass(frozen=True, order=True)
class Row:
    """A row of one part of a table."""

    table: str
    """`documents`, or a folder of rejects."""
    key: str
    number: int


def find(run: Run, target: str) -> list[Row]:
    """Every document and reject of that doc_id or locator; where there is none, of the locator with another scheme or last slash; and where
    there is none either, of the one doc_id that begins with the 8 hexadecimal digits or more that were given.

    Raises:
        ValueError: there is none; the error names what was searched and the nearest locators of the same host. Or several doc_ids begin so;
            the error lists them.
    """
    target = target.encode("utf-8", "replace").decode()
    if _DOCUMENT_ID.fullmatch(target):
        wanted = bytes.fromhex(target)
        if found := [*_documents(run, [wanted]), *_rejects_of_id(run, wanted)]:
            return found
    for locators in ([target], _variants(target)):
        ids = [document_id(source, locator) for source in run.need("extract").totals["sources"] for locator in locators]
        if found := [*_documents(run, ids), *_rejects(run, locators)]:
            return found
    if _BEGINNING.fullmatch(target) and (found := _documents_beginning(run, target.lower())):
        return found
    raise ValueError(_not_found(run, target))


def read_row(path: Path, number: int, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """One row of a Parquet file, by its number; of the rest only its row group's columns are read."""
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        begins = np.concatenate([[0], np.cumsum(sizes)])
        group = int(np.searchsorted(begins, number, side="right")) - 1
        columns = [name for name in file.schema_arrow.names if name not in leave_out]
        row: dict[str, Any] = file.read_row_group(group, columns=columns).slice(number - int(begins[group]), 1).to_pylist()[0]
        return row


def rows_with(run: Run, table: str, column: str, values: Sequence[bytes]) -> Iterator[tuple[str, int]]:
    """Part and row of every document whose column, of 16 bytes, holds one of the values."""
    wanted = pa.array(values, DOCUMENT_ID)
    for key in run.keys("extract"):
        held = pq.read_table(run.part(table, key), columns=[column])[column]
        for number in _places(held, wanted):
            yield key, number


def _places(column: pa.ChunkedArray, wanted: pa.Array) -> list[int]:
    """Rows that hold one of the values. Not `indices_nonzero`: pyarrow 25.0.1 crashes there on a column without chunks."""
    rows: list[int] = np.flatnonzero(pc.is_in(column.combine_chunks(), wanted).to_numpy(zero_copy_only=False)).tolist()
    return rows


def _documents(run: Run, ids: Sequence[bytes]) -> list[Row]:
    # signals/ and not documents/: its doc_ids are the same, and lie closer together.
    return [Row("documents", key, number) for key, number in rows_with(run, "signals", "doc_id", ids)]


def _documents_beginning(run: Run, digits: str) -> list[Row]:
    """Documents whose doc_id begins with some hexadecimal digits."""
    # What lies within 16 bytes from the digits followed by zeros to the digits followed by f's; bytes compare as the digits do.
    least, most = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
    found: dict[bytes, list[Row]] = {}
    for key in run.keys("extract"):
        ids = pq.read_table(run.part("signals", key), columns=["doc_id"])["doc_id"].combine_chunks()
        within = pc.and_(pc.greater_equal(ids, pa.scalar(least, DOCUMENT_ID)), pc.less_equal(ids, pa.scalar(most, DOCUMENT_ID)))
        for number in np.flatnonzero(within.to_numpy(zero_copy_only=False)).tolist():
            found.setdefault(ids[number].as_py(), []).append(Row("documents", key, number))
    if len(found) > 1:
        told = []
        for doc_id in sorted(found)[:CANDIDATES]:
            row = found[doc_id][0]
            locator = read_row(run.part("documents", row.key), row.number, ["text"])["locator"]
            told.append(f"{doc_id.hex()} ({printable(locator)})")
        more = f" and {len(found) - CANDIDATES:,} more" if len(found) > CANDIDATES else ""
        raise ValueError(f"{digits!r} begins the doc_ids of {len(found):,} documents: {', '.join(told)}{more}; give more digits")
    return [row for rows in found.values() for row in rows]


def _reject_tables(run: Run) -> Iterator[tuple[str, str, pa.Table]]:
    for stage in ("crawl", "extract"):
        manifest = run.manifest(stage)
        for key in sorted(manifest.parts) if manifest else ():
            path = run.part(f"rejects/{stage}", key)
            if path.exists():
                yield f"rejects/{stage}", key, pq.read_table(path, columns=["source", "locator"])


def _rejects(run: Run, locators: Sequence[str]) -> Iterator[Row]:
    wanted = pa.array(locators, pa.string())
    for table, key, rows in _reject_tables(run):
        yield from (Row(table, key, number) for number in _places(rows["locator"], wanted))


def _rejects_of_id(run: Run, wanted: bytes) -> Iterator[Row]:
    for table, key, rows in _reject_tables(run):
        for number, row in enumerate(rows.to_pylist()):
            if document_id(row["source"], row["locator"] or "") == wanted:
                yield Row(table, key, number)


def _variants(locator: str) -> list[str]:
    """The same address with and without a scheme and a last slash."""
    bare = re.sub(r"^https?://", "", locator, count=1, flags=re.IGNORECASE).rstrip("/")
    return [f"{scheme}{bare}{slash}" for scheme in SCHEMES for slash in ("", "/") if bare]


def _not_found(run: Run, target: str) -> str:
    host = _host(target)
    documents, rejects, near = 0, 0, list[str]()
    for key in run.keys("extract"):
        locators = pq.read_table(run.part("documents", key), columns=["locator"])["locator"]
        documents += len(locators)
        near += _of_host(locators, host, NEAR_LOCATORS - len(near))
    for _, _, rows in _reject_tables(run):
        rejects += rows.num_rows
        near += _of_host(rows["locator"], host, NEAR_LOCATORS - len(near))
    nearest = difflib.get_close_matches(target, near, n=3, cutoff=0)
    told = f"; nearest of that host: {', '.join(map(printable, nearest))}" if nearest else ""
    shown = printable(target)[:200]
    return (
        f"{shown!r} is the doc_id or locator of none of the {documents:,} documents and {rejects:,} rejects of {str(run.directory)!r}{told}"
    )


def _host(locator: str) -> str:
    try:
        return urlsplit(locator if "://" in locator else f"http://{locator}").hostname or ""
    except ValueError:
        return ""


def _of_host(locators: pa.ChunkedArray, host: str, most: int) -> list[str]:
    if "." not in host or most <= 0:
        return []
    found = locators.filter(pc.fill_null(pc.match_substring(locators, f"://{host}"), False))
    return [locator for locator in found.slice(0, most).to_pylist() if _host(locator) == host]
