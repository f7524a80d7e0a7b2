"""From texts in files to a model, from a model to a column of signals/, and from a bound on that column to a document that is removed."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.models.classifier import Classifier
from filters.models.classifier_training import FastTextSettings
from filters.models.normalisation import Normalisation
from filters.models.perplexity import PerplexityModel
from pipeline.config import load
from pipeline.decisions.ledger import find_run
from pipeline.decisions.what_if import what_if
from pipeline.model_signals import load_models, model_columns, model_settings
from pipeline.run import Run
from pipeline.settings.signals import ClassifierSignal, Signals
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from pipeline.training.classifier import report_path, train_classifier
from pipeline.training.labelled_texts import Reading, Spool, parse_labelled
from pipeline.training.perplexity import train_perplexity
from tests.pipeline.corpora import STDLIB, curate, write_config

SMALL = FastTextSettings(dimensions=16, buckets=20_000, epochs=15, learning_rate=0.5)
FLAGS = ("--dimensions", "16", "--buckets", "20000", "--epochs", "15", "--learning-rate", "0.5")


def prose() -> list[str]:
    """Paragraphs of the language reference."""
    return sorted({part for text in topics.values() for part in text.split("\n\n") if len(part) > 200})[:400]


def code() -> list[str]:
    """Pieces of the standard library's source."""
    text = "\n".join((STDLIB / name).read_text() for name in ("argparse.py", "ast.py", "inspect.py"))
    return [text[at : at + 400] for at in range(0, 160_000, 400)]


