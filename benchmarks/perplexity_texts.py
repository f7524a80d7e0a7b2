"""Models of perplexity from the shared data, and what one says of texts that are less and less like what it was taught."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa

from filters.extractor.page import extract_page
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from filters.models.perplexity import PerplexityModel
from filters.models.perplexity_training import token_stream, train
from pipeline.sources import warc
from pipeline.sources.records import Reject, Tally


def corpus(data: Path, name: str) -> list[str]:
    """Texts of a file of corpus/, or its lines."""
    with gzip.open(data / "corpus" / name, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file] if name.endswith(".jsonl.gz") else file.read().splitlines()


def perplexity_models(data: Path, small: bool) -> dict[str, PerplexityModel]:
    """Of one kind of good text each, half of it or less: the other half is not seen."""
    documents = corpus(data, "tech_docs_eng.jsonl.gz")[:: 8 if small else 2]
    sentences = corpus(data, "biomed_sentences.txt.gz")[: 20_000 if small else 60_000]
    made = {"technical": documents, "biomed": ["\n".join(sentences[at : at + 20]) for at in range(0, len(sentences), 20)]}
    made["wikitext"] = [(data / "text" / "wikitext-2_valid.txt").read_text(encoding="utf-8")]
    return {name: train(token_stream(pa.array(texts, pa.large_string()))) for name, texts in made.items()}


def surprises(data: Path, model: PerplexityModel, small: bool) -> dict[str, dict[str, float]]:
    """What the model of technical documents says of other texts: quartiles of perplexity, 4,000 characters each."""
    documents = [text[:4000] for text in corpus(data, "tech_docs_eng.jsonl.gz")]
    mixer = random.Random(0)
    unseen = documents[1 :: 16 if small else 2]
    sentences = corpus(data, "biomed_sentences.txt.gz")[-4000:]
    groups = {
        "technical, seen": documents[:: 8 if small else 2],
        "technical, unseen": unseen,
        "the same, words shuffled": [" ".join(mixer.sample(text.split(), len(text.split()))) for text in unseen],
        "the same, letters shuffled": ["".join(mixer.sample(text, len(text))) for text in unseen],
        "novels": [text[20_000:24_000] for text in corpus(data, "eltec_eng.jsonl.gz")],
        "biomedical": ["\n".join(sentences[at : at + 20]) for at in range(0, len(sentences), 20)],
        "French novels": [text[20_000:24_000] for text in corpus(data, "eltec_fra.jsonl.gz")],
    }
    groups |= {} if small else boilerplate(data)
    found = {}
    for name, texts in groups.items():
        values = np.percentile(model.perplexity(pa.array(texts)), [25, 50, 75])
        found[name] = {"texts": len(texts), **dict(zip(("lower", "median", "upper"), map(float, values), strict=True))}
    return found


def boilerplate(data: Path) -> dict[str, list[str]]:
    """Main text of English pages of documentation, and the lines of the same pages that are not in it."""
    main: list[str] = []
    rest: list[str] = []
    path = str(data / "corpus" / "docs_web-00000.warc.gz")
    for record in warc.records(path, Tally(), 64 << 20):
        if isinstance(record, Reject) or b'lang="en' not in record.body[:4000].lower():
            continue
        payload = record.payload(64 << 20)
        page = extract_page(payload)
        kept = set(page.text.split("\n"))
        others = [line for line in plain_bytes(scan(payload)).decode().split("\n") if line.strip() and line not in kept]
        if len(page.text) > 500 and len(others) > 5:
            main.append(page.text[:4000])
            rest.append("\n".join(others)[:4000])
    return {"pages, main text": main, "pages, the rest": rest}
