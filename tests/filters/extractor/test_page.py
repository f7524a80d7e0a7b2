"""From the bytes of a page to its main text, with the model that is shipped."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.extractor.alignment import tokens
from filters.extractor.features import NAMES, block_features
from filters.extractor.forest import Forest
from filters.extractor.model import SHIPPED, block_model, load_forest, save_forest
from filters.extractor.page import LEAST_CHANCE, chosen, extract_page
from filters.extractor.scan import scan

PARAGRAPH = (
    "The governor of a steam engine holds its speed: two balls swing out as the shaft turns faster, and a collar that they lift closes the "
    "valve, so that less steam comes in and the engine slows down again."
)
NEWS = f"""<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>Governors - The Daily Engine</title>
<meta property="og:title" content="How governors work"><meta name="author" content="Ada Fitter">
<meta property="article:published_time" content="2024-05-17T08:00:00Z"></head><body>
<header class="site-header"><nav><ul>
<li><a href="/">Home</a></li><li><a href="/news">News</a></li><li><a href="/sport">Sport</a></li></ul></nav></header>
<main><article class="article"><h1>How governors work</h1>{"".join(f"<p>{PARAGRAPH} This is part {n}.</p>" for n in range(6))}</article>
<aside class="related"><h3>More stories</h3>
<ul><li><a href="/a">Boilers burst</a></li><li><a href="/b">Valves stuck</a></li></ul></aside></main>
<footer class="footer"><p>Copyright 2024 The Daily Engine.
<a href="/terms">Terms</a> <a href="/privacy">Privacy</a></p></footer></body></html>"""


def test_an_article_without_its_menus():
    page = extract_page(NEWS.encode())
    lines = page.text.split("\n")
    assert lines[-6:] == [f"{PARAGRAPH} This is part {n}." for n in range(6)]
    for boilerplate in ("Sport", "Boilers burst", "Copyright", "Privacy"):
        assert boilerplate not in page.text
    assert (page.head.title, page.head.author, page.head.date, page.head.language) == (
        "How governors work",
        "Ada Fitter",
        "2024-05-17",
        "en-GB",
    )
    assert page.confidence > 0.9


def test_a_page_of_links_has_no_main_text_or_little_confidence():
    links = "".join(f'<li><a href="/{n}">Link {n}</a></li>' for n in range(60))
    page = extract_page(f"<body><nav class=menu><ul>{links}</ul></nav></body>".encode())
    assert not page.text or page.confidence < 0.7


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "调速器使蒸汽机的速度保持不变。" * 30),
        ("shift_jis", "調速機は蒸気機関の速度を一定に保つ。" * 30),
        ("cp1251", "Регулятор держит скорость паровой машины. " * 30),
    ],
)
def test_other_charsets_are_found(encoding, text):
    page = f"<html><head><title>t</title></head><body><div><p>{text}</p><p>{text}</p></div></body></html>".encode(encoding)
    assert text.strip()[:50] in extract_page(page).text


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_page(payload):
    page = extract_page(b"<p>" + payload)
    assert 0 <= page.confidence <= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 1000)), min_size=1, max_size=9), st.sampled_from([0.5, 1.0, 2.0]))
def test_no_other_choice_has_a_higher_expected_f(blocks, beta):
    """Against all choices of blocks that may be kept; expectation as the ratio of expected sums."""
    chances, characters = np.array([c for c, _ in blocks], np.float32), np.array([n for _, n in blocks], np.int32)
    kept, _ = chosen(chances, characters, beta)

    def score(choice: np.ndarray) -> float:
        return float((characters * chances)[choice].sum() / max(characters[choice].sum() + beta**2 * (characters * chances).sum(), 1e-9))

    likely = chances >= LEAST_CHANCE
    choices = [np.array([number >> bit & 1 for bit in range(len(blocks))], bool) & likely for number in range(1, 1 << len(blocks))]
    if (chances > LEAST_CHANCE).any():
        assert score(kept) >= max(map(score, choices)) - 1e-4
    assert not kept[chances < LEAST_CHANCE].any()


def test_favour_trades_precision_for_recall():
    sizes = [len(extract_page(NEWS.encode(), favour=favour).text) for favour in ("precision", "balance", "recall")]
    assert sizes == sorted(sizes)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_a_forest_answers_as_its_trees_say(seed, rows):
    generator = np.random.default_rng(seed)
    trees, depth, columns = 5, 3, generator.normal(size=(4, rows)).astype(np.float32)
    forest = Forest(
        generator.integers(0, 4, (trees, depth)).astype(np.int16),
        generator.normal(size=(trees, depth)).astype(np.float32),
        generator.normal(size=(trees, 1 << depth)).astype(np.float32),
        0.25,
    )
    expected = [
        forest.bias
        + sum(
            forest.leaves[t, sum(int(columns[forest.features[t, d], row] > forest.borders[t, d]) << d for d in range(depth))]
            for t in range(trees)
        )
        for row in range(rows)
    ]
    np.testing.assert_allclose(forest.probabilities(columns), 1 / (1 + np.exp(-np.array(expected, np.float64))), rtol=1e-5)


def test_features_are_as_many_as_their_names_and_finite():
    columns = block_features(scan(NEWS.encode()))
    assert columns.shape[0] == len(NAMES) == len(set(NAMES))
    assert np.isfinite(columns).all()
    assert block_features(scan(b"")).shape == (len(NAMES), 0)


def test_a_saved_model_is_the_same_and_a_wrong_one_is_refused(tmp_path):
    save_forest(block_model(), tmp_path / "a.npz")
    save_forest(load_forest(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(b"no model")
    with pytest.raises(ValueError, match="is no extractor model"):
        load_forest(tmp_path / "c.npz")
    arrays = dict(np.load(SHIPPED))
    np.savez(tmp_path / "d.npz", **(arrays | {"definitions": np.array("other")}))
    with pytest.raises(ValueError, match="trained for other features"):
        load_forest(tmp_path / "d.npz")


def test_articles_of_the_gold_set(shared_data):
    """The shipped model has seen these sites; held-out figures are those of benchmarks/extraction."""
    folder = shared_data / "html" / "article-extraction-benchmark"
    scores = []
    for key, gold in json.loads((folder / "ground-truth.json").read_bytes()).items():
        (path,) = (folder / "html").glob(f"{key}*")
        data = path.read_bytes()
        found = Counter(tokens(extract_page(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).text))
        wanted = Counter(tokens(gold["articleBody"]))
        scores.append(2 * (found & wanted).total() / (found.total() + wanted.total()))
    assert np.mean(scores) > 0.95
