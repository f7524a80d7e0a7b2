"""Our language identification over groups of texts: `python -m benchmarks.our_languages NAME TEXTS OUT`.

In and out as in `benchmarks.peers.language_identifiers`, whose loop runs here too.

Texts are an Arrow array when the clock starts, as they are in a run, and go in batches of 1,000. `mixing` also measures the share in other
languages; `whole` judges whole texts in place of excerpts; `fasttext` is our inference of the model alone on whole texts; `prefix-N`
judges N bytes of the beginning.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from benchmarks.peers.language_identifiers import run
from filters.fasttext.model import FastTextModel
from filters.language.identify import LanguageModel

BATCH = 1000
WHOLE = 1 << 40

Answer = Callable[[pa.StringArray], list[str]]


def answer_of(name: str, model: str) -> Answer:
    """What answers a batch."""
    if name == "fasttext":
        loaded = FastTextModel.load(model)
        return lambda texts: loaded.predict(texts)[0]
    languages = LanguageModel.load(model)
    if name == "mixing":
        return lambda texts: languages.measure(texts).codes
    prefix = WHOLE if name == "whole" else int(name.removeprefix("prefix-")) if name.startswith("prefix-") else languages.prefix
    languages = replace(languages, prefix=prefix)
    return lambda texts: languages.identify(texts)[0]


def in_batches(answer: Answer) -> Answer:
    """The same for any number of texts."""
    return lambda texts: [code for start in range(0, len(texts), BATCH) for code in answer(texts.slice(start, BATCH))]


if __name__ == "__main__":
    run(
        lambda model: in_batches(answer_of(sys.argv[1], model)),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        lambda texts: pa.array(texts, pa.string()),
    )
