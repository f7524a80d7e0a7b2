"""Pages that somebody wanted: the gold sets of the shared data and our own, each with the text wanted of it and that text's language.

A screen that refuses one of these loses what a reader came for. The language is the model's of the gold text as a whole, but where a reader
of it said otherwise (`LABELS`: all below a score of 0.8 and all rare languages were read); our own gold states it. Lorem ipsum has none.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from benchmarks import gold
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from filters.language.identify import LanguageModel

SURE = 0.8
NO_LANGUAGE = ""
# Read by hand: phrases in several languages, code, notes of the set's author in place of the text ("MISSES SECOND HALF OF ARTICLE").
LABELS = {
    "24ora.com-internationalschol.html": NO_LANGUAGE,  # Papiamento, which the model does not know
    "baike.baidu.com.tanya.html": "zh",
    "blog.gaijinpot.com.chikan.html": "en",
    "details.com1": "en",
    "elnuevodia.com-mujeres.html": "es",
    "hr-innovation.org.enterprise.html": "de",
    "lazy-image-3": "en",
    "slate.com1": "en",
    "theatlantic.com1": "en",
    "thekitchn.com1": "en",
    "thekitchn.com2": "en",
    "wetpaint.com2": "en",
    "wikimediafoundation.org.turkey.html": "en",
    "xinhuanet.com.c_1125597921.html": "zh",
}
_LOREM = "lorem ipsum"
_FRONT_MATTER = re.compile(r"\A```json\n.*?\n```\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WantedPage:
    """One page of a gold set."""

    collection: str
    name: str
    url: str
    """'' where the set does not state it."""
    payload: bytes
    content_type: str
    text: str
    """What is wanted of it: whole main text, or, in trafilatura's sets, phrases of it."""
    language: str
    """As the model's labels; '' where it has none."""


def load(data: Path, model: LanguageModel) -> list[WantedPage]:
    """All pages of `html/`, `html_more/` and tests/gold, in a stable order.

    Args:
        data: folder with `warc/`, `html/`, `html_more/` unpacked, and `corpus/`.
        model: names the language of gold texts.
    """
    own = [WantedPage("hand-made", page.file, page.url, page.html, page.content_type, page.text, page.language) for page in gold.load(data)]
    found = [*_phrases(data / "html" / "trafilatura", "trafilatura"), *_phrases(data / "html_more", "trafilatura, more")]
    found += [*_articles(data / "html"), *_readability(data / "html"), *_newspaper(data / "html"), *_defuddle(data / "html")]
    languages, scores = model.identify([text for _, _, _, _, text in found])
    pages = {xxhash.xxh3_128_digest(page.payload): page for page in own}
    for (collection, name, url, payload, text), guessed, score in zip(found, languages, scores, strict=True):
        language = LABELS.get(name, NO_LANGUAGE if _LOREM in text.lower() or (guessed == "la" and score < SURE) else guessed)
        # The hand-made gold is of pages of the other sets, too.
        pages.setdefault(xxhash.xxh3_128_digest(payload), WantedPage(collection, name, url, payload, "", text, language))
    return list(pages.values())


Found = tuple[str, str, str, bytes, str]


def _phrases(folder: Path, collection: str) -> Iterator[Found]:
    for url, entry in sorted(json.loads((folder / "evaldata.json").read_text(encoding="utf-8")).items()):
        file = folder / "html" / entry["stored"]
        yield collection, entry["file"], url, gzip.decompress(file.read_bytes()), "\n".join(entry["with"])


def _articles(folder: Path) -> Iterator[Found]:
    folder = folder / "article-extraction-benchmark"
    for key, entry in sorted(json.loads((folder / "ground-truth.json").read_text(encoding="utf-8")).items()):
        payload = gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes())
        yield "article-extraction", key, entry["url"], payload, entry["articleBody"]


def _readability(folder: Path) -> Iterator[Found]:
    for page in sorted((folder / "readability").iterdir()):
        expected = gzip.decompress((page / "expected.html.gz").read_bytes()).decode("utf-8", "replace")
        yield (
            "readability",
            page.name,
            "",
            gzip.decompress((page / "source.html.gz").read_bytes()),
            plain_bytes(scan(expected.encode())).decode(),
        )


def _newspaper(folder: Path) -> Iterator[Found]:
    for page in sorted((folder / "newspaper" / "html").iterdir()):
        name = page.name.removesuffix(".html.gz")
        text = folder / "newspaper" / "text" / f"{name}.txt"
        if text.is_file():
            site = f"http://{name.rstrip('0123456789')}/" if "." in name else ""
            yield "newspaper", name, site, gzip.decompress(page.read_bytes()), text.read_text(encoding="utf-8", errors="replace")


def _defuddle(folder: Path) -> Iterator[Found]:
    for page in sorted((folder / "defuddle" / "expected").iterdir()):
        payload = gzip.decompress((folder / "defuddle" / "html" / f"{page.stem}.html.gz").read_bytes())
        yield "defuddle", page.stem, "", payload, _FRONT_MATTER.sub("", page.read_text(encoding="utf-8"))
