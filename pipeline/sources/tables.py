"""Tables: rows of Parquet and CSV files and lines of JSON Lines to documents, by the source's column names.

In:  Parquet, told by its first bytes; CSV, told by its name; else JSON Lines; the last two plain or compressed (gzip, zstd, bzip2, xz,
     lz4). Read in pieces: a line or row up to `max_record_bytes`, a batch of rows of Parquet of about 16 MB.
Out: one outcome per row or line, named by the locator column, or `file#row` with rows and lines counted from 0. Blank lines and CSV's row
     of names are no records. The byte range of a line is that in the decompressed file (CSV: as UTF-8), of Parquet its row group's.
Lost: what lies behind damage. A file that cannot be read on is one reject more, with the byte where it ended.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import delimited, parquet, parquet_footer
from pipeline.sources.compression import DamagedInput, chunks
from pipeline.sources.files import open_input
from pipeline.sources.records import Outcome, Reject, Tally
from pipeline.sources.remote import is_remote
from pipeline.sources.rows import Rows, quoted


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
        source: which columns hold what; its licence stands where a row states none.
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
            return
        rows = Rows(name, source, extract)
        if beginning == parquet_footer.MAGIC:
            yield from parquet.parquet_outcomes(file, rows, size, tally)
            return
        read = _csv_outcomes if delimited.file_ending(name) else _json_outcomes
        try:
            yield from read(file, rows, size, tally)
        except DamagedInput as error:
            tally.records += 1
            yield Reject(f"{name}@{error.offset}", error.reason, error.words, error.offset, max(0, size - error.offset))


def _open_regular(path: str) -> BinaryIO:
    """A file for reading; a pipe, which would be waited for without end, is refused with the folders."""
    if not Path(path).is_file() and Path(path).exists():
        raise OSError(f"{path!r} is not a regular file")
    return Path(path).open("rb")


def _json_outcomes(file: BinaryIO, rows: Rows, _size: int, tally: Tally) -> Iterator[Outcome]:
    for line in _lines(file, rows.extract.max_record_bytes):
        if line.data is not None and not line.data.strip():
            continue
        tally.records += 1
        tally.bytes += line.length
        yield _line_outcome(line, rows)


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


def _line_outcome(line: _Line, rows: Rows) -> Outcome:
    def reject(reason: str, error: str = "") -> Reject:
        return Reject(f"{rows.name}#{line.number}", reason, error, line.offset, line.length)

    if line.data is None:
        return reject("too long", f"a line of {line.length} bytes; max_record_bytes is {rows.extract.max_record_bytes}")
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
    return rows.outcome(values, line.number, line.offset, line.length)


def _csv_outcomes(file: BinaryIO, rows: Rows, size: int, tally: Tally) -> Iterator[Outcome]:
    options, most = rows.source.csv, rows.extract.max_record_bytes
    pieces, transcoded = delimited.as_utf8((chunk.data for chunk in chunks(file)), options)
    first = next(pieces, b"")
    delimiter = delimited.likely_delimiter(first, options, delimited.file_ending(rows.name))
    found = delimited.records(chain([first], pieces), delimiter, options.quote, most)
    numbers = count()
    names = list(options.names)
    for record in found:
        values: list[str] | None = None
        words = f"a row of {record.length} bytes; max_record_bytes is {most}" if record.data is None else "the file ends within quotes"
        reason = "too long" if record.data is None else "broken row"
        if record.data is not None and not record.open:
            try:
                values = delimited.fields(record.data, delimiter, options.quote, most)
            except UnicodeDecodeError as error:
                reason, words = "undecodable" if transcoded else "not UTF-8", f"byte {record.offset + error.start}: {error.reason}"
            except csv.Error as error:
                words = f"byte {record.offset}: {error}"
        if not names:
            # Without its names no row can be read.
            wanted = rows.source.columns.text
            if values is None or values.count(wanted) != 1:
                tally.records += 1
                words = f"it has {quoted(values)}" if values is not None else f"its first row: {reason}: {words}"
                yield Reject(rows.name, f"no column {wanted}", words[:300], 0, size)
                return
            names = values
            continue
        number = next(numbers)
        tally.records += 1
        tally.bytes += record.length
        if values is not None and len(values) != len(names):
            reason, words = "broken row", f"{len(values)} fields under {len(names)} names"
            values = None
        if values is None:
            yield Reject(f"{rows.name}#{number}", reason, words, record.offset, record.length)
        else:
            yield rows.outcome(dict(zip(names, values, strict=True)), number, record.offset, record.length)
