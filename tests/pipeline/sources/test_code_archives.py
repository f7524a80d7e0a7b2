"""Code in archives, licences of packages, notebooks and secrets, read as a user's configuration has them read."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.licences.package import metadata_licence
from pipeline.config import load
from pipeline.run import Run
from pipeline.settings.extract import Extract
from pipeline.sources import code
from pipeline.sources.notebook import read_notebook
from pipeline.sources.private import without_private
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.stage import perform
from pipeline.stages.extract import EXTRACT
from tests.pipeline.corpora import write_config
from tests.pipeline.sources.test_code import MIT, commit, run_git, source, write

APACHE = "Apache License\nVersion 2.0, January 2004\nTERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION\n"
KEY = "AKIAQ3EGRZ7N6SW2XK5P"
SDIST = {
    "pkg-1.0/PKG-INFO": b"Metadata-Version: 2.4\nName: pkg\nVersion: 1.0\nLicense-Expression: mit OR apache-2.0\n\nA package.\n",
    "pkg-1.0/pyproject.toml": b'[project]\nname = "pkg"\n',
    "pkg-1.0/src/pkg/__init__.py": b"x = 1\n",
    "pkg-1.0/src/pkg/_vendor/other.py": b"x = 1\n",
    "pkg-1.0/src/pkg/theirs/LICENSE": MIT.encode(),
    "pkg-1.0/src/pkg/theirs/deep/a.py": b"y = 1\n",
    "pkg-1.0/src/pkg/own.py": b"# SPDX-License-Identifier: GPL-3.0-or-later\n",
    "pkg-1.0/logo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def tarred(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def zipped(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


def read(path: Path, extract: Extract | None = None, tally: Tally | None = None, **settings: object) -> dict[str, Outcome]:
    tally = tally or Tally()
    found = list(code.archive_outcomes(str(path), source(**settings), extract or Extract(), tally))
    assert tally.records == len(found) == len({outcome.locator for outcome in found})
    return {outcome.locator.removeprefix(f"{path}!"): outcome for outcome in found}


def text_and_reason(outcome: Outcome) -> tuple[str, str, str]:
    return (outcome.text, outcome.licence, "") if isinstance(outcome, Document) else ("", "", outcome.reason)


@pytest.mark.parametrize("make", [lambda path: tarred(path / "pkg-1.0.tar.gz", SDIST), lambda path: tarred(path / "pkg-1.0.tar", SDIST),
                                  lambda path: zipped(path / "pkg-1.0.zip", SDIST)])  # fmt: skip
def test_an_sdist_gives_what_its_tree_gives(tmp_path, make):
    found = read(make(tmp_path))
    tree = write(tmp_path / "tree" / "pkg-1.0", {name.removeprefix("pkg-1.0/").encode(): content for name, content in SDIST.items()})
    plain = {outcome.locator: outcome for outcome in code.outcomes(tree, source(), Extract(), Tally())}
    assert {name: text_and_reason(outcome) for name, outcome in found.items()} == {
        name: text_and_reason(outcome) for name, outcome in plain.items()
    }
    licences = {outcome.title: outcome.licence for outcome in found.values() if isinstance(outcome, Document)}
    assert licences == {
        "__init__.py": "MIT OR Apache-2.0",
        "pyproject.toml": "MIT OR Apache-2.0",
        "a.py": "MIT",
        "own.py": "GPL-3.0-or-later",
    }


def test_a_wheel_s_licence_lies_beside_its_package(tmp_path):
    files = {"pkg/a.py": b"x = 1\n", "pkg-1.0.dist-info/METADATA": b"Name: pkg\nClassifier: License :: OSI Approved :: MIT License\n\n"}
    assert read(zipped(tmp_path / "a-py3-none-any.whl", files))["pkg/a.py"].licence == "MIT"
    files["pkg-1.0.dist-info/licenses/LICENSE"] = APACHE.encode()
    assert read(zipped(tmp_path / "b-py3-none-any.whl", files))["pkg/a.py"].licence == "Apache-2.0"


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_paths_and_links_lead_nowhere(tmp_path, kind):
    (tmp_path / "outside.py").write_text("secret = 1\n")
    evil = ["../outside.py", "/etc/passwd.py", "a/../../outside.py", "C:\\x.py", "..\\outside.py"]
    files = dict.fromkeys(evil, b"x = 1\n") | {"in.py": b"x = 1\n", ".git/hooks/x.py": b"x = 1\n"}
    links = {"link.py": "../outside.py", "loop.py": "loop.py", "folder": "/"}
    path = (tarred if kind == "tar" else zipped)(tmp_path / f"x.{kind}", files, links)
    found = list(code.archive_outcomes(str(path), source(), Extract(), Tally()))
    reasons = [outcome.reason for outcome in found if isinstance(outcome, Reject)]
    assert sorted(reasons) == ["path leaves the archive"] * 5 + ["symbolic link"] * 3
    assert [outcome.text for outcome in found if isinstance(outcome, Document)] == ["x = 1\n"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["outside.py", path.name]


def test_a_truncated_archive_gives_what_can_be_read_and_says_where_it_ends(tmp_path):
    path = tarred(tmp_path / "x.tar.gz", {f"{number}.py": f"x = {number}\n".encode() * 3000 for number in range(30)})
    whole = path.read_bytes()
    for size in (len(whole) // 2, len(whole) - 5, 30, 3):
        path.write_bytes(whole[:size])
        *before, last = read(path).values()
        assert isinstance(last, Reject)
        assert sum(isinstance(outcome, Reject) for outcome in before) <= 1
        assert len(before) > (5 if size > 500 else -1)


def test_bombs_and_false_sizes_are_refused(tmp_path):
    small = Extract(max_record_bytes=200_000)
    for path in (
        tarred(tmp_path / "x.tar.gz", {"a.py": b"x" * 2_000_000, "b.py": b"b = 1\n"}),
        zipped(tmp_path / "x.zip", {"a.py": b"x" * 2_000_000, "b.py": b"b = 1\n"}),
    ):
        found = read(path, small)
        assert found["a.py"].reason == "too long"
        assert found["b.py"].text == "b = 1\n"
    path = tarred(tmp_path / "lies.tar", {"a.py": b"x = 1\n"})
    data = bytearray(path.read_bytes())
    data[124:136] = b"\x80" + (1 << 80).to_bytes(11, "big")  # the size in base 256
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    path.write_bytes(data)
    assert all(isinstance(outcome, Reject) for outcome in read(path).values())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=600), place=st.integers(0, 3000))
def test_damage_never_raises(tmp_path_factory, data, place):
    folder = tmp_path_factory.mktemp("damage")
    for path in (tarred(folder / "x.tar", {"a.py": b"x = 1\n", "b/LICENSE": MIT.encode()}), zipped(folder / "x.zip", {"a.py": b"x = 1\n"})):
        held = path.read_bytes()
        path.write_bytes(held[:place] + data + held[place + len(data) :])
        assert all(isinstance(outcome, Document | Reject) for outcome in read(path).values())


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("PKG-INFO", "License-Expression: MIT AND (Apache-2.0 OR BSD-3-Clause)\nLicense: GPL\n\n", "MIT AND (Apache-2.0 OR BSD-3-Clause)"),
        ("PKG-INFO", "License: MIT License\n\nLicense: GPL-3.0\n", "MIT"),
        ("PKG-INFO", "License: UNKNOWN\nClassifier: License :: OSI Approved\nClassifier: License :: A :: ISC License (ISCL)\n\n", "ISC"),
        ("PKG-INFO", "Classifier: License :: OSI Approved :: BSD License\n\n", "unknown"),
        ("pyproject.toml", '[project]\nlicense = "BSD-3-Clause"\n', "BSD-3-Clause"),
        ("pyproject.toml", '[project]\nlicense = {text = "Apache 2.0"}\n', "Apache-2.0"),
        ("pyproject.toml", '[project]\nlicense = {file = "LICENSE"}\nclassifiers = ["License :: OSI Approved :: MIT License"]\n', "MIT"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "LGPL-3.0-only"\n', "LGPL-3.0-only"),
        ("pyproject.toml", '[project\nlicense = "MIT"', "unknown"),
        ("setup.cfg", "[metadata]\nlicense = MPL-2.0\n", "MPL-2.0"),
        ("setup.cfg", "[metadata]\nlicense_files = X\nclassifiers =\n    License :: A :: Apache Software License\n", "Apache-2.0"),
        ("setup.py", "setup(name='x', license='BSD 3-Clause')", "BSD-3-Clause"),
        ("setup.py", "classifiers=['License :: A :: MIT License', 'License :: A :: Apache Software License']", "Apache-2.0 OR MIT"),
        ("package.json", '{"license": "(MIT OR Apache-2.0)"}', "(MIT OR Apache-2.0)"),
        ("package.json", '{"license": {"type": "ISC", "url": "x"}}', "ISC"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "Zlib"}]}', "MIT OR Zlib"),
        ("package.json", '{"license": "SEE LICENSE IN x"}', "unknown"),
        ("package.json", "[" * 100_000, "unknown"),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("Cargo.toml", '[package]\nlicense = 7\n[workspace]\n', "unknown"),
        ("pom.xml", "<license>MIT</license>", "unknown"),
    ],
)  # fmt: skip
def test_licences_of_package_metadata(name, text, licence):
    assert metadata_licence(name, text) == licence


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Gears\n", "How they turn."]},
        {"cell_type": "code", "source": "x = 1\nprint(x)", "outputs": [{"text": "OUTPUT"}]},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "code", "source": [f"key = '{KEY}'\n"], "outputs": []},
    ],
    "metadata": {"kernelspec": {"language": "python"}},
    "nbformat": 4,
}


def clean(root, extract, tally):
    """What the stage makes of a tree: read, then without secrets."""
    read = (("", outcome) for outcome in code.outcomes(root, source(), extract, tally))
    return [outcome for _, outcome in without_private(read, source(), extract, tally)]


def test_notebooks_become_scripts_without_outputs(tmp_path):
    text = "# %% [markdown]\n# # Gears\n# How they turn.\n\n# %%\nx = 1\nprint(x)\n\n# %%\nkey = '<secret:aws-key>'\n"
    write(tmp_path / "x", {b"a.ipynb": json.dumps(NOTEBOOK).encode(), b"b.ipynb": b'{"cells": []}', b"c.ipynb": b"[" * 100_000})
    tally = Tally()
    found = {outcome.locator: outcome for outcome in clean(tmp_path / "x", Extract(), tally)}
    assert (found["x/a.ipynb"].text, found["x/a.ipynb"].stated_language) == (text, "Jupyter Notebook (python)")
    assert (found["x/b.ipynb"].reason, found["x/c.ipynb"].reason) == ("empty", "broken notebook")
    assert tally.secrets == {"aws-key": 1}
    old = {"worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": "T"}, {"cell_type": "code", "input": "f(x)"}]}],
           "metadata": {"language_info": {"name": "Scala"}}}  # fmt: skip
    assert read_notebook(json.dumps(old)).text == "// %% [markdown]\n// ## T\n\n// %%\nf(x)\n"


def test_secrets_are_replaced_rejected_or_kept_as_the_configuration_says(tmp_path):
    files = {b"a.py": f"key = '{KEY}'\n".encode(), b"b.py": b"x = 1\n"}
    root = write(tmp_path / "x", files)
    found = {name: clean(root, Extract(secrets=name), Tally()) for name in ("redact", "reject", "keep")}
    assert [outcome.text for outcome in found["redact"]] == ["key = '<secret:aws-key>'\n", "x = 1\n"]
    assert [outcome.text for outcome in found["keep"]] == [f"key = '{KEY}'\n", "x = 1\n"]
    assert found["reject"][0] == Reject("x/a.py", "secrets", "aws-key", 0, len(files[b"a.py"]))
    assert found["reject"][1].text == "x = 1\n"


def test_the_stage_reads_archives_trees_and_a_revision(tmp_path):
    """One source of all three: everything adds up, and the receipt tells how many secrets were replaced."""
    repository = commit(write(tmp_path / "in" / "repository", {b"a.py": f"key = '{KEY}'\n".encode()}))
    run_git(repository, "tag", "v1")
    write(repository, {b"a.py": b"x = 2\n", b"b.py": b"x = 3\n"})
    run_git(repository, "commit", "--quiet", "--all", "--message", "two")
    tarred(tmp_path / "in" / "pkg-1.0.tar.gz", SDIST)
    (tmp_path / "in" / "notes.txt").write_text("no archive\n")
    values = {
        "name": "run",
        "output": str(tmp_path),
        "sources": [{"name": "code", "kind": "code", "paths": [str(tmp_path / "in" / "*")], "revision": "v1"}],
        "runner": {"workers": 1},
    }
    config = load(write_config(tmp_path / "c.yaml", values))
    run = Run(config.directory)
    perform(EXTRACT, run, config)
    counts = run.need("extract").totals["sources"]["code"]
    texts = {row["locator"]: row["text"] for row in pq.read_table(config.directory / "documents").to_pylist()}
    commit_name = run_git(repository, "rev-parse", "v1")
    assert texts[f"repository@{commit_name}:a.py"] == "key = '<secret:aws-key>'\n"
    assert len(texts) == 5
    assert counts["records"] == len(SDIST) + 2
    assert counts["secrets"] == {"aws-key": 1}
    assert counts["rejects"]["not an archive"]["records"] == 1


def test_a_revision_belongs_to_code(tmp_path):
    for revision, words in (("-x", "revision"), ("a:b", "revision"), ("v1", "only kind 'code'")):
        with pytest.raises(ValueError, match=words):
            source(kind="web" if revision == "v1" else "code", revision=revision)
