"""What is fuzzed: for each reader, how a case is made from a seed, and what must hold when it is read.

Always: no exception but the ValueError of one line that the reader's documentation promises; records = documents + rejects; every reject
has a reason of one line; texts are Unicode; byte ranges lie within the file; memory is not exhausted, not even where a handler hides it.
The limits on time and memory are the runner's (`benchmarks.fuzz`).
"""

from __future__ import annotations

import os
import re
import subprocess
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks import fuzz_seeds
from benchmarks.gold import UNSEEN, page_text
from benchmarks.mutations import LONGEST, inside_gzip, inside_zip, mutate
from filters.charset import decode_html
from filters.extractor.alignment import block_texts
from filters.extractor.page import extract_page
from filters.extractor.scan import scan
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books, code, tables
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.warc import WebRecord, read_records

EXTRACT = Extract(max_record_bytes=4 << 20, max_html_bytes=1 << 20)
WEB, BOOK, CODE, TABLE = (Source(name=kind, kind=kind, paths=("fuzz",)) for kind in ("web", "book", "code", "table"))
OUT_OF_MEMORY = ("MemoryError", "malloc of size", "Cannot allocate memory", "bad_alloc", "out of memory")
OWNED = "owned"
# What the scanner skips on purpose and lexbor gives as text.
UNSCANNED = UNSEEN | frozenset({"textarea", "title", "iframe", "noembed", "noframes", "svg", "math", "select", "datalist"})
# Of 260 sound pages the worst lacks 1.4 % of lexbor's words.
PIECE, LEAST_PIECES, MOST_MISSING = 12, 25, 0.2

WARC_WORDS = (
    b"WARC/1.0\r\n", b"\r\n\r\n", b"Content-Length: 99999999999999\r\n", b"Content-Encoding: gzip\r\n", b"Transfer-Encoding: chunked\r\n",
    b"ffffffffffffffff\r\n", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"HTTP/1.1 200 OK\r\n", b"WARC-Type: revisit\r\n", b"\0",
)  # fmt: skip
BOOK_WORDS = (
    b"<div>", b"</p>", b"&l9;", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', b"../../../etc/passwd", b"<ruby><rt>",
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"<![CDATA[", b"\xff\xfe", b'<rootfile full-path="/etc/passwd"/>',
)  # fmt: skip
TABLE_WORDS = (b"PAR1", b"\x15\x00", b"\x19\xfc", b"{", b'"text":', b"[[[[", b"1e999", b"\\ud800", b"\n", b"\xff")
HTML_WORDS = (
    b"<div>", b"</div>", b"<table><tr><td>", b"</table>", b"<p>", b"</p>", b"<script>", b"<!--", b"-->", b"<![CDATA[", b"<a href='", b"<b>",
    b"</b>", b"<pre>", b"<textarea>", b"<select>", b"<svg>", b"<template>", b"<x ", b"=", b"<li>", b"<br>", b"<dl><dd>", b"<h1>", b"<body>",
    b"<frameset>", b"&#x110000;", b"&#xD800;", b"&nbsp;", b"&", b"<", b">", b'"', b"\0", b"\xff", b"\xe2\x80",
)  # fmt: skip
GIT_WORDS = (
    b"[core]\n\tfsmonitor = touch owned\n", b"[core]\n\tsshCommand = touch owned\n\tpager = touch owned\n\thooksPath = .\n",
    b'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::touch owned\n\tpromisor = true\n',
    b"[include]\n\tpath = /etc/passwd\n", b"[core]\n\tworktree = /etc\n", b"[alias]\n\tls-tree = !touch owned\n",
    b"ref: refs/heads/../../../x\n", b"100644 ", b"tree ", b"\0", b"PACK", b"DIRC",
)  # fmt: skip
_LOOSE = re.compile(r"objects/[0-9a-f]{2}/")


class Broken(AssertionError):  # noqa: N818  a finding
    """A case that breaks a rule; the text says which."""


@dataclass(frozen=True, slots=True)
class Case:
    """An input, and how it came about."""

    data: bytes
    history: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """One reader: sound inputs, how they are damaged, and the check, which gives a word for what came out."""

    seeds: Callable[[Path | None, int], list[bytes]]
    make: Callable[[Sequence[bytes], Random], Case]
    check: Callable[[bytes, Path], str]


