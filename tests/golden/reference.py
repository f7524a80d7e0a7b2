"""Every signal of `filters.statistics.measure` once more, in plain and slow Python, from the definitions and not from the kernels.

Character classes are those of `filters.unicode` (`tests/filters/test_unicode.py` holds them against `unicodedata`); everything else is
`str` methods, `collections` and regular expressions. No limit on tokens: texts of over `filters.statistics.repetition.LIMIT` tokens differ.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from filters import unicode as u

CLASSES = u.classes().tolist()
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
NAN = float("nan")


@cache
def kind(character: str) -> int:
    return CLASSES[ord(character)] & u.KIND


@cache
def has(character: str, bit: int) -> bool:
    return bool(CLASSES[ord(character)] & bit)


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def strip(line: str) -> str:
    first, last = 0, len(line)
    while first < last and kind(line[first]) == u.SPACE:
        first += 1
    while last > first and kind(line[last - 1]) == u.SPACE:
        last -= 1
    return line[first:last]


def ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


# Words: `filters.words`.


def joins(text: str, at: int) -> bool:
    """Whether the symbol at `at`, inside a word, joins it to what follows."""
    before, after = text[at - 1], text[at + 1 : at + 2]
    if not after or kind(after) not in {u.LETTER, u.DIGIT}:
        return False
    if text[at] in "'’":
        return True
    if text[at] in ",:":
        return kind(before) == kind(after) == u.DIGIT
    return text[at] == "." and not (has(before, u.LOWER) and has(after, u.ALPHABETIC) and not has(after, u.LOWER))


def tokens_of(line: str) -> list[str]:
    tokens: list[list[str]] = []
    opened = None
    for at, character in enumerate(line):
        now = u.LETTER if kind(character) == u.DIGIT else kind(character)
        if now == u.SPACE:
            opened = None
            continue
        extends = opened is not None and (
            now == u.EXTEND
            or (opened == u.LETTER and (now == u.LETTER or (now == u.SYMBOL and joins(line, at))))
            or (opened == u.SYMBOL and character == tokens[-1][0])
            or (opened == now == u.PAIRED and len(tokens[-1]) < 2)
            or (opened == now == u.CLUSTERED and len(tokens[-1]) < 4)
        )
        if extends:
            tokens[-1].append(character)
        else:
            tokens.append([character])
            opened = u.SYMBOL if now == u.EXTEND else now
    return ["".join(token) for token in tokens]


def word_signals(text: str, lines: Sequence[str], tokens: Sequence[str]) -> dict[str, float]:
    words = [token for token in tokens if kind(token[0]) not in {u.SYMBOL, u.EXTEND}]
    spaced = [token for token in words if kind(token[0]) in {u.LETTER, u.DIGIT}]
    return {
        "tokens": len(tokens),
        "words": len(words),
        "mean_word_length": NAN if 2 * len(spaced) < len(words) else share(sum(map(len, spaced)), len(spaced)),
        "hashes_per_word": share(text.count("#"), len(tokens)),
        "ellipses_per_word": share(sum(token.count("...") + token.count("…") for token in tokens), len(tokens)),
        "bullet_line_share": share(sum(line[0] in "•-" for line in lines), len(lines)),
        "ellipsis_line_share": share(sum(line.endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_word_share": share(sum(any(has(c, u.ALPHABETIC) for c in token) for token in tokens), len(tokens)),
        "stop_words": len({token.lower() for token in tokens if token.isascii()} & STOP_WORDS),
    }


# Repetition: `filters.statistics.repetition`.


def duplicates(items: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [item for item in items if item in seen or seen.add(item)]  # type: ignore[func-returns-value]


def characters_of(items: Iterable[str]) -> int:
    return sum(map(len, items))


def grams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def top_characters(tokens: Sequence[str], n: int) -> int:
    counted = Counter(grams(tokens, n)).most_common(1)  # of equals the first to occur
    return sum(count * len(" ".join(gram)) for gram, count in counted)


def duplicate_characters(tokens: Sequence[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = free = 0
    for at, gram in enumerate(grams(tokens, n)):
        if at < free:
            continue
        if gram in seen:
            characters += characters_of(gram)
            free = at + n
        seen.add(gram)
    return characters


def repetition_signals(text: str, lines: Sequence[str], paragraphs: Sequence[str], tokens: Sequence[str]) -> dict[str, float]:
    return {
        "duplicate_line_share": share(len(duplicates(lines)), len(lines)),
        "duplicate_paragraph_share": share(len(duplicates(paragraphs)), len(paragraphs)),
        "duplicate_line_character_share": share(characters_of(duplicates(lines)), len(text)),
        "duplicate_paragraph_character_share": share(characters_of(duplicates(paragraphs)), len(text)),
        **{f"top_{n}_gram_character_share": share(top_characters(tokens, n), len(text)) for n in (2, 3, 4)},
        **{f"duplicate_{n}_gram_character_share": share(duplicate_characters(tokens, n), len(text)) for n in range(5, 11)},
    }


# Lines: `filters.statistics.lines`.

CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CLOSERS = "\"')]”’」』）"


def is_policy(line: str) -> bool:
    return any(phrase in ascii_lower(line) for phrase in POLICY)


def words_between_blanks(line: str) -> list[str]:
    return "".join(" " if kind(c) == u.SPACE else c for c in line).split()


def words_of_line(line: str, blank_words: Sequence[str]) -> int:
    """Those between blanks, or those of scripts without blanks where they are more."""
    return max(len(blank_words), sum(kind(token[0]) in {u.PAIRED, u.CLUSTERED} for token in tokens_of(line)))


READINGS = {"c4": 5, "c4_jmlr": 3, "fineweb": 3}
"""Of C4's rules, and how many words they ask of a line."""


