"""Tables: rows of Parquet files and lines of JSON Lines to documents, by the source's column names.

In:  Parquet, or JSON Lines plain or compressed (gzip, zstd, bzip2, xz, lz4), told apart by their first bytes. Read in pieces: a line up to
     `max_record_bytes`, a batch of rows of about 16 MB.
Out: one outcome per row or line, named by the locator column, or `file#row` with rows and lines counted from 0. Blank lines are no
     records. The byte range of a line is that in the decompressed file, of a row that of its row group.
Lost: what lies behind damage. A file that cannot be read on is one reject more, with the byte where it ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from filters.text import normalise_text
from pipeline.config import Extract, Source
from pipeline.sources.compression import DamagedInput, chunks
from pipeline.sources.dates import iso_date
from pipeline.sources.files import open_input
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.remote import is_remote

PARQUET = b"PAR1"
BATCH_BYTES = 16 << 20
BATCH_ROWS = 1000
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line without its end; `data` is None where it was too long to keep."""

    number: int
    offset: int
    length: int
    data: bytes | None


def outcomes(
    paths: Path | str | Sequence[Path | str],
    source: Source,
    extract: Extract,
    tally: Tally,
    root: Path | str | None = None,
) -> Iterator[Outcome]:
    """One document or reject per row, in the order of the files and their rows.

    Args:
        paths: a file or several, local or remote.
        source: which columns hold text, locator, title, date and licence; its licence stands where a row states none.
        extract: `max_record_bytes` bounds a line and a text.
        tally: counts each row, and the bytes of its line or text. A file that cannot be opened, is empty, or lacks the text column is
            one record and one reject.
        root: folder that file names in locators are relative to. None: the folder that a single file lies in; the files of a sequence
            keep the names under which they were given.

    Raises:
        ValueError: a remote file cannot be reached.
    """
    if isinstance(paths, (str, Path)):
        root = root or (None if is_remote(str(paths)) else Path(paths).parent)
        paths = [paths]
    for path in map(str, paths):
        local = root and not is_remote(path) and Path(path).is_relative_to(root)
        name = Path(path).relative_to(root).as_posix() if root and local else path
        yield from _file_outcomes(path, name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), source, extract, tally)


