"""What other settings of filter would change: verdicts made again from signals/ and held against filtered/.

No text is read but that of the samples. What dedup and tokenize would make of the change is not computed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.decisions.find_records import read_row
from pipeline.decisions.ledger import printable
from pipeline.decisions.verdicts import source_of, verdicts
from pipeline.kept import keyed_hashes
from pipeline.run import Run

THREADS = 2
BYTES_PER_TOKEN = 4.0
"""Where nothing has been tokenized yet."""
SHOWN_CHARACTERS = 300
MOST_ROWS = 20  # of a printed table; the rest is in the JSON
BY = ("language", "before", "after", "rule_before", "rule_after")
Group = tuple[str, str, bool, bool, str, str]
"""Source, language ('' for none), kept before and after, the rule that removed before and after ('' for none)."""


@dataclass(frozen=True, order=True)
class Sample:
    """A document whose verdict changes, and the verdict that removed it or would."""

    hash: int
    """Of doc_id, keyed: the smallest are shown, so always the same ones."""
    key: str
    row: int
    source: str
    rule: str
    value: float | None
    bound: str


@dataclass
class Difference:
    """Documents and bytes by source, language and verdicts; and samples of those that change."""

    counts: dict[Group, tuple[int, int]] = field(default_factory=dict)
    entering: list[Sample] = field(default_factory=list)
    leaving: list[Sample] = field(default_factory=list)

    def add(self, other: Difference, most_samples: int) -> None:
        """Count another's documents too."""
        for group, (documents, size) in other.counts.items():
            held = self.counts.get(group, (0, 0))
            self.counts[group] = held[0] + documents, held[1] + size
        self.entering = heapq.nsmallest(most_samples, self.entering + other.entering)
        self.leaving = heapq.nsmallest(most_samples, self.leaving + other.leaving)


def check_overrides(overrides: Iterable[str]) -> None:
    """Whether every override is of filter, since nothing else is decided again.

    Raises:
        ValueError: one is not.
    """
    for override in overrides:
        if not override.startswith(("filter.", "filters.", "filter=")):
            raise ValueError(f"--set {override!r} is no setting of filter, and what-if decides nothing else again; do the stage itself")


def what_if(run: Run, config: Config, samples: int = 3) -> dict[str, Any]:
    """The difference that a configuration makes to a run, as values for JSON.

    Args:
        run: its signals/ and filtered/ are read; nothing is written. Memory: a few row groups of them at a time.
        config: with the settings to try.
        samples: texts of each kind, entering and leaving.

    Returns:
        `all`, and by name `sources`, `languages` ('' is none) and `groups` (language within source): `before`, `after`, `entering` and
        `leaving`, each [documents, bytes]; `rules`: what each removes, `before` and `after`; `samples`: `entering` and `leaving`, each with
        source, locator, rule, value, bound and the beginning of the text; `bytes_per_token` and whether it was `measured`.

    Raises:
        ValueError: filter has not been done since the documents were extracted, or a rule asks for a signal that was not measured.
    """
    total = Difference()
    keys = run.keys("extract")
    # The verdicts are enough: where a guard has stopped the run, its manifest is missing and the question is asked.
    if missing := [key for key in keys if not run.part("filtered", key).exists()]:
        run.need("filter")
        raise ValueError(f"{str(run.part('filtered', missing[0]))!r} does not exist; do `curate filter` anew")
    with ThreadPoolExecutor(THREADS) as pool:
        for part in pool.map(lambda key: part_difference(run, key, config, samples), keys):
            total.add(part, samples)
    per_token, measured = _bytes_per_token(run)
    nested: dict[str, dict[Group, tuple[int, int]]] = {}
    for group, count in total.counts.items():
        nested.setdefault(group[0], {})[group] = count
    return {
        "all": _changes(total.counts),
        "sources": _by(total.counts, 0),
        "languages": _by(total.counts, 1),
        "groups": {source: _by(counts, 1) for source, counts in sorted(nested.items())},
        "rules": _rules(total.counts),
        "samples": {
            "entering": [_told(run, sample) for sample in total.entering],
            "leaving": [_told(run, sample) for sample in total.leaving],
        },
        "bytes_per_token": per_token,
        "measured": measured,
    }


