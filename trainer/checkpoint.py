"""Checkpoints and models on disk: safetensors and JSON, never pickle.

    OUT/checkpoints/RUN/step-00000200.safetensors   weights, optimiser state and, in the header, step and settings; the last two
    OUT/model.safetensors, OUT/model.json           the trained model: weights under Qwen3's names, and what they mean
    OUT/metrics.jsonl                               one row per logged step

RUN is a digest of the settings and the shards, so that a run finds its own checkpoints and no other's. Every file is written under a
temporary name, synced, and renamed: under its name it is whole, whenever the process is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from trainer.model import ModelShape, Transformer
from trainer.optimizer import Optimizer
from trainer.settings import REPORTING, TrainSettings

KEPT = 2
WEIGHT, STATE = "weight:", "state:"  # before the tensors' names
DEFINITION = 1  # raised when equal settings come to train otherwise, so that no run goes on from another definition's checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """A run's place on disk."""

    folder: Path
    run: str

    @classmethod
    def of(cls, out: Path, settings: TrainSettings, fingerprint: str) -> Checkpoint:
        """The place of the run of these settings over data of this fingerprint."""
        run = run_digest(settings, fingerprint)
        return cls(out / "checkpoints" / run, run)

    def path(self, step: int) -> Path:
        """Where the state after `step` steps lies."""
        return self.folder / f"step-{step:08d}.safetensors"

    def newest(self) -> Path | None:
        """The checkpoint of most steps, or none."""
        return max(self.folder.glob("step-*.safetensors"), default=None)

    def save(self, model: Transformer, optimizer: Optimizer, step: int) -> None:
        """Write the state after `step` steps, then remove all but the last two."""
        tensors = {WEIGHT + name: p.detach() for name, p in model.named_parameters()}
        tensors |= {STATE + name: value for name, value in optimizer.state.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        header = {"run": self.run, "step": step, "shape": model.shape.to_dict()}
        write_whole(self.path(step), _encoded(tensors, {"curate": json.dumps(header, sort_keys=True)}))
        for old in sorted(self.folder.glob("step-*.safetensors"))[:-KEPT]:
            old.unlink()

    def load(self, path: Path, model: Transformer, optimizer: Optimizer) -> int:
        """Put a checkpoint into model and optimiser, bit for bit.

        Returns:
            The steps it has behind it.

        Raises:
            ValueError: the file is truncated, not a checkpoint, or of another shape.
        """
        wanted = {WEIGHT + name: p.data for name, p in model.named_parameters()}
        wanted |= {STATE + name: value for name, value in optimizer.state.items()}
        tensors, metadata = read_tensors(path, f"delete it to go on from the one before, or {str(self.folder)!r} to begin anew")
        try:
            header = json.loads(metadata["curate"])
            step = int(header["step"])
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{str(path)!r} is not a checkpoint of this trainer; delete it") from error
        copy_tensors(path, tensors, wanted)
        return step


def run_digest(settings: TrainSettings, fingerprint: str) -> str:
    """16 hexadecimal digits over all that decides the weights."""
    values = {name: value for name, value in asdict(settings).items() if name not in REPORTING}
    text = json.dumps({"definition": DEFINITION, "settings": values, "shards": fingerprint}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is never seen in part: temporary name, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A fixed temporary name: what a killed run left behind is overwritten by the next, not gathered.
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_tensors(path: Path, advice: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file.

    Raises:
        ValueError: it cannot be read; `advice` says what to do then.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - not a mapping
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; {advice}") from error
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{str(path)!r} is truncated or damaged ({str(error).splitlines()[0]}); {advice}") from error


def copy_tensors(path: Path, tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Copy by name into `wanted`.

    Raises:
        ValueError: names or shapes differ.
    """
    if unequal := sorted(tensors.keys() ^ wanted.keys()):
        raise ValueError(f"{str(path)!r} is of another shape: only one of the two has {unequal[0]!r}; delete it or restore the settings")
    for name, target in wanted.items():
        if tensors[name].shape != target.shape:
            shapes = f"{tuple(tensors[name].shape)}, the model {tuple(target.shape)}"
            raise ValueError(f"{str(path)!r} is of another shape: {name!r} is {shapes}; delete it or restore the settings")
        target.copy_(tensors[name])


def save_model(out: Path, model: Transformer, provenance: Mapping[str, Any]) -> None:
    """Write model.safetensors and then model.json: shape, vocabulary, and what `provenance` adds (see `train`)."""
    weights = {name: p.detach() for name, p in model.named_parameters()}
    write_whole(out / "model.safetensors", _encoded(weights, {"format": "pt"}))
    values = {"shape": model.shape.to_dict(), "vocabulary": model.shape.vocabulary, **provenance}
    write_whole(out / "model.json", (json.dumps(values, indent=1, sort_keys=True) + "\n").encode())


def load_model(path: Path, device: torch.device, precision: torch.dtype = torch.float32) -> tuple[Transformer, dict[str, Any]]:
    """The model of a folder that `train` wrote, and its model.json.

    Raises:
        ValueError: a file is missing, damaged, or of another shape than model.json says.
    """
    described = description(path)
    try:
        shape = ModelShape(**described["shape"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{str(path / 'model.json')!r} does not describe a model ({error}); train it again") from error
    model = Transformer(shape, precision)
    tensors, _ = read_tensors(path / "model.safetensors", "train the model again or restore the file")
    copy_tensors(path / "model.safetensors", tensors, {name: p.data for name, p in model.named_parameters()})
    return model.to(device), described


def description(folder: Path) -> dict[str, Any]:
    """model.json of a trained model.

    Raises:
        ValueError: it is missing or not JSON.
    """
    path = folder / "model.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; give the folder that `curate train` wrote") from error
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not JSON ({error}); train the model again or restore the file") from error
    if not isinstance(values, dict):
        raise ValueError(f"{str(path)!r} does not describe a model; train it again")
    return values


def _encoded(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Bytes of a safetensors file; those of equal tensors are equal."""
    return save({name: value.contiguous().cpu() for name, value in tensors.items()}, metadata)
