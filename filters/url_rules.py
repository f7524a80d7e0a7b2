"""Rules over a page's address: lists of domains and pages, an allow list, and words of the path.

A list has one entry a line, as the UT1 blacklists have them (Université Toulouse Capitole, dsi.ut-capitole.fr/blacklists):

- `example.com` covers that host and all its subdomains. An entry that is a public suffix (publicsuffix.org, both sections: `co.uk`,
  `github.io`, `myshopify.com`) covers in a block list the host of that very name alone, since what lies beneath belongs to many owners;
- `.github.io` or `*.github.io` covers all that lies beneath, whatever it is, and the name itself;
- `example.com/path` covers that page and all pages beneath it, at whole parts of the path and with any query, on the host with and
  without `www.`; `example.com/path?a=1` covers that query alone.

In an allow list every name covers what lies beneath it, so that `gov.uk` or `de` does what it says. Hosts are compared in lower case,
without port, user and last dot, names beyond ASCII in the form of UTS 46; paths in lower case without percent-encoding.

Words follow RefinedWeb (Penedo et al. 2023, arXiv:2306.01116, appendix G.1), but over the path alone and as whole words: a word within a
word says nothing ("essex"). A strict word refuses alone, soft words when enough different ones come together.
"""

from __future__ import annotations

import codecs
import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import idna
from publicsuffixlist import PublicSuffixList

from filters.hash_table import HashTable, HashTableBuilder, key_hash

ENTRY_BYTES = 4096
HOST_CHARACTERS = 253
# Deeper parts of a path are not looked up: real pages have under 20.
PATH_PARTS = 32
# Of 76,090 hosts of UT1 each took 5.5 µs to split at its public suffix; a WARC file of a Common Crawl has about 20,000 hosts.
CACHED_HOSTS = 1 << 16

_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}")
_PLAIN_DOMAIN = re.compile(rb"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,4}")
_WORD = re.compile(r"[^\W_]+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")

Refusal = tuple[str, str]


class EntryError(ValueError):
    """A line that is no entry of a list."""


@functools.cache
def public_suffixes() -> PublicSuffixList:
    """The list that the package publicsuffixlist carries: about 0.1 s and 1 MB."""
    return PublicSuffixList()


def normal_host(host: str) -> str:
    """A host's name as lists have it.

    Raises:
        EntryError: it is no name of a host.
    """
    name = (unquote(host) if "%" in host else host).rstrip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise EntryError(f"{host[:80]!r} is no host: {str(error)[:100]}") from error
    if len(name) > HOST_CHARACTERS or not (_HOST.fullmatch(name) or _is_address(name)):
        raise EntryError(f"{host[:80]!r} is no host")
    return name


