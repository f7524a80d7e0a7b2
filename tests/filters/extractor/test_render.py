"""Kept blocks as text and as Markdown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.extractor.alignment import tokens
from filters.extractor.render import render
from filters.extractor.scan import scan
from filters.text import normalise_text

PAGE = """
<h1>Title</h1><p>First&nbsp;paragraph, co&shy;operative &amp; long.</p>
<h2>List</h2><ul><li>one<li>two<ol><li>inner<li>second</ol></ul>
<h2>Code</h2><pre><code>if x &lt; 1:
    return</code></pre>
<table><tr><th>Name<th>Value<tr><td>a<td>1<tr><td>b<td>2</table>
<blockquote><p>Quoted<br>lines</blockquote><p>End
"""


def rendered(page: str, *, markdown: bool = False, dropped: tuple[int, ...] = ()) -> str:
    scanned = scan(page.encode())
    kept = np.ones(len(scanned.blocks), np.bool_)
    kept[list(dropped)] = False
    return render(scanned, kept, markdown=markdown)


def test_text_is_a_line_a_block_with_rows_and_items_marked():
    assert rendered(PAGE).split("\n") == [
        "Title", "First paragraph, cooperative & long.", "List", "- one", "- two", "- inner", "- second", "Code", "if x < 1:", "    return",
        "Name | Value", "a | 1", "b | 2", "Quoted", "lines", "End",
    ]  # fmt: skip


def test_markdown_keeps_headings_lists_code_and_tables():
    assert rendered(PAGE, markdown=True) == (
        "# Title\n\nFirst paragraph, cooperative & long.\n\n## List\n\n- one\n- two\n  1. inner\n  2. second\n\n## Code\n\n"
        "```\nif x < 1:\n    return\n```\n\n| Name | Value |\n|---|---|\n| a | 1 |\n| b | 2 |\n\n> Quoted\n> lines\n\nEnd"
    )


def test_a_table_that_lays_out_a_page_is_no_data():
    page = f"<table><tr><td><p>{'long text ' * 30}<p>more<td>side</table>"
    assert rendered(page).split("\n") == [("long text " * 30).strip(), "more", "side"]


def test_only_kept_blocks_are_rendered():
    assert rendered("<p>one<p>two<ul><li>three<li>four", dropped=(0, 2)) == "two\n- four"
    assert rendered("<p>one", dropped=(0,)) == ""


PIECES = ["<p>", "<li>", "<ul>", "</ul>", "<ol>", "</ol>", "<table>", "<tr>", "<td>", "</table>", "<pre>", "</pre>", "<h3>", "<blockquote>",
          "</blockquote>", "word\n  word ", "&amp;", "<br>", "字", "&#0;", "\u202e", "text " * 60]  # fmt: skip


@pytest.mark.parametrize("markdown", [False, True])
@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40), data=st.data())
def test_any_choice_of_any_page_is_rendered_whole_and_normal(markdown, pieces, data):
    scanned = scan("".join(pieces).encode())
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(scanned.blocks), max_size=len(scanned.blocks))), np.bool_)
    text = render(scanned, kept, markdown=markdown)
    assert normalise_text(text) == text
    if not markdown:
        parts = [render(scanned, np.arange(len(kept)) == block) for block in np.flatnonzero(kept)]
        assert tokens(text) == [token for part in parts for token in tokens(part)]
