"""The crawler against a site that is broken, hostile or endless: each URL ends as a record or a reject, within bounds."""

from __future__ import annotations

import gzip
import io
import ipaddress
import shutil
import ssl
import subprocess

import pytest
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from pipeline.sources.addresses import AddressError, addresses_of, is_public
from pipeline.sources.fetch import FetchError, fetch
from pipeline.sources.http_message import PayloadError
from pipeline.sources.robots import ROBOTS_BYTES, parse_rules
from pipeline.sources.sitemaps import SITEMAP_URLS, parse_sitemap
from tests.pipeline.sources.crawling import branching, crawl, paths, settings
from tests.pipeline.sources.site import Site, serve

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def site():
    with serve(Site()) as running:
        yield running


def linking(*targets: str) -> str:
    return " ".join(f'<a href="{target}">x</a>' for target in targets)


def reasons(site: Site, refused) -> dict[str, str]:
    return {reject.locator.removeprefix(site.url): reject.reason for reject in refused}


def raw(status_line: str, *headers: str, body: str = "") -> tuple[int, dict[str, str], bytes]:
    return 0, {}, "\r\n".join([f"HTTP/1.1 {status_line}", *headers, "", body]).encode("latin-1")


def test_every_digest_holds_and_warcio_reads_what_fastwarc_reads(site, tmp_path):
    branching(site, 2, 2)
    site.pages["/0/"] = (200, HTML | {"Content-Encoding": "gzip", "X-Umlaut": "\xfc"}, gzip.compress(b"<html>packed", mtime=0))
    site.pages["/1/"] = raw("200 OK", "Content-Type: text/html", "Transfer-Encoding: chunked", body="4\r\n<p>a\r\n0\r\n\r\n")
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nAllow: /\n")
    pages, _refused, file = crawl(site, tmp_path, robots_pages=1, max_bytes=10_000)
    kinds, identities = [], []
    for record in WarcioIterator(file.open("rb"), check_digests="raise", verify_http=True):
        kinds.append(record.rec_type)
        identities.append(record.rec_headers["WARC-Record-ID"])
        record.content_stream().read()
    assert kinds == ["warcinfo", *["request", "response"] * (3 * len(pages))]
    assert len(set(identities)) == len(identities), "robots.txt is asked for with each page, and each record has its own name"
    assert {page.url.removeprefix(site.url): page.body for page in pages}["/1/"] == b"<p>a"


def test_slow_answers_end(site, tmp_path):
    """Neither a body, nor headers, nor a status line that come byte by byte hold the crawl for longer than three timeouts."""
    site.html("/", linking("/body", "/head", "/status", "/hang"))
    site.pages["/body"] = (200, HTML | {"X-Drip": "0.1"}, b"<p>" + b"slow " * 500)
    site.pages["/head"] = (0, {"X-Drip": "0.1"}, b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 2000)
    site.pages["/status"] = (0, {"X-Drip": "0.1"}, b"HTTP/1.1 100 Continue\r\n\r\n" * 200)
    site.html("/hang", "late", **{"X-Sleep": "30"})
    pages, refused, _file = crawl(site, tmp_path, timeout_s=0.6)
    assert paths(site, pages) == ["/"]
    assert reasons(site, refused) == dict.fromkeys(("/body", "/head", "/status", "/hang"), "timeout")


