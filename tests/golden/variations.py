"""Variations of the passages in prose.txt and code.txt: what `tests.golden.make` chooses the golden texts from.

Each family bends a passage towards one rule, by a strength from 1 on, so that some strength just breaks the rule and the one before just
does not. Nothing is random: what has to differ from word to word is an invented word, named by its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvzjhwcxq" for vowel in "aeiou"]


def passages(file: str) -> dict[str, str]:
    """Name to text of a file of passages."""
    sections = re.split(r"^=== ", (FOLDER / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: text.removesuffix("\n") for name, _, text in (section.partition("\n") for section in sections)}


def invented(number: int, syllables: int = 3) -> str:
    """A word that is no other number's (below 100 ** syllables)."""
    number = number * 7919 % 100**syllables
    return "".join(SYLLABLES[number // 100**k % 100] for k in range(syllables))


def invent(count: int, start: int = 0, syllables: int = 3) -> list[str]:
    return [invented(start + k, syllables) for k in range(count)]


def sentence(count: int, start: int) -> str:
    return " ".join(invent(count, start)).capitalize() + "."


def wrap(words: list[str], width: int) -> list[str]:
    return [" ".join(words[at : at + width]) for at in range(0, len(words), width)]


def between(text: str, inserted: list[str]) -> str:
    """The text with `inserted` spread evenly behind its words, its line feeds kept."""
    pieces = re.split(r"( )", text)
    gaps = [at for at, piece in enumerate(pieces) if piece == " "] or [len(pieces) - 1]
    for number, word in enumerate(inserted):
        gap = gaps[number * len(gaps) // len(inserted)] if len(inserted) <= len(gaps) else gaps[number % len(gaps)]
        pieces[gap] += word + " "
    return "".join(pieces)


def chronicle(count: int) -> str:
    """`count` words in lines of 20 that no rule but one on length minds."""
    frame = "the {} of {} and {} that {} {} have {} with {} {} to be {} {}".split()
    words = [invented(k) if frame[k % len(frame)] == "{}" else frame[k % len(frame)] for k in range(count)]
    return "\n".join(line.capitalize() + "." for line in wrap(words, len(frame)))


def listing(count: int) -> str:
    """`count` lines of code that no rule but one on length minds."""
    return "\n".join(f"{invented(2 * k)} = {invented(2 * k + 1)}" for k in range(count)) + "\n"


RECIPES: dict[str, Callable[[int], str]] = {"chronicle": chronicle, "listing": listing}
"""Texts too large to keep: they are kept as a name and a number, with the digest of what these make."""


# Prose. A family is a function of (passage, strength).


def short_lines(text: str, width: int = 6) -> list[str]:
    return wrap(text.split(), width)


def first_words(text: str, k: int) -> str:
    return " ".join(text.split(" ")[:k])


def first_sentences(text: str, k: int) -> str:
    return " ".join(re.findall(r"[^.!?]+[.!?]+[\"”]?", text.replace("\n", " "))[:k]).strip()


def short_words(text: str, k: int) -> str:
    letters = [invented(31 * n)[n % 2] for n in range(3 * k)]
    return text + "\n" + " ".join(letters) + "."


def long_words(text: str, k: int) -> str:
    return text + "\n" + " ".join(invent(k, 5, 8)) + "."


def hash_marks(text: str, k: int) -> str:
    return between(text, ["##"] * k)


def ellipses(text: str, k: int) -> str:
    return between(text, ["...", "…"] * (k // 2) + ["…"] * (k % 2))


def numbers(text: str, k: int) -> str:
    return between(text, [str(17 * n + 3) for n in range(k)])


def bullets(text: str, k: int) -> str:
    marks = ("- ", "• ")
    return "\n".join(marks[n % 2] + line if n < k else line for n, line in enumerate(short_lines(text)))


def broken_off_lines(text: str, k: int) -> str:
    return "\n".join(line.rstrip(".,;") + ("…", "...")[n % 2] if n < k else line for n, line in enumerate(short_lines(text)))


def without_stop_words(text: str, k: int) -> str:
    for number, word in enumerate(("the", "be", "to", "of", "and", "that", "have", "with")[:k]):
        text = re.sub(rf"\b{word}\b", invented(number), text, flags=re.IGNORECASE)
    return text


def repeated_short_line(text: str, k: int) -> str:
    return "\n".join([*short_lines(text, 12), *["Ha."] * (k + 1)])


def repeated_line(text: str, k: int) -> str:
    """One line twice, of k words."""
    words = text.split()
    line = " ".join(words[:k])
    return "\n".join([line, *wrap(words[k:], 9), line])


def repeated_short_paragraph(text: str, k: int) -> str:
    blocks = ["\n".join(block) for block in zip(*[iter(short_lines(text, 4))] * 4, strict=False)]
    return "\n\n".join([*blocks, *["Ha."] * (k + 1)])


def repeated_verse(text: str, k: int) -> str:
    """Words in lines of their own, and a paragraph of 40 such lines that comes twice."""
    words = text.split()
    verse = "\n".join(words[:40])
    return "\n\n".join([verse, "\n".join(words[40 : 140 - k]), verse])


def repeated_small_verse(text: str, k: int) -> str:
    """The same with syllables for words, between two paragraphs of the text's words."""
    verse = "\n".join(SYLLABLES[:9])
    return "\n\n".join([verse, "\n".join(text.split()[: 32 - k]), "\n".join(text.split()[32:36]), verse])


def repeated_pair(n: int) -> Callable[[str, int], str]:
    """The most frequent n-gram: the same n words k times, between words of the text."""
    phrase = " ".join(("red", "stone", "gate", "keeper")[:n])
    return lambda text, k: between(text, [phrase] * k)


def repeated_grams(n: int) -> Callable[[str, int], str]:
    """k n-grams of the text once more, each behind an invented word."""

    def family(text: str, k: int) -> str:
        words = text.split()
        found = [f"{invented(number)} " + " ".join(words[at : at + n]) for number, at in enumerate(range(0, len(words) - n, n + 1))]
        return text + "\n" + " ".join(found[:k])

    return family


def repeated_grams_diluted(n: int) -> Callable[[str, int], str]:
    """A quarter of the text's n-grams once more, and then k invented words."""
    return lambda text, k: repeated_grams(n)(text, max(1, len(text.split()) // (n + 1) // 4)) + " " + sentence(k, 900)


def no_end_marks(text: str, k: int) -> str:
    lines = [line.strip(".,;:!?\"'") + "." for line in short_lines(text, 7)]
    return "\n".join(line.removesuffix(".") if n < k else line for n, line in enumerate(lines))


def many_short_lines(text: str, k: int) -> str:
    return "\n".join([*short_lines(text, 12), *[sentence(3, 40 * n) for n in range(k)]])


def one_repeated_remark(text: str, k: int) -> str:
    return "\n".join([text, "It is so.", sentence(4 * k, 300), "It is so."])


def lines_of_three_words(text: str, k: int) -> str:
    lines = [" ".join(invent(3, 3 * n, 5)) + ("." if n % 5 == 0 else "") for n in range(k)]
    return text.replace("\n", " ") + "\n" + "\n".join(lines)


def lines_of_three_small_words(text: str, k: int) -> str:
    """80 lines of three words behind the first k of the text; of every five two are over 30 characters and one ends well."""
    lines = [" ".join(invent(3, 3 * n, 5 if n % 5 < 2 else 2)) + ("." if n % 5 == 0 else "") for n in range(80)]
    return "\n".join([" ".join(text.split()[:k]), *lines, "and all of that"])


def inserted(*lines: str) -> Callable[[str, int], str]:
    """k of the lines behind the first line of the text."""

    def family(text: str, k: int) -> str:
        first, _, rest = text.partition("\n")
        return "\n".join([first, *[lines[n % len(lines)].format(n + 2) for n in range(k)], *([rest] if rest else [])])

    return family


LOREM = inserted("The printer left lorem ipsum in the proof of this page.", "Lorem Ipsum, he wrote, and then he stopped.")
CURLY = inserted("A set is written as {{1, 2, 3}} in most books.", "She typed {{ and waited for an answer.")
JAVASCRIPT = inserted("Please enable JavaScript to see the comments.", "This page needs javascript to be of any use.")
POLICY_LINES = inserted(
    "This site uses cookies to count its readers.",
    "Read our Privacy Policy before you write to us.",
    "By reading on you accept the terms of use.",
)
COUNTERS = inserted("{} likes", "{} comments", "{} shares", "{} retweets")
NUMERALS = inserted("{}04 - 220 - 17", "{}.5 / 11 / 2024", "{}")
CAPITALS = inserted("READ ALSO PART {} OF THIS STORY", "SUBSCRIBE TO OUR LETTER NO {}")
SINGLE_WORDS = inserted("Share", "Menu", "Login", "Home", "Next", "Search")
MENUS = inserted("sign-in", "Read more...", "items in cart", "{} items in your cart", "home search contact")


def capital_letters(text: str, k: int) -> str:
    lines = short_lines(text, 8)
    return "\n".join(line.upper() if n < k else line for n, line in enumerate(lines))


def citations(text: str, k: int) -> str:
    marks = iter(("[12]", "[edit]", "[citation needed]", "[]", "[3][4]") * (k // 5 + 1))
    return re.sub(r"(?<=[a-z])\.(?=\s|$)", lambda match: match.group() + next(marks), text, count=k)


def indented(text: str, k: int) -> str:
    return "\n".join("\t" * (k % 3) + " " * k + line + " " * k for line in short_lines(text, 9))


def blank_lines(text: str, k: int) -> str:
    return ("\n" * (k + 1)).join(short_lines(text, 10))


def long_word(text: str, k: int) -> str:
    return text + "\nThe longest word of all is " + "na" * (498 + k) + "."


def carriage_returns(text: str, k: int) -> str:
    return "\r\n".join(short_lines(text, 5 + k))


def marks(text: str, k: int) -> str:
    """Combining marks, joiners and a mark of direction."""
    return re.sub(r"([aeiou])", lambda match: match.group() + "\u0301" * k, text).replace(" ", " \u200f", k)


PROSE: dict[str, Callable[[str, int], str]] = {
    "first-words": first_words,
    "first-sentences": first_sentences,
    "short-words": short_words,
    "long-words": long_words,
    "hash-marks": hash_marks,
    "ellipses": ellipses,
    "numbers": numbers,
    "bullets": bullets,
    "broken-off-lines": broken_off_lines,
    "without-stop-words": without_stop_words,
    "repeated-short-line": repeated_short_line,
    "repeated-line": repeated_line,
    "repeated-short-paragraph": repeated_short_paragraph,
    "repeated-verse": repeated_verse,
    "repeated-small-verse": repeated_small_verse,
    **{f"repeated-{n}-words": repeated_pair(n) for n in (2, 3, 4)},
    **{f"repeated-{n}-grams": repeated_grams(n) for n in range(5, 11)},
    **{f"repeated-{n}-grams-diluted": repeated_grams_diluted(n) for n in range(5, 11)},
    "no-end-marks": no_end_marks,
    "many-short-lines": many_short_lines,
    "one-repeated-remark": one_repeated_remark,
    "lines-of-three-words": lines_of_three_words,
    "lines-of-three-small-words": lines_of_three_small_words,
    "lorem-ipsum": LOREM,
    "curly-brackets": CURLY,
    "javascript": JAVASCRIPT,
    "policy": POLICY_LINES,
    "counters": COUNTERS,
    "numerals": NUMERALS,
    "capitals": CAPITALS,
    "single-words": SINGLE_WORDS,
    "menus": MENUS,
    "capital-letters": capital_letters,
    "citations": citations,
    "indented": indented,
    "blank-lines": blank_lines,
    "long-word": long_word,
    "carriage-returns": carriage_returns,
    "marks": marks,
}


def strengths() -> Iterator[int]:
    """1 to 60 one by one, then coarser to 400."""
    yield from range(1, 61)
    yield from range(64, 400, 8)
