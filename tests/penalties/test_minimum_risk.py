"""Minimum risk held against enumeration, and over readings that are impossible, double, or do not fit."""

from __future__ import annotations

import pytest
import torch
from penalties_exact import LABEL, exact_expectation, problem
from penalties_fakes import ABC, TableLM, all_paths, generator, logits_for, random_logits, spell

from gradcheck_lm.errors import ArgumentError, CharsetError, ShapeError
from gradcheck_lm.penalties import make_penalty


def test_minimum_risk_over_all_strings_is_the_exact_gradient():
    logits, charset = problem(seed=5)
    value, exact = exact_expectation(logits)
    everything = [spell(path) for path in all_paths(4, 3).T.tolist()]
    penalty = make_penalty(
        "minimum_risk", TableLM(), charset, proposals=lambda logits, lengths: [everything], alpha=1.0
    )
    logits.requires_grad_()
    out = penalty(logits, [LABEL])
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert (gradient[:, 0].flatten() - exact).abs().max() < 1e-10
    assert abs(out.value - value) < 1e-10


@pytest.mark.parametrize("objective", ["hinge", "score"])
def test_minimum_risk_gradient_is_that_of_its_value(objective):
    logits = random_logits(5, 2, 4, seed=6).requires_grad_()
    penalty = make_penalty("minimum_risk", TableLM(), ABC, objective=objective, samples=5, temperature=1.5, alpha=0.7)

    def value(z):  # with the same draws every time
        return penalty(z, ["ab", "c"], generator=generator(2)).loss

    (gradient,) = torch.autograd.grad(value(logits), logits)
    assert gradient[:, :, 0].any()
    step = 1e-5
    for place in [(0, 0, 0), (2, 1, 3), (4, 0, 1)]:
        moved = [logits.detach().clone() for _ in range(2)]
        moved[0][place] += step
        moved[1][place] -= step
        difference = (value(moved[0]) - value(moved[1])) / (2 * step)
        assert torch.isclose(gradient[place], difference, atol=1e-7)


def test_minimum_risk_takes_impossible_and_double_proposals_in_its_stride():
    logits = logits_for(["ab", "c"], 4).requires_grad_()
    penalty = make_penalty(
        "minimum_risk", TableLM(), ABC, proposals=lambda logits, lengths: [["aaaa", "b", "b", "ab"], []]
    )
    out = penalty(logits, ["c", "ab"])
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.isfinite().all()
    assert gradient[:, 0].any()
    assert not gradient[:, 1].any(), "one hypothesis has nothing to be compared with"


def test_minimum_risk_of_a_line_is_the_same_in_any_company():
    logits = logits_for(["ab", "c"], 4).requires_grad_()
    proposals = {0: ["b", "a", "cb"], 1: ["a"]}
    lines = [
        make_penalty("minimum_risk", TableLM(), ABC, objective="score", proposals=lambda *_, n=n: [proposals[n]])(
            logits[:, n : n + 1]
        )
        for n in range(2)
    ]
    both = make_penalty("minimum_risk", TableLM(), ABC, objective="score", proposals=lambda *_: proposals.values())
    out = both(logits)
    assert torch.allclose(out.per_line, torch.cat([line.per_line for line in lines]))
    gradient = sum(torch.autograd.grad(line.loss, logits)[0] for line in lines) / 2
    assert torch.allclose(torch.autograd.grad(out.loss, logits)[0], gradient)


def test_minimum_risk_proposals_that_do_not_fit():
    logits = random_logits(4, 2, 4)
    with pytest.raises(ShapeError, match=r"readings for 1 lines.*N = 2"):
        make_penalty("minimum_risk", TableLM(), ABC, proposals=lambda *_: [["a"]])(logits, ["a", "b"])
    with pytest.raises(CharsetError, match="'axb' holds 'x'"):
        make_penalty("minimum_risk", TableLM(), ABC, proposals=lambda *_: [["a"], ["axb"]])(logits, ["a", "b"])
    with pytest.raises(ArgumentError, match="proposals is 'beams'"):
        make_penalty("minimum_risk", TableLM(), ABC, proposals="beams")


def test_minimum_risk_of_a_sure_recogniser_is_alive_by_default_and_dead_at_alpha_1():
    logits = logits_for(["ab"], 4) * 10
    norms = []
    for options in ({}, {"alpha": 1.0}, {"alpha_by_length": True}):
        copy = logits.clone().requires_grad_()
        lists = {"proposals": lambda *_: [["ab", "b", "ac"]]}
        out = make_penalty("minimum_risk", TableLM(), ABC, objective="score", **lists, **options)(copy)
        norms.append(torch.autograd.grad(out.loss, copy)[0].norm())
    assert norms[0] > 100 * norms[1]
    assert norms[2] != norms[0]
