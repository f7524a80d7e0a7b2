"""Long passages that stand word for word in an earlier place, of the same document or another: found exactly, cut as spans.

In:  documents/part-K (text), signals/part-K (bytes, ids), dedup/survivors/part-K.npy: bool [rows], which documents are there at all.
Out: dedup/passages/part-K.parquet, row-aligned: `repeated_passages`, flat [start, end) bytes of `text`, and `left`, the share that stays.
Lost: nothing; what is cut is in the text until it is read for the tokenizer.

A word is cut when it lies in a window of `least_words` words that stands in the same order in an earlier place: in a document that comes
before in the order of survival, or further up in the same one. So the answer is a function of the documents and their order. The suffix
array of Lee et al. 2022 (arXiv:2107.06499) finds the same repetitions with all text and 8 bytes a byte of it in one machine's memory; here
each part is read twice and only numbers meet:

1. Each part tells which grams its windows choose (`filters.duplicates.passages`), one record for each distinct one; what is told by two
   places is repeated.
2. Windows that chose a repeated gram are hashed whole; each part tells the first place of each distinct one. All but the first of all in
   the order of documents are repeated.

A worker takes a part in stretches of a bounded number of words. A stretch tells each hash once, so that neither a text of one word a
million times nor a passage in every document makes more records of one key than there are stretches.

Windows are equal by 96 bits of hash: among 10^11, 6e-8 pairs would be taken for equal that are not, and by 64 bits 271.

Every word that is cut stands in an earlier place, and so at last in one that stays. Windows need not stay whole: of a text that repeats
itself with an overlap (one word a million times, a period of seven) only the first words stay.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.duplicates.digests import as_numbers
from filters.duplicates.neighbours import shared
from filters.duplicates.passages import BLOCK_WORDS, PASSAGE, Block, Windows, byte_spans, chosen_grams, hashed_windows, united, word_blocks
from pipeline.config import Config
from pipeline.exchange import Place, Records, exchange, mapped, save_array, write_records
from pipeline.run import COST_OF_NUMBERS, PartWriter, Run, Unit
from pipeline.runners import Told, run_units
from pipeline.settings.dedup import RepeatedPassages

PASSAGES = pa.schema([("repeated_passages", pa.list_(pa.int32())), ("left", pa.float32())])

GRAM = np.dtype([("key", "<u8"), ("stretch", "<u8"), ("is_twice", "?")])
CANDIDATE = np.dtype([("passage", PASSAGE), ("group", "<u4"), ("is_first", "?")])

# What a word takes in a worker while windows are sorted, where every window is repeated: 104 bytes measured on one word ten million times.
BYTES_PER_WORD = 128
STRETCH_BITS = 24
# Words are hashed at about ten times the speed of extraction.
COST_OF_WORDS = 1 / 8


OrderOf = Callable[[Run, str], npt.NDArray[np.uint64]]


@dataclass(frozen=True, kw_only=True)
class PartUnit(Unit):
    """A part and its number."""

    number: int


def find_repeated_passages(units: Sequence[Unit], run: Run, config: Config, order_of: OrderOf | None = None) -> None:
    """Write dedup/passages/ for every part.

    Args:
        units: one for each part of documents/, by their keys; dedup/survivors/ holds a file for each.
        run: of the parts.
        config: with `dedup.passages`.
        order_of: what the documents of a part are ordered by, uint64 [rows, columns], compared column by column, never equal for two
            different ones; none: `longest_first`.

    Raises:
        ValueError: as `pipeline.runners.run_job`.
    """
    folder, runner = _folder(run), config.runner
    shutil.rmtree(folder, ignore_errors=True)
    parts = [PartUnit(key=unit.key, fingerprint="", bytes=unit.bytes, number=number) for number, unit in enumerate(units)]
    run_units("dedup grams", parts, Told(write_grams, (run, config)), runner, COST_OF_WORDS)
    exchange("dedup repeated grams", _files(folder / "grams"), write_repeated_grams, (folder / "repeated-grams",), runner)
    run_units("dedup windows", parts, Told(write_windows, (run, config, order_of or longest_first)), runner, COST_OF_WORDS)
    exchange("dedup repeated windows", _files(folder / "windows"), write_repeated_windows, (folder / "repeated-windows",), runner)
    run_units("dedup passages", parts, Told(write_passages, (run,)), runner, COST_OF_NUMBERS)
    shutil.rmtree(folder, ignore_errors=True)


def longest_first(run: Run, key: str) -> npt.NDArray[np.uint64]:
    """The order of a part's documents by their length, then doc_id, then digest."""
    signals = pq.read_table(run.part("signals", key), columns=["bytes", "doc_id", "digest"])
    longest = ~signals["bytes"].to_numpy().astype(np.uint64)
    return np.column_stack([longest, *(as_numbers(signals[name]) for name in ("doc_id", "digest"))])


