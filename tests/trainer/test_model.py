"""The transformer: packing changes nothing, nor does the cache, and the written-out gradients are the gradients."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch: pip install 'curate[train]'")

from tokenshards import PackedBatches, TokenShards, plan
from trainer import model as model_module
from trainer.generate import continuations, sample, window_mask
from trainer.model import Cache, LinearCrossEntropy, ModelShape, RootMeanSquareNorm, Transformer, attend, attention_mask, normalise
from trainer.optimizer import Optimizer, learning_rate_factor, orthogonalise
from trainer.settings import TrainSettings
from trainer.validation import document_losses

SHAPE = ModelShape(
    vocabulary=257, layers=2, dimension=32, heads=4, key_value_heads=2, feed_forward=48, tied_embeddings=True, rope_theta=10_000.0
)


def random_model(shape: ModelShape = SHAPE, seed: int = 0) -> Transformer:
    """Every weight away from its first value, the projections that begin at zero and the norms too."""
    model = Transformer(shape)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_((1.0 if p.dim() == 1 else 0.0) + 0.2 * torch.randn(p.shape, generator=generator))
    return model


def single_row_loss(model: Transformer, inputs: list[int], targets: list[int]) -> float:
    tokens_BT, targets_BT = torch.tensor([inputs]), torch.tensor([targets])
    position_BT, document_BT = torch.arange(len(inputs))[None], torch.zeros(1, len(inputs), dtype=torch.long)
    return float(model.loss(model(tokens_BT, position_BT, attention_mask(document_BT, torch.float32)), targets_BT))


@torch.no_grad()
def test_a_document_loses_as_much_packed_as_alone(shards: Path) -> None:
    """Neighbours in a row, padding and the place in the row are invisible to a document."""
    validation, model = TokenShards(shards, "validation"), random_model()
    longest = int(validation.lengths.max())
    packed = document_losses(model, validation, row_tokens=longest)
    assert plan(validation.lengths, longest).rows < len(validation), "nothing was packed together"
    alone = [
        single_row_loss(model, [validation.eos, *map(int, document[:-1])], list(map(int, document)))
        for document in (validation.document(number) for number in range(len(validation)))
    ]
    np.testing.assert_allclose(packed, alone, rtol=1e-5)


@torch.no_grad()
def test_losses_of_first_documents_are_those_of_all(shards: Path) -> None:
    """Also where the last batch of a pass runs on into rows already seen, and pieces are cut."""
    validation, model = TokenShards(shards, "validation"), random_model()
    whole = document_losses(model, validation, row_tokens=64)
    np.testing.assert_allclose(document_losses(model, validation, row_tokens=64, documents=3), whole[:3], rtol=1e-5)
    tokens = validation.tokens
    assert 0.5 * np.log(257) < whole.sum() / tokens < 3 * np.log(257)


@torch.no_grad()
def test_written_out_attention_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, heads, 20, 8, generator=generator) for heads in (4, 2, 2))
    mask = attention_mask(torch.tensor([[0] * 7 + [1] * 8 + [-1] * 5, [0] * 20]), torch.float32)
    plain = attend(q, k, v, mask)
    monkeypatch.setattr(model_module, "WRITTEN_OUT_TOKENS", 0)
    torch.testing.assert_close(plain, attend(q, k, v, mask))


@pytest.mark.parametrize("tied", [True, False])
def test_loss_and_gradients_are_those_of_the_plain_formula(tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross entropy by chunks and the norm, both with gradients written by hand, against autograd in float64."""
    monkeypatch.setattr(model_module, "LOSS_CHUNK_TOKENS", 3)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(8, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(11, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.tensor([3, -1, 10, 0, 5, -1, 5, 2])
    loss, losses = LinearCrossEntropy.apply(hidden, weight, targets)
    assert losses[1] == 0
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, ignore_index=-1, reduction="sum")
    torch.testing.assert_close(loss, plain)
    for ours, theirs in zip(torch.autograd.grad(3 * loss, (hidden, weight)), torch.autograd.grad(3 * plain, (hidden, weight)), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(RootMeanSquareNorm.apply, (hidden,))
    torch.testing.assert_close(normalise(hidden), torch.nn.functional.rms_norm(hidden, (6,), None, 1e-6))

    model = random_model(replace(SHAPE, tied_embeddings=tied)).double()
    model.precision = torch.float64
    tokens, places = torch.arange(10)[None] * 7 % 257, torch.arange(10)[None]
    mask = attention_mask(torch.tensor([[0] * 4 + [1] * 6]), torch.float64)
    parameter = model.model.layers[0].self_attn.k_proj.weight

    def of(entry: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            parameter[3, 5] = entry
        return model.loss(model(tokens, places, mask), tokens)

    start = parameter[3, 5].item()
    (gradient,) = torch.autograd.grad(of(torch.tensor(start)), [parameter])
    numeric = (of(torch.tensor(start + 1e-5).double()) - of(torch.tensor(start - 1e-5).double())) / 2e-5
    assert gradient[3, 5].item() == pytest.approx(numeric.item(), rel=1e-3)


@torch.no_grad()
def test_cached_steps_are_the_whole_computation() -> None:
    """Prompt of unequal lengths at once and then token by token, against one pass over everything, and within the window too."""
    model, window = random_model(), 9
    ids = torch.randint(0, 257, (2, 20), generator=torch.Generator().manual_seed(1))
    padding = torch.tensor([0, 4])
    cache = Cache.empty(SHAPE, 2, 20, torch.empty(0))
    position = (torch.arange(20) - padding[:, None]).clamp(min=0)
    parts = [slice(0, 12), *(slice(place, place + 1) for place in range(12, 20))]
    cached = torch.cat(
        [
            model.logits(
                model(
                    ids[:, part], position[:, part], window_mask(padding, part.start, part.stop - part.start, window, torch.float32), cache
                )
            )
            for part in parts
        ],
        1,
    )
    whole = model.logits(model(ids, position, window_mask(padding, 0, 20, window, torch.float32)))
    torch.testing.assert_close(cached, whole, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_greedy_continuations_do_not_depend_on_the_batch() -> None:
    """A prompt answers alone as it does padded beside a longer one, and as repeated whole passes answer."""
    model, starts = random_model(seed=3), [[256, 5, 6], [256, 1, 2, 3, 4, 5, 6, 7], [256]]

    def greedy(scores_BV: torch.Tensor) -> list[int]:
        return [sample(scores, 0.0, 0, 1.0, torch.Generator()) for scores in scores_BV]

    together = continuations(model, starts, 12, choose=greedy, eos=256, window=64)
    for start, answer in zip(starts, together, strict=True):
        assert continuations(model, [start], 12, choose=greedy, eos=256, window=64) == [answer]
        ids = list(start)
        while len(ids) < len(start) + 12:
            position = torch.arange(len(ids))[None]
            mask = attention_mask(torch.zeros_like(position), torch.float32)
            piece = int(model.logits(model(torch.tensor([ids]), position, mask))[0, -1].argmax())
            if piece == 256:
                break
            ids.append(piece)
        assert ids[len(start) :] == answer


def test_sampling_keeps_to_top_k_and_top_p() -> None:
    scores = torch.log(torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05]))
    generator = torch.Generator().manual_seed(0)
    assert {sample(scores, 1.0, 2, 1.0, generator) for _ in range(100)} == {1, 3}
    assert {sample(scores, 1.0, 0, 0.5, generator) for _ in range(100)} == {1}
    assert {sample(scores, 1.0, 0, 0.51, generator) for _ in range(100)} == {1, 3}
    assert len({sample(scores, 5.0, 0, 1.0, generator) for _ in range(300)}) == 5


def test_parameters_carry_the_names_and_layouts_of_qwen3() -> None:
    """What transformers' Qwen3ForCausalLM lists for this shape; head width is 8."""
    block = {
        "self_attn.q_proj": (32, 32),
        "self_attn.k_proj": (16, 32),
        "self_attn.v_proj": (16, 32),
        "self_attn.o_proj": (32, 32),
        "self_attn.q_norm": (8,),
        "self_attn.k_norm": (8,),
        "mlp.gate_proj": (48, 32),
        "mlp.up_proj": (48, 32),
        "mlp.down_proj": (32, 48),
        "input_layernorm": (32,),
        "post_attention_layernorm": (32,),
    }
    expected = {f"model.layers.{layer}.{name}.weight": size for layer in range(2) for name, size in block.items()}
    expected |= {"model.embed_tokens.weight": (257, 32), "model.norm.weight": (32,), "lm_head.weight": (257, 32)}
    model = Transformer(replace(SHAPE, tied_embeddings=False))
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == expected
    assert "lm_head.weight" not in dict(Transformer(SHAPE).named_parameters())
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "embed_tokens" not in name)
    assert matrices == SHAPE.matrix_parameters


@pytest.mark.parametrize("size", [(24, 24), (16, 40), (40, 16), (3, 12, 20)])
def test_muon_updates_are_nearly_orthogonal(size: tuple[int, ...]) -> None:
    """Singular vectors stay, singular values all come near 1 from a spread of a hundred."""
    matrix = torch.randn(size, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    rank = min(size[-2:])
    spread = u * torch.logspace(0, -2, rank) @ v
    result = orthogonalise(spread, 5)
    assert torch.linalg.svdvals(result).max() < 1.25
    assert torch.linalg.svdvals(result).min() > 0.3
    turned = u.mT @ result @ v.mT
    torch.testing.assert_close(turned, torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1)), atol=1e-3, rtol=0)
    torch.testing.assert_close(orthogonalise(1000 * spread, 5), result, atol=1e-4, rtol=0)


