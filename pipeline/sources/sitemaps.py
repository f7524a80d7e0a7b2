"""Sitemaps to URLs: the XML of sitemaps.org and its index files, RSS, Atom, plain text; any of them in gzip.

Read by expat in pieces: no tree, no entity of the file's own, no DTD. A file that breaks off gives what it held until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.sources.http_message import decode_body
from pipeline.sources.urls import URL_CHARACTERS

# sitemaps.org/protocol.html: 50,000 URLs and 50 MB in one file.
SITEMAP_BYTES = 50 << 20
SITEMAP_URLS = 50_000
# Files of one host, and how deep an index may name indexes (the protocol: not at all; some sites do).
SITEMAPS = 1000
NESTING = 3
# One gigabyte of elements within elements would be as many names on expat's stack.
ELEMENTS_DEEP = 100
PIECE_BYTES = 1 << 16


@dataclass(slots=True)
class Sitemap:
    """Locations as they are written, in the file's order: of pages, and of further sitemaps."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


def parse_sitemap(payload: bytes) -> Sitemap:
    """What a sitemap lists, at most 50,000 locations.

    Args:
        payload: the body without the codings of HTTP; a `.xml.gz` is still gzip.

    Raises:
        PayloadError: it is longer than 50 MiB.
    """
    payload = decode_body(payload, {"content-encoding": "gzip"}, SITEMAP_BYTES)
    beginning = payload[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if beginning.startswith(b"<") or payload.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _Reader().read(payload)
    lines = (line.strip() for line in payload.decode("utf-8-sig", "replace").split("\n", SITEMAP_URLS)[:SITEMAP_URLS])
    return Sitemap([line for line in lines if line.startswith(("http://", "https://")) and len(line) <= URL_CHARACTERS])


class _Enough(Exception):  # noqa: N818 -- ends the parse; what was read stands
    pass


class _Reader:
    """Collects locations by element and parent; of namespaces only the local names count, since feeds are careless of them."""

    def __init__(self) -> None:
        self.found = Sitemap()
        self.path: list[str] = []
        self.text: list[str] = []
        self.size = 0

    def read(self, payload: bytes) -> Sitemap:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype
        try:
            for begin in range(0, len(payload), PIECE_BYTES):
                parser.Parse(payload[begin : begin + PIECE_BYTES], False)
        except (expat.ExpatError, _Enough, LookupError, ValueError):  # the last two: an encoding that nobody knows, or expat cannot use
            return self.found
        return self.found

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2].lower()
        if local == "html" or len(self.path) >= ELEMENTS_DEEP:
            raise _Enough
        if local == "link" and self.path[-1:] == ["entry"] and attributes.get("rel", "alternate") == "alternate":
            self.add(self.found.pages, attributes.get("href", ""))
        self.path.append(local)
        self.text, self.size = [], 0

    def end(self, _name: str) -> None:
        place, text = self.path[-2:], "".join(self.text).strip()
        self.path.pop()
        self.text = []
        if place in (["url", "loc"], ["item", "link"]):
            self.add(self.found.pages, text)
        elif place == ["sitemap", "loc"]:
            self.add(self.found.sitemaps, text)

    def characters(self, data: str) -> None:
        self.size += len(data)
        if self.size <= 2 * URL_CHARACTERS:
            self.text.append(data)

    def doctype(self, *_declaration: object) -> None:
        # Sitemaps and feeds of today have none; what begins so is HTML, or an attack by entities.
        raise _Enough

    def add(self, to: list[str], location: str) -> None:
        if len(self.found.pages) + len(self.found.sitemaps) >= SITEMAP_URLS:
            raise _Enough
        if location and len(location) <= URL_CHARACTERS:
            to.append(location)
