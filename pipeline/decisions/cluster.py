"""What became of a document among its duplicates: the survivor, other members of the cluster, and how the texts differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import load_stored
from pipeline.decisions.compare import Comparison, Difference, compare, side_by_side
from pipeline.decisions.find_records import Row, read_row, rows_with
from pipeline.decisions.ledger import printable
from pipeline.duplicates.clusters import RULES
from pipeline.duplicates.earlier_runs import holds
from pipeline.duplicates.index import DESCRIPTION, FOLDER
from pipeline.run import CONFIGURATION, Run
from pipeline.schema import DOCUMENT_ID

MEMBERS = 5
"""Documents shown of a cluster beside the survivor; a template page has had 743,779 copies."""
Account = dict[str, Any]


def among_duplicates(run: Run, row: Row, decision: Account, *, with_texts: bool) -> Account:
    """What dedup made of a document.

    Args:
        run: where it stands.
        row: its row of documents/.
        decision: its row of decisions/.
        with_texts: compare its text with the survivor's.

    Returns:
        Values for JSON: `keep`, `removed`, `weight`, `cluster` (its id, None for a document that duplicates nothing); in a cluster also
        `documents` (its size), `survivor` (doc_id) and `members`, some others; of a removed document `rule`, `similarity` (of repeated
        text the share that is left) and `bound`; of a duplicate `survivor_document` (None where this run does not hold it, and then
        `survivor_run`) and `comparison`.
    """
    told: Account = {"keep": decision["keep"], "removed": decision["stage"] == "dedup", "weight": decision.get("weight")}
    is_duplicate = decision["rule"] in RULES.values()
    if told["removed"]:
        told |= {"rule": decision["rule"], "similarity": decision["value"], "bound": decision["bound"]}
    if decision["cluster_id"] is None:
        return told | {"cluster": None}
    survivor = decision["survivor_id"]
    told |= {"cluster": decision["cluster_id"].hex(), "documents": decision["cluster_size"], "survivor": survivor.hex()}
    if is_duplicate:
        place = _survivor_row(run, survivor, decision["cluster_id"])
        told["survivor_document"] = place and _document(run, place)
        if place is None:
            told["survivor_run"] = _earlier_run(run, survivor)
        told["comparison"] = asdict(_compared(run, row, place)) if place and with_texts else None
    return told | {"members": _members(run, survivor, decision["doc_id"])}


def lines(dedup: Account, width: int) -> Iterator[str]:
    """The account for a terminal, without its first line."""
    if survivor := dedup.get("survivor_document"):
        yield f"survivor: {printable(survivor['locator'])}"
        yield _described(survivor)
    elif run := dedup.get("survivor_run"):
        yield f"survivor: {dedup['survivor']}, of an earlier run ({printable(run)}), whose text is not read"
    for member in dedup.get("members", ()):
        yield f"{'member' if dedup['removed'] else 'removed'}: {printable(member['locator'])} ({member['doc_id']})"
    others = dedup.get("documents", 0) - len(dedup.get("members", ())) - (2 if dedup["removed"] else 1)
    if others > 0:
        yield f"and {others:,} other documents of the cluster"
    if comparison := dedup.get("comparison"):
        yield ""
        shown = [Difference(**place) for place in comparison["shown"]]
        yield from side_by_side(Comparison(comparison["equal"], comparison["places"], shown), ("this document", "survivor"), width)


def _described(document: Account) -> str:
    date = f", date {printable(document['date'])}" if document["date"] else ""
    return f"  {document['doc_id']}, source {document['source']}, {document['bytes']:,} bytes{date}"


def _survivor_row(run: Run, survivor: bytes, cluster: bytes) -> Row | None:
    """Of more documents with that doc_id (one address, captured twice) the one that is no duplicate; none where an earlier run holds it."""

    def survives(place: Row) -> bool:
        decision = read_row(run.part("decisions", place.key), place.number)
        # Repeated passages may have removed it since.
        return decision["cluster_id"] == cluster and decision["rule"] not in RULES.values()

    places = (Row("documents", key, number) for key, number in rows_with(run, "signals", "doc_id", [survivor]))
    return next(filter(survives, places), None)


def _document(run: Run, place: Row) -> Account:
    document = read_row(run.part("documents", place.key), place.number, ["text"])
    measured = read_row(run.part("signals", place.key), place.number, ["signature"])
    told = {name: document[name] for name in ("locator", "source", "date", "title")}
    file = run.name(str(run.part("documents", place.key)))
    return {"doc_id": document["doc_id"].hex(), **told, "bytes": measured["bytes"], "file": file, "row": place.number}


def _compared(run: Run, row: Row, survivor: Row) -> Comparison:
    texts = (read_row(run.part("documents", place.key), place.number)["text"] for place in (row, survivor))
    return compare(*texts)


def _earlier_run(run: Run, survivor: bytes) -> str:
    """The run of `dedup.against` that holds a document; where none of them does any more, all of them."""
    path = run.path("dedup", CONFIGURATION)
    against = load_stored(path).dedup.against if path.exists() else ()
    # Runs that were moved away since have no index to ask.
    there = [name for name in against if Run(Path(name)).path(*FOLDER, DESCRIPTION).exists()]
    return next((name for name in there if holds(name, survivor)), " or ".join(against) or "no longer named in dedup.against")


def _members(run: Run, survivor: bytes, asked: bytes) -> list[Account]:
    """The smallest doc_ids of what gave way to the survivor, but for the document that is asked about."""
    found: set[bytes] = set()
    for key in run.keys("extract"):
        table = pq.read_table(run.part("decisions", key), columns=["doc_id", "survivor_id"])
        members = table["doc_id"].filter(pc.equal(table["survivor_id"], pc.cast(survivor, DOCUMENT_ID)))
        # One more than are shown for the survivor, one for the document itself.
        found.update(members.take(pc.sort_indices(members)[: MEMBERS + 2]).to_pylist())
    chosen = sorted(found - {survivor, asked})[:MEMBERS]
    rows = (read_row(run.part("documents", key), number, ["text"]) for key, number in rows_with(run, "signals", "doc_id", chosen))
    by_id = {row["doc_id"]: row for row in rows}
    return [{"doc_id": doc_id.hex(), "locator": by_id[doc_id]["locator"], "source": by_id[doc_id]["source"]} for doc_id in chosen]
