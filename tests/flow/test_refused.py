"""A loss that is not finite, a graph that is used up, a value that was overwritten: findings of diagnose and record."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradcheck_lm import diagnose_step
from gradcheck_lm.flow import Diagnosis, Finding, diagnose, record


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def both(fn: Callable[[], Any], wrt: Any) -> list[Diagnosis]:
    """Run by `diagnose`, and watched by `record`."""
    with record() as run:
        loss = fn()
    return [diagnose(fn, wrt), run.diagnose(loss, wrt)]


def first(diagnosis: Diagnosis) -> Finding:
    assert not diagnosis.ok
    assert diagnosis.errors
    return diagnosis.findings[0]


def test_the_operation_that_made_it_so_is_named_with_what_entered(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        hidden = model(torch.ones(2, 4)).clamp_min(0.0) * 0.0
        logs = hidden.log()
        return (logs * 0.0).sum()

    for diagnosis in both(loss, model):
        one = first(diagnosis)
        assert (one.kind, one.source, one.cause) == ("non_finite", "logs = hidden.log()", "forward_of_finite/logarithm")
        assert one.op == "torch.Tensor.log"
        assert "What enters it is finite (0)" in one.why
        assert math.isnan(diagnosis.terms["loss"].value)
        assert sum(finding.kind == "non_finite" for finding in diagnosis.findings) == 1


def test_the_one_term_that_is_not_finite_is_named(model: nn.Module) -> None:
    def loss() -> dict[str, torch.Tensor]:
        outputs = model(torch.ones(2, 4))
        return {"fine": outputs.square().mean(), "big": (outputs * 0 + 200.0).exp().sum()}

    for diagnosis in both(loss, model):
        one = first(diagnosis)
        assert (one.kind, one.term, one.op) == ("non_finite", "big", "torch.Tensor.exp")
        assert one.line == loss.__code__.co_firstlineno + 2
        assert diagnosis.terms["fine"].reaches


def test_a_weight_that_is_so_already(model: nn.Module) -> None:
    with torch.no_grad():
        model.weight[0, 0] = math.nan
    for diagnosis in both(lambda: model(torch.ones(2, 4)).sigmoid().mean(), model):
        assert (first(diagnosis).kind, first(diagnosis).cause) == ("non_finite", "forward_of_bad")


def test_labels_that_are_all_ignored(model: nn.Module) -> None:
    def loss(ignored: int) -> torch.Tensor:
        labels = torch.full((2,), ignored)
        return F.cross_entropy(model(torch.ones(2, 4)), labels, ignore_index=ignored)

    for ignored in (-100, 2):
        for diagnosis in both(lambda ignored=ignored: loss(ignored), model):  # type: ignore[misc]
            one = first(diagnosis)
            assert (one.kind, one.cause, one.values) == ("non_finite", "all_ignored", (("ignored", str(ignored)),))
            assert one.source.startswith("return F.cross_entropy")
    bad = torch.full((2, 4), math.inf)  # not finite for another reason
    one = first(diagnose(lambda: F.cross_entropy(model(bad), torch.tensor([0, -100])), model))
    assert one.cause != "all_ignored"
    weights = torch.tensor([0.0, 0.0, 1.0])  # 0 / 0 for another reason
    labels = torch.tensor([0, -100])
    one = first(diagnose(lambda: F.cross_entropy(model(torch.ones(2, 4)), labels, weight=weights), model))
    assert (one.kind, one.op) == ("non_finite", "torch.nn.functional.cross_entropy")
    assert one.cause != "all_ignored"


def test_a_plain_number_that_is_not_finite(model: nn.Module) -> None:
    for diagnosis in both(lambda: float("nan"), model):
        assert first(diagnosis).kind == "non_finite"
        assert first(diagnosis).why
    for diagnosis in both(lambda: {"fine": model(torch.ones(2, 4)).mean(), "odd": torch.tensor(math.inf)}, model):
        assert (first(diagnosis).kind, first(diagnosis).term) == ("non_finite", "odd")


@pytest.mark.parametrize(
    ("change", "cause"), [("hidden += 1", "kept"), ("hidden[0] = 1.0", "slice_written"), ("hidden.mul_(2)", "kept")]
)
def test_a_value_that_was_overwritten(model: nn.Module, change: str, cause: str) -> None:
    source = f"def loss():\n    hidden = model(torch.ones(2, 4)).sigmoid()\n    {change}\n    return hidden.sum()\n"
    scope: dict[str, Any] = {"model": model, "torch": torch}
    exec(compile(source, "program.py", "exec"), scope)
    for diagnosis in both(scope["loss"], model):
        one = first(diagnosis)
        assert (one.kind, one.line, one.cause) == ("changed_in_place", 3, cause)
        assert one.why.count("program.py:2") == 1
        assert any("backward() stops with an error" in note for note in diagnosis.notes)
    assert all(tensor.grad is None for tensor in model.parameters())


def test_a_state_that_is_carried_on(model: nn.Module) -> None:
    state = model(torch.ones(2, 4)).square()
    state.sum().backward()

    def loss() -> torch.Tensor:
        joined = state * model(torch.ones(2, 4))
        return joined.sum()

    for diagnosis in both(loss, model):
        one = first(diagnosis)
        assert (one.kind, one.source, one.cause) == (
            "graph_used_up",
            "joined = state * model(torch.ones(2, 4))",
            "state_carried",
        )
    with record() as run:  # its own backward() is no second one
        value = model(torch.ones(2, 4)).square().sum()
        value.backward()
    assert run.diagnose(value, model).ok
    older = model(torch.ones(2, 4)).square()
    with record() as run:  # nor is one that goes back further than the block, for the first time
        value = (older * model(torch.ones(2, 4)).square()).sum()
        value.backward()
    assert run.diagnose(value, model).ok


def test_a_step_that_goes_back_a_second_time_names_both_lines() -> None:
    torch.manual_seed(0)
    cell = nn.RNN(4, 3)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    inputs, states = torch.randn(5, 2, 4), [torch.zeros(1, 2, 3)]

    def step() -> None:
        optimizer.zero_grad()
        outputs, states[0] = cell(inputs, states[0])
        outputs.square().mean().backward()
        optimizer.step()

    report = diagnose_step(step, cell, optimizer)
    one = report.findings[0]
    start = step.__code__.co_firstlineno
    assert (one.kind, one.line, one.cause) == ("graph_used_up", start + 2, "state_carried")
    assert f":{start + 3}" in one.why
    assert not report.ok

    def fails() -> None:
        raise RuntimeError("modified by an inplace operation")  # not autograd's: no backward() raised it

    with pytest.raises(RuntimeError, match="inplace"):
        diagnose_step(fails, cell, optimizer)
