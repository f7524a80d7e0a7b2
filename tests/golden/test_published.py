"""What datatrove's and dolma's own tests state of these filters, on texts of ours, and the outcomes kept in ../shared/data/filters.

`tests/golden/README.md` has the table of agreement with the reason of each difference.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from filters.cuts import apply_cuts
from filters.presets import FINEWEB_2024, GOPHER_QUALITY, GOPHER_REPETITION, Bound, Preset
from filters.statistics.measure import compute
from tests.golden.variations import invent, passages
from tests.golden.vectors import verdicts

REPETITION = Preset("repetition", GOPHER_REPETITION)
# datatrove's tests of Gopher's quality rules lower the least words to 10.
QUALITY = Preset("quality", (Bound("words", at_least=10, at_most=1000), *GOPHER_QUALITY[1:]))
BREAD = passages("prose.txt")["english-bread"]


def signals(text: str) -> dict[str, float]:
    return compute(pa.array([text], pa.string())).to_pylist()[0]


def rule(text: str, preset: Preset) -> str:
    """The signal whose bound removes the text; 'keep' where none does."""
    verdict = verdicts(compute(pa.array([text], pa.string())), preset)[0]
    return verdict.rule if verdict else "keep"


THREE = "We sat by the sea.\n\nNobody said a thing.\n\nThe tide came in.\n\n"


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("It rains in the hills.\n" * 4, "duplicate_line_share"),
        ("It rains in the hills.\n\n" * 4, "duplicate_line_share"),  # datatrove: dup_para_frac, which it asks first
        (THREE + f"{'w' * 34}.\n\n" * 2, "duplicate_line_character_share"),  # datatrove: dup_para_char_frac, for the same reason
        (THREE.replace("\n\n", "\n") + f"{'w' * 44}.\n" * 2, "duplicate_line_character_share"),
        ("We go to Rome, We go to Rome, We go to Rome", "top_2_gram_character_share"),
        ("I am happy, you are tired. I am happy. I am happy you are tired", "top_3_gram_character_share"),
        ("We are a big neighbourhood " * 4 + BREAD[:240], "duplicate_5_gram_character_share"),
        (BREAD, "keep"),
    ],
)
def test_datatrove_gopher_repetition(text: str, ours: str) -> None:
    assert rule(text, REPETITION) == ours


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("It is too short...", "words"),
        ("it is " * 20, "mean_word_length"),
        ("extraordinarily " * 20, "mean_word_length"),
        ("# remark " * 20, "hashes_per_word"),
        ("... remark " * 20, "ellipses_per_word"),
        ("the +/*?<>=> pear <?////> plum  ++ quince !<>??? have " * 20, "alphabetic_word_share"),
        ("", "words"),  # datatrove: "empty"
        ("   \n  \n", "words"),
        (BREAD, "keep"),
    ],
)
def test_datatrove_gopher_quality(text: str, ours: str) -> None:
    assert rule(text, QUALITY) == ours


def test_an_empty_text_is_removed_without_a_least_number_of_words() -> None:
    """datatrove divided by zero there once."""
    assert rule("", Preset("no words", GOPHER_QUALITY[1:])) == "mean_word_length"


LINES = [f"{line.capitalize()} and so the story of the {invent(1, 9 * n)[0]} goes on." for n, line in enumerate(invent(6, 50))]


def test_datatrove_c4_quality() -> None:
    """Its rules without that of the end mark, as FineWeb runs them: at least 3 words a line, 5 sentences a page."""
    kept = signals("\n".join(LINES))
    assert (kept["fineweb_sentences"], kept["fineweb_lorem_ipsum"], kept["fineweb_curly_brackets"]) == (6, 0, 0)
    assert signals("\n".join(["They wrote lorem ipsum on the wall.", *LINES]))["fineweb_lorem_ipsum"] == 1
    assert signals("\n".join(["They wrote a { on the wall.", *LINES]))["fineweb_curly_brackets"] == 1
    assert signals("It is one sentence.")["fineweb_sentences"] == 1
    text = "Our pages uses cookies to know you.\nThe next line here stays."
    assert apply_cuts(text.encode(), signals(text)["fineweb_cuts"]) == b"The next line here stays."


@pytest.mark.parametrize(
    ("text", "bound", "ours"),
    [
        ("", Bound("line_punctuation_share", at_least=0.12), "line_punctuation_share"),  # datatrove: "empty"
        (
            "Nothing ends here\nNor does it here, at all\nAnd it goes on",
            Bound("line_punctuation_share", at_least=0.5),
            "line_punctuation_share",
        ),
        ("so.\nand so.\nwell.\naye.\nnay.", Bound("short_line_share", at_most=0.5), "short_line_share"),
        ("\n".join("a" * 50), Bound("newlines_per_word", at_most=0.1), "newlines_per_word"),
    ],
)
def test_datatrove_fineweb_quality(text: str, bound: Bound, ours: str) -> None:
    assert rule(text, Preset("one", (bound,))) == ours
    assert rule("\n".join(line + " It is long enough." for line in LINES), FINEWEB_2024) == "keep"


def test_dolma_gopher_tagger() -> None:
    m = signals("Here is a word.")
    assert (m["characters"], m["words"]) == (15, 4)
    assert (m["hashes_per_word"], m["ellipses_per_word"], m["bullet_line_share"], m["ellipsis_line_share"]) == (0, 0, 0, 0)
    assert (m["duplicate_line_share"], m["duplicate_line_character_share"]) == (0, 0)
    # Differ: dolma has the median (here 3), letters in words between blanks (1.0), and n-grams of these of all their characters (0.5).
    assert m["mean_word_length"] == pytest.approx(11 / 4)
    assert m["alphabetic_word_share"] == pytest.approx(4 / 5)
    assert m["top_2_gram_character_share"] == pytest.approx(7 / 15)
    three = signals("Here is one line. \n  \n Here is another line.\n\n  Here is a third line.")
    assert three["words"] == 13
    assert all(three[f"duplicate_{n}_gram_character_share"] == 0 for n in range(5, 11))
    assert three["duplicate_line_share"] == 0
    assert signals("a b c d \n    \n\n\n    oneword !!!")["tokens"] == 6  # dolma's word_count: 6; `words` leaves "!!!" out
    assert signals("The.and.that")["stop_words"] == 0
    assert signals("The and that")["stop_words"] == 3  # dolma: 2, it compares as written


def test_dolma_c4_tagger() -> None:
    assert signals("There stands a brace {")["fineweb_curly_brackets"] == 1
    assert signals("There stands a brace {")["c4_curly_brackets"] == 0  # c4@tfds cuts the line for its missing end mark before it looks
    assert signals("There stands javascript")["javascript_lines"] == 1
    assert signals("There is a lorem ipsum here\nand more.")["fineweb_lorem_ipsum"] == 1
    text = "Here it ends.\nIt goes on;\nA blank behind it! \nThis one is as it ought to be.\nThis is not one\n"
    cut = apply_cuts(text.encode(), signals(text)["fineweb_cuts"]).decode()
    assert cut.split("\n")[1] == "It goes on;"  # FineWeb has no rule on end marks
    kept = "It stands here and ends."
    assert apply_cuts(f"{kept}\nIt goes on and on and on;\n{kept} \nIt is not one that ends\n".encode(), signals(
        f"{kept}\nIt goes on and on and on;\n{kept} \nIt is not one that ends\n")["c4_cuts"]).decode() == f"{kept}\n{kept}"  # fmt: skip
    words = signals("Brief!\nToo brief.\nJust above the limit!\nand this one too.")
    assert words["fineweb_lines"] == 2
    assert words["c4_lines"] == 0  # c4@tfds asks for 5 words, dolma for 3


def test_dolma_mixer_removes_paragraphs_by_their_spans(shared_data: Path) -> None:
    """Its spans are of characters; cutting the same spans leaves its text."""
    folder = shared_data / "filters" / "dolma"
    with gzip.open(folder / "provided" / "documents" / "000.json.gz", "rt", encoding="utf-8") as file:
        documents = {row["id"]: row["text"] for row in map(json.loads, file)}
    with gzip.open(folder / "expected" / "remove-paragraphs.json.gz", "rt", encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    assert len(expected) == 10
    for row in expected:
        text = documents[row["id"]]
        spans: list[int] = []
        for first, last, _ in row["attributes"]["bff_duplicate_paragraph_spans"]:
            start, end = len(text[:first].encode()), len(text[:last].encode())
            spans = [*spans[:-1], end] if spans and spans[-1] == start else [*spans, start, end]
        assert apply_cuts(text.encode(), spans).decode() == (row["text"].strip() if spans else row["text"])
