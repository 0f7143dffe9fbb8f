"""The exact n-gram penalty owes its caller what every penalty does, and says what it refuses and why."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from penalties_automata import Machine, ngram
from penalties_fakes import ABC, TableLM, logits_for, random_logits

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.penalties import PENALTIES, make_penalty
from gradcheck_lm.penalties.exact.ngram_walk import expected_cost, make_walk


def penalty_of(objective="sum", **options):
    return make_penalty("ngram_expectation", ngram(3), ABC, objective=objective, **options)


@pytest.mark.parametrize("objective", ["sum", "ratio"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_dtype(objective, dtype):
    logits = random_logits(9, 3, 4, seed=11, dtype=dtype, scale=1.0).requires_grad_()
    out = penalty_of(objective)(logits)
    exact = penalty_of(objective)(logits.detach().double())
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.dtype == dtype
    assert gradient.any()
    assert out.value.dtype == torch.float64
    assert torch.allclose(out.per_line, exact.per_line, rtol=1e-5)


@pytest.mark.parametrize("objective", ["sum", "ratio"])
@pytest.mark.parametrize("reduction", ["mean", "positive_mean"])
def test_lengths_hide_what_lies_beyond(objective, reduction):
    lengths = torch.tensor([9, 6, 3, 1, 0])
    clean = random_logits(9, 5, 4, seed=3, scale=1.0)
    spoiled = clean.clone()
    spoiled[torch.arange(9)[:, None] >= lengths] = math.nan
    spoiled.requires_grad_()
    one, two = (penalty_of(objective, reduction=reduction)(z, lengths=lengths) for z in (clean, spoiled))
    assert torch.equal(one.per_line, two.per_line)
    assert one.per_line[4] == 0
    (gradient,) = torch.autograd.grad(two.loss, spoiled)
    assert gradient.isfinite().all()
    assert not gradient[torch.arange(9)[:, None] >= lengths].any()
    assert gradient[:6, :2].any(2).all()


def test_a_line_is_the_same_in_any_company_and_every_call_the_same():
    logits = random_logits(8, 3, 4, seed=1)
    before = torch.get_rng_state()
    penalty = penalty_of()
    together = penalty(logits)
    alone = torch.cat([penalty(logits[:, line : line + 1]).per_line for line in range(3)])
    assert torch.allclose(together.per_line, alone, atol=1e-12)
    assert torch.equal(together.per_line, penalty(logits, ["any", "labels", "here"]).per_line)
    assert torch.equal(before, torch.get_rng_state())


def test_masked_classes_huge_logits_and_sure_blanks():
    logits = random_logits(8, 4, 4, seed=5, scale=1.0)
    logits[:, :, 2] = -math.inf
    out = penalty_of()(logits.requires_grad_())
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.isfinite().all()
    assert gradient.any()
    assert not gradient[:, :, 2].any()
    for objective in ("sum", "ratio"):
        blank = logits_for(["", ""], 5, sure=90.0, dtype=torch.float32).requires_grad_()
        out = penalty_of(objective)(blank)
        assert out.loss.requires_grad
        (gradient,) = torch.autograd.grad(out.loss, blank)
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 1e-12
        huge = (1e30 * random_logits(5, 2, 4, dtype=torch.float32)).requires_grad_()
        assert torch.autograd.grad(penalty_of(objective)(huge).loss, huge)[0].isfinite().all()


@pytest.mark.parametrize(("objective", "reason"), [("hinge", "is no sum over"), ("score", "divisor differs from text")])
def test_objectives_that_are_no_sums_are_refused_with_the_reason(objective, reason):
    with pytest.raises(ArgumentError, match=rf"objective is '{objective}'.*{reason}.*\"sum\" or \"ratio\""):
        make_penalty("ngram_expectation", ngram(), ABC, objective=objective)
    assert PENALTIES["ngram_expectation"].objectives == ("sum", "ratio")
    with pytest.raises(ArgumentError, match="objective is 'hinge'"):
        make_penalty("ngram_expectation", ngram(), ABC)


def test_language_models_that_will_not_do():
    with pytest.raises(
        LanguageModelError, match=r"'TableLM' has no automaton\(charset\).*train-ngram.*policy_gradient"
    ):
        make_penalty("ngram_expectation", TableLM(), ABC, objective="sum")
    good = Machine().table
    for change, message in [
        ({"cost": good.cost[:, :2]}, r"shapes \[.*must be \(S, 3\)"),
        ({"end_cost": good.end_cost[:-1]}, "must be"),
        ({"start": 5}, "5 states, and its start or next_state names another"),
        ({"next_state": good.next_state + 1}, "names another"),
        ({"cost": good.cost.masked_fill(good.cost > 3.5, torch.inf)}, "infinite or NaN cost.*smooth the model"),
        ({"cost": None}, "lacks a part"),
    ]:
        model = Machine()
        model.table = SimpleNamespace(**{**vars(good), **change})
        with pytest.raises(LanguageModelError, match=message):
            make_penalty("ngram_expectation", model, ABC, objective="sum")(random_logits(3, 1, 4))


def test_too_much_memory_is_refused_before_it_is_taken():
    logits = random_logits(10, 4, 4).requires_grad_()
    places = penalty_of().walk(logits).places
    needed = 2 * 10 * 4 * places * 8
    penalty_of(memory=needed)(logits)
    with pytest.raises(LanguageModelError, match=rf"10 frames, 4 lines and {places} contexts.*order=.*it is 3"):
        penalty_of(memory=needed - 1)(logits)
    penalty_of(memory=1)(logits.detach())  # a value alone keeps nothing


def test_options_and_input_out_of_range():
    with pytest.raises(ArgumentError, match="order is 0"):
        penalty_of(order=0)
    with pytest.raises(ArgumentError, match=r"no option 'samples'; .*order=3"):
        penalty_of(samples=4)
    logits = random_logits(5, 2, 4)
    with pytest.raises(ShapeError, match="C = 3 classes"):
        penalty_of()(logits[:, :, :3])
    logits[3, 1, 1] = math.nan
    with pytest.raises(ArgumentError, match="line 1 hold NaN"):
        penalty_of()(logits)


def test_a_second_derivative_is_refused():
    walk = make_walk(Machine().table, "abc")
    logits = random_logits(3, 1, 4).requires_grad_()
    with pytest.raises(ArgumentError, match="once only; leave create_graph=True out"):
        torch.autograd.grad(expected_cost(logits.softmax(2), walk).sum(), logits, create_graph=True)


@pytest.mark.gpu
@pytest.mark.parametrize("objective", ["sum", "ratio"])
def test_a_gpu_says_what_the_cpu_says(objective):
    logits = random_logits(40, 6, 4, seed=2)
    lengths = [40, 30, 20, 10, 1, 0]
    results = []
    for device in ("cpu", "cuda"):
        copy = logits.to(device).requires_grad_()
        out = penalty_of(objective)(copy, lengths=lengths)
        results.append((out.per_line.cpu(), torch.autograd.grad(out.loss, copy)[0].cpu()))
        assert out.loss.device.type == device
    assert torch.allclose(results[0][0], results[1][0], atol=1e-10)
    assert torch.allclose(results[0][1], results[1][1], atol=1e-10)