def test_wrong_lengths_and_bombs(site, tmp_path):
    site.html("/", linking("/short", "/long", "/nonsense", "/negative", "/bomb", "/headers", "/nothing", "/status"))
    site.pages["/short"] = (200, HTML | {"Content-Length": "5000"}, b"<p>cut off")
    site.pages["/short"][1]["X-Cut"] = "10"
    site.pages["/long"] = (200, HTML | {"Content-Length": "4"}, b"<p>a and more than was said")
    site.pages["/nonsense"] = raw("200 OK", "Content-Type: text/html", "Content-Length: many", body="<p>b")
    site.pages["/negative"] = raw("200 OK", "Content-Type: text/html", "Content-Length: -1", body="<p>c")
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=9) as packed:
        for _ in range(64):
            packed.write(b"<a href=/behind>" * 65536)
    site.pages["/bomb"] = (200, HTML | {"Content-Encoding": "gzip"}, bomb.getvalue())
    site.pages["/headers"] = raw("200 OK", "Content-Type: text/html", *(f"X-{n}: {'x' * 30_000}" for n in range(9)), body="<p>d")
    site.pages["/nothing"] = (0, {}, b"")
    site.pages["/status"] = (0, {}, b"not HTTP at all\r\n\r\n")
    pages, refused, _file = crawl(site, tmp_path)
    bodies = {page.url.removeprefix(site.url): (page.body, page.truncated) for page in pages}
    assert bodies["/short"] == (b"<p>cut off", True)
    assert bodies["/long"] == (b"<p>a", False)
    assert bodies["/bomb"] == (bomb.getvalue(), False)
    told = reasons(site, refused)
    assert (told["/headers"], told["/nothing"], told["/status"]) == ("head too long", "unreachable", "unreachable")
    assert "/behind" not in site.counts
    assert len(bodies) + len(told) == 9


def test_a_page_of_100_000_links(site, tmp_path):
    site.html("/", linking(*(f"/page/{number}" for number in range(100_000))))
    pages, refused, _file = crawl(site, tmp_path, max_pages=20)
    assert paths(site, pages) == ["/", *(f"/page/{number}" for number in range(19))]
    assert refused == []


def test_urls_of_other_charsets_and_locations_with_control_characters(site, tmp_path):
    site.pages["/"] = (200, {"Content-Type": "text/html; charset=windows-1251"}, linking("/страница", "/%F1%F2").encode("windows-1251"))
    site.html("/%D1%81%D1%82%D1%80%D0%B0%D0%BD%D0%B8%D1%86%D0%B0", linking("/utf8", "/latin", "/control", "/nul", "/empty", "/away"))
    site.html("/%F1%F2", "escaped bytes that are no UTF-8")
    site.pages["/utf8"] = raw("302 Found", "Location: /ü".encode().decode("latin-1"), "Content-Length: 0")
    site.pages["/latin"] = raw("302 Found", "Location: /\xfc", "Content-Length: 0")
    site.pages["/control"] = raw("302 Found", "Location: /a\x00b\x1b[31m\x7f", "Content-Length: 0")
    site.pages["/nul"] = raw("302 Found", "Location: http://exam\x00ple.com/", "Content-Length: 0")
    site.pages["/empty"] = raw("302 Found", "Content-Length: 0")
    site.pages["/away"] = raw("302 Found", "Location: http://elsewhere.invalid/\xff", "Content-Length: 0")
    for target in ("/%C3%BC", "/%FC", "/a%00b%1B%5B31m%7F"):
        site.html(target, "here")
    pages, refused, _file = crawl(site, tmp_path)
    assert {"/%F1%F2", "/%C3%BC", "/%FC", "/a%00b%1B%5B31m%7F"} <= set(paths(site, pages))
    assert sorted(reject.reason for reject in refused) == ["redirect to another host", "redirect to no URL"]


def test_an_endless_site_ends(site, tmp_path):
    """Relative links on a page that answers under every name; a calendar; a redirect to oneself."""
    site.fallback = lambda path: (
        (404, {}, b"")
        if "robots" in path or "tdmrep" in path
        else (302, {"Location": path}, b"")
        if path == "/self"
        else (200, HTML, linking("deeper/", f"?day={len(path)}", "/self").encode())
    )
    pages, refused, _file = crawl(site, tmp_path, depth=50, max_pages=60)
    assert max(path.count("deeper") for path in paths(site, pages)) == 3
    told = reasons(site, refused)
    assert "trap" in told.values()
    assert len(pages) <= 60


def test_a_host_that_stops_answering_is_given_up(site, tmp_path):
    site.html("/", linking(*(f"/{number}" for number in range(40))))
    site.fallback = lambda path: (404, {}, b"") if "robots" in path or "tdmrep" in path else (0, {}, b"")
    pages, refused, _file = crawl(site, tmp_path)
    assert len(pages) == 1
    assert [reject.reason for reject in refused] == ["unreachable"] * 10 + ["host given up"] * 30
    assert len(site.asked) == 13


