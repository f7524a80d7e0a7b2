"""Language identification with the bundled model, on real texts."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest

from filters.language.close_languages import settled
from filters.language.identify import UNKNOWN, LanguageModel, bundled_model, pieces
from tests.filters.fasttext import models as fasttext_models

SENTENCES = {
    "en": "All human beings are born free and equal in dignity and rights.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.load()


def test_sentences_in_five_languages(model, capfd):
    languages, scores = model.identify(pa.array(list(SENTENCES.values())))
    assert languages == list(SENTENCES)
    assert scores.dtype == np.float32
    assert np.all((scores > 0.5) & (scores <= 1))
    assert capfd.readouterr() == ("", "")


def test_a_text_is_judged_alone_and_line_feeds_do_not_matter(model):
    texts = [*SENTENCES.values(), SENTENCES["de"].replace(" ", "\n"), "", " \n", "\x00", "😀"]
    together = model.identify(texts)
    apart = [model.identify([text]) for text in texts]
    assert together[0] == [languages[0] for languages, _ in apart]
    np.testing.assert_array_equal(together[1], np.concatenate([scores for _, scores in apart]))
    assert together[0][5] == "de"
    assert together[1][5] == together[1][1]
    assert together[0][6:] == [UNKNOWN] * 4
    assert list(together[1][6:]) == [0] * 4


def test_a_long_text_is_judged_by_more_than_its_beginning(model):
    """An English licence in front of a German book does not make it English."""
    text = SENTENCES["en"] * 5 + "\n" + SENTENCES["de"] * 2000
    assert model.identify([text])[0] == ["de"]
    assert model.identify(["x" * 50_000_000])[1].shape == (1,)


def test_the_share_in_other_languages(model):
    """Paragraphs are judged one by one; short ones and those of the text's own language do not count as others."""
    english, german, russian = (SENTENCES[code] * 3 for code in ("en", "de", "ru"))
    texts = [
        "\n".join([english] * 8),
        "\n".join([english] * 6 + [german] * 2),
        "\n".join([english, "short"] * 6 + [german, russian]),
        "\n\n".join(["Alle Menschen sind frei."] * 30),
        "",
        "\n".join(["1234567890 " * 20] * 8),
        english + "\n" + german,
        "\n".join([*english.split(), *german.split()]),
    ]
    found = model.measure(pa.array(texts)).mixing
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[[0, 1]], [0, 0.25], atol=0.05)
    assert 0.15 < found[2] < 0.4
    assert np.isnan(found[[3, 4, 5]]).all()
    assert 0.4 < found[6] < 0.6
    assert 0.2 < found[7] < 0.8


def test_nothing_depends_on_the_batch(model):
    texts = pa.array([*SENTENCES.values(), "\n".join(list(SENTENCES.values()) * 9), "ok", None, ""] * 20)
    whole = model.measure(texts)
    apart = [model.measure(texts.slice(start, 7)) for start in range(0, len(texts), 7)]
    assert whole.codes == [code for part in apart for code in part.codes]
    np.testing.assert_array_equal(whole.scores, np.concatenate([part.scores for part in apart]))
    np.testing.assert_array_equal(whole.mixing, np.concatenate([part.mixing for part in apart]))
    assert (whole.codes, list(whole.scores)) == (model.identify(texts)[0], list(model.identify(texts)[1]))


def test_addresses_and_numbers_say_nothing_of_the_language(model):
    clean = model.identify([SENTENCES["de"] * 4])
    noisy = model.identify([(SENTENCES["de"] + " https://www.example.com/all/human/beings www.are.born 12345 free@and.equal | * ") * 4])
    assert noisy[0] == clean[0] == ["de"]


def test_words_of_close_languages():
    assert settled("bs", "svatko ima pravo na obitelj i suradnju") == "hr"
    assert settled("hr", "svako ima pravo na porodicu i saradnju gdje živi") == "bs"
    assert settled("ms", "karena itu bahwa") == "id"
    assert settled("id", "kerana itu bahawa") == "ms"
    assert settled("hr", "pravo na rad") == "hr"


def test_another_model_answers_in_its_own_labels(tmp_path):
    (tmp_path / "model.bin").write_bytes(fasttext_models.model("softmax"))
    other = LanguageModel.load(tmp_path / "model.bin")
    assert set(other.identify(list(SENTENCES.values()))[0]) <= set(other.labels)
    assert other.measure(pa.array(["", "A b"])).codes[0] == UNKNOWN


def test_pieces_reach_over_the_whole_text():
    text = "a" * 1000 + " \n" * 3000 + "b" * 1000
    found = pieces(text, 4, 400)
    assert found[0] == "a" * 400
    assert found[-1] == "b" * 400
    assert pieces("short\n text", 4, 400) == ["short text"]
    assert pieces(" \n", 4, 400) == []
    assert all(len(piece) <= 400 and "\n" not in piece for piece in pieces("x y\n" * 100_000, 4, 400))


def test_scores_are_of_every_language_that_may_be(model):
    scores = model.scores(SENTENCES["de"], 0.01)
    assert max(scores, key=scores.get) == model.identify([SENTENCES["de"]])[0][0]
    assert all(0.01 <= score <= 1 for score in scores.values())
    assert model.scores("", 0.01) == {}


def test_a_model_that_is_not_there_or_is_none_ends_with_one_line(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"not a model")
    for name, words in (("nowhere.bin", "is no file"), ("model.bin", "is no fastText classifier")):
        with pytest.raises(ValueError, match=words) as error:
            LanguageModel.load(tmp_path / name)
        assert "\n" not in str(error.value)
        assert name in str(error.value)
    assert LanguageModel.load(bundled_model()).labels == LanguageModel.load().labels


def test_accuracy_on_the_declaration_of_human_rights(model, shared_data):
    """Languages that the model knows by a two-letter code and whose texts are long."""
    codes = {
        "eng": "en",
        "deu": "de",
        "fra": "fr",
        "spa": "es",
        "ita": "it",
        "rus": "ru",
        "pol": "pl",
        "jpn": "ja",
        "nld": "nl",
        "fin": "fi",
        "tur": "tr",
        "ell": "el",
    }
    texts, expected = [], []
    with gzip.open(shared_data / "langid" / "udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            # Plain codes only: "068" is marked French and is a Creole.
            if row["code"] == row["iso6393"] and (code := codes.get(row["code"])):
                texts.append(row["text"])
                expected.append(code)
    assert len(texts) >= 8
    found, _ = model.identify(texts)
    assert np.mean([a == b for a, b in zip(found, expected, strict=True)]) == 1
