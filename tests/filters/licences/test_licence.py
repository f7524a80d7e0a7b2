"""Licences as pages, source files and licence texts state them."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from filters.licences.licence import file_licence, licence_of_text, licence_of_url


@pytest.mark.parametrize(
    ("url", "licence"),
    [
        ("https://creativecommons.org/licenses/by/3.0/de/deed.de", "CC-BY-3.0-DE"),
        ("//creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("http://www.gnu.org/licenses/fdl-1.3.html", "GFDL-1.3-only"),
        ("https://www.gnu.org/licenses/old-licenses/gpl-2.0.html", "GPL-2.0-only"),
        ("http://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("https://opensource.org/license/no-such-thing", "unknown"),
        ("https://spdx.org/licenses/CC-BY-4.0.html", "CC-BY-4.0"),
        ("https://example.org/licence", "unknown"),
    ],
)
def test_licence_of_url(url, licence):
    assert licence_of_url(url) == licence


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("# SPDX-License-Identifier: MIT\nimport os\n", "MIT"),
        ("/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */", "GPL-2.0-only WITH Linux-syscall-note"),
        ("// SPDX-License-Identifier: (Apache-2.0 OR MIT)\n", "(Apache-2.0 OR MIT)"),
        ("<!-- SPDX-License-Identifier: BSD-3-Clause -->", "BSD-3-Clause"),
        ("# SPDX-License-Identifier:\n", "unknown"),
        ("x = 1\n", "unknown"),
    ],
)
def test_file_licence(text, licence):
    assert file_licence(text) == licence


MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software and associated documentation files"
BSD = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted"
GPL_NOTICE = "This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version."  # noqa: E501


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (MIT + " … The above copyright notice and this\npermission notice shall be included in all copies", "MIT"),
        (MIT + " without restriction", "MIT-0"),
        (BSD, "BSD-2-Clause"),
        (BSD + "\nNeither the name of the copyright holder", "BSD-3-Clause"),
        (BSD + "\n3. All advertising materials mentioning features", "BSD-4-Clause"),
        ("Apache License\n   Version 2.0, January 2004", "Apache-2.0"),
        ('Licensed under the Apache License, Version 2.0 (the "License")', "Apache-2.0"),
        (
            "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n … GNU Affero General Public License, version 3 …" + "x" * 5000,
            "GPL-3.0-only",
        ),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999" + "x" * 5000, "LGPL-2.1-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007" + "x" * 5000, "AGPL-3.0-only"),
        (GPL_NOTICE, "GPL-2.0-or-later"),
        ("Mozilla Public License Version 2.0\n … GNU General Public License, Version 2.0 …", "MPL-2.0"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal", "CC0-1.0"),
        ("Attribution-ShareAlike 4.0 International\n=====", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("Creative Commons Attribution 3.0", "CC-BY-3.0"),
        ("MIT License", "MIT"),
        ("All rights reserved.", "unknown"),
        ("", "unknown"),
    ],
)
def test_licence_of_text(text, licence):
    assert licence_of_text(text) == licence


@pytest.mark.parametrize(
    ("distribution", "licence"),
    [
        ("pytest", "MIT"),
        ("numpy", "BSD-3-Clause"),
        ("lxml", "BSD-3-Clause"),
        ("pyarrow", "Apache-2.0"),
        ("trafilatura", "Apache-2.0"),
        ("hypothesis", "MPL-2.0"),
    ],
)
def test_licence_files_of_installed_packages(distribution, licence):
    try:
        files = [file for file in importlib.metadata.files(distribution) or [] if file.name.upper().startswith(("LICENSE", "LICENCE"))]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed")
    texts = [Path(str(file.locate())).read_text(encoding="utf-8", errors="replace") for file in files]
    if not texts:
        pytest.skip(f"{distribution} ships no licence file")
    assert licence in {licence_of_text(text) for text in texts}


def test_the_licence_of_python():
    path = Path(sys.base_prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "LICENSE.txt")
    if not path.exists():
        pytest.skip("this Python ships no LICENSE.txt")
    assert licence_of_text(path.read_text(encoding="utf-8")) == "Python-2.0"
