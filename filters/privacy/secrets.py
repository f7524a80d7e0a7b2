"""Secrets in a text: tokens, private keys and passwords, found by the formats of detect-secrets.

Which formats, and why not all of detect-secrets 1.5: its entropy detectors mark every hash and lock file, its keyword detector marks
`password = "example"`, and each takes a line at a time. So a format is looked for where its fixed letters (`AKIA`, `ghp_`) stand, in a
piece of bounded length around them; a quoted value beside a keyword counts when it is also long and random; a PEM header counts when a key
follows. Time is linear in the text: 19 MB/s of source code, where the detectors line by line reach 0.9; lines without a long
word of letters and digits are passed over (`secret_candidates`), which makes it 60 MB/s on technical documents.
"""

from __future__ import annotations

import functools
import importlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from filters.privacy.secret_candidates import lines_with_candidates

PIECE_CHARACTERS = 1000
GUESSED = "keyword-value"
KEY_CHARACTERS = 20_000  # of an armoured private key; RSA of 16,384 bits has 12,700


@dataclass(frozen=True, slots=True)
class Secret:
    """A range of characters of a text, and what lies there."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Format:
    """How one kind of token is found."""

    kind: str
    plugin: str
    """'module.Class' of detect_secrets.plugins."""
    hints: tuple[str, ...]
    """Letters of which one stands in every match; none: the expressions are of bounded length and go over the whole text."""
    whole: bool = True
    """The token is a word by itself, so a longer run of letters and digits is none; else a match takes the rest of its word with it."""


_FORMATS = (
    _Format("aws-key", "aws.AWSKeyDetector", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T", "aws", "AWS", "Aws")),
    _Format("azure-key", "azure_storage_key.AzureStorageKeyDetector", ("AccountKey=",)),
    _Format("discord-token", "discord.DiscordBotTokenDetector", ()),
    _Format("github-token", "github_token.GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), whole=False),
    _Format("gitlab-token", "gitlab_token.GitLabTokenDetector",
            ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-")),
    _Format("mailchimp-key", "mailchimp.MailchimpDetector", ("-us",)),
    _Format("npm-token", "npm.NpmDetector", (":_authToken=",)),
    _Format("openai-key", "openai.OpenAIDetector", ("T3BlbkFJ",), whole=False),
    _Format("pypi-token", "pypi_token.PypiTokenDetector", ("pypi-AgE",), whole=False),
    _Format("sendgrid-key", "sendgrid.SendGridDetector", ("SG.",)),
    _Format("slack-token", "slack.SlackDetector", ("xox", "hooks.slack.com/services/"), whole=False),
    _Format("square-secret", "square_oauth.SquareOAuthDetector", ("sq0csp-",)),
    _Format("stripe-key", "stripe.StripeDetector", ("k_live_",), whole=False),
    _Format("telegram-token", "telegram_token.TelegramBotTokenDetector", ()),
    _Format("twilio-key", "twilio.TwilioKeyDetector", ()),
)  # fmt: skip
# Formats that detect-secrets does not know yet, as their makers document them.
_FURTHER = (
    ("github-token", "github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b")),
    ("google-key", "AIza", re.compile(r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    ("hugging-face-token", "hf_", re.compile(r"\bhf_[A-Za-z]{34}\b")),
    ("anthropic-key", "sk-ant-", re.compile(r"\bsk-ant-[a-z]{3,5}\d\d-[A-Za-z0-9_-]{80,120}(?![A-Za-z0-9_-])")),
)
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_REST_OF_WORD = re.compile(r"[A-Za-z0-9_-]{0,200}")
# detect-secrets' own expression takes quadratic time over `eyJeyJ…` and leaves the signature.
_WEB_TOKEN = re.compile(r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?")
_WORDS = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+|\d{1,4})(?:[-_](?:[A-Z]?[a-z]+|[A-Z]+|\d{1,4}))+")
_QUOTED = re.compile(r"[\"'`]([A-Za-z0-9+/=_-]{16,200})[\"'`]")
_KEY_END = re.compile(r"-----END[A-Z0-9 ]{1,40}-----|Private-MAC:[^\n]{0,100}")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40}")
_KEY_LETTERS = re.compile(r"(?:\s{0,8}(?:\\n)?[A-Za-z0-9+/=]+)*")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_HEX_BITS, _BASE64_BITS = 3.0, 4.5  # per character, detect-secrets' own limits
_PASSWORD_CHARACTERS = 6


def find_secrets(text: str) -> list[Secret]:
    """Secrets of a text, in order, none overlapping another."""
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File-" in text:
        return _found(text)
    # A lone surrogate is no part of a secret, and becomes one byte, '?'; it counts as one character all the same.
    data = text.encode("utf-8", "replace")
    lines = lines_with_candidates(data).tolist()
    if not lines or len(lines) == text.count("\n") + 1:
        return _found(text) if lines else []
    # The lines by themselves, as one text; where each begins in it and in the whole.
    parts, starts, origins, length, at, characters = [], [], [], 0, 0, 0
    for begin, past in lines:
        characters += len(data[at:begin].decode())
        line = data[begin:past].decode()
        parts.append(line)
        starts.append(length)
        origins.append(characters)
        length, at, characters = length + len(line) + 1, past, characters + len(line)
    secrets = []
    for secret in _found("\n".join(parts)):
        number = bisect_right(starts, secret.start) - 1
        move = origins[number] - starts[number]
        secrets.append(Secret(secret.start + move, secret.end + move, secret.kind))
    return secrets


def _found(text: str) -> list[Secret]:
    """Secrets of a text of any kind."""
    found = [*_tokens(text), *_private_keys(text), *_passwords_of_urls(text), *_random_values(text)]
    secrets: list[Secret] = []
    # The longest of those that begin alike names the kind; a later one inside of it is a part of it.
    for secret in sorted(found, key=lambda secret: (secret.start, -secret.end, secret.kind == GUESSED, secret.kind)):
        if not secrets or secret.start >= secrets[-1].end:
            secrets.append(secret)
        elif secret.end > secrets[-1].end:
            secrets[-1] = Secret(secrets[-1].start, secret.end, secrets[-1].kind)
    return secrets


@functools.cache
def _plugin(path: str) -> Any:
    """A detector of detect-secrets. Its module imports `requests`, for checks over the network that are never made here."""
    module, _, name = path.partition(".")
    return getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()


def _pieces(text: str, hint: str) -> Iterator[tuple[int, int]]:
    """Ranges of at most a line and `PIECE_CHARACTERS` around the places of a hint; every place is inside of one."""
    at = text.find(hint)
    while at >= 0:
        start = max(text.rfind("\n", max(0, at - PIECE_CHARACTERS // 2), at) + 1, at - PIECE_CHARACTERS // 2, 0)
        line = text.find("\n", at, start + PIECE_CHARACTERS)
        end = line if line >= 0 else min(len(text), start + PIECE_CHARACTERS)
        yield start, end
        # A match that the end cuts is seen whole in the next range, which begins before it.
        at = text.find(hint, end if end - at <= PIECE_CHARACTERS // 4 else end - PIECE_CHARACTERS // 4)


def _tokens(text: str) -> Iterator[Secret]:
    for kind, hint, pattern in _FURTHER:
        if hint in text:
            yield from (Secret(match.start(), match.end(), kind) for match in pattern.finditer(text))
    if "eyJ" in text:
        valid = _plugin("jwt.JwtTokenDetector").is_formally_valid
        yield from (Secret(match.start(), match.end(), "json-web-token") for match in _WEB_TOKEN.finditer(text) if valid(match[0]))
    for form in _FORMATS:
        if not form.hints:
            yield from _matches(form, text, 0, len(text))
        for hint in form.hints:
            for start, end in _pieces(text, hint):
                yield from _matches(form, text, start, end)


def _matches(form: _Format, text: str, start: int, end: int) -> Iterator[Secret]:
    plugin = _plugin(form.plugin)
    for pattern in plugin.denylist:
        for match in pattern.finditer(text, start, end):
            # A group as long as a secret is the secret; `ghp` is a group too.
            group = max((n for n in range(1, match.re.groups + 1) if len(match[n] or "") >= 20), key=match.end, default=0)
            first, last = match.span(group)
            first += next((len(hint) for hint in form.hints if hint.endswith("=") and text.startswith(hint, first)), 0)
            if first and text[first - 1] in _WORD and text[first] in _WORD:
                continue
            if form.whole and last < len(text) and text[last] in _WORD and text[last - 1] in _WORD:
                continue
            if not any(character.isdigit() for character in text[first:last]):
                continue
            if not form.whole:
                rest = _REST_OF_WORD.match(text, last)
                last = rest.end() if rest else last
            yield Secret(first, last, form.kind)


def _private_keys(text: str) -> Iterator[Secret]:
    """From the line that opens a key to the one that closes it, or to the last line of its letters where it is cut."""
    if "PRIVATE KEY" not in text and "PuTTY-User-Key-File-" not in text:
        return
    for pattern in _plugin("private_key.PrivateKeyDetector").denylist:
        for header in pattern.finditer(text):
            putty = header[0].startswith("PuTTY")
            start = header.start() if putty else header.start() - len("-----")
            if not putty and not text.startswith("-----", max(start, 0)):
                continue
            following = text.find("-----BEGIN", header.end(), header.end() + KEY_CHARACTERS)
            limit = following if following >= 0 else header.end() + KEY_CHARACTERS
            close = _KEY_END.search(text, header.end(), limit)
            if close and _KEY_BODY.search(text, header.end(), close.start()):
                yield Secret(start, close.end(), "private-key")
            elif not close and (body := _KEY_BODY.search(text, header.end(), min(limit, header.end() + 400))):
                rest = _KEY_LETTERS.match(text, body.start(), limit)
                yield Secret(start, rest.end() if rest else body.end(), "private-key")


def _passwords_of_urls(text: str) -> Iterator[Secret]:
    for start, end in _pieces(text, "://"):
        for pattern in _plugin("basic_auth.BasicAuthDetector").denylist:
            for match in pattern.finditer(text, start, end):
                password = match[1]
                kinds = sum(any(map(test, password)) for test in _CHARACTER_KINDS)
                if len(password) >= _PASSWORD_CHARACTERS and kinds > 1 and not set(password) & set('{}<>%\\`"|'):
                    yield Secret(match.start(1), match.end(1), "password")


_CHARACTER_KINDS: tuple[Callable[[str], bool], ...] = (
    str.islower,
    str.isupper,
    str.isdigit,
    lambda character: not character.isalnum() and character not in "_-.",
)


def _random_values(text: str) -> Iterator[Secret]:
    """Quoted values that a keyword such as `api_key` or `password` introduces and that no person would think up."""
    keyword = _plugin("keyword.KeywordDetector")
    for match in _QUOTED.finditer(text):
        value = match[1]
        if not _is_random(value):
            continue
        start = max(text.rfind("\n", max(0, match.start() - 100), match.start()) + 1, match.start() - 100)
        if value in keyword.analyze_string(text[start : match.end()]):
            yield Secret(match.start(1), match.end(1), GUESSED)


def _is_random(value: str) -> bool:
    """Hexadecimal or base64, with digits and letters both, and as many bits per character as detect-secrets asks for."""
    if not any(character.isdigit() for character in value) or not any(character.isalpha() for character in value):
        return False
    if _WORDS.fullmatch(value):
        return False
    name, bits = ("HexHighEntropyString", _HEX_BITS) if _HEX.fullmatch(value) else ("Base64HighEntropyString", _BASE64_BITS)
    plugin = _plugin(f"high_entropy_strings.{name}")
    # 16 characters hold 4 bits each at the most: what is asked of a short value is its share of what its length allows.
    most = min(len(set(plugin.charset)), len(value)).bit_length() - 1
    return bool(plugin.calculate_shannon_entropy(value) >= min(bits, 0.9 * most))
