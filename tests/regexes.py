"""Every regular expression of the source tree, and strings that make one backtrack."""

from __future__ import annotations

import ast
import importlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("filters", "pipeline", "tokenizer", "tokenshards", "trainer")
FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
ALPHABET = [chr(point) for point in range(128)] + list("é ß中文あ\u00a0\u2028ـ٣[【》】［］※")
MANY = 250  # repetitions from which on a bound is no bound
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)
POSSESSIVE = (sre.POSSESSIVE_REPEAT, sre.ATOMIC_GROUP)


@dataclass(frozen=True)
class Regex:
    """One pattern, where it stands, and how it is used."""

    file: str
    line: int
    name: str
    pattern: str | bytes
    flags: int
    methods: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line} {self.name or self.pattern!r}"


@dataclass(frozen=True)
class Unread:
    """A call whose pattern is known at run time only."""

    file: str
    source: str


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def uses() -> dict[str, set[str]]:
    """Name of a pattern to the methods it is called with, in any module."""
    found: dict[str, set[str]] = {}
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and isinstance(node.value, ast.Name | ast.Attribute):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                found.setdefault(name, set()).add(node.attr)
    return found


def collect() -> tuple[list[Regex], list[Unread]]:
    """Patterns that are constants of their module, by evaluating the expression there, and calls of which that cannot be said."""
    regexes: list[Regex] = []
    unread: list[Unread] = []
    methods = uses()
    for path, tree in modules():
        file = path.relative_to(ROOT).as_posix()
        names = {id(child): target.id for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets
                 if isinstance(target, ast.Name) for child in ast.walk(node.value)}  # fmt: skip
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        for call in calls:
            if not (isinstance(call.func.value, ast.Name) and call.func.value.id == "re" and call.func.attr in FUNCTIONS):  # type: ignore[attr-defined]
                continue
            module = vars(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)))
            try:
                pattern = eval(ast.unparse(call.args[0]), dict(module))  # noqa: S307  our own source
            except NameError:
                unread.append(Unread(file, ast.unparse(call)))
                continue
            method = call.func.attr  # type: ignore[attr-defined]
            flags = [value for value in (*call.args[1:], *(keyword.value for keyword in call.keywords)) if "re." in ast.unparse(value)]
            number = eval(ast.unparse(flags[0]), {"re": re}) if flags else 0  # noqa: S307
            name = names.get(id(call), "") if method == "compile" else ""
            used = tuple(sorted(methods.get(name, set()) - {"compile"})) if method == "compile" else (method,)
            regexes.append(Regex(file, call.lineno, name, pattern, int(number), used or ("search",)))
    return regexes, unread


def characters(node: tuple[Any, Any], flags: int = 0) -> frozenset[str]:
    """The characters of ALPHABET that a node of one character matches; empty for other nodes."""
    operation, value = node
    if operation in (sre.LITERAL, sre.NOT_LITERAL):
        matched = {chr(value)} | ({chr(value).lower(), chr(value).upper()} if flags & re.IGNORECASE else set())
        return frozenset(matched) if operation is sre.LITERAL else frozenset(ALPHABET) - matched
    if operation is sre.ANY:
        return frozenset(ALPHABET) - (frozenset() if flags & re.DOTALL else {"\n"})
    if operation is sre.IN:
        tests = [item for item in value if item[0] is not sre.NEGATE]
        matched = frozenset(c for c in ALPHABET if any(_belongs(c, item, flags) for item in tests))
        return frozenset(ALPHABET) - matched if len(tests) < len(value) else matched
    return frozenset()


CATEGORIES = {sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_WORD: r"\w"}
CATEGORIES |= {sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_NOT_WORD: r"\W"}


def _belongs(character: str, item: tuple[Any, Any], flags: int) -> bool:
    forms = {character, character.lower(), character.upper()} if flags & re.IGNORECASE else {character}
    if item[0] is sre.LITERAL:
        return chr(item[1]) in forms
    if item[0] is sre.RANGE:
        return any(len(form) == 1 and item[1][0] <= ord(form) <= item[1][1] for form in forms)
    return re.match(CATEGORIES[item[1]], character) is not None


def children(node: tuple[Any, Any]) -> list[Sequence[tuple[Any, Any]]]:
    """The sequences of nodes within a node."""
    operation, value = node
    if operation in (*REPEATS, sre.POSSESSIVE_REPEAT):
        return [value[2]]
    if operation is sre.SUBPATTERN:
        return [value[3]]
    if operation is sre.BRANCH:
        return list(value[1])
    if operation is sre.ATOMIC_GROUP:
        return [value]
    if operation in (sre.ASSERT, sre.ASSERT_NOT):
        return [value[1]]
    return []


def is_unbounded(node: tuple[Any, Any]) -> bool:
    return node[0] in REPEATS and (node[1][1] is sre.MAXREPEAT or node[1][1] >= MANY)


