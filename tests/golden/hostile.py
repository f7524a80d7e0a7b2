"""Texts that nobody wrote for reading, and a process that measures one of 50 MB with no more memory and CPU time than linear work needs."""

from __future__ import annotations

import resource
import sys

import numpy as np
import pyarrow as pa

from filters.decide import decide
from filters.duplicates.signature import signatures
from filters.language.identify import LanguageModel
from filters.presets import PRESETS
from filters.statistics.measure import compute
from tests.golden.vectors import in_languages

TEXTS = {
    "empty": "",
    "one-letter": "a",
    "blanks": " \n\t\n\u3000\r\n\u2028 ",
    "line-feeds": "\n" * 100_000,
    "emoji": "😀👩‍👩‍👧🏳️‍🌈" * 2000,
    "digits": "0123456789" * 5000,
    "digits-apart": "0 1 2 3 4 5 6 7 8 9\n" * 500,
    "nuls": "\x00" * 10_000,
    "nuls-in-words": "wo\x00rd \x00and\x00 " * 500,
    "controls": "".join(map(chr, range(32))) * 200 + "\x7f\x80\x9f\ufeff\ufff9",
    "right-to-left": "שלום עולם \u202eabc\u202c العربية \u200f\u2067x\u2069 " * 1000,
    "zalgo": "Z" + "\u0301\u0316\u0347" * 5000 + " " + ("a" + "\u0300" * 30) * 300,
    "marks-only": "\u0301\u0489\u20dd" * 3000,
    "one-repeated-word": "buffalo " * 100_000,
    "one-repeated-line": "The same line stands here again.\n" * 5000,
    "one-word": "a" * 200_000,
    "alternating-symbols": "!?" * 50_000,
    "full-stops": "." * 100_000,
    "initials": "A. " * 30_000,
    "open-brackets": "[" * 50_000 + "[1" * 20_000,
    "citations": "[1][2][edit]" * 10_000,
    "curly-brackets": "{" * 50_000 + "\n{{{ }}} " * 1000,
    "open-tags": "<html>" + "<" * 50_000,
    "open-comments": "<html>" + "<!--" * 20_000,
    "open-scripts": "<html>" + "<script" * 20_000,
    "gaps-between-hexadecimal": ("ab" + " " * 1000) * 100,
    "backslashes": "\\x" * 30_000,
    "base64": "QUJD" * 50_000,
    "cookie": "cookie" * 20_000 + " use of cookie policy javascrip lorem ipsu" * 500,
    "noncharacters": "\ufffd\uffff\U0010ffff\ufdd0" * 1000,
    "private-use": "\ue000\U000f0000" * 2000,
    "unassigned": "\u0378\U000e0080" * 2000,
    "ideographs": "〇一丁" * 20_000,
    "thai": "กเแ็" * 20_000,
    "tags": "\U000e0041\U000e007f" * 3000,
}

UNITS = {
    "words": "word ",
    "letters": "a",
    "emoji": "👩‍👩‍👧",
    "zalgo": "a\u0301\u0316 ",
    "no-ends": "[<!--{0x1f,\\x.。https://a@b?",
}
"""What a line of 50 MB may be made of."""
LINE_BYTES = 50_000_000


def line_of(unit: str, size: int) -> str:
    return unit * (size // len(unit.encode()))


def main(name: str, size: int, memory_bytes: int, cpu_s: int) -> None:
    """Measure one line every way there is; the numbers that a test looks at go to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    model = LanguageModel.load()
    warm = pa.array(["Kernels are compiled, or read from the cache, by a short text."])
    compute(warm), signatures(warm)
    resource.setrlimit(resource.RLIMIT_CPU, (spent_s() + cpu_s,) * 2)
    texts = pa.array([line_of(UNITS[name], size)], pa.large_string())
    measured = compute(texts)
    assert all(decide(in_languages(measured, ["en"]), [preset]).num_rows == 1 for preset in PRESETS.values())
    assert signatures(texts).shape == (1, 112)
    languages, scores = model.identify(texts)
    assert len(languages) == 1
    assert np.isfinite(scores).all()
    row = measured.to_pylist()[0]
    print(row["characters"], row["lines"], row["words"], row["top_2_gram_character_share"], row["duplicate_10_gram_character_share"])


def spent_s() -> int:
    return int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
