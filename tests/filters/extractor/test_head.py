"""What a page says of itself."""

from __future__ import annotations

import pytest

from filters.extractor.head import read_head
from filters.extractor.scan import scan

HEAD = '<html lang="pt_BR"><head><title> On\n gears &amp; wheels </title><meta name="author" content="A. Wheel">{}</head><body><p>text'


def stated(*elements: str):
    return read_head(scan(HEAD.format("".join(elements)).encode()))


def test_title_author_language():
    head = stated()
    assert (head.title, head.author, head.language, head.date) == ("On gears & wheels", "A. Wheel", "pt-BR", None)
    assert stated('<meta content="Gears" property="og:title">').title == "Gears"


@pytest.mark.parametrize(
    ("element", "date"),
    [
        ('<meta property="article:published_time" content="2021-03-04T05:06:07Z">', "2021-03-04"),
        ('<META NAME="DC.date" CONTENT="2020-02-29">', "2020-02-29"),
        ('<script type="application/ld+json">{"@type":"Article","datePublished":"2019-12-31T10:00"}</script>', "2019-12-31"),
        ('<script>{"datePublished":"2019-12-31T10:00"}</script>', None),
        ('</head><body><time datetime="2018-01-01">then</time>', "2018-01-01"),
        ('<meta name="date" content="yesterday">', None),
        ('<meta name="date" content="2021-13-01">', None),
        ('<meta name="date" content="March 4"><meta name="pubdate" content="2021-03-04">', "2021-03-04"),
    ],
)
def test_dates_are_stated_and_never_invented(element, date):
    assert stated(element).date == date


def test_the_author_of_linked_data_and_none_that_is_an_address():
    script = '<script type="application/ld+json">{"author": [{"@type": "Person", "name": "B. Cog"}]}</script>'
    page = "<html><head><title>t</title>{}</head>"
    assert read_head(scan(page.format(script).encode())).author == "B. Cog"
    assert read_head(scan(page.format('<meta property="article:author" content="https://a.example/b">').encode())).author is None


def test_a_long_head_is_cut_and_an_empty_page_says_nothing():
    assert len(stated("<meta property=og:title content='" + "long " * 10_000 + "'>").title or "") <= 500
    assert read_head(scan(b"")) == read_head(scan(b"<p>text"))
