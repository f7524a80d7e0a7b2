r"""Contamination: precision and recall on evaluation items planted in real text at known places, and how fast texts are searched.

    python -m benchmarks.contamination [--small] [--json FILE] [--data FOLDER]

Each planting puts one item into a document of the corpus that had no match. Recall is of plantings whose item is found, precision of
(document, item) pairs found that were planted; natural hits are the pairs found in text where nothing was planted. `ngram set` is a plain
Python set of 13-grams of `\w+` words over the questions, any of which counts: the straightforward way.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from filters.contamination.evaluation_index import BY_ANSWER, BY_NGRAMS, Index, Item, bare_question, index_of
from filters.contamination.judge import Frequencies, Judgement, judge, matches
from pipeline.evaluation_sets import evaluation_items
from pipeline.settings.signals import EvaluationSet

SETS = ("gsm8k_train.jsonl.gz", "hellaswag_val.jsonl", "humaneval.jsonl", "pubmedqa_trainval500.json", "llm_foundry", "cmmlu_dev")
CORPUS = ("tech_docs_eng.jsonl.gz", "eltec_eng.jsonl.gz")
SHARES = (0.0, 0.1, 0.2, 0.4)
PIECE = 6000  # characters of a document to plant into
MEGABYTE = 1e6


def _replaced(text: str, every: int) -> str:
    parts = re.split(r"(\s+)", text)
    return "".join("thing" if k % (2 * every) == 2 * (every - 1) else part for k, part in enumerate(parts))


KINDS: dict[str, Callable[[str, str], str]] = {
    "whole": lambda question, answer: f"{question}\n{answer}",
    "capitals": lambda question, answer: f"{question.upper()} {answer.upper()}",
    "other punctuation and line breaks": lambda question, answer: re.sub(r"[,;:] ", " - ", question).replace(" ", "\n", 8) + f"\n{answer}",
    "marked up": lambda question, answer: f"<p><b>{question}</b></p>\n**Answer**: {answer}",
    "first half": lambda question, answer: question[: len(question) // 2],
    "second half with answer": lambda question, answer: f"{question[len(question) // 2 :]} {answer}",
    "question without answer": lambda question, answer: question,
    "every 20th word replaced": lambda question, answer: f"{_replaced(question, 20)} {answer}",
    "every 14th word replaced": lambda question, answer: f"{_replaced(question, 14)} {answer}",
    "every 8th word replaced": lambda question, answer: f"{_replaced(question, 8)} {answer}",
}


def items_of(folder: Path, most: int) -> list[Item]:
    """At most so many items of each set, evenly chosen, with their sets' numbers."""
    items: list[Item] = []
    for number, name in enumerate(SETS):
        known = evaluation_items(number, EvaluationSet(name=Path(name).name, paths=(str(folder / name),)))
        items += known[:: max(1, len(known) // most)]
    return items


def documents(folder: Path, most: int) -> Iterator[str]:
    """Pieces of the corpus, evenly of its files."""
    for name in CORPUS:
        count = 0
        with gzip.open(folder / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = json.loads(line)["text"]
                for begin in range(0, len(text), PIECE):
                    if count < most // len(CORPUS):
                        count += 1
                        yield text[begin : begin + PIECE]


def plant(items: Sequence[Item], pieces: Sequence[str], kind: str) -> list[str]:
    """One item in each piece, between two of its paragraphs or sentences."""
    planted = []
    for item, piece in zip(items, pieces, strict=True):
        middle = piece.find("\n", len(piece) // 2)
        answer = item.answers[0] if item.answers else ""
        planted.append(f"{piece[:middle]}\n{KINDS[kind](bare_question(item.question), answer)}\n{piece[middle:]}")
    return planted


def frequent(columns: Sequence[pa.ListArray], most: int) -> np.ndarray:
    counted, number = Frequencies(most), 0
    for column in columns:
        counted.add(column, pa.array([(number + k).to_bytes(16, "little") for k in range(len(column))], pa.binary(16)))
        number += len(column)
    return counted.frequent()


def score(judgement: Judgement, items: Sequence[Item]) -> tuple[int, int]:
    """Plantings found, and pairs found that were not planted."""
    found = list(zip(judgement.document.tolist(), judgement.set.tolist(), judgement.item.tolist(), strict=True))
    right = sum((items[row].set, items[row].number) == pair for row, *rest in found for pair in [tuple(rest)])
    return right, len(found) - right


def quality(items: Sequence[Item], index: Index, pieces: Sequence[str]) -> dict[str, Any]:
    """Recall and precision by kind of planting, share and way of searching; natural hits of the untouched pieces."""
    natural = matches(pa.array(pieces), index)
    searched = [number for number, way in enumerate(index.ways) if way in {BY_NGRAMS, BY_ANSWER}]
    clean = [piece for piece, row in zip(pieces, natural.to_pylist(), strict=True) if not row and piece.count("\n") > 4]
    result: dict[str, Any] = {"planted": {}, "natural": {}, "by_set": {}}
    none = np.empty(0, np.uint64)
    for share in SHARES:
        found = judge(natural, none, share)
        shown = [
            f"{SETS[s]} {i}: {_shown(pieces[d], found.spans[d])}" for d, s, i in zip(found.document, found.set, found.item, strict=True)
        ]
        result["natural"][share] = {"pairs": len(shown), "documents": len(set(found.document.tolist())), "hits": shown[:20]}
    for kind in KINDS:
        for label, way in (("by n-grams", BY_NGRAMS), ("by answer", BY_ANSWER)):
            chosen = [items[number] for number in searched if index.ways[number] == way]
            homes = (clean * (len(chosen) // max(1, len(clean)) + 1))[: len(chosen)]
            column = matches(pa.array(plant(chosen, homes, kind)), index)
            for share in SHARES:
                judgement = judge(column, none, share)
                right, wrong = score(judgement, chosen)
                row = {"plantings": len(chosen), "recall": round(right / max(1, len(chosen)), 4), "wrong_pairs": wrong}
                row["precision"] = round(right / max(1, right + wrong), 4)
                result["planted"].setdefault(kind, {}).setdefault(label, {})[share] = row
            if kind == "whole":
                hit = Counter(judge(column, none, 0.2).set.tolist())
                asked = Counter(item.set for item in chosen)
                result["by_set"][label] = {SETS[s]: round(min(hit[s], asked[s]) / asked[s], 4) for s in sorted(asked)}
    result["set_phrases"] = set_phrases(items, index, clean)
    return result


def set_phrases(items: Sequence[Item], index: Index, clean: Sequence[str]) -> dict[str, Any]:
    """One item's question as a set phrase in 40 documents, another 40 items in one document each: with and without the frequency rule."""
    long = [items[number] for number in np.flatnonzero(index.ways == BY_NGRAMS)[:41]]
    texts = plant([long[0]] * 40 + long[1:], clean[:80], "question without answer")
    column = matches(pa.array(texts), index)
    counts = {}
    for label, keys in (("without", np.empty(0, np.uint64)), ("with", frequent([column], 10))):
        judgement = judge(column, keys, 0.2)
        phrase = sum(document < 40 for document in judgement.document.tolist())
        counts[label] = {"phrase_documents": phrase, "leaks": len(set(judgement.document.tolist())) - phrase, "of_each": 40}
    return counts


def _shown(text: str, spans: Sequence[int]) -> str:
    return " … ".join(text.encode()[a:b].decode()[:120].replace("\n", " ") for a, b in zip(spans[::2], spans[1::2], strict=True))


def ngram_set(items: Sequence[Item]) -> Callable[[str], bool]:
    """The straightforward way, in Python."""
    known: set[tuple[str, ...]] = set()

    def grams(text: str) -> Iterator[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return zip(*(words[k:] for k in range(13)), strict=False)

    for item in items:
        known.update(grams(bare_question(item.question)))
    return lambda text: any(gram in known for gram in grams(text))


def speed(pieces: Sequence[str], index: Index, items: Sequence[Item]) -> dict[str, float]:
    """Megabytes of UTF-8 per CPU-second, the best of five."""
    texts, size = pa.array(pieces), sum(len(piece.encode()) for piece in pieces) / MEGABYTE
    matches(texts[:2], index)
    ours = min(_cpu_s(lambda: matches(texts, index)) for _ in range(5))
    known = ngram_set(items)
    part = pieces[: max(1, len(pieces) // 10)]
    plain = _cpu_s(lambda: [known(piece) for piece in part]) * len(pieces) / len(part)
    return {"megabytes": round(size, 1), "ours": round(size / ours, 1), "ngram set": round(size / plain, 2)}


def _cpu_s(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contamination")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, default=Path(".data"))
    options = parser.parse_args(arguments)
    items = items_of(options.data / "eval", 200 if options.small else 1 << 30)
    pieces = list(documents(options.data / "corpus", 2000 if options.small else 12_000))
    index = index_of(items)
    figures = quality(items, index, pieces)
    rates = speed(pieces, index, items)
    print(f"{len(items):,} items, {index.answers.ngrams:,} n-grams, {len(pieces):,} pieces of {rates['megabytes']} MB\n")
    print("| planted | searched | plantings | " + " | ".join(f"recall / precision > {share}" for share in SHARES) + " |")
    print("| --- | --- | ---: |" + " ---: |" * len(SHARES))
    for kind, ways in figures["planted"].items():
        for label, rows in ways.items():
            cells = " | ".join(f"{rows[share]['recall']:.3f} / {rows[share]['precision']:.3f}" for share in SHARES)
            print(f"| {kind} | {label} | {rows[0.0]['plantings']:,} | {cells} |")
    for share, found in figures["natural"].items():
        print(f"\nnothing planted, share > {share}: {found['pairs']} pairs in {found['documents']} documents", *found["hits"], sep="\n  ")
    print(f"\nset phrases: {figures['set_phrases']}\nwhole, by set: {figures['by_set']}\nMB per CPU-second: {rates}")
    if options.json:
        size = {"bytes": int(rates["megabytes"] * MEGABYTE), "documents": len(pieces), "items": len(items)}
        peers = {"ngram-set": {"mb_per_cpu_s": rates["ngram set"]}}
        ratios = {"ngram-set": round(rates["ours"] / rates["ngram set"], 1)}
        rows = {"input": size, "ours": {"mb_per_cpu_s": rates["ours"]}, "peers": peers, "ratios": ratios, "quality": {"ours": figures}}
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
