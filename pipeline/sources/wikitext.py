"""Wikitext to text: headings, paragraphs and lists; without templates, tables, references, files and categories.

Two steps. First one pass with a list takes out what is dropped whole (`_without_dropped`), however deep it is nested; a few templates whose
argument is plain text leave it behind. Then mwparserfromhell reads what is left, line by line: links, headings, lists, entities.

mwparserfromhell's time grows with the square of what is opened and never closed (0.7.2: 80 kB of `<div a="` take 96 s), so the openings in
a line times its characters, added up over the lines, are bounded; a page beyond that is `TooComplex`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.sources.markup import Writer

MOST_CHARACTERS = 4 << 20  # of a page; MediaWiki's own limit is 2 MiB
MOST_WORK = 100_000_000  # 5 s at the worst that was found, `<div a="`; an article of 1 MB comes to some 40 million
MOST_DEPTH = 40
ZONE = "\x02"  # a character that XML cannot hold; at a NUL mwparserfromhell takes the text to end

# Templates that print an argument as it is, by the argument's number (en.wikipedia.org/wiki/Wikipedia:Template_index/Formatting).
PRINTED = {
    "lang": 2, "transl": 2, "translit": 2, "nowrap": 1, "nobr": 1, "small": 1, "smaller": 1, "big": 1, "larger": 1, "em": 1, "strong": 1,
    "abbr": 1, "tooltip": 1, "smallcaps": 1, "sc": 1, "quote": 1, "blockquote": 1, "cquote": 1, "angbr": 1, "math": 1, "mvar": 1, "var": 1,
    "nihongo": 1, "sic": 1, "linktext": 1, "interlanguage link": 1, "ill": 1, "not a typo": 1, "visible anchor": 1,
}  # fmt: skip
CHARACTERS = {
    "ndash": "–", "en dash": "–", "mdash": "—", "em dash": "—", "snd": " – ", "spaced ndash": " – ", "nbsp": " ",
    "!": "|", "'": "'", "=": "=",
}  # fmt: skip
# Names of namespaces that every wiki knows beside those in its own language.
FILE_NAMES = frozenset({"file", "image", "media"})
CATEGORY_NAMES = frozenset({"category"})
FILE_ENDINGS = (".jpg", ".jpeg", ".png", ".svg", ".gif", ".webp", ".tif", ".tiff", ".ogg", ".oga", ".ogv", ".webm", ".pdf", ".djvu", ".mp3")
# Tags whose content is no wikitext, and those that are left out with it.
VERBATIM = frozenset({"nowiki", "pre", "syntaxhighlight", "source", "math"})
DROPPED = frozenset({"ref", "references", "gallery", "imagemap", "timeline", "score", "graph", "mapframe", "maplink", "templatestyles"})
BLOCKS = frozenset({"div", "center", "blockquote", "p", "table", "tr", "td", "th", "ul", "ol", "li", "dl", "dt", "dd", "poem", "section"})

_ZONES = "|".join(sorted(VERBATIM | DROPPED))
_EDGE = re.compile(
    rf"<!--|\{{\{{|\}}\}}|\[\[|\]\]|^[ :]{{0,8}}\{{\||^[ ]{{0,8}}\|\}}(?!\}})|<({_ZONES})\b[^<>]{{0,2000}}>", re.IGNORECASE | re.MULTILINE
)
_CLOSING = {name: re.compile(rf"</{name}\s{{0,8}}>", re.IGNORECASE) for name in VERBATIM | DROPPED}
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,20})\b[^<>]{0,1000}>")
_OPENING = re.compile(r"[<\[&]|\{\{|''|://|^[=*#:;]")
_COSTLY = re.compile(r"<|\{\{")  # few are left once templates and tags are out
_SWITCH = re.compile(r"__[A-Z]{3,20}__")
_REDIRECT = re.compile(r"\s{0,200}#[^\s\[]{1,40}\s{0,8}:?\s{0,8}\[\[")
_ZONE = re.compile(rf"{ZONE}(\d+){ZONE}")
_EMPTY_BRACKETS = re.compile(r"[ \t]{0,8}\([\s,;:–-]{0,20}\)")
_LEADING = re.compile(r"\([ \t]{0,8}[,;:][ \t,;:]{0,20}")
_SEPARATOR = re.compile(r"\[\[|\]\]|\|")
_INTERLANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,10}){0,2}:")


class TooComplex(ValueError):  # noqa: N818  a finding about the input
    """A page whose reading would take too long, by its size and what it leaves open."""


@dataclass(frozen=True, slots=True)
class Wiki:
    """What a wiki calls its files and categories, in lower case."""

    files: frozenset[str] = FILE_NAMES
    categories: frozenset[str] = CATEGORY_NAMES

    @classmethod
    def of(cls, namespaces: Mapping[str, str]) -> Wiki:
        """From the names in a dump's siteinfo, by their number."""
        own = {number: name.lower() for number, name in namespaces.items() if name}
        return cls(
            FILE_NAMES | {own[number] for number in ("6", "-2") if number in own},
            CATEGORY_NAMES | {own[number] for number in ("14",) if number in own},
        )

    def drops(self, link: str) -> bool:
        """Whether a link's target is shown elsewhere than in the text: a file, a category, the page in another language."""
        prefix, colon, _ = link.partition(":")
        if not colon:
            return False
        target = link.partition("|")[0].strip().lower()
        return (
            prefix.strip().lower() in self.files | self.categories
            or target.endswith(FILE_ENDINGS)
            or (target == link.strip().lower() and bool(_INTERLANGUAGE.match(target)))
        )


