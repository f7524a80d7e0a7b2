"""A configuration is read whole or refused in one line that quotes what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from filters.presets import PRESETS
from pipeline.config import load, load_stored, stored
from pipeline.decisions.rules import check_rules, rules

ROOT = Path(__file__).resolve().parents[2]
SMALL = "name: small\nsources:\n  - {name: notes, kind: book, paths: [notes]}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "corpus.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_the_configurations_that_ship_are_valid(path: Path) -> None:
    assert load(path).name == path.stem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a mapping"),
        ("name: [", "is not YAML"),
        ("name: small\n", "sources: missing"),
        (SMALL + "filtre: {}\n", "filtre: unknown key; did you mean 'filter'?"),
        (SMALL + "dedup: {treshold: 1}\n", "dedup.treshold: unknown key; did you mean 'threshold'?"),
        (SMALL + "train: {step: 1}\n", "train.step: unknown key; did you mean 'steps'?"),
        (SMALL + "dedup: {threshold: 1.5}\n", "(got 1.5)"),
        (SMALL + "filter: {presets: {book: [gopher@2020]}}\n", "'gopher@2020' is not a preset"),
        (SMALL + "filter: {source_presets: {nots: []}}\n", "'nots'"),
        (SMALL + "filter: {bounds: {bok: {words: 1}}}\n", "filter.bounds changes 'bok', which is not a preset (did you mean 'book'?)"),
        (SMALL + "filter: {bounds: {gopher: {stop_words: 1}}}\n", "no source that it concerns has in force (in force are book@2026)"),
        (SMALL + "filter: {bounds: {book: {mean_word_length: 3}}}\n", "bound on both sides (>= 2.5 and <= 12); give at_least or at_most"),
        (SMALL + "filter: {bounds: {book: {words: many}}}\n", "filter.bounds.book.words: 'many' is no number"),
        (SMALL + "filter: {bounds: {book: {words: {least: 3}}}}\n", "'least' is no side of a bound (did you mean 'at_least'?)"),
        (SMALL + "filter: {bounds: {book: {word: 3}}}\n", "'word' has no bound that 3 could replace (did you mean 'words'?)"),
        (SMALL + "filter: {language_bounds: {de: {book: {words: .inf}}}}\n", "inf is no number"),
        (SMALL + "filter: {source_bounds: {nots: {book: {words: 3}}}}\n", "filter.source_bounds names 'nots', which is no source"),
        (SMALL + "filter: {own_presets: {book: {words: {at_least: 3}}}}\n", "'book' is the name of a preset that comes with curate"),
        (SMALL + "filter: {own_presets: {mine: {words: 3}}}\n", "3 is no bound; give {at_least: …}, {at_most: …} or both"),
        (SMALL + "filter: {own_presets: {mine: {words: {at_least: 3, at_most: 2}}}}\n", "at least 3 and at most 2"),
        (SMALL + "filter: {guard: {sources: 1}}\n", "filter.guard.sources: unknown key; did you mean 'source'?"),
        (SMALL.replace("paths: [notes]", "licence: MIT"), "'notes' has no paths"),
        (SMALL + "  - {name: notes, kind: book, paths: [more]}\n", "two sources are named 'notes'"),
        (SMALL.replace("small", "../small"), "'../small'"),
        (SMALL.replace("kind: book", "kind: song"), "'song'"),
    ],
)
def test_a_mistake_is_one_line_that_quotes_it(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        load(write(tmp_path, text))
    assert says in str(error.value)


def test_overrides_reach_any_depth_and_lists(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    config = load(path, ["dedup.threshold=0.8", "sources.0.paths=[a, b]", "filter.language.keep=[en]", "train={steps: 7}", "name=other"])
    assert (config.dedup.threshold, config.sources[0].paths, config.filter.language.keep, config.name) == (
        0.8,
        ("a", "b"),
        ("en",),
        "other",
    )
    assert config.train is not None
    assert config.train.steps == 7


@pytest.mark.parametrize(
    "override", ["dedup.threshold", "=1", "sources.4.name=x", "name.first=x", "dedup.threshold=[", "dedup.none.such=1"]
)
def test_an_override_that_fits_nothing_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        load(write(tmp_path, SMALL), [override])


def test_a_yaml_tag_runs_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(ValueError, match="is not YAML"):
        load(write(tmp_path, f"name: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{made}']]\n"))
    assert not made.exists()


def test_the_schema_is_json_and_describes_every_section() -> None:
    schema = json.loads(subprocess.run([sys.executable, "-m", "pipeline.cli", "schema"], check=True, capture_output=True, cwd=ROOT).stdout)
    assert {"name", "sources", "extract", "filter", "dedup", "tokenizer", "shards", "train", "runner"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


def test_a_kind_that_is_not_named_keeps_its_presets(tmp_path: Path) -> None:
    config = load(write(tmp_path, SMALL), ["filter.presets={code: [], web: [gopher@2021]}"])
    assert config.filter.presets["web"] == ("gopher@2021",)
    assert config.filter.presets["code"] == ()
    assert config.filter.presets["book"] == load(write(tmp_path, SMALL)).filter.presets["book"] == ("book@2026",)


def test_bounds_of_the_command_line_are_those_of_the_file(tmp_path: Path) -> None:
    in_file = (
        SMALL + "filter: {bounds: {book@2026: {words: {at_least: 7}, ellipses_per_word: null, stop_words: {at_most: 3}}}, guard: 0.5}\n"
    )
    changes = ["filters.book@2026.words=7", "filters.book@2026.ellipses_per_word=null", "filters.book@2026.stop_words={at_most: 3}"]
    config = load(write(tmp_path, SMALL), [*changes, "filter.guard={source: 0.5, language: 0.5}"])
    from_file = load(write(tmp_path, in_file))
    source = config.sources[0]
    assert rules(source, config) == rules(source, from_file) != rules(source, load(write(tmp_path, SMALL)))
    assert config.filter.guard == from_file.filter.guard
    (preset,), _ = rules(source, config)
    assert preset.name == "book@2026"
    assert PRESETS["book@2026"].bounds[0].at_least == 100


def test_a_stored_configuration_gives_the_same_rules(tmp_path: Path) -> None:
    changes = [
        "filters.book.words={at_least: 3}",
        "filter.language_bounds.de.book.words=null",
        "filter.source_bounds.notes.book.words=1e-3",
    ]
    config = load(write(tmp_path, SMALL), changes)
    (tmp_path / "_config.json").write_text(json.dumps(stored(config)))
    again = load_stored(tmp_path / "_config.json")
    assert rules(again.sources[0], again) == rules(config.sources[0], config)
    assert again.filter.source_bounds["notes"]["book"]["words"] == 0.001
    assert load_stored(tmp_path / "_config.json", ["dedup.threshold=0.9"]).dedup.threshold == 0.9
    (tmp_path / "_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"cannot be read .*; name the configuration file$"):
        load_stored(tmp_path / "_config.json")


def test_a_bound_of_no_signal_is_told_before_extraction(tmp_path: Path) -> None:
    mine = ["filter.own_presets={mine: {wrods: {at_least: 3}}}", "filter.presets.book=[mine]"]
    with pytest.raises(ValueError, match=r"^mine bounds 'wrods' for source 'notes', which is no signal \(did you mean 'words'\?\)$"):
        check_rules(load(write(tmp_path, SMALL), mine))
    check_rules(load(write(tmp_path, SMALL), [*mine, "filter.own_presets={mine: {language_score: {at_least: 0.3}}}"]))
