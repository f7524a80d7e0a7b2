"""FictionBook 2: the text of the book and what its description says, plain and as it is mostly shared, in a ZIP."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path

import pytest

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books
from pipeline.sources.records import Document, Outcome, Tally

BOOK = """<?xml version="1.0" encoding="{encoding}"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink">
<description><title-info><genre>prose_classic</genre>
<author><first-name>Лев</first-name><middle-name>Николаевич</middle-name><last-name>Толстой</last-name></author>
<author><nickname>Редактор</nickname></author>
<book-title>Анна Каренина</book-title><annotation><p>О книге.</p></annotation><date value="1877-04-01">1877</date><lang>ru</lang>
</title-info><document-info><author><nickname>scanner</nickname></author><date>2005</date></document-info>
<publish-info><year>1981</year></publish-info><custom-info info-type="licence">CC BY-SA 4.0</custom-info></description>
<body><title><p>Часть первая</p></title>
<section><title><p>I</p></title><epigraph><p>Мне отмщение</p></epigraph>
<p>Все счастливые семьи&nbsp;похожи<a l:href="#n1" type="note">[1]</a> друг на <emphasis>друга</emphasis>.</p><empty-line/>
<poem><stanza><v>Первый стих</v><v>Второй стих</v></stanza></poem><image l:href="#p.png"/></section></body>
<body name="notes"><section id="n1"><p>Примечание.</p></section></body>
{binaries}</FictionBook>"""
TEXT = "Часть первая\n\nI\n\nМне отмщение\n\nВсе счастливые семьи\xa0похожи друг на друга.\n\nПервый стих\nВторой стих"


def read_one(path: Path) -> Outcome:
    tally = Tally()
    (outcome,) = books.outcomes(path, Source(name="books", kind="book", paths=("unused",)), Extract(), tally)
    assert tally.records == 1
    return outcome


def book(encoding: str = "utf-8", pictures: int = 0) -> bytes:
    picture = f'<binary id="p.png" content-type="image/png">{base64.b64encode(bytes(12_000_000)).decode()}</binary>'
    return BOOK.format(encoding=encoding, binaries=picture * pictures).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251"])
def test_a_book_is_its_bodies_without_notes_and_description(tmp_path, encoding):
    (tmp_path / "a.fb2").write_bytes(book(encoding))
    found = read_one(tmp_path / "a.fb2")
    assert isinstance(found, Document), found
    assert found.text == TEXT
    assert (found.title, found.author) == ("Анна Каренина", "Лев Николаевич Толстой; Редактор")
    assert (found.stated_language, found.date, found.licence) == ("ru", "1877-04-01", "CC-BY-SA-4.0")


def test_a_zipped_book_with_pictures_longer_than_libxml2_takes_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.fb2.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.fb2", book(pictures=2))
    found = read_one(tmp_path / "a.fb2.zip")
    assert (found.locator, found.text) == ("a.fb2.zip!a.fb2", TEXT)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<FictionBook><description/></FictionBook>", "FB2 has no body"),
        (b"<FictionBook><body><p>never closed", "broken XML"),
        (b"<FictionBook><body>" + b"<section>" * 10_000 + b"<p>x</p>" + b"</section>" * 10_000 + b"</body></FictionBook>", "broken XML"),
        (book()[:900], "broken XML"),
    ],
)
def test_what_is_broken_says_so(tmp_path, content, reason):
    (tmp_path / "a.fb2").write_bytes(content)
    assert read_one(tmp_path / "a.fb2").reason == reason


def test_entities_reach_neither_files_nor_exponential_size(tmp_path):
    (tmp_path / "secret").write_text("TOP SECRET")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    evil = (
        f'<!DOCTYPE FictionBook [<!ENTITY e SYSTEM "file://{tmp_path}/secret"><!ENTITY l0 "lollollollol">{lol}]>'
        "<FictionBook><body><p>before &e; &l9; after</p></body></FictionBook>"
    )
    (tmp_path / "a.fb2").write_text(evil)
    # libxml2 counts what the entities would come to, before it looks at any of them.
    assert read_one(tmp_path / "a.fb2").reason == "broken XML"
