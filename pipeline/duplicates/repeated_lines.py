"""Lines that stand in many documents of one domain, source or run: counted over the whole run, cut from each of them.

In:  documents/part-K (text), signals/part-K (domain), dedup/survivors/part-K.npy (bool [rows]: who takes part).
Out: dedup/lines/part-K.parquet, row-aligned and row group by row group: `repeated_lines`, flat [start, end) byte offsets of the text, null
     where nothing is cut; `left`, the share of the text's bytes other than blanks that is left. dedup/lines.json: what is cut most.
Lost: what is cut; documents keep their rows.

A line's key is its hash mixed with that of its group. A part gives (key, documents) records, each document once a key; the shuffle adds
them up and keeps the keys above the bound. The lines of a part are kept on disk meanwhile, 36 bytes each, of which the last step makes
spans without the text: hashing goes at 140 MB of text per CPU-second, and a line of the technical documents has 62 bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from filters.duplicates.lines import EDGES, END, START, cut_spans, lines_of
from filters.duplicates.neighbours import groups
from pipeline.config import Config
from pipeline.decisions.verdicts import source_of
from pipeline.duplicates.key_counts import KeyCounts, counts_type, join_counts, write_frequent
from pipeline.exchange import exchange, mapped, save_array
from pipeline.run import COST_OF_NUMBERS, PartWriter, Run, Unit, add_counts, partial, publish, write_json
from pipeline.runners import Told, run_units
from pipeline.settings.dedup import RepeatedLines

FOLDER, COLUMN = "dedup/lines", "repeated_lines"
SCHEMA = pa.schema([(COLUMN, pa.list_(pa.int32())), ("left", pa.float32())])
SHOWN_LINES = 100
SHOWN_CHARACTERS = 200
# Lines in most documents, of which those that are cut from most are shown; one that stands alone (`least_words`) may be cut from few.
CANDIDATES = 1000
_AT_ONCE = 1 << 20
_LINE = np.dtype([("key", "<u8"), ("edges", "<i4", (EDGES,))])
Place = tuple[str, int, int, str, int]
"""Of a line: its document's doc_id and digest in hex, start and end in its text, part and row of the part."""
_TEXT = np.dtype([("lines", "<i8"), ("ink", "<i4")])
"""Of each row of a part; zeros for one that takes no part."""


def find_repeated_lines(units: Sequence[Unit], run: Run, config: Config) -> None:
    """Write dedup/lines/ for every part, and dedup/lines.json.

    Args:
        units: one for each part.
        run: with the survivors of every part written.
        config: `dedup.lines` says what is compared with what.

    Raises:
        ValueError: as `pipeline.runners.run_job`.
    """
    settings, runner, work = config.dedup.lines, config.runner, _work(run)
    assert settings is not None
    shutil.rmtree(work, ignore_errors=True)
    parts = [Unit(key=unit.key, fingerprint="", bytes=run.part("documents", unit.key).stat().st_size) for unit in units]
    run_units("list lines", parts, Told(list_lines, (run, config)), runner, COST_OF_NUMBERS)
    of_groups = None
    if settings.most_share:
        exchange("count groups", _files(work / "groups"), write_frequent, (work / "group-counts", 0), runner)
        of_groups = join_counts(work / "group-counts")
    frequent = (work / "line-counts", settings.most_documents, settings.most_share, of_groups)
    exchange("count lines", _files(work / "counts"), write_frequent, frequent, runner)
    keys, documents = (mapped(path) for path in join_counts(work / "line-counts"))
    save_array(work / "candidates.npy", np.sort(keys[_most_frequent(keys, documents)]))
    run_units("cut lines", parts, Told(cut_lines, (run, config)), runner, COST_OF_NUMBERS)
    write_json(run.path("dedup", "lines.json"), {"frequent_lines": len(keys)} | _report(parts, run, settings))
    shutil.rmtree(work)


