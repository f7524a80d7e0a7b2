"""A decoder-only transformer of Qwen3's shape: RMSNorm, RoPE, SwiGLU, grouped-query attention, QK-norm, no biases.

Parameters carry the names and the layouts of `Qwen3ForCausalLM` in transformers (q_proj.weight is (H·D, C), rotary halves are not
interleaved), so an export is a copy. Weights are kept in float32; the matrix products run in `precision`.

Shapes: B rows, T tokens in a row, S tokens that can be attended to, C dimension, H heads, K key-value heads, D = C / H, F hidden
width of SwiGLU, V vocabulary, N = B · T tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.settings import TrainSettings

NORM_EPSILON = 1e-6
LOSS_CHUNK_TOKENS = 512  # logits of 512 x 4,096 float32 are 8 MiB: they stay in the last-level cache between the passes over them

# torch's fused attention on a CPU with a mask takes twice the time of the plain formula in bfloat16 at 256 tokens (10.3 against 5.4 ms,
# forward and backward, 4 rows of 4 heads of 64, 2 threads), and wins by its memory when rows are long.
WRITTEN_OUT_TOKENS = 512


@dataclass(frozen=True)
class ModelShape:
    """What fixes the parameters' shapes and the function that they compute; model.json holds it."""

    vocabulary: int
    layers: int
    dimension: int
    heads: int
    key_value_heads: int
    feed_forward: int
    tied_embeddings: bool
    rope_theta: float

    @classmethod
    def of(cls, settings: TrainSettings, vocabulary: int) -> ModelShape:
        """The shape that settings ask for, over a tokenizer of `vocabulary` pieces."""
        return cls(
            vocabulary=vocabulary,
            layers=settings.layers,
            dimension=settings.dimension,
            heads=settings.heads,
            key_value_heads=settings.key_value_heads,
            feed_forward=settings.feed_forward,
            tied_embeddings=settings.tied_embeddings,
            rope_theta=settings.rope_theta,
        )

    @property
    def head_dimension(self) -> int:
        """D."""
        return self.dimension // self.heads

    @property
    def matrix_parameters(self) -> int:
        """Weights that every token is multiplied with: the blocks' matrices and the output embedding."""
        width = self.head_dimension
        block = self.dimension * width * (2 * self.heads + 2 * self.key_value_heads) + 3 * self.dimension * self.feed_forward
        return self.layers * block + self.vocabulary * self.dimension

    def training_flops(self, row_tokens: int) -> float:
        """FLOP per token, forward and backward: 6 per matrix weight, 12·C per layer and attended token (PaLM, arXiv:2204.02311,
        appendix B), of which a causal row has T/2 on average; document masks are not deducted.
        """
        return 6 * self.matrix_parameters + 12 * self.layers * self.dimension * row_tokens / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as model.json holds them."""
        return asdict(self)


def attention_mask(document_BT: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive mask (B, 1, T, T): 0 where a token sees itself or an earlier token of its own piece, -inf elsewhere.

    Args:
        document_BT: number of each token's piece within its row, -1 for padding (which sees padding only, so that no row of the
            mask is empty and no softmax is NaN).
        dtype: of the attention's inputs. Made once per batch, not once per layer.
    """
    length = document_BT.shape[1]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=document_BT.device).tril_()
    seen_BTT = (document_BT[:, :, None] == document_BT[:, None, :]) & causal_TT
    return torch.zeros((), dtype=dtype, device=document_BT.device).where(seen_BTT, -math.inf)[:, None]