def test_retry_after_is_heeded(site, tmp_path):
    good = (200, HTML, b"<p>at last")
    site.pages["/"] = lambda count: good if count == 2 else (429, {"Retry-After": "1"}, b"")
    site.pages["/robots.txt"] = (404, {}, b"")
    pages, _refused, _file = crawl(site, tmp_path, retries=2)
    assert [page.status for page in pages] == [200]
    assert site.times[-1] - site.times[-2] >= 1
    site.pages["/"] = (503, {"Retry-After": "7200"}, b"come back tonight")
    site.html("/next", "not asked for before two minutes have passed")
    pages, _refused, _file = crawl(site, tmp_path / "long", retries=2)
    assert [page.status for page in pages] == [503]
    assert site.counts["/"] == 3


def test_a_robots_txt_that_changes_is_asked_again(site, tmp_path):
    site.html("/", linking(*(f"/{number}" for number in range(9))))
    for number in range(9):
        site.html(f"/{number}", "page")
    site.pages["/robots.txt"] = lambda count: (200, {}, b"" if count < 3 else b"User-agent: curate\nDisallow: /\n")
    pages, refused, _file = crawl(site, tmp_path, robots_pages=3)
    assert paths(site, pages) == ["/", "/0", "/1", "/2", "/3", "/4"]
    assert [reject.reason for reject in refused] == ["robots.txt"] * 4
    site.pages["/robots.txt"] = lambda count: (200, {}, b"") if count < 5 else (503, {}, b"")
    pages, refused, _file = crawl(site, tmp_path / "gone", robots_pages=3)
    assert len(pages) == 3
    assert {reject.reason for reject in refused} == {"robots.txt"}


def test_a_robots_txt_of_10_mb(site, tmp_path):
    """500 KiB of it count (RFC 9309 section 2.5), and no rule that is cut in two."""
    site.html("/", linking("/early", "/late"))
    site.html("/late", "page")
    lines = b"User-agent: *\nDisallow: /early\n" + b"Disallow: /never/named\n" * 23_000
    site.pages["/robots.txt"] = (200, {}, lines + b"Disallow: /late\n" + b"# padding\n" * 1_000_000)
    pages, refused, _file = crawl(site, tmp_path)
    assert paths(site, pages) == ["/", "/late"]
    assert reasons(site, refused) == {"/early": "robots.txt"}
    cut = b"User-agent: *\nDisallow: /private\n" + b"#" * (ROBOTS_BYTES - 43) + b"\nDisallow: /open"
    assert parse_rules(200, cut, "curate").refuses("http://example.com/open") is None
    groups = b"".join(b"User-agent: a%d\n" % number for number in range(5000)) + b"Disallow: /\n" * 5000
    assert "cannot be read" in parse_rules(200, groups, "curate").refusal


@pytest.mark.parametrize(
    ("body", "path", "allowed"),
    [
        (b"User-agent: *\nDisallow: /a\nAllow: /a/b\n", "/a/b/c", True),
        (b"User-agent: *\nDisallow: /\n\nUser-agent: Curate\nDisallow: /x\n", "/y", True),
        (b"User-agent: curate-other\nDisallow: /\n", "/y", True),
        (b"\xef\xbb\xbfUser-agent: *\nDisallow: /y$\n", "/y", False),
        (b"User-agent: *\nDisallow: /*.pdf\n", "/a/b.pdf?x", False),
        (b"User-agent: *\nDisallow: /%7Ejoe/\n", "/~joe/index", False),
        (b"<!DOCTYPE html><html>not found</html>", "/y", True),
    ],
)
def test_robots_rules(body, path, allowed):
    assert (parse_rules(200, body, "curate/0.1").refuses(f"http://example.com{path}") is None) == allowed


def test_a_host_that_asks_for_an_hour_between_pages_is_left_alone(site, tmp_path):
    site.html("/", "page")
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 3600\n")
    pages, refused, _file = crawl(site, tmp_path)
    assert (pages, reasons(site, refused)) == ([], {"/": "crawl delay"})


