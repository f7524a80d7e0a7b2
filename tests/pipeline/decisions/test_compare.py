"""Two texts side by side: what is shown differs, what is not shown is equal, and no text acts in the terminal."""

from __future__ import annotations

import gzip
import json
import textwrap
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.decisions.compare import CONTEXT, MOST_CHARACTERS, MOST_SHOWN, WORDS, Comparison, compare, differing, side_by_side

PIECES = st.lists(st.sampled_from("abcdefghijklmn"), max_size=30)


@settings(max_examples=500, deadline=None)
@given(PIECES, PIECES, st.booleans())
def test_what_lies_between_the_places_is_equal(left: list[str], right: list[str], edited: bool) -> None:
    """So the left text with the places replaced is the right one; and equal sequences differ nowhere."""
    if edited:
        right = [piece for number, piece in enumerate(left) if number % 7 != 3] + right[:2]
    rebuilt, at, right_at = [], 0, 0
    for left_begin, left_end, right_begin, right_end in differing(left, right):
        assert left_end > left_begin or right_end > right_begin
        assert (left_begin, right_begin) >= (at, right_at)
        rebuilt += left[at:left_begin] + right[right_begin:right_end]
        at, right_at = left_end, right_end
    assert rebuilt + left[at:] == right
    assert (not list(differing(left, right))) == (left == right)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(), st.integers(40, 150))
@example("\x1b[31mred\x1b[0m", "[bold red]\u202eder[/bold red] :smile:", 60)
@example("a\r\nb", "a\nb", 60)
@example("", "\n", 60)
@example("漢字" * 200, "漢字" * 150 + "\t", 41)
def test_no_text_acts_in_the_terminal(left: str, right: str, width: int) -> None:
    comparison = compare(left, right)
    assert comparison.equal == (left == right)
    shown = list(side_by_side(comparison, ("this document", "survivor"), width))
    for line in shown:
        assert line.isprintable()
        assert cell_len(line) <= width or not comparison.places
    assert shown


def test_mark_up_is_shown_as_it_stands() -> None:
    shown = "\n".join(side_by_side(compare("[bold]x[/bold] :smile:\n", "x\x1b[2J\n"), ("this", "that"), 100))
    assert "[bold]x[/bold] :smile:" in shown
    assert r"x\x1b[2J" in shown


@settings(max_examples=200, deadline=None)
@given(st.text("abc .\n\t漢字", max_size=60), st.text("abc .\n\t漢字", max_size=60))
def test_texts_of_the_same_words_differ_nowhere(left: str, right: str) -> None:
    assert (compare(left, right).places == 0) == (WORDS.findall(left) == WORDS.findall(right))


def test_a_changed_word_of_a_long_line_is_cut_out_with_what_stands_around_it() -> None:
    sentence = "The ferry leaves the western pier at seven and brings farmers with their boxes. "
    left = "Title\n" + sentence * 20 + "\nEnd\n"
    right = left.replace("seven", "eight").replace("eight", "seven", 19)
    comparison = compare(left, right)
    (place,) = comparison.shown
    assert (comparison.places, place.left_line, place.right_line) == (1, 2, 2)
    assert place.left[0] == place.left[-1] == "…"
    assert "seven" in place.left
    assert "eight" in place.right
    assert place.left.replace("seven", "eight") == place.right
    assert len(place.left) <= len("seven") + 2 * CONTEXT + 2


def test_a_text_that_is_wrapped_otherwise_differs_where_its_words_do() -> None:
    words = [f"word{number}" for number in range(300)]
    narrow = textwrap.fill(" ".join(words), 40)
    wide = textwrap.fill(" ".join(words).replace("word170 ", "word170 and more "), 90)
    assert compare(narrow, textwrap.fill(" ".join(words), 90)) == Comparison(equal=False, places=0, shown=[])
    (place,) = compare(narrow, wide).shown
    assert (narrow.splitlines()[place.left_line - 1], wide.splitlines()[place.right_line - 1]) == (
        next(line for line in narrow.splitlines() if "word170" in line),
        next(line for line in wide.splitlines() if "and more" in line),
    )
    assert "and more" in place.right
    assert "and more" not in place.left


def test_more_places_are_counted_and_long_ones_cut() -> None:
    lines = [f"line {number} says {number * 37 % 101}, which is a number of few digits" for number in range(200)]
    changed = [line + "!" if number % 10 == 0 else line for number, line in enumerate(lines)]
    comparison = compare("\n".join(lines), "\n".join(changed))
    assert comparison.places == 20
    assert [place.left_line for place in comparison.shown] == [10 * number + 1 for number in range(MOST_SHOWN)]
    assert list(side_by_side(comparison, ("a", "b"), 80))[-1] == "and 10 other places"
    (place,) = compare("a\n", "a\n" + "much " * 5000).shown
    assert place.left == "a"
    assert place.right_line == 2
    assert len(place.right) < MOST_CHARACTERS + 2 * CONTEXT + 10


def test_equal_texts_and_other_blanks_are_said() -> None:
    assert list(side_by_side(compare("a\nb", "a\nb"), ("a", "b"), 80)) == ["the texts are equal"]
    assert list(side_by_side(compare("a\r\nb\r\n", "a  b"), ("a", "b"), 80)) == ["the texts differ in blanks alone"]


def test_texts_that_repeat_themselves_are_compared_to_their_end() -> None:
    """No word stands once in both: difflib alone would take the cube of 40,000 words."""
    left, right = " ".join(["a", "b"] * 20_000), " ".join(["a", "b", "b"] * 13_000)
    comparison = compare(left, right)
    assert comparison.places >= 1
    assert list(side_by_side(comparison, ("a", "b"), 80))


def test_rows_of_numbers_are_aligned_though_no_number_stands_once() -> None:
    rows = [f"{number % 40}, {number // 40}, {number * 7 % 31};" for number in range(1200)]
    changed = [row.replace(";", "!") if number % 200 == 150 else row for number, row in enumerate(rows)]
    assert [place.left_line for place in compare("\n".join(rows), "\n".join(changed)).shown] == list(range(151, 1200, 200))


def test_versions_of_real_documents(shared_data: Path) -> None:
    """What is shown of a text stands in it, on the line that is named; every eighth pair of neighbouring versions."""
    with gzip.open(shared_data / "neardup" / "rust_rfcs" / "versions.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    pairs = [(a["text"], b["text"]) for a, b in pairwise(rows) if a["doc"] == b["doc"]]
    assert len(pairs) > 150
    for left, right in pairs[::8]:
        comparison = compare(left, right)
        assert (comparison.places == 0) == (WORDS.findall(left) == WORDS.findall(right))
        for place in comparison.shown:
            assert place.left != place.right
            for text, line, whole in ((place.left, place.left_line, left), (place.right, place.right_line, right)):
                first, *_ = text.strip("…").split(" … ")
                assert first in "".join(whole.splitlines(keepends=True)[line - 1 :])