def c4_verdict(line: str, reading: str) -> str:
    """'kept', 'cut', 'lorem' or 'curly', for a line without the blanks at its ends."""
    words = words_between_blanks(line)
    uncited = CITATION.sub("", line)
    if reading != "c4_jmlr" and any(len(word) > 1000 for word in words):
        return "cut"
    if reading == "c4" and (not uncited.endswith((".", "?", "!", '"')) or uncited.endswith("...")):
        return "cut"
    if reading == "c4_jmlr" and not (uncited and (has(uncited[-1], u.TERMINAL) or uncited[-1] in "»」』")):
        return "cut"
    counted = line if reading == "fineweb" else uncited
    if not strip(uncited) or words_of_line(counted, words_between_blanks(counted)) < READINGS[reading]:
        return "cut"
    lowered = ascii_lower(uncited)
    if "lorem ipsum" in lowered and reading != "c4_jmlr":
        return "lorem"
    if "javascript" in lowered:
        return "cut"
    if "{" in line and reading != "c4_jmlr":
        return "curly"
    return "cut" if is_policy(uncited) else "kept"


def sentences_of(line: str) -> int:
    """One, and one for each end mark behind which another sentence begins."""
    count = 1 if line else 0
    for at, mark in enumerate(line):
        own = ord(mark) > 127 and has(mark, u.TERMINAL) and mark not in CLOSERS  # an end mark of another script
        if mark not in ".?!" and not own:
            continue
        letters = 0
        while letters < at and has(line[at - 1 - letters], u.ALPHABETIC):
            letters += 1
        if mark == "." and letters == 1:
            continue
        rest = at + 1
        while rest < len(line) and (line[rest] in CLOSERS or kind(line[rest]) == u.SPACE):
            rest += 1
        blank = any(kind(c) == u.SPACE for c in line[at + 1 : rest])
        if rest < len(line) and (blank or own) and not has(line[rest], u.LOWER):
            count += 1
    return count


def set_signals(lines: Sequence[str], newlines: int, characters: int) -> tuple[float, float, float, float]:
    """FineWeb's four: end marks, short lines, characters in repeated lines, line feeds per token."""
    return (
        share(sum(has(line[-1], u.TERMINAL) for line in lines), len(lines)),
        share(sum(len(line) <= 30 for line in lines), len(lines)),
        share(characters_of(duplicates(lines)), characters),
        share(newlines, sum(len(tokens_of(line)) for line in lines)),
    )


SET_NAMES = ("line_punctuation_share", "short_line_share", "line_duplicate_character_share", "newlines_per_word")


