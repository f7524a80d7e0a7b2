"""The scanner reads what a browser's parser reads, and says where it stands."""

from __future__ import annotations

import html as entities
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from filters.extractor import tags
from filters.extractor.alignment import block_texts
from filters.extractor.layout import BREAKS, ELEMENT, END, HIDDEN, LINK_CHARACTERS, LINK_COUNT, QUARTER_WORDS, START, STOPS, TAG
from filters.extractor.nesting import DEPTH_LIMIT
from filters.extractor.scan import Scan, scan

SKIPPED = (
    "script",
    "style",
    "textarea",
    "title",
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "template",
    "svg",
    "math",
    "select",
    "datalist",
)


def lexbor_words(page: str) -> list[str]:
    """Words of all text nodes outside of what the scanner skips, as lexbor's tree has them."""
    found = []
    root = LexborHTMLParser(page).root
    assert root is not None
    for node in root.traverse(include_text=True):
        if node.tag == "-text":
            parent = node.parent
            while parent is not None and parent.tag not in SKIPPED:
                parent = parent.parent
            if parent is None:
                found.append(node.text_content or "")
    return re.findall(r"\w+", "".join(found))


def scanned_words(page: str) -> list[str]:
    return [word for text in block_texts(scan(page.encode())) for word in re.findall(r"\w+", text)]


def tag_of(scanned: Scan, block: int) -> str:
    return tags.TAGS[scanned.elements[scanned.blocks[block, ELEMENT], TAG]]


FLOW = (
    "div",
    "p",
    "section",
    "article",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "blockquote",
    "pre",
    "a",
    "b",
    "span",
    "em",
    "form",
    "x-card",
)
ODD = (
    "<!-- a comment -->",
    "<br>",
    "<hr/>",
    "<img src=x alt='no text'>",
    "<!doctype html>",
    "<?php echo 1 ?>",
    "</>",
    "</p>",
    "</br>",
    "<input value=x>",
)
RAW = (
    "<script>var hidden1 = '<p>hidden2</p>';</script>",
    "<style>p { hidden3: 1 }</style>",
    "<svg><path d='M0'/><text>hidden4</text></svg>",
)


@st.composite
def tag_soup(draw):
    """Start and end tags in no order, each word once."""
    pieces, number = [], 0
    for _ in range(draw(st.integers(1, 40))):
        kind = draw(st.sampled_from(["open", "close", "word", "word", "odd", "raw"]))
        if kind == "word":
            number += 1
            pieces.append(f" word{number} ")
        elif kind == "open":
            attribute = draw(st.sampled_from(["", " class='a b'", ' id="x>y"', " data-x=1", " hidden", " href=#"]))
            pieces.append(f"<{draw(st.sampled_from(FLOW))}{attribute}>")
        elif kind == "close":
            pieces.append(f"</{draw(st.sampled_from(FLOW))}>")
        else:
            pieces.append(draw(st.sampled_from(ODD if kind == "odd" else RAW)))
    return "<html><body>" + "".join(pieces)


@settings(max_examples=500, deadline=None)
@given(tag_soup())
def test_every_word_of_tag_soup_is_read_once_and_in_order(page):
    assert scanned_words(page) == lexbor_words(page)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<th>", "<tbody>", "<p>", "</p>", "<div>", "</div>", "<b>", "W"]
        ),
        max_size=30,
    )
)
def test_no_word_of_a_broken_table_is_lost(pieces):
    page = "<body>" + "".join(f" word{number} " if piece == "W" else piece for number, piece in enumerate(pieces))
    # A parser moves text that stands between cells before the table; the scanner leaves it where it is.
    assert sorted(scanned_words(page)) == sorted(lexbor_words(page))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.text(st.sampled_from("<>/!-'\"= abp&;#x\n"), max_size=200))
def test_any_text_is_scanned(text, marks):
    scanned = scan((text + marks + text).encode("utf-8", "replace"))
    starts, ends = scanned.blocks[:, START], scanned.blocks[:, END]
    assert (starts < ends).all()
    assert (starts[1:] >= ends[:-1]).all()
    assert len(scanned.text) == (ends[-1] if len(ends) else 0)


def test_blocks_are_what_stands_between_breaks():
    page = "<title>T</title><h1>One &amp; only</h1>text <b>bold</b>text<br>line<br><br>new<ul><li>a<li>b</ul><table><tr><td>c<td>d</table>"
    scanned = scan(page.encode())
    assert block_texts(scanned) == ["One & only", "text boldtext\nline", "new", "a", "b", "c", "d"]
    assert [tag_of(scanned, block) for block in range(7)] == ["h1", "", "", "li", "li", "td", "td"]
    assert scanned.blocks[1, BREAKS] == 2  # the third ended the block