def test_tdm_reservations_of_a_host(site, tmp_path):
    site.html("/", linking("/free/1", "/kept/1", "/kept/open/1", "/file.pdf", "/file.pdf?x"))
    for path in ("/free/1", "/kept/open/1", "/file.pdf?x"):
        site.html(path, "page")
    site.pages["/.well-known/tdmrep.json"] = (
        200,
        {"Content-Type": "application/json"},
        b"""[{"location": "/kept/open/", "tdm-reservation": 0},
             {"location": "/kept/", "tdm-reservation": 1, "tdm-policy": "https://a.example/policy"},
             {"location": "/*.pdf$", "tdm-reservation": "1"},
             {"location": 5, "tdm-reservation": 1}, 7, {"location": "/free", "tdm-reservation": 9}]""",
    )
    pages, refused, _file = crawl(site, tmp_path)
    assert paths(site, pages) == ["/", "/free/1", "/kept/open/1", "/file.pdf?x"]
    assert reasons(site, refused) == dict.fromkeys(("/kept/1", "/file.pdf"), "tdm reservation")
    pages, refused, _file = crawl(site, tmp_path / "all", respect_tdm=False)
    assert (len(pages), refused) == (6, [])
    site.pages["/.well-known/tdmrep.json"] = (200, {}, b"[" * 200_000)
    assert crawl(site, tmp_path / "broken")[1] == []


def test_sitemaps_in_all_their_forms(site, tmp_path):
    def location(path: str) -> str:
        return f"<loc> {site.url}{path}\n</loc>"

    site.html("/", linking("/linked"))
    site.pages["/robots.txt"] = (
        200,
        {},
        f"Sitemap: {site.url}/index.xml\nSitemap: /feed.rss\nSitemap: http://other.invalid/s.xml\n".encode(),
    )
    named = ("/urls.xml.gz", "/atom.xml", "/list.txt", "/index2.xml", "/soft404.xml")
    index = "".join(f"<sitemap>{location(path)}</sitemap>" for path in named)
    site.pages["/index.xml"] = (200, {"Content-Type": "text/xml"}, f"<?xml version='1.0'?><sitemapindex>{index}</sitemapindex>".encode())
    listed = ("/a?x=1&amp;y=2", "/b", "/linked", "/private/x")
    urls = "".join(f"<s:url>{location(path)}</s:url>".replace("loc>", "s:loc>") for path in listed)
    site.pages["/urls.xml.gz"] = (
        200,
        {"Content-Type": "application/gzip"},
        gzip.compress(f"<s:urlset xmlns:s='x'>{urls}<broken".encode(), mtime=0),
    )
    site.pages["/atom.xml"] = (200, {}, b"<feed><link href='/no'/><entry><link href='/c'/><link rel='edit' href='/no'/></entry></feed>")
    site.pages["/feed.rss"] = (200, {}, b"<rss><channel><link>/no</link><item><link>/d</link></item></channel></rss>")
    site.pages["/list.txt"] = (200, {"Content-Type": "text/plain"}, f"{site.url}/e\nnonsense\n{site.url}/b\n".encode())
    for number in range(2, 9):
        inner = f"<sitemapindex><sitemap>{location(f'/index{number + 1}.xml')}</sitemap></sitemapindex>"
        site.pages[f"/index{number}.xml"] = (200, {}, inner.encode())
    site.html("/soft404.xml", linking("/no"))
    for path in ("/a?x=1&y=2", "/b", "/c", "/d", "/e", "/linked", "/private/x"):
        site.html(path, "page")
    pages, refused, _file = crawl(site, tmp_path, sitemaps=True, depth=1, exclude=["*/private/*"])
    sitemaps = ["/index.xml", "/feed.rss", *named, "/index3.xml", "/index4.xml"]
    assert paths(site, pages)[: len(sitemaps)] == sitemaps, "an index before what it names"
    assert paths(site, pages)[len(sitemaps) :] == ["/", "/d", "/a?x=1&y=2", "/b", "/linked", "/c", "/e"]
    assert sorted(reject.reason for reject in refused) == ["sitemap nesting", "sitemap of another host"]
    site.pages["/robots.txt"] = (404, {}, b"")
    site.pages["/sitemap.xml"] = (200, {}, f"<urlset><url>{location('/b')}</url></urlset>".encode())
    assert paths(site, crawl(site, tmp_path / "plain", sitemaps=True, depth=0)[0]) == ["/sitemap.xml", "/", "/b"]


