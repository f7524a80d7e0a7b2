"""Evaluation sets through a run: dropped, cut or marked; set phrases stay; files of every form, and hostile ones, as one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.contamination.evaluation_index import WAYS
from pipeline.config import load
from pipeline.decisions.why import lines, why
from pipeline.evaluation_sets import evaluation_index
from pipeline.kept import kept_batches
from pipeline.run import Run
from pipeline.settings.signals import Contamination, EvaluationSet
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from pipeline.stages.report import REPORT, render
from pipeline.stages.tokenize import TOKENIZE
from pipeline.stages.train_tokenizer import TRAIN_TOKENIZER
from tests.pipeline.corpora import long_topics, write_config

QUESTIONS = [
    "A train leaves the old station at noon with forty two apples on board and nobody in it; how many pears arrive?",
    "Which river did the blind cartographer draw twice on the same sheet of paper because he had forgotten the first?",
]
LICENCE = "permission is hereby granted free of charge to any person obtaining a copy of this software and associated files"


def configuration(folder: Path) -> Path:
    """Of a corpus of twelve topics with a licence, one with a question, one with a short question and its answer, one of itself."""
    topics = [text for _, text in long_topics()[:15]]
    texts = [f"{text}\n\n{LICENCE}\n" for text in topics[:12]]
    texts += [
        f"{topics[12]}\n\n{QUESTIONS[0].upper()}\n\nThe end of it.",
        f"{topics[13]}\n\nThe capital of Freedonia is known to be Fredville.",
        topics[14],
    ]
    (folder / "rows.jsonl").write_text("\n".join(json.dumps({"text": text, "id": f"row-{k}"}) for k, text in enumerate(texts)))
    items = [{"question": question, "answer": "0"} for question in (*QUESTIONS, LICENCE)] + [{"question": "Who?", "answer": "I"}]
    items.append({"question": "the capital of Freedonia is", "answer": "Fredville"})
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    (folder / "bad.txt").write_text("apples\n")
    values = {
        "name": "contaminated",
        "output": str(folder / "runs"),
        "sources": [{"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl")], "columns": {"locator": "id"}}],
        "signals": {
            "contamination": {"sets": [{"name": "mine", "paths": [str(folder / "items.jsonl")]}]},
            "word_lists": [{"name": "bad", "paths": [str(folder / "bad.txt")]},
                {"name": "worse", "paths": [str(folder / "bad.txt")], "languages": ["fr"]}],
        },
        "filter": {"presets": {"table": []}},
        "dedup": {"near": False},
        "tokenizer": {"vocabulary": 500},
        "runner": {"workers": 1},
    }  # fmt: skip
    return write_config(folder / "c.yaml", values)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose documents have been extracted."""
    path = configuration(tmp_path_factory.mktemp("contaminated"))
    config = load(path)
    perform(EXTRACT, Run(config.directory), config)
    return path


@pytest.fixture
def run(extracted: Path, tmp_path: Path) -> Run:
    """A copy of it, to be decided on."""
    copy = Run(tmp_path / "copy")
    shutil.copytree(load(extracted).directory, copy.directory)
    return copy


def rows(run: Run, table: str, *columns: str) -> list[dict[str, Any]]:
    return pq.read_table(run.path(table), columns=list(columns) or None).to_pylist()


def test_documents_that_hold_an_item_are_dropped(run: Run, extracted: Path) -> None:
    config = load(extracted)
    perform(FILTER, run, config)
    verdicts = rows(run, "filtered")
    assert [row["keep"] for row in verdicts] == [True] * 12 + [False, False, True]
    assert {(row["stage"], row["rule"], row["bound"]) for row in verdicts[12:14]} == {
        ("filter", "contamination contamination_share", "<= 0.1")
    }
    assert [row["value"] for row in verdicts[12:14]] == [1, 1]
    report = json.loads(run.path("filter", "contamination.json").read_text())
    assert report["sets"] == [
        {"name": "mine", "items": 5, "searched": 4, "how": {"by n-grams": 3, "by answer": 1, "too short": 1}, "found": 2, "documents": 2}
    ]
    assert rows(run, "signals", "bad_words", "worse_words")[12] == {"bad_words": 1, "worse_words": None}


def test_why_names_the_items_and_the_share_of_the_verdict(run: Run, extracted: Path) -> None:
    config = load(extracted)
    perform(FILTER, run, config)
    for locator, item, words in (("row-12", 0, QUESTIONS[0].upper()), ("row-13", 4, "The capital of Freedonia is known to be Fredville")):
        (path,) = why(run, locator, config)
        (bound,) = path["bounds"]
        assert (bound["rule"], bound["value"], bound["broken"]) == (path["filter"]["rule"], path["filter"]["value"], True)
        (found,) = path["contamination"]
        assert (found["set"], found["item"], found["share"], found["found"]) == ("mine", item, 1, True)
        assert found["text"]
        assert words.startswith(found["text"])
        assert f"mine item {item}: 100.0% of it" in "\n".join(lines([path]))
    (clean,) = why(run, "row-0", config)  # holds the licence, which is a set phrase
    assert [(bound["value"], bound["broken"]) for bound in clean["bounds"]] == [(0, False)]
    assert clean["contamination"] == []