def write_grams(unit: PartUnit, run: Run, config: Config) -> None:
    """The distinct grams that the windows of each stretch choose, as records of `GRAM`."""
    settings = _settings(config)
    for stretch, blocks in itertools.groupby(stretches(unit, run, config), key=lambda one: one[0]):
        # A gram where two blocks overlap may be told twice: some windows more are hashed, and no more.
        told = np.concatenate([chosen_grams(block, settings.least_words).keys for _, _, block in blocks])
        keys, counts = np.unique(told, return_counts=True)
        records = np.empty(len(keys), GRAM)
        records["key"], records["stretch"], records["is_twice"] = keys, stretch, counts > 1
        write_records(_file(run, "grams", unit, stretch), records)


def write_repeated_grams(placed: tuple[Place, Records], folder: Path) -> None:
    """Which of a place's grams are told twice: for each stretch that tells one."""
    place, records = placed
    found = records[shared(records["key"]) | records["is_twice"]]
    _save_answers(folder, place, found["stretch"], found["key"])


def write_windows(unit: PartUnit, run: Run, config: Config, order_of: OrderOf) -> None:
    """The windows of each stretch that chose a repeated gram; of each distinct one, the first as a record."""
    settings = _settings(config)
    order = order_of(run, unit.key)
    rank = np.empty(len(order), np.int64)
    rank[np.lexsort(order.T[::-1])] = np.arange(len(order))
    for stretch, blocks in itertools.groupby(stretches(unit, run, config), key=lambda one: one[0]):
        repeated = np.sort(_answers(_folder(run) / "repeated-grams", stretch))
        windows = _joined([_repeated_windows(rows, block, repeated, settings.least_words) for _, rows, block in blocks])
        if len(windows.hashes):
            candidates, records = _distinct(windows, rank, order, stretch)
            save_array(_file(run, "candidates", unit, stretch), candidates)
            write_records(_file(run, "windows", unit, stretch), records)


def write_repeated_windows(placed: tuple[Place, Records], folder: Path) -> None:
    """Which of a place's windows stand in an earlier document or stretch."""
    place, records = placed
    records = records[shared(records["key"])]
    # Stretches of one document are in the order of its text.
    columns = [records["stretch"], *records["order"].T[::-1], records["check"], records["key"]]
    records = records[np.lexsort(columns)]
    is_later = (records["key"][1:] == records["key"][:-1]) & (records["check"][1:] == records["check"][:-1])
    later = records[1:][is_later]
    _save_answers(folder, place, later["stretch"], later["group"])


def write_passages(unit: PartUnit, run: Run) -> None:
    """The spans of a part, from its candidates and what the places answered."""
    output = run.path("dedup", "passages", f"part-{unit.key}.parquet")
    with pq.ParquetFile(run.part("signals", unit.key)) as signals, PartWriter(output, PASSAGES) as writer:
        sizes = [signals.metadata.row_group(group).num_rows for group in range(signals.num_row_groups)]
        ends = np.cumsum(np.array(sizes, np.int64))
        spans, written = np.empty(0, PASSAGE), 0
        for path in [*_files(_folder(run) / "candidates" / unit.key, "*.npy"), None]:
            if path is not None:
                spans = united(np.concatenate([spans, united(_marked(mapped(path), _answers(_folder(run) / "repeated-windows", path)))]))
            # Rows before the last that was seen are complete.
            complete = len(ends) if path is None else np.searchsorted(ends, spans["row"][-1:].sum(), side="right")
            for group in range(written, complete):
                mine = np.searchsorted(spans["row"], ends[group])
                lengths = signals.read_row_group(group, columns=["bytes"])["bytes"].to_numpy()
                writer.write(_table(spans[:mine], ends[group] - sizes[group], lengths))
                spans, written = spans[mine:], group + 1


def stretches(unit: PartUnit, run: Run, config: Config) -> Iterator[tuple[int, npt.NDArray[np.int64], Block]]:
    """The words of a part's documents that take part: the number of the stretch, the rows of the block's texts in the part, the block.

    Stretches are numbered through the parts and rise; where one ends depends on `runner.memory_bytes`, and no answer does.
    """
    settings, most = _settings(config), config.runner.memory_bytes // BYTES_PER_WORD
    stretch, words = unit.number << STRETCH_BITS, 0
    for rows, texts in _texts(unit, run, settings):
        for block in word_blocks(texts, settings.least_words, min(BLOCK_WORDS, most)):
            if words and words + block.words > most:
                stretch, words = stretch + 1, 0
                assert stretch >> STRETCH_BITS == unit.number, "a part is shorter than 2^24 stretches"
            words += block.words
            yield stretch, rows, block


def _texts(unit: Unit, run: Run, settings: RepeatedPassages) -> Iterator[tuple[npt.NDArray[np.int64], pa.StringArray]]:
    """Rows and texts that take part, a row group at a time."""
    survives = mapped(run.path("dedup", "survivors", f"part-{unit.key}.npy"))
    first = 0
    with pq.ParquetFile(run.part("documents", unit.key)) as documents:
        for group in range(documents.num_row_groups):
            count = documents.metadata.row_group(group).num_rows
            chosen = np.array(survives[first : first + count])
            if chosen.any():
                kinds = documents.read_row_group(group, columns=["kind"])["kind"]
                chosen &= pc.is_in(kinds, pa.array(settings.kinds, pa.string())).to_numpy(zero_copy_only=False)
            if chosen.any():
                texts = documents.read_row_group(group, columns=["text"])["text"].combine_chunks()
                yield first + np.flatnonzero(chosen), texts.filter(pa.array(chosen))
            first += count
    assert first == len(survives), "dedup/survivors/ is row-aligned with documents/"


