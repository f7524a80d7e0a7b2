"""A model of word trigrams: its probabilities are those of its definition, and it is less surprised by what is like what it was taught."""

from __future__ import annotations

import itertools
import random
import zipfile
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.models.perplexity import PerplexityModel
from filters.models.perplexity_training import token_stream, train

TEXTS = st.lists(st.lists(st.sampled_from(["ant", "bee", "cat"]), min_size=1, max_size=9), min_size=1, max_size=5)


def model_of(texts, entries=2_000_000):
    return train(token_stream(pa.array(texts)), entries)


def straightforward_bits(texts: list[list[str]], asked: list[str]) -> float:
    """-log2 p of a text by the formulas of `filters.models.perplexity`, over dictionaries."""
    counts = [Counter(), Counter(), Counter()]
    totals = [Counter(), Counter(), Counter()]
    for text in texts:
        stream = ["<s>", "<s>", *text]
        for at in range(2, len(stream)):
            for n in range(3):
                ngram = tuple(stream[at - n : at + 1])
                counts[n][ngram] += 1
                totals[n][ngram[:-1]] += 1
    discounts = []
    for order in counts:
        once, twice = (sum(value == k for value in order.values()) for k in (1, 2))
        discounts.append(min(0.95, max(0.1, once / max(1, once + 2 * twice))))

    def left_over(n, context):
        return 1 - sum((count - discounts[n]) / totals[n][context] for ngram, count in counts[n].items() if ngram[:-1] == context)

    def probability(n, ngram):
        share = (counts[n][ngram] - discounts[n]) / totals[n][ngram[:-1]] if counts[n][ngram] else 0.0
        if n == 0:
            return share or left_over(0, ()) * 2.0 ** (-6 * len(ngram[0]))
        return share + left_over(n, ngram[:-1]) * probability(n - 1, ngram[1:])

    stream = ["<s>", "<s>", *asked]
    return sum(-np.log2(probability(2, tuple(stream[at - 2 : at + 1]))) for at in range(2, len(stream)))


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.lists(st.sampled_from(["ant", "bee", "cat", "dormouse"]), min_size=1, max_size=8))
def test_bits_are_those_of_the_definition(texts, asked):
    bits, sizes = model_of([" ".join(text) for text in texts]).bits(pa.array([" ".join(asked)]))
    assert sizes[0] == len("".join(asked))
    # A cost is rounded to 1/1024 bit, and a token's is the sum of three at most.
    assert bits[0] == pytest.approx(straightforward_bits(texts, asked), abs=0.002 * len(asked))


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 40))
def test_probabilities_of_all_words_sum_to_one_however_much_was_pruned(texts, entries):
    model = model_of([" ".join(text) for text in texts], entries)
    words = ["ant", "bee", "cat"]
    for before in (*itertools.product(words, repeat=2), ()):
        given_bits, _ = model.bits(pa.array([" ".join(before)]))
        bits, _ = model.bits(pa.array([" ".join([*before, word]) for word in words]))
        known = np.exp2(-(bits - given_bits[0])).sum()
        # What is left is for words that are spelled; the three take up nearly nothing of that when they are themselves spelled.
        assert known < 1.01


def test_what_is_alike_surprises_less_and_order_matters():
    texts = [text for _, text in sorted(topics.items()) if len(text) > 1500]
    model = model_of(texts[::2])
    held_out = texts[1::2]
    mixer = random.Random(0)
    shuffled = [" ".join(mixer.sample(text.split(), len(text.split()))) for text in held_out]
    noise = ["".join(mixer.choice("abcdefghijklmnopqrstuvwxyz     ") for _ in range(2000)) for _ in range(10)]
    seen, unseen, mixed, random_letters = (
        np.median(model.perplexity(pa.array(group))) for group in (texts[::2], held_out, shuffled, noise)
    )
    assert np.log2(seen) < np.log2(unseen) * 0.6
    assert np.log2(unseen) < np.log2(mixed) * 0.85
    assert mixed < random_letters / 1.5


def test_a_text_is_scored_alone_and_a_model_is_the_same_each_time(tmp_path):
    texts = [text for _, text in sorted(topics.items())][:40]
    for name in ("a.npz", "b.npz"):
        model_of(texts, 5000).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    model = PerplexityModel.load(tmp_path / "a.npz")
    assert np.array_equal(model.entries, model_of(texts, 5000).entries)
    assert (model.entries > 0).sum() == 5003
    odd = ["", "  \n\t ", "one", "!!!!", "語" * 50, "word " * 3000, "\0", "a" * 100_000, None, *texts[:3]]
    together = model.perplexity(pa.array(odd))
    assert together.dtype == np.float32
    assert np.isnan(together).tolist() == [not any(character > " " for character in text or "") for text in odd]
    alone = np.concatenate([model.perplexity(pa.array([text], pa.string())) for text in odd])
    assert np.array_equal(together, alone, equal_nan=True)
    assert np.array_equal(model.perplexity(pa.array(odd).slice(2, 4)), together[2:6])


def test_the_most_frequent_ngrams_stay_with_their_contexts():
    model = model_of(["the cat sat", "the cat sat", "the cat ran", "a dog barked"], 3)
    known, _ = model.bits(pa.array(["the cat", "dog barked"]))
    assert known[0] < known[1] / 2


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "pickle", "slots", "format"])
def test_what_is_no_model_is_one_line(tmp_path, damage):
    path = tmp_path / "model.npz"
    model_of(["the cat sat on the mat"]).save(path)
    whole = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a model")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        with np.load(path) as arrays:
            values = dict(arrays)
        if damage == "pickle":
            values["costs"] = np.array([object()] * len(values["costs"]))
        elif damage == "slots":
            values["slots"] = values["slots"].astype(np.int64) - 10_000
        else:
            values["format"] = np.array([99, 32])
        np.savez(path, **values)
    with pytest.raises(ValueError, match=r"is no model of `curate train-perplexity`") as caught:
        PerplexityModel.load(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_would_unpack_to_more_than_memory_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    model_of(["the cat sat on the mat"]).save(path)
    with zipfile.ZipFile(path) as file:
        held = sum(member.file_size for member in file.infolist())
    monkeypatch.setattr("filters.models.perplexity.MODEL_BYTES", held - 1)
    with pytest.raises(ValueError, match="more than"):
        PerplexityModel.load(path)


def test_texts_without_a_word_teach_nothing():
    with pytest.raises(ValueError, match="there is not one word"):
        model_of(["", " \n "])
