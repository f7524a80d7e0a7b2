"""Where two texts differ, side by side.

Words and marks are compared, and what blanks stand between them is not: editions of one text are often wrapped otherwise. difflib alone is
quadratic and worse, and a novel has 200,000 words. So texts are aligned first at words that stand once in both, in the order that keeps
most of them (the patience diff of Bram Cohen); difflib sees only what lies between two such places, and that bounded.
"""

from __future__ import annotations

import difflib
import io
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.console import Console
from rich.table import Table
from rich.text import Text

WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|\w+|[^\w\s]")
"""A character of Chinese or Japanese, a word, a mark."""
MOST_BETWEEN = 100
"""Words on each side between two places where the texts agree, above which all of it is one difference: difflib is cubic at worst."""
RUNS = (1, 3, 8)
"""Words that together are looked for as anchors: in code and tables few words stand but once, and many runs of words do."""
AGREEING = 8
"""Words that agree between two differences, below which they are one: passages that were rewritten share words by chance."""
CONTEXT = 30
"""Characters shown before and behind what differs, of its first and last line."""
MOST_CHARACTERS = 300
"""Of a longer difference its begin and end are shown."""
MOST_SHOWN = 10
Span = tuple[int, int, int, int]
"""Words begin to end of one text, and begin to end of the other."""


@dataclass(frozen=True)
class Difference:
    """One place where the texts differ, cut around what differs."""

    left_line: int
    """Number of the line in the text, from 1."""
    right_line: int
    left: str
    """With what stands before and behind; '' where there is nothing."""
    right: str


@dataclass(frozen=True)
class Comparison:
    """Two texts, compared."""

    equal: bool
    places: int
    """Where they differ in more than blanks."""
    shown: list[Difference]
    """The first `MOST_SHOWN` of them."""


def compare(left: str, right: str) -> Comparison:
    """The places where two texts differ, in their order; in time linear in their length."""
    sides = _Words.of(left), _Words.of(right)
    spans = list(_joined(differing(sides[0].words, sides[1].words)))
    shown = []
    for left_begin, left_end, right_begin, right_end in spans[:MOST_SHOWN]:
        (left_line, left_text), (right_line, right_text) = sides[0].cut(left_begin, left_end), sides[1].cut(right_begin, right_end)
        shown.append(Difference(left_line, right_line, left_text, right_text))
    return Comparison(left == right, len(spans), shown)


@dataclass(frozen=True)
class _Words:
    text: str
    words: list[str]
    begins: list[int]
    """Character at which each begins."""
    lines: list[int]
    """Character at which each line begins; one behind the text at last."""

    @classmethod
    def of(cls, text: str) -> _Words:
        found = list(WORDS.finditer(text))
        lines = [0, *accumulate(len(line) for line in text.splitlines(keepends=True)), len(text) + 1]
        return cls(text, [match[0] for match in found], [match.start() for match in found], lines)

    def cut(self, first: int, end: int) -> tuple[int, str]:
        """Number of the line, and text of some words with what stands around them."""
        stop = self.begins[end - 1] + len(self.words[end - 1]) if end else 0
        begin = self.begins[first] if first < end else stop
        middle = self.text[begin:stop]
        if len(middle) > MOST_CHARACTERS:
            middle = f"{middle[: MOST_CHARACTERS * 2 // 3]} … {middle[-MOST_CHARACTERS // 3 :]}"
        line = bisect_right(self.lines, begin)
        line_begin, line_end = self.lines[line - 1], min(self.lines[bisect_right(self.lines, stop)], len(self.text))
        head, tail = self.text[max(line_begin, begin - CONTEXT) : begin], self.text[stop : min(line_end, stop + CONTEXT)]
        before, behind = "…" if begin - len(head) > line_begin else "", "…" if stop + len(tail) < line_end else ""
        return line, f"{before}{head}{middle}{tail}".rstrip() + behind


