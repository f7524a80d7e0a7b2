"""Texts of the dedup benchmark, all from shared data, the same on every run: three collections to sign, pairs of known similarity, and a
corpus of many documents with planted near-duplicates.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.peers.minhash import shingles
from benchmarks.signal_texts import Text, load_texts

TECHNICAL, NOVELS, WEB = "technical", "novels", "web"
DOCUMENTS, SMALL_DOCUMENTS = 33_000, 600
PIECE = 6_600  # characters of a document cut from a longer one, at least
COPIED_SHARE, CHANGED_WORDS = 0.25, 0.03
PLANTED = tuple(step / 20 for step in range(2, 20))  # 0.1 to 0.95
PLANTED_PAIRS, PLANTED_WORDS = 30, 300

Pairs = list[tuple[int, int, float]]
"""Two places in a list of texts, and their exact Jaccard index."""


def rows(path: Path, most: int | None = None) -> Iterator[dict[str, str]]:
    """The records of a gzip file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in islice(lines, most))


def collections(data: Path, *, small: bool) -> dict[str, list[Text]]:
    """Technical documents, whole novels, and the main text of web pages in 24 languages."""
    corpus = data / "corpus"
    named = {TECHNICAL: ("tech_docs_eng", 60 if small else None), NOVELS: ("eltec_eng", 3 if small else None)}
    found = {
        name: [Text(name, row["id"], row["text"], english=True) for row in rows(corpus / f"{file}.jsonl.gz", most)]
        for name, (file, most) in named.items()
    }
    pages = [text for text in load_texts(data, small=small) if text.collection == "docs_web"]
    # The sample is cut of what is English; peers' splitters are made for nothing else.
    return {**found, WEB: [Text(WEB, page.name, page.text, page.english) for page in pages]}


def versions(data: Path) -> tuple[list[str], Pairs]:
    """Versions of Rust's RFCs, and the pairs whose exact Jaccard index of word 5-grams is given."""
    folder = data / "neardup" / "rust_rfcs"
    texts, places = [], {}
    for place, row in enumerate(rows(folder / "versions.jsonl.gz")):
        texts.append(row["text"])
        places[f"{row['doc']}@{row['version']}"] = place
    known = [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    return texts, [(places[pair["a"]], places[pair["b"]], pair["jaccard_w5"]) for pair in known]


def planted_pairs(each: int = PLANTED_PAIRS, words: int = PLANTED_WORDS) -> tuple[list[str], Pairs]:
    """Pairs of texts of so many words, `each` of them for every similarity of `PLANTED`: equal at the front, unlike behind."""
    texts: list[str] = []
    pairs: Pairs = []
    generator = np.random.default_rng(5)
    for similarity in PLANTED:
        for _ in range(each):
            # Of n shingles each, s common: s / (2n - s) = J; a run of s common shingles has s + 4 words.
            common = round(2 * words * similarity / (1 + similarity)) + 4
            vocabulary = iter(generator.permutation(3 * words + 8).tolist())
            front = [f"w{next(vocabulary)}" for _ in range(common)]
            a, b = (" ".join([*front, *(f"w{next(vocabulary)}" for _ in range(words + 4 - common))]) for _ in range(2))
            x, y = shingles(a), shingles(b)
            pairs.append((len(texts), len(texts) + 1, len(x & y) / len(x | y)))
            texts += [a, b]
    return texts, pairs


def corpus(data: Path, documents: int) -> list[Text]:
    """So many documents of about 7 KB in a fixed order: pieces of novels (English, French), of technical documents and of biomedical
    sentences; a quarter are copies of others in which 0 to 3 words of 100 are changed.
    """
    copies = int(documents * COPIED_SHARE)
    originals = list(islice(_pieces(data), documents - copies))
    generator = np.random.default_rng(7)
    chosen = generator.integers(0, len(originals), documents - len(originals)).tolist()
    texts = [*originals, *(_changed(originals[place], generator) for place in chosen)]
    return [Text("corpus", str(place), texts[place], english=True) for place in generator.permutation(len(texts)).tolist()]


def _pieces(data: Path) -> Iterator[str]:
    """The collections in turns, so that a few documents are of all."""
    folder = data / "corpus"
    with gzip.open(folder / "biomed_sentences.txt.gz", "rt", encoding="utf-8") as lines:
        streams = [
            *(_cut(row["text"] for row in rows(folder / f"{name}.jsonl.gz")) for name in ("eltec_eng", "tech_docs_eng", "eltec_fra")),
            _cut(iter(["\n".join(lines)])),
        ]
    while streams:
        for stream in list(streams):
            piece = next(stream, None)
            if piece is None:
                streams.remove(stream)
            else:
                yield piece


def _cut(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        start = 0
        while start < len(text):
            end = text.find("\n", start + PIECE)
            end = len(text) if end < 0 else end
            yield text[start:end]
            start = end


def _changed(text: str, generator: np.random.Generator) -> str:
    words = text.split(" ")
    share = generator.random() * CHANGED_WORDS
    for place in np.flatnonzero(generator.random(len(words)) < share).tolist():
        words[place] = f"changed{place}"
    return " ".join(words)


def exact(pairs: Sequence[tuple[int, int, float]]) -> npt.NDArray[np.float64]:
    """The third of each."""
    return np.array([similarity for _, _, similarity in pairs])
