"""Presets and signals are what they were: every score, cut and verdict of the golden texts."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from filters.presets import PRESETS
from filters.statistics.columns import CUTS, DEFINITIONS
from tests.golden import vectors
from tests.golden.test_reference import disagreements

TEXTS = vectors.kept_texts()
MAKE = "run `python -m tests.golden.make`, review what it adds, and keep it"


@pytest.fixture(scope="module")
def batch():
    return vectors.measure(TEXTS)


def test_the_texts_are_enough_and_each_is_another() -> None:
    kinds = Counter(text.kind for text in TEXTS)
    assert kinds["prose"] >= 240
    assert kinds["code"] >= 220
    assert len({text.name for text in TEXTS}) == len({(text.text, text.language) for text in TEXTS}) == len(TEXTS)
    assert len({text.language for text in TEXTS}) >= 18


@pytest.mark.parametrize("name", PRESETS)
def test_a_definition_never_changes_under_its_name(name: str) -> None:
    kept = json.loads(vectors.PRESETS_FILE.read_text(encoding="utf-8"))
    assert name in kept, f"{name} has no golden vectors; {MAKE}"
    assert vectors.definition(PRESETS[name]) == kept[name], f"{name} has other bounds than were kept; give the new definition another name"


def test_no_preset_is_forgotten() -> None:
    kept = json.loads(vectors.PRESETS_FILE.read_text(encoding="utf-8"))
    assert set(kept) <= set(PRESETS), "a published preset was removed; users' configurations name it"


@pytest.mark.parametrize("name", PRESETS)
def test_verdicts_are_those_that_were_kept(batch, name: str) -> None:
    kept = {text: row[name] for text, row in vectors.read_rows(vectors.VERDICTS).items() if row.get(name)}
    assert len(kept) >= 200, f"{name} has verdicts on {len(kept)} golden texts; {MAKE}"
    now = vectors.verdict_rows(TEXTS, batch, [PRESETS[name]])
    assert {text: now[text][name] for text in kept} == kept
    assert set(kept) == set(now), f"texts without a verdict of {name}; {MAKE}"


def test_scores_and_cuts_are_those_that_were_kept(batch) -> None:
    """To the last bit of the float32."""
    kept, now = vectors.read_rows(vectors.SIGNALS), vectors.signal_rows(TEXTS, batch)
    assert list(kept) == list(now)
    missing = {*DEFINITIONS, *CUTS} - set(next(iter(kept.values())))
    assert missing == set(), f"signals without golden vectors; {MAKE}"
    for name, row in kept.items():
        assert {column: cell for column, cell in now[name].items() if row[column] != cell} == {}, name


@pytest.mark.parametrize("name", PRESETS)
def test_every_bound_is_just_broken_and_just_kept(batch, name: str) -> None:
    assert vectors.unwalked(batch, [PRESETS[name]]) == [], f"{MAKE}, with a variation for these bounds"


def test_the_reference_gives_the_same_numbers() -> None:
    """The review: each number is what its definition says."""
    read = [text for text in TEXTS if not text.recipe or text.name == "chronicle:100001"]  # a large one takes the reference 2 s
    found = {text.name: disagreements(text.text) for text in read}
    assert {name: differing for name, differing in found.items() if differing} == {}
