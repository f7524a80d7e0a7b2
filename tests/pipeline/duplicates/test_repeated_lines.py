"""Navigation and licences go, whatever the files, the workers and the memory; what stands in one document fewer stays."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from filters.cuts import apply_cuts
from pipeline.config import Config, load
from pipeline.decisions.ledger import find_run
from pipeline.decisions.why import lines as why_lines
from pipeline.decisions.why import why
from pipeline.duplicates.key_counts import KeyCounts, counts_type
from pipeline.duplicates.repeated_lines import find_repeated_lines
from pipeline.exchange import save_array
from pipeline.kept import kept_batches, kept_units
from pipeline.run import PartWriter, Receipt, Run, Unit
from pipeline.schema import DOCUMENTS, document_id
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from tests.pipeline.corpora import write_config

SIGNALS = pa.schema([("doc_id", pa.binary(16)), ("digest", pa.binary(16)), ("domain", pa.string())])
MENU = "• Home\n• Products and services\n• Terms of use and privacy\n• Contact us"
LICENCE = "This page may be copied and changed under the terms of the licence of its publisher."
Page = tuple[str, str | None, str]
"""Locator, domain and text."""


def pages_of(domain: str, count: int, furniture: Sequence[str] = (MENU, LICENCE)) -> list[Page]:
    """Pages of a domain, each with a text of its own between the same menu and licence."""
    top, bottom = furniture
    return [(f"http://{domain}/{n}", domain, f"{top}\n\nPage {n} of {domain}.\nExample\nIt ends at {n}.\n\n{bottom}") for n in range(count)]


def made(folder: Path, parts: dict[str, list[Page]], lines: dict[str, Any], **runner: Any) -> tuple[Run, Config, list[Unit]]:
    """A run whose parts hold these pages, three to a row group, every one a survivor."""
    sources = [{"name": name, "kind": kind, "paths": ["/nowhere"]} for name, kind in (("web", "web"), ("other", "web"), ("books", "book"))]
    config = Config.model_validate(
        {"name": "made", "output": str(folder), "sources": sources, "dedup": {"lines": lines}, "runner": {"workers": 1, **runner}}
    )
    run = Run(config.directory)
    for key, pages in parts.items():
        source = next((source for source in config.sources if key.startswith(source.name)), config.sources[0])
        with PartWriter(run.part("documents", key), DOCUMENTS) as documents, PartWriter(run.part("signals", key), SIGNALS) as signals:
            for begin in range(0, len(pages), 3):
                rows = [row_of(source.name, source.kind, page) for page in pages[begin : begin + 3]]
                documents.write(pa.Table.from_pylist(rows, DOCUMENTS))
                signals.write(pa.Table.from_pylist(rows, SIGNALS))
        save_array(run.path("dedup", "survivors", f"part-{key}.npy"), np.ones(len(pages), bool))
    return run, config, [Unit(key=key, fingerprint="", bytes=1) for key in parts]


def row_of(source: str, kind: str, page: Page) -> dict[str, Any]:
    locator, domain, text = page
    digest = xxhash.xxh3_128_digest(text.encode())
    known = {"doc_id": document_id(source, locator), "source": source, "kind": kind, "locator": locator, "text": text, "digest": digest}
    return dict.fromkeys(DOCUMENTS.names) | known | {"domain": domain}


def left_of(run: Run, units: Sequence[Unit]) -> dict[str, tuple[str, float]]:
    """Text and share that is left of each document, by locator."""
    found = {}
    for unit in units:
        with pq.ParquetFile(run.part("documents", unit.key)) as a, pq.ParquetFile(run.part("dedup/lines", unit.key)) as b:
            assert a.num_row_groups == b.num_row_groups
            for group in range(a.num_row_groups):
                rows = a.read_row_group(group, columns=["locator", "text"]).to_pylist()
                for row, cut in zip(rows, b.read_row_group(group).to_pylist(), strict=True):
                    found[row["locator"]] = apply_cuts(row["text"].encode(), cut["repeated_lines"] or []).decode(), cut["left"]
    return found


def cut_pages(folder: Path, parts: dict[str, list[Page]], lines: dict[str, Any], **runner: Any) -> dict[str, tuple[str, float]]:
    run, config, units = made(folder, parts, lines, **runner)
    find_repeated_lines(units, run, config)
    assert not run.path("dedup", "lines-work").exists()
    return left_of(run, units)


def ink(text: str) -> int:
    return len("".join(text.split()).encode())


def told(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "made" / "dedup" / "lines.json").read_text())
    return report


@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_one_copy_fewer_stays_and_one_domain_is_no_other(tmp_path: Path, unit: str) -> None:
    pages = [*pages_of("at.example", 5), *pages_of("above.example", 6), *pages_of("other.example", 1)]
    texts = {locator: text for locator, _, text in pages}
    left = cut_pages(tmp_path, {"web-1": pages[::2], "web-2": pages[1::2]}, {"unit": unit, "most_documents": 5})
    for locator, (text, share) in left.items():
        if "above" in locator:
            number = locator.rpartition("/")[2]
            assert text == f"Page {number} of above.example.\nExample\nIt ends at {number}.", "a line that stands alone is no furniture"
            assert share == pytest.approx(ink(text) / ink(texts[locator]))
        else:
            assert (text, share) == (texts[locator], 1)
    report = told(tmp_path)
    assert report["cut"]["documents"] == 6
    assert {(line["group"], line["documents"]) for line in report["lines"]} == {("above.example", 6)}
    shown = [line["text"] for line in report["lines"]]
    assert sorted(shown) == sorted([LICENCE, *(MENU.split("\n") if unit == "line" else [" ".join(MENU.split())])])


def test_a_share_of_the_documents_counted_together(tmp_path: Path) -> None:
    """0.29 of 100 is 29, though not in binary; the larger bound holds."""
    short, long = pages_of("small.example", 6), pages_of("large.example", 100, ("Top", "Bottom"))
    for count, furniture in (
        (29, "The first twenty nine pages of the site have this line"),
        (30, "and this line thirty of its pages have"),
    ):
        long[:count] = [(locator, domain, f"{text}\n{furniture}") for locator, domain, text in long[:count]]
    left = cut_pages(tmp_path, {"web": [*short, *long]}, {"most_documents": 3, "most_share": 0.29})
    assert all("licence" not in left[locator][0] for locator, _, _ in short)
    assert sum("twenty nine" in text for text, _ in left.values()) == 29
    assert sum("thirty" in text for text, _ in left.values()) == 0


def test_within_a_source_and_a_run_domains_count_together(tmp_path: Path) -> None:
    parts = {"web": [*pages_of("a.example", 2), *pages_of("b.example", 2)], "other": pages_of("c.example", 2), "books": pages_of("d", 9)}
    holding = {}
    for within in ("domain", "source", "run"):
        left = cut_pages(tmp_path / within, parts, {"within": within, "most_documents": 3})
        holding[within] = {locator.split("/")[2] for locator, (text, _) in left.items() if LICENCE in text}
    assert holding["domain"] == {"a.example", "b.example", "c.example", "d"}
    assert holding["source"] == {"c.example", "d"}
    assert holding["run"] == {"d"}, "books take no part"
    assert [told(tmp_path / within)["lines"][0]["group"] for within in ("source", "run")] == ["web", None]


def test_what_has_no_domain_counts_with_its_source(tmp_path: Path) -> None:
    pages = [(f"urn:{n}", None, text) for n, (_, _, text) in enumerate(pages_of("web", 4))]
    named = pages_of("web", 2)  # a domain of the source's name
    left = cut_pages(tmp_path, {"web": pages + named, "other": [(f"urn:o{n}", None, LICENCE) for n in range(3)]}, {"most_documents": 3})
    assert {locator for locator, (text, _) in left.items() if LICENCE not in text} == {f"urn:{n}" for n in range(4)}


def test_only_survivors_count_and_only_they_are_cut(tmp_path: Path) -> None:
    run, config, units = made(tmp_path, {"web": pages_of("a.example", 6)}, {"most_documents": 3})
    for kept in (3, 4):
        save_array(run.path("dedup", "survivors", "part-web.npy"), np.arange(6) >= 6 - kept)
        find_repeated_lines(units, run, config)
        assert [LICENCE in text for text, _ in left_of(run, units).values()] == ([True] * 6 if kept == 3 else [True] * 2 + [False] * 4)


def three_domains() -> list[Page]:
    return [page for size, domain in ((9, "a.example"), (30, "b.example"), (4, "c.example")) for page in pages_of(domain, size)]


def test_files_and_memory_change_nothing(tmp_path: Path) -> None:
    generator = random.Random(5)
    words = [f"line {n} of a long list of things" for n in range(5000)]
    pages = three_domains()
    pages += [(f"http://list.example/{n}", "list.example", "\n".join(generator.sample(words, 4000))) for n in range(8)]
    generator.shuffle(pages)
    lines = {"most_documents": 7, "most_share": 0.1}
    whole = cut_pages(tmp_path / "whole", {"web": pages}, lines)
    assert any(share < 1 for _, share in whole.values())
    split = {f"web-{n}": pages[n::5] for n in range(5)} | {"web-empty": []}
    for name, parts, memory in (("split", split, 1 << 30), ("memory", {"web": pages}, 1 << 20), ("both", split, 1 << 20)):
        assert cut_pages(tmp_path / name, parts, lines, memory_bytes=memory) == whole
        assert told(tmp_path / name) == told(tmp_path / "whole")


def test_workers_change_nothing(tmp_path: Path) -> None:
    pages = three_domains()
    one = cut_pages(tmp_path / "one", {"web": pages}, {"most_documents": 7})
    two = cut_pages(tmp_path / "two", {"web-1": pages[1::2], "web-2": pages[::2]}, {"most_documents": 7}, workers=2, small_job_bytes=0)
    assert two == one
    assert told(tmp_path / "two") == told(tmp_path / "one")
    assert told(tmp_path / "two")["cut"]["documents"] == 39


def test_counts_that_do_not_fit_go_to_files(tmp_path: Path) -> None:
    counts = KeyCounts(tmp_path, "part", counts_type(with_group=False), 1000)
    keys = np.arange(100, dtype=np.uint64)
    for _ in range(3):
        counts.add(np.repeat(keys, 2), np.repeat(keys.astype(np.int64), 2))
    counts.close()
    files = [np.load(file) for file in sorted(tmp_path.glob("*.npy"))]
    assert len(files) > 1
    assert sum(int(file["documents"].sum()) for file in files) == 300, "a key twice in a document counts once"


def test_no_documents_and_nothing_repeated(tmp_path: Path) -> None:
    assert cut_pages(tmp_path / "none", {"web": []}, {}) == {}
    assert cut_pages(tmp_path / "no-parts", {}, {"most_share": 0.5}) == {}
    one = [("http://a.example/1", "a.example", ""), ("http://a.example/2", "a.example", "same line\n" * 300_000), ("urn:3", None, "word")]
    left = cut_pages(tmp_path / "one", {"web": one}, {"most_documents": 1, "most_share": 0.3})
    assert [share for _, share in left.values()] == [1, 1, 1], "lines of one document are one document's"
    assert told(tmp_path / "one")["lines"] == []


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run of 30 rows with a template, as far as dedup; then its repeated lines."""
    folder = tmp_path_factory.mktemp("lines")
    generator = random.Random(1)
    words = [f"word{n}" for n in range(3000)]
    rows = [
        {"id": f"row-{n}", "text": f"{MENU}\n\nRow {n}: {' '.join(generator.sample(words, 120))}.\n\n\x1b[31m{LICENCE}"} for n in range(30)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = {"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl")], "columns": {"locator": "id"}}
    values = {"name": "small", "output": str(folder), "sources": [source], "filter": {"presets": {"table": []}}, "runner": {"workers": 1}}
    path = write_config(folder / "small.yaml", values)
    config = load(path, [LINES])
    run = Run(config.directory)
    for stage in (EXTRACT, FILTER, DEDUP):
        perform(stage, run, load(path))
    units = [Unit(key=key, fingerprint="", bytes=1) for key in run.keys("extract")]
    for unit in units:
        kept = pq.read_table(run.part("decisions", unit.key))["keep"].to_numpy()
        save_array(run.path("dedup", "survivors", f"part-{unit.key}.npy"), kept)
    find_repeated_lines(units, run, config)
    return run, path