def test_the_report_counts_items_and_languages(run: Run, extracted: Path) -> None:
    config = load(extracted)
    perform(FILTER, run, config)
    perform(REPORT, run, config)
    page = run.path("report", "index.html").read_text()
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    assert ["mine", "5", "1 by answer, 3 by n-grams, 1 too short", "2", "2"] in cells
    assert any(row[:4] == ["en", "15", "13", "2"] for row in cells)
    # Which n-grams count can change without a verdict: the page is made anew.
    for most in (10, 12):
        given = load(extracted, ["filter.contamination.action=mark", f"filter.contamination.most_documents={most}"])
        perform(FILTER, run, given)
        assert perform(REPORT, run, given)
    assert "Contamination" not in render(run, load(extracted, ["signals.contamination.sets=[]"]))


def test_a_higher_bound_counts_set_phrases_without_extracting_anew(run: Run, extracted: Path) -> None:
    config = load(extracted, ["filter.contamination.most_documents=12", "filter.guard=1"])
    assert not perform(EXTRACT, run, config)
    perform(FILTER, run, config)
    assert [row["keep"] for row in rows(run, "filtered")] == [False] * 14 + [True]
    assert json.loads(run.path("filter", "contamination.json").read_text())["sets"][0]["documents"] == 14


@pytest.mark.parametrize("action", ["mark", "cut"])
def test_items_are_cut_out_of_kept_text_or_stay_in_it(run: Run, extracted: Path, action: str) -> None:
    given = f"filter.contamination.action={action}"
    config = load(extracted, [given])
    for stage in (FILTER, DEDUP):
        perform(stage, run, config)
    (key,) = run.keys("extract")
    kept = [text for batch in kept_batches(run, key, config) for text in batch["text"].to_pylist()]
    assert len(kept) == 15
    assert (QUESTIONS[0].upper() in kept[12]) == (action == "mark")
    assert "PEARS" in kept[12] or action == "cut"
    assert kept[12].endswith("The end of it.")
    assert all(LICENCE in text for text in kept[:12])
    if action == "cut":
        for stage in (TRAIN_TOKENIZER, TOKENIZE):
            assert perform(stage, run, config)
        assert not perform(TOKENIZE, run, config)
        assert perform(TOKENIZE, run, load(extracted, [given, "filter.contamination.maximum_share=0.9"]))


FORMS = {
    "a.jsonl": '{"query": "Question: what is the name of it?\\nAnswer:", "choices": ["Rex", "Tom"], "gold": 1}\n',
    "b.json": '{"17": {"QUESTION": "what is the name of it?", "CONTEXTS": ["x"], "final_decision": "Tom"}}',
    "c.csv": ",Question,A,B,C,D,Answer\n0,what is the name of it?,Rex,Tom,x,y,B\n",
    "d.jsonl": '{"query": "what is the name of it?\\nChoices:\\nA. Rex\\nB. Tom\\nAnswer:", "choices": ["A", "B"], "gold": 1}',
    "e.jsonl": '{"context_options": ["no", "what is the name of it"], "continuation": "Tom", "gold": 1}',
    "f.json": '[{"question": "what is the name of it?", "answers": {"text": ["x", "Tom"], "answer_start": [1, 2]}}]',
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_evaluation_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name])
    index = evaluation_index(Contamination(sets=(EvaluationSet(name="one", paths=(str(tmp_path / name),)),)))
    (tmp_path / "plain.jsonl").write_text('{"question": "what is the name of it", "answer": "tom"}')
    plain = evaluation_index(Contamination(sets=(EvaluationSet(name="plain", paths=(str(tmp_path / "plain.jsonl"),)),)))
    assert WAYS[index.ways[0]] == "by answer"
    assert index.answer_questions[0] == plain.answer_questions[0]
    assert plain.answers.answer_keys[0] in index.answers.answer_keys


HOSTILE = {
    "truncated.jsonl": (b'{"question": "a', "is not what its name says"),
    "deep.json": (b"[" * 200_000, "is not what its name says"),
    "list.jsonl": (b"[1, 2]\n", "no record with fields"),
    "other.jsonl": (b'{"a": 1}\n', "has no question"),
    "empty.jsonl": (b"\n\n", "has no items"),
    "bytes.txt": (b"\xff\xfe\x00", "cannot be read as text"),
    "headless.csv": (b"what is it,a,b\n", "has no items"),
    "damaged.jsonl.gz": (b"\x1f\x8b\x08" + b"\0" * 20, "cannot be read as text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_holds_no_items_is_one_line(tmp_path: Path, name: str) -> None:
    content, words = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as raised:
        evaluation_index(Contamination(sets=(EvaluationSet(name="one", paths=(str(tmp_path / name),)),)))
    assert "\n" not in str(raised.value)


def test_the_shared_evaluation_sets(shared_data: Path) -> None:
    """Every form that lies there is read, and what can be searched is."""
    folder = shared_data / "eval"
    sets = [
        EvaluationSet(name="cmmlu", paths=(str(folder / "cmmlu_dev"),)),
        EvaluationSet(name="gauntlet", paths=(str(folder / "llm_foundry"),)),
    ]
    sets.append(EvaluationSet(name="pubmedqa", paths=(str(folder / "pubmedqa_trainval500.json"),)))
    index = evaluation_index(Contamination(sets=tuple(sets)))
    ways = [[int(((index.sets == k) & (index.ways == way)).sum()) for way in range(len(WAYS))] for k in range(3)]
    assert ways[0] == [216, 116, 3, 0, 0]
    assert ways[2] == [249, 251, 0, 0, 0]
    assert sum(ways[1]) == 2698
    assert sum(ways[1][2:]) < 90
