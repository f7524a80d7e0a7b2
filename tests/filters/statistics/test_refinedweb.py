"""RefinedWeb's line rules: what DCLM's functions leave of hand-made lines, and the slow reference of `tests.golden`."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.cuts import apply_cuts
from filters.decide import decide
from filters.presets import PRESETS
from filters.statistics.measure import compute
from tests.filters.test_decide import PROSE
from tests.golden.reference import counted_words, refinedweb_kept


def reference_line(line: str) -> str | None:
    """What is left of a line; None where it is cut."""
    kept = refinedweb_kept(line)
    return None if kept is None else "".join(line[at] for at in kept)


def left_of(text: str) -> str:
    return apply_cuts(text.encode(), compute(pa.array([text]))["refinedweb_cuts"].to_pylist()[0]).decode()


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("THE WHOLE LINE IS IN capitals", None),
        ("HALF of it are capitals", "HALF of it are capitals"),
        ("12345", None),
        ("3 likes", None),
        ("» 1.2k Views «", None),
        ("12,000 downloads!", None),
        ("3 likes of hers", "3 likes of hers"),
        ("3 like", "3 like"),
        ("likes 3 times", "likes 3 times"),
        ("Home", None),
        ("Home page", "Home page"),
        ("这是第一句话。", "这是第一句话。"),
        ("You have 3 items in cart", "You have 3"),
        ("Items in cart and items in cart now", " and now"),
        ("items in cart", None),
        ("The story goes on. Read more...", "The story goes on."),
        ("Read more...", None),
        ("Read more about it", "Read more about it"),
        ("Read more»»»", None),
        ("Sign-in to comment on it", "to comment on it"),
        ("We ask you to sign-in first", "We ask you to sign-in first"),
        ("a b c d e f g h i j k items in cart", "a b c d e f g h i j k items in cart"),
        ("Sign-in items in cart read moreitems in cart...", None),
    ],
)
def test_lines_as_dclm_leaves_them(line, left):
    text = f"The first line stays as it is.\n{line}\nAnd so does the last line of all."
    middle = [] if left is None else [left]
    assert left_of(text) == "\n".join(["The first line stays as it is.", *middle, "And so does the last line of all."])
    assert reference_line(line) == left


PIECES = [*"aZ7.,#_ ·", "\u3000", "中文", "é", "ΣΣ", "items in cart", "Items In Cart", "items in ", "cart", "read more", "Read more..."]
PIECES += ["...", "sign-in", "Sign-in ", "3 ", "1.5k", "likes", "views", "viewsx", "\n", "\n", "two words ", "LOUD ", "½", "ไทย"]
pieces = st.sampled_from(PIECES)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=14).map("".join))
def test_any_text_is_cut_as_the_definitions_say(text):
    measured = compute(pa.array([text]))
    lines = text.split("\n")
    left = [reference_line(line) for line in lines]
    kept = [line for line in left if line is not None]
    spans = measured["refinedweb_cuts"].to_pylist()[0]
    expected = "\n".join(kept).encode().strip().decode() if spans else text
    assert apply_cuts(text.encode(), spans).decode() == expected
    words, words_left = sum(map(counted_words, lines)), sum(map(counted_words, kept))
    assert measured["refinedweb_words_cut_share"].to_pylist()[0] == pytest.approx((words - words_left) / words if words else 0, abs=1e-6)


def test_a_page_of_which_the_rules_cut_much_is_removed():
    menu = ["Home", "News", "Sport", "Weather", "Culture", "Travel", "Food", "Cars", "Chess", "Music"]  # PROSE has 148 words
    preset = PRESETS["refinedweb@dclm"]
    few, many = decide(compute(pa.array([PROSE + "\n".join(menu[:6]), PROSE + "\n".join(menu)])), [preset]).to_pylist()
    assert few["keep"]
    assert many["rule"] == "refinedweb@dclm refinedweb_words_cut_share"
