"""Stage 3, filter: signals to verdicts.

In:  signals/part-K. Text is not read.
Out: filtered/part-K, row-aligned: keep, stage, rule, value, bound.
Lost: nothing; a document that breaks a bound keeps its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.decisions.contamination import filter_settings, frequent_ngrams, in_use, write_report
from pipeline.decisions.guards import check_guards
from pipeline.decisions.rules import check_rules, rules
from pipeline.decisions.verdicts import source_of, verdicts
from pipeline.run import COST_OF_NUMBERS, Manifest, PartWriter, Run, Unit, add_counts, digest
from pipeline.schema import FILTERED
from pipeline.stage import Job, Stage

VERSION = 2


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """A unit per part of signals/."""
    check_rules(config)
    settings: list[Any] = [{source.name: repr(rules(source, config)) for source in config.sources}, *filter_settings(run, config)]
    return [
        Unit(key=key, fingerprint=digest([VERSION, *settings, signals["sha256"]]), bytes=signals["bytes"])
        for key, signals in run.outputs("extract", "signals").items()
    ]


def filter_unit(unit: Unit, run: Run, config: Config) -> None:
    """Write the verdicts of one part."""
    source, beat = source_of(run, unit.key, config), run.heartbeat("filter", unit)
    counts = []
    with PartWriter(run.part("filtered", unit.key), FILTERED) as writer:
        for signals, verdict in verdicts(run, unit.key, source, config, ["doc_id", "bytes", "language"]) if source else ():
            table = pa.table(verdict)
            writer.write(table.add_column(0, FILTERED.field("doc_id"), signals["doc_id"]))
            counts.append(_counts(signals, table))
            beat(writer.rows, unit.bytes)
    assert writer.rows == pq.read_metadata(run.part("documents", unit.key)).num_rows
    run.give_receipt("filter", unit, [writer.path], {"sources": {source.name: add_counts(counts)}} if source else {"sources": {}})


def _counts(signals: pa.Table, verdict: pa.Table) -> dict[str, Any]:
    """Documents and bytes by verdict, and documents by language and verdict; documents without a language are in none."""
    table = signals.select(["bytes", "language"]).append_column("rule", verdict["rule"])
    counts: dict[str, Any] = {"documents": 0, "kept": 0, "kept_bytes": 0, "removed": {}, "languages": {}}
    for row in table.group_by(["language", "rule"]).aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist():
        documents, size, rule = row["bytes_count"], row["bytes_sum"], row["rule"]
        counts["documents"] += documents
        if rule is None:
            counts["kept"] += documents
            counts["kept_bytes"] += size
        else:
            removed = counts["removed"].setdefault(rule, {"documents": 0, "bytes": 0})
            removed["documents"] += documents
            removed["bytes"] += size
        if row["language"] is not None:
            language = counts["languages"].setdefault(row["language"], {"documents": 0, "kept": 0, "removed": {}})
            language["documents"] += documents
            if rule is None:
                language["kept"] += documents
            else:
                language["removed"][rule] = documents
    return counts


def check(run: Run, config: Config, manifest: Manifest) -> None:
    """Documents = kept + removed by rule, and no rule removes more of a source, language or domain than the guards allow."""
    extracted = run.need("extract").totals["sources"]
    sources = manifest.totals.get("sources", {})
    everything = add_counts(sources.values())
    if not everything["kept"]:
        worst = max(everything["removed"], key=lambda rule: everything["removed"][rule]["documents"])
        raise ValueError(
            f"no document is left of {everything['documents']}; most were removed by {worst!r}: change filter's presets, bounds or language"
        )
    for name, counts in sources.items():
        removed = sum(count["documents"] for count in counts["removed"].values())
        by_language = sum(language["documents"] for language in counts["languages"].values())
        balanced = all(of["documents"] == of["kept"] + sum(of["removed"].values()) for of in counts["languages"].values())
        if not extracted[name]["documents"] == counts["documents"] == counts["kept"] + removed >= by_language or not balanced:
            raise ValueError(
                f"source {name!r} does not add up: {extracted[name]['documents']} documents, {counts['kept']} kept, "
                f"{removed} removed; this is a fault of curate, please report it"
            )
    check_guards(run, config, manifest)


def _summary(manifest: Manifest) -> str:
    sources = manifest.totals.get("sources", {}).values()
    kept, documents = sum(s["kept"] for s in sources), sum(s["documents"] for s in sources)
    return f"{kept:,} of {documents:,} documents kept"


def _work(job: Job) -> None:
    if in_use(job.config):
        frequent_ngrams(job.run, job.config)  # once, before workers want it
    job.each(job.units, filter_unit, cost=COST_OF_NUMBERS)
    if in_use(job.config):
        write_report(job.run, job.config)


FILTER = Stage("filter", ("filtered",), plan, _work, _summary, check)
