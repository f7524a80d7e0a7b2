"""Texts that teach a model, by label, from whatever files hold them; and a spool on disk that gives them in an order of their own.

In:  `LABEL=PATH`, a path being a run directory (with `:kept`, `:removed` or `:all` behind it, and `:SOURCE`), or files as a source of kind
     table names them: Parquet, CSV, JSON Lines; and plain text, a text a line or a file, plain or compressed.
Out: each text once. Equal texts of one label teach once; a text that stands under two labels teaches neither.
Lost: what cannot be read, counted by reason.
"""

from __future__ import annotations

import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import xxhash

from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Columns, Source
from pipeline.sources import tables
from pipeline.sources.compression import DamagedInput
from pipeline.sources.files import list_inputs, open_decompressed
from pipeline.sources.records import Document, Outcome, Reject, Tally

TEXT_FILE = re.compile(r"\.te?xt(\.(gz|zst|bz2|xz|lz4))?$")
_LABELLED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,62})=(.+)", re.DOTALL)
_RUN = re.compile(r"(.+?)(?::(kept|removed|all)(?::(.+))?)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read."""

    column: str = "text"
    """Of a table, what holds the text; dots lead into nested fields."""
    whole_files: bool = False
    """Whether a plain text file is one text, not one a line."""
    max_bytes: int = 64 << 20
    """A longer text is refused."""


AS_LINES = Reading()


@dataclass(slots=True)
class Read:
    """What became of the records of one label."""

    records: int = 0
    rejects: Counter[str] = field(default_factory=Counter)


def parse_labelled(arguments: Sequence[str]) -> dict[str, list[str]]:
    """`LABEL=PATH` arguments as paths by label, labels in the order in which they come first.

    Raises:
        ValueError: an argument is none.
    """
    found: dict[str, list[str]] = {}
    for argument in arguments:
        match = _LABELLED.fullmatch(argument)
        if not match:
            raise ValueError(f"{argument!r} is not LABEL=PATH; give for example hq=good.jsonl.gz (letters, digits, '_', '.' and '-')")
        found.setdefault(match[1], []).append(match[2])
    return found


def texts_of(path: str, reading: Reading, read: Read) -> Iterator[str]:
    """The texts of one path, in order; counted in `read`.

    Raises:
        ValueError: there is no such file, or it gives not one text.
    """
    before, given = Counter(read.rejects), 0
    for outcome in _outcomes(path, reading):
        read.records += 1
        if isinstance(outcome, Document):
            given += 1
            yield outcome.text
        else:
            read.rejects[outcome.reason] += 1
    if not given:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in (read.rejects - before).most_common(3))
        raise ValueError(f"{path!r} gave not one text: {reasons or 'it has no records'}; --column names what holds the text of a table")


def _outcomes(path: str, reading: Reading) -> Iterator[Outcome]:
    run = _RUN.fullmatch(path)
    assert run, "the pattern matches whatever is not empty"
    if not Path(path).is_file() and Path(run[1], "documents").is_dir():
        yield from _run_outcomes(Path(run[1]), run[2] or "kept", run[3])
        return
    source = Source(name="texts", kind="table", paths=(path,), columns=Columns(text=reading.column))
    extract = Extract(max_record_bytes=reading.max_bytes)
    for file in list_inputs([path]):
        if TEXT_FILE.search(file.path):
            yield from _plain_outcomes(file.path, reading)
        else:
            yield from tables.outcomes([file.path], source, extract, Tally())


def _plain_outcomes(path: str, reading: Reading) -> Iterator[Outcome]:
    number = 0
    try:
        with open_decompressed(path) as file:
            read_one: Callable[[int], bytes] = file.read if reading.whole_files else file.readline
            while data := read_one(reading.max_bytes + 1):
                if len(data) > reading.max_bytes:
                    yield Reject(f"{path}#{number}", "too long", f"more than {reading.max_bytes} bytes")
                    while len(data) > reading.max_bytes and not data.endswith(b"\n"):
                        data = read_one(reading.max_bytes + 1)
                elif data.strip() or reading.whole_files:
                    yield _decoded(f"{path}#{number}", data)
                number += 1
    except DamagedInput as error:
        yield Reject(path, error.reason, error.words)


