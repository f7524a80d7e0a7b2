"""One corpus on every runner, with any number of workers, from files of any name and cut: the same texts are kept, in the same bytes."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config, load
from pipeline.run import Run, Unit
from pipeline.runners import Told, run_units
from pipeline.settings.stages import Runner
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from tests.pipeline.corpora import ROOT, curate, digests, environment, long_topics, page, write_config, write_warc

Page = tuple[str, bytes]
# A worker process that outlives jobs: Beam's pool, on a port of the system's choice, which it prints.
POOL = """
import time
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer as Pool
address, server = Pool.start()  # the server ends with its last reference
print(address, flush=True)
time.sleep(600)
"""
START_S, JOBS_S = 60, 180


def near(text: str, seed: int) -> str:
    """The text with one word of 300 replaced, and longer: similar at about 0.97 by its shingles."""
    generator = random.Random(seed)
    words = text.split(" ")
    return " ".join(f"other{seed}" if generator.random() < 1 / 300 else word for word in words) + f"\n\nEdition {'again ' * (seed + 2)}"


def pages() -> list[Page]:
    """Twelve topics; four of them again under other addresses, and four more with a few words changed."""
    chosen = long_topics()[:12]
    exact = [page(f"{name}-copy", text) for name, text in chosen[:4]]
    return (
        [page(*topic) for topic in chosen] + exact + [page(f"{name}-edition", near(text, i)) for i, (name, text) in enumerate(chosen[2:6])]
    )


def books() -> list[str]:
    """Texts of books: three topics, one of them twice, one in a second edition, and one that is a page as well."""
    texts = [text for _, text in long_topics()]
    return [texts[12], texts[13], texts[12], near(texts[13], 9), texts[0]]


def write_corpus(folder: Path, warcs: Sequence[Sequence[Page]], rename: str = "") -> Path:
    """A configuration over web files with these pages, and over one file for each book."""
    folder.mkdir(parents=True)
    for number, each in enumerate(warcs):
        write_warc(folder / f"{rename}{number}.warc.gz", each)
    (folder / "books").mkdir()
    for number, text in enumerate(books()):
        (folder / "books" / f"{rename}{number}.txt").write_text(text, encoding="utf-8")
    values = {
        "name": "small",
        "output": str(folder / "runs"),
        "sources": [
            {"name": "pages", "kind": "web", "paths": [str(folder / "*.warc.gz")]},
            {"name": "books", "kind": "book", "paths": [str(folder / "books")], "licence": "PSF-2.0"},
        ],
        "filter": {"presets": {}, "guard": 1.0},
        "dedup": {"scope": "run"},
    }
    return write_config(folder / "small.yaml", values)


def until_dedup(config: Path, **changes: Any) -> Path:
    """The run directory after extract, filter and dedup, in this process."""
    settings: Config = load(config, [f"{key}={json.dumps(value)}" for key, value in changes.items()])
    run = Run(settings.directory)
    with run.locked():
        for stage in (EXTRACT, FILTER, DEDUP):
            perform(stage, run, settings)
    return run.directory


def kept(run: Path) -> list[str]:
    """sha256 of every kept text, sorted."""
    documents, decisions = pq.read_table(run / "documents"), pq.read_table(run / "decisions")
    assert documents["doc_id"].equals(decisions["doc_id"])
    return sorted(hashlib.sha256(text.encode()).hexdigest() for text in documents["text"].filter(decisions["keep"]).to_pylist())


def cut(items: Sequence[Page], parts: int) -> list[Sequence[Page]]:
    return [items[k::parts] for k in range(parts)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("runners") / "corpus", cut(pages(), 3))


@pytest.fixture(scope="module")
def in_memory(config: Path) -> Path:
    """The run that others are compared with: one worker, in this process."""
    return until_dedup(config, runner={"workers": 1})


@pytest.fixture(scope="module")
def job_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Settings of a runner: Beam's portable job service and a worker pool, each a process of its own on loopback."""
    folder = tmp_path_factory.mktemp("service")
    main = "apache_beam.runners.portability.local_job_service_main"
    service = [sys.executable, "-m", main, "--port_file", str(folder / "port"), "--staging_dir", str(folder / "staging")]
    with (
        (folder / "service.log").open("w") as log,
        subprocess.Popen(service, cwd=folder, stdout=log, stderr=log, env=environment()) as server,
        subprocess.Popen([sys.executable, "-c", POOL], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env=environment(), text=True) as pool,
    ):
        try:
            deadline = time.monotonic() + START_S
            while not (folder / "port").exists():
                assert server.poll() is None, (folder / "service.log").read_text()
                assert time.monotonic() < deadline, "the job service has not come up"
                time.sleep(0.05)
            assert pool.stdout is not None
            address = pool.stdout.readline().strip()
            assert address, (folder / "service.log").read_text()
            endpoint = f"localhost:{(folder / 'port').read_text()}"
            options = {"job_endpoint": endpoint, "environment_type": "EXTERNAL", "environment_config": address}
            yield {"name": "PortableRunner", "options": options}
        finally:
            server.terminate()
            pool.terminate()


