"""CSV and its relatives (RFC 4180, with the delimiters and encodings of everyday) to rows, read in pieces.

In:  chunks of decompressed bytes.
Out: `Record`s, the bytes of one row each, and their fields by the standard library's csv module.
Lost: nothing; a row that is longer than the limit is counted and not kept. A quote that is never closed takes the rest of the file with it,
     which is then one record, marked `open`.

Where rows end is decided here, by the csv module's own rules (a quote opens only at the beginning of a field, is doubled within, and what
follows the closing one belongs to the field), because that module would hold a field of any length before it complains.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filters.charset import MARKS
from pipeline.settings.sources import Csv
from pipeline.sources.compression import DamagedInput

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_BYTES = 1 << 16
_NAME = re.compile(r"\.(csv|tsv)(?:\.(?:gz|gzip|zst|zstd|bz2|xz|lz4))?$", re.IGNORECASE)
START, PLAIN, QUOTED, CLOSED = range(4)


@dataclass(frozen=True, slots=True)
class Record:
    """A row without its line end; `data` is None where it was too long to keep."""

    offset: int
    length: int
    data: bytes | None
    open: bool = False
    """Whether the file ended within quotes."""


def file_ending(name: str) -> str | None:
    """'csv' or 'tsv' for names that say so; None for others."""
    found = _NAME.search(name)
    return found[1].lower() if found else None


def as_utf8(pieces: Iterator[bytes], options: Csv) -> tuple[Iterator[bytes], bool]:
    """The bytes as UTF-8 without byte-order mark, and whether they were something else before.

    Bytes that the encoding does not know become lone surrogates, which `fields` refuses row by row.
    """
    first = next(pieces, b"")
    encoding = codecs.lookup(options.encoding).name
    for mark, marked in MARKS:
        if first.startswith(mark):
            first, encoding = first[len(mark) :], marked
            break
    whole = _chain(first, pieces)
    if encoding in {"utf-8", "utf-8-sig", "ascii"}:
        return whole, False
    return _transcoded(whole, encoding), True


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _transcoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    position = 0
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "surrogatepass")
            position += len(piece)
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:  # UTF-16 and UTF-32 have bytes that no escape stands for
        raise DamagedInput("undecodable", position, 0, str(error)[:200]) from error


def likely_delimiter(beginning: bytes, options: Csv, ending: str | None) -> str:
    """What separates the fields: as set, a tab in `.tsv`, or the most frequent candidate in the first row outside quotes."""
    if options.delimiter or ending == "tsv":
        return options.delimiter or "\t"
    quote = re.escape(options.quote)
    line = beginning[:SNIFFED_BYTES].decode("utf-8", "replace").lstrip("\r\n")
    line = re.sub(f"{quote}[^{quote}]*(?:{quote}|$)", "", line).replace("\r", "\n").partition("\n")[0]
    return max(DELIMITERS, key=line.count)


def records(pieces: Iterable[bytes], delimiter: str, quote: str, most: int) -> Iterator[Record]:
    """Rows of a stream that are not blank, holding at most `most` bytes of one and a piece.

    Raises:
        DamagedInput: where the pieces do, behind the last whole row.
    """
    separator, mark = ord(delimiter), ord(quote)
    ends_field = re.compile(b"[\\r\\n" + re.escape(delimiter.encode()) + b"]")
    # Possessive, so that nothing is kept to go back to: a field may have a million doubled quotes.
    within_quotes = re.compile(b"(?:[^%b]++|%b%b)*+" % ((re.escape(quote.encode()),) * 3))
    held, length, offset, state = bytearray(), 0, 0, START
    for piece in pieces:
        at = begun = 0
        while at < len(piece):
            byte = piece[at]
            if state == QUOTED:
                found = within_quotes.match(piece, at)
                at = found.end() if found else at
                if at < len(piece):
                    state, at = CLOSED, at + 1
            elif byte in b"\r\n":
                length += at - begun
                held += piece[begun : min(at, begun + max(0, most + 1 - len(held)))]
                if length:
                    yield Record(offset, length, bytes(held) if length <= most else None)
                offset += length + 1
                at = begun = at + 1
                held, length, state = bytearray(), 0, START
            elif byte == mark and state in {START, CLOSED}:
                state, at = QUOTED, at + 1
            elif byte == separator:
                state, at = START, at + 1
            else:
                end = ends_field.search(piece, at)
                state, at = PLAIN, end.start() if end else len(piece)
        length += len(piece) - begun
        held += piece[begun : begun + max(0, most + 1 - len(held))]
    if length:
        yield Record(offset, length, bytes(held) if length <= most else None, state == QUOTED)


def fields(data: bytes, delimiter: str, quote: str, most: int) -> list[str]:
    """The fields of one row.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        csv.Error: the csv module refuses it.
    """
    csv.field_size_limit(most)
    return next(csv.reader([data.decode("utf-8")], delimiter=delimiter, quotechar=quote), [])
