"""Known n-grams and phrases of words in an open-addressing table, and kernels that look up those of a text.

A key is 64 bits: a polynomial in the hashes of the words (`filters.word_hashes`), mixed together with their number. Two different n-grams
meet with a chance of about 2^-64: an index of 10 million against a corpus of 10^12 words, with one look-up a word, gives 0.5 false hits.

Most look-ups end at a bit map of 16 bits a key: 200,000 n-grams take 512 KiB of it, which stays in the second-level cache.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.kernel import kernel
from filters.text import bytes_and_offsets
from filters.unicode import classes, lower
from filters.word_hashes import BASE, next_word, phrase_classes
from filters.words import mix

LONGEST = 64
"""Most words of an n-gram or phrase."""

_RING = 128  # running sums kept of the last words; a power of two above LONGEST
_CAPACITY = 1 << 14
_63 = np.uint64(63)


class KeyTable(NamedTuple):
    """A map from keys to their numbers, as arrays that a kernel can take."""

    keys: npt.NDArray[np.uint64]
    """[n], each once."""
    slots: npt.NDArray[np.int32]
    """[power of two, at least 2n]: the number of a key, from the slot that its low bits name on; -1 is empty."""
    bits: npt.NDArray[np.uint64]
    """[power of two]: one bit for each key, and for each that was marked beside them."""


class Answers(NamedTuple):
    """Questions that count only with their answer. A question is a key of the table with a number of at least `ngrams`."""

    ngrams: int
    """Keys of the table that are n-grams; questions are numbered from here on."""
    least: int
    """Words of the shortest question. The last `least` words of each are marked in the table's bits."""
    window: int
    """Words behind a question among which its answer must end."""
    lengths: npt.NDArray[np.int64]
    """Numbers of words that questions have."""
    offsets: npt.NDArray[np.int64]
    """[questions + 1]: which answers are a question's."""
    answer_keys: npt.NDArray[np.uint64]
    answer_lengths: npt.NDArray[np.int64]


def powers() -> npt.NDArray[np.uint64]:
    """`BASE` to the 0, 1, … `LONGEST`, uint64 [LONGEST + 1]."""
    result = np.ones(LONGEST + 1, np.uint64)
    with np.errstate(over="ignore"):
        result[1:] = np.cumprod(np.full(LONGEST, BASE), dtype=np.uint64)
    return result


@kernel
def _key(total, before, power, length):  # type: ignore[no-untyped-def]
    """Of the last `length` words, by the running sums at their end and at their begin."""
    return mix(total - before * power + np.uint64(length))


@kernel
def _marked(bits, key):  # type: ignore[no-untyped-def]
    # The high bits choose the place here and the low ones the slot, so that the two fail independently of each other.
    place = (key >> np.uint64(32)) & np.uint64(len(bits) * 64 - 1)
    return (bits[place >> np.uint64(6)] >> (place & _63)) & np.uint64(1)


@kernel
def _mark(bits, key):  # type: ignore[no-untyped-def]
    place = (key >> np.uint64(32)) & np.uint64(len(bits) * 64 - 1)
    bits[place >> np.uint64(6)] |= np.uint64(1) << (place & _63)


@kernel
def _number(keys, slots, key):  # type: ignore[no-untyped-def]
    last = np.uint64(len(slots) - 1)
    slot = key & last
    while slots[slot] >= 0:
        if keys[slots[slot]] == key:
            return np.int64(slots[slot])
        slot = (slot + np.uint64(1)) & last
    return np.int64(-1)


@kernel
def _fill(keys, marked, slots, bits):  # type: ignore[no-untyped-def]
    last = np.uint64(len(slots) - 1)
    for k in range(len(keys)):
        slot = keys[k] & last
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & last
        slots[slot] = k
        _mark(bits, keys[k])
    for k in range(len(marked)):
        _mark(bits, marked[k])


