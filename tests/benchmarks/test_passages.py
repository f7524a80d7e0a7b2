"""The benchmark of repeated passages: its suffix array against the definition, and one small contest without it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import passages
from benchmarks.environments import Peer, PeerMissingError
from benchmarks.passages import PEER, contest, table, write_words
from benchmarks.peers.suffix_array import repeated
from tests.pipeline.corpora import long_topics
from tests.pipeline.duplicates.passages_oracle import in_order, repeated_words, words


def test_the_suffix_array_marks_the_words_of_the_definition(tmp_path: Path) -> None:
    texts = ["a b a b c a b a b a", "b a b c a 語語 a", "c c c c c c", "x", "a b a b", "日本語日本語"]
    write_words(tmp_path / "words", texts)
    data = (tmp_path / "words").read_bytes()
    suffixes = sorted(range(len(data)), key=lambda k: data[k:])
    common = [_common(data[a:], data[b:]) for a, b in pairwise(suffixes)] + [0]
    for least_words in (2, 3, 4):
        marks = repeated(np.frombuffer(data, np.uint8), np.array(suffixes), np.array(common), least_words)
        cut = repeated_words(texts, least_words)
        assert marks.tolist() == [number in cut[k] for k in in_order(texts) for number in range(len(words(texts[k])))]


def _common(a: bytes, b: bytes) -> int:
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def test_an_absent_peer_is_named_and_ours_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_peer: Peer) -> Path:
        raise PeerMissingError("no network")

    monkeypatch.setattr(passages, "python_of", absent)
    texts = [text for _, text in long_topics()[:12]]
    texts.append(f"{texts[0]}\n\nand {texts[1]}")
    result = contest({"topics": texts}, peers=True)
    told = result["quality"]["ours"]["topics"]
    assert told["words_cut"] == sum(map(len, repeated_words(texts, passages.LEAST_WORDS)))
    # The two topics lie whole in the longest text, and are cut where they stand by themselves.
    assert told["bytes_cut"] >= len((texts[0] + texts[1]).encode()) - 4
    assert len(told["samples"]) >= 2
    assert result["peers"] == {PEER.name: {"absent": "no network"}}
    assert result["ours"]["topics"]["moved"]["dedup repeated windows"]["records"] > 100
    assert f"{PEER.name}: no network" in table(result)
