"""Autograd against finite differences: five verdicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import compare_gradients


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        ctx.save_for_backward(value)
        return value**2

    @staticmethod
    def backward(ctx, gradient):
        (value,) = ctx.saved_tensors
        return 3 * value * gradient


WEIGHT = torch.tensor([0.3, -1.2, 2.2])
COSTS = torch.tensor([0.3, 2.0, -1.0])
CASES: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "smooth": ("agrees", lambda w: (w.tanh() * 3).sum()),
    "softmax": ("agrees", lambda w: (w.softmax(-1) * COSTS).sum()),
    "linear": ("agrees", lambda w: 2 * w.sum()),
    "detached": ("cut", lambda w: w.detach().square().sum()),
    "argmax_index": ("cut", lambda w: COSTS[w.argmax()]),
    "numpy": ("cut", lambda w: torch.tensor(float(w.detach().numpy().sum()))),
    "rounded": ("step", lambda w: (w * 2).round().sum()),
    "straight_through": ("step", lambda w: (w + (w.round() - w).detach()).sum()),
    "bad_backward": ("wrong", lambda w: Wrong.apply(w).sum()),
    "half_detached": ("wrong", lambda w: (w * w.detach()).sum()),
    "unused": ("constant", lambda w: torch.tensor(1.5)),
    "times_zero": ("constant", lambda w: (w * 0).sum()),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.needs("numpy") if n == "numpy" else []) for n in CASES]
)
def test_verdicts(name: str, dtype: torch.dtype) -> None:
    verdict, function = CASES[name]
    weight = WEIGHT.clone().to(dtype).requires_grad_()
    before = weight.detach().clone()
    comparison = compare_gradients(lambda: function(weight), {"w": weight})
    assert comparison.verdict == verdict, str(comparison)
    assert torch.equal(weight.detach(), before)
    assert weight.grad is None


def test_random_functions_are_called_with_the_same_draws() -> None:
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
    ).double()
    state = torch.get_rng_state()
    assert compare_gradients(lambda: model(torch.randn(5, 3).double()).square().mean(), model).verdict == "agrees"
    assert torch.equal(state, torch.get_rng_state())


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, factor):
        ctx.factor = factor
        return values * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return ctx.factor * gradient, None


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "agrees"), (-3.0, "wrong"), (3.0, "wrong")])
def test_a_small_gradient_beside_a_large_value_is_judged_by_the_steps_that_tell(factor: float, verdict: str) -> None:
    """In float32 the smallest steps of such a function are noise, with which every slope would agree."""
    weight = torch.tensor([0.1, -0.2, 0.3], requires_grad=True)
    small = torch.full((3,), 0.01)
    comparison = compare_gradients(lambda: _Scaled.apply((weight * small).sum(), factor) + 1, {"w": weight})
    assert (comparison.verdict == "agrees") == (verdict == "agrees"), str(comparison)


def test_bad_input() -> None:
    with pytest.raises(TraceError, match="pass a function"):
        compare_gradients(torch.ones(()), [torch.ones(1, requires_grad=True)])  # type: ignore[arg-type]
    with pytest.raises(TraceError, match="None"):
        compare_gradients(lambda: None, [torch.ones(1, requires_grad=True)])