def test_one_batch_is_learnt_by_heart(shards: Path) -> None:
    train = TokenShards(shards, "train")
    settings = TrainSettings(
        layers=2, dimension=64, heads=2, key_value_heads=1, feed_forward=96, steps=150, matrix_learning_rate=0.03, row_tokens=64
    )
    batch = PackedBatches(train, plan(train.lengths, 64), 4, 0).batch(0)
    tokens, targets, document, position = (
        torch.from_numpy(array).long() for array in (batch.tokens_BT, batch.targets_BT, batch.document_BT, batch.position_BT)
    )
    model = Transformer(ModelShape.of(settings, 257))
    model.initialise(0)
    optimizer = Optimizer(model, settings)
    for step in range(settings.steps):
        loss = model.loss(model(tokens, position, attention_mask(document, torch.float32)), targets) / (targets >= 0).sum()
        model.zero_grad()
        loss.backward()
        optimizer.step(step)
        if step == 0:
            assert 4.5 < float(loss.detach()) < 6.5  # ln 257 is 5.55
    assert float(loss.detach()) < 0.1


def test_rates_rise_stay_and_fall_to_nothing() -> None:
    settings = TrainSettings(steps=100, warmup_steps=10, decay_share=0.4)
    factors = [learning_rate_factor(step, settings) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:61] == [1.0] * 52
    assert factors[80] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(1 / 40)
    assert [learning_rate_factor(step, replace(settings, decay_share=0.0, warmup_steps=0)) for step in (0, 99)] == [1.0, 1.0]