def sound(outcomes: Iterable[Outcome], tally: Tally, size: int | None = None) -> str:
    """Go through a reader's outcomes and check what must hold of any.

    Args:
        outcomes: of one input.
        tally: that the reader counts in.
        size: of the file that the byte ranges are of; None where they are of something else.

    Raises:
        Broken: it does not hold.
    """
    count, documents, last = 0, 0, Counter[str]()
    for outcome in outcomes:
        count += 1
        outcome.locator.encode("utf-8", "surrogateescape")
        if min(outcome.offset, outcome.length) < 0 or (size is not None and outcome.offset + outcome.length > size):
            raise Broken(f"bytes {outcome.offset} + {outcome.length} of a file of {size}: {outcome.locator[:80]!r}")
        if isinstance(outcome, Document):
            documents += 1
            outcome.text.encode()
        else:
            last[outcome.reason] += 1
            if not outcome.reason or "\n" in outcome.reason or len(outcome.reason) > 120:
                raise Broken(f"{outcome.reason[:200]!r} is no reason")
            if any(words in outcome.error for words in OUT_OF_MEMORY):
                raise Broken(f"out of memory: {outcome.reason}: {outcome.error[:200]}")
    if tally.records != count:
        raise Broken(f"{tally.records} records, but {documents} documents and {count - documents} rejects")
    return f"{documents} documents" if documents else max(last, key=lambda reason: (last[reason], reason), default="nothing")


def read_warc(data: bytes, folder: Path) -> str:
    """A WARC or ARC file, its pages extracted."""
    path, tally = folder / "case.warc", Tally()
    path.write_bytes(data)
    with path.open("rb") as stream:
        found = read_records(stream, tally, EXTRACT.max_record_bytes)
        return sound((record if isinstance(record, Reject) else page_document(record, EXTRACT, WEB) for record in found), tally, len(data))


def read_book(data: bytes, folder: Path) -> str:
    """A file of kind book, mostly an EPUB."""
    path, tally = folder / "case.epub", Tally()
    path.write_bytes(data)
    return sound(books.outcomes([path], BOOK, EXTRACT, tally, root=folder), tally)


def read_table(data: bytes, folder: Path) -> str:
    """A file of kind table."""
    path, tally = folder / "case.table", Tally()
    path.write_bytes(data)
    return sound(tables.outcomes([path], TABLE, EXTRACT, tally, root=folder), tally)


def read_git(data: bytes, folder: Path) -> str:
    """A repository, bare or not, as a tar archive of its files."""
    root = folder / "repository"
    for name, content in fuzz_seeds.unpack_tree(data):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before, tally = os.getcwd(), Tally()  # noqa: PTH109
    os.chdir(folder)
    try:
        try:
            code.list_commit(root)
        except ValueError as error:
            if "\n" in str(error):
                raise Broken(f"a ValueError of several lines: {str(error)[:300]!r}") from error
        told = sound(code.outcomes(root, CODE, EXTRACT, tally), tally)
    finally:
        os.chdir(before)
    if owned := [path for path in (folder / OWNED, root / OWNED, root / ".git" / OWNED) if path.exists()]:
        raise Broken(f"the repository ran a command: {owned[0]}")
    return told


def read_html(data: bytes, _folder: Path) -> str:
    """A page: through the whole path, through the fast extractor, and the scanner's words against lexbor's."""
    told = sound(
        [page_document(WebRecord("http://example.org/", "response", None, 200, "text/html", data), EXTRACT, WEB)], Tally(records=1)
    )
    if len(data) <= EXTRACT.max_html_bytes:
        page = extract_page(data)
        page.text.encode()
        if not 0 <= page.confidence <= 1:
            raise Broken(f"confidence {page.confidence}")
        _hold_against_lexbor(decode_html(data))
    return told


def _hold_against_lexbor(html: str) -> None:
    """The scanner finds the text that lexbor finds, in pieces of `PIECE` characters, white space apart: it may divide words elsewhere."""
    wanted, scanned = (
        unicodedata.normalize("NFC", "".join(text.split()))
        for text in (page_text(html, UNSCANNED), "".join(block_texts(scan(html.encode("utf-8", "replace")))))
    )
    have = {scanned[at : at + PIECE] for at in range(len(scanned) - PIECE + 1)}
    pieces = [wanted[at : at + PIECE] for at in range(0, len(wanted) - PIECE + 1, PIECE)]
    missing = [piece for piece in pieces if piece not in have]
    if len(pieces) >= LEAST_PIECES and len(missing) > MOST_MISSING * len(pieces):
        raise Broken(f"the scanner misses text: {len(missing)} of {len(pieces)} pieces, the first {missing[0]!r}, the last {missing[-1]!r}")


