"""Another threshold over a run that stands: `curate what-if`, beside `curate filter` with the same setting, and `curate why`.

    python -m benchmarks.what_if [--small] [--documents 1000000] [--keep FOLDER] [--json FILE]

Input: a made run of tiny texts and random signals, in parts of 31,250 documents and row groups of 1,000 as extraction writes them. Random
numbers do not compress, so no real signals/ takes longer to read. Every command starts a process of its own; its start is counted.
Peers: none decides again without reading text. Quality: what what-if predicts, held against what filter then does, per source and language.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from benchmarks.environments import ROOT
from benchmarks.measure import Cost, measure
from benchmarks.results import columns
from pipeline.config import Config, load, stored
from pipeline.run import CONFIGURATION, PartWriter, Run, Unit, write_json
from pipeline.schema import DOCUMENTS, REJECTS, document_id
from pipeline.signals import signals_schema

DOCUMENTS_MADE, SMALL = 1_000_000, 20_000
PART_ROWS, GROUP_ROWS = 31_250, 1000
SOURCES = {"crawl": "web", "library": "book", "forum": "table"}
LANGUAGES = np.array(["en", "de", "fr", "es", "ru", "zh", "ja", "pt", "it", "nl", "pl", "cs"])
CHANGE = "filters.fineweb.short_line_share=0.5"


def make_run(folder: Path, documents: int) -> tuple[Path, Run]:
    """A configuration, and a run in which extract has just ended."""
    values = {
        "name": "made",
        "output": str(folder / "runs"),
        "sources": [{"name": name, "kind": kind, "paths": ["made"]} for name, kind in SOURCES.items()],
        "filter": {
            "guard": {"source": 1, "language": 1},
            "presets": {"web": ["gopher@2021", "fineweb@2024"], "book": ["gopher@2021"], "table": ["fineweb@2024"]},
        },
        "runner": {"workers": 2},
    }
    path = folder / "made.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    config = load(path)
    run = Run(config.directory)
    parts = -(-documents // PART_ROWS)
    units = [Unit(key=f"{part:016x}", fingerprint="made", bytes=PART_ROWS) for part in range(parts)]
    run.begin("extract", units)
    write_json(run.path("extract", CONFIGURATION), stored(config))
    for part, unit in enumerate(units):
        _make_part(run, unit, config, part, min(PART_ROWS, documents - part * PART_ROWS))
    run.finish("extract", "made", run.receipts("extract"), ["documents", "signals", "rejects/extract"])
    return path, run


def _make_part(run: Run, unit: Unit, config: Config, part: int, rows: int) -> None:
    name = list(SOURCES)[part % len(SOURCES)]
    random, schema = np.random.default_rng(part), signals_schema(config)
    with (
        PartWriter(run.part("documents", unit.key), DOCUMENTS) as documents,
        PartWriter(run.part("signals", unit.key), schema) as signals,
        PartWriter(run.part("rejects/extract", unit.key), REJECTS) as rejects,
    ):
        for begin in range(0, rows, GROUP_ROWS):
            count = min(GROUP_ROWS, rows - begin)
            locators = [locator(part, begin + row) for row in range(count)]
            ids = [document_id(name, address) for address in locators]
            texts = [f"A text of {address}, and nothing more." for address in locators]
            given: dict[str, Any] = {"doc_id": ids, "digest": ids, "source": [name] * count, "kind": [SOURCES[name]] * count}
            given |= {"locator": locators, "text": texts, "licence": ["unknown"] * count, "input": ["made"] * count}
            documents.write(_table(DOCUMENTS, given, count))
            signals.write(_table(schema, {"doc_id": ids, "digest": ids} | _signals(schema, random, count), count))
    counts = {"input_bytes": 0, "records": rows, "documents": rows, "text_bytes": 0, "rejects": {}}
    run.give_receipt("extract", unit, [documents.path, signals.path, rejects.path], {"sources": {name: counts}})


def locator(part: int, row: int) -> str:
    return f"https://host{row % 997}.example.org/{part}/{row}"


def _signals(schema: pa.Schema, random: np.random.Generator, count: int) -> dict[str, Any]:
    """Random values about which most documents pass most bounds."""
    values: dict[str, Any] = {}
    for field in schema:
        if pa.types.is_floating(field.type):
            values[field.name] = random.beta(1, 12, count).astype(np.float32)
    for name in ("short_line_share", "line_punctuation_share", "language_score"):
        values[name] = random.random(count, np.float32)
    values["alphabetic_word_share"] = 1 - values["alphabetic_word_share"] / 2
    values |= {
        "words": random.lognormal(6, 1, count),
        "mean_word_length": random.normal(5, 1, count),
        "stop_words": random.poisson(6, count),
    }
    values |= {"line_duplicate_character_share": values["line_duplicate_character_share"] / 10}
    lengths = random.lognormal(7, 1, count)
    values["domain"] = [f"host{host}.org" for host in random.zipf(1.3, count) % 100_000]
    return values | {"bytes": lengths.astype(np.int64), "language": LANGUAGES[random.zipf(2, count) % len(LANGUAGES)]}


def _table(schema: pa.Schema, given: Mapping[str, Any], count: int) -> pa.Table:
    def column(field: pa.Field) -> pa.Array:
        if field.name in given:
            return pa.array(given[field.name], type=field.type if not isinstance(given[field.name], np.ndarray) else None).cast(field.type)
        if field.name == "signature":
            return pa.array([bytes(field.type.byte_width)] * count, field.type)
        return pa.array([[]] * count, field.type) if pa.types.is_list(field.type) else pa.nulls(count, field.type)

    return pa.table([column(field) for field in schema], schema=schema)


def agreement(difference: Mapping[str, Any], run: Run) -> float:
    """Share of the sources and of the languages within them of which filter kept as many documents as what-if said."""
    sources = run.need("filter").totals["sources"]
    said = {(name, ""): row["after"][0] for name, row in difference["sources"].items()}
    said |= {(name, language): row["after"][0] for name, rows in difference["groups"].items() for language, row in rows.items()}
    done = {(name, ""): counts["kept"] for name, counts in sources.items()}
    done |= {(name, language): of["kept"] for name, counts in sources.items() for language, of in counts["languages"].items()}
    return sum(said.get(key) == count for key, count in done.items()) / max(len(done), len(said))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.what_if", description="Another threshold over a run that stands.")
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} documents")
    parser.add_argument("--documents", type=int, default=None, help=f"how many ({DOCUMENTS_MADE:,}; {SMALL:,} with --small)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the run there and leave it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    asked = parser.parse_args()
    documents = asked.documents or (SMALL if asked.small else DOCUMENTS_MADE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        config, run = make_run(folder, documents)
        print(f"{documents:,} documents made in {time.monotonic() - began:.0f} s", file=sys.stderr)
        costs, difference = _measured(folder, config, run)
        quality = agreement(difference, run)
    changes = difference["all"]
    lines = [["", "CPU-s", "wall s", "peak MB"]]
    lines += [[label, f"{cost.cpu_s:.1f}", f"{cost.wall_s:.1f}", f"{cost.peak_mb:,.0f}"] for label, cost in costs.items()]
    print(columns(lines))
    print(f"{changes['entering'][0]:,} enter and {changes['leaving'][0]:,} leave; what-if and filter agree in {quality:.0%} of the groups")
    if asked.json:
        about = {"documents": documents, "part_rows": PART_ROWS, "change": CHANGE}
        values = {"input": about, "ours": {label: asdict(cost) for label, cost in costs.items()}, "peers": {}, "ratios": {}}
        asked.json.write_text(json.dumps(values | {"quality": {"ours": {"agreement": quality}}}, indent=1) + "\n", encoding="utf-8")


def _measured(folder: Path, config: Path, run: Run) -> tuple[dict[str, Cost], dict[str, Any]]:
    """Cost of each command, in the order in which a user would give them, and what what-if said of the change."""
    curate = [sys.executable, "-m", "pipeline.cli"]
    said = folder / "said.json"
    commands = {
        "filter, first": ["filter", config],
        "what-if, no change": ["what-if", run.directory],
        "what-if, one bound": ["what-if", run.directory, "--set", CHANGE, "--json", said],
        "why": ["why", locator(0, 500), run.directory],
        "filter, one bound": ["filter", config, "--set", CHANGE],
        "guard by domain alone": ["filter", config, "--set", CHANGE, "--set", "filter.guard.domain=0.999999"],
    }
    costs = {label: measure([*curate, *map(str, command)], cwd=ROOT, log=folder / "command.log") for label, command in commands.items()}
    return costs, json.loads(said.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
