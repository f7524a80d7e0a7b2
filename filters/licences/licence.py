"""The licence that a source file, a licence text or a licence's address states, as an SPDX identifier (spdx.org/licenses), or 'unknown'."""

from __future__ import annotations

import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN = "unknown"
# A licence text names itself near its beginning; the longest common one, GPL-3.0, has 35 kB.
TEXT_CHARACTERS = 40_000
FILE_CHARACTERS = 8_000

_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/"
    r"(?:licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)(?:/([a-z]{2,3})\b)?|publicdomain/(zero|mark)/(\d\.\d))",
    re.IGNORECASE,
)
_LICENCE_URL = re.compile(
    r"gnu\.org/(?:licenses|copyleft)/(?:old-licenses/)?(fdl|gpl|lgpl|agpl)-(\d\.\d)|(apache\.org/licenses/LICENSE-2\.0)"
    r"|(?:opensource|spdx)\.org/licenses?/([A-Za-z0-9.+-]{2,60})",
    re.IGNORECASE,
)
_SPDX_LINE = re.compile(r"SPDX-License-Identifier:[ \t]{0,8}([A-Za-z0-9.+() -]{2,120})")
_SPDX_EXPRESSION = re.compile(r"[(\s]*[A-Za-z0-9][A-Za-z0-9.+-]*[)\s]*(?:(?:AND|OR|WITH)\s[(\s]*[A-Za-z0-9][A-Za-z0-9.+-]*[)\s]*)*")
EXPRESSION_CHARACTERS = 500
# Ported versions that SPDX lists; another port is given as its unported licence.
_PORTS = frozenset({
    "BY-2.5-AU", "BY-3.0-AT", "BY-3.0-AU", "BY-3.0-DE", "BY-3.0-IGO", "BY-3.0-NL", "BY-3.0-US", "BY-NC-3.0-DE", "BY-NC-ND-3.0-DE",
    "BY-NC-ND-3.0-IGO", "BY-NC-SA-2.0-DE", "BY-NC-SA-2.0-FR", "BY-NC-SA-2.0-UK", "BY-NC-SA-3.0-DE", "BY-NC-SA-3.0-IGO", "BY-ND-3.0-DE",
    "BY-SA-2.0-UK", "BY-SA-2.1-JP", "BY-SA-3.0-AT", "BY-SA-3.0-DE", "BY-SA-3.0-IGO",
})  # fmt: skip

# Phrases by which a text is known, in lower case with single blanks. The first in the text decides: MPL and GPL name others later.
_PHRASES = (
    ("gnu affero general public license version 3", "AGPL-3.0"),
    ("gnu lesser general public license version 3", "LGPL-3.0"),
    ("gnu lesser general public license version 2.1", "LGPL-2.1"),
    ("gnu library general public license version 2", "LGPL-2.0"),
    ("gnu general public license version 3", "GPL-3.0"),
    ("gnu general public license version 2", "GPL-2.0"),
    ("apache license version 2.0", "Apache-2.0"),
    ("apache software license version 2.0", "Apache-2.0"),
    ("mozilla public license version 2.0", "MPL-2.0"),
    ("mozilla public license version 1.1", "MPL-1.1"),
    ("eclipse public license - v 2.0", "EPL-2.0"),
    ("eclipse public license - v 1.0", "EPL-1.0"),
    ("boost software license - version 1.0", "BSL-1.0"),
    ("the artistic license 2.0", "Artistic-2.0"),
    ("european union public licence v. 1.2", "EUPL-1.2"),
    ("python software foundation license version 2", "PSF-2.0"),
    ("this is free and unencumbered software released into the public domain", "Unlicense"),
    ("do what the fuck you want to public license", "WTFPL"),
    ("cc0 1.0 universal", "CC0-1.0"),
    (
        "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files",
        "MIT",
    ),
    ("permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted", "ISC"),
    ("permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted", "ISC"),
    ("redistribution and use in source and binary forms", "BSD"),
    ("this software is provided 'as-is', without any express or implied warranty. in no event will the author", "Zlib"),
)
_NAMES = (
    ("the mit license", "MIT"),
    ("mit license", "MIT"),
    ("isc license", "ISC"),
    ("apache license 2.0", "Apache-2.0"),
    ("zlib license", "Zlib"),
)
_CC_NAME = re.compile(
    r"\b(?:cc|creative commons)[ -]?(?:licen[cs]e )?(?:by|attribution)([ -]nc|[ -]non-?commercial)?"
    r"([ -]nd|[ -]no-?deriv(?:ative)?s|[ -]sa|[ -]share-?alike)?[ -](?:v\.? ?)?([1-4]\.\d)\b"
)
_CC_TITLE = re.compile(
    r"\battribution(-noncommercial)?(-sharealike|-noderivatives|-noderivs)? ([1-4]\.\d) (?:international|unported|generic)\b"
)


