"""Stage 8, report: one HTML page with what became of every record, per source, stage and rule.

In:  the manifests of the stages, decisions/part-K (sizes of clusters), filter/contamination.json, tokenizer/report.json,
     model/metrics.jsonl, evaluation/report.json, samples/samples.json.
Out: report/index.html, one file without scripts or outside links.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.decisions.contamination import in_use
from pipeline.run import Manifest, Run, Unit, add_counts, digest, partial, publish
from pipeline.stage import Job, Stage, of_one_unit

VERSION = 4
READ = ("crawl", "extract", "filter", "dedup", "train-tokenizer", "tokenize", "train", "evaluate", "generate")
MOST_RULES = 12  # per stage and source; the rest is summed in one row
MOST_LANGUAGES = 10  # per source; language identification finds a few documents of dozens more in any crawl

CLUSTER_SIZES = {1: "1", 2: "2", 3: "3 to 4", 5: "5 to 9", 10: "10 to 99", 100: "100 to 999", 1000: "1,000 and more"}  # by the smallest


@dataclass(frozen=True)
class ClusterRow:
    """Documents that filter kept, by the size of their cluster."""

    label: str
    kept: int
    """Documents of these that stay."""
    documents: int


@dataclass(frozen=True)
class Bar:
    """A row of the waterfall: what is left after a stage, or what one rule took away."""

    label: str
    kind: str
    """'left' or 'lost'."""
    documents: int
    bytes: int
    begin: float
    """Left end and width of the bar, in shares of the records that came in."""
    width: float


@dataclass(frozen=True)
class LanguageRow:
    """What the filter made of a source's documents of one language."""

    label: str
    documents: int
    kept: int
    rule: str
    """That removed most of them, '' where none was removed."""
    removed_by_rule: int

    @property
    def kept_share(self) -> float:
        """Of its documents."""
        return self.kept / self.documents


@dataclass(frozen=True)
class Section:
    """What became of the records of one source, or of all of them."""

    label: str
    bars: list[Bar]
    languages: list[LanguageRow]
    tokens: dict[str, Any] | None
    """Counts of `tokenize`, None where it has not been done."""


def waterfall(records: Mapping[str, Any], filtered: Mapping[str, Any] | None, deduplicated: Mapping[str, Any] | None) -> list[Bar]:
    """Records to documents to kept documents. What each step loses is taken off the right end of what was left before it."""
    most = max(1, records["records"])
    bars = [Bar("records in", "left", records["records"], records["input_bytes"], 0, 1)]
    left = records["records"]

    def lose(rules: Mapping[str, Mapping[str, int]], key: str) -> None:
        nonlocal left
        ordered = sorted(rules.items(), key=lambda item: (-item[1][key], item[0]))
        if len(ordered) > MOST_RULES:
            others = add_counts(count for _, count in ordered[MOST_RULES - 1 :])
            ordered = [*ordered[: MOST_RULES - 1], (f"{len(ordered) - MOST_RULES + 1} other rules", others)]
        for label, count in ordered:
            left -= count[key]
            bars.append(Bar(label, "lost", count[key], count["bytes"], left / most, count[key] / most))

    def keep(label: str, documents: int, text_bytes: int) -> None:
        assert documents == left, f"{label}: {documents} documents where {left} are left"
        bars.append(Bar(label, "left", documents, text_bytes, 0, documents / most))

    lose(records["rejects"], "records")
    keep("documents", records["documents"], records["text_bytes"])
    if filtered is not None:
        lose(filtered["removed"], "documents")
        keep("kept by filter", filtered["kept"], filtered["kept_bytes"])
    if deduplicated is not None:
        lose(deduplicated["removed"], "documents")
        keep("kept by dedup", deduplicated["kept"], deduplicated["kept_bytes"])
    return bars


def languages(filtered: Mapping[str, Any] | None) -> list[LanguageRow]:
    """The languages of most documents first, then the others together, then documents of kinds in which no language is looked for.

    Args:
        filtered: a source's counts of the stage filter, None where it has not been done.

    Returns:
        No row where no document has a language.
    """
    if not filtered or not filtered.get("languages"):
        return []
    ordered = sorted(filtered["languages"].items(), key=lambda item: (-item[1]["documents"], item[0]))
    if len(ordered) > MOST_LANGUAGES:
        others = add_counts(count for _, count in ordered[MOST_LANGUAGES - 1 :])
        ordered = [*ordered[: MOST_LANGUAGES - 1], (f"{len(ordered) - MOST_LANGUAGES + 1} others", others)]
    named = add_counts(filtered["languages"].values())
    without = {key: filtered[key] - named[key] for key in ("documents", "kept")}
    removed = {rule: count["documents"] - named["removed"].get(rule, 0) for rule, count in filtered["removed"].items()}
    rows = [*ordered, ("no language", without | {"removed": removed})]
    return [_language(label, count) for label, count in rows if count["documents"]]


