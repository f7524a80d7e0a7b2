"""WARC 1.0 and 1.1, WET, and ARC files to records.

In:  one file or a byte range of one, local or remote: uncompressed, gzip per record, one gzip member for all, zstd, lz4 …
Out: a `WebRecord` for each response, resource and conversion; a Reject for each other record and each stretch that is no record.
Lost: nothing. Every byte lies in a record, a reject, or the blank lines and padding between them; and in one range of any split.

A range owns what begins in it. `members` says where a packed file can be entered, `feed` gives its bytes with their places, `framing` finds
the records in them, and `record` is what one of them says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.sources.files import open_input
from pipeline.sources.records import Reject, Tally
from pipeline.sources.remote import is_remote
from pipeline.sources.warc.feed import Feed
from pipeline.sources.warc.framing import Framing
from pipeline.sources.warc.members import MAGIC, first_start, layout_of
from pipeline.sources.warc.record import WebRecord

__all__ = ["WebRecord", "read_records", "records"]


def records(
    path: str, tally: Tally, max_record_bytes: int, begin: int = 0, end: int | None = None, stamp: str | None = None
) -> Iterator[WebRecord | Reject]:
    """The records of a file that begin in a range of its bytes, in order.

    Ranges that cover a file give each of its records and rejects once, with the same offset and length, wherever they are cut. A file that
    cannot be entered in the middle (one gzip member, bzip2, xz, lz4; an uncompressed one behind a URL) is read by the range that begins at
    0, and every other range of it is empty.

    Args:
        path: local path or URL.
        tally: `records` counts what is given, before it is given; `bytes` grows as the range is read, to its size.
        max_record_bytes: a longer record, uncompressed, is a reject and is passed over without being held.
        begin: offset in the file as it lies, compressed or not.
        end: offset behind the range; None for the end of the file.
        stamp: what `files.list_inputs` said of the file's version.

    Raises:
        ValueError: the file cannot be opened, is not the version that `stamp` names, or a remote one cannot be read on.
    """
    with open_input(path, end=end, stamp=stamp) as stream:
        yield from read_records(stream, tally, max_record_bytes, begin, end, distant=is_remote(path))


def read_records(
    stream: BinaryIO, tally: Tally, max_record_bytes: int, begin: int = 0, end: int | None = None, *, distant: bool = False
) -> Iterator[WebRecord | Reject]:
    """The same from an open, seekable stream that stands at its beginning; `distant` where reading up to `begin` is too dear."""
    before = tally.bytes
    for outcome in _owned(stream, max_record_bytes, begin, end, distant=distant):
        tally.records += 1
        tally.bytes = before + max(0, outcome.offset + outcome.length - begin)
        yield outcome
    if end is None:
        try:
            end = stream.seek(0, io.SEEK_END)
        except OSError:  # a server that does not state a size
            end = stream.tell()
    tally.bytes = before + max(0, end - begin)


def _owned(stream: BinaryIO, limit: int, begin: int, end: int | None, *, distant: bool) -> Iterator[WebRecord | Reject]:
    layout = layout_of(stream)
    packing = layout.packing
    if packing.kind in MAGIC:
        start = first_start(stream, layout, begin, end)
        if start is not None:
            yield from Framing(Feed(stream, layout, start, end), limit).outcomes()
    elif packing.kind == "plain" and not distant:
        # Nothing in uncompressed bytes tells a record from a page that quotes one, but for the lengths of all records before it.
        yield from Framing(Feed(stream, layout, 0, end), limit, begin).outcomes()
    elif begin == 0:
        yield from Framing(Feed(stream, layout, 0, None), limit).outcomes()