def _repeated_windows(rows: npt.NDArray[np.int64], block: Block, repeated: npt.NDArray[np.uint64], least_words: int) -> Windows:
    """Windows of a block whose gram is one of the sorted `repeated`; rows are those of the part."""
    grams = chosen_grams(block, least_words)
    places = np.minimum(np.searchsorted(repeated, grams.keys), max(0, len(repeated) - 1))
    is_repeated = repeated[places] == grams.keys if len(repeated) else np.zeros(len(places), np.bool_)
    windows = hashed_windows(block, grams, is_repeated, least_words)
    windows.passages["row"] = rows[windows.passages["row"]]
    return windows


def _joined(windows: Sequence[Windows]) -> Windows:
    names = ("hashes", "checks", "passages")
    return Windows(*(np.concatenate([getattr(one, name) for one in windows]) for name in names))


def _distinct(windows: Windows, rank: npt.NDArray[np.int64], order: npt.NDArray[np.uint64], stretch: int) -> tuple[Records, Records]:
    """The windows of a stretch with the number of their group of equal ones, and a record for the first of each group."""
    passages = windows.passages
    by_group = np.lexsort((passages["word"], rank[passages["row"]], windows.checks, windows.hashes))
    hashes, checks = windows.hashes[by_group], windows.checks[by_group]
    is_first = np.ones(len(by_group), np.bool_)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (checks[1:] != checks[:-1])
    candidates = np.empty(len(passages), CANDIDATE)
    candidates["passage"] = passages
    candidates["group"][by_group] = np.cumsum(is_first) - 1
    candidates["is_first"][by_group] = is_first
    firsts = by_group[is_first]
    columns = [("key", "<u8"), ("check", "<u4"), ("group", "<u4"), ("stretch", "<u8"), ("order", "<u8", (order.shape[1],))]
    records = np.empty(len(firsts), np.dtype(columns))
    records["key"], records["check"], records["stretch"] = windows.hashes[firsts], windows.checks[firsts], stretch
    records["group"], records["order"] = np.arange(len(firsts)), order[passages["row"][firsts]]
    return candidates, records


def _marked(candidates: Records, later: npt.NDArray[np.uint64]) -> Records:
    """The candidates that stand in an earlier place: of this stretch, or, of groups in `later`, of another."""
    is_later = np.zeros(int(candidates["group"].max()) + 1, np.bool_)
    is_later[later.astype(np.int64)] = True
    marked: Records = candidates["passage"][is_later[candidates["group"]] | ~candidates["is_first"]]
    return marked


def _table(spans: Records, first: int, lengths: npt.NDArray[np.int64]) -> pa.Table:
    """Rows of `PASSAGES` from `first` on, for texts of these bytes."""
    cuts, rows = byte_spans(spans), spans["row"].astype(np.int64) - first
    offsets = 2 * np.searchsorted(rows, np.arange(len(lengths) + 1))
    removed = np.bincount(rows, weights=cuts[:, 1] - cuts[:, 0], minlength=len(lengths))
    left = 1 - removed / np.maximum(lengths, 1)
    flat = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(cuts.reshape(-1), pa.int32()))
    return pa.table([flat, pa.array(left, pa.float32())], schema=PASSAGES)


def _save_answers(folder: Path, place: Place, stretch: npt.NDArray[np.uint64], values: npt.NDArray[Any]) -> None:
    """What a place says to stretches: uint64 [2, n], sorted by stretch, so that each maps its slice alone."""
    by_stretch = np.argsort(stretch, kind="stable")
    if len(by_stretch):
        save_array(folder / f"{place.number:05d}.npy", np.stack([stretch[by_stretch], values[by_stretch].astype(np.uint64)]))


def _answers(folder: Path, asked: int | Path) -> npt.NDArray[np.uint64]:
    """What all places say to a stretch, or to the one that a file is named for."""
    stretch = int(asked.stem) if isinstance(asked, Path) else asked
    found = [np.empty(0, np.uint64)]
    for path in _files(folder, "*.npy"):
        answers = mapped(path)
        begin, end = np.searchsorted(answers[0], np.array([stretch, stretch + 1], np.uint64))
        found.append(np.array(answers[1, begin:end]))
    return np.concatenate(found)


def _settings(config: Config) -> RepeatedPassages:
    assert config.dedup.passages is not None, "asked for"
    return config.dedup.passages


def _folder(run: Run) -> Path:
    return run.path("dedup", "passages-work")


def _file(run: Run, kind: str, unit: Unit, stretch: int) -> Path:
    # A folder for each part: listing one of all parts' files for each part would grow with the square of them.
    return _folder(run) / kind / unit.key / f"{stretch:016d}.npy"


def _files(folder: Path, pattern: str = "*/*.npy") -> list[Path]:
    return sorted(folder.glob(pattern))
