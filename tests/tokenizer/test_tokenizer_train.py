"""A model follows from its texts and vocabulary alone, and small or odd samples still give one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tokenizer.encode import CONTROL, EOS, PAD, Encoder
from tokenizer.measure import measure
from tokenizer.train import FIXED_PIECES, train_tokenizer

ROOT = Path(__file__).resolve().parents[2]


def test_two_trainings_give_equal_bytes(sample, tmp_path):
    """In other folders, in another process with another hash seed and one core."""
    one, other = tmp_path / "one" / "tokenizer.model", tmp_path / "a" / "much" / "longer" / "path.model"
    report = train_tokenizer(iter(sample), 500, one)
    program = """
import json, os, sys
from pathlib import Path
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tokenizer.train import train_tokenizer
print(json.dumps(train_tokenizer(json.load(sys.stdin), 500, Path(sys.argv[1]))))
"""
    environment = {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, other],
        cwd=ROOT,
        env=environment,
        input=json.dumps(sample),
        capture_output=True,
        text=True,
        check=True,
    )
    assert one.read_bytes() == other.read_bytes()
    assert json.loads(done.stdout) == report
    assert done.stderr == ""  # SentencePiece's own log is silent


def test_the_vocabulary_is_as_asked_where_the_sample_allows(sample, tmp_path):
    report = train_tokenizer(sample, 500, tmp_path / "m")
    encoder = Encoder.load(tmp_path / "m")
    assert report["vocabulary"] == report["vocabulary_asked"] == encoder.vocabulary == 500
    assert report["sha256"] == encoder.sha256
    assert [encoder.piece(number) for number in range(11)] == ["<unk>", EOS, PAD, *CONTROL, "\n"]
    assert [encoder.piece(FIXED_PIECES - 256), encoder.piece(FIXED_PIECES - 1)] == ["<0x00>", "<0xFF>"]


def test_a_small_sample_gives_a_smaller_vocabulary_and_says_so(tmp_path):
    report = train_tokenizer(["A quick start on one line."], 32_000, tmp_path / "m")
    assert FIXED_PIECES < report["vocabulary"] < 400
    assert report["vocabulary_asked"] == 32_000
    encoder = Encoder.load(tmp_path / "m")
    assert encoder.decode(encoder.encode("Anything else: 日本語\n")) == "Anything else: 日本語\n"


def test_no_piece_crosses_a_line_a_digit_or_a_control_symbol(encoder):
    for piece in map(encoder.piece, range(FIXED_PIECES, encoder.vocabulary)):
        assert "\n" not in piece
        assert len(piece) == 1 or not any(character.isdigit() for character in piece)
        assert "\u2581" not in piece.lstrip("\u2581")


def test_indentation_is_one_piece(encoder):
    assert len(encoder.encode("        ")) == 1


@pytest.mark.parametrize(
    "texts",
    [
        ["x" * 3_000_000],
        ["one two " * 300_000],
        ["日本語" * 200_000],
        ["a\0b\0c" * 1000, "\u2581 \u2585 \u2047", "\ud800 lone"],
        ["".join(map(chr, range(0x4E00, 0x9FFF)))],
        ["\t\t\t", " ", "words\r\n"],
    ],
    ids=["one-long-word", "one-long-line", "no-spaces", "odd-characters", "more-characters-than-room", "whitespace"],
)
def test_odd_samples_train(texts, tmp_path):
    report = train_tokenizer(texts, 400, tmp_path / "m")
    assert FIXED_PIECES < report["vocabulary"] <= 400
    encoder = Encoder.load(tmp_path / "m")
    for text in (text[:3000].replace("\ud800", "") for text in texts):
        assert encoder.decode(encoder.encode(text)) == text


def test_odd_characters_do_not_cost_their_line(tmp_path):
    """SentencePiece skips a training line with NUL or U+2585; here only the character is left out."""
    train_tokenizer(["unmistakable\0words \u2585 here"] * 30, 400, tmp_path / "m")
    encoder = Encoder.load(tmp_path / "m")
    assert [encoder.piece(number) for number in encoder.encode("unmistakable")] == ["unmistakable"]


@pytest.mark.parametrize(
    ("texts", "vocabulary", "message"),
    [
        ([], 500, "sample of 0 documents holds no text"),
        (["", "\n\n"], 500, "sample of 2 documents holds no text"),
        (["text"], FIXED_PIECES, f"vocabulary {FIXED_PIECES} is too small"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_leaves_nothing(texts, vocabulary, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_tokenizer(texts, vocabulary, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_the_report_counts_the_sample(sample, tmp_path):
    report = train_tokenizer(sample, 400, tmp_path / "m")
    assert report["documents"] == len(sample)
    assert report["characters"] == sum(map(len, sample))
    assert report["bytes"] == sum(len(text.encode()) for text in sample)


def test_measures_add_up(encoder):
    texts = [("books", "It was the best of times.\n"), ("books", "the worst"), ("code", "ж\U0001f600"), ("empty", "")]
    report = measure(encoder, texts)
    assert sorted(report["sources"]) == ["books", "code", "empty"]
    for key in ("documents", "characters", "bytes", "tokens"):
        assert report["total"][key] == sum(source[key] for source in report["sources"].values())
    assert report["total"]["documents"] == 4
    assert report["sources"]["code"] == {
        "documents": 1,
        "characters": 2,
        "bytes": 6,
        "tokens": 6,
        "bytes_per_token": 1.0,
        "byte_fallback_share": 1.0,
    }
    assert report["sources"]["books"]["byte_fallback_share"] == 0
    assert report["sources"]["books"]["bytes_per_token"] > 2
    assert report["sources"]["empty"]["bytes_per_token"] is None
    used = {number for _, text in texts for number in encoder.encode(text).tolist()}
    pieces = {10, *range(FIXED_PIECES, encoder.vocabulary)}
    assert report["total"]["pieces"] == len(pieces)
    assert report["total"]["unused_pieces"] == len(pieces - used)
