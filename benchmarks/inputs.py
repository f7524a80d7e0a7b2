"""Every file of a folder of odd inputs: what was in it, what became of that, and the memory that it took.

    python -m benchmarks.inputs warc [FOLDER]     web archives and saved pages; .data/warc
    python -m benchmarks.inputs books [FOLDER]    books and archives of them; .data/books

Prints a Markdown table with a row for each file and one for all. Memory is the largest resident set of this process while it read the
file (Linux: VmHWM, reset before each), above what it held before.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books, pages
from pipeline.sources.records import Document, Outcome, Reject, Tally
from pipeline.stages.extract import web_records

MEGABYTE = 1e6
NOT_INPUTS = frozenset({"FEATURES.txt", ".unpacked"})
Read = Callable[[Path, Path, Tally], Iterator[Outcome]]


@dataclass
class Row:
    """One file, or the sum of several: `bytes` of input, `peak_bytes` above what was held before."""

    name: str
    bytes: int = 0
    records: int = 0
    documents: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    peak_bytes: int = 0

    def add(self, other: Row) -> None:
        """Sum everything but the peaks, of which the largest stays."""
        self.bytes += other.bytes
        self.records += other.records
        self.documents += other.documents
        self.rejects += other.rejects
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    def line(self) -> str:
        """The row in Markdown."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(self.rejects.items(), key=lambda item: (-item[1], item[0])))
        return f"| {self.name} | {self.bytes:,} | {self.records:,} | {self.documents:,} | {reasons} | {self.peak_bytes / MEGABYTE:,.1f} |"


def read_web(path: Path, _folder: Path, tally: Tally) -> Iterator[Outcome]:
    extract, source = Extract(), Source(name="web", kind="web", paths=(str(path),))
    for record in web_records(str(path), tally, extract.max_record_bytes):
        yield record if isinstance(record, Reject) else pages.page_document(record, extract, source)


def read_books(path: Path, folder: Path, tally: Tally) -> Iterator[Outcome]:
    source = Source(name="books", kind="book", paths=(str(path),))
    yield from books.outcomes([str(path)], source, Extract(), tally, root=str(folder))


READERS: dict[str, Read] = {"warc": read_web, "books": read_books}


def rows(kind: str, folder: Path) -> Iterator[Row]:
    """A row for each file, sorted by path.

    Raises:
        ValueError: the folder holds no file.
        AssertionError: a file's records are not its documents and rejects.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_INPUTS)
    if not paths:
        raise ValueError(f"{str(folder)!r} holds no file; give the folder that the archives were unpacked to")
    # Once before: what imports and kernels take is no file's.
    for _ in READERS[kind](paths[0], folder, Tally()):
        pass
    for path in paths:
        row, tally = Row(str(path.relative_to(folder)), path.stat().st_size), Tally()
        gc.collect()
        before = _reset_peak()
        for outcome in READERS[kind](path, folder, tally):
            if isinstance(outcome, Document):
                row.documents += 1
            else:
                row.rejects[outcome.reason] += 1
        row.records, row.peak_bytes = tally.records, max(0, _memory("VmHWM") - before)
        assert row.records == row.documents + row.rejects.total(), row
        yield row


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _reset_peak() -> int:
    """Forget the largest resident set so far (proc(5), clear_refs); the present one in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inputs")
    parser.add_argument("kind", choices=sorted(READERS))
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args(arguments)
    total = Row("all files")
    print("| file | bytes | records | documents | rejects | peak MB |\n| --- | ---: | ---: | ---: | --- | ---: |")
    for row in rows(options.kind, options.folder or Path(".data", options.kind)):
        print(row.line(), flush=True)
        total.add(row)
    print(total.line())


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"benchmarks.inputs: {error}")
