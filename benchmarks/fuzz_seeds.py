"""Sound inputs to damage: real files of the shared data where they are at hand, and made ones in any case."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

LARGEST = 200_000
EPUB_TYPE = b"application/epub+zip"
BOMB_BYTES = 1 << 30  # more than a child may take


def real_files(data: Path | None, folder: str, most: int, largest: int = LARGEST) -> list[bytes]:
    """Files below a folder of the shared data, the smaller ones, evenly out of all; none without the data."""
    if data is None or not (data / folder).is_dir():
        return []
    paths = [path for path in sorted((data / folder).rglob("*")) if path.is_file() and 0 < path.stat().st_size <= largest]
    return [path.read_bytes() for path in paths[:: max(1, -(-len(paths) // most))]]


def page() -> bytes:
    """A page with what trips readers: entities, a table, code, a script, nesting."""
    return (
        b"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>A &amp; B</title><script>if (a<b) {'</p>'}</script></head><body>"
        b"<nav><ul><li><a href=/>Home</a><li><a href=/x>Other</a></ul></nav><article><h1>Title</h1>"
        + b"".join(
            b"<p>Paragraph %d has some words, commas, and <b>bold</b> ones &mdash; caf\xc3\xa9.</p>" % number for number in range(12)
        )
        + b"<pre>code\n  indented</pre><table><tr><th>a<td>1<tr><th>b<td>2</table><!-- comment --></article><footer>Foot</footer>"
    )


def _warc_record(url: str, headers: bytes, body: bytes) -> bytes:
    message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + headers + b"\r\n" + body
    return (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{hashlib.md5(url.encode()).hexdigest()}>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(message)}\r\n\r\n"
    ).encode() + message + b"\r\n\r\n"  # fmt: skip


def warc_records() -> list[bytes]:
    """Responses: plain, chunked, each content coding, a body that inflates to `BOMB_BYTES`, and an ARC file."""
    html = page()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (html[:500], html[500:])) + b"0\r\n\r\n"
    bodies = [
        (b"", html),
        (b"Transfer-Encoding: chunked\r\n", chunked),
        (b"Content-Encoding: gzip\r\n", gzip.compress(html, mtime=0)),
        (b"Content-Encoding: deflate\r\n", zlib.compress(html)),
        (b"Content-Encoding: br\r\n", brotli.compress(html)),
        (b"Content-Encoding: zstd\r\n", zstandard.compress(html)),
        (b"Content-Encoding: gzip\r\n", gzip_bomb()),
        (b"Content-Encoding: br\r\n", brotli.compress(bytes(16 << 20), quality=5)),
    ]
    return [_warc_record(f"http://example.org/{number}", headers, body) for number, (headers, body) in enumerate(bodies)]


def gzip_bomb() -> bytes:
    """A gzip member of `BOMB_BYTES` of zeros in about a thousandth of that; its checksum, which nobody should get to, is wrong."""
    deflate = zlib.compressobj(9, wbits=-15)
    # Behind a full flush a block stands for itself, so one can be repeated.
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"", mtime=0)[:10] + block * (BOMB_BYTES >> 20) + deflate.flush() + bytes(8)


def warc_seeds(data: Path | None, most: int) -> list[bytes]:
    """WARC, ARC and WET files in every packing."""
    records = warc_records()
    small = records[:6]
    arc = (
        b"filedesc://x.arc 0.0.0.0 20260101000000 text/plain 11\n1 0 curate\n\n\nhttp://a.org/ 127.0.0.1 20260101000000 text/html %d\n%s\n"
    )
    made = [
        b"".join(small),
        b"".join(gzip.compress(record, mtime=0) for record in records),
        gzip.compress(b"".join(small), mtime=0),
        b"".join(zstandard.compress(record) for record in small),
        arc % (len(page()), page()),
    ]
    return made + real_files(data, "warc", most)


def epub(texts: list[bytes], package: bytes = b"") -> bytes:
    """An EPUB 3 archive of chapters."""
    items = b"".join(b'<item id="c%d" href="c%d.xhtml" media-type="application/xhtml+xml"/>' % (n, n) for n in range(len(texts)))
    refs = b"".join(b'<itemref idref="c%d"/>' % n for n in range(len(texts)))
    package = package or (
        b'<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dc:title>A book</dc:title><dc:creator>Someone</dc:creator><dc:language>en</dc:language></metadata>"
        b"<manifest>%s</manifest><spine>%s</spine></package>" % (items, refs)
    )
    container = (
        b'<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        b'<rootfile full-path="OPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), EPUB_TYPE, zipfile.ZIP_STORED)
        archive.writestr(zipfile.ZipInfo("META-INF/container.xml"), container)
        archive.writestr(zipfile.ZipInfo("OPS/package.opf"), package)
        for number, text in enumerate(texts):
            archive.writestr(zipfile.ZipInfo(f"OPS/c{number}.xhtml"), text)
    return out.getvalue()


def epub_seeds(data: Path | None, most: int) -> list[bytes]:
    """Books: sound, with a chapter that inflates to 64 MB, with entities that multiply, with elements 20,000 deep; and real ones."""
    chapter = (
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>One</title></head><body><h1>One</h1>%s</body></html>'
    )
    sound = chapter % b"".join(b"<p>Sentence %d of a book.</p>" % number for number in range(40))
    levels = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    laughs = b'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY l0 "ha">%s]><html><body><p>&l11;</p></body></html>' % levels
    deep = chapter % (b"<div>" * 20_000 + b"text" + b"</div>" * 20_000)
    return [
        epub([sound, sound]),
        epub([sound, chapter % bytes(64 << 20)]),
        epub([laughs, sound]),
        epub([deep]),
        *real_files(data, "books/epubcheck_odd", most),
        *real_files(data, "books/standardebooks", most, 1 << 20),
    ]


def parquet_file(**options: object) -> bytes:
    """A table with a column `text` and others, some null."""
    rows = 60
    table = pa.table(
        {
            "text": pa.array([f"Row {n} has a text of some words, é and 漢字." * (n % 5) if n % 7 else None for n in range(rows)]),
            "number": pa.array(range(rows), pa.int32()),
            "tags": pa.array([[str(n)] * (n % 3) for n in range(rows)]),
            "meta": pa.array([{"a": n, "b": str(n)} for n in range(rows)]),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def parquet_seeds(data: Path | None, most: int) -> list[bytes]:
    """Parquet in several versions, encodings and codecs, one page that inflates to 64 MB, and JSON Lines."""
    bomb = io.BytesIO()
    pq.write_table(pa.table({"text": ["a" * (64 << 20)]}), bomb, compression="zstd", use_dictionary=False)
    made = [
        parquet_file(compression="none"),
        parquet_file(compression="snappy", row_group_size=20),
        parquet_file(compression="zstd", use_dictionary=False, data_page_version="2.0"),
        parquet_file(compression="gzip", version="1.0"),
        parquet_file(
            compression="none", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY", "number": "DELTA_BINARY_PACKED"}
        ),
        bomb.getvalue(),
        b"".join(b'{"text": "line %d", "n": %d, "deep": {"a": [1, 2]}}\n' % (n, n) for n in range(40)),
    ]
    real = []
    for content in real_files(data, "filters/data-prep-kit", 8 * most):
        if content.startswith(b"PAR1"):
            table, out = pq.read_table(io.BytesIO(content)), io.BytesIO()
            pq.write_table(table.rename_columns(["text" if name == "contents" else name for name in table.column_names]), out)
            real.append(out.getvalue())
    return made + real[:most]


def html_seeds(data: Path | None, most: int) -> list[bytes]:
    """Pages in several charsets, and real ones of all sets."""
    html = page()
    made = [
        html,
        html.decode().encode("utf-16"),
        html.replace(b"utf-8", b"gbk"),
        b"\x1b$B" + html,
        html.replace(b"<p>", b"<div><table><p>"),
    ]
    packed = [content for folder in ("html", "html_more/html") for content in real_files(data, folder, most, LARGEST // 4)]
    pages = [gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content for content in packed]
    return made + [content for content in pages if b"<" in content[:1000] and len(content) <= LARGEST]


def pack_tree(files: dict[str, bytes]) -> bytes:
    """Files as one tar archive, in the order of their names."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def unpack_tree(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of `pack_tree`'s files."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            file = archive.extractfile(info)
            assert file is not None
            yield info.name, file.read()


