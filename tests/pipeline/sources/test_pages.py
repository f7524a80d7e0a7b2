"""Web records to documents or rejects."""

from __future__ import annotations

import gzip
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.language.identify import LanguageModel
from pipeline.settings.extract import Extract, Screen
from pipeline.settings.sources import Source
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document, Reject, Tally
from pipeline.sources.warc import WebRecord, records

SOURCE = Source(name="web", kind="web", paths=("x",))
ARTICLE = (
    b"<html><head><title>On  gears</title></head><body><article><h1>On gears</h1>"
    + b"<p>Gears pass on motion from one shaft to another, and the ratio of their teeth decides how fast the second one turns.</p>" * 3
    + b"</article></body></html>"
)


def record(body: bytes = ARTICLE, status: int = 200, content_type: str = "text/html; charset=utf-8", **headers: str) -> WebRecord:
    stated = {"content-type": content_type, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return WebRecord("http://a.example/x", "response", "2026-01-02T03:04:05Z", status, content_type, body, stated, offset=7, length=9)


def test_a_page_becomes_a_document():
    found = page_document(
        record(ARTICLE.replace(b"</body>", b'<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a></body>')),
        Extract(),
        SOURCE,
    )
    assert isinstance(found, Document)
    assert "teeth decides how fast" in found.text
    assert (found.locator, found.title, found.licence, found.date) == (
        "http://a.example/x",
        "On gears",
        "CC-BY-4.0",
        "2026-01-02T03:04:05Z",
    )
    assert (found.offset, found.length) == (7, 9)
    assert page_document(record(), Extract(), SOURCE.model_copy(update={"licence": "MIT"})).licence == "MIT"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (record(status=404), "http status 404"),
        (record(content_type="image/png"), "content type image/png"),
        (record(content_type=""), None),
        (record(b"\x00\x01\x02", content_type=""), "content type none"),
        (record(content_type="TEXT/HTML"), None),
        (record(content_type="what's this?"), "content type other"),
        (record(b""), "no main text"),
        (record(b"<html><body></body></html>"), "no main text"),
        (record(b"plain words\r\nof a file", content_type="text/plain"), None),
        (record(b"<p>" + b"x" * 2_000_000), "page too long"),
        (record(b"<html>" + b"<p>x" * 120_000), "page too complex"),
        (record(b"<html>" + b"<b>" * 300_000 + b"</b>" * 120_000), "page too complex"),
        (record(b"<html>" + bytes(range(128, 256)) * 100, content_type="text/html; charset=euc-jp"), "charset"),
        (record(gzip.compress(ARTICLE, mtime=0), content_encoding="gzip"), None),
        (record(gzip.compress(bytes(5_000_000), mtime=0), content_encoding="gzip"), "record too long"),
        (record(ARTICLE, content_encoding="rot13"), "content encoding"),
    ],
)
def test_outcomes(made, reason):
    found = page_document(made, Extract(max_html_bytes=1_500_000, max_record_bytes=3_000_000), SOURCE)
    assert (found.reason if isinstance(found, Reject) else None) == reason


def test_the_screen_comes_before_the_extractor():
    model = LanguageModel.load()
    assert page_document(record(), Extract(screen=Screen(minimum_words=500)), SOURCE).reason == "screen words"
    refused = page_document(record(), Extract(screen=Screen(languages=("fr",))), SOURCE, model)
    assert refused.reason == "screen language"
    assert refused.error.startswith("en 0.")
    assert isinstance(page_document(record(), Extract(screen=Screen(languages=("en",))), SOURCE, model), Document)


MARKUP = (b"<p>", b"</p>", b"<table>", b"<td>", b"<a href=x>", b"text ", b"<!--", b"<script>", b"\xff", b"&#0;", b"<svg>", b"<template>")


@settings(max_examples=80, deadline=None)
@given(
    body=st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(MARKUP), max_size=60).map(b"".join)),
    content_type=st.sampled_from(["text/html", "text/plain", "", "text/html; charset=utf-16", "application/xhtml+xml; charset=\x00"]),
    coding=st.sampled_from(["", "gzip", "deflate", "br", "zstd"]),
    chunked=st.sampled_from(["", "chunked"]),
)
def test_no_input_raises(body, content_type, coding, chunked):
    if content_type != "text/plain":
        body = b"<html><body>" + body
    made = record(body, content_type=content_type, content_encoding=coding, transfer_encoding=chunked)
    assert isinstance(page_document(made, Extract(), SOURCE), Document | Reject)


def test_all_real_files_add_up(shared_data):
    """Over every file of warc.tar.gz: records are documents plus rejects, and the table is what it was measured to be."""
    tally, table = Tally(), Counter()
    for path in sorted((shared_data / "warc").rglob("*")):
        if not path.is_file() or path.name in {"FEATURES.txt", ".unpacked"} or path.stat().st_size > 1_000_000:
            continue
        for found in records(str(path), tally, 1 << 26):
            outcome = page_document(found, Extract(), SOURCE) if isinstance(found, WebRecord) else found
            table["document" if isinstance(outcome, Document) else outcome.reason.split()[0]] += 1
            assert not isinstance(outcome, Document) or outcome.text.strip()
    assert tally.records == table.total()
    assert table["extractor"] == 0
    assert table["document"] > 100


@pytest.mark.parametrize(
    ("head", "headers", "reason"),
    [
        ("<meta name=robots content='index, follow, max-image-preview:none'>", {}, None),
        ("<META NAME='Robots' CONTENT='NOINDEX,follow'>", {}, "robots directive"),
        ("<meta name=curate content=noai>", {}, "robots directive"),
        ("<meta name=googlebot content=noindex>", {}, None),
        ("<!-- <meta name=robots content=noindex> -->", {}, None),
        ("<script>'<meta name=robots content=noindex>'</script>", {}, None),
        ("<meta name=robots content=noarchive>", {}, "robots directive"),
        ("<meta name=robots content=noimageai>", {}, None),
        ("", {"x_robots_tag": "none"}, "robots directive"),
        ("", {"x_robots_tag": "otherbot: noindex, unavailable_after: 25 Jun 2010 15:00:00 PST"}, None),
        ("", {"x_robots_tag": "Curate: noindex"}, "robots directive"),
        ("", {"tdm_reservation": "1"}, "tdm reservation"),
        ("<meta name=tdm-reservation content=0>", {"tdm_reservation": "1"}, None),
        ("<meta name=tdm-reservation content=1>", {"tdm_reservation": "0"}, "tdm reservation"),
    ],
)
def test_what_a_page_says_about_its_use_is_heeded_by_one_setting(head, headers, reason):
    page = record(ARTICLE.replace(b"<head>", b"<head>" + head.encode()), **headers)
    found = page_document(page, Extract(), SOURCE)
    assert (found.reason if isinstance(found, Reject) else None) == reason
    assert isinstance(page_document(page, Extract(respect_opt_outs=False), SOURCE), Document)


@pytest.mark.parametrize(
    ("head", "headers", "said"),
    [
        ("", {}, set()),
        ("<meta name=robots content=none>", {}, {"noindex", "nofollow"}),
        ("<meta name=robots content='noarchive, noai'>", {"tdm_reservation": "1"}, {"noarchive", "noai", "tdm_reservation"}),
        ("", {"x_robots_tag": "nofollow"}, {"nofollow"}),
    ],
)
def test_what_a_page_says_about_its_use_is_recorded_where_it_is_not_heeded(head, headers, said):
    page = record(ARTICLE.replace(b"<head>", b"<head>" + head.encode()), **headers)
    assert page_document(page, Extract(respect_opt_outs=False), SOURCE).opt_outs == said