def _file_outcomes(path: str, name: str, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    try:
        file = open_input(path) if is_remote(path) else _open_regular(path)
    except OSError as error:
        tally.records += 1
        yield Reject(name, "unreadable", f"{type(error).__name__}: {error}")
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        beginning = file.read(4)
        file.seek(0)
        if not beginning:
            tally.records += 1
            yield Reject(name, "empty")
        elif beginning == PARQUET:
            yield from _parquet_outcomes(file, name, size, source=source, extract=extract, tally=tally)
        else:
            yield from _json_outcomes(file, name, size, source=source, extract=extract, tally=tally)


def _open_regular(path: str) -> BinaryIO:
    """A file for reading; a pipe, which would be waited for without end, is refused with the folders."""
    if not Path(path).is_file() and Path(path).exists():
        raise OSError(f"{path!r} is not a regular file")
    return Path(path).open("rb")


def _json_outcomes(file: BinaryIO, name: str, size: int, *, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    lines = _lines(file, extract.max_record_bytes)
    try:
        for line in lines:
            if line.data is not None and not line.data.strip():
                continue
            tally.records += 1
            tally.bytes += line.length
            yield _line_outcome(line, f"{name}#{line.number}", source, extract)
    except DamagedInput as error:
        tally.records += 1
        yield Reject(f"{name}@{error.offset}", error.reason, error.words, error.offset, max(0, size - error.offset))


def _lines(file: BinaryIO, most: int) -> Iterator[_Line]:
    """Lines of a stream, holding at most `most` bytes of one and a chunk. A line that damage cuts off is not given.

    Raises:
        DamagedInput: behind the last whole line.
    """
    held, length, offset, numbers = bytearray(), 0, 0, count()
    for chunk in chunks(file):
        *ends, rest = chunk.data.split(b"\n")
        for end in ends:
            length += len(end)
            held += end[: max(0, most + 1 - len(held))]
            yield _Line(next(numbers), offset, length, bytes(held) if length <= most else None)
            offset += length + 1
            held, length = bytearray(), 0
        length += len(rest)
        held += rest[: max(0, most + 1 - len(held))]
    if length:
        yield _Line(next(numbers), offset, length, bytes(held) if length <= most else None)


def _line_outcome(line: _Line, locator: str, source: Source, extract: Extract) -> Outcome:
    def reject(reason: str, error: str = "") -> Reject:
        return Reject(locator, reason, error, line.offset, line.length)

    if line.data is None:
        return reject("too long", f"a line of {line.length} bytes; max_record_bytes is {extract.max_record_bytes}")
    try:
        text = line.data.removeprefix(b"\xef\xbb\xbf" if line.offset == 0 else b"").decode("utf-8")
    except UnicodeDecodeError as error:
        return reject("not UTF-8", f"byte {line.offset + error.start}: {error.reason}")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        return reject("not JSON", f"byte {line.offset}: {error}"[:300])
    if not isinstance(values, dict):
        return reject("not a JSON object", f"a {type(values).__name__}")
    return _row_outcome(values, locator, source, extract, (line.offset, line.length))


def _row_outcome(values: Mapping[str, object], locator: str, source: Source, extract: Extract, place: tuple[int, int]) -> Outcome:
    offset, length = place
    text = values.get(source.text_column)
    own = _stated(values, source.locator_column)
    locator = own or locator
    if text is None:
        missing = "null" if source.text_column in values else f"it has {_names(list(values))}"
        return Reject(locator, "no text", f"column {source.text_column!r}: {missing}", offset, length)
    if not isinstance(text, str):
        return Reject(locator, "text is not a string", f"a {type(text).__name__}", offset, length)
    if len(text) > extract.max_record_bytes:
        return Reject(locator, "too long", f"{len(text)} characters; max_record_bytes is {extract.max_record_bytes}", offset, length)
    text = normalise_text(text)
    if not text.strip():
        return Reject(locator, "empty", "", offset, length)
    return Document(
        locator=locator,
        text=text,
        title=_stated(values, source.title_column),
        licence=_stated(values, source.licence_column) or source.licence,
        date=iso_date(values.get(source.date_column)) if source.date_column else None,
        offset=offset,
        length=length,
    )


def _stated(values: Mapping[str, object], column: str | None) -> str | None:
    """A short value on one line; None where there is none, or one that is no text or number."""
    value = values.get(column) if column else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return " ".join(normalise_text(str(value)[:4096]).split()) or None


def _parquet_outcomes(file: BinaryIO, name: str, size: int, *, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    def whole(reason: str, error: str) -> Reject:
        tally.records += 1
        return Reject(name, reason, error[:300], 0, size)

    try:
        # Buffered and not pre-buffered: else a row group's whole column is read before its first row.
        table = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        schema = table.schema_arrow
        if coded := _dictionary_coded(table.metadata):
            table = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False, read_dictionary=coded)
    except ARROW_ERRORS as error:
        yield whole("broken Parquet", f"{type(error).__name__}: {error}")
        return
    if schema.names.count(source.text_column) != 1:
        # A reason is counted by; a hundred column names make no good one.
        yield whole(f"no column {source.text_column}", f"it has {_names(schema.names)}")
        return
    kind = schema.field(source.text_column).type
    if not _is_text(kind):
        yield whole("text is not a string", f"column {source.text_column!r} is {kind}")
        return
    row = 0
    for group in range(table.num_row_groups):
        metadata = table.metadata.row_group(group)
        offset, length = _byte_range(metadata)
        first = row
        try:
            for values in _rows(table, group, source, metadata):
                tally.records += 1
                if isinstance(text := values.get(source.text_column), bytes):
                    tally.bytes += len(text)
                yield _decoded_outcome(values, f"{name}#{row}", source, extract, (offset, length))
                row += 1
        except ARROW_ERRORS as error:
            tally.records += 1
            words = f"rows {row} to {first + metadata.num_rows - 1}: {type(error).__name__}: {error}"
            yield Reject(f"{name}#{row}", "broken Parquet", words[:300], offset, length)
            row = first + metadata.num_rows


def _rows(table: pq.ParquetFile, group: int, source: Source, metadata: pq.RowGroupMetaData) -> Iterator[dict[str, object]]:
    """Rows of a row group, text as bytes; one batch at a time."""
    wanted = [source.text_column, source.locator_column, source.title_column, source.date_column, source.licence_column]
    columns = [column for column in dict.fromkeys(wanted) if column is not None and column in table.schema_arrow.names]
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES * metadata.num_rows // max(1, metadata.total_byte_size)))
    for batch in table.iter_batches(batch_size=rows, row_groups=[group], columns=columns, use_threads=False):
        arrays = {column: _as_bytes(batch.column(column)) for column in columns}
        for number in range(batch.num_rows):
            yield {column: array[number].as_py() for column, array in arrays.items()}


def _dictionary_coded(metadata: pq.FileMetaData) -> list[str]:
    """Columns of text to keep as numbers and a dictionary: a value of 20 MB in 1,000 rows of a batch would be 20 GB written out."""
    coded = set()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.physical_type == "BYTE_ARRAY" and any("DICTIONARY" in encoding for encoding in column.encodings):
                coded.add(column.path_in_schema)
    return sorted(coded)


def _as_bytes(array: pa.Array) -> pa.Array:
    """Strings as bytes: Arrow does not check that they are UTF-8, and Python would raise at the first that is not."""
    if pa.types.is_dictionary(array.type):
        if not _is_text(array.type):
            return array.dictionary_decode()
        return pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.large_binary()))
    return array.cast(pa.large_binary()) if _is_text(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary, pa.types.is_large_binary)
    return any(check(kind) for check in checks)


def _decoded_outcome(values: dict[str, object], locator: str, source: Source, extract: Extract, place: tuple[int, int]) -> Outcome:
    decoded: dict[str, object] = {}
    for column, value in values.items():
        try:
            decoded[column] = value.decode("utf-8") if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            if column == source.text_column:
                return Reject(locator, "not UTF-8", f"byte {error.start} of the text: {error.reason}", *place)
            decoded[column] = None
    return _row_outcome(decoded, locator, source, extract, place)


def _byte_range(metadata: pq.RowGroupMetaData) -> tuple[int, int]:
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    starts = [min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset) for column in columns]
    return min(starts, default=0), sum(column.total_compressed_size for column in columns)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns[:12])) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
