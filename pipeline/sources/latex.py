r"""LaTeX to text: paragraphs and headings as text, maths as LaTeX, macros of the document expanded.

In:  the text of a document with `\documentclass`, and the other files that it may take in.
Out: one `Book`. Left out: comments, figures, tables, footnotes, citations, the bibliography, the title's apparatus.
Lost: what commands that nobody here knows would print of themselves; the text in their braces stays.

The text is read once, from front to back, with a list of sources (the file, a macro's body, a file taken in) in place of recursion. Macros
are expanded while depth and the characters that they gave in all stay under their limits; a document that goes beyond is refused.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.sources.book import Book, NotABook
from pipeline.sources.dates import iso_date
from pipeline.sources.latex_commands import (
    ACCENTS,
    DROPPED,
    DROPPED_ENVIRONMENTS,
    HEADINGS,
    LIGATURES,
    LISTS,
    MATHS_ENVIRONMENTS,
    SYMBOLS,
    THEOREMS,
    VERBATIM_ENVIRONMENTS,
)
from pipeline.sources.latex_input import Input, Work, argument, at, letter, option, skip_space, word
from pipeline.sources.markup import Writer

MOST_DEPTH = 40
MOST_BODY = 2000  # characters of a macro that is expanded
MOST_EXPANDED = 1 << 20  # characters that macros may give in a document; a paper's give some 10,000
MOST_BRACES = 1 << 20  # that are looked at more than once

_CLASS = re.compile(r"^[^%\n\\]{0,80}\\document(?:class|style)\b", re.MULTILINE)
_TOKEN = re.compile(
    r"\\(?:(?P<edge>begin|end)\s{0,8}\{(?P<environment>[^{}\n]{1,60})\}|(?P<word>[A-Za-z@]{1,60})\*?|(?P<sign>[\s\S]))"
    r"|(?P<comment>%[^\n]*(?:\n(?![ \t]*\n)[ \t]*)?)|(?P<paragraph>\n[ \t]*\n\s*)|(?P<maths>\$\$?)|(?P<brace>[{}])"
    r"|(?P<text>[^\\%${}\n]+|\n|\\)"
)
_PARAMETER = re.compile(r"#([1-9])")
_DEFINITION = re.compile(r"\s{0,8}\*?\s{0,8}(?:\{\s{0,8}\\([A-Za-z@]{1,60})\s{0,8}\}|\\([A-Za-z@]{1,60}))\s{0,8}((?:#\d){0,9})")
_COUNT = re.compile(r"\s{0,8}\[([0-9])\]")
_BABEL = re.compile(r"\[([A-Za-z, =]{1,200})\]\s{0,8}\{babel\}")


def is_latex(text: str) -> bool:
    r"""Whether the text begins with a command, behind comments, and has a `\documentclass` in its first 50,000 characters."""
    head = text[:50_000]
    first = next((line for line in head.split("\n") if line.strip() and not line.lstrip().startswith("%")), "")
    return first.lstrip().startswith(("\\", "{")) and bool(_CLASS.search(head))


@dataclass(frozen=True, slots=True)
class Macro:
    """What a command of the document's own stands for; `default` is that of a first argument in brackets."""

    arguments: int
    body: str
    default: str | None = None


@dataclass(slots=True)
class _State:
    """Where the reader is in the document."""

    out: Writer = field(default_factory=lambda: Writer([]))
    groups: list[str] = field(default_factory=list)
    """What each open brace is: '' for most, or what is to be done at its end."""
    maths: list[str] = field(default_factory=list)
    """Open formulas, by what closes them."""
    dropping: list[str] = field(default_factory=list)
    """Open environments whose content is left out."""
    next_group: str = ""
    false: int = 0
    r"""Depth of conditionals since `\iffalse`."""
    parts: set[str] = field(default_factory=set)
    """Files taken in."""


