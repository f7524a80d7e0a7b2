"""Evaluation items as an index that texts are searched with.

An item of at least `ngram` words is searched by the n-grams of its question. Brown et al. 2020 (arXiv:2005.14165, appendix C) took 13 words
in lower case without punctuation; words here are those of `filters.word_hashes`, so in Chinese and Japanese 13 characters. Passages,
choices and answers belong to an item where its question field holds them.

A shorter question, of at least `LEAST_WORDS`, counts where all of it stands in a text and its answer ends within `WINDOW` words behind it:
five words in a row may stand anywhere, but seldom with their answer. What is shorter still, or short and without an answer, cannot be
searched and is counted as such.

An n-gram that stands in more than `MOST_ITEMS` items is their template ("which of the following is …") and belongs to none of them. The
bound lies above benchmarks that repeat a passage for each of its questions: SAT has about 11 a passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.contamination.ngram_table import LONGEST, Answers, KeyTable, all_ngram_keys, key_table, phrase_keys, word_hashes
from filters.unicode import classes

NGRAM = 13
LEAST_WORDS = 5
WINDOW = 30
MOST_ITEMS = 32
ANSWER_WORDS = 13
"""Of a longer answer the first words are looked for."""
MOST_ANSWERS = 16
"""Wordings of one answer beyond these are left out."""

BY_NGRAMS, BY_ANSWER, TOO_SHORT, NO_ANSWER, TEMPLATE = range(5)
WAYS = ("by n-grams", "by answer", "too short", "short without an answer", "template")
"""How an item is searched, or why it is not."""

_BATCH_CHARACTERS = 1 << 24
# What harnesses put around a question and a leaked copy of it has not: labels at the begin of a line and at the end of all, a category in
# capitals ("WORLD HISTORY: In 1199 …"), and a list of choices.
_LABELS = re.compile(
    r"^[ \t]*(?:question|q|context|passage|sentence|problem|query|goal|answer|a|答案)[ \t]*[:：]", re.IGNORECASE | re.MULTILINE
)
_LAST_LABEL = re.compile(r"\s(?:answer|a)[:：]\s*\Z", re.IGNORECASE)
_CATEGORY = re.compile(r"\A\s*[A-Z][A-Z0-9 &'!,.\-]{2,60}:")
_CHOICES = re.compile(r"^[ \t]*(?:answer )?(?:choices|options)[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Item:
    """An evaluation item: the number of its set, its own number there, its question, and the wordings of its answer."""

    set: int
    number: int
    question: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Index:
    """Evaluation items as `filters.contamination.ngram_table` searches them."""

    ngram: int
    table: KeyTable
    """N-grams in rising order of their keys, then short questions in rising order of theirs."""
    answers: Answers
    sets: npt.NDArray[np.int16]
    """Per item, int16 [items]."""
    numbers: npt.NDArray[np.int32]
    """Per item: its number in its set."""
    ways: npt.NDArray[np.int8]
    """Per item: a place in `WAYS`."""
    sizes: npt.NDArray[np.int32]
    """Per item: different n-grams; 1 where it is searched by answer, 0 where it is not searched."""
    offsets: npt.NDArray[np.int64]
    """[n-grams + 1]: which of `postings` are an n-gram's."""
    postings: npt.NDArray[np.int32]
    """Items of n-grams."""
    answer_items: npt.NDArray[np.int32]
    """Item of each row of answers."""
    answer_questions: npt.NDArray[np.uint64]
    """Key of the question of each row of answers."""


def bare_question(question: str) -> str:
    """A question without what a harness puts around it: labels ("Question:", "Answer:"), a category in capitals, a list of choices."""
    text = _CHOICES.split(question, maxsplit=1)[0]
    return _CATEGORY.sub("", _LAST_LABEL.sub("", _LABELS.sub("", text))).strip()


