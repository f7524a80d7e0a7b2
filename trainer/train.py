"""The training loop: shards in, a model out, and nothing lost when it is killed.

In:  SHARDS (see `tokenshards`), splits train and validation; TrainSettings.
Out: OUT/model.safetensors and model.json, OUT/metrics.jsonl, OUT/checkpoints/.
A step is a function of the state before it and its number: the batch of step N is computed, not drawn. So a run that was killed and
started again ends in the same bits as one that was not, on one machine with one number of threads.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any, get_type_hints

import numpy as np
import torch

from tokenshards.loader import PackedBatches
from tokenshards.reader import TokenShards
from trainer import checkpoint
from trainer.batches import data_fingerprint, training_batches
from trainer.checkpoint import Checkpoint
from trainer.device import peak_flops, prepare
from trainer.model import ModelShape, Transformer, attention_mask
from trainer.optimizer import Optimizer, learning_rate_factor
from trainer.settings import TrainSettings
from trainer.validation import bits_per_byte, document_losses, first_documents, validation_shards

NATS_PER_BIT = float(np.log(2))
Progress = Callable[[int, int, str], None]


def train(shards: Path, out: Path, settings: TrainSettings, progress: Progress) -> dict[str, Any]:
    """Train a model, or go on where a run of equal settings over equal shards was stopped.

    SIGTERM ends it after the step under way with a checkpoint and SystemExit(143).

    Args:
        shards: folder with manifest.json; needs the splits train and validation.
        out: folder for the model, made if missing.
        settings: see there; the reporting ones may differ from those of the run that is gone on with.
        progress: called with steps done, steps in all, and a line about them.

    Returns:
        steps, tokens, parameters, loss, validation_bits_per_byte, resumed_from (step, 0 if anew), seconds.

    Raises:
        ValueError: no training or validation data, an unknown device, a checkpoint that is damaged, or a loss that is not a number.
    """
    run = Run.prepare(shards, out, settings)
    resumed = run.resume()
    run.metrics.keep(resumed)
    if resumed:
        progress(resumed, settings.steps, f"going on after step {resumed}")
    started = time.perf_counter()
    row: dict[str, Any] = {}
    with _terminated() as terminated:
        for step in range(resumed, settings.steps):
            run.step(step)
            done = step + 1
            last = done == settings.steps
            if last or done % settings.log_every == 0 or (settings.validate_every and done % settings.validate_every == 0):
                row = run.report(done)
                progress(done, settings.steps, _line(row))
            if last or terminated.is_set() or done % settings.checkpoint_every == 0:
                run.save(done)
            if terminated.is_set() and not last:
                progress(done, settings.steps, f"stopped by SIGTERM after step {done}; run again to go on")
                raise SystemExit(128 + signal.SIGTERM)
    validation = row.get("validation_bits_per_byte") or run.validate()
    checkpoint.save_model(out, run.model, run.provenance())
    return {
        "steps": settings.steps,
        "tokens": run.tokens_seen(settings.steps),
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "loss": row.get("loss"),
        "validation_bits_per_byte": validation,
        "resumed_from": resumed,
        "seconds": time.perf_counter() - started,
    }


@dataclass
class Metrics:
    """metrics.jsonl: one row per step that was logged, in order, no step twice."""

    path: Path
    run: str

    def keep(self, steps: int) -> None:
        """Drop what a killed run wrote after its last checkpoint, and rows of other runs."""
        rows = []
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    row = json.loads(line)
                    wanted = row["run"] == self.run and row["step"] <= steps
                except (ValueError, TypeError, KeyError):
                    continue  # the line that the kill cut short
                if wanted:
                    rows.append(line + "\n")
        checkpoint.write_whole(self.path, "".join(rows).encode())

    def append(self, row: dict[str, Any]) -> None:
        """Add a row."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"run": self.run, **row}) + "\n")


