"""A tokenizer trained on small text of several kinds, as a quick start would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenizer.encode import Encoder
from tokenizer.train import train_tokenizer

SAMPLE = (
    "It was the best of times, it was the worst of times; 1859 was the year.\n\nShe said: “Never!” — and left.\n",
    "def total(values):\n    result = 0\n    for value in values:\n        result += value  # in place\n    return result\n",
    "func main() {\n\tfor i := 0; i < 10; i++ {\n\t\tfmt.Println(i)\n\t}\n}\r\n",
    "Il était une fois une princesse qui n'aimait que les étés chauds.  Elle    dormait.\n",
    "これは日本語の文章です。日本語には空白がありません。\n",
    "<|endoftext|> is how a document ends, <|user|> and <|system|> begin turns.\n",
) * 20


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file."""
    out = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(SAMPLE, 600, out)
    return out


@pytest.fixture(scope="session")
def encoder(model: Path) -> Encoder:
    return Encoder.load(model)


@pytest.fixture(scope="session")
def sample() -> list[str]:
    return list(SAMPLE)