def rotary_tables(position_BT: Tensor, width: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B, T, 1, D) of RoPE (arXiv:2104.09864): the D/2 angles twice, the sine negated the first time."""
    frequency_D = theta ** (-torch.arange(0, width, 2, dtype=torch.float32, device=position_BT.device) / width)
    angle_BTD = position_BT[:, :, None].float() * frequency_D
    cosine, sine = angle_BTD.cos(), angle_BTD.sin()
    return torch.cat([cosine, cosine], -1)[:, :, None].to(dtype), torch.cat([-sine, sine], -1)[:, :, None].to(dtype)


@dataclass
class Cache:
    """Keys and values of earlier tokens of every layer, (B, K, S, D) each, filled up to `length`."""

    keys: list[Tensor]
    values: list[Tensor]
    length: int = 0

    @classmethod
    def empty(cls, shape: ModelShape, rows: int, room: int, like: Tensor) -> Cache:
        """Room for `room` tokens in each of `rows` rows, of the type and device of `like`."""
        size = (rows, shape.key_value_heads, room, shape.head_dimension)
        return cls([like.new_zeros(size) for _ in range(shape.layers)], [like.new_zeros(size) for _ in range(shape.layers)])


@dataclass(frozen=True)
class Context:
    """What every layer of one forward pass shares."""

    cosine: Tensor
    """(B, T, 1, D), as is `sine`: see `rotary_tables`."""
    sine: Tensor
    mask_BTS: Tensor
    """Additive, (B, 1, T, S)."""
    cache: Cache | None


class Weight(nn.Module):
    """One named matrix or vector; its product is taken where it is used, fused with its neighbours'."""

    def __init__(self, *size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*size))


class RootMeanSquareNorm(torch.autograd.Function):
    """x / sqrt(mean(x²) + 1e-6) over the last axis, in the type of x with float32 sums.

    Written out because on a CPU torch composes it of float32 copies (copies of all kinds were 13 % of a bfloat16 step).
    The learnt scale is not in here: it is multiplied into the matrix that follows, which has fewer elements than the activations.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Keeps the result, not x, for the way back."""
        wide = torch.promote_types(x.dtype, torch.float32)
        squares = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide).square_()
        inverse = squares.div_(x.shape[-1]).add_(NORM_EPSILON).rsqrt_().to(x.dtype)
        y: Tensor = x * inverse
        ctx.save_for_backward(y, inverse)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """(g - y · mean(g · y)) / rms: what is left of g beside the direction in which only the length changes."""
        y, inverse = ctx.saved_tensors
        (gradient,) = gradients
        wide = torch.promote_types(y.dtype, torch.float32)
        along = (gradient * y).sum(-1, keepdim=True, dtype=wide).div_(y.shape[-1]).to(y.dtype)
        return torch.addcmul(gradient, y, along, value=-1).mul_(inverse)


def normalise(x: Tensor) -> Tensor:
    """RMSNorm without its scale."""
    apply: Callable[[Tensor], Tensor] = RootMeanSquareNorm.apply
    return apply(x)


def attend(q_BHTD: Tensor, k_BKSD: Tensor, v_BKSD: Tensor, mask_BTS: Tensor) -> Tensor:
    """Softmax attention (B, H, T, D) with the additive mask (B, 1, T, S); H / K neighbouring query heads share a key-value head."""
    shared = q_BHTD.shape[1] // k_BKSD.shape[1]
    if q_BHTD.is_cuda or max(mask_BTS.shape[2:]) > WRITTEN_OUT_TOKENS:
        return functional.scaled_dot_product_attention(q_BHTD, k_BKSD, v_BKSD, mask_BTS, enable_gqa=shared > 1)
    if shared > 1:
        k_BKSD, v_BKSD = k_BKSD.repeat_interleave(shared, 1), v_BKSD.repeat_interleave(shared, 1)
    scores_BHTS = (q_BHTD * q_BHTD.shape[-1] ** -0.5) @ k_BKSD.mT + mask_BTS
    mixed_BHTD: Tensor = scores_BHTS.softmax(-1) @ v_BKSD
    return mixed_BHTD


