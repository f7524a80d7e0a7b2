"""Lines and paragraphs by their words, and what is left when some are cut, beside plain Python."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.cuts import apply_cuts
from filters.duplicates.lines import AFTER_BLANK, END, START, WORDS, Lines, cut_spans, lines_of

UNITS = ("line", "paragraph")
Block = tuple[str, tuple[str, ...]]
"""A blank line, or a line or paragraph with its words."""


def blocks_of(text: str, unit: str) -> list[Block]:
    """By Python's own idea of lines, blanks and words."""
    blocks: list[Block] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        words = tuple(re.findall(r"[漢字]|[^\W漢字]+", line.lower()))
        if unit == "paragraph" and line.strip() and blocks and blocks[-1][0].strip():
            blocks[-1] = (blocks[-1][0] + line, blocks[-1][1] + words)
        else:
            blocks.append((line, words))
    return blocks


def without(blocks: list[Block], chosen: set[tuple[str, ...]], least_words: int) -> str:
    """What is left: runs of chosen blocks go, with what has no word between them, and blank lines behind a run that one stands before."""
    left: list[str] = []
    at = 0
    while at < len(blocks):
        last = behind = at
        while blocks[at][1] and behind < len(blocks) and (not blocks[behind][1] or blocks[behind][1] in chosen):
            behind += 1
            last = behind if blocks[behind - 1][1] else last
        if last == at or sum(len(words) for _, words in blocks[at:last]) < least_words:
            last = max(last, at + 1)
            left += [text for text, _ in blocks[at:last]]
        else:
            while (at == 0 or not blocks[at - 1][0].strip()) and last < len(blocks) and not blocks[last][0].strip():
                last += 1
        at = last
    return "".join(left)


def found(texts: list[str], unit: str = "line") -> Lines:
    return lines_of(pa.array(texts, pa.string()), unit)  # type: ignore[arg-type]


def cut(text: str, chosen: set[tuple[str, ...]], unit: str = "line", least_words: int = 1) -> tuple[str, float]:
    """What is left of a text, by the kernels."""
    lines = found([text], unit)
    words = [block[1] for block in blocks_of(text, unit) if block[1]]
    spans, left = cut_spans(lines.edges, lines.ends, lines.ink, np.array([one in chosen for one in words], bool), least_words)
    return apply_cuts(text.encode(), spans[0].as_py() or []).decode(), float(left[0])


PIECES = st.sampled_from(["a", "B", "b", "1", "_", "é", "É", "漢", "字", " ", "\t", "\r", "\x85", "\u2028", "\u3000", "-", "🔬", "|"])
LINES = st.one_of(st.sampled_from(["", "a", "b B", "- a", "|", "a 1"]), st.lists(PIECES, max_size=6).map("".join))
TEXTS = st.lists(LINES, max_size=12).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(UNITS), st.sets(st.integers(0, 12)), st.integers(1, 4))
def test_lines_and_cuts_are_those_of_plain_python(texts: list[str], unit: str, numbers: set[int], least_words: int) -> None:
    lines = found(texts, unit)
    blocks = [[block for block in blocks_of(text, unit) if block[1]] for text in texts]
    assert np.diff(lines.ends).tolist() == [len(one) for one in blocks]
    words = [block[1] for one in blocks for block in one]
    by_words: dict[tuple[str, ...], int] = {}
    assert all(by_words.setdefault(one, code) == code for one, code in zip(words, lines.hashes.tolist(), strict=True))
    assert len(set(by_words.values())) == len(by_words)
    for number, one in enumerate(blocks):
        data, edges = texts[number].encode(), lines.edges[lines.ends[number] : lines.ends[number + 1]]
        assert [data[edge[START] : edge[END]].decode() for edge in edges] == [text for text, _ in one]
    assert lines.edges[:, WORDS].tolist() == [len(one) for one in words]
    chosen = {words[number] for number in numbers if number < len(words)}
    spans, left = cut_spans(lines.edges, lines.ends, lines.ink, np.array([one in chosen for one in words], bool), least_words)
    for text, flat, share in zip(texts, spans.to_pylist(), left.tolist(), strict=True):
        expected = without(blocks_of(text, unit), chosen, least_words)
        assert flat is None or all(a < b for a, b in pairwise(flat)), "apart from each other"
        assert apply_cuts(text.encode(), flat or []) == (expected.encode().strip() if flat else text.encode())
        ink = len("".join(text.split()).encode())
        assert share == pytest.approx(len("".join(expected.split()).encode()) / ink if ink else 1)


