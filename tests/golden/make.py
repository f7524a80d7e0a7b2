"""Make the golden texts and their vectors: `python -m tests.golden.make`.

Texts are only added: for each end of each bound that the kept texts do not walk yet, those variations that come nearest to it from both
sides. Presets and numbers that are kept already stay as they are: where the code gives others, this stops and names the first
difference. `--accept` takes new numbers of texts (after a review: a signal's definition was changed). A preset's definition is never
taken anew: a changed one needs another name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import pyarrow as pa

from filters.presets import PRESETS
from tests.golden import vectors
from tests.golden.code_variations import CODE
from tests.golden.variations import PROSE, passages, strengths
from tests.golden.vectors import Golden

PROSE_TEXTS, CODE_TEXTS = 250, 230
PER_SIDE = 2
LANGUAGES = {
    **{
        "english": "en",
        "german": "de",
        "french": "fr",
        "spanish": "es",
        "italian": "it",
        "portuguese": "pt",
        "polish": "pl",
        "turkish": "tr",
    },
    **{"russian": "ru", "greek": "el", "arabic": "ar", "hebrew": "he", "hindi": "hi", "chinese": "zh", "japanese": "ja", "korean": "ko"},
    **{"thai": "th", "khmer": "km", "burmese": "my"},
}
SIZES = (100_000, 100_001)


def bases() -> tuple[dict[str, str], dict[str, str]]:
    """Passages of prose, with compounds of the English ones, and programs."""
    prose, code = passages("prose.txt"), passages("code.txt")
    english = [text for name, text in prose.items() if name.startswith("english")]
    prose |= {f"english-pair-{k}": "\n".join(english[2 * k : 2 * k + 2]) for k in range(3)}
    prose |= {"english-long": "\n\n".join(english)}
    return prose, code


def golden(kind: str, name: str, text: str) -> Golden:
    return Golden(name, kind, LANGUAGES[name.split("/")[-1].split(":")[0].split("-")[0]] if kind == "prose" else "", text)


def pool() -> list[Golden]:
    """Every variation that may become a golden text: plain passages first, each text once."""
    prose, code = bases()
    found = [golden("prose", name, text) for name, text in prose.items()] + [golden("code", name, text) for name, text in code.items()]
    found += [
        Golden(f"{recipe}:{count}", kind, "en" if kind == "prose" else "", recipe=(recipe, count))
        for recipe, kind in (("chronicle", "prose"), ("listing", "code"))
        for count in SIZES
    ]
    foreign = [name for name in prose if not name.startswith("english")]
    english = [name for name in prose if name.startswith("english")]
    programs = list(code)
    for number, (family, make) in enumerate(PROSE.items()):
        near = [english[number % 6], *english[6:], *(foreign[(3 * number + k) % len(foreign)] for k in range(3))]
        found += [golden("prose", f"{family}/{base}:{k}", make(prose[base], k)) for base in near for k in strengths()]
    for number, (family, make) in enumerate(CODE.items()):
        near = [programs[(5 * number + k) % len(programs)] for k in range(5)]
        found += [golden("code", f"{family}/{base}:{k}", make(code[base], k)) for base in near for k in strengths()]
    seen: set[str] = set()
    return [text for text in found if text.recipe or (text.content not in seen and not seen.add(text.content))]  # type: ignore[func-returns-value]


def chosen(rows: Sequence[int], texts: Sequence[Golden], most: int) -> list[int]:
    """The nearest rows, each of another family or passage."""
    picked: dict[str, int] = {}
    for row in rows:
        picked.setdefault(texts[row].name.split(":")[0], row)
    return list(picked.values())[:most]


def additions(kept: Sequence[Golden], candidates: Sequence[Golden]) -> list[Golden]:
    """Candidates that walk what the kept texts do not, then as many more as the numbers of texts ask for, by family in turn."""
    names = {text.name for text in kept}
    texts = [text for text in candidates if text.name not in names]
    batch = vectors.measure(texts)
    wanted: dict[int, None] = {}
    have = vectors.measure(kept) if kept else None
    for preset in PRESETS.values():
        found = vectors.verdicts(batch, preset)
        known = vectors.verdicts(have, preset) if have else []
        for bound, sign, limit in vectors.sides(preset):
            walking = vectors.walkers(have, known, bound, sign, limit) if have else ([], [])
            for rows, old in zip(vectors.walkers(batch, found, bound, sign, limit), walking, strict=True):
                missing = max(0, PER_SIDE - len(old))
                wanted |= dict.fromkeys(chosen(rows, texts, missing) if missing else [])
    for kind, least in (("prose", PROSE_TEXTS), ("code", CODE_TEXTS)):
        lacking = least - sum(text.kind == kind for text in kept) - sum(texts[row].kind == kind for row in wanted)
        plain = [
            row
            for row, text in enumerate(texts)
            if text.kind == kind and row not in wanted and len(text.content) < 2000 and not text.recipe
        ]
        order = sorted(plain, key=lambda row: (":" in texts[row].name, strength_rank(texts[row].name), row))
        wanted |= dict.fromkeys(order[: max(0, lacking)])
    return [texts[row] for row in sorted(wanted)]


def strength_rank(name: str) -> int:
    """Every family once with each of its passages before any comes again: the strength's place in 3, 8, 1, 20, ..."""
    strength = int(name.rpartition(":")[2]) if ":" in name else 0
    order = (3, 8, 1, 20, 40)
    return order.index(strength) if strength in order else len(order) + strength


