"""What a benchmark says: rows of ours, each peer and the limit, as a plain-text table and as the JSON of DESIGN 11."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, median


@dataclass
class Row:
    """One contestant: its runs on the same input, and what came out of them."""

    label: str
    costs: list[Cost] = field(default_factory=list)
    documents: dict[str, int] = field(default_factory=dict)
    """Documents left after each stage, and tokens, in order."""
    stage_cpu_s: dict[str, float] = field(default_factory=dict)
    """Of the last run."""
    absent: str = ""
    """Why there are no runs, where there are none."""

    @property
    def cost(self) -> Cost:
        """Medians of the runs."""
        return median(self.costs)

    def as_json(self) -> dict[str, Any]:
        """Medians, every run, documents per stage; or why it is absent."""
        if self.absent:
            return {"absent": self.absent}
        runs = {"runs": [asdict(cost) for cost in self.costs]}
        return {"label": self.label, **asdict(self.cost), "documents": self.documents, "stage_cpu_s": self.stage_cpu_s, **runs}


def speed_ratio(ours: Row, other: Row) -> float:
    """How many times fewer CPU-seconds ours takes."""
    return other.cost.cpu_s / ours.cost.cpu_s


def table(ours: Row, others: Sequence[Row]) -> str:
    """One line each: costs, the ratio of CPU-seconds (above 1: ours takes fewer), documents per stage."""
    stages = list(ours.documents)
    lines = [["", "CPU-s", "wall s", "peak MB", "ratio", *(stage.replace("_", " ") for stage in stages)]]
    for row in (ours, *others):
        if row.absent:
            lines.append([f"{row.label}: {row.absent}"])
            continue
        cost = row.cost
        ratio = "" if row is ours else f"{speed_ratio(ours, row):.2f}"
        counts = [f"{row.documents[stage]:,}" if stage in row.documents else "" for stage in stages]
        lines.append([row.label, f"{cost.cpu_s:.1f}", f"{cost.wall_s:.1f}", f"{cost.peak_mb:,.0f}", ratio, *counts])
    return columns(lines)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as aligned text: labels to the left, the rest to the right; a line of one cell stands as it is."""
    full = [line for line in lines if len(line) > 1]
    widths = [max(len(line[place]) for line in full) for place in range(len(full[0]))]
    return "\n".join("  ".join(_align(line, widths)).rstrip() for line in lines)


def _align(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=False))]


def write_results(
    path: Path,
    *,
    about: Mapping[str, Any],
    ours: Row,
    peers: Mapping[str, Row],
    limit: Row,
    quality: Mapping[str, Mapping[str, Any]],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write the JSON of DESIGN 11; the limit, and `more`, under keys of their own. A peer without runs has no ratio."""
    values = {
        "input": about,
        "ours": ours.as_json(),
        "peers": {name: row.as_json() for name, row in peers.items()},
        "limit": limit.as_json(),
        "ratios": {name: round(speed_ratio(ours, row), 3) for name, row in peers.items() if not row.absent},
        "quality": quality,
        **(more or {}),
    }
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
