"""The log-probability of a string under CTC: exact, with its gradient, and defined at every edge."""

from __future__ import annotations

import math

import pytest
import torch
from ctc_references import enumerate_strings, padded, random_logits

from gradcheck_lm.htr.ctc import (
    collapse_paths,
    sample_paths,
    string_log_prob,
)

# ---- log-probability of a string ----


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (3, 3), (4, 3), (6, 4)])
def test_string_log_prob_is_the_sum_over_all_paths(frames, classes):
    logits = random_logits(frames, 2, classes, seed=frames)
    for line in range(2):
        wanted = enumerate_strings(logits[:, line].log_softmax(-1))
        assert () in wanted
        ids, target_lengths = padded(list(wanted))
        lines = torch.full((len(wanted),), line)
        got = string_log_prob(logits, ids, target_lengths, lines=lines)
        assert torch.allclose(got, torch.stack(list(wanted.values())), atol=1e-10, rtol=0)
        assert abs(got.exp().sum() - 1) < 1e-10


def test_string_log_prob_gradient_is_exact():
    logits = random_logits(4, 2, 3, seed=5).requires_grad_()
    weights = random_logits(200, seed=6)
    wanted = [enumerate_strings(logits[:, line].log_softmax(-1)) for line in range(2)]
    expected = sum(w * p for w, p in zip(weights, [p for line in wanted for p in line.values()], strict=False))
    ids, target_lengths = padded([string for line in wanted for string in line])
    lines = torch.tensor([n for n, line in enumerate(wanted) for _ in line])
    got = (weights[: len(ids)] * string_log_prob(logits, ids, target_lengths, lines=lines)).sum()
    for one, two in zip(torch.autograd.grad(expected, logits), torch.autograd.grad(got, logits), strict=True):
        assert torch.allclose(one, two, atol=1e-10, rtol=0)


def test_string_log_prob_with_temperature():
    logits = random_logits(3, 1, 3)
    ids, target_lengths = padded([(1,), (2, 1)])
    lines = torch.zeros(2, dtype=torch.long)
    got = string_log_prob(logits, ids, target_lengths, lines=lines, temperature=2.0)
    assert torch.equal(got, string_log_prob(logits / 2, ids, target_lengths, lines=lines))


def test_lengths_cut_the_line_and_its_gradient():
    logits = random_logits(5, 2, 3)
    lengths = torch.tensor([5, 2])
    spoiled = logits.clone()
    spoiled[2:, 1] = math.nan  # padding may hold anything
    spoiled.requires_grad_()
    ids, target_lengths = padded([(1,), (1,), (), (1, 1)])
    got = string_log_prob(spoiled, ids, target_lengths, lines=torch.tensor([0, 1, 1, 1]), lengths=lengths)
    short = enumerate_strings(logits[:2, 1].log_softmax(-1))
    assert abs(got[1] - short[(1,)]) < 1e-12
    assert abs(got[2] - short[()]) < 1e-12
    assert got[3] == -math.inf
    got[:3].sum().backward()
    assert not spoiled.grad.isnan().any()
    assert not spoiled.grad[2:, 1].any()
    assert spoiled.grad[:2, 1].any()


def test_a_line_of_length_zero_spells_only_the_empty_string():
    logits = random_logits(3, 1, 3).requires_grad_()
    ids, target_lengths = padded([(), (1,)])
    got = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(2, dtype=torch.long), lengths=[0])
    assert got.tolist() == [0.0, -math.inf]
    got[0].backward()
    assert not logits.grad.any()


def test_too_few_frames_give_minus_infinity_without_nan():
    logits = random_logits(3, 1, 3).requires_grad_()
    ids, target_lengths = padded([(1, 2, 1, 2), (1, 1, 1), (1, 1), (1, 2, 1)])
    got = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(4, dtype=torch.long))
    assert got.isneginf().tolist() == [True, True, False, False]
    # a user who sums the finite ones, or weighs the others by 0, gets the gradient of the finite ones
    (gradient,) = torch.autograd.grad(got.masked_fill(got.isneginf(), 0).sum(), logits)
    alone = string_log_prob(logits, ids[2:], target_lengths[2:], lines=torch.zeros(2, dtype=torch.long))
    assert torch.allclose(gradient, torch.autograd.grad(alone.sum(), logits)[0])
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_classes_at_minus_infinity_are_impossible_and_harmless(dtype):
    logits = random_logits(4, 2, 4, dtype=dtype)
    logits[:, 0, 2] = -math.inf
    logits[1, 0, 0] = -math.inf
    logits.requires_grad_()
    strings = [(), (1,), (2,), (1, 3), (3, 3), (1, 2)]
    ids, target_lengths = padded(strings * 2)
    lines = torch.arange(2).repeat_interleave(len(strings))
    got = string_log_prob(logits, ids, target_lengths, lines=lines)
    for line in range(2):
        wanted = enumerate_strings(logits[:, line].detach().double().log_softmax(-1))
        for string, value in zip(strings, got[lines == line], strict=True):
            assert torch.isclose(value.double(), wanted[string], atol=1e-5), (line, string)
    got.masked_fill(got.isneginf(), 0).sum().backward()
    assert logits.grad.isfinite().all()
    assert not logits.grad[:, 0, 2].any()
    reduced = logits.detach()[:, :1, [0, 1, 3]].double().requires_grad_()
    smaller = [tuple(min(k, 2) for k in string) for string in strings if 2 not in string and string]
    value = string_log_prob(reduced, *padded(smaller), lines=torch.zeros(len(smaller), dtype=torch.long))
    value.masked_fill(value.isneginf(), 0).sum().backward()
    assert torch.allclose(logits.grad[:, :1, [0, 1, 3]].double(), reduced.grad, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_classes_at_minus_infinity_make_no_nan(dtype):
    logits = random_logits(40, 20, 4, dtype=dtype, scale=3.0)
    forbidden = random_logits(40, 20, 4, seed=9) > 0.7
    forbidden[:, :, 3] = False
    logits = logits.masked_fill(forbidden, -math.inf).requires_grad_()
    ids, target_lengths = collapse_paths(sample_paths(random_logits(40, 20, 4), 6, lengths=[9] * 20).flatten(1))
    got = string_log_prob(logits, ids, target_lengths, lines=torch.arange(20).repeat(6))
    assert got.isneginf().any()
    assert got.isfinite().any()
    (gradient,) = torch.autograd.grad(got.masked_fill(got.isneginf(), 0).sum(), logits)
    assert gradient.isfinite().all()
    assert not gradient[forbidden].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    logits = random_logits(6, 1, 4, dtype=dtype).requires_grad_()
    got = string_log_prob(logits, *padded([(1, 2)]), lines=torch.zeros(1, dtype=torch.long))
    assert got.dtype == torch.float32
    full = string_log_prob(logits.detach().double(), *padded([(1, 2)]), lines=torch.zeros(1, dtype=torch.long))
    assert torch.allclose(got.double(), full, atol=1e-5)
    got.sum().backward()
    assert logits.grad.dtype == dtype
    assert logits.grad.any()


def test_no_strings_at_all():
    logits = random_logits(3, 1, 3)
    none = torch.zeros(0, dtype=torch.long)
    assert string_log_prob(logits, none.view(0, 0), none, lines=none).shape == (0,)
    only_empty = string_log_prob(
        logits, torch.zeros(2, 0, dtype=torch.long), none.new_zeros(2), lines=none.new_zeros(2)
    )
    assert torch.allclose(only_empty, logits.log_softmax(-1)[:, 0, 0].sum().expand(2))
