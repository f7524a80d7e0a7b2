"""Evaluation items, text of the corpus to plant them into, and the ways in which they are planted."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.signal_texts import load_texts
from filters.contamination.evaluation_index import Item, bare_question
from pipeline.evaluation_sets import evaluation_items
from pipeline.settings.signals import EvaluationSet

SETS = ("gsm8k_train.jsonl.gz", "hellaswag_val.jsonl", "humaneval.jsonl", "pubmedqa_trainval500.json", "llm_foundry", "cmmlu_dev")
CORPUS = ("tech_docs_eng.jsonl.gz", "eltec_eng.jsonl.gz")
PIECE = 6000  # characters of a document to plant into
PHRASE_WORDS = (16, 40)
HAN, KANA = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]")


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
        middle = max(piece.find("\n", len(piece) // 2), 0)
        answer = item.answers[0] if item.answers else ""
        planted.append(f"{piece[:middle]}\n{KINDS[kind](bare_question(item.question), answer)}\n{piece[middle:]}")
    return planted


def web_and_technical(folder: Path) -> list[str]:
    """Main text of docs_web's pages, and technical documents, whole."""
    return [text.text for text in load_texts(folder, small=False) if text.collection in {"docs_web", "tech_docs"}]


def boilerplate(texts: Sequence[str], above: int, most: int) -> list[str]:
    """Lines of 16 to 40 words that stand in more than so many texts, the most frequent first."""
    least, longest = PHRASE_WORDS
    lines = (line for text in texts for line in {line.strip() for line in text.split("\n")})
    counted = Counter(line for line in lines if least <= len(line.split()) <= longest)
    return sorted((line for line, count in counted.items() if count > above), key=lambda line: (-counted[line], line))[:most]


def with_phrases(items: Sequence[Item], phrases: Sequence[str]) -> list[Item]:
    """The items, each with one of the phrases in the middle of its question."""
    changed = []
    for number, item in enumerate(items):
        words = bare_question(item.question).split(" ")
        middle = len(words) // 2
        question = " ".join([*words[:middle], phrases[number % len(phrases)], *words[middle:]])
        changed.append(Item(item.set, item.number, question, item.answers))
    return changed


def chinese(folder: Path) -> list[str]:
    """docs_web's pages in Chinese, and its declarations of human rights, in pieces of whole lines of at least 400 characters."""
    pieces = []
    for text in (text.text for text in load_texts(folder, small=False) if text.collection in {"docs_web", "udhr"}):
        if len(HAN.findall(text)) > 0.3 * len(text) and not KANA.search(text):
            held: list[str] = []
            for line in text.split("\n"):
                held.append(line)
                if sum(map(len, held)) >= 400:
                    pieces.append("\n".join(held))
                    held = []
    return pieces
