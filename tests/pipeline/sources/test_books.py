"""Books in the formats that they come in: what the reader gets, and that no file is lost or harmful."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import aozora, books, gutenberg
from pipeline.sources.book import Book
from pipeline.sources.formats import without_boilerplate
from pipeline.sources.records import Document, Outcome, Reject, Tally

SOURCE = Source(name="books", kind="book", paths=("unused",), licence="unknown")
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
)


def read(path: Path, extract: Extract | None = None) -> list[Outcome]:
    """All outcomes of a path; fails where they are not as many as the records met, or share a name."""
    tally = Tally()
    found = list(books.outcomes(path, SOURCE, extract or Extract(), tally))
    assert tally.records == len(found)
    assert len({outcome.locator for outcome in found}) == len(found)
    return found


def read_one(path: Path, extract: Extract | None = None) -> Outcome:
    (outcome,) = read(path, extract)
    return outcome


def document(path: Path, extract: Extract | None = None) -> Document:
    outcome = read_one(path, extract)
    assert isinstance(outcome, Document), outcome
    return outcome


def reason(path: Path, extract: Extract | None = None) -> str:
    outcome = read_one(path, extract)
    assert isinstance(outcome, Reject), outcome
    return outcome.reason


def chapter(text: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><h1>One</h1><p>{text}</p></body></html>'


def epub(
    path: Path,
    chapters: Mapping[str, str | bytes],
    *,
    spine: tuple[str, ...] | None = None,
    metadata: str = "",
    extra: Mapping[str, str | bytes] | None = None,
    package: str = "OPS/package.opf",
    properties: Mapping[str, str] | None = None,
) -> Path:
    """An EPUB of these chapters, hrefs relative to the package."""
    items = "".join(
        f'<item id="i{number}" href="{href}" media-type="application/xhtml+xml" properties="{(properties or {}).get(href, "")}"/>'
        for number, href in enumerate(chapters)
    )
    order = {href: f"i{number}" for number, href in enumerate(chapters)}
    references = "".join(f'<itemref idref="{order.get(href, href)}"/>' for href in (chapters if spine is None else spine))
    opf = (
        f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}'
        f"</metadata><manifest>{items}</manifest>{f'<spine>{references}</spine>' if references else ''}</package>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER.format(package))
        archive.writestr(package, opf)
        for href, text in chapters.items():
            if not href.startswith("missing"):
                archive.writestr(os.path.normpath(f"OPS/{href}"), text)
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return path


# Real books


def test_every_file_of_the_collection_is_a_book_or_says_what_it_is(shared_data):
    found = read(shared_data / "books")
    files = [path for path in (shared_data / "books").rglob("*") if path.is_file() and path.name != ".unpacked"]
    assert len([outcome for outcome in found if outcome.locator != ".unpacked"]) == len(files)
    reasons = Counter(outcome.reason for outcome in found if isinstance(outcome, Reject) and outcome.locator != ".unpacked")
    assert set(reasons) == {"not a book: licence", "not a book: RDF", "not a book: YAML"}
    for outcome in found:
        if isinstance(outcome, Document):
            assert outcome.text.strip()
            assert "\ufffd" not in outcome.text
            assert "Small Print" not in outcome.text
            assert "THE FULL PROJECT GUTENBERG LICENSE" not in outcome.text
            assert "*** START OF" not in outcome.text


def gutenberg_files(shared_data: Path, work: str, ending: str) -> list[Path]:
    found = sorted(path for path in (shared_data / "books" / "gitenberg").glob(f"{work}*/*") if path.name.endswith(ending))
    assert found
    return found


@pytest.mark.parametrize(
    ("work", "first", "last"),
    [
        ("Heart-of-Darkness", "heart of darkness", "into the heart of an immense darkness."),
        ("The-Yellow-Wallpaper", "the yellow wallpaper", "so that i had to creep over him every time!"),
        ("The-Strange-Case", "the strange case of dr. jekyll and mr. hyde", "bring the life of that unhappy henry jekyll to an end."),
        ("Die-Verwandlung", "die verwandlung", "als erste sich erhob und ihren jungen körper dehnte."),
    ],
)
def test_every_edition_of_a_gutenberg_book_begins_and_ends_with_the_book(shared_data, work, first, last):
    """1992 to 2016, plain and HTML, small print in front or behind: the same first and last words."""
    for path in gutenberg_files(shared_data, work, ".txt.gz") + gutenberg_files(shared_data, work, ".htm.gz"):
        book = document(path)
        words = " ".join(book.text.lower().split())
        assert words.startswith(first), path
        assert words.endswith(last), path
        assert book.licence == "LicenseRef-Project-Gutenberg"


def test_header_of_a_gutenberg_book_gives_title_date_and_encoding(shared_data):
    candide = document(gutenberg_files(shared_data, "Candide", "-8.txt.gz")[0])
    assert (candide.title, candide.date) == ("Candide", "2003-11")
    assert "Produced by" not in candide.text
    assert "Vestphalie" in candide.text
    assert "été" in candide.text  # the file is ISO-8859-1


def test_a_copyrighted_gutenberg_book_says_so(shared_data):
    for path in gutenberg_files(shared_data, "Metamorphosis", ".txt.gz"):
        assert document(path).licence == "LicenseRef-Project-Gutenberg-Copyrighted"


def test_japanese_is_decoded_and_aozora_marks_are_gone(shared_data):
    folder = shared_data / "books" / "aozora_shift_jis"
    found = read(folder)
    assert all(isinstance(outcome, Document) for outcome in found if outcome.locator != ".unpacked")
    for book in found:
        if isinstance(book, Document):
            assert "《" not in book.text
            assert "［＃" not in book.text
            assert aozora.LEGEND not in book.text
            assert "青空文庫作成ファイル" not in book.text
    autobiography = document(folder / "4829_ruby_34858.txt.gz")
    assert autobiography.title == "鳴雪自叙伝"
    assert "最初沼波瓊音氏の「俳味」に連載されしが" in autobiography.text
    assert autobiography.date[:5] == "2009-"
    assert len(autobiography.date) == 10


def test_a_character_outside_shift_jis_is_restored():
    book = aozora.strip(  # noqa: B005 -- not the method of str
        "題\n人\n\n※［＃「にんべん＋戔」、U+4FF4、76-7］と※［＃「魚＋肅」、第3水準1-94-51］。\n\n底本：「本」\n2004年4月1日作成\n"
    )
    assert book.text.split("\n")[3] == "俴と鱐。"
    assert book.date == "2004-04-01"


def test_tei_novels_keep_their_text_and_state_licence_and_first_edition(shared_data):
    for path in sorted((shared_data / "books" / "eltec_tei").glob("*/*.xml.gz")):
        novel = document(path)
        assert novel.licence in {"CC-BY-4.0", "unknown"}
        assert novel.date[:2] in {"18", "19"}
    wells = document(next((shared_data / "books" / "eltec_tei" / "eng").glob("*.xml.gz")))
    assert (wells.licence, wells.date) == ("CC-BY-4.0", "1895")
    assert wells.text.startswith("The Time Machine\n\nAn Invention")
    assert "ELTeC conversion" not in wells.text


def test_real_epubs_follow_their_spine_without_navigation(shared_data):
    folder = shared_data / "books"
    wells = document(folder / "standardebooks" / "h-g-wells_the-time-machine.epub")
    assert wells.title == "The Time Machine"
    assert wells.text.index("The Time Traveller (for so it will be convenient") < wells.text.index("still lived on in the heart of man")
    assert "Standard Ebooks" not in wells.text  # imprint, colophon and uncopyright are left out
    assert document(folder / "epub3-samples" / "internallinks.epub").text.startswith("1 EPUBリーダの数式サポート")
    for path in (folder / "epubcheck_odd").glob("*.epub"):
        assert document(path).text.startswith("Loomings\n\nCall me Ishmael.")


# EPUBs made to go wrong


def test_an_epub_gives_its_chapters_in_spine_order(tmp_path):
    path = epub(
        tmp_path / "book.epub",
        {"b.xhtml": chapter("second"), "nav.xhtml": chapter("contents"), "a%20b.xhtml": chapter("first&nbsp;half &amp; more")},
        spine=("nav.xhtml", "a%20b.xhtml", "b.xhtml"),
        properties={"nav.xhtml": "nav"},
        metadata="<dc:title>A  Title</dc:title><dc:date>1999-05</dc:date><dc:rights>none</dc:rights>",
        extra={"OPS/a b.xhtml": chapter("first&nbsp;half &amp; more")},
    )
    book = document(path)
    assert book.text == "One\n\nfirst\xa0half & more\n\nOne\n\nsecond"
    assert (book.title, book.date, book.length) == ("A Title", "1999-05", path.stat().st_size)


def test_an_epub_without_a_spine_is_refused(tmp_path):
    assert reason(epub(tmp_path / "a.epub", {"a.xhtml": chapter("x")}, spine=())) == "EPUB has no spine"


def test_an_epub_without_container_or_package_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    assert reason(tmp_path / "a.epub") == "EPUB has no container"
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER.format("gone.opf"))
    assert reason(tmp_path / "a.epub") == "EPUB has no package"


def test_a_missing_chapter_costs_that_chapter(tmp_path):
    assert document(epub(tmp_path / "a.epub", {"missing.xhtml": "", "b.xhtml": chapter("rest")})).text == "One\n\nrest"
    assert reason(epub(tmp_path / "b.epub", {"missing.xhtml": ""})) == "EPUB has no text"


def test_broken_xhtml_is_read_as_html(tmp_path):
    broken = "<html><body><p>one<br>two<p>three & four &eacute;</body>"
    assert document(epub(tmp_path / "a.epub", {"a.xhtml": broken})).text == "one\ntwo\n\nthree & four é"


def test_bombs_are_refused_from_the_bytes_that_come_out(tmp_path):
    small = Extract(max_record_bytes=200_000, max_html_bytes=100_000)
    assert reason(epub(tmp_path / "member.epub", {"a.xhtml": chapter("x" * 150_000)}), small) == "too long"
    many = {f"{number}.xhtml": chapter("x" * 60_000) for number in range(5)}
    assert reason(epub(tmp_path / "total.epub", many), small) == "too long"


def test_a_lie_about_a_member_s_size_does_not_help(tmp_path):
    path = epub(tmp_path / "a.epub", {"a.xhtml": chapter("x" * 5_000_000)})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("OPS/a.xhtml").file_size.to_bytes(4, "little")
    assert data.count(size) == 2  # local header and directory
    path.write_bytes(bytes(data).replace(size, (10).to_bytes(4, "little")))
    outcome = read_one(path, Extract(max_record_bytes=200_000, max_html_bytes=100_000))
    assert isinstance(outcome, Reject)


@pytest.mark.parametrize("href", ["../../etc/passwd", "/etc/passwd", "..%2f..%2fsecret.xhtml"])
def test_a_path_out_of_the_archive_is_refused(tmp_path, href):
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f'<item id="a" href="{href}" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER.format("OPS/package.opf"))
        archive.writestr("OPS/package.opf", package)
    assert reason(tmp_path / "a.epub") == "path leaves the archive"


def test_an_encrypted_book_is_refused_and_scrambled_fonts_are_not(tmp_path):
    entry = (
        '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:EncryptionMethod Algorithm="{}"/>'
        '<enc:CipherData><enc:CipherReference URI="OPS/a.xhtml"/></enc:CipherData></enc:EncryptedData></encryption>'
    )
    protected = {"META-INF/encryption.xml": entry.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    scrambled = {"META-INF/encryption.xml": entry.format("http://www.idpf.org/2008/embedding").replace("OPS/a.xhtml", "OPS/font.otf")}
    assert reason(epub(tmp_path / "a.epub", {"a.xhtml": b"\x8f\x01 cipher"}, extra=protected)) == "encrypted"
    assert document(epub(tmp_path / "b.epub", {"a.xhtml": chapter("open")}, extra=scrambled)).text == "One\n\nopen"


def test_entities_reach_neither_files_nor_exponential_size(tmp_path):
    (tmp_path / "secret").write_text("TOP SECRET")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    evil = (
        f'<!DOCTYPE html [<!ENTITY e SYSTEM "file://{tmp_path}/secret"><!ENTITY l0 "lollollollol">{lol}]>'
        '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>before &e; &l9; after</p></body></html>'
    )
    text = document(epub(tmp_path / "a.epub", {"a.xhtml": evil})).text
    assert "SECRET" not in text
    assert len(text) < 100
    assert "before" in text
    assert text.endswith("after")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_epub_is_one_outcome(tmp_path_factory, data):
    path = epub(tmp_path_factory.mktemp("damage") / "a.epub", {"a.xhtml": chapter("text " * 50), "b.xhtml": chapter("more")})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(4, len(content)))])
    assert read(path)


# Other input


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b'{"a": [1, 2]}', "not a book: JSON"),
        (b"a: 1\nb:\n  - x\n  - y\nc: text\n", "not a book: YAML"),
        (b'<?xml version="1.0"?><rdf:RDF xmlns:rdf="x"/>', "not a book: RDF"),
        (b'<?xml version="1.0"?><!-- c --><opml/>', "not a book: XML"),
        (b"%PDF-1.7\n...", "broken PDF"),
        (bytes(range(256)) * 8, "not a book: binary"),
        (b"<TEI xmlns='http://www.tei-c.org/ns/1.0'><teiHeader/></TEI>", "TEI has no text"),
        (b"<TEI xmlns='http://www.tei-c.org/ns/1.0'><text>", "broken XML"),
        (b"<html><body><script>x</script></body></html>", "empty"),
        (b"<html><body>" + b"<div>" * 3000 + b"deep", "broken HTML"),
        (b"\x1f\x8b\x08\x00 not gzip at all, it only begins so", "corrupt gzip"),
        (gzip.compress(b"a long enough text " * 999, mtime=0)[:-40], "truncated gzip"),
        (b"PK\x03\x04 and no directory", "broken archive"),
    ],
)
def test_what_is_no_book_says_what_it_is(tmp_path, content, expected):
    (tmp_path / "file").write_bytes(content)
    assert reason(tmp_path / "file") == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp932", "gb18030", "koi8-r", "euc_jp"])
def test_plain_text_in_the_encodings_of_its_language(tmp_path, encoding):
    text = {
        "cp932": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 20,
        "euc_jp": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 20,
        "gb18030": "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。\n" * 20,
        "koi8-r": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n" * 20,
    }.get(encoding, "Er war’s – „schön“, sagte café Zoë für 3 €.\n" * 20)
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert document(tmp_path / "a.txt").text.strip() == text.strip()


def test_members_of_archives_are_books_of_their_own(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.txt", "inner")
    epub(tmp_path / "one.epub", {"a.xhtml": chapter("in an archive")})
    members = {
        "a/book.txt": b"A plain book.",
        "../../escape.txt": b"Not written anywhere.",
        "packed.txt.gz": gzip.compress(b"A packed book.", mtime=0),
        "again.zip": inner.getvalue(),
        "one.epub": (tmp_path / "one.epub").read_bytes(),
    }
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with tarfile.open(tmp_path / "in" / "b.tar.gz", "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    found = {outcome.locator: outcome for outcome in read(tmp_path / "in")}
    for archive_name in ("a.zip", "b.tar.gz"):
        texts = {name: getattr(found[f"{archive_name}!{name}"], "text", None) for name in members}
        assert texts == {
            "a/book.txt": "A plain book.",
            "../../escape.txt": "Not written anywhere.",
            "packed.txt.gz": "A packed book.",
            "again.zip": None,
            "one.epub": "One\n\nin an archive",
        }
    assert found["b.tar.gz!link"] == Reject("b.tar.gz!link", "symbolic link", "to '/etc/passwd'", 0, found["b.tar.gz!link"].length)
    assert len(found) == 11
    assert not (tmp_path.parent / "escape.txt").exists()


def test_a_cut_off_tar_gives_what_is_whole_and_one_reject(tmp_path):
    with tarfile.open(tmp_path / "whole.tar", "w") as tar:
        for number in range(20):
            content = f"Book {number}. ".encode() * 100
            info = tarfile.TarInfo(f"{number}.txt")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (tmp_path / "b").mkdir()
    packed = gzip.compress((tmp_path / "whole.tar").read_bytes(), mtime=0)
    (tmp_path / "b" / "cut.tar.gz").write_bytes(packed[: len(packed) // 2])
    found = read(tmp_path / "b")
    good = [outcome for outcome in found if isinstance(outcome, Document)]
    assert [outcome.locator for outcome in good] == [f"cut.tar.gz!{number}.txt" for number in range(len(good))]
    assert 0 < len(good) < 20
    assert 1 <= len(found) - len(good) <= 2
    assert found[-1].reason in {"truncated gzip", "broken archive"}


def test_folders_pipes_and_dead_links_do_not_stop_the_rest(tmp_path):
    (tmp_path / "good.txt").write_text("A book.")
    (tmp_path / "dead.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    found = {outcome.locator: outcome for outcome in read(tmp_path)}
    assert isinstance(found["good.txt"], Document)
    assert found["dead.txt"].reason == found["pipe.txt"].reason == "unreadable"
    assert "FileNotFoundError" in found["dead.txt"].error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_a_reject(tmp_path):
    (tmp_path / "a.txt").write_text("A book.")
    (tmp_path / "a.txt").chmod(0)
    outcome = read_one(tmp_path)
    assert isinstance(outcome, Reject)
    assert "PermissionError" in outcome.error


def test_a_long_book_is_refused_by_its_size_after_decompression(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"word " * 100_000, mtime=0))
    assert reason(tmp_path / "a.txt.gz", Extract(max_record_bytes=100_000)) == "too long"
    assert len(document(tmp_path / "a.txt.gz", Extract(max_record_bytes=600_000)).text) > 400_000


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_text_of_nobody_in_particular_stays_as_it_is(text):
    """Nothing is taken for boilerplate in a text that has none."""
    lines = "\n".join(line for line in text.split("\n"))
    if not gutenberg.recognises(lines) and not aozora.recognises(lines):
        assert without_boilerplate(Book(lines)).text == lines


MARKS = [
    "",
    "word",
    "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
    "*** END OF THIS PROJECT GUTENBERG EBOOK X ***",
    "***START**THE SMALL PRINT!**",
    "*END*THE SMALL PRINT! FOR*Ver.1*END*",
    "End of Project Gutenberg's X",
    "Produced by Y",
    "Title: T",
    "***END***",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=30))
def test_marks_in_any_order_leave_a_part_of_the_text(lines):
    book = gutenberg.strip("\n".join(lines)).text
    assert book == "" or book in "\n".join(lines)
