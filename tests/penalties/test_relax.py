"""The policy gradient with a control variate: what is its own; that it is unbiased is shown by enumeration."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, generator, random_logits

from gradcheck_lm.bench.penalties.enumeration import make_problem
from gradcheck_lm.errors import ArgumentError, LanguageModelError
from gradcheck_lm.htr.ctc import character_posteriors, greedy_paths
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.base import Batch
from gradcheck_lm.penalties.sampled.relax import Relax


def test_the_part_with_the_control_variate_is_what_the_formula_says():
    """Held against the conditional draw written out in full: z~ = -log(-log v_k / p_k - log v_b), v from z and b."""
    logits = random_logits(4, 3, 4, seed=1, scale=1.0).requires_grad_()
    penalty = Relax(TinyLM(), ABC, samples=2, tau=0.7, objective="score")
    log_probs = logits.log_softmax(2).repeat(1, 2, 1)
    noisy = (log_probs + random_logits(4, 6, 4, seed=2)).detach()
    batch = Batch(logits, None, None, generator())
    greedy = penalty._greedy(batch)
    found = torch.autograd.grad(penalty.control(batch, log_probs, noisy, greedy).sum(), logits, retain_graph=True)[0]

    best = noisy.argmax(2, keepdim=True)
    p = log_probs.detach().exp()
    # -log v: of the drawn class its own, of the others what makes z~ equal to z
    minus_log_best = (-noisy.gather(2, best)).exp()
    minus_log_others = ((-noisy).exp() - minus_log_best) * p
    fresh = -(minus_log_others / log_probs.exp() + minus_log_best).log()
    assert torch.allclose(fresh, noisy)
    moved = log_probs - log_probs.detach() + noisy  # z, whose noise is held still
    values = []
    for z in (moved, fresh):
        value = soft_penalty(penalty, batch, z, greedy)
        values.append(torch.autograd.grad(value.sum(), logits, retain_graph=True)[0])
    assert torch.allclose(found, values[0] - values[1], atol=1e-10)
    assert found.abs().max() > 1e-3


def soft_penalty(penalty, batch, z, greedy):
    """c(z)."""
    paths = greedy_paths(batch.logits).repeat(1, penalty.samples)
    posteriors = character_posteriors(z, paths, temperature=penalty.tau)
    return penalty.objective.soft(greedy * penalty.samples, posteriors, None, "abc", flow="both")


def test_without_strength_it_is_the_policy_gradient():
    """The same samples, the same strings, the same pushes: only the control variate is missing."""
    problem = make_problem(4, frames=4, characters="ab")
    off = make_penalty("relax", problem.language_model, problem.charset, strength=0.0)
    plain = make_penalty("policy_gradient", problem.language_model, problem.charset)
    variances = [problem.gradients(penalty, 6000).var(0).sum() for penalty in (off, plain)]
    assert abs(variances[0] / variances[1] - 1) < 0.1


@pytest.mark.slow
def test_the_control_variate_takes_noise_away_where_it_knows_something():
    ratios = []
    for seed in range(5):
        problem = make_problem(seed, frames=5, characters="abc", objective="score")
        on, off = (
            make_penalty("relax", problem.language_model, problem.charset, objective="score", strength=strength)
            for strength in (0.5, 0.0)
        )
        ratios.append(float(problem.gradients(on, 4000).var(0).sum() / problem.gradients(off, 4000).var(0).sum()))
    assert sorted(ratios)[2] < 1, ratios


def test_it_counts_scores_and_soft_passes():
    logits = random_logits(6, 2, 4).requires_grad_()
    lm = TinyLM()
    plain = make_penalty("relax", lm, ABC, objective="score", samples=3)(logits)
    assert 6 < plain.lm_calls <= 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "samples is 1.*at least 2"),
        ({"strength": -1.0}, "strength is -1.0"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"tau": 0.0}, "tau"),
        ({"flow": "up"}, "flow is 'up'"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ArgumentError, match=message):
        make_penalty("relax", TinyLM(), ABC, **options)


def test_a_black_box_is_refused_with_the_cure():
    with pytest.raises(LanguageModelError, match=r"relax.*'TableLM' has no score_soft.*policy_gradient"):
        make_penalty("relax", TableLM(), ABC)
