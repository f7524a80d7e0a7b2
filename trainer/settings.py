"""What can be set about a training run. Plain dataclasses: the trainer runs where pydantic is not installed; the pipeline validates
them through pydantic all the same, and names the keys of its configuration after these fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

# Settings that change what is written down, not what is learnt: a run goes on from its checkpoint when they differ.
REPORTING = ("log_every", "validate_every", "validation_tokens", "checkpoint_every", "peak_teraflops")


@dataclass(frozen=True)
class TrainSettings:
    """One training run: the model's shape, the data order, the optimiser's schedule.

    Raises:
        ValueError: a value is outside its range, or the shape is impossible.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    layers: int = 4
    """Transformer blocks."""
    dimension: int = 192
    """Width of the residual stream."""
    heads: int = 3
    """Query heads; each is dimension / heads wide."""
    key_value_heads: int = 1
    """Heads of keys and values, each shared by heads / key_value_heads query heads."""
    feed_forward: int = 512
    """Hidden width of SwiGLU."""
    tied_embeddings: bool = True
    """Whether the input embedding is the output embedding too."""
    rope_theta: float = 10_000.0
    """Base of RoPE's wavelengths."""
    row_tokens: int = 256
    """Tokens in one packed row, T."""
    batch_rows: int = 8
    """Rows in one optimiser step, B."""
    packing: Literal["best_fit", "concat", "crop"] = "best_fit"
    """How documents fill rows: see `tokenshards.packing`."""
    steps: int = 750
    """Optimiser steps, the whole schedule."""
    matrix_learning_rate: float = 0.02
    """Muon, for the matrices of the blocks."""
    matrix_momentum: float = 0.95
    """Muon's Nesterov momentum."""
    newton_schulz_steps: int = 5
    """Iterations of Muon's orthogonalisation."""
    embedding_learning_rate: float = 0.008
    """AdamW, for embeddings and norms."""
    weight_decay: float = 0.01
    """Share of a matrix removed per step, times its learning rate; norms are spared."""
    warmup_steps: int = 20
    """Steps over which the rates rise linearly."""
    decay_share: float = 0.4
    """Share of the steps, at the end, over which the rates fall linearly to zero."""
    clip_norm: float = 1.0
    """Largest norm of the whole gradient; a longer one is scaled down."""
    seed: int = 0
    """Of the first weights and of the order of rows."""
    device: str = "auto"
    """'auto' takes CUDA where there is one, else the CPU; or a torch device such as 'cuda:1'."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of matrix products and activations; weights, sums and optimiser state are float32. 'auto' takes bfloat16 where the device
    multiplies it natively."""
    threads: int = 2
    """CPU threads; a setting and not the machine's count, because it changes the last bits of a sum."""
    log_every: int = 20
    """Steps between two rows of metrics.jsonl."""
    validate_every: int = 300
    """Steps between two validations; 0: only at the end."""
    validation_tokens: int = 131_072
    """Validation during training reads the first documents up to this many tokens; `evaluate` reads all."""
    checkpoint_every: int = 100
    """Steps between two checkpoints; there is always one at the end."""
    peak_teraflops: float = 0.0
    """The device's peak, for MFU; 0: the best matrix product in the run's precision that was measured so far."""

    def __post_init__(self) -> None:
        positive = ("layers", "dimension", "heads", "key_value_heads", "feed_forward", "row_tokens", "batch_rows", "steps")
        reported = ("threads", "log_every", "checkpoint_every", "validation_tokens", "newton_schulz_steps")
        for name in positive + reported:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1")
        not_negative = ("matrix_learning_rate", "embedding_learning_rate", "weight_decay", "warmup_steps")
        for name in (*not_negative, "validate_every", "peak_teraflops", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number of at least 0")
        for name in ("matrix_momentum", "decay_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a share between 0 and 1")
        for name in ("clip_norm", "rope_theta"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        if self.dimension % (2 * self.heads):
            raise ValueError(f"dimension {self.dimension} is not a multiple of twice heads ({self.heads}); RoPE turns pairs within a head")
        if self.heads % self.key_value_heads:
            raise ValueError(f"heads {self.heads} is not a multiple of key_value_heads {self.key_value_heads}")
        if self.packing not in ("best_fit", "concat", "crop"):
            raise ValueError(f"packing {self.packing!r} is unknown; choose best_fit, concat or crop")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"precision {self.precision!r} is unknown; choose auto, float32 or bfloat16")
