"""datatrove's Gopher, C4 and FineWeb filters over packed texts: NAME FOLDER OUT. Runs in datatrove's environment, as a script.

In:  FOLDER/texts.bin, FOLDER/offsets.bin (`benchmarks.signal_texts.pack`).
Out: one line of totals on standard output; OUT, for NAME `rules`: by rule, one character for each text, 1 where it is removed.

`filters` runs the four filters with their defaults, each on every text. FineWeb's comes before C4's, which puts another text in its place:
so words are split once for three filters, by datatrove's own cache, which is the cheapest order. `words` only splits words. `rules` runs
each rule by itself, with the other thresholds of its filter off; `fineweb-pipeline` is FineWeb's filter over what C4's leaves of a text.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.utils.text import split_into_words

NO_REPETITION = {
    "dup_line_frac": None, "dup_para_frac": None, "dup_line_char_frac": None, "dup_para_char_frac": None, "top_n_grams": (),
    "dup_n_grams": (),
}  # fmt: skip
NO_QUALITY = dict.fromkeys(
    (
        "min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length", "max_symbol_word_ratio", "max_bullet_lines_ratio",
        "max_ellipsis_lines_ratio", "max_non_alpha_words_ratio", "min_stop_words",
    )
)  # fmt: skip
NO_FINEWEB = {"line_punct_thr": -1.0, "short_line_thr": 2.0, "char_duplicates_ratio": 2.0, "new_line_ratio": 1e9}
NO_C4 = {"min_num_sentences": -1, "filter_lorem_ipsum": False, "filter_curly_bracket": False}
# c4_utils' numbers in place of the paper's, which are datatrove's defaults; and FineWeb's setting, with the defaults but for the end marks.
C4 = {"tfds": {"min_words_per_line": 5}, "fineweb": {"filter_no_terminal_punct": False}}
SENTENCES = {"tfds": 3, "fineweb": 5}
Verdict = Callable[[str], bool]


def removed_by(step: Any, because: frozenset[str] | None = None) -> Verdict:
    """Whether a filter removes a text (for one of these reasons)."""

    def verdict(text: str) -> bool:
        answer = step.filter(Document(text=text, id="0"))
        reason = answer[1] if isinstance(answer, tuple) else ""
        keep = answer[0] if isinstance(answer, tuple) else answer
        return not keep and (because is None or reason in because)

    return verdict


def gopher() -> Iterator[tuple[str, Verdict]]:
    table: dict[str, Any] = {"dup_line_frac": 0.3, "dup_para_frac": 0.3, "dup_line_char_frac": 0.2, "dup_para_char_frac": 0.2}
    for name, bound in table.items():
        yield f"gopher {name}", removed_by(GopherRepetitionFilter(**{**NO_REPETITION, name: bound}))
    for n, bound in ((2, 0.2), (3, 0.18), (4, 0.16)):
        yield f"gopher top_{n}_gram", removed_by(GopherRepetitionFilter(**{**NO_REPETITION, "top_n_grams": ((n, bound),)}))
    for n, bound in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1)):
        yield f"gopher duplicated_{n}_n_grams", removed_by(GopherRepetitionFilter(**{**NO_REPETITION, "dup_n_grams": ((n, bound),)}))
    table = {
        "min_doc_words": 50, "max_doc_words": 100_000, "min_avg_word_length": 3, "max_avg_word_length": 10, "max_bullet_lines_ratio": 0.9,
        "max_ellipsis_lines_ratio": 0.3, "max_non_alpha_words_ratio": 0.8, "min_stop_words": 2,
    }  # fmt: skip
    for name, bound in table.items():
        yield f"gopher {name}", removed_by(GopherQualityFilter(**{**NO_QUALITY, name: bound}))
    for name in ("hashes", "ellipsis"):
        # One threshold for both: hashes are asked first, so a text over both counts for hashes alone.
        step = GopherQualityFilter(**{**NO_QUALITY, "max_symbol_word_ratio": 0.1})
        yield f"gopher {name}", removed_by(step, frozenset({f"gopher_too_many_{name}"}))


def fineweb(prefix: str, before: Callable[[str], str | None]) -> Iterator[tuple[str, Verdict]]:
    rules = {"line_punct_thr": 0.12, "short_line_thr": 0.67, "char_duplicates_ratio": 0.01, "new_line_ratio": 0.3}
    for name, bound in rules.items():
        alone = removed_by(FineWebQualityFilter(**{**NO_FINEWEB, name: bound}), frozenset({
            "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio",
        }))  # fmt: skip

        def verdict(text: str, alone: Verdict = alone) -> bool:
            left = before(text)
            return left is not None and bool(left) and alone(left)

        yield f"{prefix} {name}", verdict


def c4(kind: str) -> Iterator[tuple[str, Verdict]]:
    lines = C4[kind]
    yield f"c4-{kind} lorem_ipsum", removed_by(C4QualityFilter(**{**lines, **NO_C4, "filter_lorem_ipsum": True}))
    yield f"c4-{kind} curly_bracket", removed_by(C4QualityFilter(**{**lines, **NO_C4, "filter_curly_bracket": True}))
    yield f"c4-{kind} sentences", removed_by(C4QualityFilter(**{**lines, **NO_C4, "min_num_sentences": SENTENCES[kind]}))


def left_by_c4() -> Callable[[str], str | None]:
    """The text that FineWeb's setting of C4's filter leaves, whatever its document rules say; of the last text only it is kept in mind."""
    step, last = C4QualityFilter(**C4["fineweb"], **NO_C4), ["", ""]

    def left(text: str) -> str:
        if last[0] != text:
            document = Document(text=text, id="0")
            step.filter(document)
            last[:] = text, document.text if document.text != text else text
        return last[1]

    return left


def rules() -> dict[str, Verdict]:
    """Every rule by its name; those that split the whole text's words stand together, for datatrove's cache of five texts."""
    found = dict(gopher())
    found |= dict(fineweb("fineweb", lambda text: text))
    found |= {
        "gopher": lambda text: any(step(text) for step in (repetition, quality)),
        "fineweb": removed_by(FineWebQualityFilter()),
    }
    repetition, quality = removed_by(GopherRepetitionFilter()), removed_by(GopherQualityFilter())
    found |= {
        **dict(c4("tfds")),
        "c4-tfds": removed_by(C4QualityFilter(**C4["tfds"], min_num_sentences=SENTENCES["tfds"])),
        **dict(c4("fineweb")),
        "c4-fineweb": removed_by(C4QualityFilter(**C4["fineweb"])),
        **dict(fineweb("fineweb-pipeline", left_by_c4())),
    }
    return found


def read(folder: Path) -> list[str]:
    data, offsets = (folder / "texts.bin").read_bytes(), array("q", (folder / "offsets.bin").read_bytes())
    return [data[start:end].decode() for start, end in pairwise(offsets)]


def filters() -> Callable[[str], bool]:
    """Whether all four keep a text; each is asked."""
    steps = [removed_by(step) for step in (GopherRepetitionFilter(), GopherQualityFilter(), FineWebQualityFilter(), C4QualityFilter())]
    return lambda text: sum(step(text) for step in steps) == 0


def main() -> None:
    name, texts, out = sys.argv[1], read(Path(sys.argv[2])), Path(sys.argv[3])
    verdicts = rules() if name == "rules" else {}
    work = {"filters": filters, "words": lambda: lambda text: bool(split_into_words(text))}.get(name, lambda: lambda _text: True)()
    removed = {rule: [] for rule in verdicts}
    work("Some words of a text that is not timed. They are here so that spaCy is loaded.")
    cpu, wall, kept = time.process_time(), time.monotonic(), 0
    for text in texts:
        kept += work(text)
        for rule, verdict in verdicts.items():
            removed[rule].append("01"[verdict(text)])
    totals = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall, "kept": {name: kept}}
    if verdicts:
        out.write_text(json.dumps({rule: "".join(answers) for rule, answers in removed.items()}))
    sys.stdout.write(json.dumps(totals) + "\n")


if __name__ == "__main__":
    main()
