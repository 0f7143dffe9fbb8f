"""The local expectation held against enumeration: unbiased when whole, and within its bound when truncated."""

from __future__ import annotations

import math

import pytest
import torch
from penalties_exact import THRESHOLD, exact_expectation, penalty_of, per_line, per_line_gradients, problem
from penalties_fakes import ABC, TableLM, all_paths, generator, logits_for, random_logits, spell

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.sampled import local_expectation, policy_gradient
from gradcheck_lm.penalties.sampled.local_expectation import LocalExpectation, LocalOutput
from gradcheck_lm.penalties.sampled.policy_gradient_path import PolicyGradientPath

WHOLE = {"alternatives": None, "threshold": 0.0}


def over_all_draws(cls, logits, charset, monkeypatch, samples=1, **options):
    """Exact mean (T * C,) and total variance of an estimator: every tuple of `samples` paths is one line."""
    paths = all_paths(logits.shape[0], logits.shape[2])
    tuples = torch.cartesian_prod(*[torch.arange(paths.shape[1])] * samples).view(-1, samples)
    drawn = paths[:, tuples].transpose(1, 2)
    for module in (policy_gradient, local_expectation):
        monkeypatch.setattr(module, "sample_paths", lambda *_, **__: drawn)
    gradients, out = per_line(cls(TableLM(), charset, samples=samples, **options), logits, len(tuples))
    monkeypatch.undo()
    chance = logits[:, 0].log_softmax(-1).gather(1, paths).sum(0)[tuples].sum(1).exp()
    assert abs(chance.sum() - 1) < 1e-12
    mean = chance @ gradients
    return mean, float(chance @ gradients.square().sum(1) - mean.square().sum()), chance, out


@pytest.mark.parametrize("objective", ["hinge", "score", "sum"])
@pytest.mark.parametrize(("frames", "classes", "samples"), [(4, 3, 1), (5, 3, 1), (4, 4, 1), (3, 3, 2)])
@pytest.mark.parametrize("scale", [0.7, 2.0])
def test_untruncated_it_is_unbiased_to_rounding(objective, frames, classes, samples, scale, monkeypatch):
    logits, charset = problem(frames, classes, seed=1, scale=scale)
    value, exact = exact_expectation(logits, objective)
    mean, _, chance, out = over_all_draws(
        LocalExpectation, logits, charset, monkeypatch, samples, objective=objective, **WHOLE
    )
    assert (mean - exact).abs().max() < 1e-10
    assert exact.abs().max() > 1e-3
    assert abs(chance @ out.per_line - value) < 1e-10
    assert not out.dropped.any()


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("seed", [3, 4])
def test_sampled_it_passes_the_z_test(samples, seed):
    logits, charset = problem(seed=seed)
    _, exact = exact_expectation(logits)
    penalty = LocalExpectation(TableLM(), charset, samples=samples, **WHOLE)
    gradients = per_line_gradients(penalty, logits, 8000)
    z = (gradients.mean(0) - exact) / (gradients.std(0) / 8000**0.5)
    assert z.abs().max() < THRESHOLD


class Sign(LocalExpectation):
    def _costs(self, *arguments):
        found, costs, weights = super()._costs(*arguments)
        return -found, costs, weights


class WithoutTheDrawnClass(LocalExpectation):
    """Forgets that the drawn class is one of the alternatives as well."""

    def ask_about(self, batch, probs, paths):
        asked = super().ask_about(batch, probs, paths)
        return asked & (probs[:, None] < probs[:, None].gather(3, paths[..., None]))


@pytest.mark.parametrize("mutant", [Sign, WithoutTheDrawnClass])
def test_mutants_fail_both_tests(mutant, monkeypatch):
    logits, charset = problem(seed=3)
    _, exact = exact_expectation(logits)
    mean, _, _, _ = over_all_draws(mutant, logits, charset, monkeypatch, **WHOLE)
    assert (mean - exact).abs().max() > 1e-3
    gradients = per_line_gradients(mutant(TableLM(), charset, **WHOLE), logits, 8000)
    z = (gradients.mean(0) - exact) / (gradients.std(0) / 8000**0.5)
    assert z.abs().max() > THRESHOLD


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_it_is_less_noisy_than_the_path_form_with_as_many_samples(seed, scale, monkeypatch):
    logits, charset = problem(3, 3, seed=seed, scale=scale)
    _, local, _, _ = over_all_draws(LocalExpectation, logits, charset, monkeypatch, 2, **WHOLE)
    _, path, _, _ = over_all_draws(PolicyGradientPath, logits, charset, monkeypatch, 2)
    assert 0 < local < path