@dataclass(slots=True)
class _Section:
    level: int
    title: str
    body: Writer = field(default_factory=lambda: Writer([]))


def plain_text(wikitext: str, wiki: Wiki) -> str:
    """The text of a page; '' for one that only points elsewhere.

    Raises:
        TooComplex: it has more than `MOST_CHARACTERS`, or would take more than `MOST_WORK`.
    """
    if len(wikitext) > MOST_CHARACTERS:
        raise TooComplex(f"{len(wikitext)} characters, more than {MOST_CHARACTERS}")
    if _REDIRECT.match(wikitext):
        return ""
    rest, zones = _without_dropped(wikitext.replace("\r\n", "\n").replace(ZONE, "").replace("\0", ""), wiki)
    lines = _TAG.sub(_tag, _SWITCH.sub("", rest)).split("\n")
    work = sum(len(line) * (len(_OPENING.findall(line)) + 4 * len(_COSTLY.findall(line))) for line in lines)
    if work > MOST_WORK:
        raise TooComplex(f"{work} characters times openings, more than {MOST_WORK}")
    sections = [_Section(0, "")]
    for line in lines:
        _read_line(line, wiki, zones, sections)
    kept: list[str] = []
    below = 0
    for section in reversed(sections):
        body = _LEADING.sub("(", _EMPTY_BRACKETS.sub("", "".join(section.body.pieces))).strip("\n")
        # A heading stays over text, or over a heading that stays.
        if body or below > section.level:
            kept += [part for part in (body, section.title) if part]
            below = section.level
    return "\n\n".join(reversed(kept))


def _without_dropped(text: str, wiki: Wiki) -> tuple[str, list[tuple[str, str]]]:
    """The text without comments, templates, tables, references and files; and what stands verbatim, by tag, pointed to between `ZONE`s."""
    out: list[str] = []
    zones: list[tuple[str, str]] = []
    opened: list[tuple[str, int]] = []
    unclosed: set[str] = set()
    at = 0
    while edge := _EDGE.search(text, at):
        out.append(text[at : edge.start()])
        at = edge.end()
        mark = edge[0]
        if mark == "<!--":
            end = -1 if mark in unclosed else text.find("-->", at)
            at = end + 3 if end >= 0 else at
            unclosed |= set() if end >= 0 else {mark}
        elif edge[1]:
            name = edge[1].lower()
            if mark.endswith("/>"):
                continue
            closing = None if name in unclosed else _CLOSING[name].search(text, at)
            if closing is None:
                unclosed.add(name)
            elif name in DROPPED:
                at = closing.end()
            else:
                zones.append((name, text[at : closing.start()]))
                out.append(f"{ZONE}{len(zones) - 1}{ZONE}")
                at = closing.end()
        elif (kind := mark.strip(" :")) in {"{{", "{|", "[["}:
            opened.append((kind, len(out)))
            out.append(mark)
        else:
            _close(kind, out, opened, wiki)
    return "".join([*out, text[at:]]), zones


def _close(mark: str, out: list[str], opened: list[tuple[str, int]], wiki: Wiki) -> None:
    """Take out what a closing mark ends. One that ends nothing is text."""
    if mark == "]]":
        out.append(mark)
        if opened and opened[-1][0] == "[[":
            start = opened.pop()[1]
            if len(out) > start + 2 and wiki.drops("".join(out[start + 1 : start + 2]) + ("|" if len(out) > start + 3 else "")):
                del out[start:]
        return
    kind = {"}}": "{{", "|}": "{|"}[mark]
    # Links that were opened within and not closed are no links; a template in a table, or the other way round, is closed by its own kind.
    while opened and opened[-1][0] == "[[":
        opened.pop()
    if not opened or opened[-1][0] != kind:
        out.append(mark)
        return
    start = opened.pop()[1]
    printed = _printed(out, start) if kind == "{{" and len(opened) < MOST_DEPTH else ""
    del out[start:]
    out.append(printed)


