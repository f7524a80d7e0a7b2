"""Text from a trained model: a batch of prompts at once, with keys and values of earlier tokens kept.

Attention reaches back one row of training (`row_tokens`): beyond it lie distances that RoPE was never trained on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tokenizer.encode import Encoder
from trainer import checkpoint
from trainer.device import prepare
from trainer.model import Cache, Transformer
from trainer.settings import TrainSettings


def generate(
    model: Path,
    tokenizer: Path,
    prompts: Sequence[str],
    *,
    tokens: int = 160,
    temperature: float = 0.7,
    top_k: int = 50,
    top_p: float = 1.0,
    seed: int = 0,
) -> list[str]:
    """Continue each prompt, up to `tokens` pieces or the end of the document; the prompts are not repeated in the answer.

    Args:
        model: folder with model.safetensors and model.json.
        tokenizer: the tokenizer.model that its shards were made with.
        prompts: '' begins a new document.
        tokens: most pieces per prompt.
        temperature: divides the scores; 0 takes the best piece always.
        top_k: choose among so many best pieces; 0: all.
        top_p: choose among the fewest best pieces whose probabilities reach this.
        seed: equal seed, prompt place and settings give equal text, whatever the other prompts are.

    Raises:
        ValueError: a value is outside its range, a file is missing or damaged, or the tokenizer is not the model's.
    """
    if tokens < 0 or top_k < 0 or not 0 <= temperature < math.inf or not 0 < top_p <= 1:
        raise ValueError(
            f"tokens {tokens}, top_k {top_k} and temperature {temperature} must be at least 0, and top_p {top_p} above 0 and at most 1"
        )
    described = checkpoint.description(model)
    try:
        digest = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{str(tokenizer)!r} cannot be read ({error.strerror}); give the tokenizer.model of the run") from error
    if digest != described.get("tokenizer_sha256"):
        raise ValueError(f"{str(tokenizer)!r} is not the tokenizer that {str(model)!r} was trained with; give that of its run")
    settings = TrainSettings(**described["settings"])
    device, _ = prepare(settings)
    transformer, _ = checkpoint.load_model(model, device)
    encoder = Encoder.load(tokenizer)
    starts = [[encoder.eos, *np.asarray(encoder.encode(prompt)).tolist()] for prompt in prompts]
    generators = [torch.Generator().manual_seed(seed * 1_000_003 + number) for number in range(len(prompts))]

    def choose(scores_BV: Tensor) -> list[int]:
        return [sample(scores_V, temperature, top_k, top_p, generator) for scores_V, generator in zip(scores_BV, generators, strict=True)]

    answers = continuations(transformer, starts, tokens, choose=choose, eos=encoder.eos, window=settings.row_tokens)
    return [encoder.decode(ids) for ids in answers]


@torch.inference_mode()
def continuations(
    model: Transformer, starts: Sequence[Sequence[int]], tokens: int, *, choose: Callable[[Tensor], list[int]], eos: int, window: int
) -> list[list[int]]:
    """Ids that follow each start, without it and without EOS.

    Args:
        model: on any device.
        starts: ids, at least one each; shorter ones are padded on their left.
        tokens: most ids per start.
        choose: from scores (B, V) to one id per row.
        eos: ends a row.
        window: how many positions attention reaches back, its own included.
    """
    if not starts or not tokens:
        return [[] for _ in starts]
    device = model.output_VC.device
    longest = max(len(start) for start in starts)
    padding_B = torch.tensor([longest - len(start) for start in starts], device=device)
    tokens_BT = torch.tensor([[eos] * (longest - len(start)) + list(start) for start in starts], device=device)
    room = longest + tokens
    cache = Cache.empty(model.shape, len(starts), room, torch.empty(0, dtype=model.precision, device=device))
    answers: list[list[int]] = [[] for _ in starts]
    finished = [False] * len(starts)
    while True:
        first, length = cache.length, tokens_BT.shape[1]
        position_BT = (torch.arange(first, first + length, device=device) - padding_B[:, None]).clamp(min=0)
        mask_BTS = window_mask(padding_B, first, length, window, model.precision)
        hidden_BTC = model(tokens_BT, position_BT, mask_BTS, cache)
        chosen = choose(model.logits(hidden_BTC[:, -1]))
        for row, piece in enumerate(chosen):
            finished[row] |= piece == eos
            if not finished[row]:
                answers[row].append(piece)
        if all(finished) or cache.length + 1 >= room:
            return answers
        tokens_BT = torch.tensor(chosen, device=device)[:, None]


def window_mask(padding_B: Tensor, first: int, length: int, window: int, dtype: torch.dtype) -> Tensor:
    """Additive mask (B, 1, length, first + length) for queries from place `first` on: causal, `window` places back, no padding.

    Every place sees itself, padding too, so that no softmax is over nothing.
    """
    query_T = torch.arange(first, first + length, device=padding_B.device)[:, None]
    key_S = torch.arange(first + length, device=padding_B.device)[None]
    seen_TS = (key_S <= query_T) & (key_S > query_T - window)
    seen_BTS = (seen_TS & (key_S >= padding_B[:, None, None])) | (key_S == query_T)
    return torch.zeros((), dtype=dtype, device=padding_B.device).where(seen_BTS, -math.inf)[:, None]


def sample(scores_V: Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    """One id, drawn by its score. Ties are broken by the smaller id."""
    scores_V = scores_V.cpu()
    order_V = torch.argsort(scores_V, descending=True, stable=True)
    if temperature == 0:
        return int(order_V[0])
    order_V = order_V[: top_k or None]
    p_V = torch.softmax(scores_V[order_V].double() / temperature, 0)
    # A piece is kept when those before it do not reach top_p: the best one always is.
    kept = int((p_V.cumsum(0) - p_V < top_p).sum())
    return int(order_V[torch.multinomial(p_V[:kept], 1, generator=generator)])
