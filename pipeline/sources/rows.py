"""One row of a table, whatever file it comes from, to one document or reject, by the source's column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.dates import iso_date
from pipeline.sources.distinct import Distinct
from pipeline.sources.records import Document, Outcome, Reject

STATED_CHARACTERS = 4096


class Rows:
    """The rows of one file. A row that repeats the name of an earlier one gets `#row` behind it, so that no two are taken for one."""

    def __init__(self, name: str, source: Source, extract: Extract):
        self.name, self.source, self.extract = name, source, extract
        self.names = Distinct()

    def outcome(self, values: Mapping[str, object], number: int, offset: int, length: int) -> Outcome:
        """The document in a row.

        Args:
            values: by column; only strings make a text, other values of the text column are refused.
            number: of the row in its file, from 0.
            offset: byte of the row in the file (`length` bytes from there), as the document shall state it.
            length: see `offset`.
        """
        columns = self.source.columns
        locator = self._locator(values, number)
        text = value_of(values, columns.text)
        if text is None:
            missing = "null" if columns.text in values else f"it has {quoted(list(values))}"
            return Reject(locator, "no text", f"column {columns.text!r}: {missing}", offset, length)
        if not isinstance(text, str):
            return Reject(locator, "text is not a string", f"a {type(text).__name__}", offset, length)
        if len(text) > self.extract.max_record_bytes:
            words = f"{len(text)} characters; max_record_bytes is {self.extract.max_record_bytes}"
            return Reject(locator, "too long", words, offset, length)
        text = normalise_text(text)
        if not text.strip():
            return Reject(locator, "empty", "", offset, length)
        return Document(
            locator=locator,
            text=text,
            title=stated(values, columns.title),
            licence=stated(values, columns.licence) or self.source.licence,
            date=iso_date(value_of(values, columns.date)) if columns.date else None,
            offset=offset,
            length=length,
            author=stated(values, columns.author),
            stated_language=stated(values, columns.language),
        )

    def _locator(self, values: Mapping[str, object], number: int) -> str:
        own = stated(values, self.source.columns.locator)
        if own is None:
            return f"{self.name}#{number}"
        while not self.names.add(own):
            own = f"{own}#{number}"
        return own


def value_of(values: Mapping[str, object], name: str) -> object:
    """The value of a column, or of the field that a name with dots leads to; None where there is none."""
    if name in values:
        return values[name]
    value: object = values
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def stated(values: Mapping[str, object], column: str | None) -> str | None:
    """A short value on one line, several joined by '; '; None where there is none, or one that is no text or number."""
    value = value_of(values, column) if column else None
    parts = value[:100] if isinstance(value, list) else [value]
    words = [str(part)[:STATED_CHARACTERS] for part in parts if isinstance(part, (str, int, float)) and not isinstance(part, bool)]
    return " ".join(normalise_text("; ".join(words)[:STATED_CHARACTERS]).split()) or None


def quoted(columns: Sequence[str]) -> str:
    """The first twelve names, for a message."""
    return ", ".join(map(repr, columns[:12])) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
