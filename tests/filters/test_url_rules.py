"""Rules over addresses: what an entry covers and what it leaves, and lists as the web has them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.url_rules import AddressList, EntryError, ListBuilder, UrlRules, entry_key, registered_domain

ROOT = Path(__file__).resolve().parents[2]


def listed(lines: Iterable[str | bytes], name: str = "adult/domains") -> AddressList:
    builder = ListBuilder()
    builder.read(name, [line.encode() if isinstance(line, str) else line for line in lines])
    return builder.done()


def refused(url: str, *entries: str | bytes) -> bool:
    return UrlRules(block=listed(entries)).refusal(url) is not None


@pytest.mark.parametrize(
    ("entry", "url", "is_refused"),
    [
        # A domain and what lies beneath it, at borders of labels.
        ("example.com", "http://example.com/", True),
        ("example.com", "https://a.b.example.com/x?y#z", True),
        ("example.com", "http://notexample.com/", False),
        ("example.com", "http://example.com.org/", False),
        ("a.example.com", "http://example.com/", False),
        ("example.co.uk", "http://www.example.co.uk/", True),
        # A public suffix belongs to many; its own host is covered, and all of it when asked for.
        ("co.uk", "http://example.co.uk/", False),
        ("github.io", "http://someone.github.io/", False),
        ("github.io", "http://github.io/", True),
        ("someone.github.io", "http://someone.github.io/x", True),
        ("someone.github.io", "http://other.github.io/x", False),
        (".github.io", "http://someone.github.io/", True),
        ("*.github.io", "http://a.someone.github.io/", True),
        ("com", "http://example.com/", False),
        # How a host is written says nothing.
        ("example.com", "HTTP://WWW.EXAMPLE.COM:8080/", True),
        ("example.com", "http://user:pass@example.com/", True),
        ("example.com", "http://example.com@other.org/", False),
        ("other.org", "http://example.com@other.org/", True),
        ("example.com", "http://example.com./", True),
        ("example.com", "http://ex%61mple.com/", True),
        ("example.com", "http://example.com\\@other.org/", True),
        ("EXAMPLE.com.", "http://example.com/", True),
        ("https://example.com:443", "http://example.com/", True),
        ("bücher.example", "http://xn--bcher-kva.example/", True),
        ("xn--bcher-kva.example", "http://www.BÜCHER.example/", True),
        ("bücher.example", "http://b%C3%BCcher.example/", True),
        ("пример.рф", "http://xn--e1afmkfd.xn--p1ai/", True),
        ("192.0.2.7", "http://192.0.2.7:81/x", True),
        ("2.7", "http://192.0.2.7/", False),
        ("2001:db8::1/x", "http://[2001:db8::1]/x", False),  # an address of version 6 needs its brackets
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x/y", True),
        # Pages.
        ("example.com/a/b", "http://example.com/a/b", True),
        ("example.com/a/b", "http://www.example.com/a/b/c?d=1", True),
        ("www.example.com/a/b/", "http://example.com/A//%62/", True),
        ("example.com/a/b", "http://example.com/a/bc", False),
        ("example.com/a/b", "http://example.com/a", False),
        ("example.com/a/b", "http://sub.example.com/a/b", False),
        ("example.com/a?id=1", "http://example.com/a?id=1", True),
        ("example.com/a?id=1", "http://example.com/a?id=2", False),
        ("example.com/", "http://example.com/anything", True),
        ("example.com/é", "http://example.com/%C3%A9", True),
    ],
)
def test_what_an_entry_covers(entry, url, is_refused):
    # Two good lines beside it, so that a line that is no entry is one of few.
    assert refused(url, entry, "one.invalid", "two.invalid") is is_refused


def test_a_refusal_names_the_entry_and_its_list():
    builder = ListBuilder()
    builder.read("ads/domains", [b"b.com"])
    builder.read("adult/domains", [b"a.com", b"b.com"])
    rules = UrlRules(block=builder.done(), words=frozenset({"casino"}), soft_words=frozenset({"hot", "video"}))
    assert rules.refusal("http://x.a.com/") == ("url domain", "a.com (adult/domains)")
    assert rules.refusal("http://b.com/") == ("url domain", "b.com (ads/domains)")
    assert rules.refusal("http://c.com/casino") == ("url word", "casino")
    assert rules.refusal("http://c.com/hot-video.html") == ("url soft words", "hot, video")
    assert rules.refusal("http://c.com/") is None


def test_an_allow_list_keeps_what_it_names_and_no_more():
    """There a public suffix covers what lies beneath: it is an owner's `gov.uk`, not a hundred owners' `myshopify.com`."""
    rules = UrlRules(block=listed(["bad.gov.uk"]), allow=listed(["gov.uk", "example.org"], "allow"))
    reasons = [
        rules.refusal(f"http://{host}/") for host in ("tax.gov.uk", "gov.uk", "www.example.org", "example.com", "co.uk", "x.bad.gov.uk")
    ]
    assert [reason and reason[0] for reason in reasons] == [None, None, None, "url not allowed", "url not allowed", "url domain"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/sex", "url word"),
        ("/a/Hot-SEX_pics.html", "url word"),
        ("/%73ex/", "url word"),
        ("/essex/middlesex.html", None),
        ("/login/", "url word"),
        ("/how-to-login", None),
        ("/free/free/free", None),
        ("/free-games", "url soft words"),
        ("/?q=sex", None),
        ("", None),
    ],
)
def test_words_are_whole_words_of_the_path(path, reason):
    rules = UrlRules(block=listed([]), words=frozenset({"sex", "/login/"}), soft_words=frozenset({"free", "games"}))
    found = rules.refusal("http://sex.example" + path)
    assert (found and found[0]) == reason


def test_lists_as_they_come():
    """CRLF, comments, a byte-order mark, blanks, NULs, Latin-1, a line of a megabyte: what is an entry is read, the rest is passed over."""
    lines = [
        b"\xef\xbb\xbffirst.com\r\n", b"# a comment\r\n", b"\r\n", b"  second.com\t\n", b"nul\x00.com\n", b"two words\n", b"x" * 1_000_000,
        b"b\xfccher.de\n", "ÿ.example".encode(), b"third.com/path", b"-\n", b"fourth.com.\n", b"_under.score.com", b"a" * 64 + b".com",
    ]  # fmt: skip
    made = listed(lines)
    rules = UrlRules(block=made)
    for host in ("first.com", "second.com", "xn--bcher-kva.de", "fourth.com", "x._under.score.com"):
        assert rules.refusal(f"http://{host}/"), host
    assert rules.refusal("http://third.com/path/x")
    assert not rules.refusal("http://third.com/")
    assert len(made) == 8  # and "-", which is a name of some network


def test_a_file_that_is_no_list_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"'notes\.txt' is no list of domains or addresses: 2 of 3 lines are none") as error:
        listed(["example.com", "this is prose", "<html> and this is a page"], "notes.txt")
    assert "\n" not in str(error.value)
    assert len(listed(["# nothing but a comment", ""])) == 0


@settings(max_examples=200, deadline=None)
@given(line=st.text(max_size=60), url=st.text(max_size=60))
def test_any_line_and_any_url_gives_an_answer(line, url):
    """A line is an entry that covers its own address, or an EntryError; a URL is judged, or cannot be split."""
    rules = UrlRules(block=listed(["a.com", "b.com/c"]), words=frozenset({"w"}))
    try:
        rules.refusal(url)
        rules.refusal("http://" + url)
    except ValueError as error:
        assert not isinstance(error, EntryError)  # noqa: PT017 -- what the URL's own parser raises is the caller's to see
    try:
        key = entry_key(line).decode()
    except EntryError:
        return
    if key.startswith("."):
        key = "x" + key
    assert refused(f"http://{key}" if ":" not in key.partition("/")[0] else "http://[" + key.replace("/", "]/", 1), line)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(["a.com", "b.co.uk", "c.com/x", ".github.io", "d.com/y?z=1", "a.com"]), hosts=st.permutations(range(6)))
def test_order_and_repetition_of_entries_and_questions_change_nothing(order, hosts):
    urls = ["http://x.a.com/", "http://b.co.uk/", "http://c.com/x/y", "http://me.github.io/", "http://d.com/y?z=1", "http://d.com/y"]
    rules = UrlRules(block=listed([*order, *order]))
    answers = {place: rules.refusal(urls[place]) for place in hosts}
    assert [bool(answers[place]) for place in range(6)] == [True, True, True, True, True, False]
    assert len(rules.block) == 5


LOADING = """
import resource, sys
from filters.url_rules import ListBuilder, UrlRules
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
builder = ListBuilder()
builder.read("small", [b"example.com"])
rules = UrlRules(builder.done())
rules.refusal("http://example.com/")
before = peak_mb()
builder = ListBuilder()
builder.read("large", (b"site-%d.example-%d.com\\n" % (n, n % 9973) for n in range(1_000_000)))
rules = UrlRules(builder.done())
assert len(rules.block) == 1_000_000
assert rules.refusal("http://www.site-999999.example-2699.com/"), 999_999 % 9973
assert not rules.refusal("http://www.site-1000000.example-2700.com/")
print(peak_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured by Linux's means")
def test_a_million_domains_take_tens_of_megabytes():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    # 10 MB in the end; collected, sorted and copied on the way. A set of strings would take 120 MB.
    assert float(done.stdout) < 80


def test_every_list_of_ut1_is_read(shared_data):
    """Real lists: nearly every line is an entry, and each is covered by itself."""
    import gzip

    lines = {
        f"{file.parent.name}/{file.name.partition('.')[0]}": [line for line in gzip.decompress(file.read_bytes()).splitlines() if line]
        for file in sorted((shared_data / "urls" / "ut1").glob("*/*.gz"))
    }
    builder = ListBuilder()
    for name, found in lines.items():
        builder.read(name, found)
    rules = UrlRules(block=builder.done())
    assert len(rules.block) > 90_000
    missed = [line for found in lines.values() for line in found[::50] if not rules.refusal(f"http://{line.decode('latin-1')}")]
    assert len(missed) <= 2


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://a.b.example.co.uk/x", "example.co.uk"),
        ("https://User.GitHub.io/", "user.github.io"),
        ("http://co.uk/", "co.uk"),
        ("http://bücher.de:8080/", "xn--bcher-kva.de"),
        ("http://127.0.0.1:80/x", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://localhost/", "localhost"),
        ("http://[bad/", None),
        ("http://a b/", None),
        ("archive.zip!member", None),
    ],
)
def test_the_domain_of_an_address_is_what_was_registered(url, domain):
    assert registered_domain(url) == domain
