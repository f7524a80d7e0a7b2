"""`curate train-perplexity`: texts to a model of how they go on (`filters.models.perplexity`).

In:  paths as `pipeline.training.labelled_texts` reads them, without labels.
Out: the model, and how surprising texts are to it that it has not seen.
Lost: texts above the most that is read: those of the highest digests, so that the order of files changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from filters.models.perplexity_training import token_stream, train
from pipeline.training.labelled_texts import AS_LINES, Read, Reading, Spool, texts_of


@dataclass(frozen=True, slots=True)
class TrainedPerplexity:
    """What a model was made of, and what it says of texts that were held out."""

    texts: int
    bytes: int
    """Of UTF-8, of the texts that taught."""
    left_out: int
    """Texts above `most_bytes`."""
    held_out: int
    quantiles: tuple[float, float, float]
    """Perplexity of the held-out texts: the 5th, 50th and 95th of a hundred; NaN where none is held out."""


def train_perplexity(
    paths: Sequence[str],
    output: Path,
    *,
    held_out: float = 0.05,
    entries: int = 2_000_000,
    most_bytes: int = 256 << 20,
    reading: Reading = AS_LINES,
    seed: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> TrainedPerplexity:
    """Train a model and write it to `output`.

    Args:
        paths: texts of the kind that shall score low.
        output: the model file, .npz.
        held_out: share of the texts that do not teach and are scored instead.
        entries: most n-grams that are kept.
        most_bytes: of text that teaches; 25 bytes of memory are needed for each.
        reading: how files are read.
        seed: decides split and order.
        told: is given a line when something long begins.

    Raises:
        ValueError: a path gives no text, or no text is left to learn from.
    """
    if not output.absolute().parent.is_dir():
        raise ValueError(f"{str(output)!r}: its folder does not exist; make it first")
    with Spool(seed) as spool:
        for path in paths:
            told(f"reading {path}")
            for text in texts_of(path, reading, Read()):
                spool.add(0, text)
        order = spool.order()
        aside = order.held_out(held_out)
        taught = np.flatnonzero(~aside)
        inside = taught[np.cumsum(order.sizes[taught]) <= most_bytes]
        if not len(inside):
            raise ValueError(f"none of {len(order.labels)} texts is left to learn from; give more, or a smaller --held-out")
        told(f"training on {len(inside):,} texts")
        streams = [token_stream(pa.array([text], pa.large_string())) for text in spool.texts(order, inside)]
        model = train(np.concatenate(streams), entries)
        scored = [model.perplexity(pa.array([text], pa.large_string()))[0] for text in spool.texts(order, np.flatnonzero(aside))]
    temporary = output.with_name(f".{output.name}.part")
    model.save(temporary)
    temporary.replace(output)
    finite = np.array([value for value in scored if np.isfinite(value)])
    low, middle, high = np.percentile(finite, [5, 50, 95]).tolist() if len(finite) else [float("nan")] * 3
    taught_bytes = int(np.sum(order.sizes[inside]))
    return TrainedPerplexity(len(inside), taught_bytes, len(taught) - len(inside), len(scored), (low, middle, high))
