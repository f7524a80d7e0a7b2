"""A URL's one spelling, its host, and the shapes of URLs that sites without end make."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
URL_CHARACTERS = 2000
SEGMENTS = 32
PARAMETERS = 32
# A path such as /a/b/a/b/a/b/a/b comes of relative links on a page that answers under every name.
REPEATS = 4
BLOCK = 4

_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_HOST = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,252}")


def canonical(url: str, base: str = "") -> str | None:
    """A URL's one spelling: absolute, lower-case host, no fragment, no default port, no dot segments, escaped (RFC 3986 section 6.2.2).

    None for what is not crawled: another scheme than http and https, a user name, a host that no DNS could hold, over 2,000 characters.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        host, port = _host_name(parts.hostname or ""), parts.port
        if parts.scheme not in DEFAULT_PORTS or not host or parts.username is not None:
            return None
        path = _without_dots(_escaped(parts.path or "/", "/:@!$&'()*+,;=~-._"))
        query = _escaped(parts.query, "/:@!$&'()*+,;=~-._?")
    except (ValueError, UnicodeError):
        return None
    netloc = host if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    result = urlunsplit((parts.scheme, netloc, path, query, ""))
    return result if len(result) <= URL_CHARACTERS else None


def canonical_location(location: str, base: str) -> str | None:
    """`canonical` of a Location header as HTTP gives it, in Latin-1: its bytes are UTF-8 on most servers that send more than ASCII."""
    try:
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        location = "".join(character if character.isascii() else quote(character, encoding="latin-1") for character in location)
    return canonical(location, base)


def host_of(url: str) -> str:
    """scheme://host[:port] of a canonical URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def hosts(seeds: Iterable[str]) -> dict[str, list[str]]:
    """Canonical seeds by scheme://host[:port], in their order.

    Raises:
        ValueError: a seed is no http or https URL that can be crawled.
    """
    grouped: dict[str, list[str]] = {}
    for seed in seeds:
        url = canonical(seed)
        if url is None:
            raise ValueError(f"crawl.seeds: {seed!r} cannot be crawled; give an http or https URL with a host and without a password")
        of_host = grouped.setdefault(host_of(url), [])
        if url not in of_host:
            of_host.append(url)
    return grouped


def trap(url: str) -> str:
    """What in a URL's shape speaks for a site that makes pages without end; '' where nothing does.

    The tests are those of Heritrix (TooManyPathSegmentsDecideRule, PathologicalPathDecideRule) with bounds of our own.
    """
    parts = urlsplit(url)
    if parts.query.count("&") >= PARAMETERS:
        return f"more than {PARAMETERS} parameters"
    segments = parts.path.split("/")[1:]
    if len(segments) > SEGMENTS:
        return f"more than {SEGMENTS} path segments"
    for size in range(1, BLOCK + 1):
        run = 0
        for place in range(size, len(segments)):
            run = run + 1 if segments[place] == segments[place - size] else 0
            if run >= size * (REPEATS - 1):
                return f"{'/'.join(segments[place - size + 1 : place + 1])!r} {REPEATS} times in a row"
    return ""


def _host_name(host: str) -> str:
    """Lower case, in Punycode, IPv6 in brackets and in its short form.

    Raises:
        ValueError: not a host name.
    """
    if ":" in host:
        if "%" in host:
            raise ValueError("a zone is of this machine and no other")
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    name = host.rstrip(".").encode("idna").decode().lower()
    if name and not _HOST.fullmatch(name):
        raise ValueError(f"{host!r} is no host name")
    return name


def _escaped(text: str, safe: str) -> str:
    """Escapes in capitals, none of characters that need none, and no % that begins none."""

    def respelled(escape: re.Match[str]) -> str:
        if escape[1] is None:
            return "%25"
        character = chr(int(escape[1], 16))
        return character if character in _UNRESERVED else escape[0].upper()

    return quote(_ESCAPE.sub(respelled, text), safe=safe + "%")


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    if "/." not in path:
        return path
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join([*kept, ""] if segments[-1] in {".", ".."} else kept)