class LooseObjects:
    """Git objects made by hand, sound or not: git itself would refuse to write the worst of them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def add(self, kind: bytes, content: bytes, stated: int | None = None) -> str:
        """Store an object and give its name, which is that of its bytes even where its length (`stated`) is a lie."""
        whole = b"%s %d\0%s" % (kind, len(content) if stated is None else stated, content)
        name = hashlib.sha1(whole).hexdigest()
        self.files[f"objects/{name[:2]}/{name[2:]}"] = zlib.compress(whole)
        return name

    def repository(self, tree: str, message: bytes = b"made\n") -> dict[str, bytes]:
        """Files of a bare repository whose HEAD is a commit of this tree."""
        person = b"A U Thor <a@example.org> 1700000000 +0000"
        commit = self.add(b"commit", b"tree %s\nauthor %s\ncommitter %s\n\n%s" % (tree.encode(), person, person, message))
        head = {"HEAD": b"ref: refs/heads/main\n", "refs/heads/main": commit.encode() + b"\n"}
        return {**head, "config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n", **self.files}


HOSTILE_NAMES = (
    b"../outside", b"/etc/passwd", b".git/config", b".GIT/hooks/post-checkout", b"a/b", b"", b".", b"..", b"a\nb", b"\xff\xfe.py", b"con.c",
    b"x" * 5000, b"-rf", b"--help", "\u202efdp.py".encode(), b"\x1b[2J.py", b"LICENSE", b"LICENSE/LICENSE",
)  # fmt: skip
MODES = (b"100644", b"100755", b"120000", b"160000", b"40000", b"0", b"777777", b"-1", b"100644x")


def hostile_repository(random: Random) -> dict[str, bytes]:
    """A repository of loose objects with paths, modes, lengths, links and loops as an attacker would choose them."""
    objects = LooseObjects()
    blobs = [objects.add(b"blob", content) for content in (b"print('hello')\n" * 20, b"../../etc/passwd", b"MIT License\n", b"\0" * 500)]
    blobs.append(objects.add(b"blob", b"short", stated=random.choice((0, 1, 1 << 31, 1 << 62))))
    blobs.append(objects.add(b"blob", bytes(32 << 20)) if random.random() < 0.1 else "0" * 40)

    def tree(depth: int) -> str:
        entries = []
        for _ in range(random.randint(1, 6)):
            name = random.choice((*HOSTILE_NAMES, b"main.py", b"main.py", b"lib.c", b"README.md"))
            if depth and random.random() < 0.4:
                entries.append(b"40000 " + name + b"\0" + bytes.fromhex(tree(depth - 1)))
            else:
                entries.append(random.choice(MODES) + b" " + name + b"\0" + bytes.fromhex(random.choice(blobs)))
        return objects.add(random.choice((b"tree", b"tree", b"tree", b"blob")), b"".join(entries))

    root = tree(3)
    if random.random() < 0.1:
        for _ in range(random.choice((50, 3000))):
            root = objects.add(b"tree", b"40000 d\0" + bytes.fromhex(root))
    return objects.repository(root)
