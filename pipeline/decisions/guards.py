"""Guards over what filter removed: no rule may take more than a configured share of one source, language or domain.

A language and a domain are judged within a source, because rules are in force by source: what a rule takes of a language in one source
is not made small by documents of that language in another. What takes whole languages on purpose is not judged by them: the rule
`language`, and the rules over code, where one against markup takes all SVG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from pipeline.config import Config
from pipeline.run import Manifest, Run

LANGUAGE_RULE = "language"
EXAMPLES = 3
# Domains are first counted by hash, 32 MB whatever their number; only those that may reach least_documents are counted by name.
SLOTS = 1 << 22


@dataclass(frozen=True)
class Excess:
    """A rule that removes more of a group than is allowed."""

    rule: str
    group: str
    """'source', 'language' or 'domain'."""
    name: str
    source: str
    removed: int
    documents: int


def check_guards(run: Run, config: Config, manifest: Manifest) -> None:
    """Whether every group keeps as much as `filter.guard` asks.

    Raises:
        ValueError: it does not; the error names rule, group, counts and three documents.
    """
    found = excess(run, config, manifest)
    if found:
        share = getattr(config.filter.guard, found.group)
        group = f"source {found.source!r}" if found.group == "source" else f"{found.group} {found.name!r} of source {found.source!r}"
        raise ValueError(
            f"{found.rule!r} removes {found.removed} of the {found.documents} documents of {group}, more than filter.guard.{found.group} "
            f"({share:g}) allows, such as {', '.join(_examples(run, manifest, found))}; choose other presets or bounds for it, or raise "
            f"filter.guard.{found.group}"
        )


def excess(run: Run, config: Config, manifest: Manifest) -> Excess | None:
    """The first excess: sources before languages before domains, in order of their names."""
    guard = config.filter.guard
    code = {source.name for source in config.sources if source.kind == "code"}
    sources: Mapping[str, Any] = manifest.totals.get("sources", {})
    for name, counts in sources.items():
        removed = {rule: count["documents"] for rule, count in counts["removed"].items()}
        if over := _over(removed, counts["documents"], guard.source, guard.least_documents):
            return Excess(over, "source", name, name, removed[over], counts["documents"])
    for name, counts in sources.items():
        for language, of_language in counts["languages"].items() if name not in code else ():
            removed = {rule: count for rule, count in of_language["removed"].items() if rule != LANGUAGE_RULE}
            if over := _over(removed, of_language["documents"], guard.language, guard.least_documents):
                return Excess(over, "language", language, name, removed[over], of_language["documents"])
    if guard.domain < 1:
        for name in sources:
            documents, removed_of = domain_counts(run, _parts_of(manifest, name), guard.least_documents)
            for domain in sorted(documents):
                removed = {rule: count for rule, count in removed_of.get(domain, {}).items() if rule != LANGUAGE_RULE}
                if over := _over(removed, documents[domain], guard.domain, guard.least_documents):
                    return Excess(over, "domain", domain, name, removed[over], documents[domain])
    return None


def domain_counts(run: Run, keys: Iterable[str], least_documents: int) -> tuple[dict[str, int], dict[str, Counter[str]]]:
    """Documents, and documents removed by each rule, of every registered domain that has at least `least_documents`.

    Memory: 32 MB and what domains of that size need, of which there are at most documents / least_documents.
    """
    slots = np.zeros(SLOTS, np.int64)
    for key in keys:
        for domains in _columns(run, "signals", key, ["domain"]):
            encoded = domains["domain"].combine_chunks().dictionary_encode()
            counted = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(encoded.dictionary))
            np.add.at(slots, _slots_of(encoded.dictionary), counted)
    documents: Counter[str] = Counter()
    removed: dict[str, Counter[str]] = {}
    for key in keys:
        rules = pq.read_table(run.part("filtered", key), columns=["rule"])["rule"]
        row = 0
        for domains in _columns(run, "signals", key, ["domain"]):
            table = domains.append_column("rule", rules.slice(row, domains.num_rows))
            row += domains.num_rows
            encoded = table["domain"].combine_chunks().dictionary_encode()
            large = encoded.dictionary.filter(pa.array(slots[_slots_of(encoded.dictionary)] >= least_documents))
            table = table.filter(pc.is_in(table["domain"], large))
            for group in table.group_by(["domain", "rule"]).aggregate([([], "count_all")]).to_pylist():
                documents[group["domain"]] += group["count_all"]
                if group["rule"] is not None:
                    removed.setdefault(group["domain"], Counter())[group["rule"]] += group["count_all"]
    return {domain: count for domain, count in documents.items() if count >= least_documents}, removed


def _over(removed: Mapping[str, int], documents: int, share: float, least_documents: int) -> str | None:
    """The rule that removes most, where that is more than the share of a group that is judged."""
    if documents < least_documents or not removed:
        return None
    worst = min(removed, key=lambda rule: (-removed[rule], rule))
    return worst if removed[worst] > share * documents else None


def _parts_of(manifest: Manifest, source: str) -> list[str]:
    return [key for key, part in manifest.parts.items() if source in part.counts["sources"]]


def _columns(run: Run, table: str, key: str, columns: list[str]) -> Iterable[pa.Table]:
    with pq.ParquetFile(run.part(table, key)) as file:
        for batch in file.iter_batches(batch_size=1 << 16, columns=columns):
            yield pa.Table.from_batches([batch])


def _slots_of(domains: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([xxhash.xxh3_64_intdigest(domain.encode()) % SLOTS for domain in domains.to_pylist()], np.int64)


def _examples(run: Run, manifest: Manifest, found: Excess) -> list[str]:
    examples: list[str] = []
    for key in _parts_of(manifest, found.source):
        rule = pq.read_table(run.part("filtered", key), columns=["rule"])["rule"]
        chosen = pc.equal(rule, found.rule)
        if found.group != "source":
            chosen = pc.and_(chosen, pc.equal(pq.read_table(run.part("signals", key), columns=[found.group])[found.group], found.name))
        if pc.any(chosen).as_py():
            examples += pq.read_table(run.part("documents", key), columns=["locator"])["locator"].filter(chosen).to_pylist()
        if len(examples) >= EXAMPLES:
            break
    return examples[:EXAMPLES]
