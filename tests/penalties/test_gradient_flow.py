"""Every penalty's gradient arrives at the logits, and the broken one's does not, for the reason that it teaches."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TinyLM, generator, logits_for, random_logits
from torch import nn

from gradcheck_lm.penalties import PENALTIES, make_penalty

LABELS = ["ab", "cab", "bb", "aac"]
WORKING = [name for name, penalty in PENALTIES.items() if penalty.kind != "none"]
BROKEN = [name for name, penalty in PENALTIES.items() if penalty.kind == "none"]
BOTH = [(name, objective) for name in WORKING for objective in PENALTIES[name].objectives]


class Recogniser(nn.Module):
    """The least that a recogniser is: parameters in front of the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Parameter(random_logits(9, 4, 4, seed=3))
        self.head = nn.Linear(4, 4, dtype=torch.float64)

    def forward(self) -> torch.Tensor:
        return self.head(self.frames)


@pytest.fixture
def recogniser() -> Recogniser:
    torch.manual_seed(2)
    return Recogniser()


def loss_of(name: str, recogniser: nn.Module, objective: str):
    penalty = make_penalty(name, TinyLM(), ABC, objective=objective)

    def loss() -> torch.Tensor:
        return penalty(recogniser(), LABELS, generator=generator(1)).loss

    return loss


def test_there_is_something_to_test() -> None:
    assert BROKEN == ["argmax"]
    assert len(WORKING) >= 6


@pytest.mark.parametrize(("name", "objective"), BOTH)
def test_the_gradient_arrives(gradient_flow, recogniser: Recogniser, name: str, objective: str) -> None:
    diagnosis = gradient_flow(loss_of(name, recogniser, objective), recogniser, counterfactual=False)
    assert set(diagnosis.wrt) == {"frames", "head.weight", "head.bias"}


@pytest.mark.parametrize("name", WORKING)
def test_the_gradient_arrives_beside_ctc(gradient_flow, recogniser: Recogniser, name: str) -> None:
    penalty = loss_of(name, recogniser, PENALTIES[name].objectives[-1])

    def terms() -> dict[str, torch.Tensor]:
        return {"ctc": recogniser().log_softmax(-1)[..., 1:].mean().neg(), "lm": 0.1 * penalty()}

    assert not gradient_flow(terms, recogniser, counterfactual=False).dead


@pytest.mark.parametrize(("name", "objective"), [(n, o) for n in BROKEN for o in PENALTIES[n].objectives])
def test_the_broken_one_is_broken_by_argmax(gradient_flow, recogniser, name: str, objective: str) -> None:
    diagnosis = gradient_flow.broken(
        loss_of(name, recogniser, objective),
        recogniser,
        kind="discrete_op",
        op="torch.Tensor.argmax",
        file="penalties/argmax.py",
    )
    assert diagnosis.findings[0].kind == "discrete_op"
    assert "argmax" in diagnosis.findings[0].op
    assert diagnosis.unreached == ("frames", "head.weight", "head.bias")


def test_a_correct_reading_closes_the_hinge_and_no_other_objective(gradient_flow) -> None:
    """At logits sure of the label, LM(y) - LM(label) is 0: a smooth penalty stays alive there, the hinge does not."""
    logits = logits_for(LABELS, 9, sure=9.0).requires_grad_()
    for objective in ("score", "hinge"):
        penalty = make_penalty("straight_through", TinyLM(), ABC, objective=objective)
        if objective == "score":
            gradient_flow(lambda p=penalty: p(logits, LABELS, generator=generator(1)).loss, {"logits": logits})
        else:
            gradient_flow.broken(lambda p=penalty: p(logits, LABELS, generator=generator(1)).loss, {"logits": logits})
