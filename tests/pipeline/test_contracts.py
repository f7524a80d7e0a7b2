"""Deliveries under contract: who delivered a document and until when it may be used stands beside it, and an end is an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from tests.pipeline.corpora import curate, long_topics, write_config

TOPICS = long_topics()


def deliver(folder: Path, contract: dict[str, Any], **extract: Any) -> Path:
    """A configuration of a CSV delivery under a contract and a book under none."""
    rows = "".join(
        f'"{text.replace(chr(34), chr(34) * 2)}",{name},{licence}\n' for (name, text), licence in zip(TOPICS, ("", "MIT"), strict=False)
    )
    (folder / "rows.csv").write_text("body,id,terms\n" + rows, encoding="utf-8")
    (folder / "book.txt").write_text(TOPICS[2][1], encoding="utf-8")
    sources = [
        {
            "name": "delivery",
            "kind": "table",
            "paths": [str(folder / "rows.csv")],
            "columns": {"text": "body", "locator": "id", "licence": "terms"},
            "contract": contract,
        },
        {"name": "book", "kind": "book", "paths": [str(folder / "book.txt")], "licence": "PSF-2.0"},
    ]
    return write_config(folder / "c.yaml", {"name": "c", "output": str(folder / "runs"), "sources": sources, "extract": extract})


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    return sorted(pq.read_table(folder / "runs" / "c" / table).to_pylist(), key=lambda row: row["locator"])


def test_a_contract_travels_with_each_document_and_ends_on_its_day(tmp_path: Path) -> None:
    contract = {"provider": "Example Press", "licence": "LicenseRef-Example-2026", "expires": "2026-06-30"}
    config = deliver(tmp_path, contract)
    curate("extract", config, "--set", "extract.as_of=2026-06-30")
    terms = {row["locator"]: (row["provider"], row["expires"], row["licence"]) for row in rows_of(tmp_path, "documents")}
    (first, _), (second, _) = TOPICS[:2]
    assert terms == {
        first: ("Example Press", "2026-06-30", "LicenseRef-Example-2026"),
        second: ("Example Press", "2026-06-30", "MIT"),
        str(tmp_path / "book.txt"): (None, None, "PSF-2.0"),
    }
    curate("extract", config, "--set", "extract.as_of=2026-07-01")
    assert [row["locator"] for row in rows_of(tmp_path, "documents")] == [str(tmp_path / "book.txt")]
    rejects = rows_of(tmp_path, "rejects/extract")
    assert [(row["locator"], row["reason"]) for row in rejects] == [(name, "contract expired") for name, _ in sorted(TOPICS[:2])]
    assert rejects[0]["error"] == "on 2026-06-30; extract.as_of is 2026-07-01"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"contract": {"licence": "MIT"}}, "sources.0.contract.provider: missing"),
        ({"contract": {"provider": "X", "expires": "soon"}}, "sources.0.contract.expires"),
        ({"contract": {"provider": "X", "licence": "MIT"}, "licence": "CC0-1.0"}, "has licence 'CC0-1.0' and its contract 'MIT'; give one"),
        ({"csv": {"encoding": "utf-9"}}, "'utf-9' is no encoding that Python knows"),
        ({"csv": {"delimiter": "::"}}, "sources.0.csv.delimiter"),
        ({"columns": {"txt": "a"}}, "sources.0.columns.txt: unknown key; did you mean 'text'?"),
    ],
)
def test_a_mistake_about_a_delivery_is_one_line_that_quotes_it(tmp_path: Path, source: dict[str, Any], says: str) -> None:
    values = {"name": "c", "sources": [{"name": "a", "kind": "table", "paths": ["a.csv"], **source}]}
    (tmp_path / "c.yaml").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        load(tmp_path / "c.yaml")
    assert says in str(error.value)