LINES = "dedup.lines={kinds: [table]}"


def kept_texts(run: Run, config: Config) -> list[str]:
    return [text for key in run.keys("extract") for batch in kept_batches(run, key, config) for text in batch["text"].to_pylist()]


def test_text_read_again_is_cut(decided: tuple[Run, Path]) -> None:
    run, path = decided
    whole, cut = kept_texts(run, load(path)), kept_texts(run, load(path, [LINES]))
    assert len(cut) == len(whole) == 30
    assert all(LICENCE in text and text.startswith("• Home") for text in whole)
    assert cut == [next(line for line in text.split("\n") if line.startswith("Row")) for text in whole]


def test_passages_are_cut_with_the_lines(decided: tuple[Run, Path]) -> None:
    run, path = decided
    config = load(path, [LINES, "dedup.passages={}"])
    before = kept_texts(run, load(path, [LINES]))
    for key in run.keys("extract"):
        with pq.ParquetFile(run.part("documents", key)) as file, PartWriter(run.part("dedup/passages", key), PASSAGES) as writer:
            for group in range(file.num_row_groups):
                texts = [text.encode() for text in file.read_row_group(group, columns=["text"])["text"].to_pylist()]
                spans = [[text.index(b"Row") - 10, text.index(b": ") + 2] for text in texts]
                writer.write(pa.table([spans], schema=PASSAGES))
    assert kept_texts(run, config) == [text.partition(": ")[2] for text in before]
    target = pq.read_table(run.part("documents", run.keys("extract")[0]))["locator"][3].as_py()
    shown = "\n".join(why_lines(why(run, target, config)))
    assert "bytes of lines are cut, in 2 places" in shown
    assert "bytes of passages are cut, in 1 place\n" in shown


