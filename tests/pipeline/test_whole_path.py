"""From files to shards: nothing is lost, nothing depends on workers or files, and a killed run ends where an undisturbed one does."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.pipeline.corpora import (
    ROOT,
    TINY_MODEL,
    command,
    curate,
    digests,
    environment,
    long_topics,
    page,
    write_config,
    write_inputs,
    write_warc,
)
from tokenizer.encode import Encoder
from tokenshards.reader import TokenShards, verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run without training."""
    folder = tmp_path_factory.mktemp("whole")
    config = write_config(folder / "small.yaml", write_inputs(folder / "inputs"))
    curate("run", config)
    return folder


def table(run: Path, name: str) -> Any:
    return pq.read_table(run / name)


def kept_texts(run: Path) -> set[str]:
    documents, decisions = table(run, "documents"), table(run, "decisions")
    return set(documents["text"].filter(decisions["keep"]).to_pylist())


def test_every_record_is_a_document_or_a_reject(whole: Path) -> None:
    run = whole / "runs" / "small"
    documents, rejects, decisions = table(run, "documents"), table(run, "rejects"), table(run, "decisions")
    chosen = long_topics()
    web, books, rows = len(chosen[::3]) + 1, len(chosen[1::3]), len(chosen[2::3]) + 1
    files = len(list((whole / "inputs" / "code").rglob("*.py")))
    assert documents.num_rows + rejects.num_rows == web + books + rows + files
    assert decisions["doc_id"].equals(documents["doc_id"])
    assert rejects["reason"].to_pylist() == ["not JSON"]
    removed = decisions.filter(np.logical_not(decisions["keep"].to_numpy()))
    assert removed["rule"].null_count == 0


def test_a_copied_page_is_removed_in_favour_of_its_survivor(whole: Path) -> None:
    run = whole / "runs" / "small"
    documents, decisions = table(run, "documents"), table(run, "decisions")
    (rule,) = {
        row["rule"]: row for row in decisions.append_column("locator", documents["locator"]).to_pylist() if row["stage"] == "dedup"
    }.values()
    assert rule["rule"] in {"exact duplicate", "same words", "near duplicate"}
    assert rule["survivor_id"] in set(documents["doc_id"].filter(decisions["keep"]).to_pylist())


def test_shards_give_back_the_kept_texts(whole: Path) -> None:
    run = whole / "runs" / "small"
    encoder = Encoder.load(run / "tokenizer" / "tokenizer.model")
    verify(run / "shards")
    texts = set()
    for split in ("train", "validation"):
        shards = TokenShards(run / "shards", split)
        texts |= {encoder.decode(shards.document(i)[:-1]) for i in range(len(shards))}
        assert shards.table().num_rows == len(shards)
    assert texts == kept_texts(run)


def test_validation_documents_stay_out_of_the_tokenizer_sample(whole: Path) -> None:
    run = whole / "runs" / "small"
    held_out = set(TokenShards(run / "shards", "validation").table()["doc_id"].to_pylist())
    assert held_out
    assert not held_out & set(table(run, "tokenizer/sample")["doc_id"].to_pylist())


def test_a_second_run_does_nothing_and_says_so(whole: Path) -> None:
    before = digests(whole / "runs")
    done = curate("run", whole / "small.yaml")
    assert "Nothing to do" in done.stderr
    assert digests(whole / "runs") == before


def test_a_changed_threshold_does_not_extract_again(whole: Path, tmp_path: Path) -> None:
    done = curate("run", whole / "small.yaml", "--set", "dedup.threshold=0.9")
    lines = {line.split()[0]: line for line in done.stderr.splitlines()}
    assert "up to date" in lines["extract"]
    assert "up to date" in lines["filter"]
    assert "up to date" not in lines["dedup"]
    curate("run", whole / "small.yaml")  # back to what the other tests read


