"""Signatures estimate the Jaccard index as theory says, beside exact sets and datasketch."""

import gzip
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.duplicates.signature import NO_WORDS, estimate, has_words, permutations_of, signatures
from filters.unicode import classes, lower
from filters.word_hashes import BASE, next_word
from filters.words import mix

PERMUTATIONS = 112


def shingles(text: str, n: int = 5) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + n]) for i in range(max(1, len(words) - n + 1))} if words else set()


def jaccard(a: str, b: str) -> float:
    x, y = shingles(a), shingles(b)
    return len(x & y) / len(x | y) if x and y else 0.0


def signed(*texts: str | None, **settings: int) -> np.ndarray:
    return signatures(pa.array(texts, pa.string()), **settings)


def edited(words: list[str], share: float, generator: np.random.Generator) -> str:
    return " ".join(f"new{k}" if generator.random() < share else word for k, word in enumerate(words))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    """200 pairs of texts of 400 words from equal to unlike."""
    generator = np.random.default_rng(3)
    result = []
    for k in range(200):
        words = [f"word{n}" for n in generator.integers(0, 5000, 400)]
        result.append((" ".join(words), edited(words, (k / 200) ** 2 * 0.3, generator)))
    return result


def test_estimates_agree_with_exact_jaccard_within_theory(pairs):
    a, b = (signed(*column) for column in zip(*pairs, strict=True))
    exact = np.array([jaccard(*pair) for pair in pairs])
    error = estimate(a, b) - exact
    deviation = np.sqrt(exact * (1 - exact) / PERMUTATIONS)
    assert np.all(np.abs(error) <= 4 * deviation + 1e-12)
    assert np.mean(np.abs(error) <= 3 * deviation + 1e-12) >= 0.98
    # The mean error over all pairs is that of a mean of independent estimates, and their spread is the theory's within a fifth.
    assert abs(error.mean()) <= 3 * np.sqrt((deviation**2).sum()) / len(pairs)
    standard = (error / np.maximum(deviation, 1e-9))[deviation > 0]
    assert 0.8 < standard.std() < 1.2


def test_estimates_agree_with_datasketch(pairs):
    for a, b in pairs[::20]:
        minhashes = [MinHash(num_perm=PERMUTATIONS, seed=1) for _ in range(2)]
        for minhash, text in zip(minhashes, (a, b), strict=True):
            minhash.update_batch([shingle.encode() for shingle in shingles(text)])
        exact = jaccard(a, b)
        ours = estimate(signed(a)[0], signed(b)[0])
        # Two independent estimates of one number.
        assert abs(ours - minhashes[0].jaccard(minhashes[1])) <= 3 * np.sqrt(2 * exact * (1 - exact) / PERMUTATIONS) + 1e-12


@pytest.mark.parametrize("size", [1_000, 100_000, 300_000])
def test_the_error_does_not_grow_with_the_text(size):
    """Hashes of 32 bits meet now and then in long texts; estimates over 8 seeds stay within theory, at every similarity."""
    squares, expected = 0.0, 0.0
    for planted in (0.1, 0.5, 0.9):
        common = int(size * 2 * planted / (1 + planted))
        a, b = (" ".join(f"w{n}" for n in (*range(common), *range(start, start + size - common))) for start in (size, 2 * size))
        exact = common / (2 * size - common)
        for seed in range(8):
            first, second = signed(a, b, ngram=1, seed=seed)
            squares += (estimate(first, second) - exact) ** 2
            expected += exact * (1 - exact) / PERMUTATIONS
    assert squares / expected < 2  # the mean of 24 squares of deviation 1: 2 lies 3.5 deviations above


def reference(text: str, ngram: int, permutations: int) -> list[int]:
    """The definition, number by number, from the one function that knows words."""
    data = np.frombuffer(text.encode(), np.uint8)
    words, at = [], 0
    while True:
        word, begin, at = next_word(data, at, len(data), classes(), lower())
        if begin == at:
            break
        words.append(int(word))
    limit = 1 << 64
    runs = [words[k : k + ngram] for k in range(len(words) - ngram + 1)] or [words][: len(words)]
    sums = [sum(word * pow(int(BASE), len(run) - 1 - k, limit) for k, word in enumerate(run)) for run in runs]
    short = len(words) if len(words) < ngram else 0
    shingles = [int(mix(np.uint64((total + short) % limit))) >> 32 for total in sums]
    multipliers, addends = (column.tolist() for column in permutations_of(permutations, 1))
    return [
        min([0xFFFFFFFF, *(min((shingle * a + b) % (1 << 32), 0xFFFFFFFE) for shingle in shingles)])
        for a, b in zip(multipliers, addends, strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "Straße", "été", "中", "日本語", " ", "\n", ", ", "x1_y", "\u0301", "Ω", "🙂"]), max_size=30),
    st.integers(0, 60),
    st.integers(1, 9),
)
def test_signatures_follow_their_definition_across_blocks(pieces, times, ngram):
    """Up to 1,800 words: blocks of 512 begin and end inside words, runs of Han, and short texts."""
    text = "".join(f"{piece}{k % 7}" if k % 3 else piece for k, piece in enumerate(pieces * times))
    assert signed(text, ngram=ngram, permutations=4)[0].tolist() == reference(text, ngram, 4)


