"""Reading forward in LaTeX: the arguments and options of a command, out of a text that may be a file or a macro's body."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.sources.book import NotABook

MOST_ARGUMENT = 1 << 20

_BRACE = re.compile(r"\\[\s\S]|%[^\n]*|[{}]")
_OPTION = re.compile(r"\s{0,8}\[[^\[\]{}]{0,400}(?:\{[^{}]{0,400}\}[^\[\]{}]{0,400}){0,8}\]")
_SPACE = re.compile(r"\s{0,200}")
_WORD = re.compile(r"\\(?:[A-Za-z@]{1,60}|.)|[^\s{}\\]{1,200}")


@dataclass(slots=True)
class Input:
    """A text and the place in it that is read next."""

    text: str
    at: int = 0
    file: str | None = None
    """Its path, where it is a file and no macro's body."""


@dataclass(slots=True)
class Work:
    """How much reading is left: what is never closed is searched for more than once."""

    braces: int

    def take(self, braces: int) -> None:
        """Raises NotABook 'too complex' when nothing is left."""
        self.braces -= braces
        if self.braces < 0:
            raise NotABook("too complex", "braces that are never closed")


def at(top: Input, character: str) -> bool:
    """Whether `character` comes next, white space aside."""
    space = _SPACE.match(top.text, top.at)
    return space is not None and top.text[space.end() : space.end() + 1] == character


def skip_space(top: Input) -> None:
    """Pass blanks and tabs."""
    while top.text[top.at : top.at + 1] in {" ", "\t"}:
        top.at += 1


def word(top: Input) -> str:
    """An argument without braces: a command, or what comes before the next blank."""
    found = _WORD.match(top.text, top.at)
    if found is None:
        return ""
    top.at = found.end()
    return found[0]


def letter(top: Input) -> str:
    """An argument without braces as TeX reads it: a command or one character."""
    found = _WORD.match(top.text, top.at)
    if found is None:
        return ""
    taken = found[0] if found[0].startswith("\\") else found[0][0]
    top.at += len(taken)
    return taken


def option(top: Input) -> str:
    """`[…]`, if that comes next, else ''."""
    found = _OPTION.match(top.text, top.at)
    if found is None:
        return ""
    top.at = found.end()
    return found[0].strip()


def argument(top: Input, work: Work) -> str:
    """Content of the braces that come next; '' where none come or they are not closed within `MOST_ARGUMENT` characters.

    Raises:
        NotABook: 'too complex', see `Work`.
    """
    space = _SPACE.match(top.text, top.at)
    start = space.end() if space else top.at
    if top.text[start : start + 1] != "{":
        return ""
    depth = seen = 0
    for found in _BRACE.finditer(top.text, start, start + MOST_ARGUMENT):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        seen += 1
        if depth == 0:
            work.take(seen)
            top.at = found.end()
            return top.text[start + 1 : found.start()]
    work.take(seen)
    top.at = start + 1
    return ""
