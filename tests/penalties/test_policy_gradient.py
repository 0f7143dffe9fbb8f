"""The policy gradients held against enumeration: exactly, by sampling, and with mutants that must not get through."""

from __future__ import annotations

import pytest
import torch
from penalties_exact import LABEL, THRESHOLD, exact_expectation, penalty_of, per_line, problem, z_scores
from penalties_fakes import ABC, TableLM, TinyLM, all_paths, generator, logits_for, random_logits

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import collapse_paths, string_log_prob, to_strings
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.sampled import policy_gradient
from gradcheck_lm.penalties.sampled.policy_gradient import PolicyGradient
from gradcheck_lm.penalties.sampled.policy_gradient_path import PolicyGradientPath


def expectation(cls, logits, charset, monkeypatch, samples=2, **options):
    """Mean (T * C,) and total variance of the estimator, exact: every tuple of `samples` paths is one line."""
    paths = all_paths(logits.shape[0], logits.shape[2])
    tuples = torch.cartesian_prod(*[torch.arange(paths.shape[1])] * samples)
    penalty = cls(TableLM(), charset, samples=samples, **options)
    monkeypatch.setattr(policy_gradient, "sample_paths", lambda *_, **__: paths[:, tuples].transpose(1, 2))
    gradients, out = per_line(penalty, logits, len(tuples))
    monkeypatch.undo()
    log_prob = (logits[:, 0] / penalty.temperature).log_softmax(-1).gather(1, paths).sum(0)
    probability = log_prob[tuples].sum(1).exp()
    assert abs(probability.sum() - 1) < 1e-12
    mean = probability @ gradients
    return mean, probability @ gradients.square().sum(1) - mean.square().sum(), probability @ out.per_line


FORMS = [PolicyGradient, PolicyGradientPath]


@pytest.mark.parametrize(("frames", "classes"), [(3, 3), (4, 3), (4, 4), (6, 4)])
@pytest.mark.parametrize("objective", ["hinge", "score"])
def test_sum_over_strings_is_the_exact_gradient(frames, classes, objective):
    # E[f] = sum over strings of p(y) f(y), so its gradient is the sum of p(y) f(y) grad log p(y)
    logits, charset = problem(frames, classes, seed=1)
    _, exact = exact_expectation(logits, objective)
    ids, target_lengths = collapse_paths(all_paths(frames, classes))
    distinct = torch.unique(torch.cat([target_lengths[:, None], ids], 1), dim=0)
    ids, target_lengths = distinct[:, 1:], distinct[:, 0]
    texts = to_strings(ids, target_lengths, charset)
    cost = torch.tensor([penalty_of(text, objective) for text in texts], dtype=torch.float64)
    logits.requires_grad_()
    log_prob = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(len(ids), dtype=torch.long))
    (gradient,) = torch.autograd.grad((log_prob.detach().exp() * cost * log_prob).sum(), logits)
    assert (gradient[:, 0].flatten() - exact).abs().max() < 1e-10
    assert exact.abs().max() > 1e-3


@pytest.mark.parametrize("cls", FORMS)
@pytest.mark.parametrize(
    ("frames", "classes", "samples", "options"),
    [
        (4, 3, 2, {}),
        (3, 3, 3, {}),
        (4, 3, 2, {"temperature": 1.7}),
        (3, 3, 3, {"temperature": 2.5}),
        (3, 4, 2, {"objective": "score"}),
        (4, 3, 2, {"objective": "score", "temperature": 0.8}),
    ],
)
def test_the_estimator_is_unbiased_to_rounding(cls, frames, classes, samples, options, monkeypatch):
    logits, charset = problem(frames, classes, seed=2)
    value, exact = exact_expectation(logits, options.get("objective", "hinge"))
    mean, _, printed = expectation(cls, logits, charset, monkeypatch, samples, **options)
    assert (mean - exact).abs().max() < 1e-10
    if "temperature" not in options:  # with importance weights the printed value is a ratio of two means
        assert abs(printed - value) < 1e-10