def test_code_keeps_its_lines_and_indents():
    page = "<pre>\n  def f():\n\treturn 1\n\n  # end</pre><p>  after  that  </p>"
    assert block_texts(scan(page.encode())) == ["  def f():\n\treturn 1\n\n  # end", "after that"]


def test_links_and_words_are_counted():
    scanned = scan("<p>The <a href=/x>way of the</a> <a name=here>anchor</a> is 字字 long".encode())
    (block,) = scanned.blocks
    assert (block[LINK_COUNT], block[LINK_CHARACTERS]) == (1, len("way of the") + 1)  # with the blank before it
    assert block[QUARTER_WORDS] / 4 == 7 + 2 / 2
    assert block[STOPS] == 4  # the, of, the, is


@pytest.mark.parametrize(
    ("attribute", "hidden"),
    [
        ("hidden", 1),
        ("style='color: red; DISPLAY : none'", 1),
        ("style='visibility:hidden'", 1),
        ("style='display:block'", 0),
        ("class=hidden", 0),
    ],
)
def test_what_is_not_shown_is_marked(attribute, hidden):
    scanned = scan(f"<div {attribute}>text</div>".encode())
    assert scanned.elements[scanned.blocks[0, ELEMENT], HIDDEN] == hidden


def test_an_end_tag_in_a_script_string_and_one_in_a_comment_of_a_script():
    page = "<script>a = '</scr' + 'ipt>'; b = '<p>'</script>one<script><!-- <script> </script> --> x</script>two"
    assert block_texts(scan(page.encode())) == ["onetwo"]


def test_an_unclosed_drawing_does_not_swallow_the_page():
    page = "<svg><g><path d='M0 0'/><p>first</p><select><option>x<form>second</form>"
    assert block_texts(scan(page.encode())) == ["first", "second"]


def test_an_unclosed_noscript_ends_with_the_element_around_it():
    page = "<p>before</p><div>text<noscript><p>not shown</p></noscript> goes on<noscript><a href=x>nor this</a></div><p>after</p>"
    assert block_texts(scan(page.encode())) == ["before", "text goes on", "after"]


def test_a_noscript_ends_at_its_end_tag_whatever_is_open_in_it():
    """As in a browser that runs scripts, to which it is raw text."""
    assert block_texts(scan(b"<ul><li>one<noscript><li><div>not shown</noscript> more<li>two</ul>")) == ["one more", "two"]


def test_a_select_in_a_select_ends_it():
    assert block_texts(scan(b"<select><option>x<select>one<select><option>y<select>two")) == ["one", "two"]


@pytest.mark.parametrize("depth", [DEPTH_LIMIT - 2, DEPTH_LIMIT, 5000, 200_000])
def test_deep_nesting_is_read_to_the_end(depth):
    texts = block_texts(scan(b"<div>" * depth + b"deep" + b"</div>" * depth + b"<p>after</p>"))
    assert texts == ["deep", "after"]


def test_a_page_of_brackets_takes_linear_work():
    for page in (
        b"<" * 300_000,
        b"<a" * 200_000,
        b"</" * 200_000,
        b"<!--" * 100_000,
        b"<p " + b"a=1 " * 200_000,
        b"&" * 300_000,
        b"<a href='" * 50_000,
    ):
        assert len(scan(page).text) <= len(page)


@pytest.mark.parametrize("name", ["&eacute;", "&#233;", "&#xE9;", "&Eacute;"])
def test_an_entity_is_a_letter_of_its_word(name):
    scanned = scan(f"<p>caf{name}s one".encode())
    assert scanned.blocks[0, QUARTER_WORDS] / 4 == 2
    assert block_texts(scanned) == [f"caf{entities.unescape(name)}s one"]


def test_families_of_class_names():
    def found(name: str) -> set[str]:
        scanned = scan(f'<div class="{name}">text</div>'.encode())
        bits = int(scanned.elements[scanned.blocks[0, ELEMENT], 2])
        return {family for bit, family in enumerate(tags.FAMILIES) if bits >> bit & 1}

    assert found("post-comments") >= {"comment", "article"}
    assert "advertisement" not in found("loader") | found("header") | found("shadow")
    assert "advertisement" in found("top-ad") & found("adBox") & found("box_ad_1")
    assert found("siteNav") == found("site-nav") == {"navigation"}