class Attention(nn.Module):
    """Grouped-query attention with RMSNorm on queries and keys before RoPE."""

    def __init__(self, shape: ModelShape):
        super().__init__()
        self.shape = shape
        width = shape.head_dimension
        self.q_proj = Weight(shape.heads * width, shape.dimension)
        self.k_proj = Weight(shape.key_value_heads * width, shape.dimension)
        self.v_proj = Weight(shape.key_value_heads * width, shape.dimension)
        self.o_proj = Weight(shape.dimension, shape.heads * width)
        self.q_norm = Weight(width)
        self.k_norm = Weight(width)

    def forward(self, x_BTC: Tensor, scale_C: Tensor, context: Context, layer: int) -> Tensor:
        """(B, T, C) to the same; `scale_C` is that of the norm before."""
        rows, length, _ = x_BTC.shape
        heads, groups, width = self.shape.heads, self.shape.key_value_heads, self.shape.head_dimension
        weight = (torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight]) * scale_C).to(x_BTC.dtype)
        qkv_BTHD = functional.linear(x_BTC, weight).view(rows, length, heads + 2 * groups, width)
        # Queries and keys are normed and turned together: half as many passes, and small passes are what a CPU spends its time on.
        scale_HD = torch.cat([self.q_norm.weight.expand(heads, width), self.k_norm.weight.expand(groups, width)]).to(x_BTC.dtype)
        qk_BTHD = normalise(qkv_BTHD[:, :, : heads + groups]) * scale_HD
        qk_BTHD = qk_BTHD * context.cosine + qk_BTHD.roll(width // 2, -1) * context.sine
        q_BHTD = qk_BTHD[:, :, :heads].transpose(1, 2)
        k_BKSD = qk_BTHD[:, :, heads:].transpose(1, 2)
        v_BKSD = qkv_BTHD[:, :, heads + groups :].transpose(1, 2)
        if (cache := context.cache) is not None:
            end = cache.length + length
            cache.keys[layer][:, :, cache.length : end] = k_BKSD
            cache.values[layer][:, :, cache.length : end] = v_BKSD
            k_BKSD, v_BKSD = cache.keys[layer][:, :, :end], cache.values[layer][:, :, :end]
        y_BHTD = attend(q_BHTD, k_BKSD, v_BKSD, context.mask_BTS)
        return functional.linear(y_BHTD.transpose(1, 2).reshape(rows, length, heads * width), self.o_proj.weight.to(x_BTC.dtype))


class FeedForward(nn.Module):
    """SwiGLU (arXiv:2002.05202): down(silu(gate(x)) · up(x))."""

    def __init__(self, shape: ModelShape):
        super().__init__()
        self.gate_proj = Weight(shape.feed_forward, shape.dimension)
        self.up_proj = Weight(shape.feed_forward, shape.dimension)
        self.down_proj = Weight(shape.dimension, shape.feed_forward)

    def forward(self, x_BTC: Tensor, scale_C: Tensor) -> Tensor:
        """(B, T, C) to the same; `scale_C` is that of the norm before."""
        gate_BTF = functional.linear(x_BTC, (self.gate_proj.weight * scale_C).to(x_BTC.dtype))
        up_BTF = functional.linear(x_BTC, (self.up_proj.weight * scale_C).to(x_BTC.dtype))
        return functional.linear(functional.silu(gate_BTF) * up_BTF, self.down_proj.weight.to(x_BTC.dtype))


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, shape: ModelShape):
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = Weight(shape.dimension)
        self.post_attention_layernorm = Weight(shape.dimension)

    def forward(self, x_BTC: Tensor, context: Context, layer: int) -> Tensor:
        """The residual stream (B, T, C) after the block."""
        x_BTC = x_BTC + self.self_attn(normalise(x_BTC), self.input_layernorm.weight, context, layer)
        after_BTC: Tensor = x_BTC + self.mlp(normalise(x_BTC), self.post_attention_layernorm.weight)
        return after_BTC


class Body(nn.Module):
    """Embedding, blocks and last norm: `model.` in the parameters' names."""

    def __init__(self, shape: ModelShape):
        super().__init__()
        self.embed_tokens = Weight(shape.vocabulary, shape.dimension)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Weight(shape.dimension)


