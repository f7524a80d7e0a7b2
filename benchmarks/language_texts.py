"""Texts whose language is known, and what a contestant may call it.

Paragraphs of the declaration of human rights (udhr.jsonl.gz), the sentences of lingua's test data, and whatlang's examples. Labels are ISO 639-1
codes where there is one, else 639-3. Where a macro-language has a code of its own that identifiers answer with, its members are mapped to it
(`MACRO`). A declaration counts when it is in the one living language and script of its code: historic spellings of German count, Vietnamese
in Han characters and the code '068' (marked French, a Creole) do not.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

# ISO 639-3 of declarations to the codes that identifiers use: 639-1 where it exists.
CODES = dict(
    pair.split(":")
    for pair in [
        "afr:af",
        "amh:am",
        "ast:ast",
        "azj:az",
        "bel:be",
        "ben:bn",
        "bod:bo",
        "bre:br",
        "bos:bs",
        "bul:bg",
        "cat:ca",
        "ceb:ceb",
        "ces:cs",
        "chv:cv",
        "ckb:ckb",
        "cos:co",
        "cym:cy",
        "dan:da",
        "deu:de",
        "div:dv",
        "ell:el",
        "eng:en",
        "epo:eo",
        "ekk:et",
        "eus:eu",
        "fas:fa",
        "fin:fi",
        "fra:fr",
        "fry:fy",
        "gle:ga",
        "gla:gd",
        "glg:gl",
        "guj:gu",
        "glv:gv",
        "heb:he",
        "hin:hi",
        "hrv:hr",
        "hsb:hsb",
        "hat:ht",
        "hun:hu",
        "hye:hy",
        "ina:ia",
        "ind:id",
        "ido:io",
        "ilo:ilo",
        "isl:is",
        "ita:it",
        "jpn:ja",
        "jav:jv",
        "kat:ka",
        "kaz:kk",
        "khm:km",
        "kan:kn",
        "kor:ko",
        "kir:ky",
        "lat:la",
        "ltz:lb",
        "lao:lo",
        "lij:lij",
        "lit:lt",
        "lvs:lv",
        "mai:mai",
        "mkd:mk",
        "mal:ml",
        "khk:mn",
        "mar:mr",
        "min:min",
        "mlt:mt",
        "mya:my",
        "npi:ne",
        "nds:nds",
        "nld:nl",
        "nno:nn",
        "nob:no",
        "oss:os",
        "pan:pa",
        "pol:pl",
        "pnb:pnb",
        "por:pt",
        "roh:rm",
        "ron:ro",
        "rus:ru",
        "sah:sah",
        "san:sa",
        "sco:sco",
        "sin:si",
        "slk:sk",
        "slv:sl",
        "som:so",
        "srp:sr",
        "sun:su",
        "swe:sv",
        "tam:ta",
        "tel:te",
        "tgk:tg",
        "tha:th",
        "tuk:tk",
        "tgl:tl",
        "tur:tr",
        "tat:tt",
        "tyv:tyv",
        "uig:ug",
        "ukr:uk",
        "urd:ur",
        "uzn:uz",
        "vec:vec",
        "vep:vep",
        "vie:vi",
        "wln:wa",
        "war:war",
        "yor:yo",
        "spa:es",
        "arb:ar",
        "cmn:zh",
        "swh:sw",
        "zlm:ms",
        "plt:mg",
        "ydd:yi",
        "pes:fa",
        "kmr:ku",
        "gug:gn",
        "quz:qu",
        "als:sq",
        "pam:pam",
        "bcl:bcl",
    ]
)
# Declarations with a code of their own for a script, spelling or country.
VARIANTS = {
    *("azj_latn", "bos_latn", "cmn_hans", "cmn_hant", "deu_1901", "deu_1996", "ell_monotonic", "ell_polytonic", "hat_popular", "mly_latn"),
    *("pes_1", "por_BR", "por_PT", "ron_1993", "ron_2006", "srp_cyrl", "tuk_latn", "uig_arab", "uzn_latn", "fri", "est", "lav", "nep"),
}
# What answers mean: codes of members, old codes, and codes that fastText has from Wikipedia's names.
MACRO = {"nb": "no", "iw": "he", "jw": "jv", "zh-Hant": "zh", "nan": "zh", "sh": "sr", "zsm": "ms", "arb": "ar", "in": "id", "mo": "ro"}


@dataclass(frozen=True, slots=True)
class Known:
    """A text and its language."""

    language: str
    text: str


def paragraphs(data: Path) -> list[Known]:
    """Of every declaration whose language has a code here, each paragraph, in the file's order."""
    found = []
    with gzip.open(data / "langid" / "udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["iso6393"] in CODES and (row["code"] == row["iso6393"] or row["code"] in VARIANTS):
                language = CODES[row["iso6393"]]
                found += [Known(language, part.strip()) for part in row["text"].split("\n") if part.strip()]
    return found


def sentences(data: Path) -> list[Known]:
    """Lingua's sentences, whose codes are ISO 639-1."""
    with gzip.open(data / "langid" / "lingua_testdata.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Known(meaning(row["lang"]), row["text"]) for row in rows if row["kind"] == "sentences"]


def meaning(answer: str) -> str:
    """The code that an answer stands for."""
    return MACRO.get(answer, answer)
