"""The benchmark's plantings and its contest, on items and texts of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contamination_contest
from benchmarks.contamination_contest import ANY, contest, table
from benchmarks.environments import Peer, PeerMissingError
from benchmarks.planted_items import KINDS, boilerplate, with_phrases
from filters.contamination.evaluation_index import Item, index_of
from tests.pipeline.corpora import long_topics

LONG = "A train leaves the old station at noon with forty two apples on board and nobody in it, then {} pears arrive by the evening boat"
LINE = "This function is part of the open standard for the interchange of office documents as it was published in the year two thousand"


def items() -> list[Item]:
    long = [Item(0, number, LONG.format(word), (str(number),)) for number, word in enumerate(("seven", "eleven", "thirteen"))]
    return [
        *long,
        *(Item(1, number, f"what is the capital of {land}", ("Fredville",)) for number, land in enumerate(("Freedonia", "Sylvania"))),
    ]


def test_an_absent_peer_is_named_and_the_others_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_peer: Peer) -> Path:
        raise PeerMissingError("no network")

    monkeypatch.setattr(contamination_contest, "python_of", absent)
    texts = [text for _, text in long_topics()[:30]]
    results = contest(items(), index_of(items()), texts, texts, 2)
    assert results["datatrove"] == {"absent": "no network"}
    assert results["input"]["planted"] == len(KINDS) * 4
    ours, plain = results["curate"], results["ngram set"]
    assert ours["wrong"] == plain["wrong"] == results[ANY]["wrong"] == 0
    for kind in ("whole", "capitals", "marked up"):
        assert ours["recall"][f"{kind}, by n-grams"] == ours["recall"][f"{kind}, by answer"] == plain["recall"][f"{kind}, by n-grams"] == 1
        assert plain["recall"][f"{kind}, by answer"] == 0
    assert all(results[ANY]["recall"][kind] >= share for kind, share in ours["recall"].items())
    lines = list(table(results))
    assert "datatrove: no network" in lines
    assert "| whole, by n-grams | 1.000 | 1.000 | 1.000 |" in lines


def test_lines_count_by_the_texts_that_hold_them() -> None:
    texts = [f"{LINE}\n{LINE}\n{text}" for _, text in long_topics()[:3]] + ["nothing"]
    assert LINE in boilerplate(texts, 2, 5)
    assert LINE not in boilerplate(texts, 3, 5)
    changed = with_phrases(items(), [LINE])
    assert all(LINE in item.question for item in changed)
    assert [(item.set, item.number, item.answers) for item in changed] == [(item.set, item.number, item.answers) for item in items()]
