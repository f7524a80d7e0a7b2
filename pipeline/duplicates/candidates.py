"""From signals to verified pairs: what a document is compared by, who collides with whom, and which of these pairs are similar.

Each document gives one key for its words (equal texts) and one per band of its signature (near-duplicates), 16 bytes with its ordinal. Only
these go through the shuffle. Of the documents that share a key, the first in the order of survival is compared with the others by what the
index holds; see `filters.duplicates.neighbours.verified_stars`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from filters.duplicates.digests import as_bytes, as_numbers
from filters.duplicates.neighbours import band_keys, shared, unique_pairs, verified_stars
from filters.duplicates.signature import has_words
from filters.duplicates.survivors import day_numbers, precedence, rank
from pipeline.config import Config
from pipeline.duplicates.index import FOLDER, Index, Ordinals, Part, Population, document_dtype, part_file
from pipeline.duplicates.likeness import Likeness
from pipeline.exchange import Place, exchange, save_array, write_records
from pipeline.run import Run, Unit, write_json
from pipeline.settings.dedup import Dedup
from pipeline.signals import signals_schema

RECORD = np.dtype([("key", "<u8"), ("ordinal", "<i8")])
HUBS = 16
LARGE_BUCKET = 10_000
SHOWN_BUCKETS = 100
_COMMON_CRAWL = re.compile(r"CC-MAIN-\d{4}-\d\d")
_WORDS_KEY = np.uint64(0xA24BAED4963EE407)  # keys of words do not meet those of bands


@dataclass(frozen=True, kw_only=True)
class PartUnit(Unit):
    """A part: `first` is the ordinal of the first document that filter kept of it, among those of this run; `kept` how many there are."""

    first: int
    kept: int


def check_survivor(config: Config) -> None:
    """Refuse an order of survival that names no column of numbers.

    Raises:
        ValueError: as said.
    """
    schema = signals_schema(config)
    numbers = [field.name for field in schema if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)]
    for name in config.dedup.survivor:
        if name.removeprefix("-") not in {"date", "source", *numbers}:
            raise ValueError(f"dedup.survivor: {name!r} is neither 'date', 'source' nor a column of numbers in signals/, such as 'bytes'")


def describe_part(unit: PartUnit, run: Run, config: Config, records: Path, own_first: int) -> None:
    """Write a part's rows of the index, and its records, sorted by key."""
    keep = pq.read_table(run.part("filtered", unit.key), columns=["keep"])["keep"]
    ranked = [name.removeprefix("-") for name in config.dedup.survivor]
    of_signals = sorted({"doc_id", "digest", "words_digest", "signature", *ranked} - {"date", "source"})
    of_documents = ["source", "input", *(["date"] if "date" in ranked else [])]
    signals = pq.read_table(run.part("signals", unit.key), columns=of_signals).filter(keep)
    about = pq.read_table(run.part("documents", unit.key), columns=of_documents).filter(keep)
    assert signals.num_rows == unit.kept
    minima = _minima(signals["signature"], config.dedup.bands * config.dedup.rows)
    documents = np.zeros(unit.kept, document_dtype(len(ranked)))
    documents["doc_id"], documents["digest"] = as_numbers(signals["doc_id"]), as_numbers(signals["digest"])
    documents["words"] = as_numbers(pc.coalesce(signals["words_digest"], signals["digest"]))
    documents["rank"] = _ranks(signals, about, config)
    part = Part(str(run.path(*FOLDER)), unit.key, unit.kept)
    save_array(part_file(part, "documents"), documents)
    save_array(part_file(part, "signatures"), minima)
    ordinals = np.arange(unit.first, unit.first + unit.kept) + own_first
    write_records(records / f"part-{unit.key}.npy", _records(documents, minima, ordinals, _scopes(about, config.dedup), config.dedup))


def _records(
    documents: npt.NDArray[np.void], minima: npt.NDArray[np.uint32], ordinals: Ordinals, scopes: npt.NDArray[np.uint64], dedup: Dedup
) -> npt.NDArray[np.void]:
    keys, whose = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    if dedup.exact:
        keys.append(documents["words"][:, 0] ^ _WORDS_KEY ^ scopes)
        whose.append(ordinals)
    if dedup.near:
        with_words = has_words(minima)
        bands = band_keys(minima[with_words], dedup.bands, dedup.rows) ^ scopes[with_words, None]
        keys.append(bands.ravel())
        whose.append(np.repeat(ordinals[with_words], dedup.bands))
    records = np.empty(sum(map(len, keys)), RECORD)
    records["key"], records["ordinal"] = np.concatenate(keys), np.concatenate(whose)
    return records


def _ranks(signals: pa.Table, about: pa.Table, config: Config) -> npt.NDArray[np.uint64]:
    """uint64 [n, len(survivor)], the lower the better."""
    names = [source.name for source in config.sources]
    columns = [np.empty((signals.num_rows, 0), np.uint64)]
    for criterion in config.dedup.survivor:
        name = criterion.removeprefix("-")
        if name == "date":
            values = day_numbers(about["date"].to_pylist())
        elif name == "source":
            values = -np.array([names.index(source) for source in about["source"].to_pylist()], np.float64)
        else:
            values = signals[name].cast(pa.float64()).to_numpy()
        columns.append(rank(values, lowest_first=criterion.startswith("-"))[:, None])
    return np.concatenate(columns, axis=1)


