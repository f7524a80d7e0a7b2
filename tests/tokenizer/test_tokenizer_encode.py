"""Every string comes back exactly, no text becomes a control id, and cutting text into words changes no id."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sentencepiece as spm
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizer import encode as encode_module
from tokenizer.encode import CONTROL, EOS, PAD, Encoder, blocks

ROOT = Path(__file__).resolve().parents[2]
ODD = [
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "    ",
    "\0",
    "\u2581",
    "\u2585",
    "\u2047",
    "\ufffd",
    "\ufeff",
    "\u2028",
    "\x85",
    "\u00a0",
    "\u3000",
    "\U0001f600",
]
CONTROLS = [EOS, PAD, *CONTROL, "<unk>", "<s>", "</s>", "<0x41>", "<0x0A>"]
WORDS = ["the", "value", "日本語", "12345", "été", "x", "result", "<|", "|>", "\x1f", "e\u0301"]
TEXT = st.one_of(st.text(), st.lists(st.sampled_from([*ODD, *CONTROLS, *WORDS]), max_size=30).map("".join))


@settings(max_examples=400, deadline=None)
@given(text=TEXT)
def test_every_string_comes_back(encoder, text):
    ids = encoder.encode(text)
    assert ids.dtype == np.int32
    assert encoder.decode(ids) == text
    assert not set(ids.tolist()) & {0, *encoder.control.values()}


@pytest.mark.parametrize("text", [*ODD, *CONTROLS, "", " a", "a ", " \n ", "\n\n\n", "\u2581\u2581 \u2581", "a\u2581b c", "\0\0"])
def test_strings_that_tokenizers_lose(encoder, text):
    for around in (text, f"a{text}b", f"\n{text}\n", f" {text} ", text * 50):
        assert encoder.decode(encoder.encode(around)) == around


@settings(max_examples=400, deadline=None)
@given(text=TEXT.filter(lambda text: "\u2581" not in text))
def test_words_change_no_id(model, encoder, text):
    """Against SentencePiece itself over the whole text, for a fresh and for a used memory of words."""
    expected = spm.SentencePieceProcessor(model_file=str(model)).encode(text)
    assert encoder.encode(text).tolist() == expected
    assert Encoder.load(model).encode(text).tolist() == expected


def test_real_text_keeps_its_ids(model, encoder, shared_data):
    """The beginnings of novels and technical documents."""
    processor = spm.SentencePieceProcessor(model_file=str(model))
    for name in ("eltec_fra", "tech_docs_eng"):
        with gzip.open(shared_data / "corpus" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for _ in range(5):
                text = json.loads(next(lines))["text"][:100_000]
                ids = encoder.encode(text)
                assert ids.tolist() == processor.encode(text)
                assert encoder.decode(ids) == text


def test_control_ids_are_known_and_come_only_on_demand(encoder):
    assert [encoder.control[name] for name in (EOS, PAD, *CONTROL)] == list(range(1, 10))
    assert encoder.eos == 1
    assert encoder.encode("", eos=True).tolist() == [1]
    ids = encoder.encode("It was", eos=True)
    assert ids[-1] == 1
    assert ids[:-1].tolist() == encoder.encode("It was").tolist()
    assert encoder.decode(ids) == "It was"


@settings(max_examples=200, deadline=None)
@given(text=TEXT, characters=st.integers(1, 20))
def test_blocks_are_the_text(text, characters):
    parts = list(blocks(text, characters))
    assert "".join(parts) == text
    assert all(0 < len(part) <= characters for part in parts)


@settings(max_examples=100, deadline=None)
@given(text=st.lists(st.sampled_from(["the value ", "result\n", "été", "  ", " ", "12", "\n"]), max_size=60).map("".join))
def test_long_text_keeps_its_ids(encoder, text):
    """Blocks of 40 characters in place of a million: where a line end or a space lies in each, no id changes."""
    cut = list(blocks(text, 40))
    safe = all(before.endswith("\n") or (after.startswith(" ") and not before.endswith(" ")) for before, after in pairwise(cut))
    parts = [encoder.encode(block) for block in cut]
    assert encoder.decode(np.concatenate([np.zeros(0, np.int32), *parts])) == text
    if safe:
        assert [number for part in parts for number in part.tolist()] == encoder.encode(text).tolist()


@pytest.mark.parametrize("unit", ["a", "value ", "日", " ", "\n", "\u2581", "9"])
def test_a_line_of_megabytes_comes_back(encoder, unit):
    """Longer than a block and than a call, with and without places to cut."""
    text = unit * (2_500_000 // len(unit))
    assert encoder.decode(encoder.encode(text)) == text


def test_the_memory_of_words_is_bounded_and_changes_nothing(model, monkeypatch):
    monkeypatch.setattr(encode_module, "CACHED_WORDS", 50)
    encoder, fresh = Encoder.load(model), Encoder.load(model)
    for number in range(300):
        text = f"word{number} was {number * 7919} " + "long" * 20
        assert encoder.encode(text).tolist() == fresh.encode(text).tolist()
        assert len(encoder._words) < 100


def test_batches_and_copies_are_the_same(encoder):
    texts = ["It was", "", "the worst\n\n", "日本語"]
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.sha256 == encoder.sha256
    for one, other, text in zip(encoder.encode_batch(texts, eos=True), copy.encode_batch(texts, eos=True), texts, strict=True):
        assert one.tolist() == other.tolist() == encoder.encode(text, eos=True).tolist()


def test_bytes_that_are_no_text_are_replaced(encoder):
    half = encoder.encode("\U0001f600")[:2]
    assert "\ufffd" in encoder.decode(half)


def test_what_cannot_be_encoded_or_decoded_is_refused(encoder, tmp_path):
    with pytest.raises(ValueError, match=r"lone surrogate '\\ud800'"):
        encoder.encode("a\ud800b")
    assert encoder.decode(encoder.encode("afterwards")) == "afterwards"
    with pytest.raises(ValueError, match="not within the vocabulary"):
        encoder.decode([encoder.vocabulary])
    with pytest.raises(ValueError, match="does not exist"):
        Encoder.load(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"tokenizer\.model.*not a SentencePiece model"):
        Encoder.load(tmp_path)


def test_a_foreign_model_that_loses_text_is_refused(tmp_path):
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(["some words of a sentence"] * 9),
        model_prefix=str(tmp_path / "foreign"),
        vocab_size=20,
        minloglevel=2,
        model_type="bpe",
    )
    with pytest.raises(ValueError, match="lacks"):
        Encoder.load(tmp_path / "foreign.model")


def test_encoding_needs_sentencepiece_and_numpy_only(model):
    program = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.partition(".")[0]
        if top in {"numpy", "sentencepiece", "tokenizer", "google"} or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from tokenizer.encode import Encoder
encoder = Encoder.load(sys.argv[1])
print(encoder.decode(encoder.encode("It was")))
"""
    done = subprocess.run([sys.executable, "-c", program, model], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "It was\n", "")
