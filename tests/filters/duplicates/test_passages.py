"""Windows of words: each once whatever the blocks, equal exactly when their words are, and cut so that the rest reads well."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.passages import PASSAGE, byte_spans, chosen_grams, hashed_windows, united, word_blocks
from tests.pipeline.duplicates.passages_oracle import words

# Han and marks beside words in letters, and what stands between and around them.
PIECES = st.sampled_from(["a ", "b ", "B, ", "a\n", "é. ", "語", "a_b ", "ก็ ", "“a” ", "-- ", "\n\n"])
TEXTS = st.lists(st.lists(PIECES, max_size=60).map("".join), max_size=5)


def all_windows(texts: list[str], least_words: int, block_words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hashes, checks, passages and the chosen gram's key of every window."""
    results = []
    for block in word_blocks(pa.array(texts, pa.string()), least_words, block_words):
        grams = chosen_grams(block, least_words)
        windows = hashed_windows(block, grams, np.ones(len(grams.keys), np.bool_), least_words)
        keys = np.repeat(grams.keys, grams.windows[:, 1] - grams.windows[:, 0])
        results.append((windows.hashes, windows.checks, windows.passages, keys))
    empty = (np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, PASSAGE), np.empty(0, np.uint64))
    return tuple(np.concatenate([empty[k], *(one[k] for one in results)]) for k in range(4))


@settings(deadline=None)
@given(TEXTS, st.integers(10, 14), st.integers(1, 80))
def test_every_window_comes_once_and_equals_those_of_equal_words(texts: list[str], least_words: int, block_words: int) -> None:
    hashes, checks, passages, keys = all_windows(texts, least_words, block_words)
    expected = []
    for row, text in enumerate(texts):
        tokens = words(text)
        for first in range(len(tokens) - least_words + 1):
            window = tokens[first : first + least_words]
            expected.append((row, first, first + least_words, window[0][1], tuple(word for word, _, _ in window)))
    assert [tuple(passage.tolist()[:4]) for passage in passages] == [one[:4] for one in expected]
    by_words = {one[4]: (hashes[k], checks[k], keys[k]) for k, one in enumerate(expected)}
    # Equal windows have equal hashes and chose equal grams, whatever stands around them; others differ.
    assert all((hashes[k], checks[k], keys[k]) == by_words[one[4]] for k, one in enumerate(expected))
    assert len({values[0] for values in by_words.values()}) == len({values[1] for values in by_words.values()}) == len(by_words)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=12, max_size=80), st.integers(10, 12))
def test_a_window_chooses_one_of_its_own_grams(tokens: list[str], least_words: int) -> None:
    """Winnowing against every gram of every window: the chosen one's key stands for half the window's words in it, and is its smallest."""
    gram = least_words // 2
    text = " ".join(tokens)
    _, _, _, keys = all_windows([text], least_words, 1 << 10)
    # The key of a gram is what a window of it alone is hashed to.
    of_gram = all_windows([text], gram, 1 << 10)[0]
    for first, key in enumerate(keys):
        assert key == min(of_gram[first : first + least_words - gram + 1])


def test_few_grams_are_chosen_of_text_without_repetition() -> None:
    block = next(word_blocks(pa.array([" ".join(f"w{k}" for k in range(20_000))]), 50))
    # 26 grams a window: 2 / 27 of the places.
    assert len(chosen_grams(block, 50).keys) / 20_000 == pytest.approx(2 / 27, rel=0.05)


def passages_of(text: str, least_words: int, firsts: list[int]) -> np.ndarray:
    return all_windows([text], least_words, 1 << 10)[2][firsts]


@pytest.mark.parametrize(
    ("text", "firsts", "left"),
    [
        ("before. a b c. After", [1], "before. After"),
        ("before. “A b c.”\n\nAfter", [1], "before. “\n\nAfter"),
        ("before\n\na b c.\n\n“After”", [1], "before\n\n“After”"),
        ("a b c d e.", [0, 2], ""),
        ("a b c d e f", [0, 3], ""),
        ("a b c d e f g", [0, 4], "d "),
        ("前a b c語", [1], "前語"),
        ("x-a b c-y", [1], "x-y"),
    ],
)
def test_what_is_left_reads_well(text: str, firsts: list[int], left: str) -> None:
    data = text.encode()
    spans = byte_spans(united(passages_of(text, 3, firsts)))
    edges = [0, *spans.reshape(-1).tolist(), len(data)]
    assert b"".join(data[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)).decode() == left


def test_unrelated_and_null_texts_have_no_window() -> None:
    assert list(word_blocks(pa.array([], pa.string()), 10)) == []
    assert list(word_blocks(pa.array([None, "", "one two three", "!" * 100]), 10)) == []
    assert len(united(np.empty(0, PASSAGE))) == 0
    assert byte_spans(np.empty(0, PASSAGE)).shape == (0, 2)


def test_collisions_are_told_apart_by_the_second_hash() -> None:
    """The two polynomials are independent: over all pairs of 2,000 windows neither agrees where the other does not."""
    text = " ".join(f"{k % 7}{k % 11}{k % 13}" for k in range(2_000))
    hashes, checks, _, _ = all_windows([text], 10, 1 << 12)
    same = {(a, b) for a, b in combinations(range(300), 2) if hashes[a] == hashes[b]}
    assert same == {(a, b) for a, b in combinations(range(300), 2) if checks[a] == checks[b]}
