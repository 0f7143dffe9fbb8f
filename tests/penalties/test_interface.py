"""What holds for every penalty: names, options, shapes, dtypes, randomness, and gradients that arrive."""

from __future__ import annotations

import math

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, generator, logits_for, random_logits
from penalties_listed import ALIVE, BLACK_BOX, GENERIC, LABELS, READERS, WITH_OBJECTIVE

from gradcheck_lm.penalties import OBJECTIVES, PENALTIES, Penalty, PenaltyOutput, make_penalty

RANDOM = ["gumbel_softmax", "policy_gradient", "policy_gradient_path", "minimum_risk", "local_expectation", "relax"]


def gradient_of(out, logits):
    return torch.autograd.grad(out.loss, logits)[0]


def test_the_registry_says_what_each_is():
    assert set(PENALTIES) >= {"argmax", "soft_embedding", "gumbel_softmax", "policy_gradient"}
    for name, penalty in PENALTIES.items():
        assert penalty.name == name
        assert penalty.kind in ("none", "biased", "unbiased", "exact", "other")
        assert penalty.summary
        assert "\n" not in penalty.summary
        assert issubclass(penalty, Penalty)
        assert "Gradient:" in penalty.__doc__
        assert name not in GENERIC or isinstance(make_penalty(name, TinyLM(), ABC), penalty)
    assert set(PENALTIES) - set(GENERIC) == {"ngram_expectation", "nbest_ctc"}
    assert [name for name, penalty in PENALTIES.items() if penalty.kind == "none"] == ["argmax"]


@pytest.mark.parametrize(("name", "objective"), WITH_OBJECTIVE)
@pytest.mark.parametrize("reduction", ["mean", "positive_mean"])
def test_output(name, objective, reduction, logits):
    out = make_penalty(name, TinyLM(), ABC, objective=objective, reduction=reduction)(logits, LABELS)
    assert isinstance(out, PenaltyOutput)
    assert out.loss.shape == out.value.shape == ()
    assert out.per_line.shape == (5,)
    assert not out.value.requires_grad
    assert not out.per_line.requires_grad
    assert out.loss.item() == out.value.item()
    assert len(out.predictions) == 5
    assert all(set(text) <= set("abc") for text in out.predictions)
    assert out.lm_calls > 0
    chosen = out.per_line[out.per_line > 0] if reduction == "positive_mean" else out.per_line
    assert torch.isclose(out.value, chosen.mean())
    assert out.loss.requires_grad == (name != "argmax")
    if name != "argmax":
        gradient = gradient_of(out, logits)
        assert gradient.isfinite().all()
        assert gradient.any(2).any(0).tolist() == [True] * 5 or objective == "hinge" or reduction == "positive_mean"
        assert gradient.any()


@pytest.mark.parametrize("name", BLACK_BOX)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_black_box_will_do(name, objective, logits):
    out = make_penalty(name, TableLM(), ABC, objective=objective)(logits, LABELS)
    assert out.value.dtype == torch.float64
    assert out.per_line.dtype == torch.float64
    if name in ALIVE:
        assert gradient_of(out, logits).any()


@pytest.mark.parametrize("name", BLACK_BOX)
def test_scores_keep_their_dtype(name):
    logits = random_logits(6, 2, 4, dtype=torch.float32).requires_grad_()
    for dtype in (torch.float32, torch.float64):
        out = make_penalty(name, TableLM(dtype=dtype), ABC)(logits, LABELS[:2])
        assert out.value.dtype == dtype


@pytest.mark.parametrize("answer", [list, lambda scores: scores.numpy(), lambda scores: scores.half()])
def test_scores_of_any_make(answer, logits):
    class Other(TableLM):
        def score(self, texts):
            return answer(super().score(texts))

    out = make_penalty("policy_gradient", Other(), ABC)(logits, LABELS)
    same = make_penalty("policy_gradient", TableLM(), ABC)(logits, LABELS)
    assert torch.allclose(out.value.double(), same.value, atol=2e-3)


@pytest.mark.parametrize("name", GENERIC)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_dtype_of_logits(name, dtype):
    logits = random_logits(9, 3, 4, seed=11, dtype=dtype, scale=1.0).requires_grad_()
    out = make_penalty(name, TinyLM(dtype=torch.float32), ABC, objective="score")(logits, LABELS[:3])
    assert out.value.isfinite()
    if name in ALIVE:
        gradient = gradient_of(out, logits)
        assert gradient.dtype == dtype
        assert gradient.any()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", GENERIC)
def test_batch_of_one_and_one_frame(name):
    penalty = make_penalty(name, TinyLM(), ABC)
    out = penalty(logits_for(["ab"], 4).requires_grad_(), ["ba"])
    assert out.per_line.shape == (1,)
    one_frame = penalty(random_logits(1, 2, 4).requires_grad_(), ["abcabcabc", "a"])
    assert one_frame.value == 0 or name not in READERS  # no reading has two tokens
    if name in ALIVE:
        assert one_frame.loss.requires_grad