def _language(label: str, count: Mapping[str, Any]) -> LanguageRow:
    rule, removed = min(count["removed"].items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    return LanguageRow(label, count["documents"], count["kept"], rule if removed else "", removed)


def sections(run: Run) -> list[Section]:
    """All sources together, and each where there are more."""
    totals = {stage: manifest.totals.get("sources", {}) for stage in READ if (manifest := run.manifest(stage))}
    names = sorted(totals["extract"])
    shown = []
    for label, members in [("all sources", names), *((name, [name]) for name in names)]:
        summed = {stage: add_counts(totals[stage][name] for name in members if name in totals[stage]) for stage in totals}
        filtered, deduplicated, tokens = (summed.get(stage) or None for stage in ("filter", "dedup", "tokenize"))
        shown.append(Section(label, waterfall(summed["extract"], filtered, deduplicated), languages(filtered), tokens))
    return shown if len(names) > 1 else shown[:1]


def clusters(decisions: Iterable[pa.Table]) -> list[ClusterRow]:
    """Documents by the size of their cluster, and how many of them stay; one that duplicates nothing is a cluster of 1.

    Args:
        decisions: columns `keep`, `stage` and `cluster_size`; what filter removed takes no part.

    Returns:
        No row where no document has a duplicate.
    """
    edges = np.array(list(CLUSTER_SIZES))
    documents, kept = np.zeros(len(edges), np.int64), np.zeros(len(edges), np.int64)
    for table in decisions:
        took_part = table.filter(pc.or_(table["keep"], pc.fill_null(pc.equal(table["stage"], "dedup"), False)))
        steps = np.searchsorted(edges, pc.fill_null(took_part["cluster_size"], 1).to_numpy(), side="right") - 1
        documents += np.bincount(steps, minlength=len(edges))
        kept += np.bincount(steps[took_part["keep"].to_numpy()], minlength=len(edges))
    if not documents[1:].any():
        return []
    rows = zip(CLUSTER_SIZES.values(), kept.tolist(), documents.tolist(), strict=True)
    return [ClusterRow(*row) for row in rows]


def _decisions(run: Run) -> Iterable[pa.Table]:
    for key in run.outputs("dedup", "decisions") if run.manifest("dedup") else ():
        yield pq.read_table(run.part("decisions", key), columns=["keep", "stage", "cluster_size"])


def replacements(run: Run) -> list[tuple[str, str, int]]:
    """Source, kind and number of the secrets and personal data that were replaced in texts."""
    sources = run.need("extract").totals["sources"]
    found = {"secret": "secrets", "personal": "personal_data"}
    return [
        (source, f"{name}:{kind}", count)
        for source, counts in sorted(sources.items())
        for name, key in found.items()
        for kind, count in counts.get(key, {}).items()
    ]


def contamination(run: Run, config: Config) -> dict[str, Any] | None:
    """filter/contamination.json; None without evaluation sets. One that an earlier configuration left behind is not shown."""
    return _json(run, "filter", "contamination.json") if in_use(config) else None


def curve(metrics: Sequence[Mapping[str, Any]], key: str, width: int, height: int, limits: tuple[float, float]) -> str:
    """Points of an SVG polyline of one metric over the steps."""
    rows = [row for row in metrics if row.get(key) is not None]
    last = max((row["step"] for row in metrics), default=1) or 1
    low, high = limits
    span = (high - low) or 1
    return " ".join(f"{row['step'] / last * width:.1f},{height - (row[key] - low) / span * height:.1f}" for row in rows)


def evaluation_rows(report: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    """Label and bits per byte: the model, its sources, the baselines."""
    if report is None:
        return []
    sources = [(f"model, {name}", figures["bits_per_byte"]) for name, figures in report["by"]["source"].items()]
    counted = {"seen": "counted over the tokens that the model saw", "split": "counted over the whole training split"}
    baselines = [
        (f"{name.split('_')[0]}, {counted[name.split('_')[1]]}", figures["bits_per_byte"]) for name, figures in report["baselines"].items()
    ]
    return [("model", report["bits_per_byte"]), *((label, value) for label, value in sources if value is not None), *baselines]


def render(run: Run, config: Config) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    metrics = _rows(run, "model", "metrics.jsonl")
    values = [row[key] for row in metrics for key in ("bits_per_byte", "validation_bits_per_byte") if row.get(key) is not None]
    limits = (min(values, default=0.0), max(values, default=1.0))
    curves = {key: curve(metrics, key, 720, 200, limits) for key in ("bits_per_byte", "validation_bits_per_byte")}
    return environment.get_template("report.html.jinja").render(
        config=config,
        sections=sections(run),
        crawl=run.manifest("crawl"),
        clusters=clusters(_decisions(run)),
        replacements=replacements(run),
        contamination=contamination(run, config),
        tokenizer=_json(run, "tokenizer", "report.json"),
        curves=curves if metrics else None,
        limits=limits,
        last_step=max((row["step"] for row in metrics), default=0),
        evaluation=evaluation_rows(_json(run, "evaluation", "report.json")),
        samples=_json(run, "samples", "samples.json"),
    )


def plan(run: Run, config: Config) -> Sequence[Unit]:
    """One unit: the page, stale against every stage that it shows."""
    run.need("extract")
    shown = [run.manifest(stage) for stage in READ]
    totals = [manifest and (manifest.outputs_digest(), manifest.totals) for manifest in shown]
    settings = [VERSION, config.name, contamination(run, config), totals]
    return [Unit(key="index", fingerprint=digest(settings), bytes=0)]


def _summary(_manifest: Manifest) -> str:
    return "report/index.html"


@of_one_unit
def _work(job: Job, unit: Unit) -> None:
    path = job.run.path("report", "index.html")
    path.parent.mkdir(exist_ok=True)
    partial(path).write_text(render(job.run, job.config), encoding="utf-8")
    publish(partial(path), path)
    job.run.give_receipt("report", unit, [path], {})


def _json(run: Run, *parts: str) -> Any:
    path = run.path(*parts)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _rows(run: Run, *parts: str) -> list[dict[str, Any]]:
    path = run.path(*parts)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


REPORT = Stage("report", (), plan, _work, _summary)