PASSAGES = pa.schema([("repeated_passages", pa.list_(pa.int32()))])


def test_why_shows_what_is_cut_and_no_escape(decided: tuple[Run, Path]) -> None:
    run, path = decided
    target = pq.read_table(run.part("documents", run.keys("extract")[0]))["locator"][0].as_py()
    (account,) = why(run, target, load(path, [LINES]))
    text = pq.read_table(run.part("documents", run.keys("extract")[0]))["text"][0].as_py()
    row = next(line for line in text.split("\n") if line.startswith("Row"))
    assert account["repeated"]["lines"]["bytes"] == len(text.encode()) - len(f"{row}\n\n".encode())
    shown = "\n".join(why_lines([account]))
    assert "line: '• Home • Products and services" in shown
    assert LICENCE[:60] in shown
    assert "\x1b" not in shown
    assert "repeated" not in "\n".join(why_lines(why(run, target, find_run(run.directory)[1])))


def test_stages_that_read_kept_text_are_stale_when_spans_change(decided: tuple[Run, Path]) -> None:
    run, path = decided
    config = load(path, [LINES])
    (key,) = run.keys("extract")
    parts = run.need("dedup").parts
    receipt = parts[key]
    file = f"dedup/lines/part-{key}.parquet"
    fingerprints = []
    for sha256 in ("one", "two"):
        outputs = {**receipt.outputs, file: {"bytes": run.path(file).stat().st_size, "sha256": sha256}}
        run.finish("dedup", "", {**parts, key: Receipt(receipt.fingerprint, outputs, receipt.counts)}, [])
        fingerprints += [unit.fingerprint for unit in kept_units(run, config, ["settings"])]
        fingerprints += [unit.fingerprint for unit in kept_units(run, load(path), ["settings"])]
    assert len(set(fingerprints)) == 3
    assert fingerprints[1] == fingerprints[3], "without the setting nothing of them is cut"
