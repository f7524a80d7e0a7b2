"""Muon for the matrices of the blocks, AdamW for embeddings and norms, and the warmup-stable-decay schedule.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/): the Nesterov momentum of a matrix's gradient is replaced by
a nearly orthogonal matrix of the same row and column space, so that every direction is learnt at the same rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainer.settings import TrainSettings

# Coefficients of a·x + b·x³ + c·x⁵ by Jordan: steepest at 0 while singular values of (0, 1] end within about 0.7 to 1.2.
QUINTIC = (3.4445, -4.7750, 2.0315)
ADAM_BETAS = (0.9, 0.95)
ADAM_EPSILON = 1e-10


def learning_rate_factor(step: int, settings: TrainSettings) -> float:
    """Factor of the rates at `step` (from 0): linear warmup, stable, then linear to zero over the last `decay_share` of the steps."""
    warmup = min(1.0, (step + 1) / max(settings.warmup_steps, 1))
    decay_steps = settings.decay_share * settings.steps
    decay = min(1.0, (settings.steps - step) / decay_steps) if decay_steps else 1.0
    return min(warmup, decay)


def orthogonalise(matrix: Tensor, steps: int, precision: torch.dtype = torch.float32) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly, by Newton-Schulz iterations: U·S·Vᵀ becomes U·S'·Vᵀ with S' about 0.7 to 1.2.

    Args:
        matrix: (..., rows, columns); a stack of equal shapes is done at once.
        steps: of the quintic; 5 suffice from float32 gradients.
        precision: of the products; bfloat16 is enough, since the result is rough anyway.
    """
    a, b, c = QUINTIC
    x = matrix.to(precision)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    result: Tensor = (x.mT if tall else x).to(matrix.dtype)
    return result


class Optimizer:
    """Both rules over one model. State is two tensors per AdamW parameter and one per Muon matrix, in float32.

    Attributes:
        state: name to tensor, `NAME.momentum` or `NAME.first` and `NAME.second`; saved and loaded as it is.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings, precision: torch.dtype = torch.float32):
        self.settings, self.precision = settings, precision
        self.matrices = {name: p for name, p in model.named_parameters() if p.dim() == 2 and ".layers." in name}
        self.others = {name: p for name, p in model.named_parameters() if name not in self.matrices}
        self.state = {f"{name}.momentum": torch.zeros_like(p) for name, p in self.matrices.items()}
        for name, p in self.others.items():
            self.state |= {f"{name}.first": torch.zeros_like(p), f"{name}.second": torch.zeros_like(p)}

    @torch.no_grad()
    def step(self, step: int) -> None:
        """Change the parameters by their gradients at `step` (from 0)."""
        factor = learning_rate_factor(step, self.settings)
        self._muon(self.settings.matrix_learning_rate * factor)
        self._adamw(step, self.settings.embedding_learning_rate * factor)

    def _muon(self, rate: float) -> None:
        beta = self.settings.matrix_momentum
        for names in self._by_shape():
            parameters: list[Tensor] = [self.matrices[name] for name in names]
            momenta = [self.state[f"{name}.momentum"] for name in names]
            gradients = [_gradient(self.matrices[name]) for name in names]
            torch._foreach_lerp_(momenta, gradients, 1 - beta)
            updates = orthogonalise(
                torch.stack(torch._foreach_lerp(gradients, momenta, beta)), self.settings.newton_schulz_steps, self.precision
            )
            rows, columns = parameters[0].shape
            # An orthogonal (rows, columns) matrix turns a unit-RMS input into an output of RMS sqrt(columns / rows) at most, or 1
            # where it is wide; the factor makes it 1 for tall ones as well, so one rate fits every shape.
            torch._foreach_mul_(parameters, 1 - rate * self.settings.weight_decay)
            torch._foreach_add_(parameters, list(updates.unbind()), alpha=-rate * max(1.0, rows / columns) ** 0.5)

    def _adamw(self, step: int, rate: float) -> None:
        beta_1, beta_2 = ADAM_BETAS
        for name, p in self.others.items():
            first, second = self.state[f"{name}.first"], self.state[f"{name}.second"]
            gradient = _gradient(p)
            first.lerp_(gradient, 1 - beta_1)
            second.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
            size = (second / (1 - beta_2 ** (step + 1))).sqrt_().add_(ADAM_EPSILON)
            if p.dim() == 2:
                p.mul_(1 - rate * self.settings.weight_decay)
            p.addcdiv_(first, size, value=-rate / (1 - beta_1 ** (step + 1)))

    def _by_shape(self) -> Iterator[list[str]]:
        shapes: dict[torch.Size, list[str]] = {}
        for name, p in self.matrices.items():
            shapes.setdefault(p.shape, []).append(name)
        return iter(shapes.values())


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "optimiser step before a backward pass"
    return parameter.grad
