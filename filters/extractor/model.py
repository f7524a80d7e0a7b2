"""The forest that decides which blocks are main text, as one small file of arrays.

The file holds thresholds and leaf values, no word of any page. Its features are named by number; a digest of their names ties it to the
definitions that it was trained with.
"""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from filters.extractor.features import NAMES
from filters.extractor.forest import Forest

SHIPPED = Path(__file__).parent / "model.npz"
_ARRAYS = ("features", "borders", "leaves", "bias")


def definitions() -> str:
    """Digest of the names of all features, in order."""
    return xxhash.xxh3_64_hexdigest("\n".join(NAMES).encode())


def save_forest(forest: Forest, path: Path) -> None:
    """Write a model; equal models give equal bytes."""
    with path.open("wb") as file:
        arrays: dict[str, Any] = {name: np.asarray(getattr(forest, name)) for name in _ARRAYS}
        np.savez_compressed(file, definitions=np.array(definitions()), **arrays)


def load_forest(path: Path) -> Forest:
    """Read a model.

    Raises:
        ValueError: it is no model, or one for other features.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            made_for = str(arrays["definitions"])
            forest = Forest(arrays["features"], arrays["borders"], arrays["leaves"], float(arrays["bias"]))
    except (OSError, KeyError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{str(path)!r} is no extractor model: {error}; make one with `curate train-extractor`") from error
    if made_for != definitions():
        raise ValueError(f"{str(path)!r} was trained for other features than these; train it again with `curate train-extractor`")
    return forest


@functools.lru_cache(maxsize=8)
def block_model(path: Path = SHIPPED) -> Forest:
    """One copy of a model for each process."""
    return load_forest(path)
