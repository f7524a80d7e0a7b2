"""What the readers of book formats give: a book, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Book:
    """Text of a whole book, and what the book says about itself; None where it says nothing."""

    text: str
    title: str | None = None
    author: str | None = None
    language: str | None = None
    """As stated: 'de', 'deu' or 'German'."""
    date: str | None = None
    """ISO 8601; mostly of the edition, not of the work."""
    licence: str | None = None
    """SPDX expression."""


class NotABook(ValueError):  # noqa: N818  a finding about the input, not a fault
    """Input that gives no book. `reason` is a short phrase to count by; the message is the exception's own words."""

    def __init__(self, reason: str, words: str = ""):
        super().__init__(words)
        self.reason = reason