class Reader:
    """One reading of a document. `files` are the texts that it may take in, by path; `folder` is where it lies among them."""

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        folder: str = "",
        macros: dict[str, Macro | None] | None = None,
        depth: int = 0,
    ):
        self.depth = depth
        self.files, self.folder = files or {}, folder
        self.macros: dict[str, Macro | None] = {} if macros is None else macros
        self.theorems = dict(THEOREMS)
        self.inputs: list[Input] = []
        self.expanded = 0
        self.work = Work(MOST_BRACES)
        self.state = _State()
        self.begun = False
        r"""Whether `\begin{document}` was met."""
        self.titles: list[str] = []
        self.authors: list[str] = []
        self.dates: list[str] = []

    def read(self, text: str, file: str | None = None) -> str:
        """The text of a document, or of a piece of one.

        Raises:
            NotABook: 'too complex', where macros give too much.
        """
        self.inputs = [Input(text, 0, file)]
        self.work.braces += len(text)
        while self.inputs:
            top = self.inputs[-1]
            match = _TOKEN.match(top.text, top.at)
            if match is None:
                self.inputs.pop()
                continue
            top.at = match.end()
            if self._token(match):
                break
        return "".join(self.state.out.pieces)

    def _token(self, match: re.Match[str]) -> bool:
        """Act on one token; whether the document ends here."""
        state, source = self.state, match[0]
        if match["edge"]:
            return self._environment(match["edge"], match["environment"].strip(), source)
        if match["word"]:
            self._command(match["word"], source)
        elif match["comment"] or state.dropping or state.false:
            return False
        elif match["sign"]:
            self._sign(match["sign"], source)
        elif match["maths"]:
            self._dollars(source)
        elif match["brace"]:
            self._brace(source)
        elif match["paragraph"]:
            # No formula within a line reaches over a paragraph's end: an unpaired $ costs its paragraph.
            while state.maths and state.maths[-1] in {"$", "$$"}:
                state.maths.pop()
            state.out.owe(2)
        elif state.maths:
            state.out.text(source)
        else:
            for written, meant in LIGATURES:
                source = source.replace(written, meant)
            state.out.text(source.replace("~", " ").replace("&", " "))
        return False

    def _environment(self, edge: str, name: str, source: str) -> bool:
        state = self.state
        if state.false:
            return False
        if name == "document":
            if edge == "begin":
                # What the preamble printed was never meant to be.
                self.state = _State(parts=state.parts)
                self.begun = True
            return edge == "end"
        if name in DROPPED_ENVIRONMENTS:
            if edge == "begin":
                if len(state.dropping) < MOST_DEPTH:
                    state.dropping.append(name)
            elif name in state.dropping:
                while state.dropping.pop() != name:
                    pass
            return False
        if state.dropping:
            return False
        if name in VERBATIM_ENVIRONMENTS and edge == "begin":
            self._verbatim(name)
        elif name in MATHS_ENVIRONMENTS:
            if edge == "begin":
                state.out.owe(1)
                self._open_maths(name)
            state.out.text(source)
            if edge == "end":
                if name in state.maths:
                    del state.maths[state.maths.index(name) :]
                state.out.owe(1)
        elif state.maths:
            state.out.text(source)
        else:
            state.out.owe(1 if name in LISTS else 2)
            if edge == "begin":
                self._option()
                if name in self.theorems:
                    state.out.text(f"{self.theorems[name]}. ")
        return False

    def _verbatim(self, name: str) -> None:
        top = self._top
        self._option()
        end = top.text.find(f"\\end{{{name}}}", top.at)
        # What is never closed reaches to the end, as it does for LaTeX.
        content = top.text[top.at : end] if end >= 0 else top.text[top.at :]
        top.at = end + len(name) + 6 if end >= 0 else len(top.text)
        out = self.state.out
        out.owe(2)
        out.verbatim += 1
        out.text(content.strip("\n"))
        out.verbatim -= 1
        out.owe(2)

    def _command(self, name: str, source: str) -> None:
        state = self.state
        if state.false or name == "iffalse":
            if name == "fi" and state.false:
                state.false -= 1
            elif name == "else" and state.false == 1:
                state.false = 0
            elif name.startswith("if") and name not in {"ifthenelse", "iff"}:
                state.false += 1
        elif name in {"newcommand", "renewcommand", "providecommand", "def", "DeclareMathOperator", "newtheorem", "newenvironment", "let"}:
            self._define(name)
        elif name in {"input", "include", "subfile"}:
            self._take_in(self._argument() if at(self._top, "{") else word(self._top))
        elif name in self.macros and name not in DROPPED and len(self.inputs) < MOST_DEPTH:
            self._expand(name)
        elif state.dropping:
            return
        elif state.maths:
            if name in {"label", "nonumber", "notag"}:
                if name == "label":
                    self._argument()
            else:
                state.out.text(source)
        elif name in {"title", "author", "date"}:
            self._option()
            {"title": self.titles, "author": self.authors, "date": self.dates}[name].append(self._argument())
        else:
            self._print(name)

    def _print(self, name: str) -> None:
        """A command of the text, outside formulas."""
        out = self.state.out
        if name in HEADINGS:
            self._option()
            out.owe(2)
            self.state.next_group = "heading"
        elif name == "item":
            out.owe(1)
            out.text("- ")
            if at(self._top, "["):
                label = self._option()[1:-1]
                out.text(self.inner(label) + " ")
        elif name in {"par", "newpage", "clearpage", "bigskip", "medskip", "smallskip", "maketitle"}:
            out.owe(2)
        elif name in {"newline", "linebreak", "cr", "tabularnewline"}:
            out.owe(1)
        elif name == "appendix":
            out.owe(2)
        elif name in SYMBOLS:
            # A word swallows the blanks behind it.
            skip_space(self._top)
            out.text(SYMBOLS[name])
        elif name in ACCENTS:
            self._accent(name)
        elif name in {"verb", "lstinline"}:
            top = self._top
            mark = top.text[top.at : top.at + 1]
            end = top.text.find(mark, top.at + 1, top.at + 400) if mark else -1
            if end > 0:
                out.text(top.text[top.at + 1 : end])
                top.at = end + 1
        elif name in DROPPED:
            while self._option():
                pass
            for _ in range(DROPPED[name]):
                if not at(self._top, "{"):
                    break
                self._argument()
        elif name != "ensuremath":
            self._option()
            if not at(self._top, "{"):
                skip_space(self._top)

    def _sign(self, sign: str, source: str) -> None:
        state = self.state
        if sign in "([":
            state.out.owe(1 if sign == "[" else 0)
            self._open_maths(")" if sign == "(" else "]")
            state.out.text(source)
        elif sign in ")]" and state.maths:
            state.out.text(source)
            closing = state.maths.pop()
            if closing == "]":
                state.out.owe(1)
        elif state.maths:
            state.out.text(source)
        elif sign == "\\":
            self._option()
            state.out.owe(1)
        elif sign in ACCENTS:
            self._accent(sign)
        else:
            state.out.text(SYMBOLS.get(sign, sign))

    def _accent(self, accent: str) -> None:
        skip_space(self._top)
        base = self._argument() if at(self._top, "{") else letter(self._top)
        base = self.inner(base).replace("ı", "i").replace("ȷ", "j")
        self.state.out.text(unicodedata.normalize("NFC", base[:1] + ACCENTS[accent]) + base[1:] if base else "")

    def _open_maths(self, closed_by: str) -> None:
        if len(self.state.maths) < MOST_DEPTH:
            self.state.maths.append(closed_by)

    def _dollars(self, source: str) -> None:
        state = self.state
        if state.maths and state.maths[-1] == source:
            state.maths.pop()
            state.out.text(source)
            if source == "$$":
                state.out.owe(1)
            return
        if source == "$$" and not state.maths:
            state.out.owe(1)
        self._open_maths(source)
        state.out.text(source)

    def _brace(self, source: str) -> None:
        state = self.state
        if source == "{":
            state.groups.append(state.next_group)
            state.next_group = ""
        if state.maths:
            state.out.text(source)
        if source == "}" and state.groups and state.groups.pop() == "heading":
            state.out.owe(2)

    def _define(self, kind: str) -> None:
        top = self._top
        if kind == "newtheorem":
            name = self._argument()
            self._option()
            title = self._argument()
            self._option()
            self.theorems[name.strip()] = self.inner(title)
            return
        if kind == "newenvironment":
            self._argument()
            while self._option():
                pass
            self._argument()
            self._argument()
            return
        found = _DEFINITION.match(top.text, top.at)
        if found is None:
            return
        top.at = found.end()
        name = found[1] or found[2]
        if kind == "let":
            skip_space(self._top)
            other = _TOKEN.match(top.text, top.at)
            top.at = other.end() if other else top.at
            return
        arguments, default = len(found[3]) // 2, None
        if count := _COUNT.match(top.text, top.at):
            arguments, top.at = int(count[1]), count.end()
            if stated := self._option():
                default = stated[1:-1]
        if not at(self._top, "{"):
            return
        body = self._argument()
        if kind == "DeclareMathOperator":
            body = f"\\operatorname{{{body}}}"
        # A body that defines or tests is a program; its command is one that nobody knows.
        simple = len(body) <= MOST_BODY and not re.search(r"\\(?:def|if|csname|expandafter|newcommand|let|input)", body)
        self.macros[name] = Macro(arguments, body, default) if simple else None

    def _expand(self, name: str) -> None:
        macro = self.macros[name]
        if macro is None:
            return
        given: list[str] = []
        if macro.default is not None:
            stated = self._option()
            given.append(stated[1:-1] if stated else macro.default)
        while len(given) < macro.arguments:
            skip_space(self._top)
            given.append(self._argument() if at(self._top, "{") else letter(self._top))
        if not macro.arguments and not self.state.maths:
            skip_space(self._top)
        body = _PARAMETER.sub(lambda found: given[int(found[1]) - 1] if int(found[1]) <= len(given) else "", macro.body)
        self.expanded += len(body) + sum(map(len, given))
        if self.expanded > MOST_EXPANDED:
            raise NotABook("too complex", f"macros give more than {MOST_EXPANDED} characters")
        # In a formula a bare word may stand against a letter that follows.
        self.inputs.append(Input(body + " " if self.state.maths and body[-1:].isalpha() else body))

    def _take_in(self, name: str) -> None:
        """Read a file that the document names, if it is among `files` and is not being read already."""
        path = posixpath.normpath(posixpath.join(self.folder, name.strip().strip('"')))
        open_files = {source.file for source in self.inputs}
        for candidate in (path, f"{path}.tex"):
            if candidate in self.files and candidate not in open_files and len(self.inputs) < MOST_DEPTH:
                self.state.parts.add(candidate)
                text = self.files[candidate]
                self.expanded += len(text)
                if self.expanded > MOST_EXPANDED + sum(map(len, self.files.values())):
                    raise NotABook("too complex", f"files taken in give more than {MOST_EXPANDED} characters")
                self.inputs.append(Input(text, 0, candidate))
                return

    def inner(self, text: str) -> str:
        """A short piece by itself, on one line."""
        if self.depth == 4 or not set("\\{}$~%").intersection(text):
            return text
        reader = Reader(macros=self.macros, depth=self.depth + 1)
        reader.expanded = self.expanded
        inner = " ".join(reader.read(text[:4096]).split())
        self.expanded = reader.expanded
        return inner

    @property
    def _top(self) -> Input:
        """The text that is read next; a macro's body that is used up gives way to the text that its arguments may go on in."""
        while len(self.inputs) > 1 and self.inputs[-1].at >= len(self.inputs[-1].text):
            self.inputs.pop()
        return self.inputs[-1]

    def _option(self) -> str:
        return option(self._top)

    def _argument(self) -> str:
        return argument(self._top, self.work)