@dataclass
class Run:
    """Everything one run holds; `step` advances it, `report` tells of it, `save` keeps it."""

    settings: TrainSettings
    device: torch.device
    train: TokenShards
    validation: TokenShards
    batches: PackedBatches
    model: Transformer
    optimizer: Optimizer
    checkpoint: Checkpoint
    metrics: Metrics
    peak_flops: float
    seconds: float = 0.0
    """Of training steps since the last report."""
    targets: int = 0
    """Tokens predicted since the last report."""
    losses: float = 0.0
    """Sum of nats since the last report."""
    gradient_norm: float = 0.0
    """Of the last step, before clipping."""

    @classmethod
    def prepare(cls, shards: Path, out: Path, settings: TrainSettings) -> Run:
        """Open the data and make the first state."""
        train, validation = TokenShards(shards, "train"), validation_shards(shards)
        if not train.tokens:
            raise ValueError(f"{str(shards)!r} has no training tokens; check what the filters kept, and tokenize again")
        device, precision = prepare(settings)
        out.mkdir(parents=True, exist_ok=True)
        model = Transformer(ModelShape.of(settings, train.vocabulary), precision)
        model.initialise(settings.seed)
        model.to(device)
        batches = training_batches(train, settings)
        place = Checkpoint.of(out, settings, data_fingerprint(batches))
        return cls(
            settings=settings,
            device=device,
            train=train,
            validation=validation,
            batches=batches,
            model=model,
            optimizer=Optimizer(model, settings, precision),
            checkpoint=place,
            metrics=Metrics(out / "metrics.jsonl", place.run),
            peak_flops=peak_flops(settings, device, precision),
        )

    def resume(self) -> int:
        """Load the newest checkpoint, if there is one; the steps that lie behind."""
        newest = self.checkpoint.newest()
        return self.checkpoint.load(newest, self.model, self.optimizer) if newest else 0

    def step(self, step: int) -> None:
        """One optimiser step, from 0."""
        started = time.perf_counter()
        batch = self.batches.batch(step)
        tokens_BT, targets_BT, document_BT, position_BT = (
            torch.from_numpy(array).long().to(self.device)
            for array in (batch.tokens_BT, batch.targets_BT, batch.document_BT, batch.position_BT)
        )
        targets = int((batch.targets_BT >= 0).sum())
        hidden_BTC = self.model(tokens_BT, position_BT, attention_mask(document_BT, self.model.precision))
        total = self.model.loss(hidden_BTC, targets_BT)
        torch.autograd.backward(total / targets)
        self.gradient_norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm))
        loss = float(total.detach())
        if not (np.isfinite(loss) and np.isfinite(self.gradient_norm)):
            raise ValueError(f"the loss of step {step + 1} is {loss / targets}; lower matrix_learning_rate and embedding_learning_rate")
        self.optimizer.step(step)
        for p in self.model.parameters():
            p.grad = None
        self.losses += loss
        self.targets += targets
        self.seconds += time.perf_counter() - started

    def report(self, done: int) -> dict[str, Any]:
        """The row of metrics.jsonl after `done` steps: means since the row before."""
        settings = self.settings
        loss, speed = self.losses / self.targets, self.targets / self.seconds
        stated = self.train.manifest.splits["train"]
        # Measured again, because a machine that was busy at the start would give a peak that the run then exceeds (by 67 %, once).
        self.peak_flops = max(self.peak_flops, peak_flops(settings, self.device, self.model.precision, products=4))
        factor = learning_rate_factor(done - 1, settings)
        row: dict[str, Any] = {
            "step": done,
            "loss": loss,
            "bits_per_byte": loss / NATS_PER_BIT * stated.tokens / max(stated.bytes, 1),
            "tokens": self.tokens_seen(done),
            "tokens_per_second": speed,
            "mfu": speed * self.model.shape.training_flops(settings.row_tokens) / self.peak_flops,
            "gradient_norm": self.gradient_norm,
            "matrix_learning_rate": settings.matrix_learning_rate * factor,
            "embedding_learning_rate": settings.embedding_learning_rate * factor,
        }
        if done == settings.steps or (settings.validate_every and done % settings.validate_every == 0):
            row["validation_bits_per_byte"] = self.validate()
        self.metrics.append(row)
        self.losses, self.targets, self.seconds = 0.0, 0, 0.0
        return row

    def validate(self) -> float:
        """Bits per byte of the first validation documents, in the run's precision."""
        documents = first_documents(self.validation.lengths, self.settings.validation_tokens)
        losses = document_losses(self.model, self.validation, self.settings.row_tokens, documents)
        return bits_per_byte(losses, self.validation.table(["bytes"]).column("bytes").to_numpy()[:documents])

    def save(self, done: int) -> None:
        """Write the checkpoint after `done` steps."""
        self.checkpoint.save(self.model, self.optimizer, done)

    def tokens_seen(self, steps: int) -> int:
        """Training tokens predicted in so many steps, repetitions counted; padding is not."""
        packed = self.batches.plan
        per_row = np.add.reduceat(packed.length.astype(np.int64), packed.row_offsets[:-1])
        epochs, rest = divmod(steps * self.settings.batch_rows, packed.rows)
        return epochs * packed.tokens + int(per_row[self.batches.sampler.rows(epochs * packed.rows, rest)].sum())

    def provenance(self) -> dict[str, Any]:
        """What model.json says beside the shape."""
        return {
            "tokenizer_sha256": self.train.manifest.tokenizer_sha256,
            "eos": self.train.eos,
            "shards_fingerprint": self.train.fingerprint,
            "steps": self.settings.steps,
            "tokens": self.tokens_seen(self.settings.steps),
            "precision": str(self.model.precision).removeprefix("torch."),
            "settings": asdict(self.settings),
        }


@contextmanager
def _terminated() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, in place of dying at once; only a main thread can have it."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)


def _line(row: dict[str, Any]) -> str:
    text = f"loss {row['loss']:.3f}, {row['bits_per_byte']:.3f} bits/byte, {row['tokens_per_second']:,.0f} tokens/s, MFU {row['mfu']:.0%}"
    return text + (f", validation {row['validation_bits_per_byte']:.4f} bits/byte" if "validation_bits_per_byte" in row else "")


def parse_settings(assignments: list[str]) -> TrainSettings:
    """Settings from `key=value` texts.

    Raises:
        ValueError: an unknown key, or a value of another type.
    """
    types = get_type_hints(TrainSettings)
    known = {field.name: field for field in fields(TrainSettings) if field.default is not MISSING}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in known:
            raise ValueError(f"--set {assignment!r}: give key=value, with a key among {', '.join(known)}")
        try:
            values[name] = _value(text, types[name])
        except ValueError as error:
            raise ValueError(f"--set {assignment!r}: {text!r} is not of type {getattr(types[name], '__name__', 'text')}") from error
    return replace(TrainSettings(), **values)


def _value(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    return kind(text) if kind in (int, float) else text


def main() -> None:
    """`python -m trainer.train SHARDS OUT --set key=value …`, for machines without the pipeline."""
    parser = argparse.ArgumentParser(description="Train a language model on token shards; run again to go on after a stop.")
    parser.add_argument("shards", type=Path, help="folder with manifest.json")
    parser.add_argument("out", type=Path, help="folder for the model, metrics and checkpoints")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of trainer.settings.TrainSettings")
    arguments = parser.parse_args()

    def show(done: int, steps: int, line: str) -> None:
        print(f"step {done}/{steps}: {line}", file=sys.stderr, flush=True)

    try:
        print(json.dumps(train(arguments.shards, arguments.out, parse_settings(arguments.set), show), indent=1))
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
