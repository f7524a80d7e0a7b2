"""Stage 3, filter: signals to verdicts.

In:  signals/part-K. Text is not read.
Out: filtered/part-K, row-aligned: keep, stage, rule, value, bound.
Lost: nothing; a document that breaks a bound keeps its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.decide import decide
from pipeline.config import Config
from pipeline.rules import rules
from pipeline.run import COST_OF_NUMBERS, Manifest, PartWriter, Run, Unit, add_counts, digest
from pipeline.schema import FILTERED
from pipeline.stage import Job, Stage

VERSION = 1
GUARD_LEAST_DOCUMENTS = 100


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """A unit per part of signals/."""
    by_name = {source.name: source for source in config.sources}
    settings = {name: repr(rules(source, config)) for name, source in by_name.items()}
    return [
        Unit(key=key, fingerprint=digest([VERSION, settings, signals["sha256"]]), bytes=signals["bytes"])
        for key, signals in run.outputs("extract", "signals").items()
    ]


def filter_unit(unit: Unit, run: Run, config: Config) -> None:
    """Write the verdicts of one part."""
    sources = pq.read_table(run.part("documents", unit.key), columns=["source"])["source"]
    by_name = {source.name: source for source in config.sources}
    counts: dict[str, Any] = {}
    with PartWriter(run.part("filtered", unit.key), FILTERED) as writer, pq.ParquetFile(run.part("signals", unit.key)) as file:
        columns = [name for name in file.schema_arrow.names if name not in {"signature", "digest"}]
        for group in range(file.num_row_groups):
            signals = file.read_row_group(group, columns=columns)
            # All rows of a part are of one source: its unit was.
            name = sources[writer.rows].as_py()
            verdicts = pa.table(decide(signals, *rules(by_name[name], config)))
            writer.write(verdicts.add_column(0, FILTERED.field("doc_id"), signals["doc_id"].combine_chunks()))
            _count(counts.setdefault(name, {"documents": 0, "kept": 0, "kept_bytes": 0, "removed": {}}), signals, verdicts)
            run.heartbeat("filter", unit)(writer.rows, unit.bytes)
    assert writer.rows == len(sources)
    run.give_receipt("filter", unit, [writer.path], {"sources": counts})


def _count(counts: dict[str, Any], signals: pa.Table, verdicts: pa.Table) -> None:
    keep = verdicts["keep"]
    counts["documents"] += len(keep)
    counts["kept"] += pc.sum(keep).as_py() or 0
    counts["kept_bytes"] += pc.sum(signals["bytes"].filter(keep)).as_py() or 0
    removed = signals.select(["bytes"]).append_column("rule", verdicts["rule"]).filter(pc.invert(keep))
    for row in removed.group_by("rule").aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist():
        rule = counts["removed"].setdefault(row["rule"], {"documents": 0, "bytes": 0})
        rule["documents"] += row["bytes_count"]
        rule["bytes"] += row["bytes_sum"]


def check(run: Run, config: Config, manifest: Manifest) -> None:
    """Documents = kept + removed by rule, and no rule removes more of a source than the guard allows."""
    extracted = run.need("extract").totals["sources"]
    everything = add_counts(manifest.totals.get("sources", {}).values())
    if not everything["kept"]:
        worst = max(everything["removed"], key=lambda rule: everything["removed"][rule]["documents"])
        raise ValueError(
            f"no document is left of {everything['documents']}; most were removed by {worst!r}: change filter's presets or language"
        )
    for name, counts in manifest.totals.get("sources", {}).items():
        removed = Counter({rule: count["documents"] for rule, count in counts["removed"].items()})
        if not extracted[name]["documents"] == counts["documents"] == counts["kept"] + removed.total():
            raise ValueError(
                f"source {name!r} does not add up: {extracted[name]['documents']} documents, {counts['kept']} kept, "
                f"{removed.total()} removed; this is a fault of curate, please report it"
            )
        for rule, count in removed.most_common(1):
            if counts["documents"] >= GUARD_LEAST_DOCUMENTS and count > config.filter.guard * counts["documents"]:
                examples = ", ".join(_examples(run, name, rule))
                raise ValueError(
                    f"{rule!r} removes {count} of the {counts['documents']} documents of source {name!r}, more than filter.guard "
                    f"({config.filter.guard}) allows, such as {examples}; choose other presets for it or raise filter.guard"
                )


def _examples(run: Run, source: str, rule: str, most: int = 3) -> list[str]:
    found: list[str] = []
    for key in run.keys("extract"):
        if len(found) < most:
            table = pq.read_table(run.part("documents", key), columns=["source", "locator"])
            mask = pc.and_(
                pc.equal(table["source"], source), pc.equal(pc.fill_null(pq.read_table(run.part("filtered", key))["rule"], ""), rule)
            )
            found += table["locator"].filter(mask).to_pylist()
    return found[:most]


def _summary(manifest: Manifest) -> str:
    sources = manifest.totals.get("sources", {}).values()
    kept, documents = sum(s["kept"] for s in sources), sum(s["documents"] for s in sources)
    return f"{kept:,} of {documents:,} documents kept"


def _work(job: Job) -> None:
    job.each(job.units, filter_unit, cost=COST_OF_NUMBERS)


FILTER = Stage("filter", ("filtered",), plan, _work, _summary, check)
