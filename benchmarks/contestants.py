"""One run of each contestant of the whole path on the same WARC files, and what came out of it, read from what each leaves on disk."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks.environments import ROOT
from benchmarks.measure import Cost, measure
from filters.language.identify import bundled_model

BENCHMARKS = Path(__file__).resolve().parent
VOCABULARY = 8192
SOURCE = "docs"
# Reasons of rejects that the extractor gave; all others are those of tests before it.
TRIED = frozenset({"no main text", "extractor failed"})
Reasons = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Outcome:
    """What one run made of the pages: documents after each stage, why the others went (stage, reason: count), and which stayed (URLs)."""

    documents: dict[str, int]
    reasons: Reasons
    kept_by_rules: frozenset[str]
    kept: frozenset[str]
    stage_cpu_s: dict[str, float]
    removed_because: dict[str, str] = field(default_factory=dict)
    """By URL, where the contestant tells."""
    tried: frozenset[str] = frozenset()
    """URLs of the pages that were given to the extractor."""


def settings(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Our configuration of the same steps."""
    return {
        "name": "whole-path",
        "output": str(folder),
        "sources": [{"name": SOURCE, "kind": "web", "paths": [str(file) for file in files]}],
        "extract": {"screen": {"languages": ["en"]}},
        "filter": {"language": {"keep": ["en"], "minimum": 0.65}, "presets": {"web": ["fineweb-pipeline@2024"]}},
        "tokenizer": {"vocabulary": VOCABULARY},
        "runner": {"workers": 1},
    }


def run_ours(files: Sequence[Path], folder: Path) -> tuple[Cost, Outcome]:
    """`curate run` in a new run directory."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings(files, folder)))
    cost = measure([sys.executable, "-m", "pipeline.cli", "run", str(config)], cwd=ROOT, log=folder / "log.txt")
    return cost, read_ours(folder / "whole-path")


def read_ours(run: Path) -> Outcome:
    """The outcome of a run directory, from its manifests and tables."""
    totals = {stage: _totals(run, stage) for stage in ("extract", "filter", "dedup", "tokenize")}
    reasons: Reasons = {
        "extract": {reason: count["records"] for reason, count in totals["extract"]["rejects"].items()},
        "filter": {rule: count["documents"] for rule, count in totals["filter"]["removed"].items()},
        "dedup": {rule: count["documents"] for rule, count in totals["dedup"]["removed"].items()},
    }
    documents = {
        "pages": totals["extract"]["records"],
        "extracted": totals["extract"]["documents"],
        "english": totals["filter"]["documents"] - reasons["filter"].get("language", 0),
        "kept_by_rules": totals["filter"]["kept"],
        "kept": totals["dedup"]["kept"],
        "tokens": sum(split["tokens"] for split in totals["tokenize"].values()),
    }
    removed_because = dict(_columns(run, "rejects", "locator", "reason"))
    locators = [locator for (locator,) in _columns(run, "documents", "locator")]
    verdicts = _columns(run, "decisions", "keep", "stage", "rule")
    kept, kept_by_rules = set(), set()
    for locator, (keep, stage, rule) in zip(locators, verdicts, strict=True):
        if keep or stage == "dedup":
            kept_by_rules.add(locator)
        if keep:
            kept.add(locator)
        else:
            removed_because[locator] = rule
    without_text = [locator for locator, reason in _columns(run, "rejects", "locator", "reason") if reason in TRIED]
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return Outcome(
        documents,
        reasons,
        frozenset(kept_by_rules),
        frozenset(kept),
        stage_cpu_s={row["stage"]: row["cpu_s"] for row in rows},
        removed_because=removed_because,
        tried=frozenset([*locators, *without_text]),
    )


def _totals(run: Path, stage: str) -> dict[str, Any]:
    totals: dict[str, Any] = json.loads((run / stage / "_manifest.json").read_text())["totals"]["sources"][SOURCE]
    return totals


def _columns(run: Path, folder: str, *names: str) -> Iterable[tuple[Any, ...]]:
    tables = [pq.read_table(file, columns=list(names)) for file in sorted((run / folder).glob("part-*.parquet"))]
    return [row for part in tables for row in zip(*(part[name].to_pylist() for name in names), strict=True)]


def run_datatrove(python: Path, files: Sequence[Path], folder: Path, pages: int) -> tuple[Cost, Outcome]:
    """The same steps in datatrove's environment."""
    inputs, out = folder / "in", folder / "out"
    inputs.mkdir()
    out.mkdir()
    for file in files:
        (inputs / file.name).symlink_to(file)
    script = BENCHMARKS / "peers" / "datatrove_path.py"
    command = [str(python), "-I", str(script), str(inputs), str(out), str(bundled_model()), str(VOCABULARY)]
    # Its copy of the language model goes to the run's folder; one thread for `tokenizers`, since one worker is asked for.
    environment = {"HF_ASSETS_CACHE": str(folder / "assets"), "HF_HUB_OFFLINE": "1", "RAYON_NUM_THREADS": "1"}
    cost = measure(command, cwd=folder, environment=environment, log=folder / "log.txt")
    return cost, read_datatrove(out, pages)


