"""The policy gradients held against enumeration: exactly, by sampling, and with mutants that must not get through."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, all_paths, generator, logits_for, random_logits, spell

from gradcheck_lm.errors import ArgumentError, CharsetError, ShapeError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import collapse_paths, string_log_prob, to_strings
from gradcheck_lm.penalties import make_penalty, policy_gradient
from gradcheck_lm.penalties.policy_gradient import PolicyGradient
from gradcheck_lm.penalties.policy_gradient_path import PolicyGradientPath

LABEL = "ab"


def problem(frames=4, classes=3, seed=0, scale=1.0):
    """Logits (T, 1, C) and their charset; texts cost what TableLM says, which is no sum over characters."""
    return random_logits(frames, 1, classes, seed=seed, scale=scale), Charset("abc"[: classes - 1])


def penalty_of(text, objective="hinge"):
    if not text:
        return 0.0
    return TableLM().of(text) if objective == "score" else max(0.0, TableLM().of(text) - TableLM().of(LABEL))


def exact_gradient(logits, objective="hinge"):
    """Value and gradient (T, C) of the expected penalty of one line, by brute force over all paths."""
    logits = logits.detach().clone().requires_grad_()
    paths = all_paths(logits.shape[0], logits.shape[2])
    probability = logits[:, 0].log_softmax(-1).gather(1, paths).sum(0).exp()
    cost = torch.tensor([penalty_of(spell(path), objective) for path in paths.T.tolist()], dtype=torch.float64)
    value = (probability * cost).sum()
    return value.detach(), torch.autograd.grad(value, logits)[0][:, 0]


def per_line_gradients(penalty, logits, lines, labels=True):
    """The estimator's gradient for each of `lines` copies of one line: (lines, T * C), and the output."""
    copies = logits.detach().expand(-1, lines, -1).clone().requires_grad_()
    out = penalty(copies, [LABEL] * lines if labels else None, generator=generator(7))
    (gradient,) = torch.autograd.grad(out.loss, copies)
    return lines * gradient.transpose(0, 1).flatten(1), out


def expectation(cls, logits, charset, monkeypatch, samples=2, **options):
    """Mean (T * C,) and total variance of the estimator, exact: every tuple of `samples` paths is one line."""
    paths = all_paths(logits.shape[0], logits.shape[2])
    tuples = torch.cartesian_prod(*[torch.arange(paths.shape[1])] * samples)
    penalty = cls(TableLM(), charset, samples=samples, **options)
    monkeypatch.setattr(policy_gradient, "sample_paths", lambda *_, **__: paths[:, tuples].transpose(1, 2))
    gradients, out = per_line_gradients(penalty, logits, len(tuples))
    monkeypatch.undo()
    log_prob = (logits[:, 0] / penalty.temperature).log_softmax(-1).gather(1, paths).sum(0)
    probability = log_prob[tuples].sum(1).exp()
    assert abs(probability.sum() - 1) < 1e-12
    mean = probability @ gradients
    return mean, probability @ gradients.square().sum(1) - mean.square().sum(), probability @ out.per_line


def z_scores(cls, logits, charset, exact, lines=12_000, **options):
    gradients, _ = per_line_gradients(cls(TableLM(), charset, **options), logits, lines)
    error = gradients.std(0) / lines**0.5
    return (gradients.mean(0) - exact.flatten()) / error


# 12 coordinates; chance of a false alarm with Bonferroni is 12 * 2 * Phi(-4.5) = 8e-5
THRESHOLD = 4.5

FORMS = [PolicyGradient, PolicyGradientPath]


@pytest.mark.parametrize(("frames", "classes"), [(3, 3), (4, 3), (4, 4), (6, 4)])
@pytest.mark.parametrize("objective", ["hinge", "score"])
def test_sum_over_strings_is_the_exact_gradient(frames, classes, objective):
    # E[f] = sum over strings of p(y) f(y), so its gradient is the sum of p(y) f(y) grad log p(y)
    logits, charset = problem(frames, classes, seed=1)
    _, exact = exact_gradient(logits, objective)
    ids, target_lengths = collapse_paths(all_paths(frames, classes))
    distinct = torch.unique(torch.cat([target_lengths[:, None], ids], 1), dim=0)
    ids, target_lengths = distinct[:, 1:], distinct[:, 0]
    texts = to_strings(ids, target_lengths, charset)
    cost = torch.tensor([penalty_of(text, objective) for text in texts], dtype=torch.float64)
    logits.requires_grad_()
    log_prob = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(len(ids), dtype=torch.long))
    (gradient,) = torch.autograd.grad((log_prob.detach().exp() * cost * log_prob).sum(), logits)
    assert (gradient[:, 0] - exact).abs().max() < 1e-10
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
    value, exact = exact_gradient(logits, options.get("objective", "hinge"))
    mean, _, printed = expectation(cls, logits, charset, monkeypatch, samples, **options)
    assert (mean - exact.flatten()).abs().max() < 1e-10
    if "temperature" not in options:  # with importance weights the printed value is a ratio of two means
        assert abs(printed - value) < 1e-10


@pytest.mark.parametrize("cls", FORMS)
@pytest.mark.parametrize("options", [{}, {"samples": 2}, {"temperature": 1.5}])
def test_the_sampled_estimator_passes_the_z_test(cls, options):
    logits, charset = problem(seed=3)
    _, exact = exact_gradient(logits)
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
    _, exact = exact_gradient(logits)
    mean, _, _ = expectation(mutant, logits, charset, monkeypatch, **{**options, "samples": 2})
    assert (mean - exact.flatten()).abs().max() > 1e-4
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


# ---- minimum risk ----


def test_minimum_risk_over_all_strings_is_the_exact_gradient():
    logits, charset = problem(seed=5)
    value, exact = exact_gradient(logits)
    everything = [spell(path) for path in all_paths(4, 3).T.tolist()]
    penalty = make_penalty(
        "minimum_risk", TableLM(), charset, proposals=lambda logits, lengths: [everything], alpha=1.0
    )
    logits.requires_grad_()
    out = penalty(logits, [LABEL])
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert (gradient[:, 0] - exact).abs().max() < 1e-10
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