def index_of(items: Sequence[Item], ngram: int = NGRAM) -> Index:
    """The index of items.

    Args:
        items: in any order; the index's items are in theirs.
        ngram: words of an n-gram, more than `LEAST_WORDS` and at most `LONGEST`.
    """
    assert LEAST_WORDS < ngram <= LONGEST
    words, offsets = _hashes([bare_question(item.question) for item in items])
    lengths = np.diff(offsets)
    ways = np.full(len(items), BY_ANSWER, np.int8)
    ways[lengths >= ngram] = BY_NGRAMS
    ways[lengths < LEAST_WORDS] = TOO_SHORT
    keys, owners = all_ngram_keys(words, offsets, ngram)
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    first = np.ones(len(keys), np.bool_)
    first[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    owners = owners[first]
    keys, counts = np.unique(keys[first], return_counts=True)
    own = counts <= MOST_ITEMS
    postings = owners[np.repeat(own, counts)].astype(np.int32)
    sizes = np.bincount(postings, minlength=len(items)).astype(np.int32)
    ways[(ways == BY_NGRAMS) & (sizes == 0)] = TEMPLATE
    questions, marked, answers, answer_items, answer_questions = _by_answer(items, ways, words, offsets, int(own.sum()))
    sizes[ways == BY_ANSWER] = 1
    return Index(
        ngram,
        key_table(np.concatenate([keys[own], questions]), marked),
        answers,
        np.array([item.set for item in items], np.int16),
        np.array([item.number for item in items], np.int32),
        ways,
        sizes,
        np.concatenate([[0], np.cumsum(counts[own])]).astype(np.int64),
        postings,
        answer_items,
        answer_questions,
    )


def _by_answer(
    items: Sequence[Item], ways: npt.NDArray[np.int8], words: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64], ngrams: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Answers, npt.NDArray[np.int32], npt.NDArray[np.uint64]]:
    """Keys of the short questions, keys of their last words, their answers, and per row of answers its item and its question's key.

    `ways` is corrected where a short item turns out to have no answer, or the question of too many others.
    """
    short = np.flatnonzero(ways == BY_ANSWER)
    wordings = [(item, answer) for item in short.tolist() for answer in dict.fromkeys(items[item].answers[:MOST_ANSWERS])]
    answer_words, answer_offsets = _hashes([answer for _, answer in wordings])
    begins, ends = answer_offsets[:-1], np.minimum(answer_offsets[1:], answer_offsets[:-1] + ANSWER_WORDS)
    has_words = ends > begins
    owners = np.array([item for item, _ in wordings], np.int64)[has_words]
    answer_keys = phrase_keys(answer_words, begins[has_words], ends[has_words])
    answer_lengths = (ends - begins)[has_words]
    ways[short[~np.isin(short, owners)]] = NO_ANSWER
    question_keys = np.zeros(len(items), np.uint64)
    short = np.flatnonzero(ways == BY_ANSWER)
    question_keys[short] = phrase_keys(words, offsets[short], offsets[short + 1])
    _, inverse, counts = np.unique(question_keys[short], return_inverse=True, return_counts=True)
    ways[short[counts[inverse] > MOST_ITEMS]] = TEMPLATE
    short = np.flatnonzero(ways == BY_ANSWER)
    rows = np.flatnonzero(ways[owners] == BY_ANSWER)
    rows = rows[np.lexsort((rows, question_keys[owners[rows]]))]
    questions, counts = np.unique(question_keys[owners[rows]], return_counts=True)
    answers = Answers(
        ngrams,
        LEAST_WORDS,
        WINDOW,
        np.unique(offsets[short + 1] - offsets[short]).astype(np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        answer_keys[rows],
        answer_lengths[rows].astype(np.int64),
    )
    marked = np.unique(phrase_keys(words, offsets[short + 1] - LEAST_WORDS, offsets[short + 1]))
    return questions, marked, answers, owners[rows].astype(np.int32), question_keys[owners[rows]]


def _hashes(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Word hashes of texts, a batch of them at a time: 8 bytes a byte of text are needed until words are counted."""
    found = [word_hashes(pa.array(batch, pa.large_string()), classes()) for batch in _batches(texts)]
    hashes = np.concatenate([np.empty(0, np.uint64), *(words for words, _ in found)])
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(offsets) for _, offsets in found)])
    return hashes, np.cumsum(lengths)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for text in texts:
        batch.append(text.encode("utf-8", "replace").decode())
        held += len(text)
        if held > _BATCH_CHARACTERS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
