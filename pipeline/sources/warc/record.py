"""What one record of a WARC or ARC file says: its fields, and the HTTP answer in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.sources.http_message import decode_body, parse_head
from pipeline.sources.records import Reject

TYPES = frozenset({"warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"})
READ_TYPES = frozenset({"response", "resource", "conversion"})
# The longest beginning of a member that is looked at to see whether it begins with a record.
START_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class WebRecord:
    """What one URL answered, or the text made of it.

    `offset` and `length` are in bytes of the file as it lies, compressed or not: from where the member begins that holds the record, to
    where reading may stop.
    """

    url: str
    type: str
    """response, resource or conversion; 'file' for a page saved by itself (`sources.saved`)."""
    date: str | None
    """WARC-Date as written: ISO 8601, UTC."""
    status: int
    """Of HTTP; 200 where the record has none."""
    content_type: str
    """As the server said (of a resource or conversion: as the record says), in lower case; '' where nothing is said."""
    body: bytes
    """As stored; `payload` undoes its codings."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of HTTP, by lower-case name."""
    truncated: bool = False
    """Whether the crawler cut it short."""
    offset: int = 0
    length: int = 0

    def payload(self, limit: int) -> bytes:
        """The body without chunking and content coding, at most `limit` bytes.

        Raises:
            PayloadError: it is longer, or corrupt.
        """
        return decode_body(self.body, self.headers, limit) if self.headers else self.body


def begins_record(data: bytes | bytearray, *, arc: bool) -> bool:
    """Whether the first bytes of a member are those of a record."""
    return data.startswith(b"WARC/") or (arc and arc_line(bytes(data[:START_BYTES])) is not None)


def fields(head: bytes) -> dict[str, str]:
    """A record's named fields, by lower-case name; of a repeated one the first."""
    found: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", errors="replace").split("\n")[1:]:
        if line[:1] in {" ", "\t"} and name:
            found[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            found.setdefault(name, value.strip())
    return found


def arc_line(line: bytes) -> tuple[str, str, str, str] | None:
    """URL, date, content type and length of an ARC record's first line; None where it is none. URLs may hold spaces."""
    text, feed, _rest = line.partition(b"\n")
    if not feed:
        return None
    words = text.decode("utf-8", errors="replace").strip("\r")
    for parts in (words.rsplit(" ", 4), words.rsplit(" ", 9)):
        if len(parts) in {5, 10} and ":" in parts[0] and parts[2].isdigit() and len(parts[2]) in {12, 14, 18} and parts[0][0] != " ":
            return parts[0], parts[2], parts[3].lower(), parts[-1]
    return None


def warc_record(head: dict[str, str], url: str, block: bytes, offset: int, extent: int) -> WebRecord | Reject:
    """What a WARC record with these fields and this block is."""
    kind = head.get("warc-type", "").lower()
    if kind not in READ_TYPES:
        return Reject(url, f"record type {kind if kind in TYPES else 'unknown'}", "" if kind in TYPES else kind[:80], offset, extent)
    if not url:
        return Reject(url, "no target URI", "", offset, extent)
    date, content_type = head.get("warc-date"), head.get("content-type", "").lower()
    truncated = "warc-truncated" in head
    if kind == "response" and (content_type.startswith("application/http") or url.startswith("http")):
        http = parse_head(block)
        if http is None:
            return Reject(url, "no HTTP status", repr(block[:80]), offset, extent)
        status, headers, body = http
        content_type = headers.get("content-type", "").lower()
        return WebRecord(url, kind, date, status, content_type, block[body:], headers, truncated, offset, extent)
    return WebRecord(url, kind, date, 200, content_type, block, {}, truncated, offset, extent)


def arc_record(url: str, date: str, content_type: str, block: bytes, offset: int, extent: int) -> WebRecord | Reject:
    """What an ARC record with this first line and this block is."""
    if url.startswith("filedesc:"):
        return Reject(url, "record type filedesc", "", offset, extent)
    stamp = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:14]}Z" if len(date) == 14 else None
    if http := parse_head(block):
        status, headers, body = http
        kind = headers.get("content-type", content_type).lower()
        return WebRecord(url, "response", stamp, status, kind, block[body:], headers, offset=offset, length=extent)
    return WebRecord(url, "resource", stamp, 200, content_type, block, offset=offset, length=extent)