def part_difference(run: Run, key: str, config: Config, samples: int) -> Difference:
    """Of one part.

    Raises:
        ValueError: filtered/ is of an earlier extraction.
    """
    difference = Difference()
    source = source_of(run, key, config)
    rows = 0
    filtered = pq.read_table(run.part("filtered", key), columns=["doc_id", "keep", "rule", "value", "bound"])
    for signals, after in verdicts(run, key, source, config, ["doc_id", "bytes", "language"]) if source else ():
        before = filtered.slice(rows, after.num_rows)
        if not before["doc_id"].equals(signals["doc_id"]):
            raise ValueError(f"{str(run.part('filtered', key))!r} is of an earlier extraction; do `curate filter` anew")
        assert source is not None
        difference.add(Difference(_counted(source.name, signals, before, after)), samples)
        if samples:
            for direction, old, new, removal in (
                ("entering", pc.invert(before["keep"]), after["keep"], before),
                ("leaving", before["keep"], pc.invert(after["keep"]), after),
            ):
                changed = np.flatnonzero(pc.and_(old, new).to_numpy(zero_copy_only=False))
                found = _sampled(changed, signals["doc_id"], removal, samples)
                chosen = [Sample(hash_, key, rows + row, source.name, *verdict) for hash_, row, verdict in found]
                difference.add(Difference(**{direction: chosen}), samples)  # type: ignore[arg-type]
        rows += after.num_rows
    if rows != filtered.num_rows:
        raise ValueError(f"{str(run.part('filtered', key))!r} is of an earlier extraction; do `curate filter` anew")
    return difference


def _counted(source: str, signals: pa.Table, before: pa.Table, after: pa.RecordBatch) -> dict[Group, tuple[int, int]]:
    columns = (signals["language"], before["keep"], after["keep"], before["rule"], after["rule"], signals["bytes"])
    table = pa.table(dict(zip((*BY, "bytes"), columns, strict=True)))
    grouped = table.group_by(list(BY), use_threads=False).aggregate([("bytes", "count"), ("bytes", "sum")])
    return {
        (source, row["language"] or "", row["before"], row["after"], row["rule_before"] or "", row["rule_after"] or ""): (
            row["bytes_count"],
            row["bytes_sum"],
        )
        for row in grouped.to_pylist()
    }


def _sampled(
    changed: np.ndarray[Any, np.dtype[np.int64]], doc_ids: pa.ChunkedArray, removal: pa.Table | pa.RecordBatch, most: int
) -> Iterator[tuple[int, int, tuple[str, float | None, str]]]:
    """Hash, row and the removing verdict of the changed rows with the smallest hashes."""
    hashes = keyed_hashes(doc_ids.take(pa.array(changed)).to_pylist(), "what-if", 0)
    for place in np.argsort(hashes, kind="stable")[:most]:
        row = int(changed[place])
        yield int(hashes[place]), row, tuple(removal[name][row].as_py() for name in ("rule", "value", "bound"))  # type: ignore[misc]


def _changes(counts: Mapping[Group, tuple[int, int]]) -> dict[str, list[int]]:
    totals = {name: [0, 0] for name in ("before", "after", "entering", "leaving")}
    for (_, _, before, after, _, _), (documents, size) in counts.items():
        held = {"before": before, "after": after, "entering": after and not before, "leaving": before and not after}
        for name in (name for name, counted in held.items() if counted):
            totals[name] = [totals[name][0] + documents, totals[name][1] + size]
    return totals


def _by(counts: Mapping[Group, tuple[int, int]], place: int) -> dict[str, dict[str, list[int]]]:
    parted: dict[str, dict[Group, tuple[int, int]]] = {}
    for group, count in counts.items():
        parted.setdefault(str(group[place]), {})[group] = count
    return {name: _changes(parted[name]) for name in sorted(parted)}


