"""Stage 2, extract: input records to documents and their signals.

In:  WARC and WET files, books, source trees and repositories, tables.
Out: documents/part-K (text, once), signals/part-K (numbers, row-aligned), rejects/extract/part-K.
Lost: nothing; records in = documents + rejects, checked for each unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash

from filters.duplicates.digests import digests
from filters.extractor.model import SHIPPED, block_model
from filters.extractor.page import extract_page
from filters.privacy.personal_data import KINDS
from pipeline.config import Config
from pipeline.decisions.rules import check_rules
from pipeline.run import Heartbeat, Manifest, PartWriter, Run
from pipeline.schema import DOCUMENTS, REJECTS, document_id
from pipeline.settings.sources import Source
from pipeline.signals import compile_kernels, language_model, signals_batch, signals_schema, signals_settings
from pipeline.sources import books, code, pages, saved, screen, tables, warc
from pipeline.sources.private import redacted, without_private
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.sources.units import SourceUnit, plan_units
from pipeline.sources.warc import WebRecord
from pipeline.stage import Job, Stage

VERSION = 4
BATCH_ROWS, BATCH_CHARACTERS = 1000, 16 << 20


def plan(run: Run, config: Config) -> Sequence[SourceUnit]:
    """A unit per large file or range of one, or group of small ones."""
    check_rules(config)  # before hours of extraction rather than after
    settings = [
        VERSION,
        config.extract.model_dump(mode="json", exclude={"split_bytes"}),
        screen.fingerprint(config.extract.screen, run),
        _model_digest(config),
        *signals_settings(config),
    ]
    return plan_units(run, config, settings)


def _model_digest(config: Config) -> str:
    """Of the fast extractor's model: another one makes other documents.

    Raises:
        ValueError: `extract.model` is no model.
    """
    path = Path(config.extract.model) if config.extract.model else SHIPPED
    block_model(path)
    return xxhash.xxh3_64_hexdigest(path.read_bytes())


def outcomes(unit: SourceUnit, source: Source, config: Config, tally: Tally) -> Iterator[tuple[str, Outcome]]:
    """Each record's input path and what became of it."""
    if unit.kind == "web":
        model = language_model(config) if config.extract.screen.languages else None
        screen.load(config.extract.screen, model)
        for path in unit.paths:
            for record in web_records(path, tally, config.extract.max_record_bytes, unit.begin, unit.end, unit.stamp):
                yield path, record if isinstance(record, Reject) else pages.page_document(record, config.extract, source, model)
    elif unit.kind == "code" and unit.root:
        found = code.outcomes(unit.root, source, config.extract, tally, paths=unit.paths, revision=unit.revision)
        yield from ((unit.root, outcome) for outcome in found)
    elif unit.kind == "code":
        yield from ((path, outcome) for path in unit.paths for outcome in code.archive_outcomes(path, source, config.extract, tally))
    else:
        read = books.outcomes if unit.kind == "book" else tables.outcomes
        for path in unit.paths:
            # In a list, a path that is not under a given folder names its records as it stands: two folders may hold equal names.
            yield from ((path, outcome) for outcome in read([path], source, config.extract, tally, root=unit.root or None))


def _under_contract(items: Iterable[tuple[str, Outcome]], source: Source, config: Config) -> Iterator[tuple[str, Outcome]]:
    """The same, with rejects in place of documents whose contract ended before the day for which the corpus is made."""
    as_of = config.extract.as_of.isoformat() if config.extract.as_of else None
    stated = source.contract.expires.isoformat() if source.contract and source.contract.expires else None
    for path, outcome in items:
        expires = outcome.expires or stated if isinstance(outcome, Document) else None
        if as_of and expires and expires < as_of:
            words = f"on {expires}; extract.as_of is {as_of}"
            yield path, Reject(outcome.locator, "contract expired", words, outcome.offset, outcome.length)
        else:
            yield path, outcome


def web_records(
    path: str, tally: Tally, max_record_bytes: int, begin: int = 0, end: int | None = None, stamp: str | None = None
) -> Iterator[WebRecord | Reject]:
    """Records of a WARC, WET or ARC file that begin in a range of it, or the one record of a page saved by itself."""
    if not saved.is_page(path):
        yield from warc.records(path, tally, max_record_bytes, begin, end, stamp)
    elif begin == 0:
        yield saved.page_record(path, tally, max_record_bytes)


