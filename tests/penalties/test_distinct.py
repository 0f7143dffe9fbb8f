"""Drawing without replacement: the draw itself, and the estimator, proven by summing over every set of paths."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from penalties_exact import LABEL, THRESHOLD, exact_gradient, penalty_of, per_line_gradients, problem, worst_z
from penalties_fakes import ABC, TableLM, all_paths, generator, random_logits, spell

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.decoding.ctc_distinct import DistinctPaths, sample_distinct_paths
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.sampled import distinct, policy_gradient
from gradcheck_lm.penalties.sampled.policy_gradient import PolicyGradient
from gradcheck_lm.penalties.sampled.policy_gradient_path import PolicyGradientPath


def path_probabilities(logits):
    paths = all_paths(logits.shape[0], logits.shape[2])
    return paths, logits[:, 0].log_softmax(-1).gather(1, paths).sum(0).exp()


def codes(paths, classes):
    """Which path of `all_paths` each is."""
    weights = classes ** torch.arange(len(paths) - 1, -1, -1)
    return torch.einsum("t...,t->...", paths, weights)


def test_distinct_paths_come_as_if_drawn_one_after_the_other():
    logits, draws = random_logits(2, 1, 3, seed=1), 60_000
    _, probability = path_probabilities(logits)
    drawn = sample_distinct_paths(logits.expand(-1, draws, -1), 3, generator=generator(1))
    assert drawn.paths.shape == (2, 3, draws)
    assert drawn.real.all()
    found = codes(drawn.paths, 3)
    assert torch.allclose(drawn.log_prob.exp(), probability[found])
    assert (found.sort(0).values.diff(dim=0) > 0).all(), "no path comes twice"
    worst = 0.0
    for first, second, third in itertools.permutations(range(9), 3):
        p, q, r = (float(probability[k]) for k in (first, second, third))
        wanted = p * q / (1 - p) * r / (1 - p - q)
        share = ((found[0] == first) & (found[1] == second) & (found[2] == third)).double().mean()
        if wanted * draws > 20:  # below that a frequency is no normal number
            worst = max(worst, abs(float(share) - wanted) / (wanted * (1 - wanted) / draws) ** 0.5)
    # some 300 orders are compared: a false alarm in one of 500 seeds
    assert 0 < worst < 4.5


def test_more_distinct_paths_than_there_are():
    drawn = sample_distinct_paths(random_logits(2, 3, 3), 12, lengths=[2, 1, 0], generator=generator())
    assert drawn.real.sum(0).tolist() == [9, 3, 1]
    assert torch.allclose(drawn.log_prob.exp().sum(0), torch.ones(3, dtype=torch.float64))
    assert not drawn.paths[1, :, 1].any()
    assert not drawn.paths[:, :, 2].any()
    logits = random_logits(2, 1, 3)
    logits[0, 0, 1] = -math.inf
    drawn = sample_distinct_paths(logits, 9, generator=generator())
    assert int(drawn.real.sum()) == 6
    assert not (drawn.paths[0] == 1).any()


def test_distinct_paths_are_repeatable_and_leave_the_global_state_alone():
    logits = random_logits(6, 3, 4, dtype=torch.float16)
    before = torch.get_rng_state()
    first, second = (sample_distinct_paths(logits, 5, generator=generator(3)).paths for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, sample_distinct_paths(logits, 5, generator=generator(4)).paths)
    with pytest.raises(ArgumentError, match="samples is 0"):
        sample_distinct_paths(logits, 0)


def all_sets(logits, samples):
    """Every set of `samples` paths of one line, its chance by summing over all orders, and the sets as one draw."""
    paths, probability = path_probabilities(logits)
    sets = torch.tensor(list(itertools.combinations(range(paths.shape[1]), samples)))
    chance = torch.zeros(len(sets), dtype=torch.float64)
    for order in itertools.permutations(range(samples)):
        drawn, one = torch.zeros(len(sets), dtype=torch.float64), torch.ones(len(sets), dtype=torch.float64)
        for place in order:
            one = one * probability[sets[:, place]] / (1 - drawn)
            drawn = drawn + probability[sets[:, place]]
        chance += one
    assert abs(chance.sum() - 1) < 1e-10
    given = DistinctPaths(
        paths[:, sets].transpose(1, 2), probability[sets].T.log(), torch.ones(sets.T.shape, dtype=torch.bool)
    )
    return sets, chance, given


def expectation_without_replacement(cls, logits, charset, monkeypatch, samples, temperature=1.0):
    """Mean (T * C,) and total variance, exact: every set of `samples` paths is one line, with its own probability."""
    sets, chance, given = all_sets(logits / temperature, samples)
    monkeypatch.setattr(distinct, "sample_distinct_paths", lambda *_, **__: given)
    penalty = cls(TableLM(), charset, samples=samples, replacement=False, temperature=temperature)
    gradients = per_line_gradients(penalty, logits, len(sets))
    monkeypatch.undo()
    mean = chance @ gradients
    return mean, chance @ gradients.square().sum(1) - mean.square().sum()


@pytest.mark.parametrize("cls", [PolicyGradient, PolicyGradientPath])
@pytest.mark.parametrize(
    ("frames", "classes", "samples", "temperature"),
    [(4, 3, 2, 1.0), (3, 3, 3, 1.0), (2, 4, 4, 1.0), (4, 3, 2, 1.7), (3, 3, 3, 2.5), (3, 2, 5, 1.0), (2, 2, 2, 0.5)],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_without_replacement_is_unbiased_to_rounding(cls, frames, classes, samples, temperature, scale, monkeypatch):
    logits, charset = problem(frames, classes, seed=2, scale=scale)
    mean, _ = expectation_without_replacement(cls, logits, charset, monkeypatch, samples, temperature)
    exact = exact_gradient(logits)
    assert (mean - exact).abs().max() < 1e-10
    assert exact.abs().max() > 1e-4 or classes == 2


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_without_replacement_is_less_noisy_here(scale, monkeypatch):
    logits, charset = problem(3, 3, seed=2, scale=scale)
    _, without = expectation_without_replacement(PolicyGradient, logits, charset, monkeypatch, 2)
    paths, probability = path_probabilities(logits)
    pairs = torch.cartesian_prod(torch.arange(27), torch.arange(27))
    monkeypatch.setattr(policy_gradient, "sample_paths", lambda *_, **__: paths[:, pairs].transpose(1, 2))
    gradients = per_line_gradients(PolicyGradient(TableLM(), charset, samples=2), logits, len(pairs))
    chance = probability[pairs].prod(1)
    assert without < chance @ gradients.square().sum(1) - (chance @ gradients).square().sum()


@pytest.mark.parametrize("cls", [PolicyGradient, PolicyGradientPath])
@pytest.mark.parametrize("options", [{}, {"samples": 2}, {"temperature": 1.5}])
def test_without_replacement_passes_the_z_test(cls, options):
    logits, charset = problem(seed=3)
    assert worst_z(cls, logits, charset, replacement=False, **options) < THRESHOLD


class EqualWeights(PolicyGradient):
    """Takes the distinct paths for a plain sample."""

    def weights(self, batch, drawn, log_prob):
        return torch.ones_like(log_prob)


class RenormalisedWeights(PolicyGradient):
    """Takes the distinct paths for all there are."""

    def weights(self, batch, drawn, log_prob):
        return self.samples * self.path_share(batch, drawn)

    def path_share(self, batch, drawn):
        return policy_gradient.log_prob_of_strings(batch, drawn.texts, drawn.ids, drawn.target_lengths).softmax(0)


@pytest.mark.parametrize("mutant", [EqualWeights, RenormalisedWeights])
def test_mutants_without_replacement_fail(mutant, monkeypatch):
    logits, charset = problem(3, 3, seed=2, scale=2.0)
    mean, _ = expectation_without_replacement(mutant, logits, charset, monkeypatch, 3)
    assert (mean - exact_gradient(logits)).abs().max() > 1e-3
    assert worst_z(mutant, logits, charset, replacement=False, samples=3) > THRESHOLD


def test_all_paths_at_once_are_the_exact_gradient_without_noise():
    logits, charset = problem(2, 3, seed=4)
    for samples in (9, 12):
        gradients = per_line_gradients(
            PolicyGradient(TableLM(), charset, samples=samples, replacement=False), logits, 3
        )
        assert (gradients - exact_gradient(logits)).abs().max() < 1e-12


def test_a_constant_cost_makes_no_noise_without_replacement():
    batch = SimpleNamespace(logits=random_logits(6, 4, 4, seed=1), lengths=None, generator=generator())
    drawn = distinct.draw_distinct(batch, 5, temperature=1)
    assert torch.allclose(drawn.weights.sum(0), torch.ones(4, dtype=torch.float64))
    assert torch.allclose(drawn.others.sum(1), torch.ones(5, 4, dtype=torch.float64))
    assert drawn.advantage(torch.full((5, 4), 3.0)).abs().max() < 1e-6


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_baseline_without_replacement_estimates_the_expected_cost(temperature, monkeypatch):
    logits, _ = problem(3, 3, seed=2, scale=2.0)
    sets, chance, given = all_sets(logits / temperature, 3)
    monkeypatch.setattr(distinct, "sample_distinct_paths", lambda *_, **__: given)
    batch = SimpleNamespace(logits=logits.expand(-1, len(sets), -1), lengths=None, generator=None)
    drawn = distinct.draw_distinct(batch, 3, temperature=temperature)
    paths, probability = path_probabilities(logits)
    cost = torch.tensor([penalty_of(spell(path)) for path in paths.T.tolist()], dtype=torch.float64)
    baseline = cost[sets].T - drawn.advantage(cost[sets].T)
    expected = probability @ cost
    assert torch.isclose(chance @ (drawn.weights * cost[sets].T).sum(0), expected, atol=1e-12)
    assert torch.isclose(chance @ (drawn.weights * baseline).sum(0), expected, atol=1e-12)


def test_without_replacement_on_long_sure_lines_stays_finite():
    for scale in (1.0, 20.0, 300.0):
        logits = random_logits(120, 3, 20, scale=scale, dtype=torch.float32).requires_grad_()
        charset = Charset("abcdefghijklmnopqrs")
        for options in ({}, {"temperature": 3.0}):
            penalty = make_penalty("policy_gradient", TableLM(), charset, samples=8, replacement=False, **options)
            out = penalty(logits, [LABEL] * 3, lengths=[120, 60, 1])
            (gradient,) = torch.autograd.grad(out.loss, logits)
            assert out.value.isfinite()
            assert gradient.isfinite().all()
            assert not gradient[60:, 1].any()


def test_too_many_paths_without_replacement():
    penalty = make_penalty("policy_gradient", TableLM(), ABC, samples=13, replacement=False)
    with pytest.raises(ArgumentError, match="samples is 13: without replacement at most 12"):
        penalty(random_logits(6, 1, 4), [LABEL])
