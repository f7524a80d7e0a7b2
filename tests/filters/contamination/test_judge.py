"""Overlap with evaluation items is what a plain search finds, whatever the order; set phrases do not count; word lists."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.contamination.evaluation_index import MOST_ITEMS, WAYS, WINDOW, Item, bare_question, index_of
from filters.contamination.judge import Frequencies, judge, matches
from filters.contamination.word_lists import WordList

NONE = np.empty(0, np.uint64)
QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did Natalia sell "
    "altogether in April and May?"
)


def words(text: str) -> list[tuple[str, int, int]]:
    """Words of ASCII text in lower case with their places."""
    return [(match[0].lower(), match.start(), match.end()) for match in re.finditer(r"\w+", text)]


def expected(text: str, items: list[Item], ngram: int) -> set[tuple[int, int, int]]:
    """Item, begin and end of every n-gram of an item of at least `ngram` words, and of every short question to its answer's first end."""
    found, spoken = set(), words(text)
    plain = [word for word, _, _ in spoken]
    for item in items:
        question = [word for word, _, _ in words(item.question)]
        grams = {tuple(question[k : k + ngram]) for k in range(len(question) - ngram + 1)}
        size = ngram if grams else len(question)
        for k in range(len(plain) - size + 1):
            if grams and tuple(plain[k : k + size]) in grams:
                found.add((item.number, spoken[k][1], spoken[k + size - 1][2]))
            if not grams and size >= 5 and plain[k : k + size] == question:
                behind = plain[k + size : k + size + WINDOW]
                answers = [[word for word, _, _ in words(answer)] for answer in item.answers]
                ends = [e for e in range(1, len(behind) + 1) for a in answers if a and len(a) <= e and behind[e - len(a) : e] == a]
                if ends:
                    found.add((item.number, spoken[k][1], spoken[k + size + min(ends) - 1][2]))
    return found


speech = st.lists(st.sampled_from(["a", "B", "c", "d1", "e", "f,", "g."]), max_size=40).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(speech, st.lists(st.sampled_from(["a", "c d1", "b"]), max_size=2)), max_size=4),
    st.lists(speech, max_size=4),
    st.integers(6, 9),
)
def test_matches_are_what_a_plain_search_finds(given_items, texts, ngram):
    items = [Item(0, k, question, tuple(answers)) for k, (question, answers) in enumerate(given_items)]
    found = matches(pa.array(texts, pa.string()), index_of(items, ngram))
    for text, row in zip(texts, found.to_pylist(), strict=True):
        assert {(match["item"], match["start"], match["end"]) for match in row} == expected(text, items, ngram)
        assert [match["start"] for match in row] == sorted(match["start"] for match in row)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_neither_order_nor_batches_decide(order, cut):
    texts = [QUESTION, "no", f"before {QUESTION.upper()} behind", QUESTION[:90], QUESTION, ""]
    index = index_of([Item(0, 0, QUESTION), Item(0, 1, "nothing of this stands in any of the texts that are searched here at all")])
    rows = matches(pa.array(texts), index).to_pylist()
    shuffled = pa.array([texts[k] for k in order])
    assert matches(shuffled, index).to_pylist() == [rows[k] for k in order]
    parts = [shuffled[:cut], shuffled[cut:]]
    digests = [bytes([k]) * 16 for k in order]
    counted = Frequencies(2)
    for part, names in zip(parts, (digests[:cut], digests[cut:]), strict=True):
        counted.add(matches(part, index), pa.array(names, pa.binary(16)))
    whole = Frequencies(2)
    whole.add(matches(pa.array(texts), index), pa.array([bytes([k]) * 16 for k in range(6)], pa.binary(16)))
    np.testing.assert_array_equal(counted.frequent(), whole.frequent())


@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.replace(" ", "\n  ").replace(",", " —"), lambda text: f"**{text}**"])
def test_a_planted_item_is_found_where_it_stands(change):
    text = f"Ein Text über Äpfel. {change(QUESTION)} And more."
    judgement = judge(matches(pa.array(["clean", text]), index_of([Item(3, 7, QUESTION)])), NONE, 0.2)
    assert judgement.share.tolist() == [0, 1]
    assert (judgement.document.tolist(), judgement.set.tolist(), judgement.item.tolist()) == ([1], [3], [7])
    start, end = judgement.spans[1]
    cut = text.encode()[start:end].decode()
    assert re.findall(r"\w+", cut.lower()) == re.findall(r"\w+", QUESTION.lower())


