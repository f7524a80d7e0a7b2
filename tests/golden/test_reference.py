"""The kernels against `tests.golden.reference`, on any text."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.cuts import apply_cuts
from filters.statistics.columns import CUTS, DEFINITIONS
from filters.statistics.measure import compute
from tests.golden import reference

PIECES = [
    *("the", "that", "And", "don't", "3.14", "e.g", "end.Next", "a", "b", "B", "J. R. Smith", "12,000", "10:30", "_", "x_y"),
    *(".", "..", "...", "....", "…", "#", "##", "!", "?", "。", "！", "”", '"', "' ", ") ", "」", "•", "- ", "\n", "\n", "\n\n", " ", " "),
    *(
        "  \t",
        "\r\n",
        "中",
        "文字。",
        "สวัสดี",
        "かな",
        "e\u0301",
        "\u2028",
        "😀",
        "👩‍👩‍👧",
        "\x00",
        "שלום",
        "\u200f",
        "\u00ad",
        "K",
        "İ",
        "ß",
    ),
    *("items in cart", "Read more...", "Sign-in ", "3 likes", "1.5k Views", "LOUD", "Σ", "»", "है। "),
    *("[1]", "[]", "[edit]", "[citation needed]", "[", "{", "javascript", "Lorem Ipsum", "use cookies", "privacy policy"),
    *("One two three four five six.\n", "Same line again here\n", "w" * 1001, "Ends well here now, yes.[2][3]\n"),
    *("<html>", "<p>", "</p>", "<!--", "-->", "<script>", "</script>", "<style ", "</STYLE>", "<", ">", "<!DOCTYPE HTML>"),
    *('<?xml version="1.0"?>', "# auto-generated", "This file is generated", "0x1f, ", "\\x1f", "ab cd ef ", "QUJD" * 15, "=\n", "+/"),
]
texts = (
    st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=60).map("".join)
    | st.lists(st.sampled_from(["a ", "b ", "a ", "\n", ". "]), max_size=120).map("".join)  # repetition at every level
    | st.lists(st.sampled_from(["0x00,", "ab ", "CD\n", "\\x00", "x", "0", "A" * 60, "<html>", "e"]), max_size=40).map("".join)
)


def disagreements(text: str) -> dict[str, tuple[object, object]]:
    """What the kernel says and what the reference says, where they differ."""
    measured = compute(pa.array([text], pa.string())).to_pylist()[0]
    expected = reference.signals(text)
    differing = {
        name: (measured[name], value)
        for name, value in expected.items()
        if not (math.isclose(measured[name], value, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(measured[name]) and math.isnan(value)))
    }
    spans = {name: (measured[name], value) for name, value in reference.cuts(text).items() if measured[name] != value}
    return differing | spans


def test_every_signal_has_a_reference() -> None:
    assert set(DEFINITIONS) - set(reference.signals("")) == set(), "write these into tests/golden/reference.py, from their definitions"
    assert set(CUTS) - set(reference.cuts("")) == set()


@settings(max_examples=400, deadline=None)
@given(texts)
def test_any_text_measures_as_its_definitions_say(text: str) -> None:
    assert disagreements(text) == {}


@settings(max_examples=150, deadline=None)
@given(texts)
def test_cuts_leave_the_lines_that_c4_keeps_without_citations(text: str) -> None:
    measured = compute(pa.array([text], pa.string())).to_pylist()[0]
    for reading in reference.READINGS:
        spans = measured[f"{reading}_cuts"]
        kept = [line for line in text.split("\n") if reference.c4_verdict(reference.strip(line), reading) != "cut"]
        expected = reference.CITATION.sub("", "\n".join(kept)).encode().strip().decode() if spans else text
        assert apply_cuts(text.encode(), spans).decode() == expected


@settings(max_examples=150, deadline=None)
@given(texts)
def test_signals_after_fineweb_s_cuts_are_those_of_the_text_that_is_left(text: str) -> None:
    whole = compute(pa.array([text], pa.string())).to_pylist()[0]
    cut = apply_cuts(text.encode(), whole["fineweb_cuts"]).strip().decode()
    left = compute(pa.array([cut], pa.string())).to_pylist()[0]
    for name in ("line_punctuation_share", "short_line_share", "newlines_per_word"):  # the fourth counts blanks at the ends of lines
        assert left[name] == whole[f"fineweb_{name}"]


@pytest.mark.parametrize("name", ["alphabetic_share", "words", "c4_sentences"])
def test_the_comparison_sees_a_wrong_number(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reference.signals
    monkeypatch.setattr(reference, "signals", lambda text: whole(text) | {name: whole(text)[name] + 1})
    assert list(disagreements("One thing here. Two things here are right.")) == [name]
