"""The cheap tests of a web page, from the cheapest on: address, payload seen before, words and language of its plain text.

In:  a record's URL, its decoded payload's digest, its plain text.
Out: None where the page goes on, or the reason and words of its reject.
Lost: nothing; what a test refuses is a row of rejects/ with the entry or number that refused it.

In doubt a page goes on: a screen saves work and must not decide what the filter is there to decide.

A payload's digest is xxh3-128 of the decoded payload and not the record's WARC-Payload-Digest: that one is missing from many files, is of
the bytes before or after content coding as the crawler understood the standard, and nobody has checked it. It costs 8 µs for 80 kB.
Only payloads of earlier runs are refused. A run does not look for duplicates within itself here, since which of two was "seen before" would
depend on files and workers; dedup decides that, by declared order, and keeps the row of each.
"""

from __future__ import annotations

import difflib
import functools
import html
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from filters.hash_table import HashTable, digest_hashes
from filters.language.identify import LanguageModel, pieces
from filters.url_rules import ENTRY_BYTES, AddressList, ListBuilder, UrlRules
from pipeline.run import Run
from pipeline.settings.extract import Screen, UrlScreen
from pipeline.sources.compression import DamagedInput
from pipeline.sources.files import list_inputs, open_decompressed
from pipeline.sources.remote import is_remote

LIST_NAMES = frozenset({"domains", "urls"})
DIGEST = "payload_digest"
READ_BYTES = 1 << 20
DIGEST_ROWS = 1 << 16
# Four pieces of 400 characters: see benchmarks/LOG.md for what other numbers of other sizes refuse and spare.
PIECES, PIECE_CHARACTERS = 4, 400
# Languages that score less are not summed: fastText finds the others faster without them.
LEAST_SCORE = 0.01

_PARQUET = b"PAR1"
_HEX_DIGEST = re.compile(rb"[0-9a-fA-F]{32}")
# Scripts that put no space between words: Thai and Lao, Myanmar, Khmer, Han and kana. Each character may be a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

Refusal = tuple[str, str]


def screen_url(url: str, screen: Screen) -> Refusal | None:
    """The test of a page's address, before its payload is decoded.

    Args:
        url: as the record has it.
        screen: its lists were read by `load`.

    Raises:
        ValueError: the URL cannot be split.
    """
    rules = url_rules(screen.urls)
    return rules.refusal(url) if rules else None


def screen_payload(digest: bytes, screen: Screen) -> Refusal | None:
    """The test whether an earlier run made a document of this payload.

    Args:
        digest: of `payload_digest`, 16 bytes.
        screen: its `seen` was read by `load`.
    """
    if not screen.seen:
        return None
    return ("payload seen", digest.hex()) if int.from_bytes(digest[:8], "big") in seen_payloads(screen.seen) else None


def screen_text(text: str | bytes, screen: Screen, model: LanguageModel | None) -> Refusal | None:
    """The tests of a page's plain text, menus and footers included: least words, then language.

    A page may hold menus of one language and a text of another, so each piece of it is judged by itself, and one that may be of a kept
    language lets the page pass. A text without words passes the test of language.

    Args:
        text: plain text; as bytes, UTF-8 with character references as the page writes them.
        screen: `languages`, `language_score`, `minimum_words`.
        model: needed when `screen.languages` is set.
    """
    if not (screen.minimum_words or screen.languages):
        return None
    has_references = isinstance(text, bytes)
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if screen.minimum_words:
        words = len(text.split(None, screen.minimum_words))
        if words < screen.minimum_words:
            # At least as many as the filter will count, which takes "well-known" for two words and a script without spaces by characters.
            words = sum(1 for _ in itertools.islice(_WORD.finditer(text), screen.minimum_words))
        if words < screen.minimum_words:
            return "screen words", f"{words} < {screen.minimum_words}"
    if not screen.languages:
        return None
    assert model is not None, "a screen of languages needs a model"
    parts = pieces(text, PIECES, PIECE_CHARACTERS)
    return _language_refusal([html.unescape(part) for part in parts] if has_references else parts, screen, model)