def _rules(counts: Mapping[Group, tuple[int, int]]) -> dict[str, dict[str, list[int]]]:
    """What each rule removes: the first that a document breaks."""
    rules: dict[str, dict[str, list[int]]] = {}
    for (_, _, _, _, before, after), (documents, size) in counts.items():
        for when, rule in (("before", before), ("after", after)):
            if rule:
                held = rules.setdefault(rule, {"before": [0, 0], "after": [0, 0]})
                held[when] = [held[when][0] + documents, held[when][1] + size]
    return dict(sorted(rules.items()))


def _told(run: Run, sample: Sample) -> dict[str, Any]:
    document = read_row(run.part("documents", sample.key), sample.row)
    text = document["text"][:SHOWN_CHARACTERS]
    verdict = {"rule": sample.rule, "value": sample.value, "bound": sample.bound}
    return {"source": sample.source, "locator": document["locator"], "doc_id": document["doc_id"].hex(), **verdict, "text": text}


def _bytes_per_token(run: Run) -> tuple[float, bool]:
    """Of what has been tokenized, and whether anything has."""
    manifest = run.manifest("tokenize")
    splits = [split for source in (manifest.totals.get("sources", {}) if manifest else {}).values() for split in source.values()]
    tokens, size = sum(split["tokens"] for split in splits), sum(split["bytes"] for split in splits)
    return (size / tokens, True) if tokens and size else (BYTES_PER_TOKEN, False)


def lines(difference: Mapping[str, Any]) -> Iterator[str]:
    """The difference for a terminal."""
    everything, per_token = difference["all"], difference["bytes_per_token"]
    if everything["entering"][0] == everything["leaving"][0] == 0:
        yield f"No document enters or leaves: {everything['before'][0]:,} are kept as before."
        if any(rule["before"] != rule["after"] for rule in difference["rules"].values()):
            yield from _rule_table(difference["rules"])
    else:
        for title, rows in (("source", difference["sources"]), ("language", difference["languages"])):
            yield from _table(title, rows, per_token)
            yield ""
        yield from _rule_table(difference["rules"])
        for direction, verb in (("entering", "would enter"), ("leaving", "would leave")):
            for sample in difference["samples"][direction]:
                yield ""
                removal = f"{sample['rule']} {_value(sample['value'])}, {'was' if direction == 'entering' else 'now'} {sample['bound']}"
                yield f"{verb}: {printable(sample['locator'])} ({sample['source']}; {removal})"
                yield f"    {printable(sample['text'])}"
        yield ""
    per = f"{per_token:.2f} bytes per token, {'as tokenized' if difference['measured'] else 'assumed'}"
    yield f"What dedup and tokenize would make of it is not computed; ≈ tokens at {per}."


def _value(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def _table(title: str, rows: Mapping[str, Mapping[str, list[int]]], per_token: float) -> Iterator[str]:
    yield f"{title:<20}{'kept before':>13}{'kept after':>13}{'entering':>11}{'leaving':>11}{'MB':>10}{'≈ tokens':>16}"
    ordered = sorted(rows, key=lambda name: (-rows[name]["entering"][0] - rows[name]["leaving"][0], -rows[name]["before"][0], name))
    for name in ordered[:MOST_ROWS]:
        row = rows[name]
        size = row["after"][1] - row["before"][1]
        documents = "".join(f"{row[column][0]:>{width},}" for column, width in zip(row, (13, 13, 11, 11), strict=True))
        yield f"{printable(name) or '(none)':<20}{documents}{size / 1e6:>+10,.2f}{size / per_token:>+16,.0f}"
    yield from _more(ordered)


def _rule_table(rules: Mapping[str, Mapping[str, list[int]]]) -> Iterator[str]:
    yield f"{'rule':<60}{'removes before':>16}{'after':>13}"
    ordered = sorted(rules, key=lambda rule: (-abs(rules[rule]["after"][0] - rules[rule]["before"][0]), -rules[rule]["after"][0], rule))
    for rule in ordered[:MOST_ROWS]:
        yield f"{rule:<60}{rules[rule]['before'][0]:>16,}{rules[rule]['after'][0]:>13,}"
    yield from _more(ordered)


def _more(ordered: Iterable[str]) -> list[str]:
    more = len(list(ordered)) - MOST_ROWS
    return [f"and {more} more"] if more > 0 else []
