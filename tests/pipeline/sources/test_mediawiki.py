"""Dumps of a MediaWiki: articles to text, everything else to a reason, whatever the mark-up is nested like."""

from __future__ import annotations

import bz2
import gzip
import random
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.wikitext import TooComplex, Wiki, plain_text

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
<siteinfo><sitename>Wikipedia</sitename><dbname>dewiki</dbname><base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
<namespaces><namespace key="-2">Medium</namespace><namespace key="0" /><namespace key="1">Diskussion</namespace>
<namespace key="6">Datei</namespace><namespace key="14">Kategorie</namespace></namespaces></siteinfo>
"""
ARTICLE = """{{Infobox Ort
| Name = Köln <!-- nicht {{gezeigt}} -->
| Fläche = {{convert|405|km2|sqmi}}
|}}
[[Datei:Dom.jpg|mini|Der [[Kölner Dom]] am {{lang|de|Rhein}}]]
'''Köln''' ({{IPA|kœln}}; {{lang|ksh|[[Kölsch (Sprache)|Kölle]]}}) ist eine [[Stadt|Großstadt]] am [[Rhein]].<ref name="a">{{cite|x}}</ref>
Sie hat<ref
name=b />
{{convert|405|km2|sqmi}} &amp; ''viel'' [http://koeln.de Netz] [http://x.org].

== Geschichte ==
=== Antike ===
* [[Colonia Claudia|Colonia]]
** Agrippina
# Erstens
{| class="wikitable"
| a || {{b}}
{|
| innen
|}
|}
<math>\\frac{{a}}{b}</math> und <nowiki>[[roh]]</nowiki> <div class="x">Block</div>
<pre>
  bleibt   so
</pre>
== Weblinks ==
{{reflist}}
[[Kategorie:Köln]]
[[en:Cologne]]
"""
TEXT = """Köln (Kölle) ist eine Großstadt am Rhein. Sie hat 405 km2 & viel Netz .

Geschichte

Antike

- Colonia
- Agrippina
- Erstens

$\\frac{{a}}{b}$ und [[roh]]

Block

  bleibt   so"""


def page(title: str, text: str, *, space: int = 0, extra: str = "", number: int = 1, model: str = "wikitext") -> str:
    return (
        f"<page><title>{escape(title)}</title><ns>{space}</ns><id>{number}</id>{extra}<revision><id>99</id>"
        f"<timestamp>2024-05-01T00:00:00Z</timestamp><contributor><username>A</username><id>7</id></contributor><model>{model}</model>"
        f"<format>text/x-wiki</format><text bytes='1' xml:space='preserve'>{escape(text)}</text></revision></page>\n"
    )


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + "</mediawiki>").encode()


def read(path: Path, extract: Extract | None = None) -> list[Outcome]:
    tally = Tally()
    source = Source(name="wiki", kind="book", paths=("unused",), licence="CC-BY-SA-4.0")
    found = list(books.outcomes(path, source, extract or Extract(), tally))
    assert tally.records == len(found)
    assert len({outcome.locator for outcome in found}) == len(found)
    return found


def reasons(found: list[Outcome]) -> list[str]:
    return [outcome.reason if isinstance(outcome, Reject) else outcome.text for outcome in found]


PAGES = (
    page("Köln am Rhein", ARTICLE),
    page("Koeln", "#WEITERLEITUNG [[Köln]]", extra='<redirect title="Köln" />'),
    page("Diskussion:Köln", "Hallo.", space=1),
    page("Leer", "{{Vorlage}}"),
    page("Daten", "{}", model="json"),
    page("Köln am Rhein", "Noch einmal.", number=5),
)


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        # Multistream: the head, then streams of pages, then the end.
        lambda data: b"".join(map(bz2.compress, [data[:700], *(data[at : at + 900] for at in range(700, len(data), 900))])),
    ],
    ids=["plain", "gz", "bz2", "multistream"],
)
def test_articles_become_documents_and_the_rest_says_what_it_is(tmp_path, pack):
    (tmp_path / "dump.xml").write_bytes(pack(dump(*PAGES)))
    found = read(tmp_path / "dump.xml")
    assert reasons(found) == [TEXT, "redirect", "not an article", "empty", "not wikitext", "Noch einmal."]
    article = found[0]
    assert isinstance(article, Document)
    assert article.locator == "https://de.wikipedia.org/wiki/K%C3%B6ln_am_Rhein"
    assert (article.title, article.stated_language, article.licence) == ("Köln am Rhein", "de", "CC-BY-SA-4.0")
    assert article.date == "2024-05-01T00:00:00Z"
    data = dump(*PAGES)
    assert data[article.offset : article.offset + article.length].decode() == PAGES[0].rstrip("\n")
    assert found[2].error == "namespace 1 Diskussion"


def test_the_last_revision_of_a_history_is_the_page(tmp_path):
    history = page("A", "first").replace("</page>", "") + page("A", "second").partition("<id>1</id>")[2]
    (tmp_path / "dump.xml").write_bytes(dump(history))
    assert reasons(read(tmp_path / "dump.xml")) == ["second"]


def test_a_cut_off_dump_gives_its_whole_pages_and_one_reject(tmp_path):
    whole = gzip.compress(dump(*(page(f"Seite {n}", f"{n} {random.Random(n).randbytes(2000).hex()}") for n in range(50))), mtime=0)
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    *pages, last = read(tmp_path / "a.gz")
    assert 10 < len(pages) < 50
    assert all(isinstance(outcome, Document) for outcome in pages)
    assert (last.reason, last.offset) == ("truncated gzip", len(whole) // 2)
    (tmp_path / "b.xml").write_bytes(dump(page("Ganz", "Ganz."), page("Halb", "Halb."))[:-60])
    assert reasons(read(tmp_path / "b.xml")) == ["Ganz.", "broken XML"]


def test_a_dump_with_entities_of_its_own_is_not_read(tmp_path):
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<?xml version="1.0"?><!DOCTYPE mediawiki [<!ENTITY l0 "lol">{lol}]>'
    (tmp_path / "dump.xml").write_bytes(doctype.encode() + dump(page("A", "x").replace(">x<", ">&l9;<")))
    assert reasons(read(tmp_path / "dump.xml")) == ["broken XML"]


def test_an_endless_page_is_one_reject_and_is_not_held(tmp_path):
    """200 MB in one page between two others, and then an endless tag, in a process that may not hold them."""
    with gzip.open(tmp_path / "dump.xml.gz", "wb", compresslevel=1) as file:
        before, after = page("Endlos", "@").encode().split(b"@")
        file.write((HEAD + page("Davor", "Davor.")).encode() + before)
        for number in range(200):
            file.write(b"%01000d " % number * 1000)
        file.write(after + page("Danach", "Danach.").encode() + b'<page a="')
        for number in range(50):
            file.write(b"%01000d " % number * 1000)
    program = (
        "import resource, sys; from pathlib import Path; from pipeline.settings.extract import Extract\n"
        "from pipeline.settings.sources import Source; from pipeline.sources import books\n"
        "from pipeline.sources.records import Tally\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = list(books.outcomes(Path(sys.argv[1]), Source(name='a', kind='book', paths=('x',)), Extract(), Tally()))\n"
        "print([getattr(one, 'text', '') or one.reason for one in found])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "dump.xml.gz"], cwd=root, capture_output=True, text=True, check=True)
    said, kibibytes = done.stdout.splitlines()
    assert said == "['Davor.', 'too long', 'Danach.', 'broken XML']"
    assert int(kibibytes) < 80_000


DEEP = 10_000
PIECES = [
    *("{{", "}}", "[[", "]]", "{|", "|}", "|", "\n", "<ref>", "</ref>", "<!--", "-->", "''", "== ", "a b", "* ", "&lt;", "<pre>", "</pre>"),
    *("File:x.png", "lang|fr|", "\x02", "\0"),
]


@pytest.mark.parametrize(
    "evil",
    [
        "{{a|" * DEEP + "x" + "}}" * DEEP,
        "{{lang|fr|" * DEEP + "x" + "}}" * DEEP,
        "{|\n" * DEEP + "|}\n" * DEEP,
        "<ref>" * DEEP + "<!--" * DEEP + "<pre>" * DEEP,
        "*" * DEEP + " x",
        "[[a|" * DEEP + "]]" * DEEP,
        "{{" * DEEP,
        '<div a="' * DEEP,
        "{{a|[[" * DEEP,
        "'''" * DEEP + "''" * DEEP,
        "[http://a " * DEEP,
        "=" * DEEP + "\n" + "== x ==\n" * DEEP,
    ],
    ids=lambda evil: evil[:8],
)
def test_markup_nested_ten_thousand_deep_is_text_or_too_complex(evil):
    try:
        assert len(plain_text(evil, Wiki())) <= 2 * len(evil)
    except TooComplex as error:
        assert "more than" in str(error)  # noqa: PT017


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES)))
def test_whatever_a_page_holds_it_is_text(pieces):
    assert isinstance(plain_text("".join(pieces), Wiki()), str)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_dump_never_escapes(tmp_path_factory, data):
    content = bytearray(dump(*PAGES))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(20, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "dump.xml"
    path.write_bytes(content[: data.draw(st.integers(100, len(content)))])
    assert read(path)
