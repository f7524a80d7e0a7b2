"""How an error is told to a user: one line."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """An exception in one line; an operating system's error names its file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{str(error.filename)!r}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())
