"""Language identifiers of other projects over groups of texts, one process for each: NAME TEXTS OUT.

Runs in the peers' environment, as a script, and needs nothing of this project; `benchmarks.our_languages` uses its loop for ours.

In:  TEXTS, JSON: {"model": path of lid.176.ftz, "groups": {name: texts}}.
Out: OUT, JSON: {"answers": {name: codes}, "cpu_s": {name: CPU-seconds}, "start_s": CPU-seconds before the first text}.

Texts are Python strings when the clock starts. What a first call loads is loaded before.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Identify = Callable[[Sequence[str]], Sequence[str]]
WARM_UP = [
    "All human beings are born free and equal in dignity and rights.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
]


def run(make: Callable[[str], Identify], texts: Path, out: Path, prepare: Callable[[list[str]], Any] = list) -> None:
    """Every group once, and what came of it.

    `prepare` makes of a group what the identifier takes, outside of the clock.
    """
    given = json.loads(texts.read_text(encoding="utf-8"))
    identify = make(given["model"])
    identify(prepare(WARM_UP))
    told: dict[str, Any] = {"start_s": time.process_time(), "answers": {}, "cpu_s": {}}
    for name, group in given["groups"].items():
        prepared = prepare(group)
        before = time.process_time()
        answers = identify(prepared)
        told["cpu_s"][name] = time.process_time() - before
        told["answers"][name] = list(answers)
    out.write_text(json.dumps(told), encoding="utf-8")


def fasttext(model: str) -> Identify:
    """The library's own batch call on whole texts, line feeds as blanks."""
    from fasttext.FastText import _FastText

    loaded = _FastText(model_path=model)

    def identify(texts: Sequence[str]) -> list[str]:
        labels, _ = loaded.f.multilinePredict([text.replace("\n", " ") + "\n" for text in texts], 1, 0.0, "strict")
        return [found[0].removeprefix("__label__") if found else "und" for found in labels]

    return identify


def pycld2(_model: str) -> Identify:
    """The first answer of CLD2, with bestEffort, which answers for short texts too."""
    import pycld2

    def one(text: str) -> str:
        try:
            return str(pycld2.detect(text.encode(), isPlainText=True, bestEffort=True)[2][0][1])
        except pycld2.error:
            return "und"

    return lambda texts: [one(text) for text in texts]


def py3langid(_model: str) -> Identify:
    """Its module's `classify`."""
    from py3langid import classify

    return lambda texts: [classify(text)[0] for text in texts]


def lingua(_model: str) -> Identify:
    """All of its languages, high accuracy, one thread."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()

    def one(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    return lambda texts: [one(text) for text in texts]


IDENTIFIERS: dict[str, Callable[[str], Identify]] = {
    "fasttext-numpy2": fasttext,
    "pycld2": pycld2,
    "py3langid": py3langid,
    "lingua-language-detector": lingua,
}


if __name__ == "__main__":
    run(IDENTIFIERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
