"""A run on disk: which files a stage has written, from what, and whether they still stand.

A stage writes parts. Each part's name follows from its input, so a unit that is done again overwrites equal bytes. Files appear under
their names only when whole (written aside, flushed, renamed). A unit ends with a receipt; a stage ends with `STAGE/_manifest.json`, which
gathers the receipts. A part is current when its receipt's fingerprint equals what its inputs, settings and definitions give now.

Nothing in a manifest depends on the clock or on the workers; times and memory go to `log.jsonl`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

MANIFEST = "_manifest.json"
PREVIOUS = "_previous.json"
CONFIGURATION = "_config.json"
PARTIAL = ".partial"
HEARTBEAT_S = 0.5
# Numbers go through at about 100 MB/s where extraction goes at 1 to 5: other processes pay off later.
COST_OF_NUMBERS = 1 / 32
COUNTS = Mapping[str, Any]


def digest(value: object) -> str:
    """xxh3-128, hex, of a value's JSON with sorted keys."""
    return xxhash.xxh3_128_hexdigest(json.dumps(value, sort_keys=True, default=str, ensure_ascii=False).encode())


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One piece of a stage's work: an input file, a group of small ones, or a part of the stage before."""

    key: str
    """Names the part; follows from the unit's input alone."""
    fingerprint: str
    """Of everything that decides the unit's output."""
    bytes: int
    """Size of the input, for the order of work (largest first) and the time left."""


