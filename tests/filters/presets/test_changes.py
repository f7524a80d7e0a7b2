"""Changes of presets by the configuration: which one wins, and what the ledger then says."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.decide import bounds_of, decide, needed
from filters.presets import PRESETS, Bound, Preset
from filters.presets.changes import changed, of_preset

BASE = Preset("a@1", (Bound("x", at_least=1, at_most=9), Bound("y", at_most=5)), languages={"de": (Bound("y", at_most=7),)})


def first(preset, **values):
    names = {"language"} | values.keys()
    rows = {name: pa.array([values.get(name)], pa.string() if name == "language" else pa.float32()) for name in sorted(names)}
    row = decide(pa.record_batch(rows), [preset]).to_pylist()[0]
    return row["rule"], row["bound"]


def test_no_shipped_preset_bounds_a_signal_twice():
    for preset in PRESETS.values():
        for bounds in (preset.bounds, *preset.languages.values()):
            assert len({bound.signal for bound in bounds}) == len(bounds)


def test_no_change_changes_nothing():
    for preset in [BASE, *PRESETS.values()]:
        assert changed(preset, {}, {}, {}) == preset


def test_a_change_for_all_stays_under_the_name_and_stands_in_the_ledger():
    preset = changed(BASE, {"y": 4, "x": {"at_least": 3}, "z": {"at_most": 2}}, {}, {})
    assert preset.name == "a@1"
    assert preset.bounds == (Bound("x", 3, 9), Bound("y", at_most=4), Bound("z", at_most=2))
    assert first(preset, x=2, y=1, z=1) == ("a@1 x", ">= 3")
    assert first(preset, x=10, y=1, z=1) == ("a@1 x", "<= 9")
    assert first(preset, x=5, y=4.5, z=1) == ("a@1 y", "<= 4")
    # For all means for German too, whatever the preset has for it by itself.
    assert first(preset, x=5, y=4.5, z=1, language="de") == ("a@1 y", "<= 4")


def test_null_takes_a_bound_or_a_side_out():
    assert changed(BASE, {"x": None, "y": None}, {}, {}) == Preset("a@1", ())
    assert changed(BASE, {"x": {"at_least": None}}, {}, {}).bounds[0] == Bound("x", at_most=9)
    without = changed(BASE, {}, {"fr": {"y": None}}, {})
    assert first(without, x=5, y=100, language="fr") == (None, None)
    assert first(without, x=5, y=100, language="en") == ("a@1 y", "<= 5")
    assert first(without, x=5, y=100) == ("a@1 y", "<= 5")
    assert [bound.signal for bound in bounds_of(without, "fr")] == ["x"]


def test_source_goes_over_language_and_language_over_all():
    preset = changed(BASE, {"y": 1}, {"de": {"y": 2}, "fr": {"x": {"at_least": 2}, "z": {"at_least": 1}}}, {})
    assert first(preset, x=5, y=1.5, z=0, language="en") == ("a@1 y", "<= 1")
    assert first(preset, x=5, y=2.5, z=0, language="de") == ("a@1 y", "<= 2")
    assert first(preset, x=1.5, y=0, z=0, language="fr") == ("a@1 x", ">= 2")
    assert first(preset, x=3, y=0, z=0, language="fr") == ("a@1 z", ">= 1")
    assert first(preset, x=3, y=0, z=0, language="en") == (None, None)
    over = changed(BASE, {"y": 1}, {"de": {"y": 2}, "fr": {"y": None}}, {"y": 3})
    for language in ("de", "fr", "en", None):
        assert first(over, x=5, y=3.5, language=language) == ("a@1 y", "<= 3")
        assert first(over, x=5, y=2.5, language=language) == (None, None)


def test_a_family_is_all_versions_and_a_full_name_goes_over_it():
    changes = {"gopher": {"words": 1, "stop_words": 1}, "gopher@2021": {"words": 2}, "c4": {"words": 3}}
    assert of_preset(changes, "gopher@2021") == {"words": 2, "stop_words": 1}
    assert of_preset(changes, "gopher-other@2021") == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x": 3}, "'x' is bound on both sides (>= 1 and <= 9); give at_least or at_most, not 3 alone"),
        ({"z": 3}, "'z' has no bound that 3 could replace; give at_least or at_most"),
        ({"x": {"at_least": 10}}, "at least 10 and at most 9"),
    ],
)
def test_a_change_that_does_not_fit_is_one_line(changes, says):
    for arguments in ((changes, {}, {}), ({}, {"en": changes}, {}), ({}, {}, changes)):
        with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
            changed(BASE, *arguments)
        assert says in str(error.value)
    with pytest.raises(ValueError, match=r"did you mean 'words'"):
        changed(PRESETS["gopher@2021"], {"wrods": 3}, {}, {})


CHANGE = st.none() | st.fixed_dictionaries(
    {}, optional={"at_least": st.integers(0, 2) | st.none(), "at_most": st.integers(2, 4) | st.none()}
)
LAYER = st.dictionaries(st.sampled_from("xyz"), CHANGE, max_size=3)


@given(LAYER, LAYER, LAYER, st.lists(st.tuples(*[st.integers(0, 5)] * 3, st.sampled_from(["de", "en", None])), min_size=1, max_size=12))
def test_a_language_s_documents_are_decided_as_if_its_bounds_were_everyone_s(everywhere, language, source, rows):
    """Deciding by language over a mixed batch is deciding each language alone with the bounds that it has."""
    preset = changed(Preset("p@1", (Bound("x", at_least=1, at_most=3), Bound("y", at_most=3))), everywhere, {"de": language}, source)
    columns = dict(zip(("x", "y", "z"), zip(*[row[:3] for row in rows], strict=True), strict=True))
    batch = pa.record_batch(
        {name: pa.array(values, pa.float32()) for name, values in columns.items()} | {"language": pa.array([row[3] for row in rows])}
    )
    assert set(needed([preset])) <= set(batch.schema.names)
    mixed = decide(batch, [preset])
    for place, row in enumerate(rows):
        alone = Preset("p@1", tuple(bounds_of(preset, row[3])))
        expected = decide(batch.slice(place, 1), [alone]).to_pylist()[0]
        assert mixed[0][place].as_py() == expected["keep"]
        if not expected["keep"]:
            assert mixed["bound"][place].as_py() == expected["bound"]
            assert mixed["rule"][place].as_py() == expected["rule"]


def test_what_takes_a_bound_out_for_a_language_is_never_broken():
    preset = changed(BASE, {}, {"fr": {"x": None, "y": None}}, {})
    assert preset.languages["fr"] == (Bound("x", at_least=-math.inf), Bound("y", at_least=-math.inf))
    rows = pa.record_batch(
        {"x": pa.array([-np.inf, np.inf, np.nan], pa.float32()), "y": pa.array([99] * 3, pa.float32()), "language": ["fr"] * 3}
    )
    assert decide(rows, [preset])["keep"].to_pylist() == [True] * 3
