"""N-best CTC held against finite differences, against CTC itself, and against the estimators that go dead."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from penalties_fakes import ABC, TinyLM, logits_for, random_logits

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.penalties import make_penalty


def nbest(*, teacher=None, **options):
    penalty = make_penalty("nbest_ctc", TinyLM(), ABC, objective="ratio", **options)
    penalty.taught_by(teacher)
    return penalty


def test_the_gradient_is_that_of_the_loss_with_the_shares_held():
    logits = random_logits(6, 2, 4, seed=3).requires_grad_()
    fixed = logits.detach().clone()
    penalty = nbest(samples=4, tau=2.0, teacher=fixed)
    (gradient,) = torch.autograd.grad(penalty(logits).loss, logits)
    assert gradient[:, :, 0].any()
    step = 1e-5
    for place in [(0, 0, 0), (2, 1, 3), (5, 0, 1), (4, 1, 0)]:
        ends = []
        for sign in (1, -1):
            moved = logits.detach().clone()
            moved[place] += sign * step
            ends.append(penalty(moved).loss)
        assert torch.isclose(gradient[place], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_one_reading_is_ctc_on_the_beam_s_best():
    logits = logits_for(["ab", "cab"], 8)
    out = nbest(proposals="beam", samples=1)(logits)
    targets, sizes = torch.tensor([1, 2, 3, 1, 2]), torch.tensor([2, 3])
    frames = torch.full((2,), 8)
    wanted = F.ctc_loss(logits.log_softmax(-1), targets, frames, sizes, reduction="none") / sizes
    assert torch.allclose(out.per_line, wanted)
    assert torch.allclose(out.loss, wanted.mean())


def test_it_moves_a_recogniser_that_gives_the_teacher_s_reading_no_chance():
    logits = (logits_for(["ab"], 6) * 6).requires_grad_()
    there = logits_for(["cb"], 6)
    (gradient,) = torch.autograd.grad(nbest(proposals="beam", samples=1, teacher=there)(logits).loss, logits)
    assert gradient.norm() > 0.1
    moved = logits.detach() - 50 * gradient
    own = nbest(proposals="beam", samples=1, teacher=there)
    assert own(moved).value < 0.7 * own(logits.detach()).value


def test_a_small_tau_is_the_best_alone_and_a_line_keeps_its_value_in_company():
    logits = random_logits(6, 3, 4, seed=5)
    assert torch.allclose(nbest(tau=1e-6)(logits).per_line, nbest(samples=1)(logits).per_line)
    alone = torch.cat([nbest()(logits[:, line : line + 1]).per_line for line in range(3)])
    assert torch.allclose(alone, nbest()(logits).per_line)


def test_options_that_cannot_be():
    for options, message in (({"samples": 0}, "samples"), ({"tau": 0.0}, "tau"), ({"proposals": "sample"}, "list")):
        with pytest.raises(ArgumentError, match=message):
            nbest(**options)
    with pytest.raises(ArgumentError, match="choose 'ratio'"):
        make_penalty("nbest_ctc", TinyLM(), ABC)