def test_planted_duplicates_are_removed(in_memory: Path) -> None:
    """Of 20 pages and 5 books remain 12 topics as pages and 2 as books: one text of each cluster."""
    decisions = pq.read_table(in_memory / "decisions")
    rules = Counter(decisions["rule"].filter(pc.equal(decisions["stage"], "dedup")).to_pylist())
    assert set(rules) == {"exact duplicate", "near duplicate"}
    assert (len(kept(in_memory)), rules.total(), decisions.num_rows) == (14, 11, 25)


def test_four_processes_give_the_bytes_of_one(config: Path, in_memory: Path, tmp_path: Path) -> None:
    """Of dedup alone, on top of what one worker extracted; test_whole_path has all stages on two workers."""
    shutil.copytree(in_memory, tmp_path / "small")
    for folder in ("dedup", "decisions"):
        shutil.rmtree(tmp_path / "small" / folder)
    run = until_dedup(config, output=str(tmp_path), runner={"workers": 4, "small_job_bytes": 0})
    assert digests(run) == digests(in_memory)


def test_a_job_service_with_a_worker_of_its_own_gives_the_same_bytes(
    config: Path, in_memory: Path, tmp_path: Path, job_service: dict[str, Any]
) -> None:
    # In a thread: a service that hangs must not hang the tests.
    done: list[Path] = []
    thread = threading.Thread(target=lambda: done.append(until_dedup(config, output=str(tmp_path), runner=job_service)), daemon=True)
    thread.start()
    thread.join(JOBS_S)
    assert done, f"no result within {JOBS_S} s"
    assert digests(done[0]) == digests(in_memory)


def test_less_memory_gives_the_same_decisions(config: Path, in_memory: Path, tmp_path: Path) -> None:
    run = until_dedup(config, output=str(tmp_path), runner={"workers": 1, "memory_bytes": 1 << 20})
    assert digests(run / "decisions") == digests(in_memory / "decisions")


@pytest.mark.parametrize("change", ["renamed", "reordered", "split", "merged"])
def test_files_do_not_decide_what_is_kept(in_memory: Path, tmp_path: Path, change: str) -> None:
    files = {
        "renamed": cut(pages(), 3),
        "reordered": [each[::-1] for each in cut(pages(), 3)][::-1],
        "split": cut(pages()[::-1], 7),
        "merged": [pages()],
    }[change]
    run = until_dedup(write_corpus(tmp_path / "corpus", files, rename="z-" if change == "renamed" else ""), runner={"workers": 1})
    assert kept(run) == kept(in_memory)


def refuse(unit: Unit) -> None:
    raise ValueError(f"sources.{unit.key}: 'tetx' is no column; write 'text'")


@pytest.mark.parametrize("where", ["in memory", "processes", "job service"])
def test_a_users_error_in_a_worker_comes_out_as_its_line(
    where: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"in memory": {"workers": 1}, "processes": {"workers": 2, "small_job_bytes": 0}}.get(where)
    runner = Runner(**(settings or request.getfixturevalue("job_service")))
    units = [Unit(key=key, fingerprint="", bytes=1) for key in ("a", "b")]
    with pytest.raises(ValueError, match=r"^sources\.[ab]: 'tetx' is no column; write 'text'$"):
        run_units("refuse", units, Told(refuse), runner)
    assert not caplog.records


def test_a_users_error_on_a_job_service_is_one_line_of_the_command(config: Path, tmp_path: Path, job_service: dict[str, Any]) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "documents").write_text("a file where a folder should be")
    done = curate("extract", config, "--set", f"output={tmp_path}", "--set", f"runner={json.dumps(job_service)}", status=2, timeout_s=120)
    assert done.stderr.splitlines()[-1].startswith("curate: ")
    assert "documents" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"environment_type": "LOOPBACK"}, "runner.options.job_endpoint: missing"),
        ({"job_endpoint": "localhost:1"}, "runner.options.environment_type: missing"),
        (
            {"job_endpoint": "localhost:1", "environment_type": "LOOPBACK", "job_server_timeout": 1},
            "runner.options.job_endpoint: no job service answers at 'localhost:1'",
        ),
    ],
)
def test_a_job_service_that_is_not_there_is_one_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as error:
        run_units("none", [Unit(key="a", fingerprint="", bytes=1)], Told(refuse), Runner(name="PortableRunner", options=options))
    assert "\n" not in str(error.value)
