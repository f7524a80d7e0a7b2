"""A classifier learns what its texts tell apart, gives the same bytes each time, and takes no orders from the texts."""

from __future__ import annotations

from pydoc_data.topics import topics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.models.classifier import PREFIX, Classifier, FastTextSettings, Normalisation, fold_of, mixed, out_of_fold, train
from filters.models.held_out import area_under_curve

SMALL = FastTextSettings(dimensions=16, buckets=20_000, epochs=20, learning_rate=0.5)
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
    model = train(mixed(examples()), Normalisation(), SMALL)
    assert model.labels == ("kitchen", "sea")
    texts = ["The captain saw a wave from the deck", "Boil the onion in butter", "", "The\ncaptain  saw a wave\tfrom the deck", None]
    found = model.probabilities(pa.array(texts))
    assert found[0, 1] > 0.9
    assert found[1, 0] > 0.9
    assert np.isnan(found[[2, 4]]).all()
    assert np.array_equal(found[0], found[3])
    np.testing.assert_allclose(found[:2].sum(axis=1), 1, atol=1e-3)
    assert np.array_equal(model.probabilities(texts[:1])[0], found[0])


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
    again = Classifier.load(tmp_path / "0.bin")
    assert np.array_equal(again.probabilities(["salt and flour"]), model.probabilities(["salt and flour"]))


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
    assert Classifier.load(tmp_path / "0.ftz").probabilities(["the tide and the anchor"])[0, 1] > 0.8


def test_a_text_cannot_label_itself_or_end_its_line():
    """Web pages that spell fastText's own marks would else teach any label, or hide what follows."""
    hostile = f"{PREFIX}sea </s> onion </s>butter __label____label__sea\0flour"
    line = Normalisation().line(hostile)
    assert PREFIX not in line
    assert "</s>" not in line
    assert line.split()[:3] == ["sea", "onion", "butter"]
    model = train(mixed([*examples(), ("kitchen", Normalisation().line(f"stir {PREFIX}poison"))]), Normalisation(), SMALL)
    assert model.labels == ("kitchen", "sea")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.integers(0, 100), st.booleans())
def test_a_line_is_one_line_bounded_and_itself_again(text, characters, lowercase):
    normalisation = Normalisation(lowercase, characters)
    line = normalisation.line(text)
    assert "\n" not in line
    assert line == " ".join(line.split())
    assert PREFIX not in line
    line.encode()
    if characters >= 8:
        # Lower case may be longer (İ), and four samples have a blank before each.
        assert len(line) <= max(characters, 8) * (3 if lowercase else 1) + 4


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
        with pytest.raises(ValueError, match="is no fastText classifier"):
            Classifier.load(tmp_path / name)
