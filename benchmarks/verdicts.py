"""Verdicts of our presets and of datatrove's filters on the same texts, rule by rule, and why they differ.

Each rule is asked by itself: a text that another rule removes counts too. Reasons for words, lines and end marks were found by looking at
texts that only one side removes; the others (sentences, paragraphs, blank lines, C4's quote, stop words) follow from the two definitions
and were not seen to decide in the 64 texts of `--small`. A reason stands only where the run's counts differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.results import columns
from filters.decide import decide
from filters.presets import PRESETS, Bound, Preset

_SPLITTER = "spaCy gives a token for each = of a run and the parts of contractions, and leaves a/b, f(x) and <x> in one"
_WORDS = f"words near the bound: {_SPLITTER}"
_LINES = "blanks at a line's ends do not count here, neither as characters nor for equality; in datatrove indentation does"
_SENTENCES = "sentences: spaCy's sentencizer splits at every . ? !, ours only before a blank and no lower-case letter"


@dataclass(frozen=True, slots=True)
class Rule:
    """The same rule on both sides."""

    theirs: str
    """In what `benchmarks.peers.datatrove_signals` writes."""
    preset: str
    signal: str
    """'' for the whole preset."""
    side: str = ""
    """'low' or 'high' where the signal is bound on both."""
    reason: str = ""


def _gopher() -> list[Rule]:
    repetition = {
        "dup_line_frac": ("duplicate_line_share", f"{_LINES}; blank lines at its ends are lines to datatrove"),
        "dup_para_frac": ("duplicate_paragraph_share", "a paragraph ends at a line of blanks too, here"),
        "dup_line_char_frac": ("duplicate_line_character_share", _LINES),
        "dup_para_char_frac": ("duplicate_paragraph_character_share", "a paragraph ends at a line of blanks too, here"),
        **{f"top_{n}_gram": (f"top_{n}_gram_character_share", _SPLITTER) for n in (2, 3, 4)},
        **{f"duplicated_{n}_n_grams": (f"duplicate_{n}_gram_character_share", _SPLITTER) for n in (5, 6, 7, 8, 9, 10)},
    }
    quality = [
        ("min_doc_words", "words", "low", _WORDS),
        ("max_doc_words", "words", "high", _WORDS),
        ("min_avg_word_length", "mean_word_length", "low", _WORDS),
        ("max_avg_word_length", "mean_word_length", "high", _WORDS),
        ("hashes", "hashes_per_word", "", f"divided by tokens: {_SPLITTER}"),
        ("ellipsis", "ellipses_per_word", "", f"divided by tokens: {_SPLITTER}"),
        ("max_bullet_lines_ratio", "bullet_line_share", "", "blank lines are lines to datatrove"),
        ("max_ellipsis_lines_ratio", "ellipsis_line_share", "", "blank lines are lines to datatrove"),
        ("max_non_alpha_words_ratio", "alphabetic_word_share", "", f"{_SPLITTER}: our share is lower where code stands in prose"),
        ("min_stop_words", "stop_words", "", "'The' is a stop word here; datatrove compares as written"),
    ]
    name = "gopher@2021"
    return [
        *(Rule(f"gopher {rule}", name, signal, reason=reason) for rule, (signal, reason) in repetition.items()),
        *(Rule(f"gopher {rule}", name, signal, side, reason) for rule, signal, side, reason in quality),
        Rule("gopher", name, "", reason="all of the above"),
    ]


def _fineweb(prefix: str, preset: str, signals: str) -> list[Rule]:
    marks = "quotation marks end a line here (as in the paper), not in datatrove 0.10; blanks at a line's end"
    return [
        Rule(f"{prefix} line_punct_thr", preset, f"{signals}line_punctuation_share", reason=marks),
        Rule(
            f"{prefix} short_line_thr", preset, f"{signals}short_line_share", reason="indented lines are shorter here: blanks at their ends"
        ),
        Rule(f"{prefix} char_duplicates_ratio", preset, f"{signals}line_duplicate_character_share", reason=_LINES),
        Rule(f"{prefix} new_line_ratio", preset, f"{signals}newlines_per_word", reason=f"divided by tokens: {_SPLITTER}"),
    ]


def _c4(kind: str, preset: str, signals: str) -> list[Rule]:
    quote = (
        "a line that ends in ' is kept by datatrove, and may hold it"
        if kind == "tfds"
        else "lines: splitlines() splits at rarer characters"
    )
    return [
        Rule(f"c4-{kind} lorem_ipsum", preset, f"{signals}lorem_ipsum", reason=quote),
        Rule(f"c4-{kind} curly_bracket", preset, f"{signals}curly_brackets", reason=quote),
        Rule(f"c4-{kind} sentences", preset, f"{signals}sentences", reason=_SENTENCES),
    ]


RULES: tuple[Rule, ...] = (
    *_gopher(),
    *_c4("tfds", "c4@tfds", "c4_"),
    Rule("c4-tfds", "c4@tfds", "", reason=_SENTENCES),
    *_fineweb("fineweb", "fineweb@2024", ""),
    Rule("fineweb", "fineweb@2024", "", reason="all of the above"),
    *_c4("fineweb", "fineweb-pipeline@2024", "fineweb_"),
    *_fineweb("fineweb-pipeline", "fineweb-pipeline@2024", "fineweb_"),
)


def ours(signals: pa.Table, rule: Rule) -> npt.NDArray[np.bool_]:
    """Which texts our side of a rule removes, bool [n]."""
    preset = PRESETS[rule.preset]
    bounds = preset.bounds
    if rule.signal:
        (bound,) = (bound for bound in bounds if bound.signal == rule.signal)
        low = bound.at_least if rule.side != "high" else None
        high = bound.at_most if rule.side != "low" else None
        bounds = (Bound(bound.signal, low, high),)
    kept: npt.NDArray[np.bool_] = decide(signals, [Preset(preset.name, bounds)])["keep"].to_numpy(zero_copy_only=False)
    return ~kept


def agreement(signals: pa.Table, verdicts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """By rule: texts that both remove, only ours, only theirs, and the reason where any differ."""
    told = {}
    for rule in RULES:
        mine = ours(signals, rule)
        theirs = np.frombuffer(verdicts[rule.theirs].encode(), np.uint8) == ord("1")
        counts = {"both": mine & theirs, "only_ours": mine & ~theirs, "only_datatrove": ~mine & theirs}
        numbers = {name: int(where.sum()) for name, where in counts.items()}
        differs = numbers["only_ours"] + numbers["only_datatrove"]
        told[f"{rule.preset} {rule.signal} {rule.side}".strip()] = {
            **numbers,
            "agree": round(1 - differs / len(mine), 4),
            "reason": rule.reason if differs else "",
            "texts_only_ours": np.flatnonzero(counts["only_ours"]).tolist(),
            "texts_only_datatrove": np.flatnonzero(counts["only_datatrove"]).tolist(),
        }
    return told


def agreement_table(told: Mapping[str, Mapping[str, Any]]) -> str:
    """For people."""
    lines = [["removed by", "both", "ours", "theirs", "agree"]]
    lines += [
        [name, *(f"{row[key]:,}" for key in ("both", "only_ours", "only_datatrove")), f"{row['agree']:.2%}"] for name, row in told.items()
    ]
    head, *rest = columns(lines).splitlines()
    return "\n".join([head, *(f"{line}  {row['reason']}".rstrip() for line, row in zip(rest, told.values(), strict=True))])
