"""Every penalty that claims to be unbiased, held against the sum over all paths; and mutants that must not pass."""

from __future__ import annotations

import pytest
import torch
from penalties_enumeration import (
    BIASED_OPTIONS,
    DRAWS,
    MUTANTS,
    PROBLEMS,
    UNBIASED,
    UNBIASED_CASES,
    penalty_for,
    problem_of,
    threshold,
    worst_z,
)

from gradcheck_lm.bench.penalties.enumeration import ToyLM, make_problem
from gradcheck_lm.penalties import PENALTIES


def test_the_exact_gradient_is_that_of_the_expected_penalty():
    problem = make_problem(2, frames=3, characters="ab")
    value, exact = problem.exact
    step = 1e-6
    for place in range(9):
        moved = problem.logits.flatten().clone()
        moved[place] += step
        there = type(problem)(moved.view(3, 1, 3), problem.label, problem.language_model).exact[0]
        assert abs((there - value) / step - exact[place]) < 1e-5
    assert len(problem.costs) == 27
    assert problem.cost("") == 0
    assert problem.cost("a") == 0
    assert exact.abs().max() > 1e-3


def test_the_toy_language_model_agrees_with_itself():
    lm = ToyLM("abc", seed=4)
    texts = ["abca", "b", "cc", "ab", "cab"]
    alone = torch.cat([lm.score([text]) for text in texts])
    assert torch.allclose(lm.score(texts), alone)
    assert alone[1] == torch.inf
    soft = [lm.one_hot(text) for text in texts]
    assert torch.allclose(lm.score_soft(texts, soft, "abc", hard=False, flow="both"), alone)
    assert torch.allclose(lm.nll_soft(texts, soft, "abc", hard=True, flow="both"), lm.nll(texts))
    sums = ToyLM("abc", seed=4, whole=True).score(texts)
    counts = torch.tensor([3, 1, 1, 1, 2])
    assert torch.allclose(sums[[0, 2, 3, 4]], (alone * counts)[[0, 2, 3, 4]])


@pytest.mark.parametrize(("name", "options"), UNBIASED_CASES, ids=lambda value: str(value))
@pytest.mark.parametrize("kind", PROBLEMS)
def test_unbiased_penalties_pass_the_z_test(name, options, kind):
    problem = problem_of(kind)
    draws = 2000 if name == "local_expectation" else DRAWS  # each asks about every class of every frame
    z = worst_z(penalty_for(name, problem, **options), problem, draws)
    assert z < threshold(problem.logits.numel()), f"{name} on {kind}: |z| = {z:.1f}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutants_fail_the_same_test(mutant):
    problem = problem_of("hinge of four classes")
    penalty = mutant(problem.language_model, problem.charset)
    z = worst_z(penalty, problem)
    assert z > threshold(problem.logits.numel()), f"{mutant.__name__} got through: |z| = {z:.1f}"


# nbest_ctc has no f of a string at all: test_nbest_ctc.py holds its gradient to finite differences of its own loss
@pytest.mark.parametrize(
    "name",
    [name for name, one in PENALTIES.items() if one.kind in ("biased", "other") and "hinge" in one.objectives],
)
def test_penalties_that_claim_no_such_thing_fail_it(name):
    problem = problem_of("hinge of four classes")
    penalty = penalty_for(name, problem, **BIASED_OPTIONS.get(name, {}))
    assert worst_z(penalty, problem, 1000) > threshold(problem.logits.numel())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("scale", "objective"), [(0.5, "hinge"), (1.0, "score"), (2.0, "hinge")])
def test_the_marginal_is_never_noisier_than_the_path(seed, scale, objective):
    problem = make_problem(seed, frames=5, characters="ab", scale=scale, objective=objective)
    marginal, path = (
        problem.gradients(penalty_for(name, problem), DRAWS, seed=seed)
        for name in ("policy_gradient", "policy_gradient_path")
    )
    ratio = marginal.var(0).sum() / path.var(0).sum()
    # spread of the ratio of two variances, from the spread of the squared deviations that they are means of
    spread = sum(
        ((g - g.mean(0)).square().sum(1).std() / len(g) ** 0.5 / g.var(0).sum()) ** 2 for g in (marginal, path)
    )
    assert ratio < 1 + 3 * ratio * spread**0.5
    assert ratio > 0


@pytest.mark.parametrize("name", UNBIASED)
def test_a_constant_added_to_f_leaves_the_mean_where_it_was(name):
    problem = problem_of("mean")

    class Dearer(ToyLM):
        """Every string, the empty one and those of one character among them, costs 20 more."""

        def score(self, texts):
            return super().score(texts).nan_to_num(posinf=0.0) + 20.0

    dear = Dearer(problem.language_model.characters, seed=5)
    penalty = penalty_for(name, type(problem)(problem.logits, problem.label, dear, "score"))
    # an empty string is never sent to the language model and costs 0: give it the constant too
    ask = penalty.scorer._ask
    penalty.scorer._ask = lambda method, texts, device, *, empty: ask(method, texts, device, empty=20.0)
    z = worst_z(penalty, problem)
    assert z < threshold(problem.logits.numel()), f"{name}: |z| = {z:.1f}"
    # and a baseline is why it is not noisier either
    there = problem.gradients(penalty, 1000, seed=3).var(0).sum()
    here = problem.gradients(penalty_for(name, problem), 1000, seed=3).var(0).sum()
    assert there < 1.2 * here


def test_ratio_points_along_the_gradient_with_the_exact_beta_and_its_bias_falls_with_samples():
    problem = make_problem(5, frames=4, characters="abc", objective="ratio")
    value, exact = problem.exact
    assert abs(float(value)) < 1e-12  # at its own beta a line costs nothing, whatever it reads
    biases = []
    for samples in (2, 32):
        gradients = problem.gradients(penalty_for("policy_gradient", problem, samples=samples), 20_000)
        error = float(gradients.var(0).sum() / len(gradients))
        mean = gradients.mean(0)
        assert float(mean @ exact / mean.norm() / exact.norm()) > 0.98
        biases.append(max(0.0, float((mean - exact).square().sum()) - error) ** 0.5 / float(exact.norm()))
    assert biases[0] > 0.05  # three times the noise of the mean
    assert biases[1] < 0.25 * biases[0]