def flat(nodes: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """A sequence with its plain groups opened."""
    return list(itertools.chain.from_iterable(flat(node[1][3]) if node[0] is sre.SUBPATTERN else [node] for node in nodes))


def alphabet_of(nodes: Iterable[tuple[Any, Any]], flags: int) -> frozenset[str]:
    """Every character that can stand in a match of the nodes."""
    found: frozenset[str] = frozenset()
    for node in nodes:
        found |= characters(node, flags)
        for inner in children(node):
            found |= alphabet_of(inner, flags) if node[0] not in (sre.ASSERT, sre.ASSERT_NOT) else frozenset()
    return found


def first_of(nodes: Iterable[tuple[Any, Any]], flags: int) -> frozenset[str]:
    """Every character that can begin a match of the nodes."""
    found: frozenset[str] = frozenset()
    for node in nodes:
        found |= characters(node, flags)
        if node[0] not in (sre.ASSERT, sre.ASSERT_NOT):
            found |= frozenset().union(*(first_of(inner, flags) for inner in children(node)))
        if width(node):
            break
    return found


def width(node: tuple[Any, Any]) -> int:
    """The fewest characters a node matches."""
    if node[0] in (*REPEATS, sre.POSSESSIVE_REPEAT):
        return node[1][0] * sum(map(width, node[1][2]))
    if node[0] is sre.BRANCH:
        return min(sum(map(width, branch)) for branch in node[1][1])
    inner = children(node)
    return (
        sum(map(width, inner[0]))
        if inner and node[0] not in (sre.ASSERT, sre.ASSERT_NOT)
        else int(node[0] in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN))
    )


def ambiguities(regex: Regex) -> list[str]:
    """Two ways to divide one string: an unbounded repeat in an unbounded repeat, or two of them side by side, over a common character."""
    tree = sre_parser.parse(regex.pattern, regex.flags)
    flags = tree.state.flags
    found: list[str] = []

    def walk(nodes: Sequence[tuple[Any, Any]]) -> None:
        sequence = flat(nodes)
        for at, node in enumerate(sequence):
            if is_unbounded(node):
                body = flat(node[1][2])
                found.extend(f"nested over {sorted(own)[:5]}" for own in _nested(body, flags))
                for other in sequence[at + 1 :]:
                    common = alphabet_of([node], flags) & first_of([other], flags)
                    if is_unbounded(other) and common:
                        found.append(f"side by side over {sorted(common)[:5]}")
                    if width(other):
                        break
            for inner in children(node):
                walk(inner)

    walk(list(tree))
    return found


def _nested(body: Sequence[tuple[Any, Any]], flags: int) -> Iterator[frozenset[str]]:
    """Characters over which repeating `body` is ambiguous: it holds an unbounded repeat of them, and all else of it may match them too."""
    for branch in body[0][1][1] if len(body) == 1 and body[0][0] is sre.BRANCH else [body]:
        inner = flat(branch)
        for at, node in enumerate(inner):
            own = alphabet_of([node], flags) if is_unbounded(node) else frozenset()
            for other in inner[:at] + inner[at + 1 :]:
                own &= alphabet_of([other], flags) if width(other) else own
            if own:
                yield own


def shortest(nodes: Iterable[tuple[Any, Any]], flags: int, at_most: int = 400) -> str:
    """A short string that the nodes match, as well as can be said without a search."""
    text = ""
    for node in nodes:
        if own := characters(node, flags):
            text += min(own, key=lambda c: (not c.isalnum(), c))
        elif node[0] in (*REPEATS, sre.POSSESSIVE_REPEAT):
            text += shortest(node[1][2], flags) * min(node[1][0], at_most)
        elif node[0] not in (sre.ASSERT, sre.ASSERT_NOT) and (inner := children(node)):
            text += shortest(inner[0], flags)
    return text


def pumps(regex: Regex) -> list[tuple[str, str, str]]:
    """(prefix, unit, suffix): strings prefix + unit * n + suffix that keep the pattern's repeats busy and then fail."""
    tree = sre_parser.parse(regex.pattern, regex.flags)
    flags = tree.state.flags
    found: dict[tuple[str, str, str], None] = {}
    whole = shortest(tree, flags)

    def walk(nodes: Sequence[tuple[Any, Any]], before: str) -> None:
        sequence = flat(nodes)
        for at, node in enumerate(sequence):
            prefix = before + shortest(sequence[:at], flags)
            if node[0] in (*REPEATS, sre.POSSESSIVE_REPEAT) and node[1][1] > 1:
                body = shortest(node[1][2], flags) or "a"
                own = sorted(alphabet_of([node], flags), key=lambda c: (not c.isalnum(), c))
                units = {body, *own[:2], *own[-2:], prefix + body, "".join(own[:1]) + " "}
                for unit, suffix in itertools.product(sorted(units), ("\x01", "\n", "")):
                    found[prefix, unit, suffix] = None
            for inner in children(node):
                walk(inner, prefix)

    walk(list(tree), "")
    for unit in (whole, whole[:-1], whole[: len(whole) // 2], " ", "\n", "a", "0"):
        if unit:
            found["", unit, "\x01"] = None
    return list(found)