@dataclass(frozen=True)
class Receipt:
    """What one finished unit wrote. `outputs` maps paths within the run to bytes and sha256; `counts` are summed into the manifest."""

    fingerprint: str
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What one finished stage wrote."""

    stage: str
    fingerprint: str
    parts: dict[str, Receipt]
    totals: dict[str, Any]

    def outputs_digest(self) -> str:
        """Of the content of every output, whatever order or fingerprint made it: what the next stage is stale against."""
        return digest({path: output["sha256"] for part in self.parts.values() for path, output in part.outputs.items()})


@dataclass(frozen=True)
class Run:
    """The run directory."""

    directory: Path

    def path(self, *parts: str) -> Path:
        """A file or folder of the run."""
        return self.directory.joinpath(*parts)

    def name(self, path: str) -> str:
        """A path as it is recorded: within the run directory without it, so that a run may be moved; else as given."""
        return str(Path(path).relative_to(self.directory)) if Path(path).is_relative_to(self.directory) else path

    def part(self, table: str, key: str) -> Path:
        """File of one part of a table."""
        return self.directory / table / f"part-{key}.parquet"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second `curate` from writing to the same run.

        Raises:
            ValueError: another process works on this run.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.path(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(
                    f"{str(self.directory)!r} is in use by another curate; wait for it or give this run another name"
                ) from error
            yield

    def manifest(self, stage: str) -> Manifest | None:
        """The manifest of a finished stage; None where the stage has not finished."""
        return _read_manifest(self.path(stage, MANIFEST))

    def need(self, stage: str) -> Manifest:
        """The manifest of a stage that must have run.

        Raises:
            ValueError: it has not.
        """
        manifest = self.manifest(stage)
        if manifest is None:
            raise ValueError(
                f"stage {stage!r} of {str(self.directory)!r} has not finished; run `curate {stage} CONFIG` or `curate run CONFIG` first"
            )
        return manifest

    def outputs(self, stage: str, folder: str) -> dict[str, dict[str, Any]]:
        """By part name, sorted: bytes and sha256 of what a finished stage wrote to a folder."""
        parts = sorted(self.need(stage).parts.items())
        return {key: output for key, part in parts for path, output in part.outputs.items() if path.startswith(f"{folder}/")}

    def keys(self, stage: str) -> list[str]:
        """Part names of a finished stage, sorted."""
        return sorted(self.need(stage).parts)

    def is_current(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage has finished with this fingerprint and its files are still there, at their sizes."""
        manifest = self.manifest(stage)
        return manifest is not None and manifest.fingerprint == fingerprint and all(self._stands(part) for part in manifest.parts.values())

    def begin(self, stage: str, units: Sequence[Unit]) -> dict[str, Receipt]:
        """Open a stage: the receipts that are still good, by key; every other unit has to be done.

        The good ones are set down in `_previous.json` before any part is overwritten, so that a run killed here and started again
        with the old settings does not take a new part for an old one.
        """
        known: dict[str, Receipt] = {}
        for name in (MANIFEST, PREVIOUS):
            if (manifest := _read_manifest(self.path(stage, name))) is not None:
                known |= manifest.parts
        known |= self.receipts(stage)
        good = {unit.key: known[unit.key] for unit in units if unit.key in known and known[unit.key].fingerprint == unit.fingerprint}
        good = {key: receipt for key, receipt in good.items() if self._stands(receipt)}
        self.path(stage).mkdir(parents=True, exist_ok=True)
        write_json(self.path(stage, PREVIOUS), asdict(Manifest(stage, "", good, {})))
        self.path(stage, MANIFEST).unlink(missing_ok=True)
        for name in ("receipts", "progress"):
            shutil.rmtree(self.path(stage, name), ignore_errors=True)
            self.path(stage, name).mkdir()
        return good

    def finish(self, stage: str, fingerprint: str, parts: Mapping[str, Receipt], folders: Iterable[str]) -> Manifest:
        """Close a stage: gather receipts to the manifest, and remove files in its folders that no part wrote."""
        written = {path for part in parts.values() for path in part.outputs}
        for folder in folders:
            for file in sorted(self.path(folder).glob("*")):
                if file.is_file() and str(file.relative_to(self.directory)) not in written and file.name not in {MANIFEST, PREVIOUS}:
                    file.unlink()
        ordered = {key: parts[key] for key in sorted(parts)}
        manifest = Manifest(stage, fingerprint, ordered, add_counts(part.counts for part in ordered.values()))
        write_json(self.path(stage, MANIFEST), asdict(manifest))
        self.path(stage, PREVIOUS).unlink(missing_ok=True)
        for name in ("receipts", "progress"):
            shutil.rmtree(self.path(stage, name), ignore_errors=True)
        return manifest

    def receipts(self, stage: str) -> dict[str, Receipt]:
        """Receipts of units that finished since the stage was begun."""
        folder = self.path(stage, "receipts")
        return {file.stem: Receipt(**json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))} if folder.is_dir() else {}

    def give_receipt(self, stage: str, unit: Unit, outputs: Iterable[Path], counts: COUNTS) -> None:
        """Record that a unit is done; the last thing that a unit does."""
        sizes = {str(path.relative_to(self.directory)): {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in outputs}
        write_json(self.path(stage, "receipts", f"{unit.key}.json"), asdict(Receipt(unit.fingerprint, sizes, dict(counts))))

    def heartbeat(self, stage: str, unit: Unit) -> Heartbeat:
        """Where a worker says how far it is in a unit."""
        return Heartbeat(self.path(stage, "progress", unit.key))

    def log(self, row: Mapping[str, Any]) -> None:
        """Add a row to `log.jsonl`: the one file that holds times."""
        with self.path("log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _stands(self, receipt: Receipt) -> bool:
        return all(_size(self.path(path)) == output["bytes"] for path, output in receipt.outputs.items())


class Heartbeat:
    """Documents and input bytes done in a unit, written aside at most twice a second for the progress line; nothing else reads it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = 0.0

    def __call__(self, documents: int, done_bytes: int) -> None:
        """Say how far the unit is."""
        now = time.monotonic()
        # A missing folder means that the stage has been closed (a worker outliving a killed run): not worth failing for.
        if now - self._written >= HEARTBEAT_S and self._file.parent.is_dir():
            self._written = now
            self._file.write_text(f"{documents} {done_bytes}")


class PartWriter:
    """A Parquet file that appears whole or not at all. Use as a context; `write` takes batches of the schema."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.schema, self.rows = path, schema, 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = partial(path)
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        # Statistics off: min and max of whole texts would double the footer's size.
        self._writer = pq.ParquetWriter(self._partial, self.schema, compression="zstd", compression_level=1, write_statistics=False)
        return self

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add rows, as one row group."""
        assert self._writer is not None
        self.rows += batch.num_rows
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        self._writer.write_table(table.cast(self.schema), row_group_size=max(1, table.num_rows))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._writer is not None
        try:
            self._writer.close()
            if kind is None:
                publish(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def partial(path: Path) -> Path:
    """Where a file is written until it is whole; its own for each process, since a killed run's worker may still be writing."""
    return path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")


def publish(written: Path, path: Path) -> None:
    """Flush a finished file to disk and give it its name."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)


def write_json(path: Path, value: object) -> None:
    """Whole or not at all, keys sorted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = partial(path)
    try:
        aside.write_text(json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        publish(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def sweep_partials(directory: Path) -> None:
    """Remove what killed workers left half-written."""
    for file in sorted(directory.rglob(f".*{PARTIAL}")):
        file.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_counts(counts: Iterable[COUNTS]) -> dict[str, Any]:
    """Sum nested mappings of numbers, key by key, keys sorted."""
    total: dict[str, Any] = {}
    for count in counts:
        for key, value in count.items():
            total[key] = add_counts([total.get(key, {}), value]) if isinstance(value, Mapping) else total.get(key, 0) + value
    return {key: total[key] for key in sorted(total)}


def _read_manifest(path: Path) -> Manifest | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not a manifest ({error}); remove it to do the stage again") from error
    parts = {key: Receipt(**part) for key, part in values["parts"].items()}
    return Manifest(values["stage"], values["fingerprint"], parts, values["totals"])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