@pytest.mark.parametrize("cls", FORMS)
@pytest.mark.parametrize("options", [{}, {"samples": 2}, {"temperature": 1.5}])
def test_the_sampled_estimator_passes_the_z_test(cls, options):
    logits, charset = problem(seed=3)
    _, exact = exact_expectation(logits)
    assert z_scores(cls, logits, charset, exact, **options).abs().max() < THRESHOLD


class Sign(PolicyGradient):
    def surrogate(self, weights, advantage, log_prob):
        return -super().surrogate(weights, advantage, log_prob)


class Probability(PolicyGradient):
    """p in place of log p."""

    def surrogate(self, weights, advantage, log_prob):
        return super().surrogate(weights, advantage, log_prob.exp())


class OwnBaseline(PolicyGradient):
    """The mean of all samples, the string's own among them, and no correction for it."""

    def advantage(self, cost, weights):
        return cost - (weights * cost).mean(0)


class RewardNotDetached(PolicyGradient):
    """The importance weight is a part of the reward; here its own gradient leaks in."""

    def weights(self, batch, drawn, log_prob):
        return (log_prob - self.log_prob(batch, drawn, self.temperature).detach()).exp()


class Unweighted(PolicyGradient):
    """Draws at a temperature and forgets the importance weights."""

    def weights(self, batch, drawn, log_prob):
        return torch.ones_like(log_prob)


MUTANTS = [
    (Sign, {}),
    (Probability, {}),
    (OwnBaseline, {}),
    (RewardNotDetached, {"temperature": 1.5}),
    (Unweighted, {"temperature": 1.5}),
    (PolicyGradient, {"normalise_advantage": True}),
    (PolicyGradient, {"self_normalise": True, "temperature": 2.5, "samples": 2}),
]


@pytest.mark.parametrize(("mutant", "options"), MUTANTS)
def test_mutants_and_the_biased_options_fail_both_tests(mutant, options, monkeypatch):
    logits, charset = problem(seed=3)
    _, exact = exact_expectation(logits)
    mean, _, _ = expectation(mutant, logits, charset, monkeypatch, **{**options, "samples": 2})
    assert (mean - exact).abs().max() > 1e-4
    assert z_scores(mutant, logits, charset, exact, **options).abs().max() > THRESHOLD


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_marginal_is_never_noisier_than_the_path(seed, scale, monkeypatch):
    logits, charset = problem(seed=seed, scale=scale)
    _, marginal, _ = expectation(PolicyGradient, logits, charset, monkeypatch)
    _, path, _ = expectation(PolicyGradientPath, logits, charset, monkeypatch)
    assert 0 < marginal < path


def test_a_constant_added_to_f_changes_nothing():
    penalty = make_penalty("policy_gradient", TableLM(), ABC)
    cost = torch.rand(4, 3, generator=generator(0), dtype=torch.float64)
    for weights in (torch.ones(4, 3), torch.rand(4, 3, generator=generator(1))):
        assert torch.allclose(penalty.advantage(cost, weights), penalty.advantage(cost + 50, weights), atol=1e-10)


def test_the_baseline_leaves_the_sample_out():
    penalty = make_penalty("policy_gradient", TableLM(), ABC)
    cost, weights = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1.0], [3.0], [0.0]])
    assert penalty.advantage(cost, torch.ones(3, 1)).flatten().tolist() == [1 - 4, 2 - 3.5, 6 - 1.5]
    assert penalty.advantage(cost, weights).flatten().tolist() == [1 - 2, 2 - 1, 6 - 7 / 4]
    # where all the others weigh nothing there is no baseline
    assert penalty.advantage(cost, torch.tensor([[1.0], [0.0], [0.0]]))[0] == 1


def test_the_blank_gets_a_gradient_and_all_lines_do():
    logits = random_logits(8, 5, 4, scale=0.7).requires_grad_()
    out = make_penalty("policy_gradient", TableLM(), ABC, samples=16)(logits, [LABEL] * 5)
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient[:, :, 0].any()
    assert gradient.any(2).all()
    assert out.loss.item() == out.value.item()


def test_equal_strings_are_scored_once():
    lm = TableLM()
    out = make_penalty("policy_gradient", lm, ABC, samples=50)(logits_for(["ab", "c"], 4, sure=2.0), ["ab", "ab"])
    assert len(lm.asked) == 1
    assert len(lm.asked[0]) == len(set(lm.asked[0])) == out.lm_calls < 100


