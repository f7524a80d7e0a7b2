"""Where real data lies for tests that want it: `.data/` in the repository, unpacked from ../shared/data on first use."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with `warc/`, `html/`, `books/`, … unpacked, and the link `corpus`; skips where the archives are not to be had."""
    archives = Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not archives.is_dir():
        pytest.skip(f"no real data at {archives}; set CURATE_SHARED_DATA to the folder of archives")
    target = ROOT / ".data"
    target.mkdir(exist_ok=True)
    for archive in sorted(archives.glob("*.tar.gz")):
        name = archive.name.removesuffix(".tar.gz")
        if not (target / name / ".unpacked").exists():
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
            (target / name).mkdir(exist_ok=True)
            (target / name / ".unpacked").touch()
    if not (target / "corpus").exists():
        (target / "corpus").symlink_to(archives / "corpus")
    return target
