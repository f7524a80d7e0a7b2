"""The footer of a Parquet file, looked at where it can do no harm: pyarrow 25 ends its process at some damaged ones (std::terminate)."""

from __future__ import annotations

import io
from typing import BinaryIO

import pyarrow.parquet as pq

MAGIC = b"PAR1"
MOST_BYTES = 64 << 20


def read_footer(file: BinaryIO) -> bytes:
    """The metadata at the end of a file, with what follows it; '' where there is none of a length that can be.

    Format: parquet.apache.org/docs/file-format, the metadata's length in four bytes and a magic number at the end.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little") + 8
    if not end.endswith(MAGIC) or length > min(size, MOST_BYTES):
        return b""
    file.seek(size - length)
    return file.read(length)


def dictionary_coded(footer: bytes) -> list[str]:
    """Columns of bytes that some row group holds as a dictionary.

    To be called in `sandbox`: every field that a reader will ask for is asked for here.

    Raises:
        ArrowException: the metadata cannot be read.
    """
    metadata = pq.read_metadata(io.BytesIO(MAGIC + footer))
    coded = set()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        _ = row_group.num_rows, row_group.total_byte_size
        for number in range(metadata.num_columns):
            column = row_group.column(number)
            _ = column.data_page_offset, column.dictionary_page_offset, column.total_compressed_size
            if column.physical_type == "BYTE_ARRAY" and any("DICTIONARY" in encoding for encoding in column.encodings):
                coded.add(column.path_in_schema)
    return sorted(coded)
