"""What single stages owe a user beyond the whole path: guards, clones, clusters, a page that runs nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.kept import united
from pipeline.run import Run
from pipeline.stage import perform
from pipeline.stages.report import REPORT
from tests.pipeline.corpora import STDLIB, curate, long_topics, page, write_config, write_warc


def configure(folder: Path, *sources: dict[str, Any], **sections: Any) -> Path:
    return write_config(folder / "stages.yaml", {"name": "stages", "output": str(folder / "runs"), "sources": list(sources), **sections})


def test_a_rule_that_removes_nearly_everything_stops_the_run_with_examples(tmp_path: Path) -> None:
    write_warc(tmp_path / "a.warc.gz", [page(f"{name}-{copy}", text) for name, text in long_topics()[:41] for copy in range(3)])
    source = {"name": "pages", "kind": "web", "paths": [str(tmp_path / "a.warc.gz")]}
    config = configure(tmp_path, source, filter={"guard": 0.001, "presets": {"web": ["gopher@2021"]}})
    done = curate("run", config, status=2)
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("curate: 'gopher@2021 ")
    assert " of the 123 documents of source 'pages', more than filter.guard.source (0.001) allows" in message
    assert "http://example.org/" in message
    assert "filter.guard" in message
    # The stage does not count as done, and goes through once the guard is raised, without deciding again.
    again = curate("filter", config, status=2)
    assert "filter.guard" in again.stderr
    assert "kept" in curate("filter", config, "--set", "filter.guard=1").stderr


def test_a_repository_is_cloned_and_read_at_its_commit(tmp_path: Path) -> None:
    repository = tmp_path / "project"
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / "module.py").write_bytes((STDLIB / "textwrap.py").read_bytes())
    (repository / "LICENSE").write_text("Permission is hereby granted, free of charge, to any person obtaining a copy of this software\n")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    config = configure(tmp_path, {"name": "code", "kind": "code", "repositories": [str(repository)]})
    curate("crawl", config)
    curate("extract", config)
    (row,) = pq.read_table(tmp_path / "runs" / "stages" / "documents").to_pylist()
    assert row["locator"] == f"{repository}@{commit}:module.py" or row["locator"].endswith(f"project@{commit}:module.py")
    assert row["text"] == (STDLIB / "textwrap.py").read_text().replace("gward@python.net", "<personal:email>")


def test_the_survivor_of_a_cluster_is_its_longest_text(tmp_path: Path) -> None:
    """Three versions of one page, two of them equal; all name one cluster and the longest, and distinct pages name none."""
    (name, text), (other, other_text) = long_topics()[0], max(long_topics(), key=lambda topic: len(topic[1]))
    longer = text + "\n\nOne more paragraph at the end."
    pages = [page(f"{name}-1", text), page(f"{name}-2", longer), page(f"{name}-3", text), page(other, other_text)]
    pages = [(url, body.replace(f"<h1>{name}-".encode(), b"<h1>").replace(b"-1</h1>", b"</h1>")) for url, body in pages]
    write_warc(
        tmp_path / "a.warc.gz", [(url, body.replace(url.rsplit("/", 1)[1].encode(), name.encode())) for url, body in pages[:3]] + pages[3:]
    )
    source = {"name": "pages", "kind": "web", "paths": [str(tmp_path / "a.warc.gz")]}
    config = configure(tmp_path, source, filter={"presets": {"web": []}})
    for stage in ("extract", "filter", "dedup"):
        curate(stage, config)
    run = tmp_path / "runs" / "stages"
    locators = pq.read_table(run / "documents")["locator"].to_pylist()
    decisions = dict(zip(locators, pq.read_table(run / "decisions").to_pylist(), strict=True))
    survivor = decisions[f"http://example.org/{name}-2"]
    assert survivor["keep"]
    assert survivor["cluster_size"] == 3
    for copy in (1, 3):
        row = decisions[f"http://example.org/{name}-{copy}"]
        assert (row["keep"], row["stage"], row["rule"]) == (False, "dedup", "near duplicate")
        assert row["survivor_id"] == survivor["doc_id"]
        assert row["cluster_id"] == survivor["cluster_id"]
        assert 0.7 <= row["value"] < 1
    assert decisions[f"http://example.org/{other}"]["keep"]
    assert decisions[f"http://example.org/{other}"]["cluster_id"] is None


@pytest.mark.parametrize("copies", [1, 300])
def test_a_corpus_of_one_page_or_of_copies_of_it(tmp_path: Path, copies: int) -> None:
    """Whatever the number of copies, one document goes on; and a wordless text duplicates nothing but its equal."""
    text = long_topics()[0][1]
    rows = (json.dumps({"text": text}) + "\n") * copies + '{"text": "!!!"}\n{"text": "???"}\n'
    (tmp_path / "rows.jsonl").write_text(rows)
    source = {"name": "rows", "kind": "table", "paths": [str(tmp_path / "rows.jsonl")]}
    config = configure(tmp_path, source, filter={"presets": {"table": []}})
    for stage in ("extract", "filter", "dedup"):
        curate(stage, config)
    decisions = pq.read_table(tmp_path / "runs" / "stages" / "decisions").to_pylist()
    assert sum(row["keep"] for row in decisions) == 3
    assert {row["rule"] for row in decisions if not row["keep"]} == ({"exact duplicate"} if copies > 1 else set())


def test_a_run_killed_between_a_receipt_and_the_manifest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "good.py").write_bytes((STDLIB / "textwrap.py").read_bytes())
    path = configure(tmp_path, {"name": "code", "kind": "code", "paths": [str(folder)]})
    curate("extract", path)
    config = load(path)
    run = Run(config.directory)

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Run, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            perform(REPORT, run, config)
    assert perform(REPORT, run, config)
    assert not perform(REPORT, run, config)
    assert (config.directory / "report" / "index.html").exists()


def test_the_report_escapes_what_a_model_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "good.py").write_bytes((STDLIB / "textwrap.py").read_bytes())
    config = configure(tmp_path, {"name": "code", "kind": "code", "paths": [str(folder)]})
    curate("extract", config)
    samples = tmp_path / "runs" / "stages" / "samples"
    samples.mkdir()
    (samples / "samples.json").write_text(json.dumps([{"prompt": "<b>", "text": "</pre><script>alert(1)</script>"}]))
    curate("report", config)
    html = (tmp_path / "runs" / "stages" / "report" / "index.html").read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@given(st.lists(st.lists(st.integers(0, 60), max_size=8).map(sorted).map(lambda edges: edges[: len(edges) // 2 * 2]), max_size=3))
def test_united_spans_cover_what_their_rules_cover_and_do_not_overlap(rules: list[list[int]]) -> None:
    covered = {place for flat in rules for start, end in zip(flat[::2], flat[1::2], strict=True) for place in range(start, end)}
    merged = united(rules)
    assert merged == sorted(merged)
    assert {place for start, end in zip(merged[::2], merged[1::2], strict=True) for place in range(start, end)} == covered