def read_datatrove(out: Path, pages: int) -> Outcome:
    """The outcome, from the statistics that datatrove writes for each step and from its JSONL files."""
    reader, extractor, *filters = _steps(out, "rules")[:-1]
    read, extracted = _count(reader, "documents"), _count(extractor, "forwarded")
    # WarcReader passes over what libmagic does not call HTML: XHTML that begins with an XML declaration is text/xml to it.
    refused = {"not HTML to libmagic": pages - read, "no text": _count(extractor, "dropped")}
    refused |= {name: _count(extractor, name) for name in ("timeout", "broken_process", "clean_error")}
    by_rule: dict[str, int] = {}
    for step in filters:
        name = step["name"].split(maxsplit=4)[-1]  # "🔻 - FILTER: 👯 Gopher Repetition"
        told = {key.removeprefix("dropped_"): _count(step, key) for key in step["stats"] if key.startswith("dropped_")}
        by_rule |= {f"{name} {reason}": count for reason, count in told.items()} or {name: _count(step, "dropped")}
    reasons = {
        "extract": {reason: count for reason, count in refused.items() if count},
        "filter": by_rule,
        "dedup": {"near duplicate": _count(_steps(out, "deduplicated")[1], "dropped")},
    }
    kept_by_rules, kept = _urls(out / "rules"), _urls(out / "deduplicated")
    documents = {
        "pages": pages,
        "extracted": extracted,
        "english": _count(filters[0], "forwarded"),
        "kept_by_rules": _count(filters[-1], "forwarded"),
        "kept": _count(_steps(out, "deduplicated")[1], "forwarded"),
        "tokens": _count(_steps(out, "tokenize")[-1], "tokens"),
    }
    return Outcome(documents, reasons, kept_by_rules, kept, json.loads((out / "stages.json").read_text()))


def _steps(out: Path, stage: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads((out / "logs" / stage / "stats.json").read_text())
    return steps


def _count(step: Mapping[str, Any], name: str) -> int:
    """A statistic is a number, or a mapping with its total; one that was never counted is missing."""
    value = step["stats"].get(name, 0)
    return int(value["total"] if isinstance(value, dict) else value)


def _urls(folder: Path) -> frozenset[str]:
    urls = set()
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            urls |= {json.loads(line)["metadata"]["url"] for line in lines}
    return frozenset(urls)


def run_limit(files: Sequence[Path], folder: Path, urls: Iterable[str]) -> tuple[Cost, dict[str, int]]:
    """Read the WARC files and extract the pages of these URLs, nothing else."""
    chosen = folder / "urls.txt"
    chosen.write_text("\n".join(sorted(urls)))
    log = folder / "log.txt"
    cost = measure([sys.executable, str(BENCHMARKS / "trafilatura_loop.py"), str(chosen), *map(str, files)], cwd=folder, log=log)
    counts = json.loads(log.read_text().splitlines()[-1])
    return cost, {"pages": counts["pages"], "extracted": counts["extracted"]}