def test_many_alternatives_spell_the_same_text():
    # 4 frames with 2 other classes each make 8 alternatives and the drawn text itself
    logits, charset = problem(4, 3, seed=0)
    penalty = LocalExpectation(TableLM(), charset, objective="score", **WHOLE)
    asked = [penalty(logits, generator=generator(seed)).lm_calls for seed in range(50)]
    assert max(asked) <= 9
    assert sum(asked) / 50 < 7


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("objective", ["hinge", "score"])
@pytest.mark.parametrize(
    "options",
    [
        {"alternatives": 1, "threshold": 0.0},
        {"alternatives": 2, "threshold": 0.0},
        {"alternatives": None, "threshold": 0.2},
        {"alternatives": 1, "threshold": 0.1},
        {"alternatives": 4, "threshold": 0.999},
    ],
    ids=str,
)
def test_the_bias_of_a_truncation_is_within_its_bound(seed, objective, options, monkeypatch):
    frames, classes = 4, 4
    logits, charset = problem(frames, classes, seed=seed, scale=1.5)
    _, exact = exact_expectation(logits, objective)
    mean, _, chance, out = over_all_draws(
        LocalExpectation, logits, charset, monkeypatch, objective=objective, **options
    )
    costs = [penalty_of(spell(path), objective) for path in all_paths(frames, classes).T.tolist()]
    bound = out.bias_bound(max(costs) - min(costs)) @ chance  # (T,), over all draws
    bias = (mean - exact).view(frames, classes).abs()
    assert (bias <= bound[:, None] + 1e-12).all()
    assert bias.max() > 1e-4, "nothing was truncated: the test tests nothing"
    assert (out.dropped @ chance > 0).any()


def test_what_was_dropped_is_the_probability_of_what_was_not_asked():
    logits, charset = problem(4, 4, seed=2)
    logits = logits.expand(-1, 3, -1)
    penalty = LocalExpectation(TableLM(), charset, alternatives=1, threshold=0.0, objective="score")
    out = penalty(logits, lengths=[4, 2, 0], generator=generator(1))
    assert isinstance(out, LocalOutput)
    assert out.dropped.shape == (4, 3)
    assert not out.dropped[2:, 1].any()
    assert not out.dropped[:, 2].any()
    # the drawn class and the likeliest other one are known: at least the two smallest are dropped, at most all but the
    # largest and the smallest
    chances = logits[:, 0].softmax(-1).sort(descending=True).values
    least, most = chances[:, 2:].sum(1), 1 - chances[:, 0] - chances[:, 3]
    assert ((out.dropped[:, 0] >= least - 1e-12) & (out.dropped[:, 0] <= most + 1e-12)).all()
    assert torch.equal(out.bias_bound(3.0), 3 * out.dropped)
    assert penalty.truncated
    assert not LocalExpectation(TableLM(), charset, **WHOLE).truncated


@pytest.mark.parametrize(
    "options", [WHOLE, {"alternatives": 1, "threshold": 0.0}, {"alternatives": 4, "threshold": 0.3}]
)
def test_the_gradient_is_that_of_the_formula_for_one_path(options, monkeypatch):
    # p(c) * (f(path with c) - mean over the known c), frame by frame, written out with loops; 0 for unknown ones
    logits, charset = problem(4, 4, seed=6)
    path = [0, 1, 1, 2]
    wanted = torch.zeros(4, 4, dtype=torch.float64)
    left_out = torch.zeros(4, dtype=torch.float64)
    chances = logits[:, 0].softmax(-1)
    for frame in range(4):
        others = [c for c in range(4) if c != path[frame] and chances[frame, c] > options["threshold"]]
        others = sorted(others, key=lambda c: -chances[frame, c])[: options["alternatives"]]
        known = [path[frame], *others]
        costs = {c: penalty_of(spell([*path[:frame], c, *path[frame + 1 :]]), "score") for c in known}
        mean = sum(chances[frame, c] * costs[c] for c in known) / sum(chances[frame, c] for c in known)
        for c in known:
            share = chances[frame, c] * (costs[c] - mean)
            wanted[frame] += share * (torch.eye(4, dtype=torch.float64)[c] - chances[frame])
        left_out[frame] = 1 - sum(chances[frame, c] for c in known)
    monkeypatch.setattr(local_expectation, "sample_paths", lambda *_, **__: torch.tensor(path)[:, None, None])
    logits.requires_grad_()
    out = LocalExpectation(TableLM(), charset, objective="score", **options)(logits)
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert (gradient[:, 0] - wanted).abs().max() < 1e-12
    assert (out.dropped[:, 0] - left_out).abs().max() < 1e-12
    assert out.value == penalty_of("ab", "score")


