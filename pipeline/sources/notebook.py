"""Jupyter notebooks as text: code as it is, prose as comments between it, outputs dropped.

In:  nbformat 3 and 4 (nbformat.readthedocs.io).
Out: the percent format that editors read back: each cell after a line `# %%` or `# %% [markdown]`.
Lost: outputs, attachments, raw cells, and all metadata but the language.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Marks that begin a comment, by the kernel's language; any other has that of Python.
_COMMENTS = {
    "javascript": "//", "typescript": "//", "scala": "//", "java": "//", "kotlin": "//", "c++": "//", "c": "//", "c#": "//", "csharp": "//",
    "f#": "//", "fsharp": "//", "go": "//", "rust": "//", "swift": "//", "groovy": "//", "haskell": "--", "sql": "--", "lua": "--",
    "matlab": "%", "octave": "%", "prolog": "%", "clojure": ";;", "scheme": ";;",
}  # fmt: skip


class NotANotebook(ValueError):  # noqa: N818  a finding about the input, not a fault
    """What the file is instead."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """`language` is the kernel's own word for it, in lower case; 'python' where it says none."""

    text: str
    language: str


def read_notebook(text: str) -> Notebook:
    """Cells of a notebook in order, separated by an empty line; '' where none holds anything.

    Raises:
        NotANotebook: no JSON, or JSON without cells.
    """
    try:
        book = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotANotebook(f"{type(error).__name__}: {error}"[:200]) from error
    cells = _cells(book)
    if cells is None:
        raise NotANotebook("JSON without cells")
    metadata = _table(book, "metadata")
    stated = _table(metadata, "language_info").get("name") or _table(metadata, "kernelspec").get("language")
    language = stated.strip().lower() if isinstance(stated, str) and stated.strip() else "python"
    mark = _COMMENTS.get(language, "#")
    parts = []
    for cell in cells:
        kind, source = cell.get("cell_type"), _lines(cell.get("source", cell.get("input"))).strip("\n")
        if not source.strip():
            continue
        if kind == "code":
            parts.append(f"{mark} %%\n{source}")
        elif kind in {"markdown", "heading"}:
            heading = "#" * level + " " if kind == "heading" and isinstance(level := cell.get("level", 1), int) and 0 < level < 7 else ""
            lines = f"{heading}{source}".splitlines()
            parts.append("\n".join([f"{mark} %% [markdown]", *(f"{mark} {line}".rstrip() for line in lines)]))
    return Notebook("\n\n".join(parts) + "\n" if parts else "", language)


def _cells(book: Any) -> list[dict[str, Any]] | None:
    if not isinstance(book, dict):
        return None
    if isinstance(book.get("cells"), list):
        found = book["cells"]
    elif isinstance(book.get("worksheets"), list):
        found = [cell for sheet in book["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells") or []]
    else:
        return None
    return [cell for cell in found if isinstance(cell, dict)]


def _lines(source: object) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _table(value: Any, name: str) -> dict[str, Any]:
    table = value.get(name)
    return table if isinstance(table, dict) else {}