def test_a_text_without_blanks_is_searched_by_characters():
    question = "下列鸭品种中，产蛋量最高的品种是哪一个"
    index = index_of([Item(0, 0, question), Item(0, 1, "肉牛屠宰后哪个部位肉质", ("大腿",))])
    assert [WAYS[way] for way in index.ways] == ["by n-grams", "by answer"]
    share = judge(matches(pa.array([f"前文{question}后文", "肉牛屠宰后，哪个部位肉质较好？大腿", "下列鸭品种很多"]), index), NONE, 0).share
    assert share.tolist() == [1, 1, 0]


def test_what_stands_in_many_documents_does_not_count_but_copies_of_one_do_not_make_it_many():
    index = index_of([Item(0, 0, QUESTION)])
    found = matches(pa.array([QUESTION] * 4), index)
    for digests, frequent in (([b"a" * 16] * 4, False), ([bytes([k]) * 16 for k in range(4)], True)):
        counted = Frequencies(3)
        counted.add(found, pa.array(digests, pa.binary(16)))
        assert (judge(found, counted.frequent(), 0).share == 0).all() == frequent
        assert judge(found, counted.frequent(), 0).spans[0] == ([] if frequent else [0, len(QUESTION) - 1])


def test_a_template_of_many_items_belongs_to_none():
    template = "which of the following statements about the matter at hand is the most likely to be true of number"
    items = [Item(0, k, f"{template} {k}") for k in range(MOST_ITEMS + 1)]
    index = index_of(items)
    assert judge(matches(pa.array([f"see {template} none"]), index), NONE, 0).share.tolist() == [0]
    assert judge(matches(pa.array([f"{template} 5"]), index), NONE, 0).item.tolist() == [5]
    assert len(index_of(items[:-1]).table.keys) > len(index.table.keys)


def test_what_cannot_be_searched_is_counted_as_such():
    items = [
        Item(0, 0, "who is it", ("me",)),
        Item(0, 1, "what is the time of day"),
        Item(0, 2, ""),
        Item(0, 3, "the capital of France is", ("Paris",)),
    ]
    index = index_of(items)
    assert [WAYS[way] for way in index.ways] == ["too short", "short without an answer", "too short", "by answer"]
    near, far = "The capital of France is, as all know, Paris.", "The capital of France is" + " old" * WINDOW + " Paris"
    assert judge(
        matches(pa.array([near, far, "Paris: the capital of France is old", None], pa.string()), index), NONE, 0
    ).share.tolist() == [1, 0, 0, 0]


def test_labels_of_a_harness_are_no_part_of_a_question():
    assert bare_question("Question: Who was it?\nAnswer:") == "Who was it?"
    assert bare_question("Context: It rained.\nQuestion: Why?\nChoices:\nA. x\nB. y\nAnswer:").split() == ["It", "rained.", "Why?"]
    assert bare_question("WORLD HISTORY: In 1199 he fell") == "In 1199 he fell"
    assert bare_question("Remember: in 1199 he fell") == "Remember: in 1199 he fell"


def test_more_hits_than_fit_at_once():
    index = index_of([Item(0, k, "a " * 20) for k in range(3)])
    assert len(matches(pa.array(["a " * 60_000, "b"]), index)[0]) == 3 * (60_000 - 12)


def test_word_lists_count_whole_words_and_substrings_of_scripts_without_blanks():
    texts = pa.array(["An ASS, a glass; Alabama\nhot pocket!", "assassin", "ไปกระหรี่มา", "这是三级片吗", "🖕", None], pa.string())
    counted = WordList.of(["ass", "alabama hot pocket", "กระหรี่", "三级片", "🖕"]).count(texts)
    assert counted.tolist() == [2, 0, 1, 1, 0, 0]
    # Vowel signs are part of a word here: without them this would be another's consonants.
    assert WordList.of(["กะหรี่"]).count(texts).tolist() == [0] * 6
    assert WordList.of([]).count(texts).tolist() == [0] * 6
    with pytest.raises(ValueError, match="65 words"):
        WordList.of(["x " * 65])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "A-b", "c c", "aa"]), max_size=4), speech)
def test_word_lists_agree_with_plain_python(entries, text):
    spoken = [word for word, _, _ in words(text)]
    phrases = [[word for word, _, _ in words(entry)] for entry in entries]
    ends = sum(any(spoken[max(0, k - len(phrase)) : k] == phrase for phrase in phrases) for k in range(1, len(spoken) + 1))
    assert WordList.of(entries).count(pa.array([text])).tolist() == [ends]