def side_by_side(comparison: Comparison, titles: tuple[str, str], width: int) -> Iterator[str]:
    """The differences in two columns, as lines of at most `width` cells that a terminal shows and does not obey."""
    if not comparison.places:
        yield "the texts are equal" if comparison.equal else "the texts differ in blanks alone"
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="", width=max(width, 40))
    for title in titles:
        table.add_column("line", justify="right", no_wrap=True)
        table.add_column(Text(title), ratio=1, overflow="fold")
    for number, place in enumerate(comparison.shown):
        if number:
            table.add_row()
        table.add_row(f"{place.left_line:,}", Text(_visible(place.left)), f"{place.right_line:,}", Text(_visible(place.right)))
    file = io.StringIO()
    Console(file=file, width=max(width, 40), color_system=None, force_terminal=False, highlight=False, emoji=False).print(table)
    yield from (line.rstrip() for line in file.getvalue().split("\n")[:-1])
    if comparison.places > len(comparison.shown):
        yield f"and {comparison.places - len(comparison.shown):,} other places"


def _visible(text: str) -> str:
    """Lines stay lines; whatever else a terminal would obey or not show is written as an escape."""
    return "\n".join(
        "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)
        for line in text.replace("\r\n", "\n").split("\n")
    )


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """The same places, those with hardly a word between them as one."""
    last: Span | None = None
    for span in spans:
        if last and min(span[0] - last[1], span[2] - last[3]) < AGREEING:
            last = (last[0], span[1], last[2], span[3])
        else:
            if last:
                yield last
            last = span
    if last:
        yield last


def differing(left: Sequence[str], right: Sequence[str], runs: Sequence[int] = RUNS) -> Iterator[Span]:
    """Where two sequences differ, in their order; between these places they are equal.

    Args:
        left: words.
        right: words.
        runs: numbers of words that may be an anchor; the second and later ones where the first leaves too much between.
    """
    left_at, right_at = 0, 0
    for left_anchor, right_anchor in [*_anchors(left, right, runs[0]), (len(left), len(right))]:
        # From an anchor on the texts agree for a while; what follows up to the next one is short, as a rule.
        while left_at < left_anchor and right_at < right_anchor and left[left_at] == right[right_at]:
            left_at, right_at = left_at + 1, right_at + 1
        left_end, right_end = left_anchor, right_anchor
        while left_end > left_at and right_end > right_at and left[left_end - 1] == right[right_end - 1]:
            left_end, right_end = left_end - 1, right_end - 1
        if max(left_end - left_at, right_end - right_at) > MOST_BETWEEN:
            if left_end == left_at or right_end == right_at or len(runs) == 1:
                yield left_at, left_end, right_at, right_end
            else:
                for a, b, c, d in differing(left[left_at:left_end], right[right_at:right_end], runs[1:]):
                    yield left_at + a, left_at + b, right_at + c, right_at + d
        elif left_end > left_at or right_end > right_at:
            matcher = difflib.SequenceMatcher(None, left[left_at:left_end], right[right_at:right_end], autojunk=False)
            for tag, a, b, c, d in matcher.get_opcodes():
                if tag != "equal":
                    yield left_at + a, left_at + b, right_at + c, right_at + d
        left_at, right_at = left_anchor, right_anchor


def _anchors(left: Sequence[str], right: Sequence[str], run: int) -> list[tuple[int, int]]:
    """Places of runs of words that stand once in both texts: the longest series of them that rises in both."""
    sides = [list(zip(*(words[shift:] for shift in range(run)), strict=False)) for words in (left, right)]
    counts = [Counter(side) for side in sides]
    of_right = {words: place for place, words in enumerate(sides[1]) if counts[1][words] == 1}
    pairs = [(place, of_right[words]) for place, words in enumerate(sides[0]) if counts[0][words] == 1 and words in of_right]
    tops: list[int] = []  # smallest end, in the right text, of a rising run of each length
    ends: list[int] = []  # its pair
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tops, place)
        tops[length : length + 1], ends[length : length + 1] = [place], [number]
        before.append(ends[length - 1] if length else -1)
    series, at = [], ends[-1] if ends else -1
    while at >= 0:
        series.append(pairs[at])
        at = before[at]
    return series[::-1]