def test_versions_of_real_documents(shared_data):
    """600 pairs of versions with their exact Jaccard index, made by another program (shared data, neardup)."""
    folder = shared_data / "neardup" / "rust_rfcs"
    with gzip.open(folder / "versions.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    number = {f"{row['doc']}@{row['version']}": k for k, row in enumerate(rows)}
    minima = signed(*(row["text"] for row in rows))
    known = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    exact = np.array([pair["jaccard_w5"] for pair in known])
    estimated = estimate(minima[[number[pair["a"]] for pair in known]], minima[[number[pair["b"]] for pair in known]])
    deviation = np.sqrt(exact * (1 - exact) / PERMUTATIONS)
    assert len(known) == 600
    assert np.mean(np.abs(estimated - exact) <= 3 * deviation + 1e-4) >= 0.985
    assert abs((estimated - exact).mean()) < 0.01


texts = st.text(st.sampled_from("ab AB.,_-\n1é\u0301中ß") | st.characters(exclude_categories=["Cs"]), max_size=80)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=5), st.integers(0, 5), st.integers(1, 9))
def test_a_signature_depends_on_its_text_alone(batch, begin, ngram):
    together = signatures(pa.array(batch, pa.string())[begin:], ngram=ngram, permutations=16)
    apart = [signed(text, ngram=ngram, permutations=16) for text in batch[begin:]]
    np.testing.assert_array_equal(together, np.concatenate([np.empty((0, 16), np.uint32), *apart]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["alpha", "Beta", "x1", "été", "_"]), max_size=12), st.sampled_from([" ", ", ", "\n\n", " — "]))
def test_case_and_what_stands_between_words_do_not_matter(words, separator):
    np.testing.assert_array_equal(signed(" ".join(words)), signed(separator.join(words).upper()))
    assert has_words(signed(separator.join(words)))[0] == bool(words)


def test_equal_sets_of_shingles_have_equal_signatures_and_others_do_not():
    np.testing.assert_array_equal(signed("a b c a b c a b", ngram=2), signed("c a b c a", ngram=2))
    assert not np.any(signed("a b c d e") == signed("e d c b a"))
    assert not np.any(signed("a b") == signed("a b a"))
    assert estimate(signed("中文的句子没有空格"), signed("中文的句子没有空白"))[0] > 0.4


def test_short_texts_have_one_shingle_and_wordless_ones_are_near_to_nothing():
    minima = signed("one", "One!", "one two", "", "!!!", None)
    assert list(has_words(minima)) == [True, True, True, False, False, False]
    assert np.all(minima[3:] == NO_WORDS)
    assert estimate(minima[0], minima[1]) == 1
    assert estimate(minima[0], minima[2]) < 0.1
    assert estimate(minima[3], minima[4]) == 0
    np.testing.assert_array_equal(estimate(minima, minima), [1, 1, 1, 0, 0, 0])


def test_seed_and_definition_are_pinned():
    """Stored signatures of earlier runs are compared with new ones: these numbers never change."""
    assert [hex(int(a)) for a in permutations_of(2, 1)[0]] == ["0x910a2ded", "0xbeeb8da1"]
    text = "The quick brown fox jumps over the lazy dog; ÉTÉ 中文 ist schön."
    assert signed(text, permutations=4).tolist() == [[529203023, 604383358, 221647197, 12206510]]
    assert not np.any(signed(text, seed=2) == signed(text, seed=1))


def test_a_long_line_and_one_repeated_word():
    minima = signed("word " * 2_000_000, "x" * 5_000_000, "word word word word word")
    np.testing.assert_array_equal(minima[0], minima[2])
    assert has_words(minima).all()
