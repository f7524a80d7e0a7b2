"""Repeated passages equal their definition, word for word, however the documents are parted and whatever the memory and the workers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters.cuts import apply_cuts
from pipeline.duplicates.repeated_passages import PASSAGES, find_repeated_passages
from pipeline.run import Run
from tests.pipeline.corpora import long_topics
from tests.pipeline.duplicates.passages_oracle import (
    configuration,
    cut_words,
    found,
    repeated_by_suffixes,
    repeated_words,
    spans_of,
    words,
    write_part,
)

TINY = 1 << 20  # the least that a run may be given: 8,192 words at a time


def parted(texts: Sequence[str], owners: Sequence[int]) -> list[list[str]]:
    return [[text for text, owner in zip(texts, owners, strict=True) if owner == number] for number in range(max(owners, default=0) + 1)]


def cut(folder: Path, parts: Sequence[Sequence[str]], least_words: int, **runner: int) -> dict[str, set[int]]:
    """The words that are cut, by text."""
    spans = found(folder, parts, configuration(least_words, **runner))
    return {
        text: cut_words(text, flat) for part, rows in zip(parts, spans, strict=True) for text, flat in zip(part, rows, strict=True) if text
    }


@st.composite
def repetitive(draw: st.DrawFn) -> list[str]:
    """Texts of two or three words in random order, in periods, and copied from each other; every text once."""
    texts: list[list[str]] = []
    for _ in range(draw(st.integers(1, 8))):
        words_of = draw(st.lists(st.sampled_from(draw(st.sampled_from(["a", "ab", "abc"]))), max_size=50))
        if texts and draw(st.booleans()):
            other = draw(st.sampled_from(texts))
            begin = draw(st.integers(0, len(other)))
            words_of = words_of + other[begin : begin + draw(st.integers(8, 30))] + words_of[: draw(st.integers(0, 20))]
        texts.append(words_of * draw(st.sampled_from([1, 1, 1, 4])))
    return list(dict.fromkeys(" ".join(words_of) for words_of in texts))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(repetitive(), min_size=6, max_size=6), st.randoms(use_true_random=False))
def test_the_cut_words_are_those_of_the_definition(
    tmp_path_factory: pytest.TempPathFactory, cases: list[list[str]], random: Random
) -> None:
    """Six cases an example: a prefix for each makes their words their own, and starting jobs is what takes time."""
    texts = [" ".join(f"{word}{k}" for word in text.split()) for k, case in enumerate(cases) for text in case]
    texts = list(dict.fromkeys(texts))
    expected = dict(zip(texts, repeated_words(texts, 10), strict=True))
    random.shuffle(texts)
    parts = parted(texts, [random.randrange(3) for _ in texts])
    folder = tmp_path_factory.mktemp("run", numbered=True)
    assert cut(folder / "run", parts, 10) == {text: expected[text] for part in parts for text in part if text}


def real_texts() -> list[str]:
    """A language reference with passages moved between its topics, and one topic twice in another."""
    texts = [text for _, text in long_topics()][:24]
    texts[3] = texts[3] + "\n\n" + texts[5][200:1400]
    texts[7] = texts[2] + "\n\n" + texts[7] + "\n\n" + texts[2]
    return texts


@pytest.mark.parametrize("least_words", [10, 50])
def test_a_suffix_array_finds_the_same(tmp_path: Path, least_words: int) -> None:
    texts = real_texts()
    expected = repeated_by_suffixes(texts, least_words)
    assert expected == repeated_words(texts, least_words)
    assert sum(map(len, expected)) > 300
    assert cut(tmp_path / "run", [texts[::2], texts[1::2]], least_words) == dict(zip(texts, expected, strict=True))


def test_neither_workers_nor_parts_nor_memory_change_a_cut(tmp_path: Path) -> None:
    texts = real_texts()[:12]
    whole = cut(tmp_path / "run", [texts], 10)
    assert sum(map(len, whole.values())) > 1000
    assert cut(tmp_path / "run", [texts[::-1][k::5] for k in range(5)] + [[]], 10, memory_bytes=TINY) == whole
    # Both readings of the text in two processes; what only sees numbers in one.
    assert cut(tmp_path / "run", [texts[k::3] for k in range(3)], 10, workers=2, small_job_bytes=20_000) == whole


def test_versions_and_editions_equal_the_suffix_array(tmp_path: Path, shared_data: Path) -> None:
    """Two sources where most text is repeated: versions of RFCs, and the one book in two editions."""
    with gzip.open(shared_data / "neardup" / "rust_rfcs" / "versions.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][:16]
    book = shared_data / "books" / "gitenberg" / "Alice-s-Adventures-in-Wonderland_11"
    editions = [gzip.decompress((book / name).read_bytes()).decode("utf-8", "replace") for name in ("11.txt.gz", "11-0.txt.gz")]
    texts += [edition.replace("\r", "")[:60_000] for edition in editions]
    texts = list(dict.fromkeys(texts))
    expected = repeated_by_suffixes(texts, 50)
    assert cut(tmp_path / "run", [texts[::2], texts[1::2]], 50, memory_bytes=TINY) == dict(zip(texts, expected, strict=True))
    assert sum(map(len, expected)) > 0.5 * sum(len(words(text)) for text in texts)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("word " * 400_000, 1),
        ("one two three four five six seven " * 50_000, 7),
        ("a," * 400_000, 1),
        ("字" * 300_000, 1),
        ("x" * 2_000_000, 1),
        ("!" * 2_000_000, 0),
    ],
    ids=["one word", "period of seven", "no blanks", "han", "one long word", "no word"],
)
def test_hostile_texts_end_and_keep_the_first_of_each_word(tmp_path: Path, text: str, left: int) -> None:
    """Each window but the first of its words is cut, also where it overlaps that one; in 8,192 words of memory."""
    run = Run(tmp_path)
    unit = write_part(run, "00", ["plain", text])
    find_repeated_passages([unit], run, configuration(50, memory_bytes=TINY))
    spans = spans_of(run, "00")[1]
    assert len(words(apply_cuts(text.encode(), spans).decode())) == left


def test_only_documents_that_take_part_are_read_and_rows_stay_aligned(tmp_path: Path) -> None:
    """Of three equal texts the one that dedup removed neither gives nor takes, nor does code; texts without a cut are whole."""
    passage = " ".join(f"w{k}" for k in range(30))
    run = Run(tmp_path)
    first = [passage + " removed and longest of all of them here", "nothing", passage + " first", "", passage]
    units = [
        write_part(run, "a", first, group_rows=2, survives=[False, True, True, True, True]),
        write_part(run, "b", [passage + " in code, and longer than any other that survives"], kind="code"),
    ]
    find_repeated_passages(units, run, configuration(10))
    table = pq.read_table(run.path("dedup", "passages", "part-a.parquet"))
    assert table.schema.equals(PASSAGES)
    assert table["repeated_passages"].to_pylist() == [[], [], [], [], [0, len(passage)]]
    assert table["left"].to_pylist() == [1, 1, 1, 1, 0]
    with pq.ParquetFile(run.path("dedup", "passages", "part-a.parquet")) as file:
        assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [2, 2, 1]
    assert spans_of(run, "b") == [[]]


def test_the_share_that_is_left_is_told(tmp_path: Path) -> None:
    passage, own = (" ".join(f"{letter}{k:03d}" for k in range(100)) for letter in "ab")
    run = Run(tmp_path)
    unit = write_part(run, "00", [f"{own}\n{passage}", passage * 3])
    find_repeated_passages([unit], run, configuration(50))
    table = pq.read_table(run.path("dedup", "passages", "part-00.parquet"))
    assert table["repeated_passages"].to_pylist()[0] == [len(own) + 1, 2 * len(own) + 1]
    assert table["left"].to_pylist() == pytest.approx([0.5, 1 / 3], abs=0.01)


def test_no_part_and_no_document(tmp_path: Path) -> None:
    run = Run(tmp_path)
    find_repeated_passages([], run, configuration(10))
    find_repeated_passages([write_part(run, "00", [])], run, configuration(10))
    assert spans_of(run, "00") == []
