"""Digests for exact duplicates."""

import pyarrow as pa
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.digests import as_bytes, as_numbers, digests
from filters.duplicates.signature import sign

texts = st.text(st.sampled_from("aB .,_\n1éÉ\u0301中ßȺ") | st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=6), st.integers(0, 6))
def test_digests_are_those_of_each_text_alone(batch, begin):
    array = pa.array(batch, pa.string())[begin:]
    assert digests(array) == [xxhash.xxh3_128_digest(text.encode()) for text in batch[begin:]]
    assert sign(array)[1].tolist() == [sign(pa.array([text]))[1][0].tolist() for text in batch[begin:]]


def words_digests(*batch):
    return [tuple(row) for row in sign(pa.array(batch))[1].tolist()]


def test_what_has_the_same_words_in_the_same_order():
    assert len(set(words_digests("Été, the café!", "ÉTÉ THE\n\ncafé", "  été — the café…"))) == 1
    different = ["été the café", "ete the cafe", "ététhe café", "café the été", "été the the café", "été", "the été café", "x" * 70000, ""]
    assert len(set(words_digests(*different))) == len(different)
    assert len(set(words_digests(*("a " * n + "b " * (5 - n) for n in range(6))))) == 6


def test_null_counts_as_empty():
    assert digests(pa.array([None, ""])) == [xxhash.xxh3_128_digest(b"")] * 2


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20), st.integers(0, 5))
def test_numbers_sort_as_the_bytes_do_and_come_back(values, begin):
    column = pa.array(values, pa.binary(16))[begin:]
    numbers = as_numbers(column)
    assert sorted(map(tuple, numbers.tolist())) == [
        tuple(row) for row in as_numbers(pa.array(sorted(values[begin:]), pa.binary(16))).tolist()
    ]
    assert as_bytes(numbers).to_pylist() == values[begin:]