def test_the_value_is_the_mean_over_the_drawn_texts(monkeypatch):
    logits, charset = problem(2, 3, seed=6)
    paths = torch.tensor([[1, 1, 2], [1, 0, 0]])[:, :, None]  # "a" twice, and "b"
    monkeypatch.setattr(local_expectation, "sample_paths", lambda *_, **__: paths)
    out = LocalExpectation(TableLM(), charset, objective="score", samples=3, **WHOLE)(logits)
    assert out.value == pytest.approx((2 * penalty_of("a", "score") + penalty_of("b", "score")) / 3)


def test_lengths_are_lines_of_their_own(monkeypatch):
    logits, charset = problem(5, 3, seed=5)
    for frames in (3, 1):
        _, exact = exact_expectation(logits, "score", frames)
        copies = logits.detach().expand(-1, 20_000, -1).clone().requires_grad_()
        penalty = LocalExpectation(TableLM(), charset, objective="score", **WHOLE)
        out = penalty(copies, lengths=[frames] * 20_000)
        gradients = 20_000 * torch.autograd.grad(out.loss, copies)[0].transpose(0, 1).flatten(1)
        assert not gradients[:, frames * 3 :].any()
        error = gradients.std(0).clamp_min(1e-12) / 20_000**0.5
        assert ((gradients.mean(0) - exact) / error)[: frames * 3].abs().max() < THRESHOLD


def test_equal_texts_are_asked_about_once_and_only_doubtful_frames():
    lm = TableLM()
    sure = logits_for(["ab", "cab"], 8, sure=20.0)
    sure[3, 1] = 0.0  # one frame in doubt
    out = make_penalty("local_expectation", lm, ABC, objective="score")(sure)
    (asked,) = lm.asked
    assert len(asked) == len(set(asked)) == out.lm_calls <= 1 + 4
    assert out.predictions[0] == "ab"
    logits = sure.requires_grad_()
    (gradient,) = torch.autograd.grad(
        make_penalty("local_expectation", TableLM(), ABC, objective="score")(logits).loss, logits
    )
    touched = gradient.any(2)
    assert touched.sum() == 1
    assert touched[3, 1]


def test_alternatives_are_collapsed_in_blocks(monkeypatch):
    logits = random_logits(7, 3, 4, seed=2).requires_grad_()
    gradients = []
    for cells in (2**24, 1):
        monkeypatch.setattr(local_expectation, "_CELLS", cells)
        out = make_penalty("local_expectation", TableLM(), ABC, samples=2, seed=4)(logits, ["ab", "c", "ba"])
        gradients.append(torch.autograd.grad(out.loss, logits)[0])
    assert torch.equal(*gradients)
    assert gradients[0].any()


def test_ratio_takes_beta_from_the_drawn_texts():
    class Even(TableLM):
        def nll(self, texts):
            return torch.tensor([2.5 * len(text) for text in texts], dtype=torch.float64)

    logits = random_logits(8, 3, 4, scale=0.5).requires_grad_()
    out = make_penalty("local_expectation", Even(), ABC, objective="ratio", samples=2)(logits)
    assert torch.autograd.grad(out.loss, logits)[0].abs().max() < 1e-12
    assert torch.allclose(out.per_line, out.per_line.new_full((3,), 2.5))


def test_reaches_the_blank_and_masked_classes_stay_masked():
    logits = random_logits(8, 5, 4, scale=0.7)
    logits[:, :, 2] = -math.inf
    logits.requires_grad_()
    for options in ({}, WHOLE):
        out = make_penalty("local_expectation", TableLM(), ABC, objective="score", **options)(logits)
        (gradient,) = torch.autograd.grad(out.loss, logits)
        assert gradient.isfinite().all()
        assert gradient[:, :, 0].any()
        assert not gradient[:, :, 2].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples is 0"),
        ({"alternatives": 0}, "alternatives is 0.*None for all"),
        ({"threshold": 1.0}, "threshold is 1.0.*probability"),
        ({"threshold": -0.1}, "threshold is -0.1"),
        ({"threshold": float("nan")}, "threshold is nan"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ArgumentError, match=message):
        make_penalty("local_expectation", TableLM(), ABC, **options)


@pytest.mark.gpu
def test_a_gpu_says_what_the_cpu_says():
    logits = random_logits(12, 4, 4, seed=2)
    results = []
    for device in ("cpu", "cuda"):
        copy = logits.to(device).requires_grad_()
        out = make_penalty("local_expectation", TableLM(), ABC, samples=2)(
            copy, ["ab", "c", "ba", ""], lengths=[12, 7, 1, 0], generator=generator(3)
        )
        results.append((out.per_line.cpu(), out.dropped.cpu(), torch.autograd.grad(out.loss, copy)[0].cpu()))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, atol=1e-10)
