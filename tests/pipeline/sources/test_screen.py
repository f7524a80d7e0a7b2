"""The cheap tests of a web page, and what a run makes of them."""

from __future__ import annotations

import gzip
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.language.identify import LanguageModel
from filters.statistics.measure import compute
from pipeline.config import Config
from pipeline.run import Run
from pipeline.settings.extract import Extract, Screen, UrlScreen
from pipeline.settings.sources import Source
from pipeline.sources import screen
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document, Reject
from pipeline.sources.warc import WebRecord
from pipeline.stage import perform
from pipeline.stages.extract import EXTRACT
from tests.pipeline.corpora import long_topics, page, write_warc

GERMAN = "Alle Menschen sind frei und gleich an Würde und Rechten geboren und sollen einander im Geist der Brüderlichkeit begegnen. "
ENGLISH = "All human beings are born free and equal in dignity and rights, and should act towards one another in a spirit of brotherhood. "
KHMER = "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងសមភាព"
ENGLISH_ONLY = Screen(languages=("en",))


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.load()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENGLISH, None),
        (GERMAN, "screen language"),
        (GERMAN * 100, "screen language"),
        # Menus of another language around the text, and a text of another language around a quotation: in doubt a page goes on.
        (GERMAN * 10 + ENGLISH * 10 + GERMAN * 10, None),
        ("\n" * 5000 + GERMAN * 20 + " " * 5000 + ENGLISH * 40, None),
        ("", None),
        (" \n\t ", None),
        ("\0", None),
        ("12.5 13.7 14.9", None),
        (GERMAN.encode(), "screen language"),
        (GERMAN.replace("ü", "&uuml;").encode(), "screen language"),
        (b"\xff\xfe" * 50, None),
    ],
)
def test_the_language_of_plain_text(text, reason, model):
    found = screen.screen_text(text, ENGLISH_ONLY, model)
    assert (found and found[0]) == reason


def test_several_languages_are_judged_together(model):
    assert screen.screen_text(GERMAN, Screen(languages=("en", "de")), model) is None
    assert screen.screen_text(GERMAN, Screen(languages=("en",), language_score=0.0), model) is None
    assert screen.screen_text(GERMAN, Screen(), None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two three", 3),
        ("", 0),
        ("one\n\n two", 2),
        (KHMER, len(KHMER)),
        ("日本語の文。", 5),
        ("한국어 문장", 2),
        ("well-known e.g. 3/4", 6),
    ],
)
def test_least_words_take_a_character_without_spaces_for_a_word(text, words):
    """An upper bound of what the filter will count, so that nothing is refused here which would pass there."""
    counted = int(compute(pa.array([text]))["words"][0].as_py())
    assert counted <= words
    assert screen.screen_text(text, Screen(minimum_words=words), None) is None
    found = screen.screen_text(text, Screen(minimum_words=words + 1), None)
    assert found is not None
    assert found[0] == "screen words"
    assert found[1] == f"{words} < {words + 1}"


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(st.text(max_size=3000), st.binary(max_size=3000)), least=st.integers(0, 50))
def test_any_text_is_judged_and_by_itself_alone(text, least, model):
    asked = Screen(languages=("en", "fr"), minimum_words=least)
    assert screen.screen_text(text, asked, model) == screen.screen_text(text, asked, model)


