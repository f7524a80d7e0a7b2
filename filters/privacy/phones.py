"""Telephone numbers: in international form, in the form of North America, or beside a word that says so.

A region is never known, so a number is not tried against all of them: one of 8 grouped digits is a number somewhere. What is judged:
- `+49 30 1234567`: as long as its country's plan has it (phonenumbers, ITU-T E.164); or of a possible length, where it is grouped by two
  separators or beside a word;
- `(905) 674-3793`, `905-674-3793`, `905.674.3793`: three digits, three and four, area and exchange not beginning with 0 or 1;
- other digits, 7 to 13 in groups or 9 to 11 without, only beside a word such as `Tel.`, `fax`, `call me on`.
Dates, IPv4 addresses, ISBN and ISSN have forms of their own and are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from filters.privacy.words_beside import words_after, words_before

_SEPARATOR = rb"(?:[ ./-]|\xc2\xa0|\xe2\x80[\x90-\x93\xaf])"
_EXTENSION = rb"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
# Possessive: 88 digits in a row can be divided into seven groups in 35 million ways.
_INTERNATIONAL = re.compile(
    rb"(?<![\w+.,=*^-])\(?(?:\+ ?|00(?=[1-9]))\(?\d{1,4}+\)?(?:"
    + _SEPARATOR
    + rb"{0,2}\(?\d{1,12}+\)?){1,7}"
    + _EXTENSION
    + rb"(?![\w@]|\xc2\xad|\xe2\x80\x8b)"
)
_AMERICAN = re.compile(
    rb"(?<![\w.,+@#/$-])(?:(?:1[ .-])?\(?[2-9]\d\d\)? ?[-.]?(?<=[-. )])[2-9]\d\d[-.]\d{4}|\([2-9]\d\d\) ?[2-9]\d\d \d{4})"
    + _EXTENSION
    + rb"(?!\w|[.,]\d|-\d)"
)
_NATIONAL = re.compile(
    rb"(?<![\w.,+@#$%=/-])(?:\(?\d{1,6}\)?(?:"
    + _SEPARATOR
    + rb"{1,2}\(?\d{1,8}\)?){1,6}|\d{9,11}|\(\d{2,5}\)\d{4,9})"
    + _EXTENSION
    + rb"(?!\w|[.,]\d|%|-\d)"
)
_DAY, _MONTH, _YEAR, _JOIN = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[5-9]|20)\d\d", r"[-./ ]"
_DATE = re.compile(
    rf"{_YEAR}{_JOIN}{_MONTH}{_JOIN}{_DAY}(?!\d)|{_DAY}{_JOIN}{_DAY}{_JOIN}{_YEAR}(?!\d)|{_YEAR} ?[-/\u2010-\u2013] ?{_YEAR}(?!\d)"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?!\d)|\d{4}-\d{4}$"
)
# In lower case. Those of scripts without capitals or blanks stand as they are written.
_LATIN = (
    "(?:tele)?phones?", r"tele(?:f|ph)on\w{0,8}", "tel", "t\u00e9l", "t\u00e9l\u00e9phone", r"tel\u00e9fonos?", "tlf", "tfn", "m\u00f3vil",
    "celular", "fax", "telefax", "t\u00e9l\u00e9copie", "mobile?", "mobilnummer", "handy", "whatsapp", "hotline", "helpline", "rufnummer",
    "puhelin", "puh", "telefoon", "toll-free", "freephone",
)  # fmt: skip
_OTHERS = (
    "\u0442\u0435\u043b\u0435\u0444\u043e\u043d", r"\u0442\u0435\u043b\.", "\u0444\u0430\u043a\u0441",
    "\u03c4\u03b7\u03bb\u03ad\u03c6\u03c9\u03bd\u03bf",
    r"\u03c4\u03b7\u03bb\.", "\u7535\u8bdd", "\u96fb\u8a71", "\u624b\u673a", "\u624b\u6a5f", "\u4f20\u771f", "\uc804\ud654",
    "\u0647\u0627\u062a\u0641", "\u05d8\u05dc\u05e4\u05d5\u05df", "\u092b\u093c\u094b\u0928", "\u092b\u094b\u0928", "\u0e42\u0e17\u0e23",
)  # fmt: skip
_WORDS = re.compile(rf"(?<![a-z])(?:{'|'.join(_LATIN)})(?![a-z])|{'|'.join(_OTHERS)}")
_WEAK_WORDS = re.compile(
    r"(?<![a-z])(?:call(?:ing)?(?: (?:me|us|him|her|them|someone|back))?(?: back)?(?: (?:on|at|to))?"
    r"|dial|ring|sms|text me|reach(?:ed)? (?:me|us)? ?(?:on|at)"
    r"|answering at|cell|appelez|appeler|llame al|llamar al|chiamare|bellen|anrufen unter)[ :]{0,3}$"
)
_WORDS_BEHIND = re.compile(r"[ \t]{0,2}[-(]? ?(?:office|fax|mobile|home|cell|work|phone|tel)(?![a-z])")
_WITHIN = 40  # bytes
_LEAST, _MOST = 7, 13
_TRIES = 4


def phones(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """Telephone numbers in a run of digits, with their extensions."""
    # A bracket before it, an extension behind; a number that begins behind the run is another's.
    first, last = max(0, begin - 1), min(len(data), past + 16)
    for found in _INTERNATIONAL.finditer(data, first, last):
        if found.start() < past and (end := _international(data, found)):
            yield found.start(), end
    yield from (found.span() for found in _AMERICAN.finditer(data, first, last) if found.start() < past)
    # In a run of several numbers a word may stand before a later one.
    beside = words_before(data, begin, _WORDS) or words_before(data, begin, _WEAK_WORDS) or words_after(data, past, _WORDS_BEHIND)
    if beside or past - begin > 24:
        for found in _NATIONAL.finditer(data, first, last):
            if found.start() < past and _is_worded(data, found):
                yield found.span()


def _international(data: bytes, found: re.Match[bytes]) -> int:
    """Where the number ends, which is the longest that its country's plan has; 0: it is none."""
    text = found[0].decode()
    end = found.end()
    worded = bool(words_before(data, found.start(), _WORDS, _WITHIN))
    for _ in range(_TRIES):
        digits = sum(character.isdigit() for character in text)
        if not 8 <= digits <= 22:
            return 0
        number = _parsed(text)
        if number and phonenumbers.is_valid_number(number):
            return end
        groups = len(re.findall(r"\d+", text))
        if number and phonenumbers.is_possible_number(number) and (worded or groups > 2):
            return end
        shorter = re.sub(r"[^\d]+\d+\)?$", "", text)
        if shorter == text:
            return 0
        end -= len(text.encode()) - len(shorter.encode())
        text = shorter
    return 0


def _parsed(text: str) -> phonenumbers.PhoneNumber | None:
    plain = text.lstrip("(")
    plain = "+" + plain[2:].lstrip(" -./") if plain.startswith("00") else plain.replace("+ ", "+", 1)
    try:
        return phonenumbers.parse(plain.replace("(0)", ""), None)
    except phonenumbers.NumberParseException:
        return None


def _is_worded(data: bytes, found: re.Match[bytes]) -> bool:
    """Whether grouped digits are as many as a telephone number has, no date, and beside a word."""
    text = found[0].decode()
    digits = sum(character.isdigit() for character in re.split("[xe]", text)[0])
    if not _LEAST <= digits <= _MOST or _DATE.match(text):
        return False
    before = (words_before(data, found.start(), words, _WITHIN) for words in (_WORDS, _WEAK_WORDS))
    return any(before) or bool(words_after(data, found.end(), _WORDS_BEHIND))