def _scopes(about: pa.Table, dedup: Dedup) -> npt.NDArray[np.uint64]:
    """A hash of what each document is compared within, uint64 [n]."""
    if dedup.scope == "run":
        return np.zeros(about.num_rows, np.uint64)
    column = about["source" if dedup.scope == "source" else "input"].combine_chunks().dictionary_encode()
    names = [name or "" for name in column.dictionary.to_pylist()]
    if dedup.scope == "crawl":
        names = [found[0] if (found := _COMMON_CRAWL.search(name)) else "" for name in names]
    hashes = np.array([xxhash.xxh3_64_intdigest(name.encode()) if name else 0 for name in names], np.uint64)
    return hashes[column.indices.to_numpy()] if len(hashes) else np.zeros(about.num_rows, np.uint64)


def earlier_records(index: Index, begin: int, folder: Path) -> list[Path]:
    """An earlier index's records without those of forgotten documents, as files of ours: all are compared anew."""
    forgotten, files = index.forgotten(), []
    for file in sorted((index.folder / "bands").glob("*.keys.npy")):
        ordinals = np.load(file.with_name(file.name.replace(".keys.", ".ordinals.")), allow_pickle=False)
        stays = ~np.isin(ordinals, forgotten)
        records = np.empty(int(stays.sum()), RECORD)
        records["key"], records["ordinal"] = np.load(file, allow_pickle=False)[stays], ordinals[stays] + begin
        files.append(folder / f"earlier-{begin:015d}-{file.name.removesuffix('.keys.npy')}.npy")
        save_array(files[-1], records)
    return files


def find_pairs(files: Sequence[Path], run: Run, config: Config, population: Population) -> None:
    """Verified pairs of all records to `dedup/edges/`, int64 [m, 2] by place; the index's bands; `dedup/buckets.json`.

    The last tells the largest buckets over 10,000 documents, each with the document that the others were compared with first, and how many
    documents were `left` that resembled none of as many hubs as are tried.
    """
    exchange("duplicates", files, pairs_of_place, (run, config.dedup, population), config.runner)
    told = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(run.path("dedup", "buckets").glob("*.json"))]
    large = sorted((bucket for one in told for bucket in one["large"]), key=lambda bucket: (-bucket["documents"], bucket["key"]))
    write_json(run.path("dedup", "buckets.json"), {"large": large[:SHOWN_BUCKETS], "left": sum(one["left"] for one in told)})


def pairs_of_place(placed: tuple[Place, npt.NDArray[np.void]], run: Run, dedup: Dedup, population: Population) -> None:
    """What `find_pairs` does of one place of the hash space."""
    place, records = placed
    name = f"{place.number:05d}-of-{place.count:05d}"
    keys, ordinals = np.ascontiguousarray(records["key"]), np.ascontiguousarray(records["ordinal"])
    del records
    own = ordinals >= population.own_first
    save_array(run.path(*FOLDER, "bands", f"{name}.keys.npy"), keys[own])
    save_array(run.path(*FOLDER, "bands", f"{name}.ordinals.npy"), ordinals[own] - population.own_first)
    if population.earlier and not population.anew:
        their_keys, theirs = population.records(place, np.unique(keys))
        keys, ordinals = np.concatenate([keys, their_keys]), np.concatenate([ordinals, theirs])
        order = np.argsort(keys, kind="stable")
        keys, ordinals = keys[order], ordinals[order]
    collides = shared(keys)
    keys, ordinals = keys[collides], ordinals[collides]
    nodes, places = np.unique(ordinals, return_inverse=True)
    likeness = Likeness(nodes, population, dedup)
    order_of = precedence(population.order(nodes, likeness.documents))
    stars = verified_stars(keys, places, order_of[places], likeness.candidates, HUBS, LARGE_BUCKET)
    edges = nodes[stars.edges]
    if not population.anew:
        # What stands for an earlier document is what survived of its cluster then.
        ends = np.unique(edges)
        survivors = population.links(ends)["survivor"]
        edges = survivors[np.searchsorted(ends, edges)]
    edges = unique_pairs(edges[edges[:, 0] != edges[:, 1]])[0]
    save_array(run.path("dedup", "edges", f"{name}.npy"), edges)
    first = as_bytes(likeness.documents["doc_id"][stars.large_hubs]).to_pylist()
    large = [
        {"key": f"{key:016x}", "documents": size, "first": doc_id.hex()}
        for key, size, doc_id in zip(stars.large.tolist(), stars.large_sizes.tolist(), first, strict=True)
    ]
    write_json(run.path("dedup", "buckets", f"{name}.json"), {"large": large, "left": stars.left})


def read_edges(run: Run) -> list[Path]:
    """Files of verified pairs."""
    return sorted(run.path("dedup", "edges").glob("*.npy"))


def _minima(column: pa.ChunkedArray, permutations: int) -> npt.NDArray[np.uint32]:
    """Signatures as uint32 [n, permutations]."""
    array, width = column.combine_chunks(), 4 * permutations
    data = np.frombuffer(array.buffers()[1] or b"", np.uint8)[width * array.offset : width * (array.offset + len(array))]
    return data.view("<u4").reshape(-1, permutations)
