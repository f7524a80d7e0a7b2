"""Contamination: precision and recall on evaluation items planted in real text at known places, and how fast texts are searched.

    python -m benchmarks.contamination [--small] [--json FILE] [--data FOLDER]

Each planting puts one item into a document of the corpus that had no match. Recall is of plantings whose item is found, precision of
(document, item) pairs found that were planted; natural hits are the pairs found in text where nothing was planted. Others are asked which
documents are contaminated (`benchmarks.contamination_contest`). `near_boilerplate` are items with a line that stands in many pages,
`chinese` is CMMLU in Chinese text.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.contamination_contest import ANY, contest, table
from benchmarks.planted_items import KINDS, SETS, boilerplate, chinese, documents, items_of, plant, web_and_technical, with_phrases
from filters.contamination.evaluation_index import BY_ANSWER, BY_NGRAMS, Index, Item, index_of
from filters.contamination.judge import Frequencies, Judgement, judge, matches
from pipeline.settings.filter import Contaminated

SHARES = (0.0, 0.1, 0.2, 0.4)
SHARE, MOST_DOCUMENTS = Contaminated().maximum_share, Contaminated().most_documents
MEGABYTE = 1e6


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


def near_boilerplate(items: Sequence[Item], folder: Path) -> dict[str, Any]:
    """Items that hold a line which stands in more than `MOST_DOCUMENTS` documents, with and without the frequency rule.

    `documents` are those with such a line and no item: reported ones are wrong. Into others the changed items are planted.
    """
    texts = web_and_technical(folder)
    phrases = boilerplate(texts, MOST_DOCUMENTS, 12)
    # 25 items a line: in more than 32 it would be taken for a template of the set.
    long = [item for item, way in zip(items, index_of(items).ways, strict=True) if way == BY_NGRAMS][:: max(1, len(items) // 400)]
    changed = with_phrases(long[: 25 * len(phrases)], phrases)
    index = index_of(changed)
    natural = matches(pa.array(texts), index)
    homes = [text for text, row in zip(texts, natural.to_pylist(), strict=True) if not row and text.count("\n") > 4]
    result: dict[str, Any] = {"lines": len(phrases), "items": len(changed), "documents": len(texts) - natural.to_pylist().count([])}
    for kind in ("whole", "first half", "every 20th word replaced"):
        planted = matches(pa.array(plant(changed, (homes * 2)[: len(changed)], kind)), index)
        for label, keys in (("without", np.empty(0, np.uint64)), ("with", frequent([natural, planted], MOST_DOCUMENTS))):
            judgement, wrong = judge(planted, keys, SHARE), judge(natural, keys, SHARE)
            right, others = score(judgement, changed)
            row = {"recall": round(right / len(changed), 4), "other_items": others, "documents": len(np.unique(wrong.document))}
            result.setdefault(kind, {})[label] = row | {"precision": round(right / (right + others + len(wrong.document)), 4)}
    return result


def in_chinese(items: Sequence[Item], index: Index, folder: Path) -> dict[str, Any]:
    """CMMLU's items planted into Chinese text; hits in that text as it stands."""
    pieces = chinese(folder)
    natural = judge(matches(pa.array(pieces), index), np.empty(0, np.uint64), SHARE)
    result: dict[str, Any] = {"pieces": len(pieces), "natural_pairs": len(natural.document), "planted": {}}
    number = SETS.index("cmmlu_dev")
    for kind in (
        "whole",
        "other punctuation and line breaks",
        "marked up",
        "first half",
        "second half with answer",
        "question without answer",
    ):
        for label, way in (("by n-grams", BY_NGRAMS), ("by answer", BY_ANSWER)):
            chosen = [item for item, one in zip(items, index.ways, strict=True) if item.set == number and one == way]
            column = matches(pa.array(plant(chosen, (pieces * (len(chosen) // len(pieces) + 1))[: len(chosen)], kind)), index)
            right, wrong = score(judge(column, np.empty(0, np.uint64), SHARE), chosen)
            row = {"plantings": len(chosen), "recall": round(right / len(chosen), 4), "wrong_pairs": wrong}
            result["planted"].setdefault(kind, {})[label] = row
    return result


def speed(pieces: Sequence[str], index: Index) -> dict[str, float]:
    """Megabytes of UTF-8 per CPU-second, the best of five."""
    texts, size = pa.array(pieces), sum(len(piece.encode()) for piece in pieces) / MEGABYTE
    matches(texts[:2], index)
    ours = min(_cpu_s(lambda: matches(texts, index)) for _ in range(5))
    return {"megabytes": round(size, 1), "ours": round(size / ours, 1)}


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
    figures["near_boilerplate"] = near_boilerplate(items, options.data)
    figures["chinese"] = in_chinese(items, index, options.data)
    rates = speed(pieces, index)
    clean = [piece for piece, row in zip(pieces, matches(pa.array(pieces), index).to_pylist(), strict=True) if not row]
    contestants = contest(items, index, pieces, [piece for piece in clean if piece.count("\n") > 4], 40 if options.small else 200)
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
    for name in ("near_boilerplate", "chinese"):
        print(f"\n{name}: {json.dumps(figures[name], indent=1)}")
    print("\n" + "\n".join(table(contestants)))
    if options.json:
        size = {"bytes": int(rates["megabytes"] * MEGABYTE), "documents": len(pieces), "items": len(items)}
        ours, any_ngram = contestants["curate"], contestants[ANY]
        others = {name.replace(" ", "-"): row for name, row in contestants.items() if name not in {"input", "curate", ANY}}
        ratios = {name: round(ours["mb_per_cpu_s"] / row["mb_per_cpu_s"], 1) for name, row in others.items() if "absent" not in row}
        rows = {"input": size | contestants["input"], "ours": {"mb_per_cpu_s": ours["mb_per_cpu_s"]}, "peers": others, "ratios": ratios}
        rows["quality"] = {"ours": figures | {"documents": ours, "documents_any_ngram": any_ngram}} | others
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