def test_no_blank_lines_pile_up_and_no_paragraphs_join() -> None:
    menu = {("menu", "home")}
    assert cut("One.\n\nMenu: home\n\nTwo.", menu)[0] == "One.\n\nTwo."
    assert cut("One.\nMenu: home\n\nTwo.", menu)[0] == "One.\n\nTwo."
    assert cut("One.\n\nMenu: home\nTwo.", menu)[0] == "One.\n\nTwo."
    assert cut("Menu - home\n\n\nOne.\n\nMENU HOME\n\n\n* * *\n\nmenu home\n\nTwo.\n\nMenu home", menu)[0] == "One.\n\nTwo."
    assert cut("One.\n---\nMenu home\n---\nTwo.", menu)[0] == "One.\n---\n---\nTwo."


def test_a_heading_alone_stays_and_a_menu_goes() -> None:
    chosen = {("home",), ("about", "us"), ("contact",), ("examples",)}
    text = "• Home\n|\n• About us\n|\n• Contact\n\nWhat it does.\n\nExamples\n\nThe first."
    assert cut(text, chosen, least_words=4)[0] == "What it does.\n\nExamples\n\nThe first."
    assert cut(text, chosen, least_words=5)[0] == text
    lines = found([text])
    chosen_lines = np.array([True, True, True, False, True, False])
    cut_spans(lines.edges, lines.ends, lines.ink, chosen_lines, 4)
    assert chosen_lines.tolist() == [True, True, True, False, False, False]


def test_a_paragraph_is_its_words_whatever_its_lines() -> None:
    one, two = found(["Free to copy\nand to change.\n\nText", "x\n\n* FREE TO\n* COPY AND\n* TO CHANGE"], "paragraph").hashes.reshape(2, 2)
    assert one[0] == two[1]
    assert cut("x\n\nFree to\ncopy.\n\ny", {("free", "to", "copy")}, "paragraph")[0] == "x\n\ny"


def test_line_ends_of_other_systems_are_blanks() -> None:
    """As everywhere in statistics/: CR ends no line, nor do NEL and U+2028."""
    assert len(found(["a b\r\n\r\na b\r\n"]).hashes) == 2
    assert cut("x\r\n\r\na b\r\n\r\ny", {("a", "b")})[0] == "x\r\n\r\ny"
    lines = found(["a\u2028b\x85c\n\x85\u2028\nd"])
    assert lines.edges[:, WORDS].tolist() == [3, 1]
    assert lines.edges[:, AFTER_BLANK].tolist() == [1, 1]


def test_hostile_texts() -> None:
    long = "word " * 1_000_000
    texts = [long, "same\n" * 300_000, "", "\n" * 300_000, "|\n" * 1000, "a"]
    lines = found(texts)
    assert np.diff(lines.ends).tolist() == [1, 300_000, 0, 0, 0, 1]
    assert len(np.unique(lines.hashes[1:300_001])) == 1
    spans, left = cut_spans(lines.edges, lines.ends, lines.ink, np.ones(len(lines.hashes), bool))
    assert spans.to_pylist() == [[0, len(long)], [0, 1_500_000], None, None, None, [0, 1]]
    assert left.tolist() == [0, 0, 1, 1, 1, 0]
    assert [len(part) for part in (found([]).hashes, found([]).ends)] == [0, 1]
    assert lines_of(pa.array([None, "a"], pa.large_string())).ends.tolist() == [0, 0, 1]


def test_bytes_that_are_no_utf8_are_read_to_their_end() -> None:
    """Lone surrogates as some programs write them, cut sequences, stray bytes: no line ends in them, and none reads beyond its text."""
    raw = [b"\xed\xa0\x80word\nnext\xe2\x80", b"\xa8\xff\nnext"]
    data = b"".join(raw)
    offsets = pa.py_buffer(np.array([0, len(raw[0]), len(data)], np.int32).tobytes())
    lines = lines_of(pa.StringArray.from_buffers(2, offsets, pa.py_buffer(data)))
    assert np.diff(lines.ends).tolist() == [2, 1]
    assert lines.hashes[1] == lines.hashes[2]
    assert lines.edges[:, END].tolist() == [8, 14, 7]
