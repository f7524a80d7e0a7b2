"""A classifier learns what its texts tell apart, gives the same bytes each time, and takes no orders from the texts."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pyarrow as pa
import pytest
from fasttext.FastText import _FastText
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.models.classifier import Classifier
from filters.models.classifier_training import FastTextSettings, fold_of, mixed, out_of_fold, train
from filters.models.held_out import area_under_curve
from filters.models.normalisation import PREFIX, Normalisation
from filters.text import bytes_and_offsets
from filters.unicode import lower

SMALL = FastTextSettings(dimensions=16, buckets=20_000, epochs=20, learning_rate=0.5)
MODULES = (argparse, ast, inspect, json, tarfile)
SUBJECTS = {
    "sea": ("ship", "sail", "harbour", "tide", "captain", "wave", "anchor", "deck", "storm", "island"),
    "kitchen": ("onion", "pan", "flour", "oven", "butter", "knife", "salt", "boil", "recipe", "stir"),
}


def sentences(subject: str, count: int) -> list[str]:
    """Made by counting, each another one."""
    words = SUBJECTS[subject]
    return [f"Then the {words[n % 10]} and the {words[n // 10 % 10]} of number {n} met a {words[(n * 7 + 3) % 10]} ." for n in range(count)]


def examples(count: int = 60) -> list[tuple[str, str]]:
    return [(subject, text) for subject in SUBJECTS for text in sentences(subject, count)]


def test_two_subjects_are_told_apart_and_a_text_is_judged_alone():
    model = train(mixed(examples()), Normalisation(), SMALL).classifier()
    assert model.labels == ("kitchen", "sea")
    texts = ["The captain saw a wave from the deck", "Boil the onion in butter", "", "The\ncaptain  saw a wave\tfrom the deck", None]
    found = model.probabilities(pa.array(texts))
    assert found[0, 1] > 0.9
    assert found[1, 0] > 0.9
    assert np.isnan(found[[2, 4]]).all()
    assert np.array_equal(found[0], found[3])
    np.testing.assert_allclose(found[:2].sum(axis=1), 1, atol=1e-3)
    assert np.array_equal(model.probabilities(pa.array(texts[:1]))[0], found[0])


def test_equal_texts_in_any_order_give_equal_bytes_whatever_the_process_did_before(tmp_path):
    made = []
    for number, given_examples in enumerate((examples(), examples()[::-1], examples())):
        # Memory that was used and freed: fastText with one thread takes most of its first matrix as it finds it.
        blocks = [np.full(size, 1e30, np.float32) for size in (1000, 40_000, 330_000, 340_000, 1_000_000)]
        del blocks
        model = train(mixed(given_examples), Normalisation(), SMALL)
        model.save(tmp_path / f"{number}.bin")
        made.append((tmp_path / f"{number}.bin").read_bytes())
    assert made[0] == made[1] == made[2]
    texts = pa.array(["salt and flour"])
    assert np.array_equal(Classifier.load(tmp_path / "0.bin").probabilities(texts), model.classifier().probabilities(texts))


def test_a_quantised_model_is_smaller_gives_equal_bytes_and_still_knows(tmp_path):
    made = []
    for number in range(2):
        model = train(mixed(examples()), Normalisation(), SMALL)
        model.save(tmp_path / "plain.bin")
        model.quantise(rows=2000)
        model.save(tmp_path / f"{number}.ftz")
        made.append((tmp_path / f"{number}.ftz").read_bytes())
    assert made[0] == made[1]
    assert len(made[0]) < (tmp_path / "plain.bin").stat().st_size / 5
    assert Classifier.load(tmp_path / "0.ftz").probabilities(pa.array(["the tide and the anchor"]))[0, 1] > 0.8


def test_a_text_cannot_label_itself_or_end_its_line():
    """Web pages that spell fastText's own marks would else teach any label, or hide what follows."""
    hostile = f"{PREFIX}sea </s> onion </s>butter __label____label__sea\0flour"
    line = Normalisation().line(hostile)
    assert PREFIX not in line
    assert "</s>" not in line
    assert line.split()[:3] == ["sea", "onion", "butter"]
    model = train(mixed([*examples(), ("kitchen", Normalisation().line(f"stir {PREFIX}poison"))]), Normalisation(), SMALL)
    assert model.classifier().labels == ("kitchen", "sea")


