"""A configuration is read whole or refused in one line that quotes what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import load

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
