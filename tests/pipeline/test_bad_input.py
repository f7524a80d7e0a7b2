"""Bad input ends as a reject with a reason or as one clear line: nothing is lost, nothing hangs, no traceback."""

from __future__ import annotations

import ctypes
import gzip
import http.server
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from tests.pipeline.corpora import ROOT, command, curate, digests, environment, long_topics, page, write_config, write_inputs, write_warc

GOOD = [page(*topic) for topic in long_topics()[:3]]
LONG_LINE = 100_000_000


def configure(folder: Path, **sources: Any) -> Path:
    """A configuration whose sources are given as name={...}, beside one good page that makes a document."""
    write_warc(folder / "good.warc.gz", GOOD[:1])
    listed = [{"name": "good", "kind": "web", "paths": [str(folder / "good.warc.gz")]}]
    listed += [{"name": name, **source} for name, source in sources.items()]
    return write_config(folder / "bad.yaml", {"name": "bad", "output": str(folder / "runs"), "sources": listed})


def outcome(folder: Path, source: str) -> tuple[int, dict[str, int]]:
    """Documents, and rejects by reason, of a source."""
    run = folder / "runs" / "bad"
    documents = pq.read_table(run / "documents", columns=["source"])["source"].to_pylist().count(source)
    reasons: dict[str, int] = {}
    for row in pq.read_table(run / "rejects", columns=["source", "reason"]).to_pylist():
        if row["source"] == source:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    return documents, reasons


def test_files_that_are_not_what_they_seem(tmp_path: Path) -> None:
    """Each in its own source; one command over all of them."""
    whole = write_warc(tmp_path / "whole.warc.gz", GOOD).read_bytes()
    files: dict[str, tuple[str, str, bytes]] = {
        "empty_warc": ("web", "empty.warc.gz", b""),
        "empty_book": ("book", "empty.txt", b""),
        "empty_rows": ("table", "empty.jsonl", b""),
        "truncated": ("web", "truncated.warc.gz", whole[:-200]),
        "text_named_gzip": ("web", "text.warc.gz", b"this is not gzip\n" * 10),
        "gzip_of_text": ("web", "gzip-of-text.warc.gz", gzip.compress(b"this is not WARC\n" * 10, mtime=0)),
        "text_as_rows": ("table", "text.jsonl.gz", b"this is not gzip\n" * 10),
        "broken_line": ("table", "rows.jsonl", b'{"text": "one good line of text"}\n{"text": \n{"text": "and another good line"}\n'),
        "invalid_utf8": ("table", "invalid.jsonl", b'{"text": "caf\xe9"}\n{"text": "good"}\n'),
        "invalid_book": ("book", "latin.txt", "Ein schöner Tag für Bücher.\n".encode("latin-1") * 50),
    }
    sources: dict[str, Any] = {}
    for name, (kind, file, content) in files.items():
        (tmp_path / file).write_bytes(content)
        sources[name] = {"kind": kind, "paths": [str(tmp_path / file)]}
    pq.write_table(pa.table({"body": ["a", "b"]}), tmp_path / "no-text.parquet")
    sources["no_text_column"] = {"kind": "table", "paths": [str(tmp_path / "no-text.parquet")]}
    with zipfile.ZipFile(tmp_path / "no-spine.epub", "w") as epub:
        epub.writestr("mimetype", "application/epub+zip")
        rootfile = '<rootfiles><rootfile full-path="book.opf"/></rootfiles>'
        epub.writestr(
            "META-INF/container.xml", f'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">{rootfile}</container>'
        )
        epub.writestr("book.opf", '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest/></package>')
    sources["no_spine"] = {"kind": "book", "paths": [str(tmp_path / "no-spine.epub")]}
    curate("extract", configure(tmp_path, **sources))
    found = {name: outcome(tmp_path, name) for name in sources}
    assert found["broken_line"] == (2, {"not JSON": 1})
    assert found["invalid_utf8"][0] == 1
    assert sum(found["invalid_utf8"][1].values()) == 1
    assert found["invalid_book"] == (1, {})
    assert found["truncated"][0] == 2
    assert sum(found["truncated"][1].values()) == 1
    for name in ("empty_warc", "empty_book", "text_named_gzip", "gzip_of_text", "no_text_column", "no_spine"):
        documents, reasons = found[name]
        assert (documents, sum(reasons.values())) == (0, 1), (name, found[name])
    assert found["text_as_rows"][0] == 0
    assert sum(found["text_as_rows"][1].values()) > 0


