"""Which strings are taken for secrets: real formats with made-up values, and what only looks like them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import uuid
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.privacy.secrets import _found, find_secrets

DRAW = random.Random(7)


def redact(text: str) -> tuple[str, dict[str, int]]:
    """As `pipeline.sources.private` replaces them, and how many of each kind there were."""
    parts, at, counts = [], 0, Counter[str]()
    for secret in find_secrets(text):
        parts += [text[at : secret.start], f"<secret:{secret.kind}>"]
        at = secret.end
        counts[secret.kind] += 1
    return "".join([*parts, text[at:]]), dict(counts)


def drawn(alphabet: str, length: int) -> str:
    return "".join(DRAW.choice(alphabet) for _ in range(length))


UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
WORD = UPPER + LOWER + DIGITS
HEX = DIGITS + "abcdef"


def url_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def web_token() -> str:
    head, claims = json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": drawn(DIGITS, 10), "name": "A. Nonymous"})
    return ".".join(url_base64(part) for part in (head.encode(), claims.encode(), DRAW.randbytes(32)))


def armoured(kind: str, size: int = 1200) -> str:
    lines = base64.encodebytes(DRAW.randbytes(size)).decode().strip()
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


# kind, the secret itself, and a line in which it stands as `%s`
SECRETS = [
    ("aws-key", "AKIA" + drawn(UPPER + DIGITS, 15) + "7", 'aws_access_key_id = "%s"'),
    ("aws-key", "ASIA" + drawn(UPPER + DIGITS, 15) + "7", "export AWS_ACCESS_KEY_ID=%s"),
    ("aws-key", drawn(WORD + "/+", 39) + "7", "aws_secret_access_key = '%s'"),
    ("azure-key", drawn(WORD + "/+", 86) + "==", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=%s;"),
    ("discord-token", f"M{drawn(WORD, 23)}.{drawn(WORD, 5)}7.{drawn(WORD, 27)}", "bot.run('%s')"),
    ("github-token", "ghp_" + drawn(WORD, 35) + "7", "https://example.org/?token=%s"),
    ("github-token", "ghs_" + drawn(WORD, 40) + "7", "GITHUB_TOKEN: %s"),
    ("github-token", f"github_pat_{drawn(WORD, 22)}_{drawn(WORD, 59)}", "git clone https://x:%s@example.org/a"),
    ("gitlab-token", "glpat-" + drawn(WORD, 19) + "7", "curl --header 'PRIVATE-TOKEN: %s'"),
    ("google-key", "AIza" + drawn(WORD + "_-", 34) + "7", "var key = '%s';"),
    ("hugging-face-token", "hf_" + drawn(UPPER + LOWER, 34), "login(token='%s')"),
    ("anthropic-key", "sk-ant-api03-" + drawn(WORD, 95), "key: %s"),
    ("openai-key", f"sk-{drawn(WORD, 20)}T3BlbkFJ{drawn(WORD, 20)}", "openai.api_key = '%s'"),
    ("openai-key", f"sk-proj-{drawn(WORD, 40)}T3BlbkFJ{drawn(WORD, 40)}", "OPENAI_API_KEY=%s"),
    ("json-web-token", web_token(), "Authorization: Bearer %s"),
    ("json-web-token", web_token(), 'const token = "%s";'),
    ("mailchimp-key", drawn(HEX, 31) + "7-us12", "api = '%s'"),
    ("npm-token", "npm_" + drawn(WORD, 35) + "7", "//registry.example.org/:_authToken=%s"),
    ("pypi-token", "pypi-AgEIcHlwaS5vcmc" + drawn(WORD + "-_", 120), "password = %s"),
    ("sendgrid-key", f"SG.{drawn(WORD, 21)}7.{drawn(WORD, 43)}", "sg = Client('%s')"),
    ("slack-token", f"xoxb-{drawn(DIGITS, 12)}-{drawn(DIGITS, 12)}-{drawn(WORD, 24)}", "slack = WebClient(token='%s')"),
    ("slack-token", f"https://hooks.slack.com/services/T{drawn(DIGITS, 8)}/B{drawn(DIGITS, 8)}/{drawn(WORD, 24)}", "curl -X POST %s"),
    ("square-secret", "sq0csp-" + drawn(WORD + "-_", 42) + "7", "secret: %s"),
    ("stripe-key", "sk_live_" + drawn(WORD, 23) + "7", "stripe.api_key = '%s'"),
    ("stripe-key", "rk_live_" + drawn(WORD, 99) + "7", "Stripe('%s')"),
    ("telegram-token", f"{drawn('123456789', 10)}:AA{drawn(WORD, 32)}7", "Updater('%s')"),
    ("twilio-key", "SK" + drawn(HEX, 31) + "7", "client = Client('%s', secret)"),
    ("private-key", armoured("RSA PRIVATE KEY"), "%s"),
    ("private-key", armoured("OPENSSH PRIVATE KEY", 300), "key = '''%s'''"),
    ("private-key", armoured("PRIVATE KEY").replace("\n", "\\n"), '{"private_key": "%s"}'),
    ("private-key", armoured("EC PRIVATE KEY", 120), "%s\n-----BEGIN CERTIFICATE-----"),
    ("password", "hunter2Horse", "postgres://admin:%s@db.example.org:5432/x"),
    ("password", "s3cr3t-w0rd", "redis://:x@a redis://user:%s@cache"),
    ("keyword-value", drawn(HEX, 63) + "a", "SECRET_KEY = '%s'"),
    ("keyword-value", drawn(WORD, 31) + "7", 'api_key: "%s"'),
    ("keyword-value", drawn(WORD, 23) + "7", "const dbPassword = '%s';"),
]  # fmt: skip
LOOK_ALIKES = [
    "commit " + hashlib.sha1(b"x").hexdigest(),
    f'integrity "sha512-{base64.b64encode(hashlib.sha512(b"x").digest()).decode()}"',
    f'"hash": "sha256:{hashlib.sha256(b"y").hexdigest()}",',
    f'version = "1.0"\nchecksum = "{hashlib.sha256(b"z").hexdigest()}"',
    f"ETAG = '{hashlib.md5(b'x').hexdigest()}'",
    str(uuid.UUID(int=DRAW.getrandbits(128), version=4)),
    f'<img src="data:image/png;base64,{base64.b64encode(DRAW.randbytes(30_000)).decode()}">',
    base64.encodebytes(DRAW.randbytes(5_000)).decode(),
    "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(DRAW.randbytes(900)).decode() + "-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(DRAW.randbytes(200)).decode() + "-----END PUBLIC KEY-----",
    "ssh-rsa " + base64.b64encode(DRAW.randbytes(250)).decode() + " me@example.org",
    "if line.startswith('-----BEGIN RSA PRIVATE KEY-----'):\n    return Key(line)\n",
    "re.compile(r'-----BEGIN PRIVATE KEY-----.*-----END PRIVATE KEY-----')",
    "password = 'password'",
    'api_key = "your-api-key-goes-here"',
    "PASSWORD = os.environ['DATABASE_PASSWORD_OF_PRODUCTION']",
    "secret_name = 'kubernetes-production-secret-2'",
    "https://user:pass@example.org/ https://user:password@host ftp://anonymous:guest@host",
    "f'https://{user}:{password}@{host}' https://$USER:$PASS@host https://x:<token>@host",
    "see http://example.org:8080/path and mailto:someone@example.org, git@github.com:owner/name.git",
    "xoxo-hugs-and-kisses, ghp_ is a prefix, AKIA too, and eyJ begins JSON in base64",
    "eyJhbGciOi.JIUzI1NiIsInR5cCI.6IkpXVCJ9",
    "from google.cloud import AIzaSyLibrary",
    "SKIPPED, ACCORDINGLY, SKU1234567890, ACCOUNT_ID = 12",
    "at 12:34:56 took 1234567890:AAAA",
    "'abcdefghijklmnopqrstuvwxyz0123456789' alphabet; '0123456789abcdef' key of the map",
    "key = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'",
    "-rw-r--r-- 1 root root 12 aws.py  # AWS regions: us-east-1, and xxxx-us2",
    "requests==2.34.2 --hash=sha256:" + hashlib.sha256(b"r").hexdigest(),
    '"resolved": "https://registry.example.org/a/-/a-1.0.0.tgz#' + hashlib.sha1(b"a").hexdigest() + '"',
]  # fmt: skip


def test_secrets_are_found_whole_and_by_kind():
    """Recall over the made-up set is 1: no letter of a secret stays, and what stands around it does."""
    for kind, secret, line in SECRETS:
        text = f"before\n{line.replace('%s', secret)}\nafter"
        clean, counts = redact(text)
        assert counts.get(kind) == 1, (kind, line, counts, secret)
        assert clean == f"before\n{line.replace('%s', f'<secret:{kind}>')}\nafter"


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_looks_like_a_secret_and_is_none_stays(text):
    assert find_secrets(text) == []
    assert redact(text) == (text, {})


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_secrets_are_found_wherever_they_stand(data):
    """Between any texts, on long lines and short ones, several at once; and what is left has none."""
    chosen = data.draw(st.lists(st.sampled_from(SECRETS), min_size=1, max_size=4))
    filler = st.text(alphabet="ab \n\u00e9", max_size=60) | st.integers(0, 3000).map(lambda size: "x " * size)
    text = ""
    for _, secret, line in chosen:
        text += data.draw(filler) + " \n"[data.draw(st.integers(0, 1))] + line.replace("%s", secret) + "\n"
    clean, counts = redact(text)
    assert sum(counts.values()) >= len(chosen)
    assert not any(secret in clean for _, secret, _ in chosen)
    assert redact(clean) == (clean, {})


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(["://a", ":", "@", "eyJ", ".", "ghp_", "-----BEGIN PRIVATE KEY", "AKIA", "aws", "'", "password="]), max_size=80
    ).map("".join)
)
def test_any_text_keeps_what_is_no_secret(text):
    clean, counts = redact(text)
    assert (clean == text) == (not counts)
    assert [secret for secret in find_secrets(text) if secret.end <= secret.start] == []


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ",
        "eyJ.",
        "://a:",
        "://a:a@",
        "aws secret '",
        "password='aaaaaaaaaaaaaaa1' ",
        "-----BEGIN PRIVATE KEY-----",
        "xoxb-1-",
        "sk-T3BlbkFJ",
        "//a/:_authToken=",
        "'" + "a1" * 10,
    ],
)
def test_hostile_repetition_takes_linear_work(unit, monkeypatch):
    """Ten times the text asks at most about ten times as many questions of the detectors, each of a bounded piece."""
    import filters.privacy.secrets as module

    asked: list[int] = []
    original = module._pieces

    def counted(text: str, hint: str):
        for start, end in original(text, hint):
            asked.append(end - start)
            yield start, end

    monkeypatch.setattr(module, "_pieces", counted)
    work = []
    for size in (20_000, 200_000):
        asked.clear()
        find_secrets(unit * (size // len(unit)))
        assert max(asked, default=0) <= module.PIECE_CHARACTERS
        work.append(sum(asked))
    assert work[1] <= 11 * work[0] + 20_000


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_passing_over_lines_without_candidates_loses_nothing(data):
    """What is found by candidate lines is what the formats find in the whole text."""
    written = [line.replace("%s", secret) for _, secret, line in SECRETS if "\n" not in secret]
    pieces = st.sampled_from(written) | st.sampled_from(LOOK_ALIKES)
    filler = st.text(alphabet="ab1 .:/@=é\n", max_size=40) | st.text(max_size=20)
    text = "".join(data.draw(st.lists(pieces | filler, max_size=8)))
    assert find_secrets(text) == _found(text)