def line_signals(text: str, raw: Sequence[str]) -> dict[str, float]:
    lines = [line for line in map(strip, raw) if line]
    values = set_signals(lines, text.count("\n"), len(text) - text.count("\n"))
    result: dict[str, float] = dict(zip(SET_NAMES, values, strict=True))
    for name in READINGS:
        verdicts = [c4_verdict(line, name) for line in lines]
        kept = [strip(CITATION.sub("", line)) for line, verdict in zip(lines, verdicts, strict=True) if verdict != "cut"]
        result[f"{name}_sentences"] = sum(map(sentences_of, kept))
        result[f"{name}_lines"] = len(kept)
        if name != "c4_jmlr":
            result[f"{name}_lorem_ipsum"] = verdicts.count("lorem")
            result[f"{name}_curly_brackets"] = verdicts.count("curly")
    result["lorem_ipsum_lines"] = sum("lorem ipsum" in ascii_lower(line) for line in lines)
    result["curly_bracket_lines"] = sum("{" in line for line in lines)
    blank_words = [word for line in lines for word in words_between_blanks(line)]
    lettered = sum(any(has(c, u.ALPHABETIC) for c in word) for word in blank_words)
    result["alphabetic_blank_word_share"] = share(lettered, len(blank_words))
    values = set_signals(kept, max(0, len(kept) - 1), characters_of(kept))
    result |= {f"fineweb_{name}": value for name, value in zip(SET_NAMES, values, strict=True)}
    result["javascript_lines"] = sum("javascript" in ascii_lower(line) for line in lines)
    result["policy_lines"] = sum(map(is_policy, lines))
    result["mean_line_length"] = share(len(text) - text.count("\n"), len(raw) - (raw[-1] == ""))
    result["max_line_length"] = max(map(len, raw))
    return result


def c4_spans(text: str, reading: str) -> list[int]:
    """What the line rules cut, in bytes."""
    spans: list[list[int]] = []
    at = 0
    for line in split_lines(text):
        size = len(line.encode())
        if c4_verdict(strip(line.removesuffix("\n")), reading) == "cut":
            found = [[at, at + size]]
        else:
            found = [[at + len(line[: m.start()].encode()), at + len(line[: m.end()].encode())] for m in CITATION.finditer(line)]
        for start, end in found:
            add_span(spans, start, end)
        at += size
    return list(itertools.chain.from_iterable(spans))


def add_span(spans: list[list[int]], start: int, end: int) -> None:
    """Spans that touch are one."""
    if spans and spans[-1][1] == start:
        spans[-1][1] = end
    else:
        spans.append([start, end])