def list_lines(unit: Unit, run: Run, config: Config) -> None:
    """Write a part's lines, and how many of its documents hold each."""
    settings, work = config.dedup.lines, _work(run)
    assert settings is not None
    texts = []
    source = source_of(run, unit.key, config)
    alone = xxhash.xxh3_64_intdigest(f"source\n{source.name if source else ''}".encode())
    takes_part = source is not None and source.kind in settings.kinds
    survivors = mapped(run.path("dedup", "survivors", f"part-{unit.key}.npy"))
    counts = KeyCounts(work / "counts", unit.key, counts_type(with_group=settings.most_share > 0), config.runner.memory_bytes)
    group_counts = KeyCounts(work / "groups", unit.key, counts_type(with_group=False), config.runner.memory_bytes)
    path = _lines_file(run, unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        pq.ParquetFile(run.part("documents", unit.key)) as documents,
        pq.ParquetFile(run.part("signals", unit.key)) as signals,
        partial(path).open("wb") as file,
    ):
        for group, first, rows in _row_groups(documents):
            mask = np.asarray(survivors[first : first + rows]) & takes_part
            sizes = np.zeros(rows, _TEXT)
            texts.append(sizes)
            if not mask.any():
                continue
            text = documents.read_row_group(group, columns=["text"])["text"].filter(pa.array(mask)).combine_chunks()
            found = lines_of(text, settings.unit)
            sizes["lines"][mask], sizes["ink"][mask] = np.diff(found.ends), found.ink
            group_of = _group_keys(signals, group, mask, settings, alone)
            line_groups = np.repeat(group_of, np.diff(found.ends))
            lines = np.empty(len(found.hashes), _LINE)
            lines["key"], lines["edges"] = found.hashes ^ line_groups, found.edges
            file.write(lines.view(np.uint8).data)
            counts.add(lines["key"], np.repeat(np.arange(len(group_of)), np.diff(found.ends)), line_groups)
            if settings.most_share:
                group_counts.add(group_of, np.arange(len(group_of)))
    publish(partial(path), path)
    counts.close()
    group_counts.close()
    save_array(_texts_file(run, unit), np.concatenate([np.zeros(0, _TEXT), *texts]))


def cut_lines(unit: Unit, run: Run, config: Config) -> None:
    """Write a part's spans; what they come to, and from how many documents each candidate for the report is cut, go to a file."""
    settings = config.dedup.lines
    assert settings is not None
    keys, candidates = mapped(_work(run) / "line-counts.keys.npy"), mapped(_work(run) / "candidates.npy")
    texts, path = mapped(_texts_file(run, unit)), _lines_file(run, unit)
    lines: npt.NDArray[Any] = np.memmap(path, _LINE, "r") if path.stat().st_size else np.empty(0, _LINE)
    shown: dict[int, tuple[int, Place]] = {}
    told = {"documents": 0, "lines": 0, "bytes": 0}
    at = 0
    with (
        pq.ParquetFile(run.part("documents", unit.key)) as file,
        pq.ParquetFile(run.part("signals", unit.key)) as signals,
        PartWriter(run.part(FOLDER, unit.key), SCHEMA) as writer,
    ):
        for group, first, rows in _row_groups(file):
            here = np.array(texts[first : first + rows])
            ends = np.concatenate([[0], np.cumsum(here["lines"])])
            mine = np.array(lines[at : at + ends[-1]])
            at += int(ends[-1])
            chosen = _among(mine["key"], keys)
            spans, left = cut_spans(np.ascontiguousarray(mine["edges"]), ends, here["ink"].copy(), chosen, settings.least_words)
            writer.write(pa.table([spans, left], schema=SCHEMA))
            edges = spans.values.to_numpy()
            told["documents"] += len(spans) - spans.null_count
            told["lines"] += int(np.count_nonzero(chosen))
            told["bytes"] += int(edges[1::2].sum(dtype=np.int64) - edges[::2].sum(dtype=np.int64))
            cut = np.flatnonzero(chosen & _among(mine["key"], candidates))
            for key, count, (identity, start, end, row) in _examples(signals, group, mine[cut], np.searchsorted(ends, cut, "right") - 1):
                place = (identity, start, end, unit.key, first + row)
                before = shown.get(key, (0, place))
                shown[key] = (before[0] + count, min(before[1], place))
    assert at == len(lines), "every line is a document's"
    write_json(_told_file(run, unit), {"cut": told, "shown": shown})


def _examples(
    signals: pq.ParquetFile, group: int, lines: npt.NDArray[Any], rows: npt.NDArray[np.int64]
) -> Iterator[tuple[int, int, tuple[str, int, int, int]]]:
    """Of each key among lines of a row group: in how many documents it stands, and (identity, start, end, row) in the smallest of them."""
    if not len(lines):
        return
    columns = signals.read_row_group(group, columns=["doc_id", "digest"])
    ids = np.column_stack([_big_endian(columns[name]) for name in ("doc_id", "digest")])[rows]
    order = np.lexsort([lines["edges"][:, START], rows, *ids.T[::-1], lines["key"]])
    lines, ids, rows = lines[order], ids[order], rows[order]
    begins, sizes = groups(lines["key"])
    for begin, end in zip(begins.tolist(), (begins + sizes).tolist(), strict=True):
        line = lines[begin]
        place = (ids[begin].tobytes().hex(), int(line["edges"][START]), int(line["edges"][END]), int(rows[begin]))
        yield int(line["key"]), len(groups(rows[begin:end])[0]), place


