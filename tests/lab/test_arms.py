"""Which arms teach: penalties that reach the first convolution, and the broken one that reaches nothing."""

from __future__ import annotations

import copy

import pytest
import torch
from arm_runs import CHARSET, arm_data, arm_model, config, train
from torch import nn

from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines
from gradcheck_lm.lab.adapting.adapt import adapt, adaptation_config, same_weights
from gradcheck_lm.lab.config import new_hand_arms, with_labels_arms
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import anchor_term, labelled, unlabelled
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.penalties import make_penalty

FIXED = ("soft_embedding", "gumbel_softmax", "policy_gradient")


@pytest.fixture(scope="module")
def language_model() -> LanguageModel:
    return load_language_model("char", device="cpu")


@pytest.fixture(scope="module")
def data() -> LineData:
    return arm_data()


@pytest.fixture
def model() -> CRNN:
    return arm_model()


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("experiment", ["with_labels", "new_hand"])
def test_the_penalty_reaches_the_first_convolution(
    name: str, experiment: str, model: CRNN, data: LineData, language_model: LanguageModel
) -> None:
    arm = (with_labels_arms() if experiment == "with_labels" else new_hand_arms())[name]
    penalty = make_penalty(arm.penalty, language_model, CHARSET, seed=0, **arm.options)
    make = labelled if experiment == "with_labels" else lambda *a: unlabelled(copy.deepcopy(model).eval(), *a)
    lm = make(CHARSET, penalty, arm.weight)(model, data.take(range(4))).terms["lm"]
    stem = next(parameter for parameter in model.parameters() if parameter.dim() == 4)
    (gradient,) = torch.autograd.grad(lm, [stem])
    assert gradient.shape[-1] == 7  # the 7 x 7 stem indeed
    assert gradient.abs().sum() > 0
    assert torch.isfinite(gradient).all()


def test_the_broken_penalty_reaches_nothing(model: CRNN, data: LineData, language_model: LanguageModel) -> None:
    arm = with_labels_arms()["argmax"]
    penalty = make_penalty("argmax", language_model, CHARSET, **arm.options)
    found = labelled(CHARSET, penalty, arm.weight)(model, data.take(range(4)))
    assert found.terms["lm"].requires_grad is False
    assert found.total.requires_grad is True  # the trap


def test_broken_arm_is_ctc_alone_to_the_bit_and_fixed_arms_are_not(
    model: CRNN, data: LineData, language_model: LanguageModel
) -> None:
    arms = with_labels_arms()
    final: dict[str, nn.Module] = {}
    for name, arm in arms.items():
        net, trainer = train(model, arm, data, language_model, config())
        trainer.run()
        final[name] = net
    assert same_weights(final["argmax"], final["ctc"])
    assert not same_weights(final["ctc"], model), "nothing was trained at all"
    for name in FIXED:
        assert not same_weights(final[name], final["ctc"]), name


def test_without_labels_the_broken_arm_cannot_move(model: CRNN, data: LineData, language_model: LanguageModel) -> None:
    settings = adaptation_config(4, 4, attribute_every=0)
    moved: dict[str, bool] = {}
    before = copy.deepcopy(model.state_dict())
    for name, arm in new_hand_arms().items():
        adapted = adapt(model.eval(), CHARSET, data, language_model, arm, settings)
        moved[name] = not adapted.weights_unchanged
    assert moved == {"ctc": False, "argmax": False, "batchnorm_only": True, **dict.fromkeys(FIXED, True)}
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()), "the source was changed"


def test_the_broken_arm_cannot_move_the_recogniser_that_ships_either(language_model: LanguageModel) -> None:
    # a recogniser of this size takes other kernels than a tiny one: under no_grad its LSTM gives other last bits
    from gradcheck_lm.htr.checkpoint import load_recogniser

    model, charset = load_recogniser("synthetic")
    lines = LineData(SyntheticLines(["the cat sat on a mat", "and read some lines"], count=4), model.config, charset)
    arms = new_hand_arms()
    settings = adaptation_config(2, 4, attribute_every=0)
    adapted = {
        name: adapt(model.eval(), charset, lines, language_model, arms[name], settings)
        for name in ("ctc", "argmax", "policy_gradient")
    }
    assert {name: found.weights_unchanged for name, found in adapted.items()} == {
        "ctc": True,
        "argmax": True,
        "policy_gradient": False,
    }


def test_the_anchor_is_exactly_zero_where_nothing_moved_and_right_elsewhere() -> None:
    generator = torch.Generator().manual_seed(0)
    start = 5 * torch.randn(7, 3, 11, generator=generator)
    same = start.clone().requires_grad_()
    anchor_term(same, start, 4).backward()
    assert same.grad is not None
    assert torch.count_nonzero(same.grad) == 0
    usual = start.clone().requires_grad_()
    log_p = usual.log_softmax(-1)
    ((start.softmax(-1) * (start.log_softmax(-1) - log_p)).sum() / 4).backward()
    assert torch.count_nonzero(usual.grad) > 0  # the reason for writing it anew
    moved = (start + torch.randn(start.shape, generator=generator)).double().requires_grad_()
    ours = anchor_term(moved, start, 4)
    (gradient,) = torch.autograd.grad(ours, moved)
    expected = (start.double().softmax(-1) * (start.double().log_softmax(-1) - moved.log_softmax(-1))).sum() / 4
    (truth,) = torch.autograd.grad(expected, moved)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient, truth, rtol=1e-4, atol=1e-6)