def _language_refusal(parts: Sequence[str], screen: Screen, model: LanguageModel) -> Refusal | None:
    best, best_score, most = "", 0.0, 0.0
    # From the second piece on: a page's beginning is the least like its text, and most pages of a kept language are done with one piece.
    for part in [*parts[1:], *parts[:1]]:
        scores = model.scores(part, min(LEAST_SCORE, screen.language_score))
        most = max(most, sum(scores.get(language, 0.0) for language in screen.languages))
        if most >= screen.language_score:
            return None
        language, score = max(scores.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))
        best, best_score = (language, score) if score > best_score else (best, best_score)
    return ("screen language", f"{best or 'und'} {best_score:.2f}, kept {most:.2f}") if parts else None


def payload_digest(payload: bytes) -> bytes:
    """xxh3-128 of a decoded payload, 16 bytes."""
    return xxhash.xxh3_128_digest(payload)


def fingerprint(screen: Screen, run: Run) -> list[object]:
    """What the tests depend on beside their settings: stamps of lists, contents of earlier runs, the public suffixes.

    Raises:
        ValueError: a list or an earlier run is not there, or has no list or digests in it.
    """
    found: list[object] = []
    if url_rules_wanted(screen.urls):
        lists = [(name, path) for paths in (screen.urls.block_lists, screen.urls.allow_lists) for name, path in _list_files(paths)]
        found += [version("publicsuffixlist"), *((name, _stamp(path)) for name, path in lists)]
    for path in screen.seen:
        if Path(path).is_dir():
            if Path(path).resolve() == run.directory.resolve():
                raise ValueError(f"extract.screen.seen: {path!r} is this run itself; name earlier ones")
            found.append(Run(Path(path)).need("extract").outputs_digest())
        else:
            found.append(_stamp(path))
    return found


def load(screen: Screen, model: LanguageModel | None = None) -> None:
    """Read lists and digests now, where an error is the user's to see; the tests of pages find them read.

    Raises:
        ValueError: one of them is not there, cannot be read, or is none; or the model does not know a language.
    """
    for language in screen.languages if model else ():
        if model and language not in model.labels:
            near = ", ".join(repr(label) for label in difflib.get_close_matches(language, model.labels, cutoff=0.4)) or "others"
            raise ValueError(f"extract.screen.languages: {language!r} is not a language of {model.path.name}; it knows {near}")
    url_rules(screen.urls)
    seen_payloads(screen.seen)


def url_rules_wanted(urls: UrlScreen) -> bool:
    """Whether there is any rule."""
    return any((urls.block_lists, urls.block, urls.allow_lists, urls.allow, urls.words, urls.soft_words))


@functools.lru_cache(maxsize=2)
def url_rules(urls: UrlScreen) -> UrlRules | None:
    """The rules with their lists, read once for each process: 10 bytes an entry; None where there is no rule.

    Raises:
        ValueError: a list cannot be read, or is none.
    """
    if not url_rules_wanted(urls):
        return None
    allow = _addresses(urls.allow_lists, urls.allow, "extract.screen.urls.allow") if urls.allow_lists or urls.allow else None
    return UrlRules(
        block=_addresses(urls.block_lists, urls.block, "extract.screen.urls.block"),
        allow=allow,
        words=frozenset(urls.words),
        soft_words=frozenset(urls.soft_words),
        soft_words_least=urls.soft_words_least,
    )


def _addresses(paths: Iterable[str], entries: Iterable[str], key: str) -> AddressList:
    builder = ListBuilder()
    builder.read(key, [entry.encode() for entry in entries])
    for name, path in _list_files(paths):
        try:
            builder.read(name, _lines(path))
        except DamagedInput as damage:
            raise ValueError(f"{key}_lists: {path!r}: {damage}; fetch it again") from damage
    return builder.done()


