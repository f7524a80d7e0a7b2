"""No regular expression of the source tree takes more than linear time over any text."""

from __future__ import annotations

import re
import signal
from types import FrameType

import pytest

from filters.privacy.numbers import _IDENTITIES
from filters.privacy.words_beside import BEFORE
from pipeline.sources import language_marks, wikitext
from tests.regexes import Regex, Unread, ambiguities, collect, pumps

REGEXES, UNREAD = collect()
CHARACTERS = 50_000  # linear: about 1 ms; quadratic: 4 s and more
CPU_S = 1.0

NEVER_FAILS = "matched from a given place, and any end of it is a match: nothing makes it go back"
AMBIGUOUS = {
    r"(?:\s{0,8}(?:\\n)?[A-Za-z0-9+/=]+)*": NEVER_FAILS,
    r"[(\s]*[A-Za-z0-9][A-Za-z0-9.+-]*[)\s]*(?:(?:AND|OR|WITH)\s[(\s]*[A-Za-z0-9][A-Za-z0-9.+-]*[)\s]*)*": NEVER_FAILS
    + "; on 120 characters at most",
}
"""Patterns that can divide a string in two ways, and why that is no harm."""

BOUNDED = {
    "_ADDRESS_WORDS": (BEFORE, "`words_before` hands on so many bytes"),
    r"[^\d]+\d+\)?$": (300, "on what _INTERNATIONAL, _AMERICAN or _NATIONAL matched"),
}
"""Name or pattern of those that see short texts only: the most characters, and why."""

QUOTES = ('"', "'", r"\|", r"\^")
DELIMITED = "pipeline/sources/delimited.py"
PRIVACY = "filters/privacy/numbers.py"
EVALUATION = "pipeline/evaluation_sets.py"
LATE: dict[Unread, list[Regex]] = {
    Unread(DELIMITED, r"re.compile(b'[\\r\\n' + re.escape(delimiter.encode()) + b']')"): [
        Regex(DELIMITED, 0, "ends_field", rb"[\r\n\t]", 0, ("search",))
    ],
    Unread(DELIMITED, "re.compile(b'(?:[^%b]++|%b%b)*+' % ((re.escape(quote.encode()),) * 3))"): [
        Regex(DELIMITED, 0, "within_quotes", f"(?:[^{quote}]++|{quote}{quote})*+".encode(), 0, ("match",)) for quote in QUOTES
    ],
    Unread(DELIMITED, "re.sub(f'{quote}[^{quote}]*(?:{quote}|$)', '', line)"): [
        Regex(DELIMITED, 0, "quoted", f"{quote}[^{quote}]*(?:{quote}|$)", 0, ("sub",)) for quote in QUOTES
    ],
    Unread(PRIVACY, r"re.compile(b'(?<![\\w.,+@#/-])(?:' + form + b')(?!\\w|[.,-]\\d|-\\w)')"): [
        Regex(PRIVACY, 0, "", identity.form.pattern, identity.form.flags, ("finditer",)) for identity in _IDENTITIES
    ],
    Unread(PRIVACY, "re.compile(f'(?<![a-z])(?:{words})(?![a-z])')"): [
        Regex(PRIVACY, 0, "", identity.words.pattern, identity.words.flags, ("search",)) for identity in _IDENTITIES if identity.words
    ],
    Unread(EVALUATION, r"re.search(f'^[ \\t]*\\(?{letters[0]}[.):][ \\t]*(\\S.*)$', question, re.MULTILINE)"): [
        Regex(EVALUATION, 0, letter, rf"^[ \t]*\(?{letter}[.):][ \t]*(\S.*)$", re.MULTILINE, ("search",)) for letter in "AJ"
    ],
    Unread("pipeline/sources/language_marks.py", "re.compile(mark, re.MULTILINE)"): [
        Regex("pipeline/sources/language_marks.py", 0, language, mark.pattern, mark.flags, ("search",))
        for rules in language_marks._RULES.values()
        for language, mark in rules
    ],
    Unread("pipeline/sources/wikitext.py", r"re.compile(f'</{name}\\s{{0,8}}>', re.IGNORECASE)"): [
        Regex("pipeline/sources/wikitext.py", 0, name, closing.pattern, closing.flags, ("search",))
        for name, closing in wikitext._CLOSING.items()
    ],
}
"""Calls whose pattern is made at run time, and all or examples of what they make."""

ALL = REGEXES + [regex for made in LATE.values() for regex in made]


class TooLong(Exception):
    """The CPU time is used up."""


def _alarm(signal_number: int, frame: FrameType | None) -> None:
    raise TooLong


def stuck_on(regex: Regex) -> tuple[str, str, str, str] | None:
    """The first attack that uses up its CPU time, as (method, prefix, unit, suffix)."""
    compiled = re.compile(regex.pattern, regex.flags)
    before = signal.signal(signal.SIGVTALRM, _alarm)
    try:
        characters = BOUNDED.get(regex.name or str(regex.pattern), (CHARACTERS, ""))[0]
        for prefix, unit, suffix in pumps(regex):
            text: str | bytes = prefix + unit * (characters // len(unit)) + suffix
            text = text.encode() if isinstance(regex.pattern, bytes) else text
            for method in regex.methods:
                signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S)
                try:
                    if method in {"sub", "subn"}:
                        compiled.sub(text[:0], text)
                    else:
                        found = getattr(compiled, method)(text)
                        _ = list(found) if method == "finditer" else found
                except TooLong:
                    return method, prefix, unit, suffix
                finally:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return None
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_every_call_is_read_or_listed() -> None:
    assert len(REGEXES) > 100
    assert set(UNREAD) == set(LATE), "a pattern made at run time: list what it can be in LATE"


def test_no_pattern_can_divide_a_text_in_two_ways() -> None:
    found = {regex.where: ambiguous for regex in ALL if regex.pattern not in AMBIGUOUS and (ambiguous := ambiguities(regex))}
    assert found == {}


def test_exceptions_are_still_needed() -> None:
    assert {regex.pattern for regex in ALL if ambiguities(regex)} == set(AMBIGUOUS)


def test_no_attack_takes_more_than_linear_time() -> None:
    found = {regex.where: attack for regex in ALL if (attack := stuck_on(regex))}
    assert found == {}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(a+)+$", "match"),
        (r"\s+$", "search"),
        (r"(\w+\s*)+:", "search"),
        (r"x*y*x*z", "search"),
        (r"^\s*\[\s*include", "search"),
        (r"(a|a)*b", "match"),
        (r"\d+(,\d+)*;", "search"),
    ],
)
def test_a_pattern_that_is_not_linear_is_found(pattern: str, method: str) -> None:
    assert stuck_on(Regex("", 0, "", pattern, re.MULTILINE, (method,)))


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?:\w+\s*)+:", r"\s*\w*\s*\s+x", r"(?:[a-z]+|\d)*x", r"a*b?a+"])
def test_an_ambiguous_pattern_is_found(pattern: str) -> None:
    assert ambiguities(Regex("", 0, "", pattern, 0, ("search",)))


@pytest.mark.parametrize("pattern", [r"\w+(?:,\w+)*", r"[a-z]+ +\d+", r"(?:a{1,9}\s)*", r"a*?b"])
def test_a_clear_pattern_is_not_held_against_anybody(pattern: str) -> None:
    assert ambiguities(Regex("", 0, "", pattern, 0, ("search",))) == []
