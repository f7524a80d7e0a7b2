"""Where two texts differ, side by side.

difflib alone is quadratic and worse, and a book has 15,000 lines. So texts are aligned first at pieces that stand once in both, in the
order that keeps most of them (the patience diff of Bram Cohen); difflib sees only what lies between two such places, and that bounded. A
piece is a line, or a sentence of a long one.
"""

from __future__ import annotations

import difflib
import io
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIECE_CHARACTERS = 300
"""A longer line is cut into sentences, and a longer sentence cut; of a longer difference its begin and end are shown."""
MOST_BETWEEN = 100
"""Pieces on each side between two places where the texts agree, above which all of it is one difference: difflib is cubic at worst."""
CONTEXT = 30
"""Characters shown on each side of what differs within a line."""
MOST_SHOWN = 10
SENTENCES = re.compile(r"[^.!?。！？]+[.!?。！？]*|[.!?。！？]+")
Span = tuple[int, int, int, int]
"""Pieces begin to end of one text, and begin to end of the other."""


@dataclass(frozen=True)
class Difference:
    """One place where the texts differ, cut around what differs."""

    left_line: int
    """Number of the line in the text, from 1."""
    right_line: int
    left: str
    """'' where there is nothing."""
    right: str


@dataclass(frozen=True)
class Comparison:
    """Two texts, compared."""

    equal: bool
    places: int
    """Where they differ in more than the ends of lines."""
    shown: list[Difference]
    """The first `MOST_SHOWN` of them."""


@dataclass(frozen=True)
class _Piece:
    line: int
    text: str
    """With the end of its line."""


def compare(left: str, right: str) -> Comparison:
    """The places where two texts differ, in their order; in time linear in their length."""
    pieces = _pieces(left), _pieces(right)
    spans = list(differing(*([piece.text.rstrip("\r\n") for piece in side] for side in pieces)))
    shown = []
    for left_begin, left_end, right_begin, right_end in spans[:MOST_SHOWN]:
        sides = pieces[0][left_begin:left_end], pieces[1][right_begin:right_end]
        texts = ("".join(piece.text for piece in side).rstrip("\r\n") or "\n" * len(side[:1]) for side in sides)
        cut = _cut_around(*texts)
        shown.append(Difference(_line(pieces[0], left_begin), _line(pieces[1], right_begin), *cut))
    return Comparison(left == right, len(spans), shown)


def side_by_side(comparison: Comparison, titles: tuple[str, str], width: int) -> Iterator[str]:
    """The differences in two columns, as lines of at most `width` cells that a terminal shows and does not obey."""
    if not comparison.places:
        yield "the texts are equal" if comparison.equal else "the texts differ in the ends of their lines alone"
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="", width=max(width, 40))
    for title in titles:
        table.add_column("line", justify="right", no_wrap=True)
        table.add_column(Text(title), ratio=1, overflow="fold")
    for number, place in enumerate(comparison.shown):
        if number:
            table.add_row()
        blanks = " (blanks differ)" if place.left.split() == place.right.split() != [] else ""
        left, right = (_visible(text) + blanks for text in (place.left, place.right))
        table.add_row(f"{place.left_line:,}", Text(left), f"{place.right_line:,}", Text(right))
    file = io.StringIO()
    Console(file=file, width=max(width, 40), color_system=None, force_terminal=False, highlight=False, emoji=False).print(table)
    yield from (line.rstrip() for line in file.getvalue().split("\n")[:-1])
    if comparison.places > len(comparison.shown):
        yield f"and {comparison.places - len(comparison.shown):,} other places"


def _visible(text: str) -> str:
    """Lines stay lines; whatever else a terminal would obey or not show is written as an escape."""
    if not text.strip():
        return "(an empty line)" if text else "(nothing)"
    return "\n".join(
        "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line) for line in text.split("\n")
    )


def _pieces(text: str) -> list[_Piece]:
    pieces = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        sentences = [line] if len(line) <= PIECE_CHARACTERS else SENTENCES.findall(line)
        for sentence in sentences:
            cuts = range(0, len(sentence), PIECE_CHARACTERS)
            pieces += [_Piece(number, sentence[cut : cut + PIECE_CHARACTERS]) for cut in cuts]
    return pieces


def _line(pieces: Sequence[_Piece], place: int) -> int:
    return pieces[place].line if place < len(pieces) else pieces[-1].line + 1 if pieces else 1


def differing(left: Sequence[str], right: Sequence[str]) -> Iterator[Span]:
    """Where two sequences differ, in their order, neighbouring places joined; between them they are equal."""
    joined: Span | None = None
    for span in _between_anchors(left, right):
        if joined and joined[1] == span[0] and joined[3] == span[2]:
            joined = (joined[0], span[1], joined[2], span[3])
        else:
            if joined:
                yield joined
            joined = span
    if joined:
        yield joined


def _between_anchors(left: Sequence[str], right: Sequence[str]) -> Iterator[Span]:
    left_at, right_at = 0, 0
    for left_anchor, right_anchor in [*_anchors(left, right), (len(left), len(right))]:
        # From an anchor on the texts agree for a while; what follows up to the next one is short, as a rule.
        while left_at < left_anchor and right_at < right_anchor and left[left_at] == right[right_at]:
            left_at, right_at = left_at + 1, right_at + 1
        left_end, right_end = left_anchor, right_anchor
        while left_end > left_at and right_end > right_at and left[left_end - 1] == right[right_end - 1]:
            left_end, right_end = left_end - 1, right_end - 1
        if max(left_end - left_at, right_end - right_at) > MOST_BETWEEN:
            yield left_at, left_end, right_at, right_end
        elif left_end > left_at or right_end > right_at:
            matcher = difflib.SequenceMatcher(None, left[left_at:left_end], right[right_at:right_end], autojunk=False)
            for tag, a, b, c, d in matcher.get_opcodes():
                if tag != "equal":
                    yield left_at + a, left_at + b, right_at + c, right_at + d
        left_at, right_at = left_anchor, right_anchor


def _anchors(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Places of pieces that stand once in both texts: the longest run of them that rises in both."""
    counts = Counter(left), Counter(right)
    of_right = {piece: place for place, piece in enumerate(right) if counts[1][piece] == 1}
    pairs = [(place, of_right[piece]) for place, piece in enumerate(left) if counts[0][piece] == 1 and piece in of_right]
    tops: list[int] = []  # smallest end, in the right text, of a rising run of each length
    ends: list[int] = []  # its pair
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tops, place)
        tops[length : length + 1], ends[length : length + 1] = [place], [number]
        before.append(ends[length - 1] if length else -1)
    run, at = [], ends[-1] if ends else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]


def _cut_around(left: str, right: str) -> tuple[str, str]:
    begin = _agreeing(left, right)
    rest = min(len(left), len(right)) - begin
    end = min(rest, _agreeing(reversed(left), reversed(right)))
    return _cut(left, begin, len(left) - end), _cut(right, begin, len(right) - end)


def _agreeing(left: Iterable[str], right: Iterable[str]) -> int:
    """Characters that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def _cut(text: str, begin: int, end: int) -> str:
    middle = text[begin:end]
    if len(middle) > PIECE_CHARACTERS:
        middle = f"{middle[: PIECE_CHARACTERS * 2 // 3]} … {middle[-PIECE_CHARACTERS // 3 :]}"
    head, tail = text[max(0, begin - CONTEXT) : begin], text[end : end + CONTEXT]
    return f"{'…' if begin > CONTEXT else ''}{head}{middle}{tail}{'…' if end + CONTEXT < len(text) else ''}"
