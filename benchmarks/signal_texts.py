"""Texts to measure signals on: real ones of several kinds, in the form in which documents are stored; and how processes are handed them.

`english` is what datatrove's and dolma's filters are made for: web pages and documentation identified as English, technical documents,
pieces of novels, and the web documents with human labels of quality. `other` is the pages in other languages, French novels, and the
Universal Declaration of Human Rights in every language. `sample` is a part of `english` that the slowest contestant can read in its time.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.environments import ROOT
from filters.extractor.model import SHIPPED
from filters.extractor.page import extract_page
from filters.language.identify import LanguageModel
from filters.text import normalise_text

SAMPLE, ENGLISH, OTHER = "sample", "english", "other"
LABELLED = "dclm_human_quality"
_PIECE = 8_000  # characters of a piece of a novel, at least
_EVERY_PIECE, _EVERY_DECLARATION = 8, 10


@dataclass(frozen=True, slots=True)
class Text:
    """One text and where it is from."""

    collection: str
    name: str
    text: str
    english: bool

    @property
    def bytes(self) -> int:
        """Of its UTF-8."""
        return len(self.text.encode())

    @property
    def order(self) -> int:
        """A place that depends on nothing but the text."""
        return xxhash.xxh3_64_intdigest(self.text.encode())


def load_texts(data: Path, *, small: bool) -> list[Text]:
    """All texts, collection by collection, each once.

    Args:
        data: folder of unpacked shared data, with `corpus`.
        small: a few of each collection.
    """
    found = [*_pages(data, small=small), *_technical(data, small=small), *_novels(data, small=small), *_declarations(data, small=small)]
    texts = {(text.collection, text.text): text for text in [*found, *_labelled(data)] if text.text}
    return list(texts.values())


def labelled_rows(data: Path) -> dict[str, int]:
    """Web documents of the DCLM annotation study and their labels (0 or 1), each text once. None is labelled both ways."""
    with (data / "filters" / f"{LABELLED}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {normalise_text(row["text"]): int(row["label"]) for row in rows}


def sample_of(texts: Sequence[Text], budget: int) -> list[Text]:
    """English texts of at most `budget` bytes together: an equal share of each collection, and what the small ones leave for the others."""
    by_collection: dict[str, list[Text]] = defaultdict(list)
    for text in texts:
        if text.english:
            by_collection[text.collection].append(text)
    chosen: list[Text] = []
    ordered = sorted(by_collection.values(), key=lambda members: (sum(text.bytes for text in members), members[0].collection))
    for place, members in enumerate(ordered):
        share = budget // (len(ordered) - place)
        for text in sorted(members, key=lambda text: text.order):
            if text.bytes <= share:
                chosen.append(text)
                share -= text.bytes
                budget -= text.bytes
    return chosen


def pack(texts: Iterable[Text], folder: Path) -> None:
    """Write texts.bin (UTF-8, one after another) and offsets.bin (int64 [n + 1], little-endian) into a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded = [text.text.encode() for text in texts]
    (folder / "texts.bin").write_bytes(b"".join(encoded))
    np.cumsum([0, *map(len, encoded)], dtype="<i8").tofile(folder / "offsets.bin")


def unpack(folder: Path, rows: int) -> list[pa.StringArray]:
    """What `pack` wrote, in batches of so many rows."""
    data, offsets = (folder / "texts.bin").read_bytes(), np.fromfile(folder / "offsets.bin", "<i8").tolist()
    texts = [data[start:end].decode() for start, end in pairwise(offsets)]
    return [pa.array(texts[at : at + rows], pa.string()) for at in range(0, len(texts), rows)]


def _pages(data: Path, *, small: bool) -> Iterator[Text]:
    """Main text of docs_web's pages by the fast extractor; kept in .bench/ for the next run."""
    if small:
        rows = _extracted(data, 1, 5)
    else:
        cache = ROOT / ".bench" / f"docs-web-{xxhash.xxh3_64_hexdigest(SHIPPED.read_bytes())}.jsonl.gz"
        if not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            aside = cache.with_suffix(".new")
            with gzip.open(aside, "wt", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in _extracted(data, None, 1))
            aside.rename(cache)
        with gzip.open(cache, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
    languages, _ = LanguageModel.load().identify(pa.array([text for _, text in rows], pa.string()))
    for (url, text), language in zip(rows, languages, strict=True):
        yield Text("docs_web", url, text, language == "en")


def _extracted(data: Path, files: int | None, every: int) -> list[tuple[str, str]]:
    """URL and main text of each `every`-th page of so many files (None: all)."""
    found = []
    for path in sorted((data / "corpus").glob("docs_web-*.warc.gz"))[:files]:
        with path.open("rb") as file:
            for number, record in enumerate(ArchiveIterator(file, record_types=WarcRecordType.response)):
                if number % every == 0:
                    page = extract_page(record.reader.read(), record.http_content_type or "")
                    found.append((record.headers["WARC-Target-URI"], normalise_text(page.text)))
    return found


def _rows(path: Path, most: int | None) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in islice(lines, most))


def _technical(data: Path, *, small: bool) -> Iterator[Text]:
    for row in _rows(data / "corpus" / "tech_docs_eng.jsonl.gz", 40 if small else None):
        yield Text("tech_docs", row["id"], normalise_text(row["text"]), english=True)


def _novels(data: Path, *, small: bool) -> Iterator[Text]:
    """Every eighth piece of about 8,000 characters, whole paragraphs, of the English and the French novels."""
    for language, english in (("eng", True), ("fra", False)):
        for row in _rows(data / "corpus" / f"eltec_{language}.jsonl.gz", 2 if small else None):
            for number, piece in enumerate(_cut(normalise_text(row["text"]))):
                if number % _EVERY_PIECE == 0:
                    yield Text(f"eltec_{language}", f"{row['id']}/{number}", piece, english)


def _cut(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n\n", start + _PIECE)
        end = len(text) if end < 0 else end
        yield text[start:end].strip()
        start = end


def _declarations(data: Path, *, small: bool) -> Iterator[Text]:
    for number, row in enumerate(_rows(data / "langid" / "udhr.jsonl.gz", None)):
        if not small or number % _EVERY_DECLARATION == 0:
            yield Text("udhr", row["code"], normalise_text(row["text"]), row["iso6393"] == "eng")


def _labelled(data: Path) -> Iterator[Text]:
    texts = list(labelled_rows(data))
    languages, _ = LanguageModel.load().identify(pa.array(texts, pa.string()))
    for number, (text, language) in enumerate(zip(texts, languages, strict=True)):
        yield Text(LABELLED, str(number), text, language == "en")