def with_digests(texts: Sequence[Golden]) -> list[Golden]:
    return [
        Golden(text.name, text.kind, text.language, text.content, text.recipe, vectors.digest_of(text.text) if text.recipe else "")
        for text in texts
    ]


def check_unchanged(old: vectors.Rows, new: vectors.Rows, what: str) -> None:
    """Raises ValueError: a cell of `old` is another in `new`."""
    for name, row in old.items():
        for column, cell in row.items():
            if column in new[name] and new[name][column] != cell:
                raise ValueError(f"{what} {column} of {name!r} was {cell!r} and is {new[name][column]!r}; review it, then --accept")


def definitions() -> dict[str, object]:
    """Raises ValueError: a preset is not what is kept under its name."""
    kept = json.loads(vectors.PRESETS_FILE.read_text(encoding="utf-8")) if vectors.PRESETS_FILE.exists() else {}
    now = {name: vectors.definition(preset) for name, preset in PRESETS.items()}
    for name, value in kept.items():
        if name in now and now[name] != value:
            raise ValueError(f"{name!r} is another preset than the one kept in {vectors.PRESETS_FILE.name}; give the new one another name")
    return kept | now


def main(accept: bool) -> None:
    """Add texts where bounds need them and write all vectors."""
    presets = definitions()
    kept = vectors.kept_texts()
    texts = kept + with_digests(additions(kept, pool()))
    batch = vectors.measure(texts)
    signals, verdicts = vectors.signal_rows(texts, batch), vectors.verdict_rows(texts, batch, PRESETS.values())
    if not accept:
        check_unchanged(vectors.read_rows(vectors.SIGNALS), signals, "signal")
        check_unchanged(vectors.read_rows(vectors.VERDICTS), verdicts, "verdict of")
    vectors.write_texts(texts)
    vectors.write_rows(vectors.SIGNALS, signals)
    vectors.write_rows(vectors.VERDICTS, verdicts)
    vectors.PRESETS_FILE.write_text(json.dumps(presets, indent=1) + "\n", encoding="utf-8")
    sizes = {path.name: path.stat().st_size for path in (vectors.TEXTS, vectors.SIGNALS, vectors.VERDICTS, vectors.PRESETS_FILE)}
    print(f"{len(kept)} texts kept, {len(texts) - len(kept)} added; bytes: {sizes}")
    for line in vectors.unwalked(batch, PRESETS.values()):
        print(line)


if __name__ == "__main__":
    main("--accept" in sys.argv[1:])
