"""What pages teach, and that a model learned from them is the same each time."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.extractor.alignment import block_texts, kept_shares
from filters.extractor.labels import FOLDS, LabelledPage, block_labels, fold_of, registered_domain, teacher_texts
from filters.extractor.scan import scan
from pipeline.training.extractor import read_labelled_pages, train_extractor

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8), st.data())
def test_blocks_that_make_up_the_text_are_held_whole(blocks, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(blocks), max_size=len(blocks)))
    reference = "\n".join(block for block, wanted in zip(blocks, kept, strict=True) if wanted)
    shares = kept_shares(blocks, reference)
    found = sum(share * len(block.split()) for share, block in zip(shares, blocks, strict=True))
    assert round(float(found)) == len(reference.split())  # the whole text is a subsequence of the page
    if all(kept):
        assert (shares == 1).all()


def test_runs_decide_between_equal_words():
    blocks = ["Home News Sport", "the engine slows down", "News of Sport at Home", "down with it"]
    assert kept_shares(blocks, "the engine slows down. News of Sport at Home").tolist() == [0, 1, 1, 0]


def test_a_long_page_is_aligned_by_pieces():
    blocks = [f"block {n} has words of its own {n} {n + 1} {n + 2}" for n in range(1500)]
    shares = kept_shares(blocks, " ".join(blocks[200:1400]))
    assert shares[:190].max() < 0.6
    assert shares[200:1400].min() > 0.99


PAGE = b"""<nav><a href=/>Home</a> <a href=/t>Tools</a></nav><h1>Saws</h1>
<p>A saw has teeth, which are set.</p><p>Sharpen it with a file.</p><footer>Imprint</footer>"""


def test_gold_goes_before_the_teacher():
    scanned = scan(PAGE)
    assert len(block_texts(scanned)) == 5
    taught = ("Saws A saw has teeth, which are set.", "")
    by_teacher, weights = block_labels(LabelledPage("u", "s", PAGE), scanned, taught)
    assert by_teacher.tolist() == [0, 0.5, 0.5, 0, 0]
    by_phrases, heavier = block_labels(LabelledPage("u", "s", PAGE, keep=("with a  file",), drop=("Imprint", "Home")), scanned, taught)
    assert by_phrases.tolist() == [0, 0.5, 0.5, 1, 0]
    assert (heavier / weights).tolist() == [2, 1, 1, 2, 2]
    by_text, _ = block_labels(LabelledPage("u", "s", PAGE, text="Sharpen it with a file."), scanned, taught)
    assert by_text.tolist() == [0, 0, 0, 1, 0]
    _, without = block_labels(LabelledPage("u", "s", PAGE, text="Saws", undecided="Sharpen it with a file."), scanned, taught)
    assert without[3] == 0 < without[2]


def test_a_page_that_the_teacher_cannot_bear_has_no_text():
    assert teacher_texts(b"<p " + b"a=1 " * 10_000 + b">text") == ("", "")
    assert teacher_texts(b"") == ("", "")


def test_folds_are_by_site():
    assert registered_domain("https://news.bbc.co.uk/x") == registered_domain("http://bbc.co.uk") == "bbc.co.uk"
    assert registered_domain("https://a.b.example.com/x") == "example.com"
    assert {fold_of(f"site{n}.com") for n in range(60)} == set(range(FOLDS))


def write_pages(path, count):
    rows = []
    for n in range(count):
        menu = "".join(f"<li><a href=/{i}>Menu entry {i}</a>" for i in range(8))
        body = "".join(f"<p>Sentence {i} of page {n} speaks of engines, valves and steam, and it is of some length.</p>" for i in range(6))
        text = "\n".join(f"Sentence {i} of page {n} speaks of engines, valves and steam, and it is of some length." for i in range(6))
        rows.append(
            {
                "url": f"https://site{n}.com/",
                "html": f"<ul class=nav>{menu}</ul><div class=c>{body}</div><div class=f>About us</div>",
                "text": text,
            }
        )
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))


def test_a_model_of_ones_own(tmp_path):
    pytest.importorskip("catboost", reason="training needs catboost (curate[extractor])")
    write_pages(tmp_path / "pages.jsonl.gz", 25)
    said: list[str] = []
    first = train_extractor([tmp_path / "pages.jsonl.gz"], tmp_path / "a.npz", tmp_path / "folds", said.append)
    train_extractor([tmp_path / "pages.jsonl.gz"], tmp_path / "b.npz", None, said.append)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == [f"fold-{number}.npz" for number in range(FOLDS)]
    assert first.held_out_f1 > 0.99


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1 is no JSON object"),
        ('{"url": "x"}', "line 1: html: Field required"),
        ('{"html": "<p>", "weight": 0}', "line 1: weight"),
        ('{"html": "<p>", "gold": 1}', "line 1: gold: Extra inputs"),
    ],
)
def test_a_wrong_line_is_told(tmp_path, line, words):
    (tmp_path / "pages.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=words):
        list(read_labelled_pages([tmp_path / "pages.jsonl"]))


def test_too_few_sites_are_told(tmp_path):
    pytest.importorskip("catboost", reason="training needs catboost (curate[extractor])")
    write_pages(tmp_path / "pages.jsonl.gz", 1)
    with pytest.raises(ValueError, match="give pages of more sites"):
        train_extractor([tmp_path / "pages.jsonl.gz"], tmp_path / "a.npz", None, lambda _words: None)


def test_labels_are_numbers_between_nothing_and_all(shared_data):
    """On real pages with a real teacher."""
    for path in sorted((shared_data / "html" / "readability").iterdir())[:3]:
        html = gzip.decompress((path / "source.html.gz").read_bytes())
        labels, weights = block_labels(LabelledPage("u", "s", html), scan(html), teacher_texts(html))
        assert ((labels >= 0) & (labels <= 1)).all()
        assert 0 < labels.mean() < 1
        assert np.isfinite(weights).all()
