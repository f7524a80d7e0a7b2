"""The page's tables: no document is lost in those of languages and of clusters, however many there are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.report import MOST_LANGUAGES, clusters, languages

RULES = ("a b", "a c", "d e")
LANGUAGE = st.builds(dict, kept=st.integers(0, 50), removed=st.dictionaries(st.sampled_from(RULES), st.integers(1, 50)))


def counts(by_language: dict[str, dict[str, Any]], kept: int, removed: dict[str, int]) -> dict[str, Any]:
    """As the stage filter counts a source of these and of documents without a language."""
    named = {name: one | {"documents": one["kept"] + sum(one["removed"].values())} for name, one in by_language.items()}
    every = [*named.values(), {"documents": kept + sum(removed.values()), "kept": kept, "removed": removed}]
    by_rule = {rule: {"documents": sum(one["removed"].get(rule, 0) for one in every), "bytes": 0} for rule in RULES}
    total = {key: sum(one[key] for one in every) for key in ("documents", "kept")}
    return total | {"languages": named, "removed": by_rule}


@given(
    st.dictionaries(st.text("abcxyz", min_size=1, max_size=3), LANGUAGE, min_size=1, max_size=30),
    st.integers(0, 9),
    st.dictionaries(st.sampled_from(RULES), st.integers(1, 9)),
)
def test_every_document_is_in_one_language_row(by_language: dict[str, Any], kept: int, removed: dict[str, int]) -> None:
    filtered = counts(by_language, kept, removed)
    rows = languages(filtered)
    assert sum(row.documents for row in rows) == filtered["documents"]
    assert sum(row.kept for row in rows) == filtered["kept"]
    assert all(0 <= row.removed_by_rule <= row.documents - row.kept for row in rows)
    assert all((row.removed_by_rule > 0) == (row.documents > row.kept) == bool(row.rule) for row in rows)
    named = [row for row in rows if row.label in by_language]
    assert len(rows) <= MOST_LANGUAGES + 1
    assert [row.documents for row in named] == sorted((row.documents for row in named), reverse=True)


def test_a_source_without_languages_has_no_table() -> None:
    assert languages(None) == languages(counts({}, 7, {"a b": 2})) == []


@given(st.lists(st.integers(1, 1500), max_size=12), st.integers(0, 5), st.integers(1, 3))
def test_every_cluster_and_document_that_took_part_is_in_one_row(sizes: list[int], removed: int, parts: int) -> None:
    rows = [(number == 0, None if number == 0 else "dedup", size if size > 1 else None) for size in sizes for number in range(size)]
    rows += [(False, "filter", None)] * removed
    schema = pa.schema([("keep", pa.bool_()), ("stage", pa.string()), ("cluster_size", pa.int32())])
    tables = [
        pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows[part::parts]], schema) for part in range(parts)
    ]
    found = {row.label: (row.kept, row.documents) for row in clusters(tables)}
    if all(size == 1 for size in sizes):
        assert found == {}
        return
    bounds = {"1": (1, 1), "2": (2, 2), "3 to 4": (3, 4), "5 to 9": (5, 9), "10 to 99": (10, 99), "100 to 999": (100, 999)}
    bounds["1,000 and more"] = (1000, 10**9)
    for label, (least, most) in bounds.items():
        within = [size for size in sizes if least <= size <= most]
        assert found[label] == (len(within), sum(within))