def _printed(out: list[str], start: int) -> str:
    """What a template prints, as far as that is known."""
    name = out[start + 1].partition("|")[0].strip().lower() if len(out) > start + 1 else ""
    if name in CHARACTERS:
        return CHARACTERS[name]
    if name not in {"convert", "cvt"} and name not in PRINTED and not name.startswith("lang-"):
        return ""
    arguments, depth, last = [], 0, 0
    content = "".join(out[start + 1 :])
    for found in _SEPARATOR.finditer(content):
        depth += {"[[": 1, "]]": -1}.get(found[0], 0)
        if found[0] == "|" and depth <= 0:
            arguments.append(content[last : found.start()])
            last = found.end()
    arguments.append(content[last:])
    plain = [argument.strip() for argument in arguments[1:] if "=" not in argument.partition("[")[0]]
    stated = {key.strip(): value.strip() for key, equals, value in (argument.partition("=") for argument in arguments[1:]) if equals}
    if name in {"convert", "cvt"}:
        return " ".join(plain[:2])
    number = 1 if name.startswith("lang-") else PRINTED[name]
    return plain[number - 1] if len(plain) >= number else stated.get(str(number), stated.get("text", ""))


def _tag(found: re.Match[str]) -> str:
    name = found[1].lower()
    return "<br>" if name == "br" else "\n\n" if name in BLOCKS else ""


def _read_line(line: str, wiki: Wiki, zones: list[tuple[str, str]], sections: list[_Section]) -> None:
    import mwparserfromhell

    if not line.strip():
        sections[-1].body.owe(2)
        return
    listed = line[:1] in "*#:;"
    nodes = mwparserfromhell.parse(line).nodes
    if nodes and isinstance(nodes[0], mwparserfromhell.nodes.Heading):
        title = Writer([])
        _write(nodes[0].title.nodes, title, wiki, zones)
        sections.append(_Section(nodes[0].level, " ".join("".join(title.pieces).split())))
        nodes = nodes[1:]
        if not any(str(node).strip() for node in nodes):
            return
    out = sections[-1].body
    if listed:
        out.owe(1)
    _write(nodes, out, wiki, zones)
    if listed:
        out.owe(1)
    else:
        out.text("\n")


def _write(nodes: Any, out: Writer, wiki: Wiki, zones: list[tuple[str, str]]) -> None:
    """Text of nodes; nested at most as deep as mwparserfromhell nests, 40."""
    from mwparserfromhell.nodes import ExternalLink, Heading, HTMLEntity, Tag, Text, Wikilink

    for node in nodes:
        if isinstance(node, Text):
            _write_text(str(node), out, zones)
        elif isinstance(node, Wikilink):
            title = str(node.title)
            if wiki.drops(title + ("|" if node.text is not None else "")):
                continue
            if node.text is None:
                _write_text(title.strip().removeprefix(":"), out, zones)
            else:
                _write(node.text.nodes, out, wiki, zones)
        elif isinstance(node, ExternalLink):
            if node.title is not None:
                _write(node.title.nodes, out, wiki, zones)
            elif not node.brackets:
                out.text(str(node.url))
        elif isinstance(node, Tag):
            markup = str(node.wiki_markup or "")
            if str(node.tag) in {"br", "hr"}:
                out.owe(1)
            elif markup in {"*", "#"}:
                # Each of `**` is a node of its own.
                if not out.pieces or out.pending:
                    out.text("- ")
            elif node.contents is not None:
                _write(node.contents.nodes, out, wiki, zones)
        elif isinstance(node, HTMLEntity):
            out.text(node.normalize())
        elif isinstance(node, Heading):
            _write(node.title.nodes, out, wiki, zones)


def _write_text(text: str, out: Writer, zones: list[tuple[str, str]]) -> None:
    for place, part in enumerate(_ZONE.split(text)):
        if not place % 2:
            out.text(part)
            continue
        name, content = zones[int(part)]
        if name == "math":
            out.text(f"${content.strip()}$")
        elif name == "nowiki":
            out.text(content)
        else:
            out.owe(2)
            out.verbatim += 1
            out.text(content.strip("\n"))
            out.verbatim -= 1
            out.owe(2)