def _list_files(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and path of each list that a configuration names.

    Raises:
        ValueError: a path is not there, is remote, or is a folder without lists.
    """
    for path in paths:
        if is_remote(path):
            raise ValueError(f"{path!r} is remote; fetch the list and give its local path")
        files = [item.path for item in list_inputs([path])]
        if Path(path).is_dir():
            files = [file for file in files if Path(file).name.partition(".")[0] in LIST_NAMES]
            if not files:
                raise ValueError(f"{path!r} holds no files named `domains` or `urls`; give the files themselves")
        for file in files:
            stem = Path(file).name.partition(".")[0]
            yield (f"{Path(file).parent.name}/{stem}" if stem in LIST_NAMES else Path(file).name), file


def _lines(path: str) -> Iterator[bytes]:
    """Lines of a file, compressed or not. Of a line longer than any entry its beginning is given, and the rest is not held."""
    with open_decompressed(path) as file:
        rest = b""
        while data := file.read(READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line[: ENTRY_BYTES + 1]
            rest = rest[: ENTRY_BYTES + 1]
        if rest:
            yield rest


def _stamp(path: str) -> str:
    """Of a local file: changes when its content does."""
    return "; ".join(item.stamp for item in list_inputs([path]))


@functools.lru_cache(maxsize=2)
def seen_payloads(seen: tuple[str, ...]) -> HashTable:
    """Payload digests of earlier runs, read once for each process: 8 bytes of each are held, 10 with their place.

    Raises:
        ValueError: a path is not there, is no finished run, or holds no digests.
    """
    return HashTable.of(np.concatenate([hashes for path in seen for hashes in _digests(path)] or [np.empty(0, np.uint64)]))


def _digests(path: str) -> Iterator[npt.NDArray[np.uint64]]:
    if is_remote(path):
        raise ValueError(f"extract.screen.seen: {path!r} is remote; fetch it and give its local path")
    if Path(path).is_dir():
        run = Run(Path(path))
        for key in sorted(run.outputs("extract", "documents")):
            yield from _parquet_digests(run.part("documents", key))
        return
    for item in list_inputs([path]):
        with Path(item.path).open("rb") as file:
            is_parquet = file.read(len(_PARQUET)) == _PARQUET
        yield from _parquet_digests(Path(item.path)) if is_parquet else _text_digests(item.path)


def _parquet_digests(path: Path) -> Iterator[npt.NDArray[np.uint64]]:
    try:
        with pq.ParquetFile(path) as file:
            if DIGEST not in file.schema_arrow.names:
                raise ValueError(f"extract.screen.seen: {str(path)!r} has no column {DIGEST!r}; extract that run anew")
            for batch in file.iter_batches(DIGEST_ROWS, columns=[DIGEST]):
                yield digest_hashes(digest for digest in batch[DIGEST].cast(pa.binary()).to_pylist() if digest is not None)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"extract.screen.seen: {str(path)!r} cannot be read: {str(error).splitlines()[0][:200]}") from error


def _text_digests(path: str) -> Iterator[npt.NDArray[np.uint64]]:
    found: list[bytes] = []
    try:
        for number, raw in enumerate(_lines(path), 1):
            line = raw.strip()
            if not line or line.startswith(b"#"):
                continue
            if not _HEX_DIGEST.fullmatch(line):
                raise ValueError(f"extract.screen.seen: {path!r} line {number}: {line[:40]!r} is no digest of 32 hexadecimal digits")
            found.append(bytes.fromhex(line.decode("ascii")))
            if len(found) == DIGEST_ROWS:
                yield digest_hashes(found)
                found = []
    except DamagedInput as damage:
        raise ValueError(f"extract.screen.seen: {path!r}: {damage}") from damage
    yield digest_hashes(found)
