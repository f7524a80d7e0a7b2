"""What is judged of a text: bounded, of whole letters, and a function of the text alone."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.language.excerpt import PREFIX, SAMPLE, SAMPLES, WHOLE, excerpts
from filters.language.paragraphs import JUDGED, LEAST, PARAGRAPHS, paragraph_spans
from filters.text import bytes_and_offsets

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=80).map(" ".join)


def excerpt_of(*texts, **sizes):
    data, offsets = bytes_and_offsets(pa.array(texts, pa.string()))
    found, bounds = excerpts(data, offsets[:-1], offsets[1:], **sizes)
    return [found[start:end].tobytes().decode() for start, end in itertools.pairwise(bounds)]


def test_letters_stay_in_lower_case():
    texts = [
        "Don’t, ÄRGERN 3 (times)!\n",
        "see https://a.b/c?d=e or www.a.org, me@b.org: yes",
        "हिन्दी 123 भाषा。中文",
        "…",
        "-- 'quoted' x_y",
    ]
    assert excerpt_of(*texts) == ["don’t ärgern times", "see or yes", "हिन्दी भाषा 中文", "", "quoted' x y"]
    assert excerpt_of("Don’t, ÄRGERN 3", lower_case=False) == ["Don’t ÄRGERN"]


def test_of_a_long_text_the_beginning_and_samples_are_judged():
    words = [f"{chr(0x61 + place % 26) * 5}" for place in range(5000)]
    (found,) = excerpt_of(" ".join(words))
    assert WHOLE - 40 <= len(found) <= WHOLE + 40
    assert found.startswith(" ".join(words)[: PREFIX - 6])
    assert set(found.split()) <= {*words, *(word[:k] for word in words for k in range(1, 5))}
    ends = ["x" * 3000 + " ", "y" * 3000 + " "]
    assert set(excerpt_of("".join(ends))[0]) == {"x", "y", " "}


def test_a_text_of_digits_is_not_read_to_its_end():
    assert excerpt_of("1234567 " * 1_000_000 + "word") == [""]


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_an_excerpt_is_bounded_and_depends_on_its_text_alone(texts):
    together = excerpt_of(*texts)
    assert together == [excerpt_of(text)[0] for text in texts]
    for text, found in zip(texts, together, strict=True):
        size = len(text.encode())
        # A lower case letter may take three bytes for two; a sample may end within the bytes of its last letter.
        assert len(found.encode()) <= 1.5 * min(size, PREFIX + SAMPLES * SAMPLE) + 8 + 5 * SAMPLES
        assert found == " ".join(found.split(" "))
        assert not found.startswith(" ")
        assert not found.endswith(" ")
        assert not any(character.isdigit() for character in found if character.isascii())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=150), max_size=20).map("\n".join), max_size=3))
def test_paragraphs_are_parts_of_lines_in_order(texts):
    data, offsets = bytes_and_offsets(pa.array(texts, pa.string()))
    numbers, starts, ends = paragraph_spans(data, offsets)
    assert np.all((ends - starts >= LEAST) & (ends - starts <= JUDGED))
    assert np.all(starts[1:] >= ends[:-1])
    assert np.all(np.bincount(numbers, minlength=len(texts) + 1) <= PARAGRAPHS)
    for number, start, end in zip(numbers, starts, ends, strict=True):
        assert offsets[number] <= start <= end <= offsets[number + 1]
        assert start == offsets[number] or data[start - 1] == 0x0A
        assert b"\n\n" not in data[start:end].tobytes()
        assert b"\n" not in data[start + LEAST : end].tobytes()
    for number, text in enumerate(texts):
        alone = paragraph_spans(*bytes_and_offsets(pa.array([text])))
        np.testing.assert_array_equal(starts[numbers == number] - offsets[number], alone[1])
        if any(len(line.encode()) >= LEAST for line in text.split("\n")[:1]):
            assert number in numbers
