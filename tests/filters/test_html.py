"""Charsets, main text, and what the head of a page states."""

from __future__ import annotations

import gzip
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.charset import decode_html, utf8_html
from filters.html import resiliparse_text, too_complex, trafilatura_text
from filters.text import normalise_text

JAPANESE = "これは日本語の文章です。文字コードの判定を試します。" * 8
RUSSIAN = "Это русский текст, написанный для проверки кодировки страницы. " * 8
CHINESE = "这是一个用于测试字符编码检测的中文段落，内容没有意义。" * 8
FRENCH = "Voilà un élève très étonné à Noël, où ça ? Là-bas, près du café. " * 8


def page(text: str, head: str = "") -> str:
    return f"<html><head>{head}</head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("text", "encoding", "label"),
    [
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "cp932", "Shift_JIS"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8_r", "koi8-r"),
        (CHINESE, "gb18030", "gb2312"),
        (CHINESE, "gbk", "GBK"),
        (FRENCH, "cp1252", "iso-8859-1"),
        (FRENCH, "utf-8", "utf-8"),
    ],
)
def test_charset_of_header_or_meta(text, encoding, label):
    assert text in decode_html(page(text).encode(encoding), f"text/html; charset={label}")
    assert text in decode_html(page(text, f'<meta charset="{label}">').encode(encoding), "text/html")
    assert text in decode_html(page(text, f'<meta http-equiv="Content-Type" content="text/html; charset={label}">').encode(encoding))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "euc_jp"),
        (JAPANESE, "cp932"),
        (RUSSIAN, "cp1251"),
        (FRENCH, "cp1252"),
        (CHINESE, "utf-8"),
        (CHINESE, "utf-16"),
        (FRENCH, "utf-8-sig"),
    ],
)
def test_charset_detected(text, encoding):
    decoded = decode_html(page(text).encode(encoding))
    assert text in decoded
    assert decoded.startswith("<html>")


def test_a_false_charset_does_not_spoil_utf8():
    assert RUSSIAN in decode_html(page(RUSSIAN).encode(), "text/html; charset=iso-8859-1")
    assert FRENCH in decode_html(page(FRENCH).encode("cp1252"), "text/html; charset=no-such-thing")


@given(st.binary(max_size=500), st.text(max_size=30))
def test_any_bytes_decode(payload, content_type):
    assert decode_html(payload, content_type).encode() == utf8_html(payload, content_type)
    decode_html(payload, "text/html; charset=" + content_type)


@given(st.text(st.characters(), max_size=200))
def test_normal_form(text):
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not set(once) & {"\r", "\0"}
    assert not any(line.endswith((" ", "\t")) for line in once.split("\n"))
    once.encode("utf-8")


def test_normal_form_keeps_what_it_must():
    assert normalise_text("a \r\nb\t\rc\n\n  d\u0065\u0301\0\ud800") == "a\nb\nc\n\n  d\u00e9"


ARTICLE = """<html><head><title>On gears</title><meta name="author" content="A. Wheel">
<meta property="article:published_time" content="2021-03-04T05:06:07Z"></head><body>
<nav><a href="/">Home</a> <a href="/about">About</a></nav><article><h1>On gears</h1>
<p>Gears pass on motion from one shaft to another, and the ratio of their teeth decides how fast the second one turns.</p>
<p>A worm gear turns slowly and cannot be driven backwards, which is why lifts and winches are made with one.</p></article>
<div class="comments"><p>First comment, very nice text about gears indeed, thank you.</p></div>
<footer>Copyright nobody</footer></body></html>"""


@pytest.mark.parametrize("extract", [trafilatura_text, resiliparse_text])
def test_main_text_by_a_library(extract):
    found = extract(ARTICLE)
    assert "worm gear turns slowly" in found
    assert "Copyright" not in found


def test_text_does_not_depend_on_pages_before(shared_data):
    """Extraction is a function of the page: no cache of trafilatura shows through, in any order, twice over."""
    folder = shared_data / "html" / "article-extraction-benchmark"
    files = sorted(file for file in folder.rglob("*") if file.is_file() and ".html" in file.name)[:12]
    assert files
    pages = []
    for file in files:
        data = file.read_bytes()
        pages.append(decode_html(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data))
    first = [trafilatura_text(html) for html in pages]
    order = list(range(len(pages))) * 2
    random.Random(0).shuffle(order)
    for number in order:
        assert trafilatura_text(pages[number]) == first[number]
    assert sum(len(found) > 200 for found in first) > 8


@pytest.mark.parametrize("html", ["", " ", "plain words", "<html>", "<", "<html><body>" + "<div>" * 50_000 + "deep", "\0" * 100])
def test_odd_pages_have_no_text_or_some(html):
    assert isinstance(trafilatura_text(html), str)
    assert isinstance(resiliparse_text(html[:20_000]), str)


def test_tags_that_take_quadratic_time_are_told():
    assert too_complex("<p " + " ".join(f"a{n}=1" for n in range(10_000)) + ">x")
    assert too_complex("<p " + " ".join(f"attribute{n}" for n in range(10_000)) + ">x")
    assert not too_complex('<img src="data:image/png;base64,' + "A" * 500_000 + '==">')
    assert not too_complex(ARTICLE)