def extract_unit(unit: SourceUnit, run: Run, config: Config) -> None:
    """Write the three parts of a unit."""
    source = next(source for source in config.sources if source.name == unit.source)
    tally, beat = Tally(), run.heartbeat("extract", unit)
    reasons: dict[str, dict[str, int]] = {}
    text_bytes = 0
    with (
        PartWriter(run.part("documents", unit.key), DOCUMENTS) as documents,
        PartWriter(run.part("signals", unit.key), signals_schema(config)) as signals,
        PartWriter(run.part("rejects/extract", unit.key), REJECTS) as rejects,
    ):
        stream = _under_contract(outcomes(unit, source, config, tally), source, config)
        for batch in _batches(_beating(without_private(stream, source, config.extract, tally), tally, beat)):
            kept = [(run.name(path), outcome) for path, outcome in batch if isinstance(outcome, Document)]
            refused = [(run.name(path), outcome) for path, outcome in batch if isinstance(outcome, Reject)]
            if kept:
                table = documents_batch(source, kept)
                documents.write(table)
                columns = signals_batch(table, [document for _, document in kept], config)
                signals.write(columns)
                text_bytes += int(np.sum(columns["bytes"].to_numpy()))
            if refused:
                rejects.write(rejects_batch("extract", source, refused))
                for _, reject in refused:
                    reason = reasons.setdefault(reject.reason, {"records": 0, "bytes": 0})
                    reason["records"] += 1
                    reason["bytes"] += reject.length
    if tally.records != documents.rows + rejects.rows:
        raise ValueError(
            f"{unit.paths[0]!r}: {tally.records} records in, but {documents.rows} documents and {rejects.rows} rejects out; "
            "this is a fault of curate, please report it with the file"
        )
    counts = {
        "input_bytes": unit.bytes,
        "records": tally.records,
        "documents": documents.rows,
        "text_bytes": text_bytes,
        "rejects": reasons,
    }
    counts |= {name: dict(sorted(found.items())) for name in ("secrets", "personal_data") if (found := getattr(tally, name))}
    run.give_receipt("extract", unit, [documents.path, signals.path, rejects.path], {"sources": {source.name: counts}})


def documents_batch(source: Source, kept: Sequence[tuple[str, Document]]) -> pa.RecordBatch:
    """Documents with their identity: doc_id is xxh3-128 of source and locator. A contract adds what they do not state."""
    contract = source.contract
    default = contract.licence if contract and contract.licence != "unknown" else source.licence
    provider = contract.provider if contract else None
    expires = contract.expires.isoformat() if contract and contract.expires else None
    texts = pa.array([document.text for _, document in kept], pa.string())
    locators = [document.locator.encode("utf-8", "replace").decode() for _, document in kept]
    columns = [
        [document_id(source.name, locator) for locator in locators],
        [source.name] * len(kept),
        [source.kind] * len(kept),
        locators,
        texts,
        [document.title for _, document in kept],
        [document.licence if document.licence != "unknown" else default for _, document in kept],
        [document.date for _, document in kept],
        digests(texts),
        [_printable(path) for path, _ in kept],
        [document.offset for _, document in kept],
        [document.length for _, document in kept],
        [document.author for _, document in kept],
        [document.stated_language for _, document in kept],
        [document.provider or provider for _, document in kept],
        [document.expires or expires for _, document in kept],
        [document.payload_digest for _, document in kept],
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, DOCUMENTS, strict=True)], schema=DOCUMENTS
    )


def rejects_batch(stage: str, source: Source, refused: Iterable[tuple[str, Reject]]) -> pa.RecordBatch:
    """Rows of rejects/."""
    rows = [
        {
            "stage": stage,
            "source": source.name,
            "locator": _printable(reject.locator),
            "reason": reject.reason,
            "error": _printable(reject.error)[:1000],
            "input": _printable(path),
            "offset": reject.offset,
            "length": reject.length,
        }
        for path, reject in refused
    ]
    return pa.RecordBatch.from_pylist(rows, schema=REJECTS)


def check(_run: Run, _config: Config, manifest: Manifest) -> None:
    """Some source gave some document."""
    if not any(counts["documents"] for counts in manifest.totals.get("sources", {}).values()):
        reasons = Counter[str]()
        for counts in manifest.totals.get("sources", {}).values():
            reasons.update({reason: count["records"] for reason, count in counts["rejects"].items()})
        told = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3)) or "there were no records at all"
        raise ValueError(f"no document came out of the sources; rejects by reason: {told}; see rejects/")


def _summary(manifest: Manifest) -> str:
    sources = manifest.totals.get("sources", {}).values()
    documents, records = sum(s["documents"] for s in sources), sum(s["records"] for s in sources)
    text_bytes = sum(s["text_bytes"] for s in sources)
    return f"{records:,} records: {documents:,} documents ({text_bytes / 1e6:,.1f} MB of text), {records - documents:,} rejects"


def _beating(items: Iterable[tuple[str, Outcome]], tally: Tally, beat: Heartbeat) -> Iterator[tuple[str, Outcome]]:
    documents = 0
    for item in items:
        documents += isinstance(item[1], Document)
        beat(documents, tally.bytes)
        yield item


def _batches(items: Iterable[tuple[str, Outcome]]) -> Iterator[list[tuple[str, Outcome]]]:
    batch: list[tuple[str, Outcome]] = []
    held = 0
    for item in items:
        batch.append(item)
        held += len(item[1].text) if isinstance(item[1], Document) else 0
        if len(batch) >= BATCH_ROWS or held >= BATCH_CHARACTERS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _printable(text: str) -> str:
    """File names may hold bytes that are no UTF-8; tables hold UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _work(job: Job) -> None:
    # Read the model and the screen's lists here first, so that a wrong path is one line before any worker starts.
    screen.load(job.config.extract.screen, language_model(job.config))
    if job.units:
        _compile(job.config)
    job.each(job.units, extract_unit)


def _compile(config: Config) -> None:
    """Compile the kernels here, where the machine has not kept them: 30 s that each worker would take at the same time otherwise."""
    if any(source.kind == "web" for source in config.sources):
        extract_page(b"<p>text</p>")
    redacted("1:a@", KINDS, secrets=True)
    compile_kernels(config)


EXTRACT = Stage("extract", ("documents", "signals", "rejects/extract"), plan, _work, _summary, check)