@pytest.mark.parametrize(("name", "objective"), [pair for pair in WITH_OBJECTIVE if pair[0] in {*ALIVE} & {*READERS}])
def test_empty_readings_give_a_connected_zero(name, objective):
    logits = logits_for(["", ""], 5, sure=90.0).requires_grad_()
    for reduction in ("mean", "positive_mean"):
        out = make_penalty(name, TinyLM(), ABC, objective=objective, reduction=reduction)(logits, ["ab", "b"])
        assert out.value == 0
        assert out.loss.requires_grad
        gradient = gradient_of(out, logits)
        assert not gradient.any()


@pytest.mark.parametrize(("name", "objective"), WITH_OBJECTIVE)
def test_lengths_hide_what_lies_beyond(name, objective):
    lengths = torch.tensor([9, 6, 3, 1, 0])
    clean = random_logits(9, 5, 4, seed=3, scale=1.0)
    spoiled = clean.clone()
    spoiled[torch.arange(9)[:, None] >= lengths] = math.nan
    spoiled.requires_grad_()
    one, two = (
        make_penalty(name, TinyLM(), ABC, objective=objective)(z, LABELS, lengths=lengths, generator=generator(2))
        for z in (clean, spoiled)
    )
    assert torch.equal(one.per_line, two.per_line)
    assert all(len(text) <= length for text, length in zip(one.predictions, lengths.tolist(), strict=True))
    if name in ALIVE:
        gradient = gradient_of(two, spoiled)
        assert gradient.isfinite().all()
        assert not gradient[torch.arange(9)[:, None] >= lengths].any()
        assert gradient[:6, :2].any()


@pytest.mark.parametrize("name", GENERIC)
def test_randomness_is_repeatable_and_never_global(name, logits):
    before = torch.get_rng_state()
    penalty = make_penalty(name, TinyLM(), ABC, seed=3)
    first, second = penalty(logits, LABELS), penalty(logits, LABELS)
    again = make_penalty(name, TinyLM(), ABC, seed=3)
    assert torch.equal(first.loss, again(logits, LABELS).loss)
    # the state of the penalty's own generator is the whole of its state: a resumed run draws the same
    state = penalty.generator.get_state()
    third = penalty(logits, LABELS)
    penalty.generator.set_state(state)
    assert torch.equal(third.loss, penalty(logits, LABELS).loss)
    given = [penalty(logits, LABELS, generator=generator(9)) for _ in range(2)]
    assert torch.equal(given[0].loss, given[1].loss)
    assert torch.equal(before, torch.get_rng_state())
    if name in ALIVE:
        assert torch.equal(gradient_of(given[0], logits), gradient_of(given[1], logits))
    if name in RANDOM:
        assert not torch.equal(first.loss, second.loss)


@pytest.mark.parametrize("name", GENERIC)
def test_gradients_reach_the_first_layer(name):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4)).double()
    logits = network(random_logits(10, 4, 6, seed=2))
    out = make_penalty(name, TinyLM(), ABC, objective="score")(logits, LABELS[:4])
    if name == "argmax":
        assert not out.loss.requires_grad
        return
    out.loss.backward()
    for parameter in network.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()


@pytest.mark.parametrize("name", GENERIC)
def test_minus_infinity_masks_a_class(name):
    logits = random_logits(8, 4, 4, seed=5, scale=1.0)
    logits[:, :, 2] = -math.inf
    logits.requires_grad_()
    out = make_penalty(name, TinyLM(), ABC, objective="score")(logits, LABELS[:4])
    assert not any("b" in text for text in out.predictions)
    if name in ALIVE:
        gradient = gradient_of(out, logits)
        assert gradient.isfinite().all()
        assert not gradient[:, :, 2].any()
        assert gradient.any()


def test_integer_scores_and_a_black_box_with_a_graph(logits):
    class Counter:
        def score(self, texts):
            return torch.tensor([len(text) for text in texts])

    class Alive:
        weight = torch.ones((), requires_grad=True)

        def score(self, texts):
            return self.weight * torch.tensor([float(len(text)) for text in texts])

    for lm in (Counter(), Alive()):
        out = make_penalty("policy_gradient", lm, ABC)(logits, LABELS)
        assert gradient_of(out, logits).any()
    assert Alive.weight.grad is None


def test_repr():
    penalty = make_penalty("policy_gradient", TableLM(), ABC, objective="ratio")
    assert repr(penalty) == "PolicyGradient(objective='ratio', reduction='mean')"


@pytest.mark.gpu
@pytest.mark.parametrize("name", BLACK_BOX)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_gpu_says_what_the_cpu_says(name, objective, logits):
    # draws are made where the generator lives, so that both devices see the same samples
    on_cpu = make_penalty(name, TableLM(), ABC, objective=objective)(logits, LABELS, lengths=[9, 9, 4, 7, 1])
    moved = logits.detach().cuda().requires_grad_()
    on_gpu = make_penalty(name, TableLM(), ABC, objective=objective)(moved, LABELS, lengths=[9, 9, 4, 7, 1])
    assert on_gpu.loss.device == on_gpu.per_line.device == moved.device
    assert on_gpu.predictions == on_cpu.predictions
    assert torch.allclose(on_gpu.per_line.cpu(), on_cpu.per_line)
    if name in ALIVE:
        assert torch.allclose(gradient_of(on_gpu, moved).cpu(), gradient_of(on_cpu, logits), atol=1e-10)