def _damaged(words: Sequence[bytes], inside: Callable[[bytes, Random, Callable[[bytes], bytes]], bytes] | None = None):  # type: ignore[no-untyped-def]
    """A maker of cases: a seed damaged as it is, or within its packing half of the time."""

    def make(seeds: Sequence[bytes], random: Random) -> Case:
        number = random.randrange(len(seeds))
        history = [f"seed {number}"]

        def change(data: bytes) -> bytes:
            new, operations = mutate(data, random, seeds, words)
            history.extend(operations)
            return new

        if inside and random.random() < 0.5:
            history.append("inside")
            return Case(inside(seeds[number], random, change), tuple(history))
        return Case(change(seeds[number][:LONGEST]), tuple(history))

    return make


def git_seeds(_data: Path | None, _most: int) -> list[bytes]:
    """A repository made with git: loose objects; packed; and bare."""
    from tempfile import TemporaryDirectory

    seeds = []
    with TemporaryDirectory() as name:
        root = Path(name) / "made"
        root.mkdir()
        for number in range(6):
            path = root / f"folder{number % 2}" / f"module{number}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text("# SPDX-License-Identifier: MIT\n" + f"def function{number}(value):\n    return value + {number}\n\n\n" * 20)
        (root / "LICENSE").write_text("MIT License\n\nPermission is hereby granted, free of charge, to any person\n")
        when = "2026-01-01T00:00:00Z"
        who = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", "a"), ("EMAIL", "a@example.org"), ("DATE", when))
        }
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for command in (
            ["init", "-q", "-b", "main", "--template="],
            ["add", "."],
            ["commit", "-q", "-m", "first"],
            None,
            ["gc", "-q"],
            None,
        ):
            if command:
                subprocess.run(["git", *command], cwd=root, env=environment, check=True)
                continue
            files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" in path.parts}
            seeds.append(fuzz_seeds.pack_tree(files))
        seeds.append(fuzz_seeds.pack_tree({name.removeprefix(".git/"): content for name, content in files.items()}))
    return seeds


def make_git(seeds: Sequence[bytes], random: Random) -> Case:
    """A repository with one of its files damaged, or one made to harm."""
    if random.random() < 0.3:
        return Case(fuzz_seeds.pack_tree(fuzz_seeds.hostile_repository(random)), ("hostile",))
    number = random.randrange(len(seeds))
    files = dict(fuzz_seeds.unpack_tree(seeds[number]))
    name = random.choice(sorted(files))
    content, packed = files[name], False
    if _LOOSE.search(name) and random.random() < 0.7:
        content, packed = zlib.decompress(content), True
    new, history = mutate(content, random, [files[other] for other in sorted(files)], GIT_WORDS, 3)
    if random.random() < 0.2:
        new, history = content + random.choice(GIT_WORDS), ["words of git at the end"]
    files[name] = zlib.compress(new) if packed else new
    return Case(fuzz_seeds.pack_tree(files), (f"seed {number}", name, *history))


TARGETS = {
    "warc": Target(fuzz_seeds.warc_seeds, _damaged(WARC_WORDS, lambda data, _random, change: inside_gzip(data, change)), read_warc),
    "epub": Target(fuzz_seeds.epub_seeds, _damaged(BOOK_WORDS, inside_zip), read_book),
    "git": Target(git_seeds, make_git, read_git),
    "parquet": Target(fuzz_seeds.parquet_seeds, _damaged(TABLE_WORDS), read_table),
    "html": Target(fuzz_seeds.html_seeds, _damaged(HTML_WORDS), read_html),
}


def case_of(target: Target, seeds: Sequence[bytes], name: str, seed: int, number: int) -> Case:
    """Case `number` of a run: the same for the same seeds, name and seed, whatever ran before."""
    return target.make(seeds, Random(f"{seed} {name} {number}"))