def split_lines(text: str) -> list[str]:
    """Lines with their line feeds; nothing else ends a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


# RefinedWeb's line rules: `filters.statistics.refinedweb`.

LOWER = u.lower().tolist()
COUNTED = {"likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes", "downloads", "views"} | {
    "followers"
}


def is_counter(line: str) -> bool:
    """Symbols, a number with k, m or b, blanks, a counted word, symbols."""

    def in_word(at: int) -> bool:
        return at < len(line) and (line[at] == "_" or has(line[at], u.ALPHANUMERIC))

    at = next((at for at in range(len(line)) if in_word(at)), len(line))
    begin = at
    while at < len(line) and (kind(line[at]) == u.DIGIT or (at > begin and line[at] in ",.")):
        at += 1
    if at == begin:
        return False
    at += line[at : at + 1] in tuple("kmbKMB")
    blank = at
    while at < len(line) and kind(line[at]) == u.SPACE:
        at += 1
    word = re.match("[A-Za-z]*", line[at:]).group()  # type: ignore[union-attr]
    rest = at + len(word)
    return at > blank and word.lower() in COUNTED and not any(in_word(k) for k in range(rest, len(line)))


def refinedweb_kept(line: str) -> list[int] | None:
    """Characters of a line that stay, by their places; None where the line is cut."""
    words = words_between_blanks(line)
    if 2 * sum(LOWER[ord(c)] != ord(c) for c in line) > len(line) or is_counter(line):
        return None
    if line and words_of_line(line, words) < 2:
        return None
    places = list(range(len(line)))
    if not line or len(words) > 10:
        return places

    def left() -> str:
        return ascii_lower("".join(line[at] for at in places))

    def blank_before(at: int) -> int:
        return at - (at > 0 and kind(line[places[at - 1]]) == u.SPACE)

    text, end, gone = left(), 0, set[int]()
    while (found := text.find("items in cart", end)) >= 0:
        # A blank that stood before a phrase that is gone is gone with it, and none is left for a phrase that follows on it.
        begin, end = max(blank_before(found), end), found + 13
        gone.update(range(begin, end))
    places = [place for at, place in enumerate(places) if at not in gone]
    if left()[:-3].endswith("read more"):
        del places[blank_before(len(places) - 12) :]
    if left().startswith("sign-in"):
        del places[: 7 + (len(places) > 7 and kind(line[places[7]]) == u.SPACE)]
    return places if left().strip() and words_between_blanks(left()) else None


def counted_words(line: str) -> int:
    return sum(has(word[0], u.ALPHANUMERIC) for word in words_between_blanks(line))


def refinedweb_words_cut_share(raw: Sequence[str]) -> float:
    left = ["".join(line[at] for at in refinedweb_kept(line) or []) for line in raw]
    words = sum(map(counted_words, raw))
    return share(words - sum(map(counted_words, left)), words)


def refinedweb_spans(text: str) -> list[int]:
    spans: list[list[int]] = []
    at = 0
    for line in split_lines(text):
        kept = refinedweb_kept(line.removesuffix("\n"))
        stays = set() if kept is None else {*kept, *([len(line) - 1] if line.endswith("\n") else [])}
        for place, character in enumerate(line):
            size = len(character.encode())
            if place not in stays:
                add_span(spans, at, at + size)
            at += size
    return list(itertools.chain.from_iterable(spans))


# Code: `filters.statistics.code`.

MARKERS = ("auto-generated", "autogenerated", "automatically generated", "generated automatically", "this file is generated")
BYTE = rb"(?:0[xX]|\\x)?[0-9A-Fa-f]{2}(?:,[ \n\t\r]*|[ \n\t\r]+|(?![0-9A-Za-z_\x80-\xff]))"
ENCODED = re.compile(rb"(?:(?=\\)|(?<![0-9A-Za-z_\x80-\xff]))(?:" + BYTE + rb"){8,}|[A-Za-z0-9+/=\n]{64,}")


def skip(text: str, at: int, mark: str) -> int:
    """Behind `mark`, or the end."""
    found = text.find(mark, at)
    return len(text) if found < 0 else found + len(mark)


def visible_characters(text: str) -> int:
    lowered = ascii_lower(text)
    visible = at = 0
    while at < len(text):
        tag = text.find("<", at)
        tag = len(text) if tag < 0 else tag
        visible += tag - at
        at = tag
        if lowered.startswith("<!--", at):
            at = skip(lowered, at + 4, "-->") - 1
        elif lowered.startswith(("<script", "<style"), at):
            at = skip(lowered, at, "</script" if lowered.startswith("<script", at) else "</style")
        at = skip(lowered, at, ">")
    return visible


def code_signals(text: str) -> dict[str, float]:
    data = text.encode()
    head = ascii_lower(text)
    tags = [match.start() for match in re.finditer("<", head)][:8]
    is_html = any(head.startswith(("<!doctype html", "<html"), tag) for tag in tags)
    runs = [len(run) for run in ENCODED.findall(data)]
    visible = visible_characters(text) if is_html else NAN
    return {
        "alphabetic_share": share(sum(has(c, u.ALPHABETIC) for c in text), len(text)),
        "alphanumeric_share": share(sum(has(c, u.ALPHANUMERIC) for c in text), len(text)),
        "xml_header": b"<?xml version=" in data[:100].lower(),
        "generated_marker": any(marker in line for line in head.split("\n")[:5] for marker in MARKERS),
        "visible_html_share": share(visible, len(text)) if is_html else NAN,
        "visible_html_characters": visible,
        "longest_encoded_run": max(runs, default=0),
        "encoded_share": share(sum(runs), len(data)),
    }


def signals(text: str) -> dict[str, float]:
    """All float signals of a text."""
    raw = text.split("\n")
    stripped = [strip(line) for line in raw]
    lines = [line for line in stripped if line]
    blocks = itertools.groupby(stripped, bool)
    paragraphs = ["\n".join(block) for is_text, block in blocks if is_text]
    tokens = [token for line in lines for token in tokens_of(line)]
    return {
        "characters": len(text),
        "lines": len(lines),
        "paragraphs": len(paragraphs),
        **word_signals(text, lines, tokens),
        **repetition_signals(text, lines, paragraphs, tokens),
        **line_signals(text, raw),
        "refinedweb_words_cut_share": refinedweb_words_cut_share(raw),
        **code_signals(text),
    }


def cuts(text: str) -> dict[str, list[int]]:
    """All spans of a text."""
    return {f"{reading}_cuts": c4_spans(text, reading) for reading in READINGS} | {"refinedweb_cuts": refinedweb_spans(text)}
