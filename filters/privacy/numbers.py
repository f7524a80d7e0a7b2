"""Bank accounts, payment cards and national identity numbers: by form, issuer and check digits, and by words where those are not enough.

A check digit alone is no evidence: one number in ten passes Luhn's, and documents hold more identifiers of other kinds than of persons. The
share of random strings of a form that pass its test decides whether the form stands by itself (as measured on 10^5 random ones each):

    IBAN                      1 in 97 of what has a country's exact form; 36 countries begin so
    card of 4-4-4-4 digits    1 in 40: Luhn and an issuer's prefix; without separators the same, of 13 or 17 to 19 digits only beside a word
    US SSN, 3-2-4             88 in 100: the form alone is rare, and counts with hyphens only
    UK NINO, in pairs         1 in 7 of its form, which is rare; without blanks only beside a word
    French NIR, 13+2          1 in 5,000
    Italian codice fiscale    1 in 100 of a form of 16 letters and digits that little else has
    Brazilian CPF, 3.3.3-2    1 in 100
    Swedish personal number   1 in 250 (date and Luhn)
    Finnish HETU              1 in 800
    Chinese resident id       1 in 3,000 (place, date, check digit)
    Korean RRN, 6-7           1 in 60 (date)

German, Spanish, Dutch, Indian, Polish and Norwegian numbers look like any other (1 in 10 to 1 in 25 pass) and count beside a word that
names them. Tests are python-stdnum's; card issuers those of ISO/IEC 7812 as Wikipedia's "Payment card number" lists them.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stdnum import iban, luhn

from filters.privacy.words_beside import words_before

_IBAN = re.compile(rb"[A-Z]{2}\d\d(?:(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![A-Za-z0-9])")
_CARD = re.compile(
    rb"(?<![\w.,+@#/-])(?:\d{4}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|3\d{3}(?P<short>[ -])\d{6}(?P=short)\d{4,5}|\d{13,19})"
    rb"(?!\w|[.,-]\d)"
)
_CARD_WORDS = re.compile(
    r"(?<![a-z])(?:card|cc|visa|master ?card|amex|american express|maestro|karte|kreditkarte|carte|tarjeta|carta|cart[aã]o)\b"
)
_ISSUERS = re.compile(
    r"(?:4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11}"  # JCB
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|62\d{14,17})"  # UnionPay
)
# Lengths that other numbers have more often than cards: milliseconds since 1970 and EAN-13, and 64-bit numbers.
_WORDED_LENGTHS = frozenset({13, 17, 18, 19})


def accounts(data: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """The IBAN that begins at `begin`, in groups of four or without blanks."""
    found = _IBAN.match(data, begin, begin + 48)
    if not found:
        return
    # What follows an IBAN may look like a further group of it.
    groups = found[0].decode()
    while len(groups) >= 15:
        if iban.is_valid(groups):
            yield begin, begin + len(groups)
            return
        groups = groups.rpartition(" ")[0]


def cards(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """Payment cards in a run of digits."""
    for found in _CARD.finditer(data, max(0, begin), min(len(data), past + 2)):
        digits = re.sub(r"[ -]", "", found[0].decode())
        if found.start() >= past or not _ISSUERS.fullmatch(digits) or not luhn.is_valid(digits) or len(set(digits)) < 2:
            continue
        if len(digits) not in _WORDED_LENGTHS or words_before(data, found.start(), _CARD_WORDS):
            yield found.span()


@dataclass(frozen=True, slots=True)
class _Identity:
    """A national identity number."""

    module: str
    """Of stdnum, whose `is_valid` is asked; '': the form says all."""
    form: re.Pattern[bytes]
    words: re.Pattern[str] | None = None
    """One of which must stand before it."""


def _identity(module: str, form: bytes, words: str = "") -> _Identity:
    bounded = re.compile(rb"(?<![\w.,+@#/-])(?:" + form + rb")(?!\w|[.,-]\d|-\w)")
    return _Identity(module, bounded, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") if words else None)


# Letters that no prefix has, as HMRC's manual NIM39110 lists them.
_NINO = rb"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_IDENTITIES = (
    _identity("us.ssn", rb"\d{3}-\d\d-\d{4}"),
    _identity("", _NINO + rb" \d\d \d\d \d\d [A-D]"),
    _identity("fr.nir", rb"[12]\d{14}|[12] \d\d \d\d \d[\dAB] \d{3} \d{3} \d\d"),
    _identity("it.codicefiscale", rb"[A-Z]{6}\d\d[A-EHLMPR-T]\d\d[A-Z]\d{3}[A-Z]"),
    _identity("br.cpf", rb"\d{3}\.\d{3}\.\d{3}-\d\d"),
    _identity("se.personnummer", rb"\d{6}-\d{4}"),
    _identity("fi.hetu", rb"\d{6}-\d{3}[0-9A-Y]"),
    _identity("cn.ric", rb"[1-6]\d{16}[0-9X]"),
    _identity("kr.rrn", rb"\d{6}-\d{7}"),
    _identity("us.ssn", rb"\d{3} ?\d\d ?\d{4}", "ssn|social security"),
    _identity("", _NINO + rb" ?\d\d ?\d\d ?\d\d ?[A-D]", "nino|national insurance|ni n(?:umber|o)"),
    _identity("de.idnr", rb"\d\d ?\d{3} ?\d{3} ?\d{3}", r"steuer-?id\w*|idnr|id-nr|steuerliche id\w*|identifikationsnummer|tin"),
    _identity("es.dni", rb"\d{8}[- ]?[A-Z]", r"d\.?n\.?i\.?|n\.?i\.?f\.?|documento nacional"),
    _identity("es.nie", rb"[XYZ][- ]?\d{7}[- ]?[A-Z]", r"n\.?i\.?e\.?|n\.?i\.?f\.?"),
    _identity("nl.bsn", rb"\d{9}|\d{4}[. ]\d\d[. ]\d{3}", "bsn|burgerservicenummer|sofi-?nummer"),
    _identity("br.cpf", rb"\d{11}", "cpf"),
    _identity("in_.aadhaar", rb"\d{4} ?\d{4} ?\d{4}", r"aadhaa?r|uidai|\u0906\u0927\u093e\u0930"),
    _identity("pl.pesel", rb"\d{11}", "pesel"),
    _identity("no.fodselsnummer", rb"\d{6} ?\d{5}", r"f\u00f8dselsn\w*|personnummer"),
)
_IDENTITY_WORDS = re.compile("|".join(identity.words.pattern for identity in _IDENTITIES if identity.words))


def identities(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """National identity numbers in a run of digits and the letters beside it."""
    worded = bool(words_before(data, begin, _IDENTITY_WORDS))
    # Two capitals and a blank before, a letter behind, and what must not follow.
    first, last = max(0, begin - 3), min(len(data), past + 5)
    for identity in _IDENTITIES:
        if identity.words and not worded:
            continue
        for found in identity.form.finditer(data, first, last):
            if found.start() >= past:
                break
            if identity.module and not _module(identity.module).is_valid(found[0].decode()):
                continue
            if not identity.words or words_before(data, found.start(), identity.words):
                yield found.span()


def coded_identity(data: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """The Italian codice fiscale that begins at `begin`."""
    found = _IDENTITIES[3].form.match(data, begin, begin + 18)
    if found and _module("it.codicefiscale").is_valid(found[0].decode()):
        yield found.span()


@functools.cache
def _module(name: str) -> Any:
    return importlib.import_module(f"stdnum.{name}")
