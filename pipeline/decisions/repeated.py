"""What is cut from a document because it is repeated elsewhere, for a reader: lines and passages that dedup found over the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.decisions.find_records import Row, read_row
from pipeline.decisions.ledger import printable
from pipeline.kept import REPEATED
from pipeline.run import Run

SPANS = 5
"""Shown of a document; a page of navigation has held over a hundred."""
SHOWN_CHARACTERS = 80
"""Of a span."""


def repeated_spans(run: Run, row: Row, config: Config) -> dict[str, Any]:
    """What is cut of a row of documents/.

    Args:
        run: of the document.
        row: the document.
        config: says what was looked for.

    Returns:
        By kind, `lines` or `passages`, where any are cut: `bytes`, the number of `spans`, and `texts`, the first words of some.
    """
    told = {}
    for name, column in REPEATED.items():
        path = run.part(f"dedup/{name}", row.key)
        if getattr(config.dedup, name) is None or not path.exists() or pq.read_metadata(path).num_rows <= row.number:
            continue
        flat = read_row(path, row.number)[column]
        if not flat:
            continue
        spans = list(zip(flat[::2], flat[1::2], strict=True))
        text = read_row(run.part("documents", row.key), row.number)["text"].encode()
        texts = [" ".join(text[start:end].decode("utf-8", "replace").split())[:SHOWN_CHARACTERS] for start, end in spans[:SPANS]]
        told[name] = {"bytes": sum(end - start for start, end in spans), "spans": len(spans), "texts": texts}
    return told


def repeated_lines(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Label and words of each line of what `repeated_spans` tells."""
    for name, cut in told.items():
        yield "repeated", f"{cut['bytes']:,} bytes of {name} are cut, in {cut['spans']:,} place{'s' * (cut['spans'] != 1)}"
        for text in cut["texts"]:
            yield "", f"{name.removesuffix('s')}: {printable(text)!r}"
        if cut["spans"] > len(cut["texts"]):
            yield "", f"and {cut['spans'] - len(cut['texts']):,} other places"
