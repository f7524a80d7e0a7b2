"""The licence that a package's metadata states, as an SPDX expression.

Read are PKG-INFO and METADATA, pyproject.toml, setup.cfg, setup.py, package.json and Cargo.toml; fields by the formats' own definitions:
Core metadata specifications (packaging.python.org: License-Expression before License before classifiers), npm's package.json, Cargo's
manifest (in which `/` is an old form of OR).
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from email.parser import HeaderParser
from typing import Any

from filters.licences.licence import UNKNOWN, licence_of_text, spdx_expression

# A licence field is a name; a whole text in its place is known by its words.
FIELD_CHARACTERS = 40_000

# Trove classifiers of Python packages that name one licence; "BSD License" and "GNU GPL" alone name several and stay unknown.
_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "zlib/libpng License": "Zlib",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
}
# What people write in licence fields.
_NAMES = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "agplv3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "mpl 2.0": "MPL-2.0",
    "psf": "PSF-2.0",
    "public domain": UNKNOWN,
}
_SETUP_CALL = re.compile(r"""\blicen[cs]e\s{0,4}=\s{0,4}(["'])([^"'\n]{1,200})\1""")
_SETUP_CLASSIFIER = re.compile(r"""["'](License :: [^"'\n]{1,200})["']""")


def metadata_licence(name: str, text: str) -> str:
    """Licence that a metadata file states, or 'unknown', also for a file that cannot be read as what its name says.

    Args:
        name: the file's name without its folder; one of `METADATA_NAMES`, in any case.
        text: all of it.
    """
    reader = _READERS.get(name.lower())
    if reader is None:
        return UNKNOWN
    try:
        return reader(text)
    except (ValueError, configparser.Error, RecursionError):
        return UNKNOWN


def _named(field: object) -> str:
    """A licence field: an expression, a name, or a whole text."""
    if not isinstance(field, str) or not field.strip():
        return UNKNOWN
    words = " ".join(field[:FIELD_CHARACTERS].split())
    if words.lower() in _NAMES:
        return _NAMES[words.lower()]
    return _first([spdx_expression(words), licence_of_text(field)])


def _first(found: Iterable[str]) -> str:
    return next((licence for licence in found if licence != UNKNOWN), UNKNOWN)


def _of_classifiers(classifiers: Iterable[object]) -> str:
    """The licence of the classifiers, joined with OR where they name several: they say under which licences a package may be used."""
    last = [line.rpartition(" :: ")[2].strip() for line in classifiers if isinstance(line, str) and line.startswith("License ::")]
    named = [_CLASSIFIERS.get(name, UNKNOWN) for name in last if name != "OSI Approved"]
    return " OR ".join(sorted(set(named))) if named and UNKNOWN not in named else UNKNOWN


def _core_metadata(text: str) -> str:
    headers = HeaderParser().parsestr(text)
    expression = spdx_expression(str(headers.get("License-Expression", "")))
    return _first([expression, _named(str(headers.get("License", ""))), _of_classifiers(headers.get_all("Classifier", []))])


def _pyproject(text: str) -> str:
    tables = tomllib.loads(text)
    project, poetry = _table(tables, "project"), _table(_table(tables, "tool"), "poetry")
    licence = project.get("license")
    stated = licence.get("text") if isinstance(licence, dict) else licence
    listed = [table.get("classifiers") for table in (project, poetry)]
    return _first([_named(stated), _named(poetry.get("license")), *(_of_classifiers(one) for one in listed if isinstance(one, list))])


def _setup_cfg(text: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    section = parser["metadata"] if parser.has_section("metadata") else {}
    return _first([_named(section.get("license")), _of_classifiers((section.get("classifiers") or "").split("\n"))])


def _setup_py(text: str) -> str:
    """The program is not run: its literal arguments are read."""
    call = _SETUP_CALL.search(text)
    return _first([_named(call[2]) if call else UNKNOWN, _of_classifiers(match[1] for match in _SETUP_CLASSIFIER.finditer(text))])


def _package_json(text: str) -> str:
    package = json.loads(text)
    if not isinstance(package, dict):
        return UNKNOWN
    licence = package.get("license", package.get("licenses"))
    stated = licence if isinstance(licence, list) else [licence]
    named = [_named(one.get("type") if isinstance(one, dict) else one) for one in stated]
    return " OR ".join(sorted(set(named))) if UNKNOWN not in named else UNKNOWN


def _cargo(text: str) -> str:
    licence = _table(tomllib.loads(text), "package").get("license")
    return _named(licence.replace("/", " OR ") if isinstance(licence, str) else None)


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name)
    return table if isinstance(table, dict) else {}


_READERS: dict[str, Callable[[str], str]] = {
    "pkg-info": _core_metadata,
    "metadata": _core_metadata,
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "package.json": _package_json,
    "cargo.toml": _cargo,
}
METADATA_NAMES = tuple(_READERS)
"""In the order in which they are asked where several lie in one folder."""