def reference_line(text: str, normalisation: Normalisation) -> str:
    """The definition in Python's strings."""
    most = normalisation.characters
    if 0 < most < len(text):
        prefix, step = most // 2, (len(text) - most // 2) // 4
        text = " ".join([text[:prefix], *(text[prefix + k * step :][: most // 8] for k in range(4))])
    if normalisation.lowercase:
        text = "".join(chr(lower()[ord(letter)]) for letter in text)
    for mark in (PREFIX, "</s>", "\0"):
        text = text.replace(mark, " ")
    return " ".join(text.encode("utf-8", "replace").decode().split())


HOSTILE = st.sampled_from([PREFIX, "__LABEL__", "</s>", "</S>", "____label__label__", "\0", "Ⱥ" * 7, "İΣ\u212a", "\x85\u3000\x1c", "é👩 "])
ANY_TEXT = st.lists(st.one_of(st.text(max_size=30), HOSTILE), max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(ANY_TEXT, max_size=4), st.integers(0, 100), st.booleans())
def test_a_line_is_what_it_is_said_to_be_in_a_batch_and_alone(texts, characters, lowercase):
    normalisation = Normalisation(lowercase, characters)
    wanted = [reference_line(text, normalisation) for text in texts]
    assert [normalisation.line(text) for text in texts] == wanted
    valid = [text.encode("utf-8", "replace").decode() for text in texts]
    lines, bounds = normalisation.lines(*bytes_and_offsets(pa.array(["x", *valid], pa.string()).slice(1)))
    assert [lines[bounds[row] : bounds[row + 1]].tobytes().decode() for row in range(len(texts))] == wanted
    for line in wanted:
        assert PREFIX not in line
        assert line == " ".join(line.split())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60).map(lambda data: data * 3), min_size=1, max_size=4), st.integers(0, 20), st.booleans())
def test_bytes_that_are_no_text_write_nothing_outside_their_room(texts, characters, lowercase):
    """Arrow does not check the UTF-8 of a file; each text's line is what it is alone."""
    normalisation = Normalisation(lowercase, characters)

    def lines(group: list[bytes]) -> list[bytes]:
        data = np.frombuffer(b"".join(group), np.uint8)
        found, bounds = normalisation.lines(data, np.concatenate([[0], np.cumsum([len(text) for text in group])]))
        return [found[bounds[row] : bounds[row + 1]].tobytes() for row in range(len(group))]

    assert lines(texts) == [lines([text])[0] for text in texts]


@pytest.mark.parametrize("word_ngrams", [1, 2, 3])
@pytest.mark.parametrize("quantised", [False, True])
def test_labels_and_scores_are_the_librarys_on_the_same_lines(tmp_path, word_ngrams, quantised):
    """fastText's own answers; documentation and source of Python, what is in the model and what is not."""
    subjects = {
        "prose": [text[:1500] for text in topics.values()],
        "code": [Path(module.__file__).read_text()[:4000] for module in MODULES],
    }
    normalisation = Normalisation(characters=600)
    taught = mixed([(label, normalisation.line(text)) for label, texts in subjects.items() for text in texts[::2]] + examples())
    trained = train(taught, normalisation, replace(SMALL, word_ngrams=word_ngrams, epochs=5))
    if quantised:
        trained.quantise(rows=3000)
    trained.save(tmp_path / "model")
    library = _FastText(model_path=str(tmp_path / "model"))
    texts = [*(text for group in subjects.values() for text in group), *(text for _, text in examples()), "zażółć gęślą", "x", "й " * 700]
    model = Classifier.load(tmp_path / "model", normalisation)
    assert model.labels == ("code", "kitchen", "prose", "sea")
    found = model.probabilities(pa.array(texts))
    lines = [normalisation.line(text) for text in texts]
    np.testing.assert_array_equal(found, model.line_probabilities(lines))
    names, scores = library.f.multilinePredict([line + "\n" for line in lines], 4, 0.0, "strict")
    for row, (labels, values) in enumerate(zip(names, scores, strict=True)):
        by_label = dict(zip((label.removeprefix(PREFIX) for label in labels), values, strict=True))
        np.testing.assert_allclose(found[row], [min(1.0, by_label.get(label, 0.0)) for label in model.labels], atol=1e-4)
    first = [labels[0].removeprefix(PREFIX) for labels in names]
    assert [model.labels[column] for column in found.argmax(axis=1)] == first


def test_a_long_text_is_judged_by_its_beginning_and_four_samples():
    text = "".join(f"{number:07d} " for number in range(10_000))
    line = Normalisation(characters=4000).line(text)
    assert line.startswith(text[:1990])
    assert len(line) < 4010
    assert int(line.split()[-2]) > 7500


def test_equal_texts_share_a_fold_and_no_model_has_seen_what_it_scores():
    """Labels of chance cannot be learnt; a model that had seen its texts would know them all the same."""
    texts = [text[:2000] for text in topics.values()]
    labels = ["odd" if fold_of(text, 2, seed=99) else "even" for text in texts]
    scores = out_of_fold([*texts, texts[0]], [*labels, labels[0]], "odd", folds=4, settings=SMALL)
    assert scores[0] == scores[-1]
    area = area_under_curve(np.array([label == "odd" for label in labels]), scores[:-1])
    assert 0.3 < area < 0.7


def test_what_is_wrong_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"two labels at least; there are 'sea'"):
        train([("sea", "ship")], Normalisation(), SMALL)
    with pytest.raises(ValueError, match=r"100 buckets of 16 dimensions are too few; give 4096"):
        train(examples(), Normalisation(), FastTextSettings(dimensions=16, buckets=100))
    with pytest.raises(ValueError, match="no word of these texts occurs 10000 times"):
        train(examples(), Normalisation(), FastTextSettings(dimensions=16, buckets=20_000, minimum_count=10_000))
    with pytest.raises(ValueError, match=r"'fish' is not a label of these texts; they have 'a', 'b'"):
        out_of_fold(["x", "y"], ["a", "b"], "fish")
    with pytest.raises(ValueError, match="is no file"):
        Classifier.load(tmp_path / "none.bin")
    for name, data in (("empty.bin", b""), ("other.bin", b"no model " * 1000)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="is no fastText"):
            Classifier.load(tmp_path / name)