def test_two_workers_give_what_one_gives(whole: Path, tmp_path: Path) -> None:
    curate("run", whole / "small.yaml", "--set", f"output={tmp_path}", "--set", "runner={workers: 2, small_job_bytes: 0}")
    assert digests(tmp_path / "small") == digests(whole / "runs" / "small")


def test_splitting_and_renaming_inputs_changes_no_text_and_no_shard(whole: Path, tmp_path: Path) -> None:
    """The keep-set is a function of the records, not of the files they came in."""
    values = write_inputs(tmp_path / "inputs")
    chosen = long_topics()[::3]
    pages = [page(*topic) for topic in chosen] + [page(f"{chosen[0][0]}-copy", chosen[0][1])]
    for file in (tmp_path / "inputs").glob("*.warc.gz"):
        file.unlink()
    for i in range(4):
        write_warc(tmp_path / "inputs" / f"part-{9 - i}.warc.gz", reversed(pages[i::4]))
    curate("run", write_config(tmp_path / "small.yaml", values))
    ours, theirs = tmp_path / "runs" / "small", whole / "runs" / "small"
    assert kept_texts(ours) == kept_texts(theirs)
    for name in ("tokenizer/tokenizer.model", "shards/manifest.json", "shards/documents.parquet", "shards/train-00000.bin"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback with an index and a dozen pages."""
    folder = tmp_path / "site"
    folder.mkdir()
    pages = [page(*topic) for topic in long_topics()[:12]]
    for url, body in pages:
        (folder / f"{url.rsplit('/', 1)[1]}.html").write_bytes(body)
    links = "".join(f'<a href="{file.name}">{file.stem}</a> ' for file in sorted(folder.glob("*.html")))
    (folder / "index.html").write_text(f"<html><body>{links}</body></html>")
    for file in folder.glob("*.html"):
        os.utime(file, (0, 0))  # Last-Modified is part of the response

    class Slow(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.05)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Slow, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_killed_in_every_stage_and_run_again_it_ends_the_same(tmp_path: Path, site: str) -> None:
    """SIGKILL to the driver once in each stage; the run that follows goes on; every file in the end is that of an undisturbed run."""
    pytest.importorskip("torch", reason="training needs torch")
    values = write_inputs(tmp_path / "inputs")
    crawl = {"seeds": [site], "delay_s": 0.0, "allow_private": True, "timestamp": "2026-01-01T00:00:00Z"}
    values["sources"].append({"name": "site", "kind": "web", "crawl": crawl})
    values |= {"train": TINY_MODEL, "generate": {"prompts": ["The "], "tokens": 8}, "runner": {"workers": 2, "small_job_bytes": 0}}
    config = write_config(tmp_path / "small.yaml", values)
    curate("run", config, "--set", f"output={tmp_path / 'undisturbed'}", "--set", "runner.workers=1")
    run = tmp_path / "runs" / "small"
    killed = []
    for stage in ("crawl", "extract", "filter", "dedup", "train-tokenizer", "tokenize", "train", "evaluate", "generate", "report"):
        process = subprocess.Popen(command("run", config), cwd=ROOT, stderr=subprocess.PIPE, env=environment())
        begun, finished = run / stage / "_previous.json", run / stage / "_manifest.json"
        while process.poll() is None and not begun.exists() and not finished.exists():
            time.sleep(0.002)
        time.sleep({"crawl": 0.3, "extract": 1.0, "train": 0.5}.get(stage, 0.05))
        if not finished.exists():
            process.send_signal(signal.SIGKILL)
            killed.append(stage)
        process.wait(timeout=120)
        process.stderr.close()  # type: ignore[union-attr]
    assert {"crawl", "extract", "dedup", "train-tokenizer", "tokenize", "train"} <= set(killed), killed
    curate("run", config)
    theirs = digests(tmp_path / "undisturbed" / "small", leave_out=["model/checkpoint"])
    assert digests(run, leave_out=["model/checkpoint"]) == theirs
    assert json.loads((run / "evaluation" / "report.json").read_text())