def licence_of_url(url: str) -> str:
    """By the address of a licence's text: at Creative Commons, GNU, Apache, the Open Source Initiative or SPDX."""
    if match := _CREATIVE_COMMONS.search(url):
        return _creative_commons(match)
    if match := _LICENCE_URL.search(url):
        gnu, version, apache, named = match.groups()
        if gnu:
            return spdx_expression(f"{'GFDL' if gnu.lower() == 'fdl' else gnu.upper()}-{version}-only")
        return "Apache-2.0" if apache else spdx_expression(named.removesuffix(".html"))
    return UNKNOWN


def file_licence(text: str) -> str:
    """Expression of the SPDX-License-Identifier line in a source file's first 8,000 characters."""
    stated = _SPDX_LINE.search(text[:FILE_CHARACTERS])
    # What follows on the line closes a comment (`-->`) or is a sentence.
    expression = _SPDX_EXPRESSION.match(stated[1]) if stated else None
    return spdx_expression(expression[0].strip()) if expression else UNKNOWN


def spdx_expression(words: str) -> str:
    """An expression in SPDX's own spelling, or 'unknown' for what is none or names a licence that is not on SPDX's list."""
    if not words or len(words) > EXPRESSION_CHARACTERS:
        return UNKNOWN
    try:
        return str(canonicalize_license_expression(words))
    except InvalidLicenseExpression:
        return UNKNOWN


def licence_of_text(text: str) -> str:
    """Licence of a LICENSE file's full text, of a notice that names it, or of a Creative Commons URL.

    A GNU licence is given as `-or-later` only for a notice that says so; the full texts carry those words in their appendix.
    """
    stated = file_licence(text)
    if stated != UNKNOWN:
        return stated
    plain = " ".join(text[:TEXT_CHARACTERS].lower().replace("\u2019", "'").replace("`", "'").split())
    plain = plain.replace("license, version", "license version").replace("licence, version", "licence version")
    plain = plain.replace("license (version 2.0)", "license version 2.0").replace("license; either version", "license version")
    plain = plain.replace("license as published by the free software foundation; either version", "license version")
    plain = plain.replace("license as published by the free software foundation, either version", "license version")
    plain = plain.replace("license as published by the free software foundation; version", "license version")
    places = [(at, name) for phrase, name in _PHRASES if (at := plain.find(phrase)) >= 0]
    if places:
        return _exact(min(places)[1], plain)
    if match := _CREATIVE_COMMONS.search(text):
        return _creative_commons(match)
    if match := _CC_TITLE.search(plain):
        share = {"-sharealike": "-SA", None: ""}.get(match[2], "-ND")
        return f"CC-BY{'-NC' if match[1] else ''}{share}-{match[3]}"
    if match := _CC_NAME.search(plain):
        share = "" if not match[2] else "-SA" if match[2][1] == "s" else "-ND"
        return f"CC-BY{'-NC' if match[1] else ''}{share}-{match[3]}"
    if "cc0" in plain or "cc-zero" in plain:
        return "CC0-1.0"
    places = [(at, name) for phrase, name in _NAMES if (at := plain.find(phrase)) >= 0]
    return min(places)[1] if places else UNKNOWN


def _exact(name: str, plain: str) -> str:
    """The variant of a licence family."""
    if name == "BSD":
        if "all advertising materials mentioning features" in plain:
            return "BSD-4-Clause"
        three = (
            "neither the name" in plain or "may not be used to endorse or promote" in plain or "name of the author may not be used" in plain
        )
        return "BSD-3-Clause" if three else "BSD-2-Clause"
    if name == "MIT" and "permission notice shall be included" not in plain and "permission notice (including" not in plain:
        return "MIT-0"
    if name == "ISC" and "copyright notice and this permission notice appear" not in plain:
        return "0BSD"
    if name == "PSF-2.0" and "beopen" in plain:
        return "Python-2.0"
    if "GPL" in name:
        notice = len(plain) < 4_000 and "later version" in plain
        return name + ("-or-later" if notice else "-only")
    return name


def _creative_commons(match: re.Match[str]) -> str:
    terms, version, port, public, public_version = match.groups()
    if public:
        return f"CC0-{public_version}" if public.lower() == "zero" else f"CC-PDM-{public_version}"
    name = f"{terms.upper()}-{version}"
    ported = f"{name}-{port.upper()}" if port else name
    return f"CC-{ported if ported in _PORTS else name}"