def record(url: str = "http://a.example/x", body: bytes = b"<html><p>" + ENGLISH.encode() * 5, **headers: str) -> WebRecord:
    stated = {"content-type": "text/html", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return WebRecord(url, "response", None, 200, "text/html", body, stated)


def outcome(made: WebRecord, asked: Screen, model: LanguageModel | None = None) -> Document | Reject:
    screen.load(asked)
    return page_document(made, Extract(screen=asked), Source(name="web", kind="web", paths=("x",)), model)


def test_an_address_is_tested_before_the_payload_is_decoded():
    """The payload is corrupt, and nobody notices."""
    broken = record(body=b"\x1f\x8b\x08broken", content_encoding="gzip")
    assert outcome(broken, Screen()).reason == "content encoding"
    refused = outcome(broken, Screen(urls=UrlScreen(block=("a.example",))))
    assert (refused.reason, refused.error) == ("url domain", "a.example (extract.screen.urls.block)")
    assert outcome(record(), Screen(urls=UrlScreen(allow=("b.example",)))).reason == "url not allowed"
    assert outcome(record("http://a.example/casino/1"), Screen(urls=UrlScreen(words=("casino",)))).reason == "url word"
    assert outcome(record("http://[broken/"), Screen(urls=UrlScreen(words=("casino",)))).reason == "no web address"
    # A page saved as a file has a path for an address.
    saved = WebRecord("/a.example/casino/page.html", "file", None, 200, "text/html", record().body)
    assert isinstance(outcome(saved, Screen(urls=UrlScreen(words=("casino",), allow=("b.example",)))), Document)


def test_lists_are_files_folders_and_compressed(tmp_path):
    ut1 = tmp_path / "ut1"
    for category, name, text in (
        ("adult", "domains", "one.example\n"),
        ("adult", "urls", "two.example/x\n"),
        ("ads", "domains.gz", "three.example\n"),
        ("ads", "usage", "black\nthis is no list at all\nnor this\n"),
    ):
        (ut1 / category).mkdir(parents=True, exist_ok=True)
        data = text.encode()
        (ut1 / category / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    (tmp_path / "mine.txt").write_bytes(b"four.example")
    asked = Screen(urls=UrlScreen(block_lists=(str(ut1), str(tmp_path / "mine.txt"))))
    urls = ["http://one.example/", "http://two.example/x", "http://three.example/", "http://four.example/", "http://two.example/y"]
    found = [outcome(record(url), asked) for url in urls]
    told = [one.error for one in found[:4]]
    assert told == ["one.example (adult/domains)", "two.example/x (adult/urls)", "three.example (ads/domains)", "four.example (mine.txt)"]
    assert isinstance(found[4], Document)


def test_a_list_of_endless_lines_is_read_in_bounded_memory(tmp_path):
    (tmp_path / "domains").write_bytes(b"one.example\n" + b"x" * 5_000_000 + b"\ntwo.example\n" + b"# " + b"y" * 3_000_000)
    lines = list(screen._lines(str(tmp_path / "domains")))
    assert [lines[0], lines[2]] == [b"one.example", b"two.example"]
    assert max(map(len, lines)) < 10_000
    assert outcome(record("http://two.example/"), Screen(urls=UrlScreen(block_lists=(str(tmp_path),)))).reason == "url domain"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "nowhere"),
        (lambda folder: folder, "no files named `domains` or `urls`"),
        (
            lambda folder: (folder / "list.gz").write_bytes(gzip.compress(b"one.example\n" * 9999, mtime=0)[:-9]) and folder / "list.gz",
            "truncated",
        ),
        (lambda folder: (folder / "prose").write_text("some words\nof prose\n") and folder / "prose", "is no list"),
        (lambda _folder: "https://lists.example/adult", "is remote"),
    ],
)
def test_a_list_that_is_none_ends_with_one_line(make, words, tmp_path):
    (tmp_path / "README").write_text("no list here")
    asked = Screen(urls=UrlScreen(block_lists=(str(make(tmp_path)),)))
    with pytest.raises(ValueError, match=words) as error:
        screen.load(asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"words": ["two words"]}, "is not one word"),
        ({"words": ["Casino"]}, "is not one word"),
        ({"soft_words": ["wp-login"]}, "/wp-login.php/"),
        ({"block": ["not a host"]}, "'not a host'"),
        ({"allow": ["http://"]}, "is no host"),
        ({"block_list": ["x"]}, "block_list"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_configuration(values, words):
    with pytest.raises(ValueError, match=words):
        UrlScreen.model_validate(values)


def config(tmp_path, name: str, files: list[str], **asked: object) -> Config:
    source = {"name": "web", "kind": "web", "paths": [str(tmp_path / file) for file in files]}
    values = {"name": name, "output": str(tmp_path / "runs"), "sources": [source], "extract": {"screen": asked}}
    return Config.model_validate({**values, "runner": {"workers": 1}})


def extracted(asked: Config) -> tuple[dict[str, str], dict[str, str]]:
    """Documents (locator: payload digest, hex) and rejects (locator: reason) of a run."""
    perform(EXTRACT, Run(asked.directory), asked)
    documents = pa.concat_tables(pq.read_table(file) for file in sorted(asked.directory.glob("documents/*.parquet")))
    rejects = pa.concat_tables(pq.read_table(file) for file in sorted(asked.directory.glob("rejects/extract/*.parquet")))
    digests = [digest.hex() for digest in documents["payload_digest"].to_pylist()]
    return (
        dict(zip(documents["locator"].to_pylist(), digests, strict=True)),
        dict(zip(rejects["locator"].to_pylist(), rejects["reason"].to_pylist(), strict=True)),
    )


@pytest.fixture(scope="module")
def crawls(tmp_path_factory):
    """Two crawls that share four of their pages under other addresses, and a run of the first."""
    folder = tmp_path_factory.mktemp("crawls")
    pages = [page(*topic) for topic in long_topics()[:12]]
    write_warc(folder / "first.warc", pages[:8])
    later = [(url + "?again", body) for url, body in pages[4:8]] + pages[8:] + [(url + "?twin", body) for url, body in pages[8:10]]
    write_warc(folder / "later.warc", later)
    write_warc(folder / "later-a.warc", later[::-1][:4])
    write_warc(folder / "later-b.warc", later[::-1][4:])
    documents, rejects = extracted(config(folder, "first", ["first.warc"]))
    assert (len(documents), rejects) == (8, {})
    return folder, documents


def test_payloads_of_an_earlier_run_are_refused(crawls):
    folder, first = crawls
    documents, rejects = extracted(config(folder, "later", ["later.warc"], seen=[str(folder / "runs" / "first")]))
    assert set(rejects.values()) == {"payload seen"}
    assert len(rejects) == 4
    # Duplicates within the run are dedup's: both of a pair are documents, with equal digests.
    assert len(documents) == 6
    assert len(set(documents.values())) == 4
    assert not set(documents.values()) & set(first.values())


def test_what_was_seen_depends_on_no_order_of_files_records_or_lists(crawls):
    folder, first = crawls
    (folder / "digests.txt").write_text("# payloads\n" + "\n".join(sorted(first.values(), reverse=True)[:3]) + "\r\n\n")
    rest = sorted(first.values())[:5]
    pq.write_table(
        pa.table({"payload_digest": pa.array([bytes.fromhex(one) for one in rest] + [None], pa.binary(16))}), folder / "d.parquet"
    )
    lists = [str(folder / "d.parquet"), str(folder / "digests.txt")]
    answers = [
        extracted(config(folder, f"order-{number}", files, seen=seen))
        for number, (files, seen) in enumerate(
            [
                (["later.warc"], [str(folder / "runs" / "first")]),
                (["later-a.warc", "later-b.warc"], lists),
                (["later-b.warc", "later-a.warc"], lists[::-1] * 2),
            ]
        )
    ]
    assert answers[0] == answers[1] == answers[2]


def test_a_run_is_stale_when_what_was_seen_or_listed_changes(crawls, tmp_path):
    folder, first = crawls
    (tmp_path / "seen.txt").write_text("\n".join(list(first.values())[:1]))
    (tmp_path / "domains").write_text("nowhere.example\n")
    asked = config(folder, "stale", ["first.warc"], seen=[str(tmp_path / "seen.txt")], urls={"block_lists": [str(tmp_path / "domains")]})
    run = Run(asked.directory)
    assert perform(EXTRACT, run, asked)
    assert not perform(EXTRACT, run, asked)
    for file in ("seen.txt", "domains"):
        with (tmp_path / file).open("a") as opened:
            opened.write("\n# one line more\n")
        assert perform(EXTRACT, run, asked)
    assert json.loads((asked.directory / "extract" / "_manifest.json").read_text())["totals"]["sources"]["web"]["documents"] == 7


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder, _tmp: folder / "runs" / "wrong", "this run itself"),
        (lambda folder, _tmp: folder / "runs", "has not finished"),
        (lambda _folder, tmp: tmp / "nowhere", "nowhere"),
        (lambda _folder, tmp: (tmp / "x.txt").write_text("abc\n") and tmp / "x.txt", "line 1: b'abc' is no digest"),
        (lambda _folder, tmp: pq.write_table(pa.table({"a": [1]}), tmp / "a.parquet") or tmp / "a.parquet", "no column 'payload_digest'"),
        (lambda _folder, tmp: (tmp / "b.parquet").write_bytes(b"PAR1 and no more") and tmp / "b.parquet", "cannot be read"),
    ],
)
def test_what_was_never_seen_ends_with_one_line(make, words, crawls, tmp_path):
    folder, _ = crawls
    (folder / "runs" / "wrong").mkdir(parents=True, exist_ok=True)
    asked = config(folder, "wrong", ["first.warc"], seen=[str(make(folder, tmp_path))])
    with pytest.raises(ValueError, match=words) as error:
        perform(EXTRACT, Run(asked.directory), asked)
    assert "\n" not in str(error.value)
    shutil.rmtree(asked.directory)


def test_a_screen_of_nothing_refuses_nothing():
    """No list, no rule."""
    assert screen.screen_url("http://anything.example/casino", Screen()) is None
    assert screen.screen_payload(bytes(16), Screen()) is None
    assert screen.screen_text(GERMAN, Screen(), None) is None