class Transformer(nn.Module):
    """The language model. Initialised by `initialise`, so that a seed gives equal weights everywhere."""

    def __init__(self, shape: ModelShape, precision: torch.dtype = torch.float32):
        super().__init__()
        self.shape, self.precision = shape, precision
        self.model = Body(shape)
        if not shape.tied_embeddings:
            self.lm_head = Weight(shape.vocabulary, shape.dimension)

    @property
    def output_VC(self) -> Tensor:  # noqa: N802 - named for its shape
        """The output embedding, its own or the input's where they are tied, with the last norm's scale."""
        return (self.model.embed_tokens.weight if self.shape.tied_embeddings else self.lm_head.weight) * self.model.norm.weight

    def initialise(self, seed: int) -> None:
        """Normal weights from the CPU's generator; the projections back into the residual stream begin at zero, so every block begins
        as the identity, and so does an untied output embedding, so the first loss is ln V.
        """
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.dim() == 1:
                    weight.fill_(1.0)
                elif name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                    weight.zero_()
                else:
                    deviation = 0.02 if "embed_tokens" in name and self.shape.tied_embeddings else weight.shape[1] ** -0.5
                    weight.copy_(torch.randn(weight.shape, generator=generator) * deviation)

    def forward(self, tokens_BT: Tensor, position_BT: Tensor, mask_BTS: Tensor, cache: Cache | None = None) -> Tensor:
        """Hidden states (B, T, C) after the last norm, but for its scale, of type `precision`.

        Args:
            tokens_BT: int64 ids.
            position_BT: int64 positions within the document's piece, for RoPE.
            mask_BTS: additive, (B, 1, T, S), of type `precision`: see `attention_mask`; S is T plus what the cache holds.
            cache: takes this call's keys and values, and is attended to.
        """
        x_BTC = functional.embedding(tokens_BT, self.model.embed_tokens.weight).to(self.precision)
        cosine, sine = rotary_tables(position_BT, self.shape.head_dimension, self.shape.rope_theta, self.precision)
        context = Context(cosine, sine, mask_BTS, cache)
        for layer, block in enumerate(self.model.layers):
            x_BTC = block(x_BTC, context, layer)
        if cache is not None:
            cache.length += tokens_BT.shape[1]
        return normalise(x_BTC)

    def logits(self, hidden_BTC: Tensor) -> Tensor:
        """Scores (…, V) in float32."""
        return functional.linear(hidden_BTC, self.output_VC.to(hidden_BTC.dtype)).float()

    def loss(self, hidden_BTC: Tensor, targets_BT: Tensor) -> Tensor:
        """Sum over targets of -ln p, a float32 scalar; targets of -1 count nothing. No (N, V) logits are kept."""
        return self._losses(hidden_BTC, targets_BT)[0]

    def token_losses(self, hidden_BTC: Tensor, targets_BT: Tensor) -> Tensor:
        """-ln p of every target (B, T), float32; 0 where the target is -1. Has no gradient."""
        return self._losses(hidden_BTC, targets_BT)[1].view(targets_BT.shape)

    def _losses(self, hidden_BTC: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor]:
        apply: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = LinearCrossEntropy.apply
        return apply(hidden_BTC.flatten(0, 1), self.output_VC, targets_BT.flatten())


class LinearCrossEntropy(torch.autograd.Function):
    """Output embedding and cross entropy in one, a chunk of tokens at a time.

    The gradient of the logits is softmax minus one-hot, known as soon as the logits are, so both gradients are made in the forward
    pass from the chunk still in cache, and the (N, V) logits never exist (256 MiB at 16,384 tokens and 4,096 pieces).
    """

    @staticmethod
    def forward(ctx: Any, hidden_NC: Tensor, weight_VC: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the losses, and the losses (N,), of which only the first can be differentiated."""
        weight = weight_VC.to(hidden_NC.dtype)
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        hidden_gradient = torch.empty_like(hidden_NC) if wanted else None
        weight_gradient = torch.zeros_like(weight_VC) if wanted else None
        losses_N = hidden_NC.new_empty(len(targets_N), dtype=torch.promote_types(hidden_NC.dtype, torch.float32))
        for start in range(0, hidden_NC.shape[0], LOSS_CHUNK_TOKENS):
            part = slice(start, start + LOSS_CHUNK_TOKENS)
            hidden, targets = hidden_NC[part], targets_N[part]
            valid = targets >= 0
            index = targets.clamp(min=0)[:, None]
            scores = (hidden @ weight.T).to(losses_N.dtype)
            highest = scores.amax(-1, keepdim=True)
            at_target = scores.gather(1, index)
            scores.sub_(highest).exp_()
            weight_sum = scores.sum(-1, keepdim=True)
            losses_N[part] = (weight_sum.log() + highest - at_target)[:, 0] * valid
            if hidden_gradient is None or weight_gradient is None:
                continue
            scores.mul_(valid[:, None] / weight_sum)
            scores.scatter_add_(1, index, -valid[:, None].to(scores.dtype))
            difference = scores.to(hidden.dtype)
            hidden_gradient[part] = difference @ weight
            weight_gradient += difference.T @ hidden
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        ctx.mark_non_differentiable(losses_N)
        return losses_N.sum(), losses_N

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The gradients made before, times that of the sum."""
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None
