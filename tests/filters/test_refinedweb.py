"""RefinedWeb's line rules: what DCLM's functions leave of hand-made lines, and a slow reference written from their definitions."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import unicode as u
from filters.cuts import apply_cuts
from filters.decide import decide
from filters.presets import PRESETS
from filters.signals import compute
from tests.filters.test_decide import PROSE
from tests.filters.test_signals import ascii_lower, kind, unspaced_words, words_between_blanks

LOWER = u.lower()
COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"


def is_counter(line: str) -> bool:
    """A number with one letter of scale, blanks and one of the counted words; symbols around."""
    plain = "".join(
        c if kind(c) == u.DIGIT or c in ".,_" or u.classes()[ord(c)] & u.ALPHANUMERIC else " " if kind(c) == u.SPACE else "#" for c in line
    )
    plain = "".join("1" if kind(c) == u.DIGIT else c for c in plain)
    return bool(re.fullmatch(rf"[ #.,]*1[1.,]*[KMB]?[ ]+(?:{COUNTED})[ #.,]*", plain, re.IGNORECASE | re.ASCII))


def without(line: str, begin: int, end: int) -> str:
    return line[:begin] + line[end:]


def blank_before(line: str, at: int) -> int:
    return at - (at > 0 and kind(line[at - 1]) == u.SPACE)


def reference_line(line: str) -> str | None:
    """What is left of a line; None where it is cut."""
    if 2 * sum(int(LOWER[ord(c)]) != ord(c) for c in line) > len(line):
        return None
    if is_counter(line) or (line and max(len(words_between_blanks(line)), unspaced_words(line)) < 2):
        return None
    if not line or len(words_between_blanks(line)) > 10:
        return line
    at = 0
    while (at := ascii_lower(line).find("items in cart", at)) >= 0:
        begin = blank_before(line, at)
        line, at = without(line, begin, at + 13), begin
    if ascii_lower(line)[:-3].endswith("read more"):
        line = line[: blank_before(line, len(line) - 12)]
    if ascii_lower(line).startswith("sign-in"):
        line = line[7 + (len(line) > 7 and kind(line[7]) == u.SPACE) :]
    return line if words_between_blanks(line) else None


def counted_words(line: str) -> int:
    return sum(bool(u.classes()[ord(word[0])] & u.ALPHANUMERIC) for word in words_between_blanks(line))


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
