"""The scores of extracted text against gold: their definitions on texts that can be counted by hand, and what must hold for any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.text_scores import (
    interval,
    mean_score,
    overlap,
    page_scores,
    phrase_counts,
    phrase_score,
    scrapinghub_score,
    tokens,
)

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "漢字", "it's", "—", "___", "x1"]), max_size=12).map(" ".join)


def test_tokens_are_words_and_single_characters_of_scripts_without_spaces():
    assert tokens("It's 1 e-mail — 漢字kana ไท ___") == ["It", "s", "1", "e", "mail", "漢", "字", "kana", "ไ", "ท"]
    assert tokens("e\u0301te\u0301") == tokens("\xe9t\xe9")


def test_token_f1_is_of_multisets_and_averaged_over_pages():
    counts = [overlap("a b b c", "b b b d", 1), overlap("", "a", 1), overlap("", "", 1)]
    assert counts == [(2, 2, 2), (0, 0, 1), (0, 0, 0)]
    score = mean_score(page_scores(counts))
    assert score.f1 == pytest.approx((0.5 + 0 + 1) / 3)


def test_four_grams_are_scored_as_in_scrapinghubs_benchmark():
    """Worked out by hand from its evaluate.py: averages leave out pages where they are not defined, F1 is that of the averages, and a
    text under four words is one gram."""
    counts = [overlap("a b c d e", "b c d e f g", 4), overlap("", "a b c d", 4), overlap("a b", "a b", 4)]
    assert counts == [(1, 1, 2), (0, 0, 1), (1, 0, 0)]
    score = scrapinghub_score(page_scores(counts))
    assert score.precision == pytest.approx((1 / 2 + 1) / 2)
    assert score.recall == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert score.f1 == pytest.approx(2 * score.precision * score.recall / (score.precision + score.recall))


def test_comments_may_be_there_or_not():
    assert overlap("main text a comment", "main text", 1, undecided="a comment") == (2, 0, 0)
    assert overlap("main text", "main text", 1, undecided="a comment") == (2, 0, 0)
    assert overlap("main text a a menu", "main text", 1, undecided="a comment") == (2, 2, 0)


def test_phrases_of_all_pages_count_together():
    counts = np.array([phrase_counts("one \n two  three", ["one two", "four"], ["three", "menu"]), phrase_counts("five", ["five"], [])])
    assert counts.tolist() == [[1, 1, 1], [1, 0, 0]]
    score = phrase_score(counts)
    assert (score.precision, score.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_an_interval_holds_the_difference_and_draws_groups_whole():
    generator = np.random.default_rng(3)
    other = generator.uniform(0.5, 0.9, (80, 3))
    ours = other + 0.05
    difference, low, high = interval(ours, other, range(80), mean_score)
    assert difference == pytest.approx(0.05)
    assert low == pytest.approx(0.05)
    assert high == pytest.approx(0.05)
    noisy = other + generator.normal(0, 0.2, (80, 3))
    _, low, high = interval(noisy, other, range(80), mean_score)
    _, low_of_two, high_of_two = interval(noisy, other, [page % 2 for page in range(80)], mean_score)
    assert low < 0.05 < high
    assert (low, high) != (low_of_two, high_of_two)
    assert interval(noisy, other, range(80), mean_score)[1:] == (low, high)


@given(TEXTS, TEXTS, st.sampled_from([1, 4]))
def test_text_and_gold_may_change_places(text, gold, n):
    both, surplus, missing = overlap(text, gold, n)
    assert overlap(gold, text, n) == (both, missing, surplus)
    assert overlap(text, text, n)[1:] == (0, 0)
