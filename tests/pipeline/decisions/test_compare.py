"""Two texts side by side: what is shown differs, what is not shown is equal, and no text acts in the terminal."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.decisions.compare import CONTEXT, MOST_SHOWN, PIECE_CHARACTERS, compare, differing, side_by_side

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


def test_more_places_are_counted_and_long_ones_cut() -> None:
    lines = [f"line {number} says {number * 37 % 101}" for number in range(200)]
    changed = [line + "!" if number % 10 == 0 else line for number, line in enumerate(lines)]
    comparison = compare("\n".join(lines), "\n".join(changed))
    assert comparison.places == 20
    assert [place.left_line for place in comparison.shown] == [10 * number + 1 for number in range(MOST_SHOWN)]
    assert list(side_by_side(comparison, ("a", "b"), 80))[-1] == "and 10 other places"
    (place,) = compare("a\n", "a\n" + "much " * 5000).shown
    assert place.left == ""
    assert len(place.right) < PIECE_CHARACTERS + 2 * CONTEXT + 10


def test_equal_texts_and_other_ends_of_lines_are_said() -> None:
    assert list(side_by_side(compare("a\nb", "a\nb"), ("a", "b"), 80)) == ["the texts are equal"]
    assert list(side_by_side(compare("a\r\nb\r\n", "a\nb"), ("a", "b"), 80)) == ["the texts differ in the ends of their lines alone"]
    (place,) = compare("a\nb", "a\n\nb").shown
    assert (place.left, place.right) == ("", "\n")


def test_texts_that_repeat_themselves_are_compared_to_their_end() -> None:
    """Nothing stands once in both: difflib alone would take the cube of 40,000 lines."""
    left, right = "\n".join(["a", "b"] * 20_000), "\n".join(["a", "b", "b"] * 13_000)
    comparison = compare(left, right)
    assert comparison.places >= 1
    assert list(side_by_side(comparison, ("a", "b"), 80))


def test_versions_of_real_documents(shared_data: Path) -> None:
    """Every line that is shown on one side alone is a line of that text alone; every pair of versions."""
    with gzip.open(shared_data / "neardup" / "rust_rfcs" / "versions.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    pairs = [(a["text"], b["text"]) for a, b in pairwise(rows) if a["doc"] == b["doc"]]
    assert len(pairs) > 150
    for left, right in pairs:
        comparison = compare(left, right)
        assert (comparison.places == 0) == (left.splitlines() == right.splitlines())
        for place in comparison.shown:
            assert place.left != place.right
            for text, whole in ((place.left, left), (place.right, right)):
                for part in text.removeprefix("…").removesuffix("…").split(" … "):
                    assert part.strip("\n") in whole.replace("\r\n", "\n") or "…" in part