def key_table(keys: npt.NDArray[np.uint64], marked: npt.NDArray[np.uint64] | None = None) -> KeyTable:
    """Of keys that differ from each other, uint64 [n] with n below 2^26; `marked` are keys that are only set in the bits."""
    assert len(keys) < 1 << 26, "16 bits a key are addressed by 32 bits of it"
    also = np.empty(0, np.uint64) if marked is None else marked
    size = 1 << max(4, (2 * len(keys)).bit_length())
    table = KeyTable(keys, np.full(size, -1, np.int32), np.zeros(1 << ((len(keys) + len(also)) // 4).bit_length(), np.uint64))
    _fill(keys, also, table.slots, table.bits)
    return table


@kernel
def _word_hashes(data, offsets, properties, lowered, hashes, ends):  # type: ignore[no-untyped-def]
    filled = 0
    for text in range(len(offsets) - 1):
        end = offsets[text + 1]
        word, begin, at = next_word(data, offsets[text], end, properties, lowered)
        while begin < at:
            hashes[filled] = word
            filled += 1
            word, begin, at = next_word(data, at, end, properties, lowered)
        ends[text + 1] = filled


def word_hashes(texts: pa.StringArray, properties: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Hashes of the words of all texts, uint64 [words], and where each text's begin, int64 [n + 1]."""
    data, offsets = bytes_and_offsets(texts)
    hashes, ends = np.empty(len(data), np.uint64), np.zeros(len(texts) + 1, np.int64)
    _word_hashes(data, offsets, properties, lower(), hashes, ends)
    return hashes[: ends[-1]].copy(), ends


@kernel
def _ngram_keys(hashes, offsets, ngram, power, keys, owners):  # type: ignore[no-untyped-def]
    filled = 0
    for text in range(len(offsets) - 1):
        total = np.uint64(0)
        for k in range(offsets[text], offsets[text + 1]):
            total = total * BASE + hashes[k]
            if k - offsets[text] >= ngram:
                total -= hashes[k - ngram] * power
            if k - offsets[text] >= ngram - 1:
                keys[filled] = mix(total + np.uint64(ngram))
                owners[filled] = text
                filled += 1


def all_ngram_keys(
    hashes: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64], ngram: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Keys of all n-grams of texts given as `word_hashes` gives them, uint64 [n-grams], and the text of each, int32."""
    count = int(np.maximum(np.diff(offsets) - (ngram - 1), 0).sum())
    keys, owners = np.empty(count, np.uint64), np.empty(count, np.int32)
    _ngram_keys(hashes, offsets, ngram, powers()[ngram], keys, owners)
    return keys, owners


@kernel
def _phrase_keys(hashes, begins, ends, keys):  # type: ignore[no-untyped-def]
    for phrase in range(len(begins)):
        total = np.uint64(0)
        for k in range(begins[phrase], ends[phrase]):
            total = total * BASE + hashes[k]
        keys[phrase] = mix(total + np.uint64(ends[phrase] - begins[phrase]))


def phrase_keys(hashes: npt.NDArray[np.uint64], begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Keys of the phrases of words `hashes[begins[k]:ends[k]]`, uint64 [phrases]."""
    keys = np.empty(len(begins), np.uint64)
    _phrase_keys(hashes, begins, ends, keys)
    return keys


@kernel
def _answered(document, question, start, at, end, data, properties, lowered, table, answers, power, ahead, hits, filled):  # type: ignore[no-untyped-def]
    """Write a hit for each answer of `question` that ends within the window behind `at`; the number of hits, -1 where they do not fit."""
    ahead[0] = 0
    first, last = answers.offsets[question], answers.offsets[question + 1]
    for k in range(1, answers.window + 1):
        word, begin, at = next_word(data, at, end, properties, lowered)
        if begin == at:
            break
        ahead[k] = ahead[k - 1] * BASE + word
        for row in range(first, last):
            length = answers.answer_lengths[row]
            if length <= k and _key(ahead[k], ahead[k - length], power[length], length) == answers.answer_keys[row]:
                if filled == len(hits):
                    return -1
                hits[filled, 0], hits[filled, 1], hits[filled, 2], hits[filled, 3] = document, answers.ngrams + row, start, at
                filled += 1
    return filled


@kernel
def _search(data, offsets, first, ngram, properties, lowered, table, answers, power, hits):  # type: ignore[no-untyped-def]
    """Hits of documents from `first` on: the next document to do and the number of hits. It stops before one whose hits do not fit."""
    totals = np.zeros(_RING, np.uint64)
    starts = np.zeros(_RING, np.int64)
    ahead = np.zeros(answers.window + 1, np.uint64)
    filled = 0
    for document in range(first, len(offsets) - 1):
        before = filled
        words = 0
        total = np.uint64(0)
        totals[0] = 0
        origin, end = offsets[document], offsets[document + 1]
        word, begin, at = next_word(data, origin, end, properties, lowered)
        while begin < at:
            starts[words & (_RING - 1)] = begin
            words += 1
            total = total * BASE + word
            totals[words & (_RING - 1)] = total
            if words >= ngram:
                key = _key(total, totals[(words - ngram) & (_RING - 1)], power[ngram], ngram)
                if _marked(table.bits, key):
                    entry = _number(table.keys, table.slots, key)
                    if 0 <= entry < answers.ngrams:
                        if filled == len(hits):
                            return document, before
                        hits[filled, 0], hits[filled, 1] = document, entry
                        hits[filled, 2], hits[filled, 3] = starts[(words - ngram) & (_RING - 1)], at
                        filled += 1
            if words >= answers.least and len(answers.lengths):
                least = answers.least
                if _marked(table.bits, _key(total, totals[(words - least) & (_RING - 1)], power[least], least)):
                    for length in answers.lengths:
                        if words < length:
                            continue
                        key = _key(total, totals[(words - length) & (_RING - 1)], power[length], length)
                        entry = _number(table.keys, table.slots, key)
                        if entry >= answers.ngrams:
                            start = starts[(words - length) & (_RING - 1)]
                            filled = _answered(
                                document, entry - answers.ngrams, start, at, end, data, properties, lowered, table, answers, power, ahead,
                                hits, filled,
                            )  # fmt: skip
                            if filled < 0:
                                return document, before
            word, begin, at = next_word(data, at, end, properties, lowered)
    return len(offsets) - 1, filled


def search(texts: pa.StringArray, ngram: int, table: KeyTable, answers: Answers) -> npt.NDArray[np.int64]:
    """Every place of every text where a known n-gram stands, or a question with its answer.

    Args:
        texts: string or large_string; null counts as empty.
        ngram: words of the n-grams, at most `LONGEST`.
        table: keys of n-grams, then of questions.
        answers: the questions' answers.

    Returns:
        int64 [hits, 4] in order of texts and, within one, of ends of n-gram or question: text, number, and [start, end) in bytes of the
        text. Numbers below `answers.ngrams` are n-grams; the others, less that, are rows of answers, and their span reaches from the
        question's begin to the answer's end. A row of answers may come several times for one question.
    """
    assert 1 <= ngram <= LONGEST
    data, offsets = bytes_and_offsets(texts)
    found, document, capacity = [], 0, _CAPACITY
    while document < len(texts):
        hits = np.empty((capacity, 4), np.int64)
        document, count = _search(data, offsets, document, ngram, classes(), lower(), table, answers, powers(), hits)
        found.append(hits[:count])
        capacity *= 2
    result = np.concatenate([np.empty((0, 4), np.int64), *found])
    result[:, 2:] -= offsets[result[:, 0], None]
    return result


@kernel
def _count(data, offsets, lengths, properties, lowered, table, power, counts):  # type: ignore[no-untyped-def]
    totals = np.zeros(_RING, np.uint64)
    for document in range(len(offsets) - 1):
        words = 0
        total = np.uint64(0)
        totals[0] = 0
        end = offsets[document + 1]
        word, begin, at = next_word(data, offsets[document], end, properties, lowered)
        while begin < at:
            words += 1
            total = total * BASE + word
            totals[words & (_RING - 1)] = total
            for length in lengths:
                if words < length:
                    break
                key = _key(total, totals[(words - length) & (_RING - 1)], power[length], length)
                if _marked(table.bits, key) and _number(table.keys, table.slots, key) >= 0:
                    counts[document] += 1
                    break
            word, begin, at = next_word(data, at, end, properties, lowered)


def count_phrases(texts: pa.StringArray, lengths: npt.NDArray[np.int64], table: KeyTable) -> npt.NDArray[np.int64]:
    """Words of each text at which a known phrase ends, int64 [n].

    Args:
        texts: string or large_string; null counts as empty.
        lengths: numbers of words that phrases have, in rising order, at most `LONGEST`.
        table: keys of phrases.
    """
    data, offsets = bytes_and_offsets(texts)
    counts = np.zeros(len(texts), np.int64)
    _count(data, offsets, lengths, phrase_classes(), lower(), table, powers(), counts)
    return counts
