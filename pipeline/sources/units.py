"""From sources to units of work: a large input file or a range of its bytes each, or a group of small files.

A group's borders follow from the names in it and from sizes, not from positions: adding a file changes the group that it falls in and
at most the next, so the other parts stay current.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xxhash

from pipeline.config import Config
from pipeline.run import Run, Unit, digest
from pipeline.settings.section import Kind
from pipeline.settings.sources import Source
from pipeline.sources import code
from pipeline.sources.compression import sniff
from pipeline.sources.files import LIST_SUFFIX, Input, list_inputs, open_input
from pipeline.sources.remote import is_remote

# A file of 1 MB is a unit of its own. A group of smaller ones closes at a name whose hash says so once it holds 1 MB (on average 16 names
# later), and at 8 MB in any case: they go through at 1 to 20 MB/s, so that is seconds of work, enough to outweigh opening and small enough
# to share out.
GROUP_LEAST_BYTES, GROUP_MOST_BYTES, GROUP_CUT = 1 << 20, 8 << 20, 16

# An uncompressed WARC is read from its beginning by each of its ranges, at about 1 GB/s: eight times over in all.
UNPACKED_RANGES = 16


@dataclass(frozen=True, kw_only=True)
class SourceUnit(Unit):
    """Inputs of one source that make one part."""

    source: str
    kind: Kind
    root: str
    """Folder or repository that `paths` are relative to; '' where `paths` stand for themselves."""
    paths: tuple[str, ...]
    revision: str = "HEAD"
    """Commit of the repository at `root`."""
    begin: int = 0
    end: int | None = None
    """Of the one path, what begins in these bytes; None: to the end of each path."""
    stamp: str | None = None
    """Version of the one path where other units read other parts of it."""


def plan_units(run: Run, config: Config, settings: object) -> list[SourceUnit]:
    """Every source's units. `settings` is what else decides a part (definitions, extraction settings) and goes into each fingerprint.

    Raises:
        ValueError: a path matches nothing or cannot be read; a crawl or a clone has not been made yet.
    """
    units = [unit for source in config.sources for unit in _source_units(run, config, source, settings)]
    times = Counter(unit.key for unit in units)
    for unit in units:
        if times[unit.key] > 1:
            raise ValueError(f"source {unit.source!r} reads {unit.paths[0]!r} twice; name it once")
    return units


def _source_units(run: Run, config: Config, source: Source, settings: object) -> Iterator[SourceUnit]:
    common = [settings, source.model_dump(mode="json", exclude={"crawl", "paths", "path_prefix", "repositories"})]
    if source.crawl:
        for path, output in _crawled(run, source):
            item = Input(str(path), output["bytes"], output["sha256"])
            yield from _ranges(run, source, item, common, config.extract.split_bytes, stamp=None)
    if source.repositories:
        run.need("crawl")
        for url in source.repositories:
            yield from _tree_units(run, source, run.path("crawl", source.name, code.clone_name(url, source.revision)), common, "HEAD")
    if source.kind == "code":
        for tree in source.paths:
            yield from _code_units(run, source, tree, common)
        return
    for pattern in source.paths:
        inputs = list_inputs([pattern], source.path_prefix, source.exclude)
        # A book's name is its path within the folder given; other records are named by what they state, or by the whole path.
        root = pattern if source.kind == "book" and Path(pattern).is_dir() else ""
        for group in _groups(inputs):
            if source.kind == "web" and len(group) == 1:
                yield from _ranges(run, source, group[0], common, config.extract.split_bytes, stamp=group[0].stamp)
            else:
                yield _unit(run, source, root, group, common)


def _ranges(run: Run, source: Source, item: Input, common: list[object], size: int, stamp: str | None) -> Iterator[SourceUnit]:
    """A unit for each `size` bytes of a large file. The first is named as the whole file is; where they are cut is fixed by size alone."""
    unit = _unit(run, source, "", [item], common)
    size = _range_bytes(item, size)
    if item.bytes <= size or not item.ranges:
        yield unit
        return
    for begin in range(0, item.bytes, size):
        end = min(begin + size, item.bytes)
        yield replace(
            unit,
            key=_key(source.name, run.name(item.path), str(begin)) if begin else unit.key,
            fingerprint=digest([unit.fingerprint, begin, end]),
            bytes=end - begin,
            begin=begin,
            end=end,
            stamp=stamp,
        )


def _range_bytes(item: Input, size: int) -> int:
    """Size of a file's ranges: all of it where it cannot be entered, and at most UNPACKED_RANGES where each reads what lies before."""
    if item.bytes <= size or is_remote(item.path):
        return size
    with open_input(item.path) as stream:
        kind = sniff(stream.read(8))
    if kind == "plain":
        return size * max(1, -(-item.bytes // (size * UNPACKED_RANGES)))
    return size if kind in {"gzip", "zstd"} else item.bytes


def _crawled(run: Run, source: Source) -> list[tuple[Path, dict[str, Any]]]:
    """WARC files that the crawl stage wrote for a source, with their receipts."""
    manifest = run.need("crawl")
    outputs = {path: output for part in manifest.parts.values() for path, output in part.outputs.items()}
    folder = f"crawl/{source.name}/"
    return [(run.path(path), output) for path, output in sorted(outputs.items()) if path.startswith(folder) and ".warc" in path]


def _code_units(run: Run, source: Source, pattern: str, common: list[object]) -> Iterator[SourceUnit]:
    """Folders that a path or pattern stands for as trees, all else as archives."""
    there = is_remote(pattern) or pattern.endswith(LIST_SUFFIX) or Path(pattern).exists()
    places = [pattern] if there else sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 -- Path.glob takes no absolute pattern
    for tree in places:
        if Path(tree).is_dir():
            yield from _tree_units(run, source, Path(tree), common, source.revision)
    archives = [place for place in places if not Path(place).is_dir()]
    for group in _groups(list_inputs(archives, source.path_prefix)):
        yield _unit(run, source, "", group, common)


def _tree_units(run: Run, source: Source, root: Path, common: list[object], revision: str) -> Iterator[SourceUnit]:
    """Groups of files of a source tree, or of a repository's commit."""
    commit = "HEAD"
    if code.is_repository(root):
        commit, entries = code.list_commit(root, source.exclude, revision)
        inputs = [Input(path, size, blob) for path, size, blob in entries]
        common = [*common, commit]
    else:
        inputs = [Input(path, size, stamp) for path, size, stamp in code.list_tree(root, source.exclude)]
    for group in _groups(inputs):
        yield replace(_unit(run, source, str(root), group, common), revision=commit)


def _groups(inputs: Iterable[Input]) -> Iterator[list[Input]]:
    group: list[Input] = []
    held = 0
    for item in sorted(inputs, key=lambda item: item.path):
        if item.bytes >= GROUP_LEAST_BYTES:
            yield [item]
            continue
        group.append(item)
        held += item.bytes
        cut = xxhash.xxh3_64_intdigest(item.path.encode("utf-8", "surrogateescape")) % GROUP_CUT == 0
        if held >= GROUP_MOST_BYTES or (held >= GROUP_LEAST_BYTES and cut):
            yield group
            group, held = [], 0
    if group:
        yield group


def _key(*names: str) -> str:
    return xxhash.xxh3_64_hexdigest("\n".join(names).encode("utf-8", "surrogateescape"))


def _unit(run: Run, source: Source, root: str, inputs: list[Input], common: list[object]) -> SourceUnit:
    stamps = [(run.name(item.path), item.bytes, item.stamp) for item in inputs]
    return SourceUnit(
        key=_key(source.name, run.name(root), stamps[0][0]),
        fingerprint=digest([common, stamps]),
        bytes=sum(item.bytes for item in inputs),
        source=source.name,
        kind=source.kind,
        root=root,
        paths=tuple(item.path for item in inputs),
    )