def test_sitemap_bombs_give_little():
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>http://a/&b;</loc></url></urlset>'
    assert parse_sitemap(entities).pages == []
    with pytest.raises(PayloadError):
        parse_sitemap(gzip.compress(b"<urlset>" + b" " * (51 << 20), mtime=0))
    many = parse_sitemap(b"<urlset>" + b"<url><loc>http://a/</loc></url>" * (SITEMAP_URLS + 10))
    assert len(many.pages) == SITEMAP_URLS
    assert len(parse_sitemap(b"http://a/\n" * (SITEMAP_URLS + 10)).pages) == SITEMAP_URLS
    assert parse_sitemap(b"<a>" * 1_000_000 + b"<url><loc>http://a/</loc></url>").pages == []
    assert parse_sitemap(b"<urlset><url><loc>http://a/" + b"x" * 3_000_000 + b"</loc></url></urlset>").pages == []
    assert parse_sitemap(b"<?xml version='1.0' encoding='no-such'?><urlset>").pages == []
    assert parse_sitemap(b"").pages == []


def test_redirects_between_the_hosts_of_a_crawl(site, tmp_path):
    """The other host's pages come by its own rules, and into the WARC of the host that led there."""
    with serve(Site()) as other:
        site.html("/", linking("/there", "/closed", "/beyond"))
        site.pages["/there"] = (301, {"Location": f"{other.url}/page"}, b"")
        site.pages["/closed"] = (301, {"Location": f"{other.url}/private"}, b"")
        site.pages["/beyond"] = (301, {"Location": "http://elsewhere.invalid/"}, b"")
        other.html("/page", linking("/not-followed"))
        other.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private\n")
        made = settings(site)
        pages, refused, _file = crawl(site, tmp_path, seeds=[*made.seeds, f"{other.url}/"])
        assert paths(site, pages) == ["/", "/there", f"{other.url}/page", "/closed", "/beyond"]
        told = {reject.locator: reject.reason for reject in refused}
        assert told == {f"{other.url}/private": "robots.txt", "http://elsewhere.invalid/": "redirect to another host"}
        assert other.asked == ["/robots.txt", "/.well-known/tdmrep.json", "/page"]


def test_canonical_urls_are_taken_up_beside_the_page(site, tmp_path):
    site.html("/", linking("/print?of=1", "/foreign"))
    site.html("/print?of=1", "<link rel='canonical' href='/article'>")
    site.html("/foreign", "<link rel=canonical href='http://elsewhere.invalid/'>")
    site.html("/article", "whole")
    pages, refused, _file = crawl(site, tmp_path, depth=1)
    assert paths(site, pages) == ["/", "/print?of=1", "/foreign", "/article"]
    assert refused == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1"]
)
def test_private_addresses_are_refused_in_any_spelling(host):
    try:
        found = addresses_of(host, 80, allow_private=True)
    except AddressError:
        pytest.skip(f"this machine's resolver does not know {host}")
    with pytest.raises(AddressError, match="private address"):
        addresses_of(host, 80, allow_private=False)
    assert found


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((address, True) for address in ("8.8.8.8", "2606:4700::1")),
        *((address, False) for address in ("10.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "0.0.0.0")),
        *((address, False) for address in ("fe80::1", "fd00::1", "ff02::1", "2001:db8::1")),
    ],
)
def test_public_addresses(address, public):
    assert is_public(ipaddress.ip_address(address)) == public


def test_a_connection_to_a_private_address_is_never_made(site):
    for host in ("localhost", "127.1", "2130706433"):
        with pytest.raises(FetchError, match=r"private address|unknown host"):
            fetch(site.url.replace("127.0.0.1", host) + "/", settings(site, allow_private=False))
    assert site.asked == []


def test_a_certificate_that_nobody_vouches_for_is_a_reject(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl command to make a certificate with")
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", *files]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with serve(Site(), context) as site:
        with pytest.raises(FetchError) as caught:
            fetch(site.url.replace("127.0.0.1", "localhost") + "/", settings(site))
        assert caught.value.reason == "certificate"
        assert site.asked == []