def test_sure_logits_have_no_advantage_and_no_nan():
    logits = logits_for(["ab", "", "c"], 5, sure=80.0).requires_grad_()
    for options in ({}, {"temperature": 2.0}, {"normalise_advantage": True}):
        out = make_penalty("policy_gradient", TableLM(), ABC, **options)(logits, ["b", "b", "b"])
        (gradient,) = torch.autograd.grad(out.loss, logits)
        assert not gradient.any(), options


def test_temperature_finds_what_a_sure_recogniser_never_draws():
    logits = logits_for(["ab"], 6, sure=12.0)
    lm = TableLM({"ab": 9.0, "cb": 1.0, "b": 1.0})
    plain = make_penalty("policy_gradient", lm, ABC, samples=64, objective="score", seed=1)
    warm = make_penalty("policy_gradient", lm, ABC, samples=64, objective="score", seed=1, temperature=4.0)
    gradients = []
    for penalty in (plain, warm):
        copy = logits.clone().requires_grad_()
        gradients.append(torch.autograd.grad(penalty(copy).loss, copy)[0].abs().sum())
    assert gradients[0] == 0
    assert gradients[1] > 0


# ---- ratio: lines without labels ----


def test_ratio_neither_rewards_nor_punishes_length():
    class Even(TableLM):
        """Every character costs the same: then no string is better than another."""

        def nll(self, texts):
            return torch.tensor([2.5 * len(text) for text in texts], dtype=torch.float64)

    logits = random_logits(8, 3, 4, scale=0.5).requires_grad_()
    out = make_penalty("policy_gradient", Even(), ABC, objective="ratio", samples=8)(logits)
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.abs().max() < 1e-12
    assert torch.allclose(out.per_line, out.per_line.new_full((3,), 2.5))


def test_ratio_is_nll_minus_beta_length_over_the_greedy_length():
    lm = TinyLM()
    penalty = make_penalty("policy_gradient", lm, ABC, objective="ratio", samples=2)
    texts, weights = ["ab", "c", "abc", ""], torch.tensor([[1.0, 2.0], [0.5, 1.0]], dtype=torch.float64)
    costs = penalty.objective.costs(texts, None, greedy_lengths=[2, 0], weights=weights)
    nll = torch.stack([lm.nll([text])[0] if text else torch.zeros((), dtype=torch.float64) for text in texts])
    lengths = torch.tensor([2.0, 1.0, 3.0, 0.0], dtype=torch.float64)
    line = (weights * nll.view(2, 2)).sum(0) / (weights * lengths.view(2, 2)).sum(0)
    beta = line.repeat(2)
    assert torch.allclose(costs.cost, (nll - beta * lengths) / torch.tensor([2.0, 1.0, 2.0, 1.0]))
    wanted = torch.stack([(nll[0] + 0.5 * nll[2]) / (2 + 1.5), 2 * nll[1] / 2])
    assert torch.allclose(costs.per_line(weights), wanted)


def test_ratio_with_nothing_but_score_takes_tokens_for_characters():
    lm = TableLM({"ab": 2.0, "abc": torch.inf, "c": 4.0})
    penalty = make_penalty("policy_gradient", lm, ABC, objective="ratio")
    costs = penalty.objective.costs(
        ["ab", "abc", "c", ""], None, greedy_lengths=[1] * 2, weights=torch.ones(2, 2, dtype=torch.float64)
    )
    assert costs.nats.tolist() == [4, 0, 4, 0]
    assert costs.units.tolist() == [2, 0, 1, 0]
    assert torch.allclose(costs.cost, torch.tensor([4 - 2 * 8 / 3, 0, 4 - 8 / 3, 0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("policy_gradient", {"samples": 1}, "samples is 1.*at least 2"),
        ("policy_gradient_path", {"samples": 0}, "policy_gradient_path compares"),
        ("policy_gradient", {"temperature": float("nan")}, "temperature"),
        ("minimum_risk", {"samples": 0}, "samples"),
        ("minimum_risk", {"alpha": 0.0}, "alpha"),
    ],
)
def test_options_out_of_range(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        make_penalty(name, TableLM(), ABC, **options)
