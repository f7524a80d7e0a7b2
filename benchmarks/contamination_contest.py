r"""Which documents are contaminated, by ours and by others, on the same items and the same texts.

Asked of each is one answer a document: datatrove's filter and a set of n-grams name no item. The texts are planted ones, each with one
item, and as many pieces of the corpus into which nothing was planted; what is reported of those counts as wrong, though some may be true.
`ngram set` is a plain Python set of 13-grams of `\w+` words over the questions, any of which counts: the straightforward way.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.environments import DATATROVE, ROOT, PeerMissingError, python_of
from benchmarks.planted_items import KINDS, plant
from filters.contamination.evaluation_index import BY_ANSWER, BY_NGRAMS, Index, Item, bare_question
from filters.contamination.judge import judge, matches
from pipeline.settings.filter import Contaminated

SCRIPT = ROOT / "benchmarks" / "peers" / "datatrove_contamination.py"
NGRAM_WORDS = 13
LIMIT_S = 1800
ANY = "curate, any n-gram"
"""As the others count: no share is asked for."""
Answer = tuple[list[bool], float]
"""Whether each text is contaminated, and CPU-seconds for all."""


def contest(items: Sequence[Item], index: Index, pieces: Sequence[str], clean: Sequence[str], most: int) -> dict[str, Any]:
    """Recall by kind of planting and way of searching, hits in untouched pieces, precision over all, and megabytes per CPU-second.

    Args:
        items: of which at most `most` are planted of each way of searching.
        index: of all the items.
        pieces: of the corpus, untouched.
        clean: those of them without any match, to plant into.
        most: so many.

    Returns:
        By contestant: `recall` by kind and way, `wrong` and `untouched` (pieces), `precision`, `mb_per_cpu_s`; for an absent one `absent`.
    """
    groups: dict[str, list[str]] = {}
    for label, way in (("by n-grams", BY_NGRAMS), ("by answer", BY_ANSWER)):
        numbers = np.flatnonzero(index.ways == way)
        chosen = [items[number] for number in numbers[:: max(1, -(-len(numbers) // most))]]
        homes = (list(clean) * (len(chosen) // len(clean) + 1))[: len(chosen)]
        groups |= {f"{kind}, {label}": plant(chosen, homes, kind) for kind in KINDS}
    planted = [text for texts in groups.values() for text in texts]
    untouched = list(pieces[:: max(1, len(pieces) // len(planted))])
    texts = planted + untouched
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    results: dict[str, Any] = {"input": {"planted": len(planted), "untouched": len(untouched), "megabytes": round(megabytes, 1)}}
    contestants: dict[str, Callable[[], Answer]] = {
        "curate": lambda: _curate(texts, index, Contaminated().maximum_share),
        ANY: lambda: _curate(texts, index, 0.0),
        "ngram set": lambda: _ngram_set(texts, items),
        DATATROVE.name: lambda: _datatrove(texts, items),
    }
    for name, ask in contestants.items():
        try:
            hits, cpu_s = ask()
        except PeerMissingError as error:
            results[name] = {"absent": str(error)}
            continue
        recall, at = {}, 0
        for kind, members in groups.items():
            recall[kind] = round(sum(hits[at : at + len(members)]) / len(members), 4)
            at += len(members)
        right, wrong = sum(hits[:at]), sum(hits[at:])
        row = {"recall": recall, "wrong": wrong, "untouched": len(untouched), "precision": round(right / max(1, right + wrong), 4)}
        results[name] = row | {"mb_per_cpu_s": round(megabytes / cpu_s, 2)}
    return results


def table(results: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: a row a kind, a column a contestant."""
    rows = {name: row for name, row in results.items() if name != "input"}
    present = {name: row for name, row in rows.items() if "absent" not in row}
    yield f"{results['input']}"
    yield from (f"{name}: {row['absent']}" for name, row in rows.items() if "absent" in row)
    yield f"| documents found | {' | '.join(present)} |"
    yield f"| --- |{' ---: |' * len(present)}"
    for kind in next(iter(present.values()))["recall"]:
        yield f"| {kind} | {' | '.join(format(row['recall'][kind], '.3f') for row in present.values())} |"
    for label, key in (("untouched pieces reported", "wrong"), ("precision", "precision"), ("MB per CPU-second", "mb_per_cpu_s")):
        yield f"| {label} | {' | '.join(str(row[key]) for row in present.values())} |"


def _curate(texts: list[str], index: Index, above: float) -> Answer:
    column = pa.array(texts)
    matches(column[:2], index)
    started = time.process_time()
    judgement = judge(matches(column, index), np.empty(0, np.uint64), above)
    cpu_s = time.process_time() - started
    hits = np.zeros(len(texts), np.bool_)
    hits[judgement.document] = True
    return hits.tolist(), cpu_s


def _ngram_set(texts: list[str], items: Sequence[Item]) -> Answer:
    def ngrams(text: str) -> Iterator[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return zip(*(words[k:] for k in range(NGRAM_WORDS)), strict=False)

    known = {ngram for item in items for ngram in ngrams(bare_question(item.question))}
    started = time.process_time()
    hits = [any(ngram in known for ngram in ngrams(text)) for text in texts]
    return hits, time.process_time() - started


def _datatrove(texts: list[str], items: Sequence[Item]) -> Answer:
    """In its own environment.

    Raises:
        PeerMissingError: that cannot be made, or it ends with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, given, told = (Path(folder) / name for name in ("items.jsonl", "texts.jsonl", "told.jsonl"))
        pairs = [[bare_question(item.question), item.answers[0] if item.answers else ""] for item in items]
        asked.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs), encoding="utf-8")
        given.write_text("".join(f"{json.dumps(text)}\n" for text in texts), encoding="utf-8")
        command = [str(python_of(DATATROVE)), "-I", str(SCRIPT), str(asked), str(given), str(told)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise PeerMissingError(f"{SCRIPT.name} ended with {done.returncode}: {last[:200]}")
        hits = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
        return hits, json.loads(done.stdout.splitlines()[-1])["cpu_s"]
