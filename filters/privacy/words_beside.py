"""The words beside a number, which say what it is."""

from __future__ import annotations

import re

BEFORE, AFTER = 56, 16
_PLACEHOLDER = re.compile(r"<(?:personal|secret):[a-z-]+>|^[a-z:-]{0,40}>")


def words_before(data: bytes, begin: int, words: re.Pattern[str], within: int = BEFORE) -> re.Match[str] | None:
    """The first of `words` in lower case among the `within` bytes before `begin`.

    What stands in place of personal data is no word about what follows, so a text that was replaced is judged as it was.
    """
    text = data[max(0, begin - within) : begin].decode("utf-8", "ignore").lower()
    if ">" in text:
        text = _PLACEHOLDER.sub("", text)
    return words.search(text)


def words_after(data: bytes, past: int, words: re.Pattern[str]) -> re.Match[str] | None:
    """`words` at the beginning of what follows `past`, in lower case."""
    return words.match(data[past : past + AFTER].decode("utf-8", "ignore").lower())
