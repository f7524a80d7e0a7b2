"""The hand-made gold: its form, and that the pages in the shared data are those it was made on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gold import PAGES, load, main_text, page_text, words

FIELDS = {"file", "url", "payload_xxh3_128", "site", "language", "kinds", "words", "main"}
# At least so many pages of each kind (issue 3 names them, at 60 pages in all).
COVERAGE = {"non-latin": 25, "documentation": 20, "table": 10, "code": 10}


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PAGES.read_text(encoding="utf-8").splitlines()]


def test_every_range_is_ordered_disjoint_and_within_its_page(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        assert FIELDS <= set(entry) <= FIELDS | {"comments"}, entry["file"]
        taken: set[int] = set()
        for ranges in (entry["main"], entry.get("comments", [])):
            bounds = [bound for pair in ranges for bound in pair]
            assert bounds == sorted(bounds), entry["url"] or entry["file"]
            assert all(start < end for start, end in ranges)
            assert all(start >= 0 and end <= entry["words"] for start, end in ranges)
            positions = {position for start, end in ranges for position in range(start, end)}
            assert not positions & taken
            taken |= positions
        assert entry["main"]


def test_the_gold_covers_what_the_other_sets_lack(entries: list[dict[str, Any]]) -> None:
    kinds = Counter(kind for entry in entries for kind in entry["kinds"])
    assert len(entries) >= 75
    assert {kind: count for kind, count in COVERAGE.items() if kinds[kind] < count} == {}
    assert sum(bool({"forum", "comments", "faq"} & set(entry["kinds"])) for entry in entries) >= 10
    templates = Counter((entry["site"], entry["language"]) for entry in entries if "documentation" in entry["kinds"])
    assert max(templates.values()) <= 2
    assert len({site for site, _ in templates}) >= 20
    digests = Counter(entry["payload_xxh3_128"] for entry in entries)
    assert max(digests.values()) == 1


def test_all_pages_are_found_and_their_gold_is_part_of_them(shared_data: Path, entries: list[dict[str, Any]]) -> None:
    pages = load(shared_data)
    assert [(page.file, page.url) for page in pages] == [(entry["file"], entry["url"]) for entry in entries]
    for page, entry in zip(pages, entries, strict=True):
        assert len(words(page.text)) == sum(end - start for start, end in entry["main"]), page.url or page.file
        assert len(words(page.comments)) == sum(end - start for start, end in entry.get("comments", []))
        assert page.html


def test_a_changed_page_is_refused(shared_data: Path, tmp_path: Path, entries: list[dict[str, Any]]) -> None:
    entry = next(entry for entry in entries if not entry["url"])
    changed = tmp_path / "pages.jsonl"
    changed.write_text(json.dumps(entry | {"payload_xxh3_128": "0" * 32}))
    with pytest.raises(ValueError, match="is not in"):
        load(shared_data, changed)
    changed.write_text(json.dumps(entry | {"words": entry["words"] + 1}))
    with pytest.raises(ValueError, match="the parser is another"):
        load(shared_data, changed)


def test_text_breaks_at_blocks_and_leaves_out_what_is_not_seen() -> None:
    unseen = "<script src=x></script><style>x</style><noscript>y</noscript>"
    html = f"<body>{unseen}<h1>Tit<b>le</b></h1><p>a<br>b{unseen}<pre>c\n  d</pre><div>漢字  kana</div>"
    assert page_text(html) == "Title\na\nb\nc\n  d\n漢字 kana"
    assert words("漢字 kana ไท e\u0301") == ["漢", "字", "kana", "ไ", "ท", "é"]


@given(st.lists(st.text(st.sampled_from("ab 漢ไ\u0301é\n"), max_size=8), max_size=8))
def test_a_part_of_a_page_has_the_words_of_its_range(paragraphs: list[str]) -> None:
    text = page_text("<body>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))
    sequence = words(text)
    for start in range(len(sequence)):
        for end in range(start + 1, len(sequence) + 1):
            assert words(main_text(text, [[start, end]])) == sequence[start:end]
