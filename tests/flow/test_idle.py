"""What gets no gradient on purpose, what cancels, and that no verdict stands without a finding."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_lm import diagnose
from gradcheck_lm.flow import KINDS, record

CANCELS = "cancels" if "cancels" in KINDS else "zero_gradient"


def line_of(function: Callable[[], object], text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def test_gradients_that_meet_with_opposite_signs_are_told_where_they_meet() -> None:
    weight, other, data = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True), torch.randn(3)

    def loss() -> torch.Tensor:
        features = weight * data
        passed = features + (features.round() - features).detach()
        rest = features - passed  # here
        return rest.square().sum() + (other * data + rest).square().sum()

    diagnosis = diagnose(loss, {"weight": weight, "other": other})
    assert diagnosis.zero == ("weight",)
    first = diagnosis.findings[0]
    assert (first.kind, first.severity, first.tensors) == (CANCELS, "error", ("weight",))
    assert first.line == line_of(loss, "# here")


def test_a_term_that_cancels_is_told_beside_one_that_does_not() -> None:
    encoder, data = nn.Linear(4, 3), torch.randn(6, 4)

    def loss() -> torch.Tensor:
        code = encoder(data)
        fit = (code - 1).square().mean()
        rest = code - (code + (code.round() - code).detach())  # here
        commit = (rest - 0.3).square().mean()
        return fit + commit

    diagnosis = diagnose(loss, encoder)
    assert diagnosis.dead == ("commit",)
    assert not diagnosis.terms["fit"].dead
    first = diagnosis.findings[0]
    assert (first.kind, first.term, first.line) == (CANCELS, "commit", line_of(loss, "# here"))


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_a_term_that_is_zero_in_this_step_is_not_split_off(factor: float) -> None:
    model, data = nn.Linear(4, 3), torch.randn(6, 4)
    diagnosis = diagnose(lambda: model(data).square().mean() + factor * (model(data) - 1).abs().mean(), model)
    assert diagnosis.ok
    assert diagnosis.errors == ()
    assert list(diagnosis.terms) == ["loss"]


def test_a_layer_behind_a_dead_relu_does_not_wait_for_anything() -> None:
    first, second, data = nn.Linear(4, 4), nn.Linear(4, 2), torch.rand(6, 4)
    with torch.no_grad():
        first.weight.fill_(-1.0)
        first.bias.fill_(-1.0)
    diagnosis = diagnose(lambda: second(first(data).relu()).sum(), nn.ModuleList([first, second]))
    assert not diagnosis.ok
    assert {name for finding in diagnosis.errors for name in finding.tensors} == {"0.weight", "0.bias", "1.weight"}


def test_both_factors_at_zero_wait_for_ever() -> None:
    down, up, data = (torch.zeros(4, 2, requires_grad=True), torch.zeros(2, 3, requires_grad=True), torch.randn(5, 4))
    diagnosis = diagnose(lambda: (data @ down @ up - 1).square().mean(), {"down": down, "up": up})
    assert not diagnosis.ok
    assert diagnosis.errors


def test_both_factors_filled_with_zeros_are_told_where_they_were_filled() -> None:
    data = torch.randn(5, 4)

    class Adapter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
            for part in (self.down, self.up):
                nn.init.zeros_(part.weight)  # here

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.up(self.down(x))

    with record() as run:
        adapter = Adapter()
        loss = adapter(data).square().mean()
    diagnosis = run.diagnose(loss, adapter)
    assert diagnosis.zero == ("down.weight", "up.weight")
    assert {finding.line for finding in diagnosis.errors} == {line_of(Adapter, "# here")}
    assert {name for finding in diagnosis.errors for name in finding.tensors} == {"down.weight", "up.weight"}


def test_to_be_initialised_is_not_to_be_used() -> None:
    kept = nn.Linear(3, 3)
    data = torch.randn(2, 3)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = kept, nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)

    with record() as run:
        net = Net()
        loss = net(data).square().mean()
    idle = [finding for finding in run.diagnose(loss, net).errors if finding.kind == "constant"]
    assert {name for finding in idle for name in finding.tensors} == {"idle.weight", "idle.bias"}
    assert all(finding.why.startswith("No operation of this run uses it") for finding in idle)


def test_of_a_loss_that_was_not_recorded_nothing_is_certain() -> None:
    model, data = nn.Linear(3, 1), torch.randn(4, 3)
    unseen = model(data).detach().mean()
    with record() as run:
        model(data)
    (finding,) = run.diagnose(unseen, model).errors
    assert (finding.kind, finding.certainty, finding.line) == ("constant", "likely", 0)


def test_modules_in_a_list_are_asked_about_as_those_in_a_dict() -> None:
    trained, fixed, data = nn.Linear(3, 3), nn.Linear(3, 1).requires_grad_(False), torch.randn(4, 3)

    def loss() -> torch.Tensor:
        return fixed(trained(data)).square().mean()

    listed, named = diagnose(loss, [trained, fixed]), diagnose(loss, {"0": trained, "1": fixed})
    assert listed.ok
    assert named.ok
    assert [finding.kind for finding in listed.findings] == [finding.kind for finding in named.findings]
    assert not diagnose(loss, [trained.weight, fixed.weight]).ok  # named one by one: each of them is meant


def test_two_modules_of_one_class_have_two_names() -> None:
    coarse, fine, data = nn.Linear(3, 3), nn.Linear(3, 3), torch.randn(4, 3)
    graph = diagnose(lambda: (coarse(data) * fine(data)).mean(), nn.ModuleList([coarse, fine])).graph
    assert {node.module for node in graph.nodes if node.op.endswith("linear")} == {"Linear", "Linear #2"}


def test_a_cut_of_what_gets_nothing_is_not_called_harmless() -> None:
    weight, other, data = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True), torch.randn(3)

    def loss() -> torch.Tensor:
        half = weight * 2
        return (half.detach() * data).sum() + (half.detach() * other).sum()

    diagnosis = diagnose(loss, {"weight": weight, "other": other})
    assert [finding.severity for finding in diagnosis.findings] == ["error"] * len(diagnosis.findings)


def test_a_model_that_is_copied_or_cast_is_no_cut_to_be_noted() -> None:
    student, data = nn.Linear(3, 3), torch.randn(4, 3)

    def loss() -> torch.Tensor:
        teacher = copy.deepcopy(student).double()
        with torch.no_grad():
            goal = teacher(data.double()).float()
        return (student(data) - goal).square().mean()

    lines = {finding.line for finding in diagnose(loss, student).findings}
    assert line_of(loss, "deepcopy") not in lines


class Silent(torch.autograd.Function):
    """Its graph ends in it, and it says so to nobody."""

    @staticmethod
    def forward(ctx, value):  # type: ignore[no-untyped-def]
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return None


def test_no_verdict_without_a_finding() -> None:
    weight = torch.ones(3, requires_grad=True)
    scripted = torch.jit.script(_scripted)
    for program in (
        lambda: Silent.apply(weight).sum(),
        lambda: scripted(weight),
        lambda: (weight - weight).sum(),
        lambda: weight.sum() * 0.0,
        lambda: torch.tensor(weight.sum().item()),
        lambda: torch.zeros(()),
        lambda: 3.0,
    ):
        diagnosis = diagnose(program, {"weight": weight})
        assert not diagnosis.ok
        assert diagnosis.errors
        assert all(finding.line or finding.why for finding in diagnosis.errors)


def _scripted(value: torch.Tensor) -> torch.Tensor:
    return value.detach().sum()


def test_a_second_recording_knows_nothing_of_the_first() -> None:
    weight = torch.ones(3, requires_grad=True)
    with record() as run:
        first = (weight * 2).sum()
        held = run.recorder.recording
        run.recorder.start_again()
        second = (weight * 3).sum()
    assert run.recorder.recording is not held
    assert run.recorder.token_of(first) is None
    assert len(run.recorder.recording.calls) == len(held.calls) == 2
    assert held.call_of(first.grad_fn) == 1
    assert run.recorder.call_of(first.grad_fn) is None
    assert run.recorder.call_of(second.grad_fn) == 1
    assert run.diagnose(second, {"weight": weight}).ok
