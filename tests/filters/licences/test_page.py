"""Licences as pages state them, and what is no licence of the page."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.licences.page import EVIDENCE, page_licence

BY, SA = "https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by-sa/3.0/"


def linked(**stated: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org", **stated})}</script>'


PAGES = [
    (f'<a rel="license" href="{BY}">CC</a>', "CC-BY-4.0", "link"),
    ('<a href="http://creativecommons.org/licenses/by/3.0/de/deed.de" rel=license>CC</a>', "CC-BY-3.0-DE", "link"),
    ('<link rel="license" href="//creativecommons.org/publicdomain/zero/1.0/">', "CC0-1.0", "link"),
    ('<link rel="license" href="https://www.gnu.org/licenses/fdl-1.3.html">', "GFDL-1.3-only", "link"),
    ("<a class='x' rel='nofollow license' href='https://opensource.org/licenses/MIT'>MIT</a>", "MIT", "link"),
    # The page's own licence is the marked one, the other is a picture's.
    (f'<a href="https://creativecommons.org/licenses/by/2.0/">photo</a><a rel="license" href="{SA}">x</a>', "CC-BY-SA-3.0", "link"),
    (f'<a rel="license" href="{BY}">a</a><a rel="license" href="{SA}">b</a>', "unknown", "link"),
    ('<a rel="license" href="/about/copyright">ours</a>', "unknown", "none"),
    (f'<meta name="DC.rights" content="{BY}">', "CC-BY-4.0", "metadata"),
    (f'<meta name="dcterms.license" content="{SA}">', "CC-BY-SA-3.0", "metadata"),
    ('<meta property="cc:license" content="CC-BY-NC-4.0">', "CC-BY-NC-4.0", "metadata"),
    (f'<a itemprop="license" href="{BY}">x</a>', "CC-BY-4.0", "metadata"),
    ('<meta name="rights" content="All rights reserved">', "unknown", "none"),
    (linked(**{"@type": "Article", "license": BY}), "CC-BY-4.0", "json-ld"),
    (linked(**{"@graph": [{"@type": "WebPage", "license": {"@id": SA}}]}), "CC-BY-SA-3.0", "json-ld"),
    (linked(**{"@type": "ImageObject", "license": BY}), "unknown", "none"),
    (linked(**{"@type": "Article", "image": {"@type": "ImageObject", "license": BY}}), "unknown", "none"),
    ('<script type="application/ld+json">{"license": [</script>', "unknown", "none"),
    (f'<p>Text is available under the <a href="{SA}">Creative Commons licence</a>', "CC-BY-SA-3.0", "notice"),
    (f"<p>Except where otherwise noted, content on this site is <b>licensed</b> as <a href={BY}>CC BY</a>", "CC-BY-4.0", "notice"),
    (f'<footer><p>© 2024</p><a href="{BY}"><img src="by.png"></a></footer>', "CC-BY-4.0", "notice"),
    (f'<p>Dieses Werk steht unter einer Lizenz: <a href="{BY}">CC BY</a>', "CC-BY-4.0", "notice"),
    (f'<p>Photo by Jane Roe, licensed under <a href="{BY}">CC BY</a>', "unknown", "mention"),
    (f'<p>Compare the terms of <a href="{BY}">one</a> with those of <a href="{SA}">two</a>, licensed under', "unknown", "mention"),
    (f'<p>You should have received a copy of the CC0 dedication, see <a href="{BY}">there</a>', "unknown", "mention"),
    (f'<footer>…</footer><p>A text about <a href="{BY}">this one</a>', "unknown", "mention"),
    ("<p>All rights reserved</p>", "unknown", "none"),
    ('<a href="https://creativecommons.org/about">CC</a>', "unknown", "none"),
]


@pytest.mark.parametrize(("html", "licence", "evidence"), PAGES)
def test_page_licence(html, licence, evidence):
    found = page_licence(f"<html><body>{html}</body></html>")
    assert (found.licence, found.evidence) == (licence, evidence)


PARTS = st.sampled_from([
    "<a rel=license href='", "<meta name=rights content=", "licensed under ", f'<a href="{BY}">', "<footer>", "</footer>", ">", "<",
    "'", '"', "licence",
    '<script type="application/ld+json">', '{"license":', "[", "</script>", "creativecommons.org/licenses/by/4.0", "rights", "é", " ",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=40).map("".join), st.integers(1, 400))
def test_any_page_gives_an_answer(html, times):
    found = page_licence(html * times)
    assert found.evidence in EVIDENCE
    assert found.licence == "unknown" or found.evidence not in {"mention", "none"}


@pytest.mark.parametrize(
    "unit", ["license", "<a license ", f'<a href="{BY}">', "<footer>", '<script type="application/ld+json">[', "<a rel=license x='"]
)
def test_hostile_repetition_ends(unit):
    """A megabyte of it; quadratic work would take hours."""
    assert page_licence(unit * (1_000_000 // len(unit))).evidence in EVIDENCE