def _big_endian(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Values of 16 bytes as numbers that sort as they do, [n, 2]."""
    numbers: npt.NDArray[np.uint64] = np.frombuffer(b"".join(column.to_pylist()), ">u8").reshape(-1, 2)
    return numbers


def _report(parts: Sequence[Unit], run: Run, settings: RepeatedLines) -> dict[str, Any]:
    """Totals, and the lines cut from most documents; of equal ones that of the smallest (doc_id, digest) is shown, whatever its part."""
    told = [json.loads(_told_file(run, unit).read_text(encoding="utf-8")) for unit in parts]
    found: dict[int, list[tuple[int, Place]]] = {}
    for one in told:
        for key, (count, place) in one["shown"].items():
            found.setdefault(int(key), []).append((count, tuple(place)))
    most = sorted((-sum(count for count, _ in places), key, min(place for _, place in places)) for key, places in found.items())
    most = most[:SHOWN_LINES]
    wanted = sorted({(part, row) for _, _, (_, _, _, part, row) in most})
    columns = (_rows_of(run, "documents", wanted, ["source", "text"]), _rows_of(run, "signals", wanted, ["domain"]))
    lines = []
    for documents, _, (_, start, end, part, row) in most:
        source, text = columns[0][part, row]
        (domain,) = columns[1][part, row]
        group = {"run": None, "source": source, "domain": domain or source}[settings.within]
        words = " ".join(text.encode()[start:end].decode().split())
        lines.append({"group": group, "documents": -documents, "text": words[:SHOWN_CHARACTERS]})
    return {"settings": settings.model_dump(mode="json"), "cut": add_counts(one["cut"] for one in told), "lines": lines}


def _rows_of(run: Run, table: str, wanted: Sequence[tuple[str, int]], columns: list[str]) -> dict[tuple[str, int], list[Any]]:
    """Columns of some rows, by part and row; each row group is read once."""
    found: dict[tuple[str, int], list[Any]] = {}
    for part in sorted({part for part, _ in wanted}):
        rows = np.array([row for of, row in wanted if of == part])
        with pq.ParquetFile(run.part(table, part)) as file:
            for group, first, count in _row_groups(file):
                here = rows[(rows >= first) & (rows < first + count)]
                if len(here):
                    values = file.read_row_group(group, columns=columns).take(pa.array(here - first)).to_pylist()
                    found |= {(part, row): [one[name] for name in columns] for row, one in zip(here.tolist(), values, strict=True)}
    return found


def _most_frequent(keys: npt.NDArray[np.uint64], documents: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Places of the keys of the most documents, most first, then by key: int64 [CANDIDATES or fewer]."""
    places = np.empty(0, np.int64)
    for begin in range(0, len(keys), _AT_ONCE):
        counts = documents[begin : begin + _AT_ONCE]
        most = min(CANDIDATES, len(counts))
        least = np.partition(counts, -most)[-most]
        places = np.concatenate([places, begin + np.flatnonzero(counts >= least)])
        places = places[np.lexsort([keys[places], -documents[places].astype(np.int64)])][:CANDIDATES]
    return places


def _among(keys: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Bool [n]: which keys are known; `known` in rising order."""
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)


def _group_keys(
    signals: pq.ParquetFile, group: int, mask: npt.NDArray[np.bool_], settings: RepeatedLines, alone: int
) -> npt.NDArray[np.uint64]:
    """uint64 [documents that take part]: hash of the name of the group of each; `alone` is that of the source."""
    count = int(np.count_nonzero(mask))
    if settings.within != "domain":
        return np.full(count, alone if settings.within == "source" else 0, np.uint64)
    domains = signals.read_row_group(group, columns=["domain"])["domain"].filter(pa.array(mask)).combine_chunks().dictionary_encode()
    names = domains.dictionary.to_pylist()
    hashes = np.array([*(xxhash.xxh3_64_intdigest(f"domain\n{name}".encode()) for name in names), alone], np.uint64)
    keys: npt.NDArray[np.uint64] = hashes[pc.fill_null(domains.indices, len(names)).to_numpy()]
    return keys


def _row_groups(file: pq.ParquetFile) -> Iterator[tuple[int, int, int]]:
    """Number, first row and rows of each row group."""
    first = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        yield group, first, rows
        first += rows


def _work(run: Run) -> Path:
    return run.path("dedup", "lines-work")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npy"))


def _lines_file(run: Run, unit: Unit) -> Path:
    return _work(run) / "lines" / f"part-{unit.key}.bin"


def _texts_file(run: Run, unit: Unit) -> Path:
    return _work(run) / "texts" / f"part-{unit.key}.npy"


def _told_file(run: Run, unit: Unit) -> Path:
    return _work(run) / "told" / f"part-{unit.key}.json"
