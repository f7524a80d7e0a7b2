"""Evaluation sets through a run: dropped, cut or marked; set phrases stay; files of every form, and hostile ones, as one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.contamination.evaluation_index import WAYS
from pipeline.config import load
from pipeline.evaluation_sets import evaluation_index
from pipeline.kept import kept_batches
from pipeline.run import Run
from pipeline.settings.signals import Contamination, EvaluationSet
from tests.pipeline.corpora import curate, long_topics, write_config

QUESTIONS = [
    "A train leaves the old station at noon with forty two apples on board and nobody in it; how many pears arrive?",
    "Which river did the blind cartographer draw twice on the same sheet of paper because he had forgotten the first?",
]
LICENCE = "permission is hereby granted free of charge to any person obtaining a copy of this software and associated files"


def corpus(folder: Path) -> dict[str, Any]:
    topics = [text for _, text in long_topics()[:16]]
    texts = [f"{text}\n\n{LICENCE}\n" for text in topics[:12]]
    texts += [
        f"{topics[12]}\n\n{QUESTIONS[0].upper()}\n\nThe end of it.",
        f"{topics[13]}\n\nThe capital of Freedonia is known to be Fredville.",
        topics[14],
    ]
    folder.mkdir()
    (folder / "rows.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    items = [{"question": question, "answer": "0"} for question in (*QUESTIONS, LICENCE)] + [{"question": "Who?", "answer": "I"}]
    items.append({"question": "the capital of Freedonia is", "answer": "Fredville"})
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    (folder / "bad.txt").write_text("apples\n")
    return {
        "name": "contaminated",
        "output": str(folder / "runs"),
        "sources": [{"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl")]}],
        "signals": {
            "contamination": {"sets": [{"name": "mine", "paths": [str(folder / "items.jsonl")]}]},
            "word_lists": [{"name": "bad", "paths": [str(folder / "bad.txt")]},
                {"name": "worse", "paths": [str(folder / "bad.txt")], "languages": ["fr"]}],
        },
        "filter": {"presets": {"table": []}},
        "dedup": {"near": False},
        "tokenizer": {"vocabulary": 500},
    }  # fmt: skip


def test_contaminated_documents_are_dropped_cut_or_marked(tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", corpus(tmp_path / "in"))
    for stage in ("extract", "filter", "dedup"):
        curate(stage, config)
    run = Run(load(config).directory)
    rows = pq.read_table(run.path("decisions")).to_pylist()
    assert [row["keep"] for row in rows] == [True] * 12 + [False, False, True]
    assert {(row["stage"], row["rule"], row["bound"]) for row in rows[12:14]} == {("filter", "contamination contamination_share", "<= 0.1")}
    assert [row["value"] for row in rows[12:14]] == [1, 1]
    report = json.loads(run.path("filter", "contamination.json").read_text())
    assert report["sets"] == [
        {"name": "mine", "items": 5, "searched": 4, "how": {"by n-grams": 3, "by answer": 1, "too short": 1}, "found": 2, "documents": 2}
    ]
    signals = pq.read_table(run.path("signals"), columns=["bad_words", "worse_words"]).to_pylist()
    assert signals[12] == {"bad_words": 1, "worse_words": None}
    # With the bound raised the licence counts; no text is extracted anew.
    assert "up to date" in curate("extract", config, "--set", "filter.contamination.most_documents=12").stderr
    curate("filter", config, "--set", "filter.contamination.most_documents=12", "--set", "filter.guard=1")
    assert [row["keep"] for row in pq.read_table(run.path("filtered")).to_pylist()] == [False] * 14 + [True]
    assert json.loads(run.path("filter", "contamination.json").read_text())["sets"][0]["documents"] == 14

    for action in ("mark", "cut"):
        given = ("--set", f"filter.contamination.action={action}")
        for stage in ("filter", "dedup"):
            curate(stage, config, *given)
        (key,) = run.keys("dedup")
        kept = [text for batch in kept_batches(run, key, load(config, [given[1]])) for text in batch["text"].to_pylist()]
        assert len(kept) == 15
        assert (QUESTIONS[0].upper() in kept[12]) == (action == "mark")
        assert "PEARS" in kept[12] or action == "cut"
        assert kept[12].endswith("The end of it.")
        assert all(LICENCE in text for text in kept[:12])
        if action == "cut":
            curate("train-tokenizer", config, *given)
            curate("tokenize", config, *given)
            assert "up to date" in curate("tokenize", config, *given).stderr
            assert "up to date" not in curate("tokenize", config, *given, "--set", "filter.contamination.maximum_share=0.9").stderr


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
