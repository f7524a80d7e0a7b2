"""EPUB 2 and 3: the texts of the spine, in its order.

In:  a seekable file that is a ZIP archive with META-INF/container.xml (EPUB OCF 3.3); no path of it ever touches the file system.
Out: one `Book`. Left out: navigation documents, and pages that `epub:type` marks as imprint, colophon or copyright page.
Lost: spine items that the archive lacks; a book none of whose items is there is refused.
"""

from __future__ import annotations

import posixpath
import urllib.parse
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from filters.licences.licence import licence_of_text
from pipeline.sources.book import Book, NotABook
from pipeline.sources.dates import iso_date
from pipeline.sources.markup import XHTML, MarkupError, elements, parse_xhtml, parse_xml, plain, text_of

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
MOST_MEMBERS = 100_000
READABLE = frozenset(
    {"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml", "application/xml", "text/xml"}
)
APPARATUS = frozenset({"imprint", "colophon", "copyright-page", "toc", "landmarks", "loi", "lot", "page-list"})

# Fonts scrambled by these two are no protection of the text (EPUB OCF 3.3, section 4.4, and Adobe's older way).
_OBFUSCATIONS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError, LookupError, OverflowError)
"""What zipfile raises on archives that are broken or beyond it (struct.error within it becomes BadZipFile)."""


@dataclass(slots=True)
class Budget:
    """Bytes that may still be inflated, counted as they come and not as the archive promises."""

    member: int
    total: int


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    media_type: str
    properties: frozenset[str]


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """The archive in a seekable file.

    Raises:
        NotABook: it is broken, or holds more than `MOST_MEMBERS`.
    """
    try:
        archive = zipfile.ZipFile(file)
    except ZIP_ERRORS as error:
        raise NotABook("broken archive", f"{type(error).__name__}: {error}") from error
    if len(archive.infolist()) > MOST_MEMBERS:
        raise NotABook("too long", f"{len(archive.infolist())} members")
    return archive


def is_epub(archive: zipfile.ZipFile) -> bool:
    """Whether an archive says that it is an EPUB, by its container file or its mimetype member."""
    names = set(archive.namelist())
    if CONTAINER in names:
        return True
    if "mimetype" not in names:
        return False
    try:
        with archive.open("mimetype") as member:
            return member.read(64).strip() == b"application/epub+zip"
    except ZIP_ERRORS:
        return False


def read_member(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, budget: Budget) -> bytes:
    """Bytes of a member.

    Raises:
        KeyError: there is no such member.
        NotABook: it is encrypted or broken, or inflates beyond the budget.
    """
    info = name if isinstance(name, zipfile.ZipInfo) else archive.getinfo(name)
    if info.flag_bits & 1:
        raise NotABook("encrypted", f"member {info.filename!r}")
    allowed = min(budget.member, budget.total)
    try:
        with archive.open(info) as member:
            data = member.read(allowed + 1)
    except ZIP_ERRORS as error:
        raise NotABook("broken archive", f"member {info.filename!r}: {type(error).__name__}: {error}") from error
    if len(data) > allowed:
        raise NotABook("too long", f"member {info.filename!r} inflates to more than {allowed} bytes")
    budget.total -= len(data)
    return data


