"""Our own answers of fastText models against the library's, and files that are no models."""

import gzip
import json
import random
import struct

import numpy as np
import pyarrow as pa
import pytest
from fasttext.FastText import _FastText
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fasttext.model import FastTextModel
from filters.language.identify import bundled_model
from tests.filters.fasttext import models as fasttext_models

TEXTS = [
    "All human beings are born free and equal in dignity and rights.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "كل الناس يولدون أحراراً ومتساوين في الكرامة والحقوق",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Zażółć\tgęślą\x0bjaźń\x0c\rİIıi ß ẞ \u00a0 \u2028 end",
    "👩\u200d👩\u200d👧 😀😀 1234 !!! a b c",
    "",
    "   ",
    "</s>",
    "before </s> after",
    "__label__en is a label and __label__nonsense begins like one",
    "x" * 5000,
    "word " * 2000,
    "zero\x00byte",
]


@pytest.fixture(scope="module")
def lid():
    return FastTextModel.load(bundled_model())


@pytest.fixture(scope="module")
def library():
    return _FastText(model_path=str(bundled_model()))


def answers(library, texts):
    """The library's label and score of each text, its line feeds as blanks."""
    labels, scores = library.f.multilinePredict([text.replace("\n", " ") + "\n" for text in texts], 1, 0.0, "strict")
    names = [found[0].removeprefix("__label__") if found else None for found in labels]
    return names, np.array([min(1.0, found[0]) if len(found) else 0 for found in scores])


def assert_equal(model, library, texts):
    labels, scores = model.predict(pa.array(texts, pa.string()))
    wanted, wanted_scores = answers(library, texts)
    np.testing.assert_allclose(scores, wanted_scores, atol=1e-4)
    differing = [row for row in range(len(texts)) if wanted[row] is not None and labels[row] != wanted[row]]
    # Two labels whose scores are equal but for rounding may change places.
    rows = model.scores(pa.array(texts, pa.string()))
    assert [row for row in differing if rows[row, model.labels.index(wanted[row])] < scores[row] - 1e-5] == []


def test_answers_on_made_texts_are_the_librarys(lid, library):
    assert_equal(lid, library, TEXTS)
    assert set(lid.labels) == {label.removeprefix("__label__") for label in library.get_labels()}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_answers_on_any_text_are_the_librarys(lid, library, texts):
    assert_equal(lid, library, texts)


def test_every_label_s_score_is_the_librarys(lid, library):
    text = TEXTS[0]
    labels, scores = library.f.multilinePredict([text + "\n"], 176, 0.0, "strict")
    wanted = {label.removeprefix("__label__"): score for label, score in zip(labels[0], scores[0], strict=True)}
    (found,) = lid.scores(pa.array([text]))  # the library leaves out what scores less than 0.00001
    np.testing.assert_allclose(found, [wanted.get(label, 0) for label in lid.labels], atol=1e-4)
    np.testing.assert_array_equal(lid.probabilities(pa.array([text]), "en"), [found[lid.labels.index("en")]])
    with pytest.raises(ValueError, match="'tlh' is not a label"):
        lid.probabilities(pa.array([text]), "tlh")


def test_answers_on_all_language_data_are_the_librarys(lid, library, shared_data):
    with gzip.open(shared_data / "langid" / "udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = [text for text in texts if text] + [part for text in texts[::3] for part in text.split("\n")]
    with gzip.open(shared_data / "langid" / "lingua_testdata.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts += [json.loads(line)["text"] for line in lines]
    assert_equal(lid, library, texts)


def test_a_batch_may_be_split_and_sliced(lid):
    texts = pa.array(TEXTS * 3)
    whole = lid.scores(texts)
    np.testing.assert_array_equal(whole, np.concatenate([lid.scores(texts.slice(row, 1)) for row in range(len(texts))]))
    np.testing.assert_array_equal(whole, lid.scores(texts.cast(pa.large_string())))
    np.testing.assert_array_equal(lid.scores(pa.array([None, ""])), lid.scores(pa.array(["", ""])))
    assert lid.predict(pa.array([], pa.string()))[0] == []


def sentences():
    chooser = random.Random(1)
    words = [*fasttext_models.WORDS, "unknown", "словом", "文", "é"]
    return [" ".join(chooser.choices(words, k=chooser.randint(1, 20))) for _ in range(200)] + TEXTS


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, kind in fasttext_models.MODELS.items():
        (folder / name).write_bytes(fasttext_models.model(**kind))
    return folder


@pytest.mark.parametrize("name", fasttext_models.MODELS)
def test_models_of_every_kind_answer_as_the_library_does(models, name):
    assert_equal(FastTextModel.load(models / name), _FastText(model_path=str(models / name)), sentences())


def test_what_is_no_classifier_ends_with_one_line(models, tmp_path):
    whole = (models / "hierarchical pruned").read_bytes()
    damaged = {
        "empty.ftz": b"",
        "text.ftz": b"this is no model, but long enough to hold its first numbers, or so it seems" * 3,
        "labels.ftz": whole[:64] + struct.pack("<i", 2**31 - 1) + whole[68:],
        "end.ftz": whole[:-40],
    }
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="is no fastText") as error:
            FastTextModel.load(tmp_path / name)
        assert "\n" not in str(error.value)
        assert name in str(error.value)
    (tmp_path / "vectors.bin").write_bytes(fasttext_models.model("ns", kind=2))
    with pytest.raises(ValueError, match="its kind is 2, not 3"):
        FastTextModel.load(tmp_path / "vectors.bin")
    with pytest.raises(ValueError, match="nowhere"):
        FastTextModel.load(tmp_path / "nowhere.bin")


def test_a_file_cut_anywhere_is_refused(models, tmp_path):
    path = tmp_path / "cut.ftz"
    whole = (models / "hierarchical pruned").read_bytes()
    for size in [*range(200), *range(200, len(whole), 997)]:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is no fastText"):
            FastTextModel.load(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_refused_or_answered(models, tmp_path_factory, data):
    """No count or index of a file is believed: a model that loads can be asked."""
    whole = bytearray((models / data.draw(st.sampled_from(["hierarchical pruned", "softmax compressed", "one versus all"]))).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.one_of(st.integers(0, 700), st.integers(0, len(whole) - 1)))
        whole[at] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
    path = tmp_path_factory.getbasetemp() / "changed.ftz"
    path.write_bytes(whole)
    try:
        model = FastTextModel.load(path)
    except ValueError:
        return
    assert model.scores(pa.array(sentences()[:20])).shape == (20, len(model.labels))
