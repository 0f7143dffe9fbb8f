"""Penalties that send their gradient through the language model: soft_embedding and gumbel_softmax."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, all_paths, generator, logits_for, random_logits, spell

from gradcheck_lm.errors import ArgumentError, LanguageModelError
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.gumbel_softmax import gumbel_noise

SOFT = ["soft_embedding", "gumbel_softmax"]
OBJECTIVES = ["hinge", "score", "ratio"]


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_hot_posteriors_give_the_hard_value(name, objective):
    texts, labels = ["abca", "", "cab", "b", "cc"], ["abc", "ab", "ba", "ab", "c"]
    lm = TinyLM()
    out = make_penalty(name, lm, ABC, objective=objective)(
        logits_for(texts, 8, sure=60.0), labels, generator=generator()
    )
    hard = make_penalty("argmax", lm, ABC, objective=objective)(logits_for(texts, 8, sure=60.0), labels)
    assert out.predictions == texts
    assert torch.allclose(out.per_line, hard.per_line, atol=1e-5)
    assert torch.allclose(out.value, hard.value, atol=1e-5)
    assert hard.value > 0


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("flow", ["both", "inputs", "targets"])
def test_soft_embedding_gradient_is_that_of_its_value(objective, flow):
    logits = random_logits(7, 4, 4, seed=2).requires_grad_()
    labels = ["ab", "cab", "bb", "aa"]
    penalty = make_penalty("soft_embedding", TinyLM(), ABC, objective=objective, flow=flow, temperature=1.5)
    out = penalty(logits, labels)
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.any()
    if flow == "both":
        assert torch.autograd.gradcheck(lambda z: penalty(z, labels).loss, logits)


def test_temperature_is_that_of_the_posteriors():
    logits, lm = random_logits(7, 4, 4, seed=2), TinyLM()
    warm = make_penalty("soft_embedding", lm, ABC, objective="score", temperature=2.0)(logits)
    assert torch.allclose(warm.value, make_penalty("soft_embedding", lm, ABC, objective="score")(logits / 2).value)
    assert not torch.isclose(warm.value, make_penalty("soft_embedding", lm, ABC, objective="score")(logits).value)


def test_flows_add_up():
    logits = random_logits(7, 4, 4, seed=2).requires_grad_()
    both, inputs, targets = (
        torch.autograd.grad(
            make_penalty("soft_embedding", TinyLM(), ABC, objective="score", flow=flow)(logits).loss, logits
        )[0]
        for flow in ("both", "inputs", "targets")
    )
    assert torch.allclose(both, inputs + targets, atol=1e-12)
    assert inputs.any()
    assert targets.any()


@pytest.mark.parametrize("name", SOFT)
def test_the_blank_gets_no_gradient(name):
    logits = random_logits(9, 6, 4).requires_grad_()
    out = make_penalty(name, TinyLM(), ABC, objective="score")(logits, generator=generator())
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient[:, :, 1:].any()
    # with Gumbel noise the logits are normalised first, which changes no distribution and so no gradient
    assert gradient[:, :, 0].abs().max() < 1e-15


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_empty_and_one_token_readings_are_connected_zeros(name, objective):
    logits = logits_for(["", "", "b"], 5, sure=40.0).requires_grad_()
    out = make_penalty(name, TinyLM(), ABC, objective=objective)(logits, ["ab", "abc", "ab"], generator=generator())
    assert out.loss.requires_grad
    (gradient,) = torch.autograd.grad(out.loss, logits)
    assert gradient.isfinite().all()
    assert not gradient[:, :2].any()
    if objective != "ratio":
        assert out.value == 0
        assert not gradient.any()
    only_empty = make_penalty(name, TinyLM(), ABC, objective=objective)(logits[:, :2], ["ab", "abc"])
    assert only_empty.loss == 0
    assert not torch.autograd.grad(only_empty.loss, logits)[0].any()


def test_the_hinge_is_dead_below_the_label():
    lm = TinyLM()
    logits = logits_for(["ab", "ba"], 5, sure=3.0).requires_grad_()
    scores = lm.score(["ab", "ba"])
    better, worse = ("ba", "ab") if scores[0] > scores[1] else ("ab", "ba")
    out = make_penalty("soft_embedding", lm, ABC)(logits, [better, better])
    (gradient,) = torch.autograd.grad(out.loss, logits)
    alive = torch.tensor([text == worse for text in out.predictions])
    assert alive.sum() == 1
    assert (out.per_line[alive] > 0).all()
    assert gradient[:, alive].any()
    assert (gradient.any(2).any(0) == (out.per_line > 0)).all()


def test_gumbel_draws_follow_the_recogniser_at_every_tau():
    logits = random_logits(3, 1, 3, seed=4)
    paths = all_paths(3, 3)
    probability = logits[:, 0].log_softmax(-1).gather(1, paths).sum(0).exp()
    wanted: dict[str, float] = {}
    for path, p in zip(paths.T.tolist(), probability.tolist(), strict=True):
        wanted[spell(path)] = wanted.get(spell(path), 0.0) + p
    count = 20_000
    charset = type(ABC)("ab")
    for tau in (0.2, 1.0, 5.0):
        penalty = make_penalty("gumbel_softmax", TinyLM("ab"), charset, tau=tau, objective="score")
        penalty.objective.soft = lambda texts, posteriors, *_, **__: torch.zeros(len(texts))  # only the draws matter
        texts = penalty(logits.expand(-1, count, -1), generator=generator(1)).predictions
        for text, p in wanted.items():
            error = (p * (1 - p) / count) ** 0.5
            assert abs(texts.count(text) / count - p) < 4.5 * error, (tau, text)


def test_gumbel_noise_is_gumbel():
    noise = gumbel_noise(torch.empty(200_000, dtype=torch.float32), generator(0)).double()
    assert abs(noise.mean() - 0.5772) < 4.5 * 1.2825 / 200_000**0.5
    assert abs(noise.std() - 1.2825) < 0.02
    assert noise.isfinite().all()


def test_gumbel_samples_are_averaged():
    logits = random_logits(8, 3, 4)
    lm = TinyLM()
    out = make_penalty("gumbel_softmax", lm, ABC, samples=40, objective="score")(logits, generator=generator(3))
    assert out.per_line.shape == (3,)
    assert len(out.predictions) == 3
    assert out.lm_calls <= 120
    single = make_penalty("gumbel_softmax", lm, ABC, objective="score", seed=8)
    values = torch.stack([single(logits).per_line for _ in range(400)])
    error = values.std(0) * (1 / 400 + 1 / 40) ** 0.5
    assert ((out.per_line - values.mean(0)).abs() < 4.5 * error).all()


def test_gumbel_scores_the_drawn_string_itself():
    lm = TinyLM()
    out = make_penalty("gumbel_softmax", lm, ABC, objective="score")(random_logits(8, 5, 4), generator=generator(1))
    hard = [lm.score([text])[0] if len(text) > 1 else torch.tensor(0.0) for text in out.predictions]
    assert torch.allclose(out.per_line, torch.stack(hard).double(), atol=1e-12)


def test_a_black_box_is_refused_with_the_cure():
    for name in [*SOFT, "straight_through"]:
        with pytest.raises(LanguageModelError, match=f"{name}.*'TableLM' has no score_soft.*policy_gradient"):
            make_penalty(name, TableLM(), ABC)


def test_an_lm_without_nll_soft_is_taken_to_score_characters():
    class OnlySoft:
        def __init__(self):
            self.score, self.score_soft = TinyLM().score, TinyLM().score_soft

    logits = logits_for(["abca", "cab"], 8).requires_grad_()
    ratio = make_penalty("soft_embedding", OnlySoft(), ABC, objective="ratio")(logits)
    score = make_penalty("soft_embedding", OnlySoft(), ABC, objective="score")(logits)
    assert torch.allclose(ratio.per_line, score.per_line)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("soft_embedding", {"temperature": 0.0}, "temperature"),
        ("soft_embedding", {"flow": "forward"}, "flow is 'forward'.*'both', 'inputs', 'targets'"),
        ("gumbel_softmax", {"tau": -1.0}, "tau"),
        ("gumbel_softmax", {"samples": 0}, "samples"),
    ],
)
def test_options_out_of_range(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        make_penalty(name, TinyLM(), ABC, **options)