def _is_address(host: str) -> bool:
    """Whether a host is an IP address: it has no parents."""
    if not (host[-1:].isdigit() or ":" in host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def registered_domain(url: str) -> str | None:
    """The name that was registered under a public suffix, such as `example.co.uk` or `user.github.io`; None where the URL names no host.

    A host that is itself a public suffix, or an IP address, is its own domain.
    """
    try:
        host = urlsplit(url.replace("\\", "/")).hostname
    except ValueError:
        return None
    return _registered(host) if host else None


@functools.lru_cache(maxsize=CACHED_HOSTS)
def _registered(stated: str) -> str | None:
    try:
        host = normal_host(stated)
    except EntryError:
        return None
    return host if _is_address(host) else public_suffixes().privatesuffix(host) or host


def _path_parts(path: str) -> list[str]:
    return [part for part in unquote(path).lower().split("/") if part][:PATH_PARTS]


def entry_key(line: str) -> bytes:
    """The form in which an entry is looked up: `example.com`, `.github.io`, or `example.com/path?query`.

    Raises:
        EntryError: the line is no entry.
    """
    text = _SCHEME.sub("", line.strip(), count=1)
    if len(text) > ENTRY_BYTES or _UNSEEN.search(text):
        raise EntryError(f"{text[:80]!r} is no domain and no address")
    beneath = text.startswith((".", "*."))
    text = text.removeprefix("*").removeprefix(".") if beneath else text
    try:
        split = urlsplit(f"http://{text}")
        host = normal_host(split.hostname or "")
    except EntryError:
        raise
    except ValueError as error:
        raise EntryError(f"{text[:80]!r} is no address: {error}") from error
    if not split.path:
        return (("." if beneath else "") + host).encode()
    if beneath:
        raise EntryError(f"{text[:80]!r} has a path, which goes with one host only")
    return _page_key(host, _path_parts(split.path), split.query)


def _page_key(host: str, parts: Sequence[str], query: str = "") -> bytes:
    return f"{host}/{'/'.join(parts)}{'?' if query else ''}{query}".encode("utf-8", "replace")


class ListBuilder:
    """Reads the lines of lists into an `AddressList`."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._domains, self._pages, self._page_hosts = HashTableBuilder(), HashTableBuilder(), HashTableBuilder()

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Add the entries of a list.

        Args:
            name: what a refusal calls it.
            lines: UTF-8 or Latin-1, with or without their ends; empty ones and those that begin with `#` are passed over.

        Raises:
            ValueError: more lines are no entries than are; a few are passed over, since real lists have some.
        """
        self.names.append(name)
        origin, read, refused, why = len(self.names) - 1, 0, 0, ""
        for raw in lines:
            line = raw.removeprefix(codecs.BOM_UTF8).strip()
            if _PLAIN_DOMAIN.fullmatch(line):
                self._domains.add(line, origin)
                read += 1
            elif line and not line.startswith(b"#"):
                try:
                    self._add(entry_key(_decoded(line)), origin)
                    read += 1
                except EntryError as error:
                    refused, why = refused + 1, why or str(error)
        if refused > read:
            raise ValueError(f"{name!r} is no list of domains or addresses: {refused} of {refused + read} lines are none; the first: {why}")

    def _add(self, key: bytes, origin: int) -> None:
        host, slash, _ = key.partition(b"/")
        if slash:
            self._page_hosts.add(host)
            self._pages.add(key, origin)
        else:
            self._domains.add(key, origin)

    def done(self) -> AddressList:
        """The lists read so far."""
        return AddressList(tuple(self.names), self._domains.table(), self._pages.table(), self._page_hosts.table())


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


@dataclass(frozen=True, slots=True)
class AddressList:
    """Domains and pages of one or several lists, by hash."""

    names: tuple[str, ...]
    domains: HashTable
    pages: HashTable
    page_hosts: HashTable

    def __len__(self) -> int:
        return len(self.domains) + len(self.pages)

    def domain(self, host: str, *, suffixes: bool) -> str | None:
        """The entry that covers a host, with its list; None where there is none.

        Args:
            host: as `normal_host` gives it.
            suffixes: whether a public suffix covers what lies beneath it.
        """
        if not len(self.domains):
            return None
        labels = [host] if _is_address(host) else host.split(".")
        registered = None if suffixes or len(labels) == 1 else public_suffixes().privatesuffix(host)
        # The registered domain is the last to cover the host; a host that is a public suffix is covered by its own name alone.
        plain = len(labels) if suffixes else len(labels) - registered.count(".") if registered else 1
        for place in range(len(labels)):
            name = ".".join(labels[place:])
            for key in (name, f".{name}") if place < plain else (f".{name}",):
                origin = self.domains.find(key_hash(key.encode()))
                if origin >= 0:
                    return f"{key} ({self.names[origin]})"
        return None

    def page_names(self, host: str) -> tuple[str, ...]:
        """The forms of a host, with and without `www.`, of which some page is listed."""
        names = (host, host.removeprefix("www.") if host.startswith("www.") else f"www.{host}")
        return tuple(name for name in names if key_hash(name.encode()) in self.page_hosts) if len(self.page_hosts) else ()

    def page(self, names: Sequence[str], path: str, query: str) -> str | None:
        """The entry that covers a page of `page_names`, with its list; None where there is none. Path and query as the URL has them."""
        parts = _path_parts(path)
        for name in names:
            keys = [_page_key(name, parts[:length]) for length in range(len(parts) + 1)]
            for key in [*keys, _page_key(name, parts, query)] if query else keys:
                origin = self.pages.find(key_hash(key))
                if origin >= 0:
                    return f"{key.decode()[:300]} ({self.names[origin]})"
        return None


def word_error(word: str) -> str:
    """What is wrong with a word of the rules; '' where nothing is."""
    if word.startswith("/") and word.endswith("/") and len(word) > 2 and "/" not in word[1:-1] and word == word.lower():
        return ""
    if _WORD.fullmatch(word) and word == word.lower():
        return ""
    return f"{word!r} is not one word of letters and digits in lower case; a whole part of a path is written '/wp-login.php/'"


@dataclass(frozen=True)
class UrlRules:
    """All rules, asked in this order: allow list, blocked domain, blocked page, strict words, soft words."""

    block: AddressList
    allow: AddressList | None = None
    """None: every host is allowed."""
    words: frozenset[str] = frozenset()
    """Words of the path in lower case; `/part/` is a whole part of it."""
    soft_words: frozenset[str] = frozenset()
    soft_words_least: int = 2
    _hosts: dict[str, tuple[Refusal | None, tuple[str, ...]]] = field(default_factory=dict, compare=False, repr=False)

    def refusal(self, url: str) -> Refusal | None:
        """Why an address is refused: a short reason to count by and what it met; None where it is not.

        Raises:
            ValueError: the URL cannot be split.
        """
        # Browsers take a backslash for a slash (WHATWG URL), so that what stands behind it is no host.
        split = urlsplit(url.replace("\\", "/"))
        stated = split.hostname or ""
        if stated not in self._hosts:
            if len(self._hosts) >= CACHED_HOSTS:
                self._hosts.clear()
            self._hosts[stated] = self._host_verdict(stated)
        refused, names = self._hosts[stated]
        if refused:
            return refused
        if names and (page := self.block.page(names, split.path, split.query)):
            return "url page", page
        return self._word_refusal(split.path) if self.words or self.soft_words else None

    def _host_verdict(self, stated: str) -> tuple[Refusal | None, tuple[str, ...]]:
        """Why a host is refused, and else the forms of it of which pages are listed."""
        try:
            host = normal_host(stated)
        except EntryError:  # no name of a host: looked up as it stands, since the page was had from somewhere
            host = stated
        if self.allow is not None and self.allow.domain(host, suffixes=True) is None:
            return ("url not allowed", host), ()
        if entry := self.block.domain(host, suffixes=False):
            return ("url domain", entry), ()
        return None, self.block.page_names(host)

    def _word_refusal(self, path: str) -> Refusal | None:
        plain = unquote(path).lower()
        found = {*_WORD.findall(plain), *(f"/{part}/" for part in plain.split("/") if part)}
        if strict := sorted(found & self.words):
            return "url word", strict[0]
        soft = sorted(found & self.soft_words)
        return ("url soft words", ", ".join(soft)) if len(soft) >= self.soft_words_least else None
