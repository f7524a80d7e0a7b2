"""A record's whole path through a run, and where in the run's files each of its rows stands."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from filters.decide import bounds_of
from filters.presets import Bound
from filters.presets.changes import words
from pipeline.config import Config
from pipeline.decisions import cluster
from pipeline.decisions.contamination import MATCHES_COLUMN, SHARE, in_use, matched_items
from pipeline.decisions.find_records import Row, find, read_row
from pipeline.decisions.ledger import printable
from pipeline.decisions.repeated import repeated_lines, repeated_spans
from pipeline.decisions.rules import rules
from pipeline.duplicates.repeats import RULE as REPEATED_TEXT
from pipeline.run import Run

MOST_WHOLE = 5
"""Of more records with one locator, each gets one line."""
CLOSE = 0.1
"""A kept value is close to its bound when it lies within this share of the bound."""
ITEMS = 5
"""Evaluation items shown of a document; a copy of a whole set holds thousands."""
Account = dict[str, Any]


def why(run: Run, target: str, config: Config) -> list[Account]:
    """The path of every record of that doc_id or locator.

    Args:
        run: where to look.
        target: doc_id in hex or the beginning of one, or locator, or URL without scheme or last slash.
        config: says which bounds were in force.

    Returns:
        Values for JSON, a mapping per record: `rows` (table to file and row), `reject`, or `document`, `signals`, `contamination` (see
        `matched_items`), `bounds`, `filter`, `dedup`, `shards`, the last three None where that stage has not been done, and
        `repeated` (see `repeated_spans`).

    Raises:
        ValueError: nothing was found, or what was given begins several doc_ids.
    """
    found = find(run, target)
    whole = len(found) <= MOST_WHOLE
    return [_document(run, row, config, with_texts=whole) if row.table == "documents" else _reject(run, row) for row in found]


def lines(paths: list[Account], width: int | None = None) -> Iterator[str]:
    """The paths for a terminal of so many columns; none: of this one."""
    width = width or shutil.get_terminal_size((120, 24)).columns
    for number, path in enumerate(paths):
        if len(paths) > MOST_WHOLE:
            yield _summary(path)
        else:
            yield from ([""] if number else [])
            yield from _reject_lines(path) if "reject" in path else _document_lines(path, width)
    if len(paths) > MOST_WHOLE:
        yield f"{len(paths)} records; ask for one by its doc_id"


def _reject(run: Run, row: Row) -> Account:
    return {"rows": _rows(run, row, row.table), "reject": read_row(run.part(row.table, row.key), row.number)}


def _rows(run: Run, row: Row, *tables: str) -> dict[str, Any]:
    return {table: {"file": run.name(str(run.part(table, row.key))), "row": row.number} for table in tables}


def _document(run: Run, row: Row, config: Config, *, with_texts: bool) -> Account:
    document = read_row(run.part("documents", row.key), row.number, ["text"])
    measured = read_row(run.part("signals", row.key), row.number, ["signature"])
    contaminated = _contamination(run, config, row, measured.pop(MATCHES_COLUMN, None))
    signals = {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in measured.items()}
    if contaminated is not None:
        signals[SHARE] = max((item["share"] for item in contaminated), default=0.0)
    verdict = _same_document(run, "filtered", row, document["doc_id"])
    decision = _same_document(run, "decisions", row, document["doc_id"])
    if decision and not (verdict and verdict["keep"] == (decision["stage"] != "filter")):
        decision = None  # made on another verdict
    tables = ["documents", "signals", *(["filtered"] if verdict else []), *(["decisions"] if decision else [])]
    return {
        "rows": _rows(run, row, *tables),
        "document": {name: value.hex() if isinstance(value, bytes) else value for name, value in document.items()},
        "signals": {name: value for name, value in signals.items() if isinstance(value, int | float | str)},
        "contamination": contaminated or [],
        "bounds": list(_bounds(document["source"], signals, config)),
        "filter": verdict and {name: verdict[name] for name in ("keep", "stage", "rule", "value", "bound")},
        "dedup": decision and cluster.among_duplicates(run, row, decision, with_texts=with_texts),
        "repeated": repeated_spans(run, row, config) if decision else {},
        "shards": _shards(run, document["doc_id"]) if decision else None,
    }


def _contamination(run: Run, config: Config, row: Row, matches: list[Account] | None) -> list[Account] | None:
    """Items of evaluation sets in the document; None where none were looked for."""
    if matches is None or not in_use(config):
        return None
    text = read_row(run.part("documents", row.key), row.number)["text"] if matches else ""
    return matched_items(run, config, matches, text)


def _same_document(run: Run, table: str, row: Row, doc_id: bytes) -> Account | None:
    """A row of a later table; None where that stage has not been done, or not since documents/ were written."""
    path = run.part(table, row.key)
    if not path.exists() or pq.read_metadata(path).num_rows <= row.number:
        return None
    values = read_row(path, row.number)
    return values if values["doc_id"] == doc_id else None


def _bounds(source_name: str, signals: Mapping[str, Any], config: Config) -> Iterator[Account]:
    """Every bound in force for the document, with its value."""
    source = next((source for source in config.sources if source.name == source_name), None)
    presets, language = rules(source, config) if source else ((), None)
    if language is not None:
        held = [("in " + ", ".join(language.keep), signals["language"] not in language.keep)]
        score = signals["language_score"]
        held.append((f">= {language.minimum:g}", score is None or score < _single(language.minimum)))
        for told, broken in held:
            yield {"rule": "language", "value": signals["language_score"], "bound": told, "broken": broken, "close": False}
    for preset in presets:
        for bound in bounds_of(preset, signals["language"]):
            value = signals.get(bound.signal)
            broken = value is not None and _outside(value, bound)
            told = ", ".join(words(bound))
            close = value is not None and not broken and _close(value, bound)
            yield {"rule": f"{preset.name} {bound.signal}", "value": value, "bound": told, "broken": broken, "close": close}


def _outside(value: float, bound: Bound) -> bool:
    return (bound.at_least is not None and value < _single(bound.at_least)) or (
        bound.at_most is not None and value > _single(bound.at_most)
    )


def _single(limit: float) -> float:
    """As `filters.decide` compares it: float32."""
    return float(np.float32(limit))


def _close(value: float, bound: Bound) -> bool:
    return any(limit and abs(value - limit) <= CLOSE * abs(limit) for limit in (bound.at_least, bound.at_most))


def _shards(run: Run, doc_id: bytes) -> list[Account] | None:
    path = run.path("shards", "documents.parquet")
    if not path.exists():
        return None
    columns = ["split", "shard", "document", "characters", "bytes", "tokens"]
    rows: list[Account] = pq.read_table(path, columns=columns, filters=[("doc_id", "==", doc_id)]).to_pylist()
    return rows


def _summary(path: Account) -> str:
    record = path.get("reject") or path["document"]
    return f"{_outcome(path):<28} {record.get('doc_id') or '':<32} {record['source']} {printable(record['locator'])}"


def _outcome(path: Account) -> str:
    if "reject" in path:
        return f"reject: {path['reject']['reason']}"
    if path["filter"] and not path["filter"]["keep"]:
        return f"removed by {path['filter']['rule']}"
    if path["dedup"] and path["dedup"]["removed"]:
        return f"removed as {path['dedup']['rule']}"
    return "kept" if path["dedup"] else "kept so far" if path["filter"] else "extracted"


def _row(label: str, text: str) -> str:
    return f"  {label:<10} {text}"


def _place(path: Account, table: str) -> str:
    return f"{path['rows'][table]['file']} row {path['rows'][table]['row']:,}"


def _came_from(record: Account) -> str:
    begin, length = record["offset"], record["length"]
    whole = begin is None or length is None
    return printable(record["input"] or "") + ("" if whole else f", bytes {begin:,} to {begin + length:,}")


def _reject_lines(path: Account) -> Iterator[str]:
    reject = path["reject"]
    yield f"reject {printable(reject['locator'])}"
    yield _row("source", reject["source"])
    yield _row("input", _came_from(reject))
    told = f"{reject['stage']}: {reject['reason']}" + (f" ({printable(reject['error'])})" if reject["error"] else "")
    yield _row("rejected", told)
    yield _row("row", _place(path, next(iter(path["rows"]))))


def _document_lines(path: Account, width: int) -> Iterator[str]:
    document, signals = path["document"], path["signals"]
    yield f"document {printable(document['locator'])}"
    yield _row("doc_id", document["doc_id"])
    yield _row("outcome", _outcome(path))
    yield _row("source", f"{document['source']} ({document['kind']})")
    yield _row("input", _came_from(document))
    yield _row("extracted", _place(path, "documents"))
    for name in ("title", "author", "date", "licence", "provider", "expires", "stated_language"):
        if document[name]:
            yield _row("", f"{name.replace('_', ' ')}: {printable(str(document[name]))}")
    yield _row("signals", _place(path, "signals"))
    language = f"language {signals['language']} ({_number(signals.get('language_score'))}), " if "language" in signals else ""
    yield _row("", f"{language}{signals['bytes']:,} bytes")
    bounded = set()
    for bound in path["bounds"]:
        bounded.add(bound["rule"].rpartition(" ")[2])
        mark = "BROKEN" if bound["broken"] else "close" if bound["close"] else ""
        value = "-" if bound["value"] is None else f"{bound['value']:.6g}"
        yield _row("", f"{bound['rule']:<52} {value:>10}   {bound['bound']:<22} {mark}".rstrip())
    others = [f"{name} {value:.6g}" for name, value in signals.items() if isinstance(value, float) and name not in bounded]
    if others:
        yield from (_row("", line) for line in textwrap.wrap(f"without a bound: {', '.join(others)}", 110))
    yield from _contamination_lines(path["contamination"])
    yield from _verdict_lines(path, width)


def _contamination_lines(items: list[Account]) -> Iterator[str]:
    for number, item in enumerate(items[:ITEMS]):
        mark = "" if item["found"] else " (too little to count)"
        told = f"{item['set']} item {item['item']}: {item['share']:.1%} of it{mark}, {printable(item['text'])!r}"
        yield _row("" if number else "evaluation", told)
    if len(items) > ITEMS:
        yield _row("", f"and {len(items) - ITEMS:,} other items")


def _verdict_lines(path: Account, width: int) -> Iterator[str]:
    verdict, dedup, shards = path["filter"], path["dedup"], path["shards"]
    if not verdict:
        yield _row("filter", "not done since these documents were extracted")
        return
    told = "kept" if verdict["keep"] else f"removed by {verdict['rule']}: {_number(verdict['value'])}, in force is {verdict['bound']}"
    yield _row("filter", f"{told} ({_place(path, 'filtered')})")
    if not verdict["keep"]:
        return
    if not dedup:
        yield _row("dedup", "not done since this verdict")
        return
    yield _row("dedup", f"{_dedup_words(dedup)} ({_place(path, 'decisions')})")
    indent = len(_row("", ""))
    yield from (_row("", line).rstrip() for line in cluster.lines(dedup, width - indent))
    yield from (_row(*told) for told in repeated_lines(path["repeated"]))
    if not dedup["keep"]:
        return
    if not shards:
        yield _row("shards", "not tokenized" if shards is None else "not in shards/documents.parquet: tokenize anew")
    for place in shards or ():
        shard = f"{place['split']}-{place['shard']:05d}"
        yield _row("shards", f"shards/{shard}.bin document {place['document']:,}: {place['tokens']:,} tokens of {place['bytes']:,} bytes")


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def _dedup_words(dedup: Account) -> str:
    often = "" if dedup["weight"] in (None, 1) else f", served {dedup['weight']:g} times an epoch"
    if dedup["removed"] and dedup["rule"] == REPEATED_TEXT:
        return f"removed as {dedup['rule']} ({_number(dedup['similarity'])} of it is left where {dedup['bound']} is asked)"
    if dedup["cluster"] is None:
        return f"kept: no duplicate of another{often}"
    of = f"cluster {dedup['cluster']} of {dedup['documents']:,} documents"
    if not dedup["removed"]:
        return f"kept as the survivor of {of}{often}"
    return f"removed as {dedup['rule']} (similarity {_number(dedup['similarity'])}, {dedup['bound']}) of {dedup['survivor']}, {of}"
