"""Digests for exact duplicates."""

import re
import unicodedata

import pyarrow as pa
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.digests import digests, normal_digests, normal_forms

texts = st.text(st.sampled_from("aB .,_\n1éÉ\u0301中ßȺ") | st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=6), st.integers(0, 6))
def test_digests_are_those_of_each_text_alone(batch, begin):
    array = pa.array(batch, pa.string())[begin:]
    assert digests(array) == [xxhash.xxh3_128_digest(text.encode()) for text in batch[begin:]]
    assert normal_digests(array) == [normal_digests(pa.array([text]))[0] for text in batch[begin:]]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x24F), max_size=40))
def test_the_normal_form_of_a_latin_text_is_its_composed_words_in_lower_case(text):
    data, _ = normal_forms(pa.array([text]))
    words = re.findall(r"\w+", "".join(c.lower()[0] for c in unicodedata.normalize("NFC", text)))
    assert bytes(data).decode() == "".join(word + " " for word in words)


def test_what_counts_as_the_same_text():
    same = ["Été, the café!", "e\u0301te\u0301 THE\n\ncafe\u0301", "  été — the café…"]
    assert len(set(normal_digests(pa.array(same)))) == 1
    assert len(set(digests(pa.array(same)))) == 3
    assert len(set(normal_digests(pa.array(["été the café", "ete the cafe", "ététhe café", "!!!", "???", ""])))) == 6


def test_null_counts_as_empty():
    assert digests(pa.array([None, ""])) == [xxhash.xxh3_128_digest(b"")] * 2
    assert normal_digests(pa.array([None], pa.string())) == [xxhash.xxh3_128_digest(b"")]
