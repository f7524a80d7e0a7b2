"""How well a model predicts the validation split, beside what counting makes of the same tokens.

The baselines (see `trainer.ngram`) are a unigram and an interpolated modified Kneser-Ney trigram, trained once on the distinct rows that
the model's steps took and once on the whole training split, and scored on every token that the model is scored on. They see the
two tokens before across the cuts of the pack plan, which the model does not: the comparison leans to their side.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenshards.reader import TokenShards
from trainer import checkpoint
from trainer.batches import training_batches
from trainer.device import prepare
from trainer.ngram import NGram
from trainer.settings import TrainSettings
from trainer.validation import bits_per_byte, document_losses, validation_shards

GROUPS = ("source", "kind", "licence")


@dataclass(frozen=True)
class Stream:
    """Documents end to end, with the two tokens before each token: EOS before a document's first."""

    tokens: npt.NDArray[np.int64]
    before_1: npt.NDArray[np.int64]
    before_2: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    """First token of each document."""

    @classmethod
    def of(cls, shards: TokenShards, limit: int | None = None) -> Stream:
        """The split's first documents, up to about `limit` tokens."""
        count = len(shards) if limit is None else max(1, int(np.searchsorted(np.cumsum(shards.lengths), limit, side="right")))
        lengths = shards.lengths[:count]
        tokens = np.concatenate([np.zeros(0, np.int64), *(shards.document(number) for number in range(count))]).astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        place = np.arange(len(tokens)) - np.repeat(starts, lengths)
        before_1, before_2 = np.full_like(tokens, shards.eos), np.full_like(tokens, shards.eos)
        before_1[1:] = np.where(place[1:] >= 1, tokens[:-1], shards.eos)
        before_2[2:] = np.where(place[2:] >= 2, tokens[:-2], shards.eos)
        return cls(tokens, before_1, before_2, starts)


def evaluate(
    model: Path, shards: Path, progress: Callable[[int, int, str], None] | None = None, *, baseline_tokens: int = 50_000_000
) -> dict[str, Any]:
    """Bits per byte of the validation split, whole and by source, kind and licence, of the model and of the baselines.

    Args:
        model: folder with model.safetensors and model.json.
        shards: the folder that it was trained on, or one of the same tokenizer.
        progress: called with parts done, parts in all, and what is under way.
        baseline_tokens: the baselines count the first documents up to so many tokens of the training split, held in memory.

    Returns:
        `bits_per_byte`, `loss` (nats per token), `tokens`, `bytes`, `documents`; `by` GROUP value: the same; `baselines`: NAME to
        bits_per_byte and the tokens that it counted, NAME being unigram or trigram, `_seen` or `_split`.

    Raises:
        ValueError: a file is missing or damaged, there is no validation data, or the tokenizer is another.
    """
    validation = validation_shards(shards)
    settings, description = _settings(model)
    if description.get("tokenizer_sha256") != validation.manifest.tokenizer_sha256:
        raise ValueError(f"{str(model)!r} was trained with another tokenizer than {str(shards)!r} holds tokens of; give its own shards")
    device, _ = prepare(settings)
    tell = progress or (lambda _done, _all, _line: None)
    tell(0, 2, f"{len(validation):,} documents of {validation.tokens:,} tokens")
    # float32 whatever it was trained in: the figure must not depend on the machine's fast types.
    transformer, _ = checkpoint.load_model(model, device)
    losses = document_losses(transformer, validation, settings.row_tokens)
    table = validation.table(["bytes", *GROUPS])
    text_bytes = table.column("bytes").to_numpy()
    report = _figures(losses, text_bytes, validation.lengths)
    report["by"] = {}
    for group in GROUPS:
        values = np.array([str(value) for value in table.column(group).to_pylist()])
        report["by"][group] = {
            str(value): _figures(losses[values == value], text_bytes[values == value], validation.lengths[values == value])
            for value in np.unique(values)
        }
    tell(1, 2, f"model {report['bits_per_byte']:.4f} bits/byte; counting for the baselines")
    report["baselines"] = _baselines(validation, TokenShards(shards, "train"), settings, text_bytes, baseline_tokens)
    tell(2, 2, ", ".join(f"{name} {figures['bits_per_byte']:.4f}" for name, figures in report["baselines"].items()) + " bits/byte")
    return report


def _figures(losses: npt.NDArray[np.float64], text_bytes: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> dict[str, Any]:
    tokens = int(lengths.sum())
    return {
        "bits_per_byte": bits_per_byte(losses, text_bytes) if text_bytes.sum() else None,
        "loss": float(losses.sum()) / tokens,
        "tokens": tokens,
        "bytes": int(text_bytes.sum()),
        "documents": len(losses),
    }


def _baselines(
    validation: TokenShards, train: TokenShards, settings: TrainSettings, text_bytes: npt.NDArray[np.int64], limit: int
) -> dict[str, Any]:
    held_out, counted = Stream.of(validation), Stream.of(train, limit)
    vocabulary, report = train.vocabulary, {}
    for suffix, mask in (("seen", seen_tokens(train, settings, counted)), ("split", np.ones(len(counted.tokens), bool))):
        tokens, before_1, before_2 = counted.tokens[mask], counted.before_1[mask], counted.before_2[mask]
        for name, ngram in (
            ("unigram", NGram.unigram(tokens, vocabulary)),
            ("trigram", NGram.trigram(before_2, before_1, tokens, vocabulary)),
        ):
            losses = -np.log(ngram.probability(held_out.before_2, held_out.before_1, held_out.tokens))
            report[f"{name}_{suffix}"] = {"bits_per_byte": bits_per_byte(losses, text_bytes), "tokens": len(tokens)}
    return report


def seen_tokens(train: TokenShards, settings: TrainSettings, stream: Stream) -> npt.NDArray[np.bool_]:
    """Which tokens of the stream stood in a row of the run's steps, each once however often it was served."""
    batches = training_batches(train, settings)
    packed = batches.plan
    places = min(settings.steps * settings.batch_rows, packed.rows)  # the first epoch's: later ones repeat rows
    rows = np.zeros(packed.rows, bool)
    rows[batches.sampler.rows(0, places)] = True
    pieces = np.repeat(rows, np.diff(packed.row_offsets)) & (packed.document < len(stream.starts))
    edges = np.zeros(len(stream.tokens) + 1, np.int64)
    begin = stream.starts[packed.document[pieces]] + packed.start[pieces]
    np.add.at(edges, begin, 1)
    np.add.at(edges, begin + packed.length[pieces], -1)
    return np.cumsum(edges[:-1]) > 0


def _settings(model: Path) -> tuple[TrainSettings, dict[str, Any]]:
    description = checkpoint.description(model)
    try:
        return TrainSettings(**description["settings"]), description
    except (KeyError, TypeError) as error:
        raise ValueError(f"{str(model / 'model.json')!r} does not say how the model was trained ({error}); train it again") from error


def main() -> None:
    """`python -m trainer.evaluate MODEL SHARDS` prints the report as JSON."""
    parser = argparse.ArgumentParser(description="Bits per byte of a model and of n-gram baselines on the validation split.")
    parser.add_argument("model", type=Path)
    parser.add_argument("shards", type=Path)
    arguments = parser.parse_args()
    try:
        print(json.dumps(evaluate(arguments.model, arguments.shards), indent=1))
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
