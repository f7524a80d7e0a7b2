"""Presets and the function that decides for all of them."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.decide import DECISIONS, LanguageRule, decide
from filters.presets import PRESETS, Bound, Preset
from filters.statistics.columns import CUTS, DEFINITIONS
from filters.statistics.measure import compute

PROSE = """The river rises in the hills to the north of the old town and runs for forty miles before it meets the sea.
Most of the people who live along its banks have worked on the water, and many of them still do so today.
A ferry leaves the western landing each morning at seven, carrying farmers with their crates of apples and eggs.
Nobody remembers when the first bridge was built, but a map drawn two centuries ago shows it with three arches.
In winter the meadows flood, and children skate where cattle will graze again when spring has dried the grass.
Would you believe that the mill, long silent, once ground flour for half of the county?
Its wheel was broken up for firewood during a hard January, which is a pity, because visitors ask about it often.
"""
CODE = """import sys

def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result

if __name__ == "__main__":
    print(total(int(word) for word in sys.argv[1:]))
"""


def lines_of(count: int, form: str) -> str:
    words = sorted({word for word in PROSE.replace(".", "").replace(",", "").split() if len(word) > 4})
    return "\n".join(form.format(" ".join(words[(i * k + k) % len(words)] + str(i * k) for k in range(1, 6)), i) for i in range(count))


# For each bound a text that breaks it, made from one that passes; the rule that must be named is the key.
GOPHER_BREAKERS = {
    "words": PROSE[:200],
    "mean_word_length": PROSE + "\n" + " ".join(f"{a}{b}" for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefghijklmnopqrstuvwxyz"),
    "hashes_per_word": PROSE + " ".join(f"##{word}" for word in PROSE.split()[:12]),
    "ellipses_per_word": PROSE.replace(" ", "... "),
    "bullet_line_share": "\n".join("- " + line for line in PROSE.splitlines()),
    "ellipsis_line_share": PROSE.replace(".\n", "...\n"),
    "alphabetic_word_share": PROSE + " ".join(f"{i * 7919}" for i in range(60)),
    "stop_words": lines_of(30, "{0}."),
    "duplicate_line_share": PROSE + "Yes.\n" * 9,
    "duplicate_paragraph_share": "\n\n".join(PROSE.splitlines()) + "\n\nOf\nit" * 6,
    "duplicate_line_character_share": PROSE + PROSE.splitlines()[0] + "\n" + PROSE.splitlines()[1] + "\n",
    "duplicate_paragraph_character_share": PROSE + "\n" + "\n\n".join([PROSE.splitlines()[0]] * 4),
    "top_2_gram_character_share": PROSE[:300] + " ".join(f"{word} Constantinople Czechoslovakia" for word in PROSE.split()[:12]),
    "top_3_gram_character_share": PROSE[:400] + " ".join(f"{word} extraordinarily of inconsequential" for word in PROSE.split()[:6]),
    "top_4_gram_character_share": PROSE[:420] + " ".join(f"{word} one of the irresponsible" for word in PROSE.split()[:9]),
}


def first_rule(text: str, *names: str, language: str | None = None) -> str | None:
    """The rule that removes a text of a language."""
    signals = pa.table(compute(pa.array([text]))).append_column("language", pa.array([language], pa.string()))
    return decide(signals, [PRESETS[name] for name in names]).to_pylist()[0]["rule"]


def broken_signals(text: str, preset: Preset) -> set[str]:
    """Signals of the preset whose bound the text breaks, each decided alone."""
    signals = compute(pa.array([text]))
    return {b.signal for b in preset.bounds if not decide(signals, [Preset("one", (b,))]).to_pylist()[0]["keep"]}


def test_every_preset_names_signals_that_exist_and_itself():
    for name, preset in PRESETS.items():
        assert preset.name == name
        bounds = [*preset.bounds, *(bound for special in preset.languages.values() for bound in special)]
        assert {bound.signal for bound in bounds} <= set(DEFINITIONS)
        assert set(preset.cuts) <= set(CUTS)
        assert all(b.at_least is None or b.at_most is None or b.at_least <= b.at_most for b in bounds)


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.startswith(("starcoder", "book"))])
def test_good_prose_is_kept(name):
    assert first_rule(PROSE, name) is None


def test_good_code_and_a_chapter_are_kept():
    assert first_rule(CODE, "starcoder@2023", "starcoder2@2024") is None
    assert first_rule(PROSE, "book@2026") is None
    assert first_rule(PROSE[:300], "book@2026") == "book@2026 words"


@pytest.mark.parametrize("signal", GOPHER_BREAKERS)
def test_gopher_removes_what_breaks_one_bound(signal):
    assert signal in broken_signals(GOPHER_BREAKERS[signal], PRESETS["gopher@2021"])


@pytest.mark.parametrize(
    "signal", sorted({"words", "hashes_per_word", "bullet_line_share", "ellipsis_line_share", "stop_words", "alphabetic_word_share"})
)
def test_gopher_quality_texts_break_that_bound_alone(signal):
    assert broken_signals(GOPHER_BREAKERS[signal], PRESETS["gopher@2021"]) == {signal}


@pytest.mark.parametrize("n", range(5, 11))
def test_gopher_removes_repeated_n_grams_from_its_n_on(n):
    """A phrase of n words that comes back is a duplicate n-gram and no longer one."""
    phrase = [f"phrase{k}" for k in range(n)]
    text = " ".join(word for k in range(20) for word in [f"before{k}", *phrase, f"after{k}"])
    broken = broken_signals(text, PRESETS["gopher@2021"])
    assert f"duplicate_{n}_gram_character_share" in broken
    assert f"duplicate_{n + 1}_gram_character_share" not in broken


def test_c4_and_fineweb_rules():
    assert first_rule(PROSE + "Please read the lorem ipsum of this.\n", "c4@tfds") == "c4@tfds c4_lorem_ipsum"
    assert first_rule(PROSE + "It is written as {x} in the text.\n", "c4@tfds") == "c4@tfds c4_curly_brackets"
    assert first_rule("\n".join(PROSE.splitlines()[:2]), "c4@tfds") == "c4@tfds c4_sentences"
    assert first_rule("\n".join(PROSE.splitlines()[:3]), "c4@tfds") is None
    unmarked = PROSE.replace(".\n", "\n").replace("?\n", "\n")
    assert first_rule(unmarked, "c4@tfds") == "c4@tfds c4_sentences"
    assert first_rule(unmarked, "fineweb@2024") == "fineweb@2024 line_punctuation_share"
    assert first_rule(lines_of(30, "Line {1}."), "fineweb@2024") == "fineweb@2024 short_line_share"
    assert first_rule(PROSE + PROSE.splitlines()[0], "fineweb@2024") == "fineweb@2024 line_duplicate_character_share"
    assert first_rule(PROSE.replace("\n", "\n" * 12), "fineweb@2024") == "fineweb@2024 newlines_per_word"
    assert first_rule("", "fineweb@2024") == "fineweb@2024 line_punctuation_share"


def test_the_fineweb_pipeline_judges_what_its_cuts_leave():
    menu = "".join(f"Item {k}\n" for k in range(12))
    assert first_rule(PROSE + menu, "fineweb@2024") == "fineweb@2024 newlines_per_word" or first_rule(PROSE + menu, "fineweb@2024") is None
    signals = compute(pa.array([PROSE + menu])).to_pylist()[0]
    assert signals["short_line_share"] > 0.6
    assert signals["fineweb_short_line_share"] == 0
    assert first_rule(PROSE + menu, "fineweb-pipeline@2024") is None
    assert (
        first_rule(PROSE + "It is written as {x} in the text.\n", "fineweb-pipeline@2024") == "fineweb-pipeline@2024 fineweb_curly_brackets"
    )
    three = "\n".join(PROSE.splitlines()[:4])
    assert first_rule(three, "fineweb-pipeline@2024") == "fineweb-pipeline@2024 fineweb_sentences"


def test_code_rules():
    html = "<html><body>" + "<div class='x'></div>" * 100 + "A few words here.</body></html>\n"
    breakers = {
        "mean_line_length": "\n".join("value = " + " + ".join(f"name{k}" for k in range(30)) for _ in range(5)),
        "max_line_length": CODE * 3 + "# " + "long " * 250,
        "alphanumeric_share": CODE + "#" + "-" * 70 + "\n" + ("+-" * 35 + "\n") * 20,
        "xml_header": '<?xml version="1.0"?>\n<words>some words of text</words>\n',
        "visible_html_share": html.replace("><", ">\n<"),
    }
    for signal, text in breakers.items():
        assert first_rule(text, "starcoder@2023") == f"starcoder@2023 {signal}", signal
    assert first_rule("<html><p>Too little text is here</p></html>\n", "starcoder@2023") == "starcoder@2023 visible_html_characters"
    assert first_rule("# Automatically generated by a tool\n" + CODE, "starcoder2@2024") == "starcoder2@2024 generated_marker"
    blob = "\n".join(["QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk"] * 40)
    assert first_rule(CODE * 4 + blob, "starcoder2@2024") == "starcoder2@2024 longest_encoded_run"
    assert first_rule('"' + "QUJDREVGR0hJ" * 8 + '"\n', "starcoder2@2024") == "starcoder2@2024 encoded_share"
    assert first_rule("a\n" * 100_001, "starcoder2@2024") == "starcoder2@2024 lines"


NUMBERS = "\n".join(", ".join(str(k * 7919) for k in range(8)) for _ in range(20))


def test_programming_languages_have_bounds_of_their_own():
    long_lines = "\n".join("value = " + " + ".join(f"name{k}" for k in range(300)) for _ in range(5))
    assert first_rule(long_lines, "starcoder@2023", language="Python") == "starcoder@2023 mean_line_length"
    assert first_rule(long_lines, "starcoder@2023", language="TeX") is None
    assert first_rule(long_lines, "starcoder2@2024", language="TeX") is None
    assert first_rule("word " * 30_000, "starcoder2@2024", language="TeX") == "starcoder2@2024 max_line_length"
    assert first_rule(NUMBERS, "starcoder@2023", language="Python") is None
    assert first_rule(NUMBERS, "starcoder@2023", language="MATLAB") == "starcoder@2023 alphabetic_share"
    assert first_rule(NUMBERS, "starcoder2@2024", language="Python") == "starcoder2@2024 alphabetic_share"
    assert first_rule(NUMBERS, "starcoder2@2024", language="WebAssembly") is None
    assert first_rule('{"name": "value"}', "starcoder@2023") is None
    assert first_rule('{"name": "value"}', "starcoder@2023", language="JSON") == "starcoder@2023 characters"
    assert first_rule("key: value\n" * 600, "starcoder@2023", language="YAML") == "starcoder@2023 characters"
    assert first_rule("key: value\n" * 600, "starcoder2@2024", language="YAML") == "starcoder2@2024 lines"
    stylesheet = '<?xml version="1.0"?>\n<xsl:template match="a"><b/></xsl:template>\n'
    assert first_rule(stylesheet, "starcoder@2023") == "starcoder@2023 xml_header"
    assert first_rule(stylesheet, "starcoder@2023", language="XSLT") is None


def test_the_two_readings_of_c4_differ_as_they_say():
    both = ("c4@tfds", "c4@jmlr")
    four = "\n".join(PROSE.splitlines()[:4])
    assert [first_rule(four, name) for name in both] == [None, "c4@jmlr c4_jmlr_sentences"]
    short = "It rained all day.\n" * 5
    assert [first_rule(short, name) for name in both] == ["c4@tfds c4_sentences", None]
    for unmarked, rule in (("Lorem ipsum, unmarked\n", "lorem_ipsum_lines"), ("function () {\n", "curly_bracket_lines")):
        assert [first_rule(PROSE + unmarked, name) for name in both] == [None, f"c4@jmlr {rule}"]
    assert [first_rule(PROSE.replace(".\n", "...\n"), name) for name in both] == ["c4@tfds c4_sentences", None]
    chinese = "人人生而自由，在尊严和权利上一律平等。\n他们赋有理性和良心，并应以兄弟关系的精神相对待。\n" * 4
    assert [first_rule(chinese, name) for name in both] == ["c4@tfds c4_sentences", None]
    assert first_rule(PROSE + "a. " * 65_000, "c4@tfds") == "c4@tfds characters"
    cited = "One [1] two three four.\n"  # datatrove counts the citation, tensorflow_datasets does not
    signals = compute(pa.array([cited + "One [1] two.\n"])).to_pylist()[0]
    assert (signals["c4_lines"], signals["c4_jmlr_lines"], signals["fineweb_lines"]) == (0, 1, 2)


# For each bound of `default` a text that breaks it, and no other.
DEFAULT_BREAKERS = {
    "words": "".join(line.split(",")[0][:30] + ".\n" for line in PROSE.splitlines()),
    "mean_word_length": "".join(line.replace(" ", "Donaudampfschifffahrtsgesellschaft ") + "\n" for line in PROSE.splitlines()),
    "alphabetic_blank_word_share": "".join(
        f"{line} {k * 7919} | {k * 104729} | {k * 1299709} | {k}; {k * 15485863} - {k * 31}.\n"
        for k, line in enumerate(PROSE.splitlines(), 11)
    ),
    "duplicate_line_share": PROSE + "It goes on and on for ever.\nYes.\n" * 5,
    "duplicate_line_character_share": PROSE + "\n".join(PROSE.splitlines()[:2]),
    "top_2_gram_character_share": PROSE + " ".join(f"{name} Constantinople Czechoslovakia." for name in "abcdefghijkl"),
    "ellipsis_line_share": PROSE.replace(".\n", "...\n"),
    "short_line_share": "\n".join(sorted(set(PROSE.replace("\n", " ").split(" ")))) + "\n" + PROSE,
    "line_punctuation_share": PROSE.replace(".\n", "\n").replace("?\n", "\n"),
    "fineweb_sentences": PROSE.replace(".", ",").replace("?", ",").replace("\n", " ").strip(" ,") + ".",
}


@pytest.mark.parametrize("signal", DEFAULT_BREAKERS)
def test_default_removes_what_breaks_one_bound_alone(signal):
    assert broken_signals(DEFAULT_BREAKERS[signal], PRESETS["default@2026"]) == {signal}


@pytest.mark.parametrize(("n", "count"), [(4, 9), (5, 14), (10, 8)])
def test_default_removes_repeated_phrases(n, count):
    signal = f"{'top' if n < 5 else 'duplicate'}_{n}_gram_character_share"
    phrase = " ".join(f"repetition{k}" for k in range(n))
    assert signal in broken_signals(PROSE + "\n".join(f"Before{k} {phrase} after{k}." for k in range(count)), PRESETS["default@2026"])


def test_default_asks_english_words_of_english_alone():
    french = "Tous les êtres humains naissent libres et égaux en dignité et en droits, et doivent agir dans un esprit de fraternité.\n"
    text = french + "".join(french.replace("Tous", f"Article {k} : tous").replace("libres", "libres " * (k % 2 + 1)) for k in range(4))
    assert first_rule(lines_of(30, "{0}."), "default@2026", language="en") == "default@2026 stop_words"
    assert first_rule(lines_of(30, "{0}."), "default@2026", language="de") is None
    assert first_rule(PROSE, "default@2026", language="en") is None
    assert first_rule(text[: len(french)] * 1 + PROSE, "default@2026", language="fr") is None


UNSPACED = {"cmn_hans": "zh", "cmn_hant": "zh", "jpn": "ja", "tha": "th", "khm": "km", "lao": "lo", "mya": "my", "bod": "bo", "dzo": "dz"}


def test_languages_without_blanks_are_not_removed_for_having_none(shared_data):
    """Word rules and line rules pass the Declaration of Human Rights; `default` keeps it whole."""
    with gzip.open(shared_data / "langid/udhr.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = {row["code"]: row["text"] for row in map(json.loads, file) if row["code"] in UNSPACED}
    assert set(texts) == set(UNSPACED)
    word_rules = {"words", "mean_word_length", "alphabetic_word_share"}
    for code, text in texts.items():
        assert first_rule(text, "default@2026", language=UNSPACED[code]) is None, code
        if code not in {"bod", "dzo"}:  # written with marks between syllables, which are symbols here
            assert not broken_signals(text, PRESETS["gopher@2021"]) & word_rules, code
        signals = compute(pa.array([text])).to_pylist()[0]
        assert signals["fineweb_lines"] > 0.5 * signals["lines"], code
        assert signals["refinedweb_words_cut_share"] < 0.05, code


def signals_of(rows: dict[str, list]) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(values, pa.string() if name == "language" else pa.float32()) for name, values in rows.items()})


def test_the_ledger_says_rule_value_and_bound_of_the_first_broken_bound():
    presets = (Preset("a@1", (Bound("x", at_least=0.1, at_most=2), Bound("y", at_most=100_000))), Preset("b@1", (Bound("x", at_least=1),)))
    signals = signals_of({"x": [0.1, 0.05, 3, 1.5, np.nan, None], "y": [1, 1, 200_000, 200_000, 1, 1]})
    batch = decide(signals, presets)
    assert batch.schema.equals(DECISIONS)
    kept = {"keep": True, "stage": None, "rule": None, "value": None, "bound": None}
    removed = {"keep": False, "stage": "filter"}
    assert batch.to_pylist() == [
        removed | {"rule": "b@1 x", "value": np.float32(0.1), "bound": ">= 1"},
        removed | {"rule": "a@1 x", "value": np.float32(0.05), "bound": ">= 0.1"},
        removed | {"rule": "a@1 x", "value": 3, "bound": "<= 2"},
        removed | {"rule": "a@1 y", "value": 200_000, "bound": "<= 100000"},
        kept,
        kept,
    ]
    assert decide(pa.table(signals), presets).equals(batch)


def test_language_is_checked_first():
    signals = signals_of({"language": ["en", "de", "en", None, "und"], "language_score": [0.65, 0.9, 0.64, None, 0], "x": [0, 0, 0, 0, 0]})
    batch = decide(signals, [Preset("a@1", (Bound("x", at_most=-1),))], LanguageRule(("en", "fr"), 0.65))
    assert batch["rule"].to_pylist() == ["a@1 x", "language", "language", "language", "language"]
    assert batch["bound"].to_pylist() == ["<= -1", "in en, fr", ">= 0.65", "in en, fr", "in en, fr"]
    assert decide(signals, [], LanguageRule((), 0.65))["keep"].to_pylist() == [True] * 5
    assert decide(signals.slice(0, 0), [], LanguageRule(("en",), 0.65)).num_rows == 0


def test_a_signal_that_is_missing_is_named():
    with pytest.raises(ValueError, match=r"a@1 needs the signal 'z'"):
        decide(signals_of({"x": [1]}), [Preset("a@1", (Bound("z", at_most=1),))])
    with pytest.raises(ValueError, match="neither"):
        Bound("x")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1, width=32) | st.just(float("nan"))] * 3), min_size=1, max_size=20), st.randoms())
def test_a_verdict_depends_on_its_row_alone(rows, random):
    preset = Preset("a@1", (Bound("x", at_most=0.5), Bound("y", at_least=0.5), Bound("z", at_least=0.2, at_most=0.8)))
    order = list(range(len(rows)))
    random.shuffle(order)
    columns = [dict(zip("xyz", values, strict=True)) for values in (zip(*rows, strict=True), zip(*[rows[k] for k in order], strict=True))]
    plain, shuffled = (
        decide(signals_of({name: list(values) for name, values in column.items()}), [preset]).to_pylist() for column in columns
    )
    assert shuffled == [plain[k] for k in order]
