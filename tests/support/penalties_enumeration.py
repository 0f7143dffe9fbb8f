"""Deliberate mutants of the penalties, and the check that must reject them."""

from __future__ import annotations

import torch
from torch import Tensor

from gradcheck_lm.bench.penalties.enumeration import Problem, make_problem, z_scores
from gradcheck_lm.htr.ctc import character_posteriors
from gradcheck_lm.penalties import PENALTIES, make_penalty
from gradcheck_lm.penalties.sampled.policy_gradient import PolicyGradient
from gradcheck_lm.penalties.sampled.policy_gradient_path import PolicyGradientPath
from gradcheck_lm.penalties.sampled.relax import Relax

# what makes a penalty as biased as it may be on a problem of four classes
BIASED_OPTIONS: dict[str, dict] = {"local_expectation": {"alternatives": 1, "threshold": 0.1}}
# problems by the kind of f; the last is a sum over characters, so that longer strings cost more
PROBLEMS: dict[str, dict] = {
    "hinge": {"seed": 3, "frames": 4, "characters": "ab"},
    "hinge of four classes": {"seed": 8, "frames": 5, "characters": "abc"},
    "mean": {"seed": 5, "frames": 4, "characters": "abc", "objective": "score"},
    "sum": {"seed": 6, "frames": 5, "characters": "ab", "objective": "score", "whole": True},
    "hinge of sums": {"seed": 9, "frames": 6, "characters": "ab", "whole": True},
}
DRAWS = 5000
# chance that one right estimator with a coordinates fails by bad luck, Bonferroni-corrected over its coordinates
LEVEL = 1e-5


def threshold(coordinates: int) -> float:
    """The |z| that a right estimator exceeds in any of its coordinates with a chance of at most LEVEL."""
    normal = torch.distributions.Normal(0.0, 1.0)
    return float(-normal.icdf(torch.tensor(LEVEL / 2 / coordinates, dtype=torch.float64)))


def worst_z(penalty, problem: Problem, draws: int = DRAWS, seed: int = 1) -> float:
    """The largest |z| over all coordinates."""
    _, exact = problem.exact
    assert exact.abs().max() > 1e-3, "a problem without a gradient tests nothing"
    return float(z_scores(problem.gradients(penalty, draws, seed=seed), exact).abs().max())


def penalty_for(name: str, problem: Problem, **options):
    return make_penalty(
        name,
        problem.language_model,
        problem.charset,
        objective=problem.objective,
        **options,
    )


def problem_of(kind: str) -> Problem:
    return make_problem(**PROBLEMS[kind])


UNBIASED = [name for name, penalty in PENALTIES.items() if penalty.kind == "unbiased"]
# each as it comes, and with the options that claim to leave it unbiased
UNBIASED_CASES: list[tuple[str, dict]] = [(name, {}) for name in UNBIASED] + [
    ("policy_gradient", {"temperature": 1.7}),
    ("policy_gradient", {"replacement": False}),
    ("policy_gradient", {"proposals": "beam", "beam": 4}),
    ("policy_gradient_path", {"samples": 2}),
    ("local_expectation", {"alternatives": None, "threshold": 0.0}),
    ("relax", {"strength": 2.0, "tau": 0.3, "samples": 2}),
]


# ---- mutants: each is one mistake that has been made in earnest somewhere ----


class RewardNotDetached(PolicyGradient):
    """The reward is weighted by p / p, whose numerator keeps its gradient."""

    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        return (weights * advantage * (log_prob - log_prob.detach()).exp() * log_prob).mean(0)


class WithoutCorrection(PolicyGradient):
    """The baseline is the mean of all samples, the string's own among them, without the factor K / (K - 1)."""

    def advantage(self, cost: Tensor, weights: Tensor) -> Tensor:
        return cost - cost.mean(0)


class Probability(PolicyGradient):
    """p in place of log p."""

    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        return super().surrogate(weights, advantage, log_prob.exp())


class Sign(PolicyGradient):
    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        return -super().surrogate(weights, advantage, log_prob)


class BestOfBaseline(PolicyGradient):
    """The cheapest sample as baseline, which is one of the samples compared with it."""

    def advantage(self, cost: Tensor, weights: Tensor) -> Tensor:
        return cost - cost.min(0).values


class PathSign(PolicyGradientPath):
    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        return -super().surrogate(weights, advantage, log_prob)


class ControlNotCorrected(Relax):
    """The control variate is taken away and its own gradient is not given back."""

    def control(self, batch, log_probs, noisy, greedy):
        return super().control(batch, log_probs, noisy, greedy).detach()


class ControlOfSample(Relax):
    """The gradient of c(z) alone, that of c(z~) forgotten."""

    def control(self, batch, log_probs, noisy, greedy):
        return super().control(batch, log_probs + (noisy - noisy.detach()), _flat(noisy), greedy)


def _flat(noisy: Tensor) -> Tensor:
    # exp(z - max z) becomes 1 in every class
    return noisy.amax(2, keepdim=True).expand_as(noisy)


class ControlOnOwnSegments(Relax):
    """The segments of the sample in place of the greedy path's: they jump with the noise, and c with them."""

    def control(self, batch, log_probs, noisy, greedy):
        paths = noisy.argmax(2)
        share = (noisy - noisy.amax(2, keepdim=True)).exp()
        relaxed = noisy + share * (log_probs - log_probs.detach())
        posteriors = character_posteriors(relaxed, paths, temperature=self.tau)
        labels = batch.transcripts * self.samples
        return self.objective.soft(self._spell(paths), posteriors, labels, self.charset.characters, flow=self.flow)


class RelaxSign(Relax):
    def advantage(self, cost: Tensor) -> Tensor:
        return -super().advantage(cost)


class RelaxWithoutCorrection(Relax):
    def advantage(self, cost: Tensor) -> Tensor:
        return cost - cost.mean(0)


MUTANTS = [
    RewardNotDetached,
    WithoutCorrection,
    Probability,
    Sign,
    BestOfBaseline,
    PathSign,
    ControlNotCorrected,
    ControlOfSample,
    ControlOnOwnSegments,
    RelaxSign,
    RelaxWithoutCorrection,
]
