"""The whole path over real and partly broken files: every record is accounted for and nothing crashes."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.pipeline.corpora import curate, write_config

PACKAGES = ("requests", "apache_beam")


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of warc/, html/ and books/, and two packages as git repositories."""
    folder = tmp_path_factory.mktemp("shared")
    sources: list[dict[str, Any]] = [
        {"name": "warc", "kind": "web", "paths": [str(shared_data / "warc")]},
        {"name": "html", "kind": "web", "paths": [str(shared_data / "html")]},
        {"name": "books", "kind": "book", "paths": [str(shared_data / "books")]},
    ]
    for package in PACKAGES:
        repository = folder / package
        subprocess.run(["cp", "-r", Path(sysconfig.get_paths()["purelib"]) / package, repository], check=True)
        git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(repository)]
        subprocess.run(["git", "init", "-q", str(repository)], check=True)
        subprocess.run([*git, "add", "-A", "."], check=True)
        subprocess.run(
            [*git, "commit", "-qm", "all", "--date=2026-01-01T00:00:00Z"], check=True, env={"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
        )
        sources.append({"name": package, "kind": "code", "paths": [str(repository)], "exclude": ["*__pycache__*"]})
    values = {
        "name": "shared",
        "output": str(folder / "runs"),
        "sources": sources,
        "filter": {"presets": {"web": ["gopher@2021"], "book": ["book@2026"], "code": ["starcoder@2023"]}, "guard": 1.0},
        "tokenizer": {"vocabulary": 4000, "sample_bytes": 3_000_000},
    }
    curate("run", write_config(folder / "shared.yaml", values), timeout_s=900)
    return folder / "runs" / "shared"


def test_every_input_file_and_record_is_accounted_for(run: Path, shared_data: Path) -> None:
    documents = pq.read_table(run / "documents", columns=["source", "input", "locator"])
    rejects = pq.read_table(run / "rejects", columns=["source", "input", "reason"])
    inputs = set(documents["input"].to_pylist()) | set(rejects["input"].to_pylist())
    for name in ("warc", "html", "books"):
        files = {str(path) for path in (shared_data / name).rglob("*") if path.is_file() and not path.name.startswith(".")}
        assert files <= inputs, sorted(files - inputs)[:5]
    assert set(rejects["reason"].to_pylist()) >= {"record type request", "record type revisit", "not a book: RDF"}
    for package in PACKAGES:
        listed = subprocess.run(
            ["git", "-C", run.parents[1] / package, "ls-files"], check=True, capture_output=True, text=True
        ).stdout.split("\n")
        wanted = [name for name in listed if name and "__pycache__" not in name]
        found = documents["source"].to_pylist().count(package) + rejects["source"].to_pylist().count(package)
        assert found == len(wanted)


def test_pages_books_and_code_all_reach_the_shards(run: Path) -> None:
    shards = pq.read_table(run / "shards" / "documents.parquet", columns=["source", "licence"])
    assert set(shards["source"].to_pylist()) == {"warc", "html", "books", *PACKAGES}
    by_source = dict(zip(shards["source"].to_pylist(), shards["licence"].to_pylist(), strict=True))
    assert by_source["books"] is not None
