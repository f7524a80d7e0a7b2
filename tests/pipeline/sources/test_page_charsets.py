"""Pages in legacy charsets, as records of a WARC, whether the header, the page or neither says which."""

from __future__ import annotations

import gzip
import io

import pytest

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document, Tally
from pipeline.sources.warc import WebRecord, read_records

SOURCE = Source(name="web", kind="web", paths=("x",))
TEXTS = {
    "gbk": "机器学习是人工智能的一个分支，研究计算机怎样从数据中学习规律，并用这些规律对新的数据作出判断。",
    "gb18030": "㐀字典收录了许多生僻的汉字，读者可以按照部首和笔画查找，每一个字都有读音和解释。",
    "big5": "圖書館每天早上九點開門，讀者可以借閱書籍、雜誌和報紙，也可以在閱覽室裡安靜地讀書。",
    "euc-jp": "図書館は毎朝九時に開きます。だれでも本や雑誌を借りることができ、閲覧室で静かに読むこともできます。",
    "shift_jis": "図書館は毎朝九時に開きます。だれでも本や雑誌を借りることができ、閲覧室で静かに読むこともできます。",
    "iso-2022-jp": "図書館は毎朝九時に開きます。だれでも本や雑誌を借りることができ、閲覧室で静かに読むこともできます。",
    "euc-kr": "도서관은 매일 아침 아홉 시에 문을 엽니다. 누구나 책과 잡지를 빌릴 수 있고 열람실에서 조용히 읽을 수 있습니다.",
    "windows-1251": "Библиотека открывается каждое утро в девять часов, и всякий может взять домой книгу или журнал.",
    "koi8-r": "Библиотека открывается каждое утро в девять часов, и всякий может взять домой книгу или журнал.",
    "windows-1253": "Η βιβλιοθήκη ανοίγει κάθε πρωί στις εννέα και όλοι μπορούν να δανειστούν ένα βιβλίο ή ένα περιοδικό.",
    "windows-1252": "Die Bücherei öffnet täglich um neun; jeder darf Bücher – auch größere – für fünf Wochen ausleihen.",
    "utf-16-le": "The library opens at nine every morning, and anyone may borrow books – even large ones – for five weeks.",
    "utf-16-be": "Библиотека открывается каждое утро в девять часов, и всякий может взять домой книгу или журнал.",
}


def page_text(charset: str, *, header: str = "", meta: str = "", mark: bytes = b"") -> str:
    """The main text of a page of five paragraphs, after the way through a WARC record."""
    paragraphs = "".join(f"<p>{TEXTS[charset]}{TEXTS[charset]}</p>" for _ in range(5))
    declared = f'<meta charset="{meta}">' if meta else ""
    html = f"<html><head>{declared}<title>x</title></head><body><article>{paragraphs}</article></body></html>"
    body = mark + html.encode(charset)
    message = f"HTTP/1.1 200 OK\r\nContent-Type: text/html{header and f'; charset={header}'}\r\n\r\n".encode() + body
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nContent-Length: {len(message)}\r\n\r\n".encode()
    (record,) = read_records(io.BytesIO(gzip.compress(head + message + b"\r\n\r\n", mtime=0)), Tally(), 1 << 20)
    assert isinstance(record, WebRecord)
    document = page_document(record, Extract(), SOURCE)
    assert isinstance(document, Document), document
    return document.text


@pytest.mark.parametrize("charset", TEXTS)
def test_the_header_says_it(charset):
    assert TEXTS[charset] in page_text(charset, header=charset)


@pytest.mark.parametrize("charset", [name for name in TEXTS if not name.startswith("utf-16")])
def test_the_page_says_it(charset):
    assert TEXTS[charset] in page_text(charset, meta=charset)


@pytest.mark.parametrize("charset", [name for name in TEXTS if name not in {"euc-kr", "iso-2022-jp"}])
def test_nobody_says_it(charset):
    """By detection, but for EUC-KR, which the detector takes for UTF-8, and ISO-2022-JP, which is ASCII where nothing is said."""
    assert TEXTS[charset] in page_text(charset)


@pytest.mark.parametrize(
    ("charset", "said"), [("gbk", "gb2312"), ("shift_jis", "x-sjis"), ("windows-1252", "iso-8859-1"), ("euc-kr", "ks_c_5601-1987")]
)
def test_labels_mean_what_browsers_take_them_for(charset, said):
    assert TEXTS[charset] in page_text(charset, header=said)
    assert TEXTS[charset] in page_text(charset, meta=said)


@pytest.mark.parametrize(("charset", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
def test_a_mark_goes_before_what_is_said(charset, mark):
    assert TEXTS[charset] in page_text(charset, header="iso-8859-1", mark=mark)