def write_lines(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> dict[str, list[str]]:
    return {"prose": [str(write_lines(tmp_path / "prose.jsonl", prose()))], "code": [str(write_lines(tmp_path / "code.jsonl", code()))]}


def test_the_report_is_what_the_model_does_on_the_texts_held_out(tmp_path, labelled):
    report = train_classifier(labelled, tmp_path / "m.bin", held_out=0.3, settings=SMALL)
    assert json.loads(report_path(tmp_path / "m.bin").read_text()) == report
    model, normalisation = Classifier.load(tmp_path / "m.bin"), Normalisation()
    # The split again, text by text: the first half of the digest below the share.
    with Spool() as spool:
        lines = {name: sorted({normalisation.line(text) for text in texts}) for name, texts in (("prose", prose()), ("code", code()))}
        for line in (line for group in lines.values() for line in group):
            spool.add(0, line)
        order = spool.order()
        held_out = set(spool.texts(order, np.flatnonzero(order.held_out(0.3))))
    assert {name: len(held_out & set(group)) for name, group in lines.items()} == {
        name: report["labels"][name]["held_out"] for name in ("prose", "code")
    }
    held = {name: pa.array(sorted(held_out & set(group))) for name, group in lines.items()}
    chosen = {name: model.probabilities(group)[:, model.labels.index("prose")] > 0.5 for name, group in held.items()}
    hits, false = int(chosen["prose"].sum()), int(chosen["code"].sum())
    assert report["held_out"]["labels"]["prose"]["precision"] == pytest.approx(hits / (hits + false))
    assert report["held_out"]["labels"]["prose"]["recall"] == pytest.approx(hits / len(chosen["prose"]))
    assert report["held_out"]["labels"]["prose"]["f1"] > 0.9
    assert sum(row["texts"] for row in report["held_out"]["labels"]["code"]["calibration"]) == len(held_out)


def test_the_order_of_files_and_texts_and_their_copies_change_no_byte(tmp_path, labelled):
    train_classifier(labelled, tmp_path / "one.bin", settings=SMALL)
    mixer = random.Random(0)
    parts: dict[str, list[str]] = {}
    for name, texts in (("code", code()), ("prose", prose())):
        copied = texts + texts[:50]
        mixer.shuffle(copied)
        parts[name] = [str(write_lines(tmp_path / f"{name}-{k}.jsonl", copied[k::3])) for k in range(3)]
    report = train_classifier(parts, tmp_path / "two.bin", settings=SMALL)
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()
    assert report["labels"]["prose"]["duplicates"] >= 50


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcdefgh")), min_size=1, max_size=40), st.floats(0, 1))
def test_a_spool_gives_each_text_once_and_none_that_contradicts(added, share):
    with Spool() as spool:
        for label, text in added:
            spool.add(label, text)
        order = spool.order()
        found = list(zip(order.labels.tolist(), spool.texts(order, np.arange(len(order.labels))), strict=True))
    labels = {text: {label for label, other in added if other == text} for _, text in added}
    assert sorted(found) == sorted((min(known), text) for text, known in labels.items() if len(known) == 1)
    assert len(order.contradictory) == sum(len(labels[text]) > 1 for _, text in added)
    assert len(order.labels) + len(order.duplicates) + len(order.contradictory) == len(added)
    assert (order.held_out(share) <= order.held_out(min(1.0, share + 0.1))).all()


def test_every_kind_of_file_teaches(tmp_path):
    texts = prose()[:40]
    (tmp_path / "lines.txt.gz").write_bytes(gzip.compress("\n".join(" ".join(text.split()) for text in texts).encode(), mtime=0))
    pq.write_table(pa.table({"body": texts}), tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text("n,body\n" + "".join(f'{n},"{text.replace(chr(34), "")}"\n' for n, text in enumerate(texts)))
    (tmp_path / "folder").mkdir()
    for number, text in enumerate(code()[:40]):
        (tmp_path / "folder" / f"{number}.txt").write_text(text)
    reading = Reading(column="body", whole_files=True)
    given = {"rows": [str(tmp_path / "rows.parquet"), str(tmp_path / "rows.csv")], "files": [str(tmp_path / "folder")]}
    report = train_classifier(given, tmp_path / "m.bin", reading=reading, settings=SMALL)
    assert report["labels"]["rows"]["records"] == 80
    assert report["labels"]["files"]["records"] == 40
    given = {"lines": [str(tmp_path / "lines.txt.gz")], "files": [str(tmp_path / "folder")]}
    assert train_classifier(given, tmp_path / "m.bin", settings=SMALL)["labels"]["lines"]["records"] == 40


def test_bad_records_are_counted_and_bad_files_are_one_line(tmp_path, labelled):
    good = Path(labelled["prose"][0]).read_bytes()
    (tmp_path / "mixed.jsonl").write_bytes(good + b'{"text": 5}\n\xff\xfe\n{"text": ""}\n{"other": "x"}\n{"text": "__label__ </s>"}\n')
    report = train_classifier({**labelled, "prose": [str(tmp_path / "mixed.jsonl")]}, tmp_path / "m.bin", settings=SMALL)
    assert report["labels"]["prose"]["rejects"] == {"empty": 1, "no text": 1, "no word": 1, "not UTF-8": 1, "text is not a string": 1}

    def message(given: dict[str, list[str]], **options: Any) -> str:
        with pytest.raises(ValueError, match=r".") as caught:
            train_classifier(given, tmp_path / "m.bin", **{"settings": SMALL, **options})
        assert "\n" not in str(caught.value)
        return str(caught.value)

    for name, data in (
        ("empty.jsonl", b""),
        ("blank.txt", b"\n\n"),
        ("latin.txt", "caf\xe9\n".encode("latin-1")),
        ("cut.jsonl.gz", gzip.compress(good, mtime=0)[:50]),
    ):
        (tmp_path / name).write_bytes(data)
        assert f"{str(tmp_path / name)!r} gave not one text" in message({**labelled, "prose": [str(tmp_path / name)]})
    assert "gave not one text: no text (400)" in message(labelled, reading=Reading(column="body")).replace(str(len(prose())), "400")
    assert "does not exist" in message({**labelled, "prose": [str(tmp_path / "none.jsonl")]})
    assert "needs two labels; 'code' is given" in message({"code": labelled["code"]})
    few = write_lines(tmp_path / "few.jsonl", ["one text alone"])
    assert "label 'prose' has n" in message({**labelled, "prose": [str(few)]})
    assert "no text to learn from" in message({"a": labelled["code"], "b": labelled["code"]})
    with pytest.raises(ValueError, match=r"'a b=c' is not LABEL=PATH"):
        parse_labelled(["a b=c"])
    assert parse_labelled(["a=x", "b=y=z", "a=w"]) == {"a": ["x", "w"], "b": ["y=z"]}


def test_perplexity_is_trained_on_no_more_than_it_is_told(tmp_path, labelled):
    found = train_perplexity(labelled["prose"], tmp_path / "p.npz", held_out=0.2)
    assert found.texts + found.held_out == len(prose())
    less = train_perplexity(labelled["prose"], tmp_path / "q.npz", held_out=0.2, most_bytes=20_000)
    assert less.bytes <= 20_000
    assert less.texts + less.left_out == found.texts
    model = PerplexityModel.load(tmp_path / "p.npz")
    like, unlike = (np.median(model.perplexity(pa.array(texts))) for texts in (prose(), code()))
    assert like < unlike / 1.5
    with pytest.raises(ValueError, match="is left to learn from"):
        train_perplexity(labelled["prose"], tmp_path / "q.npz", most_bytes=1)


def test_from_texts_to_a_bound_that_removes(tmp_path, labelled):
    """The whole way of a user: train both models, name them in the configuration, extract, decide; and what of the run teaches again."""
    model, perplexity = tmp_path / "prose.bin", tmp_path / "prose.npz"
    arguments = [f"{label}={path}" for label, (path,) in labelled.items()]
    done = curate("train-classifier", *arguments, "--output", model, *FLAGS)
    assert "held out: accuracy" in done.stdout
    assert "score of prose" in done.stdout
    assert "perplexity of" in curate("train-perplexity", labelled["prose"][0], "--output", perplexity).stdout
    texts = prose()[:20] + code()[:20]
    source = {"name": "rows", "kind": "table", "paths": [str(write_lines(tmp_path / "new.jsonl", texts))]}
    classifier = {"name": "prose", "model": str(model), "label": "prose"}
    signals = {"classifiers": [classifier, {**classifier, "name": "code", "label": "code"}], "perplexity": {"model": str(perplexity)}}
    values = {"name": "scored", "output": str(tmp_path / "runs"), "sources": [source], "signals": signals}
    own = {"own_presets": {"mine": {"prose_score": {"at_least": 0.5}}}, "presets": {"table": ["mine"]}, "guard": 1}
    path = write_config(tmp_path / "config.yaml", {**values, "filter": own})
    config = load(path)
    run = Run(config.directory)
    assert perform(EXTRACT, run, config)
    table = pq.read_table(config.directory / "signals")
    assert [str(table.schema.field(name).type) for name in ("prose_score", "code_score", "perplexity")] == ["float"] * 3
    stored = pq.read_table(config.directory / "documents")["text"].combine_chunks()  # an address in them has been replaced
    by_itself = Classifier.load(model).probabilities(stored)
    np.testing.assert_array_equal(table["code_score"].to_numpy(), by_itself[:, 0])
    np.testing.assert_array_equal(table["prose_score"].to_numpy(), by_itself[:, 1])
    np.testing.assert_array_equal(table["perplexity"].to_numpy(), PerplexityModel.load(perplexity).perplexity(stored))
    # Nothing to do a second time; another model, and the documents are measured again.
    assert not perform(EXTRACT, run, config)
    train_classifier(labelled, model, settings=replace(SMALL, seed=1))
    assert perform(EXTRACT, run, config)
    assert pq.read_table(config.directory / "signals")["prose_score"] != table["prose_score"]
    # The bound decides, and the ledger names it.
    for stage in (FILTER, DEDUP):
        perform(stage, run, config)
    scores = pq.read_table(config.directory / "signals")["prose_score"].to_numpy()
    decisions = pq.read_table(config.directory / "decisions").to_pylist()
    kept = np.array([row["stage"] != "filter" for row in decisions])
    np.testing.assert_array_equal(kept, scores >= 0.5)
    assert kept[:20].mean() > 0.9
    assert kept[20:].mean() < 0.1
    removed = [(row["rule"], row["bound"], row["value"]) for row in decisions if row["stage"] == "filter"]
    assert removed == [("mine prose_score", ">= 0.5", score) for score in scores[~kept]]
    # Other bounds without a text read: one moved, and one more. What they say is counted from the scores.
    middle = float(np.median(scores[kept]))
    moved = what_if(*find_run(config.directory, [f"filters.mine.prose_score={middle}"]))
    assert moved["all"]["leaving"][0] == np.sum(kept & (scores < np.float32(middle))) > 0
    assert moved["all"]["entering"][0] == 0
    looser = what_if(*find_run(config.directory, ["filter.own_presets={mine: {code_score: {at_least: 0.5}}}"]))
    code_scores = pq.read_table(config.directory / "signals")["code_score"].to_numpy()
    assert looser["all"]["entering"][0] == np.sum(~kept & (code_scores >= 0.5)) > 15
    assert looser["all"]["leaving"][0] == np.sum(kept & (code_scores < 0.5)) > 15
    assert looser["rules"]["mine code_score"]["after"][0] == np.sum(code_scores < 0.5)
    # The run's own documents teach, by what became of them.
    given = {"run": [f"{config.directory}:kept:rows"], "code": labelled["code"]}
    report = train_classifier(given, tmp_path / "again.bin", settings=SMALL, held_out=0)
    assert report["labels"]["run"]["records"] == sum(pq.read_table(config.directory / "decisions")["keep"].to_pylist()) > 15
    assert report["held_out"] is None
    with pytest.raises(ValueError, match="gave not one text"):
        train_classifier({**given, "run": [f"{config.directory}:all:other"]}, tmp_path / "x.bin")
    wrong = f"signals.classifiers=[{{name: prose, model: {model}, label: prosa}}]"
    message = curate("extract", path, "--set", wrong, status=2).stderr.strip().splitlines()[-1]
    assert message.startswith("curate: signals.classifiers 'prose': 'prosa' is not a label of")
    assert message.endswith("it knows code, prose")


def test_a_model_that_is_not_what_the_configuration_says_is_one_line(tmp_path, labelled):
    model = tmp_path / "m.bin"
    sha256 = train_classifier(labelled, model, settings=SMALL)["model"]["sha256"]

    def told(**changes: Any) -> str:
        signals = Signals.model_validate({"classifiers": [{"name": "prose", "model": str(model), "label": "prose", **changes}]})
        with pytest.raises(ValueError, match=r"signals\.classifiers") as caught:
            model_settings(signals), model_columns(signals, ["language_score"]), load_models(signals)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "the column 'language_score' is there already" in told(name="language")
    assert "is no file" in told(model="missing.bin")
    assert f"has sha256 {sha256}" in told(sha256="0" * 64)
    assert "was trained with lowercase: false, characters: 4000" in told(lowercase=True)
    with pytest.raises(ValueError, match="two classifiers are named 'a'"):
        Signals(classifiers=(ClassifierSignal(name="a", model="m", label="x"),) * 2)
    right = Signals(classifiers=(ClassifierSignal(name="prose", model=str(model), label="prose", sha256=sha256),))
    load_models(right)
    assert model_settings(right)[0][1] == sha256
