"""Personal data in a text: e-mail and IP addresses, telephone numbers, bank accounts, payment cards, national identity numbers.

A kernel finds candidates (`privacy_candidates`), and only those are judged: addresses here, numbers in `privacy_numbers` and
`privacy_phones`. What is no one's stays: addresses of RFC 2606's reserved domains and `git@`, which is a protocol; IP addresses that IANA's
special-purpose registries (RFC 6890) keep from the public net. A domain ends in a suffix that exists (publicsuffix.org), so `icon@2x.png`
and `user@host` are no addresses.

An IPv4 address is four numbers, and so is a version, the number of a section or an ASN.1 object: what stands behind a word such as
'version' is no address, nor are four numbers below 100 without a word or port beside them that says so. One public address in 43 has only
such, (100/256)^4, but all false ones in 26 MB of technical documents (6) and in the text of 3,000 pages (127) did. Four one-digit numbers
(1.2.3.4) are none in any case. An IPv6 address has at least three groups: `3000::` is Python's.

Not found: names and postal addresses; digits of other scripts; `name at domain` without brackets, which is as often a sentence.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from publicsuffixlist import PublicSuffixList

from filters.privacy import candidates as found_by
from filters.privacy.numbers import accounts, cards, coded_identity, identities
from filters.privacy.phones import phones
from filters.privacy.words_beside import words_before

PersonalKind = Literal["email", "ip", "phone", "iban", "card", "national-id"]
KINDS: tuple[PersonalKind, ...] = get_args(PersonalKind)

LOCAL_BYTES, DOMAIN_BYTES = 64, 255  # RFC 5321 section 4.5.3.1
# Letters of two bytes are those of Europe and the Near East; text without blanks has three, and would be taken for a part of the name.
_LOCAL_BACKWARDS = re.compile(rb"(?:[A-Za-z0-9_.+%'-]|[\x80-\xbf][\xc3-\xdf]){1,64}")
_LABEL = rb"(?:[A-Za-z0-9]|[\xc3-\xdf][\x80-\xbf])(?:[A-Za-z0-9-]|[\xc3-\xdf][\x80-\xbf]){0,62}"
_DOMAIN = re.compile(rb"(?:" + _LABEL + rb"\.){1,10}" + _LABEL)
_SPELT_DOT = re.compile(rb" ?[\[({] ?(?:dot|DOT|Dot) ?[\])}] ?")
_RESERVED = re.compile(r"(?:.*\.)?example\.(?:com|org|net)")
_IPV4 = re.compile(rb"(?<![\w.+-])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d|-\d)")
_VERSION_WORDS = re.compile(
    r"(?:\bv|\bver|\bvers|versions?|\brev|revision|release|\brelease|build|firmware|driver|section|sections|\bsec|\u00a7|chapter|clause|table"
    r"|figure|appendix|\boid|\brfc ?\d{1,5}|kernel|update|patch)[ .:#(-]{0,3}$"
)
_ADDRESS_WORDS = re.compile(
    r"(?:(?<![a-z])(?:ip|ipv4|ips|addr|inet|hosts?|hostname|servers?|clients?|ping|dns|gateway|peer|nameserver|proxy)(?![a-z])|adress|address|adresse"
    r"|direcci\u00f3n|indirizzo|endere\u00e7o|\u0430\u0434\u0440\u0435\u0441|://)[^\n]*\Z"
)
_PORT = re.compile(rb":\d{2,5}(?![\w.])")
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
# IANA's special-purpose registries as of 2024, and multicast; a table, because the one of the standard library differs between versions.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a text, and what lies there: one of `KINDS`."""

    start: int
    end: int
    kind: str


def find_personal_data(text: str, kinds: Collection[str] = KINDS) -> list[Span]:
    """Personal data of a text, in order, none overlapping another; `start` and `end` count characters.

    Args:
        text: may hold anything but lone surrogates.
        kinds: those to look for.
    """
    data = text.encode()
    spans = find_in_bytes(data, kinds)
    if len(data) == len(text):
        return spans
    characters, at, result = 0, 0, []
    for span in spans:
        start = characters + len(data[at : span.start].decode())
        characters, at = start + len(data[span.start : span.end].decode()), span.end
        result.append(Span(start, characters, span.kind))
    return result


def find_in_bytes(data: bytes, kinds: Collection[str] = KINDS) -> list[Span]:
    """The same of UTF-8; `start` and `end` count bytes.

    What was found may have kept something beside it from being found, as one number the next: what it leaves is searched again until
    nothing is found, so that replacing what is returned leaves nothing to replace.
    """
    spans = merged(_judged(data, kinds))
    found: Sequence[Span] = spans
    while found:
        rest, placed = replaced(data, spans)
        found = merged(_judged(rest, kinds))
        # A placeholder holds nothing that a form takes, so what is found now lies between two of them.
        spans = merged([*spans, *(Span(origin(span.start, spans, placed), origin(span.end, spans, placed), span.kind) for span in found)])
    return spans


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order and without overlaps: of two that overlap the first, of those the longest, takes what the other has beyond it."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, _PRIORITY.get(span.kind, -1), span.kind)):
        if not result or span.start >= result[-1].end:
            result.append(span)
        elif span.end > result[-1].end:
            result[-1] = Span(result[-1].start, span.end, result[-1].kind)
    return result


