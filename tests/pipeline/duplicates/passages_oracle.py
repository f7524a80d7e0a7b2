"""Parts of texts as a run holds them, and which words are repeated passages by definition: every window compared, or a suffix array."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from filters.unicode import KIND, PAIRED, WORD, classes, lower
from pipeline.config import Config
from pipeline.duplicates.repeated_passages import find_repeated_passages
from pipeline.exchange import save_array
from pipeline.run import PartWriter, Run, Unit

Texts = Sequence[str]
DOCUMENTS = pa.schema([("kind", pa.string()), ("text", pa.string())])
SIGNALS = pa.schema([("doc_id", pa.binary(16)), ("digest", pa.binary(16)), ("bytes", pa.int64())])


def configuration(least_words: int, **runner: int) -> Config:
    return Config(
        name="passages",
        sources=[{"name": "texts", "kind": "book", "paths": ["none"]}],
        dedup={"passages": {"least_words": least_words}},
        runner={"workers": 1, **runner},
    )


def write_part(run: Run, key: str, texts: Texts, group_rows: int = 3, survives: Sequence[bool] | None = None, kind: str = "book") -> Unit:
    with PartWriter(run.part("documents", key), DOCUMENTS) as documents, PartWriter(run.part("signals", key), SIGNALS) as signals:
        for first in range(0, len(texts), group_rows):
            group = texts[first : first + group_rows]
            documents.write(pa.table([[kind] * len(group), group], schema=DOCUMENTS))
            digests = [digest(text) for text in group]
            signals.write(pa.table([digests, digests, [len(text.encode()) for text in group]], schema=SIGNALS))
    chosen = np.ones(len(texts), np.bool_) if survives is None else np.array(survives)
    save_array(run.path("dedup", "survivors", f"part-{key}.npy"), chosen)
    return Unit(key=key, fingerprint="", bytes=sum(len(text.encode()) for text in texts))


def found(folder: Path, parts: Sequence[Texts], config: Config, group_rows: int = 3) -> list[list[list[int]]]:
    """The spans of each text of each part."""
    shutil.rmtree(folder, ignore_errors=True)
    run = Run(folder)
    units = [write_part(run, f"{number:02d}", texts, group_rows) for number, texts in enumerate(parts)]
    find_repeated_passages(units, run, config)
    assert not run.path("dedup", "passages-work").exists()
    return [spans_of(run, unit.key) for unit in units]


def spans_of(run: Run, key: str) -> list[list[int]]:
    return pq.read_table(run.path("dedup", "passages", f"part-{key}.parquet"))["repeated_passages"].to_pylist()


def digest(text: str) -> bytes:
    return xxhash.xxh3_128_digest(text.encode())


def words(text: str) -> list[tuple[str, int, int]]:
    """Words as `filters.word_hashes` defines them, with their bytes, in plain Python."""
    tables = classes(), lower()
    result: list[tuple[list[str], int, int]] = []
    at, is_open = 0, False
    for character in text:
        size, kind = len(character.encode()), tables[0][ord(character)]
        is_alone = bool(kind & WORD) and kind & KIND == PAIRED
        if kind & WORD:
            lowered = chr(tables[1][ord(character)])
            if is_open and not is_alone:
                letters, start, _ = result.pop()
                letters.append(lowered)
                result.append((letters, start, at + size))
            else:
                result.append(([lowered], at, at + size))
        is_open = bool(kind & WORD) and not is_alone
        at += size
    return [("".join(letters), start, end) for letters, start, end in result]


def in_order(texts: Texts) -> list[int]:
    return sorted(range(len(texts)), key=lambda k: (-len(texts[k].encode()), digest(texts[k])))


def repeated_words(texts: Texts, least_words: int) -> list[set[int]]:
    """The numbers of the words of each text that are cut: every window is compared with all before it."""
    seen: set[tuple[str, ...]] = set()
    cut: list[set[int]] = [set() for _ in texts]
    for k in in_order(texts):
        tokens = [word for word, _, _ in words(texts[k])]
        for first in range(len(tokens) - least_words + 1):
            window = tuple(tokens[first : first + least_words])
            if window in seen:
                cut[k].update(range(first, first + least_words))
            seen.add(window)
    return cut


def repeated_by_suffixes(texts: Texts, least_words: int) -> list[set[int]]:
    """The same by a sorted list of all suffixes and what neighbours have in common (Lee et al. 2022), in order of the documents."""
    numbers: dict[str, int] = {}
    sequence: list[int] = []
    origin: list[tuple[int, int]] = []
    for k in in_order(texts):
        for place, (word, _, _) in enumerate(words(texts[k])):
            sequence.append(numbers.setdefault(word, len(numbers)))
            origin.append((k, place))
        sequence.append(-1 - k)  # no passage crosses the end of a document
        origin.append((k, -1))
    suffixes = _suffix_array(np.array(sequence))
    cut: list[set[int]] = [set() for _ in texts]
    group: list[int] = []
    for a, b in zip(suffixes, [*suffixes[1:], None], strict=True):
        group.append(a)
        if b is None or sequence[a : a + least_words] != sequence[b : b + least_words]:
            for start in sorted(group)[1:]:
                if start + least_words <= len(sequence) and origin[start][1] >= 0:
                    document, place = origin[start]
                    cut[document].update(range(place, place + least_words))
            group = []
    return cut


def _suffix_array(sequence: np.ndarray) -> list[int]:
    """Places of all suffixes in their order, by doubling the compared length."""
    rank = np.unique(sequence, return_inverse=True)[1]
    length = 1
    while True:
        second = np.full(len(rank), -1)
        second[:-length] = rank[length:]
        order = np.lexsort((second, rank))
        changes = (np.diff(rank[order]) != 0) | (np.diff(second[order]) != 0)
        new = np.empty_like(rank)
        new[order] = np.concatenate([[0], np.cumsum(changes)])
        rank, length = new, length * 2
        if rank.max() == len(rank) - 1 or length >= len(rank):
            return order.tolist()


def cut_words(text: str, spans: Sequence[int]) -> set[int]:
    """The numbers of the words that lie in spans; fails where one lies there in part, or where spans are no proper spans of the text."""
    edges, data = np.array(spans, np.int64), text.encode()
    assert len(edges) % 2 == 0
    assert np.all(np.diff(edges) >= 0)
    assert np.all(edges[::2] < edges[1::2])
    assert all(0 <= edge <= len(data) and (edge == len(data) or data[edge] & 0xC0 != 0x80) for edge in spans)
    bounds = np.array([[start, end] for _, start, end in words(text)], np.int64).reshape(-1, 2)
    # Odd: behind a span's start and not behind its end.
    first = np.searchsorted(edges, bounds[:, 0], side="right")
    assert np.array_equal(first, np.searchsorted(edges, bounds[:, 1], side="left"))
    return set(np.flatnonzero(first % 2).tolist())
