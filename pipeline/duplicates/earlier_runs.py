"""Indexes of runs: writing one, opening those that `dedup.against` names, and taking documents out of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from filters.duplicates.signature import DEFINITION, NO_WORDS
from pipeline.config import Config
from pipeline.duplicates.index import DESCRIPTION, FOLDER, FORGOTTEN, Index, Part, part_file
from pipeline.exchange import mapped, save_array
from pipeline.run import Run, digest, write_json

VERSION = 1


def index_settings(config: Config) -> dict[str, Any]:
    """Settings that must be the same in all runs that are compared."""
    names = ("ngram", "bands", "rows", "seed", "exact", "near", "threshold", "verify", "similar_to", "scope", "survivor")
    return {"version": VERSION, "definition of signatures": DEFINITION, **config.dedup.model_dump(mode="json", include=set(names))}


def write_index(run: Run, config: Config, parts: Sequence[Part], earlier: Sequence[Index], content: object) -> Path:
    """Describe an index whose files are written; it counts as there from now on."""
    description = {
        "settings": index_settings(config),
        "parts": [[part.key, part.documents] for part in parts],
        "against": [index.digest for index in earlier],
    }
    path = run.path(*FOLDER, DESCRIPTION)
    write_json(path, description | {"digest": digest([description, content])})
    return path


def earlier_indexes(run: Run, config: Config) -> tuple[Index, ...]:
    """The indexes that `dedup.against` names.

    Raises:
        ValueError: a run is not there or not deduplicated, was so with other settings, or against a run that is not named before it.
    """
    names = config.dedup.against
    if names and config.dedup.verify == "exact":
        raise ValueError("dedup.against: an earlier run keeps no text, so dedup.verify cannot be 'exact'; choose 'estimate'")
    indexes: list[Index] = []
    for name in names:
        if Path(name).resolve() == run.directory.resolve():
            raise ValueError(f"dedup.against: {name!r} is this run itself; name earlier ones")
        index = _read_index(name)
        ours = index_settings(config)
        if different := [key for key in ours if ours[key] != index.settings.get(key)]:
            key = different[0]
            raise ValueError(
                f"dedup.against: {name!r} was deduplicated with {key} {index.settings.get(key)!r}, this run has {ours[key]!r}; "
                "make them equal"
            )
        known = [one.digest for one in indexes]
        if [digest for digest in known if digest in index.against] != list(index.against):
            raise ValueError(
                f"dedup.against: {name!r} was itself deduplicated against {len(index.against)} earlier: name the same, as they were then, "
                "before it and in the same order, or run it again"
            )
        if index.digest in known:
            raise ValueError(f"dedup.against: {name!r} is named twice")
        indexes.append(index)
    return tuple(indexes)


def _read_index(name: str) -> Index:
    run = Run(Path(name))
    run.need("dedup")
    folder = run.path(*FOLDER)
    try:
        values = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"dedup.against: {name!r} has no index of its documents; run `curate dedup` there again") from None
    parts = tuple(Part(str(folder), key, documents) for key, documents in values["parts"])
    return Index(name, folder, values["digest"], values["settings"], parts, tuple(values["against"]))


def holds(name: str, doc_id: bytes) -> bool:
    """Whether a run's index has a document of this doc_id that is not forgotten.

    Raises:
        ValueError: the run has no index.
    """
    wanted = np.frombuffer(doc_id, ">u8")
    return any((mapped(part_file(part, "documents"))["doc_id"] == wanted).all(axis=1).any() for part in _read_index(name).parts)


def forget(name: str, doc_ids: Iterable[bytes]) -> int:
    """Take documents out of a run's index: later runs are not compared with them.

    Their identifiers and signatures are overwritten; of their keys, hashes of 64 bits, nothing leads back. Runs that were made before keep
    their decisions.

    Args:
        name: the run's directory.
        doc_ids: 16 bytes each; others than the index holds are passed over.

    Returns:
        How many documents were taken out.

    Raises:
        ValueError: the run has no index.
    """
    index = _read_index(name)
    wanted = {tuple(row) for row in np.frombuffer(b"".join(doc_ids), ">u8").reshape(-1, 2).tolist()}
    gone, first = [index.forgotten()], 0
    for part in index.parts:
        documents = np.load(part_file(part, "documents"), allow_pickle=False)
        rows = np.flatnonzero([tuple(row) in wanted for row in documents["doc_id"].tolist()])
        if len(rows):
            signatures = np.load(part_file(part, "signatures"), allow_pickle=False)
            documents[rows], signatures[rows] = np.zeros((), documents.dtype), NO_WORDS
            gone.append(rows + first)
            # First of all it counts as forgotten: a kill between the files leaves nothing half believed.
            save_array(index.folder / FORGOTTEN, np.unique(np.concatenate(gone)))
            save_array(part_file(part, "signatures"), signatures)
            save_array(part_file(part, "documents"), documents)
        first += part.documents
    return sum(map(len, gone[1:]))