def _decoded(locator: str, data: bytes) -> Outcome:
    try:
        text = normalise_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Reject(locator, "not UTF-8", str(error))
    return Document(locator, text) if text.strip() else Reject(locator, "empty")


def _run_outcomes(run: Path, which: str, source: str | None) -> Iterator[Outcome]:
    """Documents of a run, those that it kept or removed, of one source or of all."""
    parts = sorted((run / "documents").glob("part-*.parquet"))
    for part in parts:
        decisions = run / "decisions" / part.name
        if which != "all" and not decisions.is_file():
            raise ValueError(f"{str(run)!r} has not decided on {part.name}; run `curate dedup`, or take all of it: {run!s}:all")
        kept = None if which == "all" else pq.read_table(decisions, columns=["keep"])["keep"].to_numpy()
        row = 0
        with pq.ParquetFile(part) as documents:
            for batch in documents.iter_batches(batch_size=1000, columns=["locator", "source", "text"]):
                for values in batch.to_pylist():
                    wanted = kept is None or bool(kept[row]) == (which == "kept")
                    row += 1
                    if wanted and source in {None, values["source"]}:
                        yield Document(values["locator"], values["text"])


class Spool:
    """Texts on disk under a digest each, given back once each in the order of their digests, which depends on nothing but the texts.

    40 bytes a text are held in memory. A context manager: the file goes when it ends.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed
        self.labels, self.rows = array("H"), array("q")
        self.digests = array("Q")
        self.sizes = array("q")
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="curate-spool-")  # noqa: SIM115 -- closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, label: int, text: str) -> None:
        """Put a text under a label, a number below 65,536."""
        data = text.encode()
        side, place = divmod(xxhash.xxh3_128_intdigest(data, seed=self.seed), 1 << 64)
        self.digests.extend((side, place))
        self.labels.append(label)
        self.sizes.append(len(data))
        self._file.write(data)

    def order(self) -> Order:
        """The texts that teach, ordered."""
        digests = np.frombuffer(self.digests, np.uint64).reshape(-1, 2)
        labels = np.frombuffer(self.labels, np.uint16)
        sizes = np.frombuffer(self.sizes, np.int64)
        rows = np.lexsort((labels, digests[:, 0], digests[:, 1]))
        new_text = np.any(np.diff(digests[rows].astype(np.uint64), axis=0, prepend=~digests[rows[:1]]) != 0, axis=1)
        group = np.cumsum(new_text) - 1
        first = new_text | (np.diff(labels[rows].astype(np.int64), prepend=-1) != 0)
        labels_of_group = np.bincount(group[first], minlength=int(group[-1]) + 1 if len(group) else 0)
        alone = labels_of_group[group] == 1
        duplicates = rows[alone & ~first]
        kept = rows[alone & first]
        return Order(
            labels[kept], digests[kept, 0], np.cumsum(sizes)[kept] - sizes[kept], sizes[kept], labels[duplicates], labels[rows[~alone]]
        )

    def texts(self, order: Order, chosen: npt.NDArray[np.intp]) -> Iterator[str]:
        """Texts by their places in `order`."""
        self._file.flush()
        for place in chosen:
            self._file.seek(int(order.offsets[place]))
            yield self._file.read(int(order.sizes[place])).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """Texts of a spool that teach, and the labels of those that do not."""

    labels: npt.NDArray[np.uint16]
    sides: npt.NDArray[np.uint64]
    """Evenly spread over 64 bits, and independent of the order: what splits the texts."""
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    """Bytes."""
    duplicates: npt.NDArray[np.uint16]
    contradictory: npt.NDArray[np.uint16]

    def held_out(self, share: float) -> npt.NDArray[np.bool_]:
        """Bool [texts]: those on the lower `share` of the sides."""
        return self.sides.astype(np.float64) < share * 2.0**64
