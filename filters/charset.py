"""The charset of a web page: from its bytes, its header, its mark-up, or by detection."""

from __future__ import annotations

import codecs
import contextlib
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

META_BYTES = 4096
DETECTED_BYTES = 1 << 17

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# The supersets that decoders use under these names (WHATWG Encoding Standard, section 4.2): a page that says ISO-8859-1 means windows-1252.
# Vendor characters such as ① and － are in Windows-31J and not in Python's shift_jis; Aozora's files hold them.
SUPERSETS = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "iso-8859-9": "cp1254",
    "windows-874": "cp874",
    "tis-620": "cp874",
}

# "<" and a letter, "!" or "?" in 16 bits each, without a mark: detectors take such a page for windows-1252.
UTF_16_BEGINNINGS = (
    (re.compile(rb"(?:[\t\n\r ]\0){0,64}<\0[A-Za-z!?]\0"), "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\r ]){0,64}\0<\0[A-Za-z!?]"), "utf-16-be"),
)

_HEADER_CHARSET = re.compile(r"charset\s{0,4}=\s{0,4}[\"']?([\w.:-]{2,40})", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<(?:meta|\?xml)\b[^<>]{0,300}?\b(?:charset|encoding)\s{0,4}=\s{0,4}[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def decode_html(payload: bytes, content_type: str = "") -> str:
    """A page's characters. Bytes that do not decode become U+FFFD.

    In this order: byte-order mark; UTF-8 where the bytes are UTF-8 beyond ASCII, which other encodings never are by chance; the charset of
    the Content-Type header; that of a <meta> element or XML declaration; detection.

    Args:
        payload: the page.
        content_type: of the HTTP header, '' where there is none.
    """
    return _decoded(payload, content_type)[0]


def utf8_html(payload: bytes, content_type: str = "") -> bytes:
    """The same as UTF-8: most pages are that already, and are given back as they are."""
    text, same = _decoded(payload, content_type)
    return payload if same else text.encode()


def _decoded(payload: bytes, content_type: str) -> tuple[str, bool]:
    """The text, and whether the payload is its UTF-8."""
    for mark, encoding in MARKS:
        if payload.startswith(mark):
            return payload[len(mark) :].decode(encoding, "replace"), False
    stated = _HEADER_CHARSET.search(content_type)
    header = _codec(stated[1]) if stated else None
    meta = _META_CHARSET.search(payload[:META_BYTES])
    declared = header or (_codec(meta[1].decode("ascii", "replace")) if meta else None)
    # ISO-2022 is ASCII to the eye of UTF-8; UTF-16 shows in its zero bytes and nowhere else.
    if declared and declared.startswith("iso2022") and b"\x1b" in payload:
        return payload.decode(declared, "replace"), False
    if b"\0" in payload[:META_BYTES]:
        for beginning, encoding in UTF_16_BEGINNINGS:
            if beginning.match(payload):
                return payload.decode(encoding, "replace"), False
        detected = _codec(detect_encoding(payload[:DETECTED_BYTES]) or "")
        if header and header.startswith("utf-16"):
            return payload.decode(header, "replace"), False
        if detected and detected.startswith("utf-16"):
            return payload.decode(detected, "replace"), False
    with contextlib.suppress(UnicodeDecodeError):
        return payload.decode("utf-8"), True
    if declared is None or declared.startswith("utf-16"):
        declared = _codec(detect_encoding(payload[:DETECTED_BYTES]) or "") or "utf-8"
    return payload.decode(declared, "replace"), False


def _codec(label: str) -> str | None:
    """Python's name of an encoding that a page may have; None for an unknown label."""
    name = map_encoding_to_html5(label.strip().lower(), fallback_utf8=False)
    if name is None:
        return None
    with contextlib.suppress(LookupError):
        return codecs.lookup(SUPERSETS.get(name.lower(), name)).name
    return None
