"""When a loss is asked about with backward passes of its own, and when the program's own one tells enough."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_lm.flow import StepReport, diagnose_step
from gradcheck_lm.flow.asking import inquiry


class Trainer:
    def __init__(self, penalty: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.penalty = penalty

    def step(self) -> None:
        out = self.model(torch.randn(5, 4))
        loss = nn.functional.cross_entropy(out, torch.randint(0, 3, (5,)))
        if self.penalty is not None:
            loss = loss + self.penalty(out)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def report(self, steps: int = 2) -> StepReport:
        return diagnose_step(self.step, self.model, self.optimizer, steps=steps)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a loss is asked about."""
    calls: list[int] = []
    original = inquiry.Inquiry.answer

    def answer(self: inquiry.Inquiry) -> object:
        calls.append(1)
        return original(self)

    monkeypatch.setattr(inquiry.Inquiry, "answer", answer)
    return calls


def test_a_healthy_loss_costs_no_backward_pass_of_ours(asked: list[int]) -> None:
    report = Trainer().report()
    assert report.ok
    assert asked == []
    (diagnosis,) = report.diagnoses
    assert diagnosis.ok
    assert diagnosis.wrt == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert diagnosis.terms["loss"].reaches == diagnosis.wrt
    assert diagnosis.terms["loss"].gradient_norm > 0
    assert diagnosis.notes[0].startswith("read off the program's own backward()")


DEAD = {
    "argmax": (lambda out: 0.1 * out.argmax(-1).float().mean(), "discrete_op"),
    "detach": (lambda out: 0.1 * out.detach().square().mean(), "detach"),
    "item": (lambda out: 0.1 * torch.tensor(out.mean().item()), "left_torch"),
}


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_term_is_found_though_its_parameters_live(name: str, asked: list[int]) -> None:
    penalty, kind = DEAD[name]
    report = Trainer(penalty).report()
    assert asked
    assert not report.ok, str(report)
    assert report.findings[0].kind == kind
    assert report.findings[0].source.startswith(f'"{name}"')


@pytest.mark.parametrize("penalty", [lambda out: out.round().mean(), lambda out: (out - 9).clamp(min=0).mean()])
def test_flat_operations_in_a_loss_are_asked_about(
    penalty: Callable[[torch.Tensor], torch.Tensor], asked: list[int]
) -> None:
    Trainer(penalty).report()
    assert asked == [1]


def test_what_was_zero_at_the_first_step_is_asked_about_at_the_second(asked: list[int]) -> None:
    trainer = Trainer()
    with torch.no_grad():
        trainer.model[2].weight.zero_()  # a zero-initialised head: the body gets a gradient from the second step on
    assert trainer.report().ok
    assert len(asked) <= 1
    asked.clear()
    trainer = Trainer()
    trainer.model[1] = nn.Threshold(1e6, 0.0)  # and a layer that stays dead
    report = trainer.report()
    assert not report.ok
    assert report.findings[0].kind == "zero_gradient"
    assert len(asked) == 1


def test_one_step_alone_is_always_asked_about(asked: list[int]) -> None:
    Trainer().report(steps=1)
    assert asked == [1]