def replaced(data: bytes, spans: Sequence[Span]) -> tuple[bytes, list[Span]]:
    """The text with `<KIND>` in place of each span, and where those stand in it.

    Args:
        data: UTF-8.
        spans: in order, without overlaps, in bytes.
    """
    parts, placed, at, length = [], [], 0, 0
    for span in spans:
        placeholder = f"<{span.kind}>".encode()
        parts += [data[at : span.start], placeholder]
        length += span.start - at
        placed.append(Span(length, length + len(placeholder), span.kind))
        length, at = length + len(placeholder), span.end
    return b"".join([*parts, data[at:]]), placed


def origin(position: int, spans: Sequence[Span], placed: Sequence[Span]) -> int:
    """The byte before replacement of one that lies outside of what was placed."""
    moved = 0
    for span, place in zip(spans, placed, strict=True):
        if place.end > position:
            break
        moved = span.end - place.end
    return position + moved


def _judged(data: bytes, kinds: Collection[str]) -> Iterator[Span]:
    for source, begin, past, digits in found_by.candidates(data):
        for kind, judge in _JUDGES[source]:
            if kind in kinds and digits >= _LEAST_DIGITS.get(kind, 0):
                yield from (Span(start, end, kind) for start, end in judge(data, begin, past))


def emails(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """The address around an '@', or around '(at)' with its blanks."""
    bracketed = past - begin > 1
    left, right = begin, past
    if bracketed:
        left -= data[max(0, begin - 1) : begin] == b" "
        right += data[past : past + 1] == b" "
    local = _LOCAL_BACKWARDS.match(data[max(0, left - LOCAL_BYTES) : left][::-1])
    name = local[0][::-1].lstrip(b"'.+%-") if local else b""
    if not name or name[-1:] == b".":
        return
    length = _domain_length(data[right : right + DOMAIN_BYTES], spelt=bracketed)
    host = data[right : right + length].decode("utf-8", "replace").lower()
    if not length or _RESERVED.fullmatch(host) or (name == b"git" and data[right + length : right + length + 1] == b":"):
        return
    yield left - len(name), right + length


def _domain_length(data: bytes, *, spelt: bool) -> int:
    """Bytes of the longest domain with a suffix that exists at the beginning of `data`; 0: there is none."""
    text = data
    if spelt:
        # Equal length, so that ranges stay: blanks are no part of a label.
        text = _SPELT_DOT.sub(lambda match: b"." + b"\0" * (len(match[0]) - 1), data)
        dense = text.replace(b"\0", b"")
        length = _domain_length(dense, spelt=False)
        kept = 0
        for position, byte in enumerate(text):
            kept += byte != 0
            if length and kept == length:
                return position + 1
        return 0
    found = _DOMAIN.match(text)
    domain = found[0] if found else b""
    while b"." in domain:
        last = domain.rpartition(b".")[2]
        domain = domain.rstrip(b"-")
        if last.rstrip(b"-") and _is_suffix(last.rstrip(b"-").decode("utf-8", "replace").lower()):
            return len(domain)
        domain = domain.rpartition(b".")[0]
    return 0


@functools.lru_cache(maxsize=4096)
def _is_suffix(label: str) -> bool:
    """Whether domains end in this label, by ICANN's section of the list that the package publicsuffixlist carries."""
    return _suffixes().publicsuffix(label, accept_unknown=False) is not None


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def ipv4(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """Public IPv4 addresses in a run of digits."""
    for found in _IPV4.finditer(data, begin, min(len(data), past + 2)):
        numbers = [int(part) for part in found[0].split(b".")]
        if max(numbers) < 10 or not _is_public(found[0].decode()):
            continue
        if max(numbers) < 100 and not (words_before(data, found.start(), _ADDRESS_WORDS) or _PORT.match(data, found.end())):
            continue
        if not words_before(data, found.start(), _VERSION_WORDS, 24):
            yield found.span()


def ipv6(data: bytes, begin: int, past: int) -> Iterator[tuple[int, int]]:
    """The public IPv6 address that a run with colons is, without the colon or dot that ends a sentence."""
    text = data[begin:past].rstrip(b".")
    text = text[:-1] if text.endswith(b":") and not text.endswith(b"::") else text
    following = data[begin + len(text) : begin + len(text) + 1]
    groups = sum(1 for group in text.split(b":") if group)
    if groups >= 3 and not (following.isalnum() or following == b"_") and _is_public(text.decode()):
        yield begin, begin + len(text)


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    return not any(address.version == network.version and address in network for network in _SPECIAL)


_Judge = Callable[[bytes, int, int], Iterator[tuple[int, int]]]
_JUDGES: dict[int, tuple[tuple[PersonalKind, _Judge], ...]] = {
    found_by.AT: (("email", emails),),
    found_by.BRACKETED_AT: (("email", emails),),
    found_by.NUMBER: (("ip", ipv4), ("card", cards), ("national-id", identities), ("phone", phones)),
    found_by.LETTERED: (("iban", lambda data, begin, _past: accounts(data, begin)),
                        ("national-id", lambda data, begin, _past: coded_identity(data, begin))),
    found_by.COLONS: (("ip", ipv6),),
}  # fmt: skip
# A number of fewer digits is not judged; the kernel lets IPv4 addresses of four through.
_LEAST_DIGITS = {"card": 13, "phone": 7}
# Of two kinds for one range the surer one: a card passes for a telephone number beside a word, not the other way round.
_PRIORITY = {"iban": 0, "card": 1, "national-id": 2, "ip": 3, "email": 4, "phone": 5}