def read_latex(text: str, files: Mapping[str, str] | None = None, path: str = "") -> Book:
    """The paper in a LaTeX document.

    Args:
        text: of the main file.
        files: other files that it may take in, by their path in the archive; none is ever looked for elsewhere.
        path: of the main file among them.

    Raises:
        NotABook: 'TeX without a document', or 'too complex'.
    """
    return read_with_parts(text, files, path)[0]


def read_with_parts(text: str, files: Mapping[str, str] | None = None, path: str = "") -> tuple[Book, set[str]]:
    """`read_latex`, and the paths of the files that the document took in."""
    reader = Reader(files, posixpath.dirname(path))
    body = reader.read(text, path)
    if not reader.begun:
        raise NotABook("TeX without a document", "no \\begin{document} in it")
    babel = _BABEL.search(text[:50_000])
    language = babel[1].split(",")[-1].partition("=")[2] or babel[1].split(",")[-1] if babel else None
    book = Book(
        text=body,
        title=reader.inner(reader.titles[0]) if reader.titles else None,
        author="; ".join(filter(None, (_person(reader, name) for author in reader.authors for name in _persons(author)))) or None,
        language=language.strip() or None if language else None,
        date=next((found for date in reader.dates if (found := iso_date(reader.inner(date)))), None),
    )
    return book, reader.state.parts


def _persons(author: str) -> list[str]:
    return re.split(r"\\(?:and|And|AND|quad|qquad)\b", author)


def _person(reader: Reader, name: str) -> str:
    r"""The first line of an entry of `\author`: those below it are institutions."""
    lines = [" ".join(reader.inner(re.sub(r"\$[^$]{0,200}\$", "", line)).split()) for line in name.split("\\\\")]
    return next((line.strip(" ,") for line in lines if line.strip(" ,")), "")
