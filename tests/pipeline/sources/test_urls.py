"""One spelling for each URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.urls import canonical, canonical_location, hosts, trap


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("HTTP://Example.COM:80/a/../b#c", "", "http://example.com/b"),
        ("../b?x=1&a=2#c", "http://example.com/a/d/", "http://example.com/a/b?x=1&a=2"),
        ("https://example.com", "", "https://example.com/"),
        ("/a b/ü", "http://example.com:8080/", "http://example.com:8080/a%20b/%C3%BC"),
        ("/a%20b", "http://example.com/", "http://example.com/a%20b"),
        ("//other.example/x", "https://example.com/", "https://other.example/x"),
        ("http://bücher.example/", "", "http://xn--bcher-kva.example/"),
        ("http://example.com/%7Euser/%e4%2F%zz", "", "http://example.com/~user/%E4%2F%25zz"),
        ("http://example.com/a/./b/%2e%2e/c/..", "", "http://example.com/a/"),
        ("http://example.com./?", "", "http://example.com/"),
        ("http://[0:0::1]:8080/", "", "http://[::1]:8080/"),
        ("http://[fe80::1%25eth0]/", "", None),
        ("http://a b/", "", None),
        ("mailto:a@example.com", "http://example.com/", None),
        ("javascript:void(0)", "http://example.com/", None),
        ("http://user:secret@example.com/", "", None),
        ("http://example.com:99999/", "", None),
        ("http://[::1", "", None),
        ("", "", None),
        ("http://example.com/" + "x" * 3000, "", None),
    ],
)
def test_canonical(url, base, expected):
    assert canonical(url, base) == expected
    if expected:
        assert canonical(expected) == expected


def test_hosts_groups_and_refuses():
    grouped = hosts(["http://a.example/1", "https://a.example/", "http://a.example:80/2#x", "http://a.example/1"])
    assert grouped == {"http://a.example": ["http://a.example/1", "http://a.example/2"], "https://a.example": ["https://a.example/"]}
    with pytest.raises(ValueError, match=r"'http://me:pw@a\.example/' cannot be crawled"):
        hosts(["http://me:pw@a.example/"])


@given(st.text(max_size=60), st.sampled_from(["", "http://example.com/a/b?c", "https://example.com:8443/"]))
def test_canonical_is_its_own_canonical_spelling(link, base):
    url = canonical(link, base)
    if url is not None:
        assert canonical(url) == url
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url


@given(st.binary(max_size=60))
def test_any_location_is_a_url_or_none(location):
    """A Location header holds any bytes; the client gives them as Latin-1."""
    url = canonical_location(location.decode("latin-1"), "http://example.com/from")
    assert url is None or canonical(url) == url


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/ü".encode().decode("latin-1"), "http://example.com/%C3%BC"),
        ("/\xfc", "http://example.com/%FC"),
        ("/a\x00b\x1b[31m", "http://example.com/a%00b%1B%5B31m"),
        ("http://exam\x00ple.com/", None),
        ("http://example.com\\@other.example/", None),
    ],
)
def test_locations(location, expected):
    assert canonical_location(location, "http://example.com/from") == expected


@pytest.mark.parametrize(
    ("path", "trapped"),
    [
        ("/2024/01/01/", False),
        ("/a/a/a/", False),
        ("/a/a/a/a/", True),
        ("/x/a/b/a/b/a/b/a/b/", True),
        ("/x/a/b/a/b/a/b/", False),
        ("/" + "/".join(map(str, range(40))), True),
        ("/?" + "&".join(f"p{n}=1" for n in range(40)), True),
        ("/?q=" + "/a" * 40, False),
    ],
)
def test_traps_by_shape(path, trapped):
    assert bool(trap(f"http://example.com{path}")) == trapped
