"""Parquet: the rows of a file to documents, one batch of a row group at a time.

In:  a seekable file; columns by name, or by a path into structs (`article.body`).
Out: one outcome per row. The byte range of a row is that of its row group.
Lost: the rest of a row group behind damage; it is one reject more, and the next group is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.sources import sandbox
from pipeline.sources.parquet_footer import dictionary_coded, read_footer
from pipeline.sources.records import Outcome, Reject, Tally
from pipeline.sources.rows import Rows, quoted

BATCH_BYTES = 16 << 20
BATCH_ROWS = 1000
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError)


def parquet_outcomes(file: BinaryIO, rows: Rows, size: int, tally: Tally) -> Iterator[Outcome]:
    """One document or reject per row. A file that is broken or lacks the text column is one record and one reject."""
    wanted, name = rows.source.columns, rows.name

    def whole(reason: str, error: str) -> Reject:
        tally.records += 1
        return Reject(name, reason, error[:300], 0, size)

    try:
        # Kept as numbers and a dictionary: a value of 20 MB in 1,000 rows of a batch would be 20 GB written out.
        coded = sandbox.call(f"{dictionary_coded.__module__}:{dictionary_coded.__name__}", read_footer(file))
        file.seek(0)
        # Buffered and not pre-buffered: else a row group's whole column is read before its first row.
        table = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False, read_dictionary=coded)
        schema = table.schema_arrow
    except (sandbox.Died, sandbox.Raised, *ARROW_ERRORS) as error:
        words = str(error) if isinstance(error, sandbox.Raised) else f"{type(error).__name__}: {error}"
        yield whole("broken Parquet", words)
        return
    text_path = _path(schema, wanted.text)
    if text_path is None:
        # A reason is counted by; a hundred column names make no good one.
        yield whole(f"no column {wanted.text}", f"it has {quoted(schema.names)}")
        return
    kind = _type(schema, text_path)
    if not _is_text(kind):
        yield whole("text is not a string", f"column {wanted.text!r} is {kind}")
        return
    named = (wanted.text, wanted.locator, wanted.title, wanted.author, wanted.language, wanted.date, wanted.licence)
    paths = {column: path for column in named if column is not None and (path := _path(schema, column))}
    row = 0
    for group in range(table.num_row_groups):
        metadata = table.metadata.row_group(group)
        offset, length = _byte_range(metadata)
        first = row
        try:
            for values in _rows(table, group, paths, metadata):
                tally.records += 1
                if isinstance(text := values.get(wanted.text), bytes):
                    tally.bytes += len(text)
                yield _decoded_outcome(values, row, rows, (offset, length))
                row += 1
        except ARROW_ERRORS as error:
            tally.records += 1
            words = f"rows {row} to {first + metadata.num_rows - 1}: {type(error).__name__}: {error}"
            yield Reject(f"{name}#{row}", "broken Parquet", words[:300], offset, length)
            row = first + metadata.num_rows


def _path(schema: pa.Schema, name: str) -> tuple[str, ...] | None:
    """The one column of a name, else the fields that its dots lead through; None where there is no such column or several."""
    if name in schema.names:
        return (name,) if schema.names.count(name) == 1 else None
    first, *rest = name.split(".")
    if schema.names.count(first) != 1:
        return None
    kind = schema.field(first).type
    for part in rest:
        if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
            return None
        kind = kind.field(part).type
    return (first, *rest)


def _type(schema: pa.Schema, path: tuple[str, ...]) -> pa.DataType:
    kind = schema.field(path[0]).type
    for part in path[1:]:
        kind = kind.field(part).type
    return kind


def _rows(
    table: pq.ParquetFile, group: int, paths: dict[str, tuple[str, ...]], metadata: pq.RowGroupMetaData
) -> Iterator[dict[str, object]]:
    """Rows of a row group by the names in `paths`, text as bytes; one batch at a time."""
    columns = [".".join(path) for path in paths.values()]
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES * metadata.num_rows // max(1, metadata.total_byte_size)))
    for batch in table.iter_batches(batch_size=rows, row_groups=[group], columns=columns, use_threads=False):
        arrays = {name: _as_bytes(_field(batch.column(path[0]), path[1:])) for name, path in paths.items()}
        for number in range(batch.num_rows):
            yield {column: array[number].as_py() for column, array in arrays.items()}


def _field(array: pa.Array, path: tuple[str, ...]) -> pa.Array:
    return pc.struct_field(array, list(path)) if path else array


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


def _decoded_outcome(values: dict[str, object], number: int, rows: Rows, place: tuple[int, int]) -> Outcome:
    decoded: dict[str, object] = {}
    for column, value in values.items():
        try:
            decoded[column] = value.decode("utf-8") if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            if column == rows.source.columns.text:
                return Reject(f"{rows.name}#{number}", "not UTF-8", f"byte {error.start} of the text: {error.reason}", *place)
            decoded[column] = None
    return rows.outcome(decoded, number, *place)


def _byte_range(metadata: pq.RowGroupMetaData) -> tuple[int, int]:
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    starts = [min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset) for column in columns]
    return max(0, min(starts, default=0)), max(0, sum(column.total_compressed_size for column in columns))
