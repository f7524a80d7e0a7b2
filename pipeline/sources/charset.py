"""Bytes to text where the encoding is not certain: byte-order mark, UTF-8, what the record declares, then detection."""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding

from filters.charset import MARKS, SUPERSETS

DETECTED_BYTES = 1 << 18  # enough for a detector, and its time stays bounded

SNIFFED_BYTES = 1 << 13

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")
_DECLARED_IN_MARKUP = re.compile(rb"""(?:charset|encoding)\s{0,8}=\s{0,8}["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_DECLARED_IN_CODE = re.compile(rb"coding[=:][ \t]{0,8}([A-Za-z0-9_.-]{2,40})")


def looks_binary(data: bytes) -> bool:
    """Whether the first 8 KB are no text: NULs without a mark of UTF-16 or UTF-32, or more than 1% control characters."""
    if data.startswith(tuple(mark for mark, _ in MARKS)):
        return False
    # No legacy encoding uses a byte under 0x21 inside a character; 0x1A is the end mark of DOS, 0x1B the escape of ISO-2022.
    head = data[:SNIFFED_BYTES]
    return b"\0" in head or len(_CONTROL.findall(head)) > len(head) // 100


def declared_in_markup(data: bytes) -> str | None:
    """Encoding named by an XML declaration or a <meta> element within the first 2 KB."""
    found = _DECLARED_IN_MARKUP.search(data[:2048])
    return found[1].decode("ascii") if found else None


def declared_in_code(data: bytes) -> str | None:
    """Encoding named by an editor line in the first two lines (PEP 263)."""
    found = _DECLARED_IN_CODE.search(b"\n".join(data[:1024].split(b"\n", 2)[:2]))
    return found[1].decode("ascii") if found else None


def decode_text(data: bytes, declared: str | None = None) -> str:
    """Text of `data`, without byte-order mark, every byte accounted for: no replacement characters are made.

    Args:
        data: all bytes of the record.
        declared: encoding that the record or its transport names; used when the bytes are not UTF-8 and agree with it.

    Raises:
        UnicodeDecodeError: the bytes fit none of the candidates.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        failure = error
    for candidate in (declared, detect_encoding(_sample(data, failure.start)), "cp1252", "latin-1" if _is_latin_1(data) else None):
        codec = _codec(candidate)
        if codec is None:
            continue
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise failure


def _sample(data: bytes, first_foreign: int) -> bytes:
    """The part that a detector can learn from: around the first byte that is not UTF-8."""
    start = max(0, min(first_foreign - 1024, len(data) - DETECTED_BYTES))
    return data[start : start + DETECTED_BYTES]


def _is_latin_1(data: bytes) -> bool:
    """Whether ISO-8859-1 proper is plausible: none of its control characters but the tab and line ends, DEL or 0x85."""
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x7f\x80-\x84\x86-\x9f]", data)


def _codec(name: str | None) -> str | None:
    """Python's name of a text encoding; None for one that it does not know or that is not an encoding of text (base64, utf-7, …)."""
    if not name:
        return None
    name = name.strip().lower()
    try:
        found = codecs.lookup(SUPERSETS.get(name, name))
    except (LookupError, ValueError):
        return None
    # UTF-16 without its mark is not believed: ASCII bytes would decode to Chinese (the WHATWG standard reads such a page as UTF-8 too).
    refused = found.name.startswith(("utf", "idna", "punycode", "raw-unicode", "unicode"))
    return found.name if getattr(found, "_is_text_encoding", True) and not refused else None