def test_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """One reject in a table that caps its records; one document's worth of work in a book; the rows beside it are read."""
    with (tmp_path / "long.jsonl").open("wb") as file:
        file.write(b'{"text": "before"}\n{"text": "')
        for _ in range(100):
            file.write(b"word " * (LONG_LINE // 500))
        file.write(b'"}\n{"text": "after"}\n')
    with (tmp_path / "long.txt").open("wb") as file:
        for _ in range(100):
            file.write(b"word " * (LONG_LINE // 500))
    sources = {
        name: {"kind": kind, "paths": [str(tmp_path / f"long.{end}")]}
        for name, kind, end in [("rows", "table", "jsonl"), ("book", "book", "txt")]
    }
    curate("extract", configure(tmp_path, **sources))
    documents, reasons = outcome(tmp_path, "rows")
    assert documents == 2
    assert sum(reasons.values()) == 1
    documents, reasons = outcome(tmp_path, "book")
    assert documents + sum(reasons.values()) == 1


def test_a_folder_without_read_permission_is_one_line(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "book.txt").write_text("text")
    config = configure(tmp_path, books={"kind": "book", "paths": [str(secret)]})
    secret.chmod(0)
    listed = subprocess.run(["ls", secret], check=False, capture_output=True, preexec_fn=drop_override)
    if listed.returncode == 0:
        secret.chmod(0o700)
        pytest.skip("this user reads folders without permission and cannot give that up")
    done = subprocess.run(
        command("extract", config), check=False, capture_output=True, text=True, cwd=ROOT, preexec_fn=drop_override, env=environment()
    )
    secret.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert str(secret) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def drop_override() -> None:
    """Root reads everything by CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2); without them it is a user like others."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "no-such.yaml"], "'no-such.yaml' does not exist"),
        (["extract", "{config}", "--set", "sources.0.paths=[nowhere/*.warc.gz]"], "'nowhere/*.warc.gz'"),
        (["run", "{config}", "--set", "signals.language_model=nowhere.bin"], "'nowhere.bin'"),
        (["run", "{config}", "--set", "output=/proc/nowhere"], "/proc/nowhere"),
        (["filter", "{config}"], "stage 'extract'"),
        (["train", "{config}"], "section 'train'"),
        (["run", "{config}", "--set", "dedup.bands=0"], "dedup.bands"),
        (["run", "{config}", "--set", "runner.name=NoRunner"], "NoRunner"),
    ],
)
def test_a_wrong_argument_is_one_line_that_quotes_it(tmp_path: Path, arguments: list[str], says: str) -> None:
    config = configure(tmp_path)
    done = curate(*(argument.format(config=config) for argument in arguments), status=2)
    assert says in done.stderr
    assert done.stderr.startswith("curate: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_of_every_command() -> None:
    overall = curate("--help").stdout
    runner = CliRunner()
    for name in (
        "run",
        "crawl",
        "extract",
        "filter",
        "dedup",
        "train-tokenizer",
        "tokenize",
        "train",
        "evaluate",
        "generate",
        "report",
        "schema",
    ):
        assert name in overall
        done = runner.invoke(app, [name, "--help"])
        assert done.exit_code == 0
        assert name == "schema" or "CONFIG" in done.stdout


@pytest.mark.parametrize("size_kb", [150, 400, 650])
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(tmp_path: Path, size_kb: int) -> None:
    """The sizes end in different stages."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a tmpfs: " + mounted.stderr.decode().strip())
    try:
        values = write_inputs(tmp_path / "inputs")
        config = write_config(tmp_path / "small.yaml", values)
        done = curate("run", config, "--set", f"output={disk}", status=2)
        assert "No space left on device" in done.stderr
        assert not [file for file in disk.rglob("*.parquet") if not pq.ParquetFile(file).metadata.num_columns]
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        curate("run", config, "--set", f"output={disk}")
        curate("run", config)
        assert digests(disk / "small") == digests(tmp_path / "runs" / "small")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_crawl_server_that_goes_away(tmp_path: Path) -> None:
    """Pages fetched before are documents; those after are rejects with a reason; the next run has nothing to fetch again."""
    folder = tmp_path / "site"
    folder.mkdir()
    pages = [page(*topic) for topic in long_topics()[:6]]
    for url, body in pages:
        (folder / f"{url.rsplit('/', 1)[1]}.html").write_bytes(body)
    links = "".join(f'<a href="/{file.name}">{file.stem}</a> ' for file in sorted(folder.glob("*.html")))
    served = []

    class Leaving(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.append(self.path)
            if self.path in {"/robots.txt", "/.well-known/tdmrep.json"}:
                self.send_error(404)
            elif self.path == "/":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(links.encode())
            elif len(served) > 6:
                self.close_connection = True  # not a word
            else:
                self.directory = str(folder)
                super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Leaving) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seed = f"http://127.0.0.1:{server.server_address[1]}/"
        crawl = {"seeds": [seed], "delay_s": 0.0, "allow_private": True, "retries": 0, "timeout_s": 2.0}
        config = configure(tmp_path, site={"kind": "web", "crawl": crawl})
        curate("crawl", config)
        curate("extract", config)
        server.shutdown()
    documents, reasons = outcome(tmp_path, "site")
    assert documents + reasons.get("no main text", 0) >= 3
    rejects = pq.read_table(tmp_path / "runs" / "bad" / "rejects").to_pylist()
    assert len([row for row in rejects if row["stage"] == "crawl"]) == 3, rejects


def test_a_corpus_in_which_nothing_is_left_says_so(tmp_path: Path) -> None:
    config = configure(tmp_path)
    done = curate("run", config, "--set", "filter.language.keep=[ja]", status=2)
    assert "no document" in done.stderr
    shutil.rmtree(tmp_path / "runs")
