"""Gradients of a wrong value, asked about on request: what a custom backward does with what comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from typer.testing import CliRunner

from gradcheck_lm import diagnose
from gradcheck_lm.cli import app


class Ignoring(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(value)
        return value.square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (value,) = ctx.saved_tensors
        local = 2 * value
        return local


class Clipping(Ignoring):
    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clamp(-0.01, 0.01)


class Signing(Ignoring):
    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.sign()


class Noisy(Ignoring):
    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient + torch.randn_like(gradient)


class Nothing(Ignoring):
    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:
        return None


class Outside(torch.autograd.Function):
    """Nothing that the recorder sees runs in its forward."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, other: float) -> tuple[torch.Tensor, torch.Tensor]:
        with torch._C.DisableTorchFunction():
            return value * other, value * 2

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return torch.ones_like(gradients[0]), None


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def test_the_line_that_returns_is_named_and_the_line_that_applies_it(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        outputs = Ignoring.apply(model(torch.ones(2, 4)))
        return 0.5 * outputs.mean()

    found = diagnose(loss, model, check_values=True)
    (one,) = found.findings
    assert not found.ok
    assert (one.kind, one.certainty, one.severity) == ("wrong_value", "confirmed", "error")
    returned = next(
        number for number, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "return local" in line
    )
    assert (one.line, one.op) == (returned, "Ignoring.backward")
    assert f"{Path(__file__).name}:{loss.__code__.co_firstlineno + 1}, where it is applied" in one.why
    assert "A gradient arrives with a wrong value, made by Ignoring.backward" in str(found)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_nothing_of_it_runs_unasked(model: nn.Module) -> None:
    calls = []

    class Counting(Ignoring):
        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            calls.append(gradient)
            return gradient

    def loss() -> torch.Tensor:
        return Counting.apply(model(torch.ones(2, 4))).mean() * 2

    assert diagnose(loss, model).ok
    unasked = len(calls)
    state = torch.get_rng_state()
    assert diagnose(loss, model, check_values=True).ok
    assert len(calls) == 2 * unasked + 2
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("function", [Clipping, Signing, Noisy])
def test_a_backward_that_uses_what_comes_in_in_its_own_way(model: nn.Module, function: Any) -> None:
    found = diagnose(lambda: function.apply(model(torch.ones(2, 4))).mean() * 2, model, check_values=True)
    assert found.ok, str(found)


def test_a_backward_that_draws_and_uses_nothing_of_what_comes_in(model: nn.Module) -> None:
    class Drawing(Ignoring):
        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return torch.randn_like(gradient)

    found = diagnose(lambda: Drawing.apply(model(torch.ones(2, 4))).mean() * 2, model, check_values=True)
    assert [one.kind for one in found.findings] == ["wrong_value"]


def test_a_backward_that_gives_nothing_is_told_as_that_alone(model: nn.Module) -> None:
    found = diagnose(lambda: Nothing.apply(model(torch.ones(2, 4))).mean() * 2, model, check_values=True)
    assert "wrong_value" not in {one.kind for one in found.findings}
    assert not found.ok


def test_a_loss_of_its_own_is_passed_over(model: nn.Module) -> None:
    class Total(Ignoring):
        @staticmethod
        def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(value)
            return value.square().sum()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return 2 * ctx.saved_tensors[0]

    assert diagnose(lambda: Total.apply(model(torch.ones(2, 4))), model, check_values=True).ok
    assert not diagnose(lambda: -Total.apply(model(torch.ones(2, 4))), model, check_values=True).ok


def test_two_outputs_and_a_forward_out_of_sight(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        first, second = Outside.apply(model(torch.ones(2, 4)), 3.0)
        return (first + second).mean() * 5

    (one,) = diagnose(loss, model, check_values=True).errors
    assert (one.kind, one.op) == ("wrong_value", "Outside.backward")
    assert any(f":{loss.__code__.co_firstlineno + place}, where" in one.why for place in (1, 2))


SCRIPT = """\
import torch
from torch import nn


class Score(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        ctx.save_for_backward(value)
        return value.square()

    @staticmethod
    def backward(ctx, gradient):
        print("backward")
        return 2 * ctx.saved_tensors[0]


model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    (-Score.apply(model(torch.ones(2, 4))).mean()).backward()
    optimizer.step()
"""


def test_a_script_is_asked_with_the_option_alone(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    runner = CliRunner()
    plain = runner.invoke(app, ["run", str(script)])
    assert plain.exit_code == 0
    assert plain.output.splitlines().count("backward") == 2  # its own, in two steps
    asked = runner.invoke(app, ["run", "--check-values", str(script)])
    assert asked.exit_code == 1
    assert "GF801 wrong_value: a gradient of the wrong value (confirmed" in asked.output
    assert "train.py:21" in asked.output
    assert asked.output.splitlines().count("backward") == 6
    assert "A gradient arrives with a wrong value, made by Score.backward at train.py:14." in asked.output
