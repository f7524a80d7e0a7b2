"""Web pages that lie as files of their own, compressed or not, beside WARC files: one record each.

In:  a file whose first bytes are those of HTML.
Out: one `WebRecord` of type 'file', named by its path; a Reject where it is too long or damaged.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.sources.compression import DamagedInput
from pipeline.sources.files import open_decompressed
from pipeline.sources.records import Reject, Tally
from pipeline.sources.remote import is_remote
from pipeline.sources.warc import WebRecord

SNIFFED_BYTES = 1024
BEGINNINGS = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")


def is_page(path: str) -> bool:
    """Whether a local file begins as HTML does; False where it cannot be told."""
    if is_remote(path):
        return False
    try:
        with open_decompressed(path) as file:
            beginning = file.read(SNIFFED_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except DamagedInput:
        return False
    return beginning.startswith(BEGINNINGS) and (b"<html" in beginning or b"<!doctype html" in beginning or b"<head" in beginning)


def page_record(path: str, tally: Tally, max_record_bytes: int) -> WebRecord | Reject:
    """The record of a saved page.

    Raises:
        ValueError: the file cannot be opened.
    """
    size = Path(path).stat().st_size
    tally.records += 1
    tally.bytes += size
    with open_decompressed(path) as file:
        try:
            body = file.read(max_record_bytes + 1)
            if len(body) > max_record_bytes:
                return Reject(path, "record too long", f"more than {max_record_bytes} bytes", 0, size)
            file.read(1)  # damage at the very end shows here
        except DamagedInput as damage:
            return Reject(path, damage.reason, str(damage), damage.offset, size)
    return WebRecord(path, "file", None, 200, "text/html", body, offset=0, length=size)