def read_epub(archive: zipfile.ZipFile, budget: Budget) -> Book:
    """The book in an EPUB archive.

    Raises:
        NotABook: no container, package or spine; encrypted; a path that leaves the archive; too long; none of the texts is there.
    """
    package_path = _package_path(archive, budget)
    package = _xml(archive, package_path, budget)
    items = _spine(package, posixpath.dirname(package_path))
    encrypted = _encrypted(archive, budget)
    texts, missing = [], []
    for item in items:
        if item.path in encrypted:
            raise NotABook("encrypted", f"spine item {item.path!r}")
        try:
            root = parse_xhtml(read_member(archive, item.path, budget))
        except (KeyError, MarkupError) as error:
            missing.append(f"{item.path}: {error}")
            continue
        texts.append(text_of(root, XHTML, APPARATUS))
    if not texts:
        raise NotABook("EPUB has no text", "; ".join(missing)[:300] or "the spine holds only navigation")
    metadata = next(iter(elements(package, "metadata")), package)
    links = [node.get("href") or "" for node in elements(metadata, "link") if "license" in (node.get("rel") or "").lower()]
    rights = " ".join([*links, *(plain(node) for node in elements(metadata, "rights"))])
    licence = licence_of_text(rights) if rights else "unknown"
    return Book(
        text="\n\n".join(text for text in texts if text.strip()),
        title=_first(metadata, "title"),
        author="; ".join(filter(None, map(plain, elements(metadata, "creator")))) or None,
        language=_first(metadata, "language"),
        date=iso_date(_first(metadata, "date")),
        licence=licence if licence != "unknown" else None,
    )


def _package_path(archive: zipfile.ZipFile, budget: Budget) -> str:
    try:
        container = _xml(archive, CONTAINER, budget)
    except KeyError as error:
        raise NotABook("EPUB has no container", f"no {CONTAINER}") from error
    for rootfile in elements(container, "rootfile"):
        if path := rootfile.get("full-path"):
            return _inside("", path)
    raise NotABook("EPUB has no package", "container.xml names no rootfile")


def _xml(archive: zipfile.ZipFile, path: str, budget: Budget) -> etree._Element:
    try:
        return parse_xml(read_member(archive, path, budget))
    except MarkupError as error:
        raise NotABook("broken XML", f"{path}: {error}") from error
    except KeyError:
        if path == CONTAINER:
            raise
        raise NotABook("EPUB has no package", f"no {path!r} in the archive") from None


def _spine(package: etree._Element, folder: str) -> list[_Item]:
    """Items to read, in order: without navigation (EPUB 3's nav property, EPUB 2's guide to the contents) and without pictures."""
    contents = {
        _inside(folder, node.get("href") or "") for node in elements(package, "reference") if (node.get("type") or "").lower() == "toc"
    }
    manifest = {
        node.get("id"): _Item(
            _inside(folder, node.get("href") or ""),
            (node.get("media-type") or "").lower(),
            frozenset((node.get("properties") or "").split()),
        )
        for node in elements(package, "item")
        if node.get("id") and not urllib.parse.urlsplit(node.get("href") or "").scheme
    }
    references = [node for spine in elements(package, "spine") for node in elements(spine, "itemref")]
    if not references:
        raise NotABook("EPUB has no spine", "the package has no spine with items")
    items = [manifest[node.get("idref")] for node in references if node.get("idref") in manifest]
    return [item for item in items if item.media_type in READABLE and "nav" not in item.properties and item.path not in contents]


def _inside(folder: str, href: str) -> str:
    """Path within the archive of a link from a file in `folder`."""
    if urllib.parse.urlsplit(href).scheme:
        return href
    path = posixpath.normpath(posixpath.join(folder, urllib.parse.unquote(href.split("#", 1)[0])))
    if path.startswith(("/", "../")) or path == "..":
        raise NotABook("path leaves the archive", f"{href!r}")
    return path


def _encrypted(archive: zipfile.ZipFile, budget: Budget) -> frozenset[str]:
    if ENCRYPTION not in archive.namelist():
        return frozenset()
    paths = set()
    for entry in elements(_xml(archive, ENCRYPTION, budget), "EncryptedData"):
        methods = [node.get("Algorithm") or "" for node in elements(entry, "EncryptionMethod")]
        if not any(method in _OBFUSCATIONS for method in methods):
            paths |= {_inside("", node.get("URI") or "") for node in elements(entry, "CipherReference")}
    return frozenset(paths)


def _first(metadata: etree._Element, name: str) -> str | None:
    return next((text for node in elements(metadata, name) if (text := plain(node))), None)
