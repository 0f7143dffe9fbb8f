"""Autograd against finite differences, with the question that gradcheck leaves out: does the function move at all?"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.display import Displayed
from gradcheck_lm.errors import TraceError, class_of
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors, number_of

_STEPS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 3.0)  # in units of the tensor's own size
_RANK = ("wrong", "cut", "step", "agrees", "constant")

MEANING = {
    "agrees": "autograd's gradient is the slope of the function.",
    "cut": "the function moves with these tensors and autograd gives no gradient at all: the graph is cut.",
    "wrong": "autograd's gradient is not the slope of the function.",
    "step": "the function is a staircase here: its slope is 0 or undefined, and any other gradient is a surrogate.",
    "constant": "the function does not move with these tensors, however far they go.",
}


@dataclass(frozen=True)
class Slope:
    """One tensor along one random direction."""

    verdict: str
    autograd: float | None  # None: no gradient
    numerical: float
    step: float  # size of the step, in units of the tensor's own size


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """What finite differences say of autograd's gradient."""

    verdict: str  # "agrees" | "cut" | "wrong" | "step" | "constant"
    slopes: dict[str, Slope]

    def _headline(self) -> str:
        return f"{self.verdict}, {len(self.slopes)} tensors"

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {MEANING[self.verdict]}"]
        for name, slope in self.slopes.items():
            mine = "none" if slope.autograd is None else f"{slope.autograd:.6g}"
            lines.append(f"  {name}: {slope.verdict} (autograd {mine}, finite difference {slope.numerical:.6g})")
        return "\n".join(lines)


def compare_gradients(fn: Callable[[], Any], wrt: Any, *, seed: int = 0, tolerance: float | None = None) -> Comparison:
    """Hold autograd's gradient of `fn` against finite differences, one random direction a tensor.

    Unlike torch.autograd.gradcheck it asks whether the function moves at all: a cut graph and a staircase do not pass.

    Args:
        fn: takes nothing and returns one number; called with the same random state each time.
        wrt: the model, a dict of tensors, or tensors; they are moved in place and put back to the bit.
        seed: of the directions. tolerance: relative; default 1e-5 for float64, 0.05 for float32.
    Raises:
        TraceError: fn gives no finite number, or wrt holds no tensor.
    Gradient: none is left behind.
    """
    __tracebackhide__ = True
    if not callable(fn):
        raise TraceError(f"fn is {class_of(fn)}; pass a function of no arguments that computes the loss.")
    named, _ = named_tensors(wrt)
    generator = torch.Generator().manual_seed(seed)
    with same_randomness() as rewind:
        value = _total(fn())
        asked = {name: tensor for name, tensor in named.items() if tensor.requires_grad}
        grads: dict[str, torch.Tensor | None] = dict.fromkeys(named)
        if isinstance(value, torch.Tensor) and value.requires_grad and asked:
            found = torch.autograd.grad(value.reshape(()), list(asked.values()), allow_unused=True)
            grads.update(zip(asked, found, strict=True))
        base = number_of(value)
        slopes = {}
        for name, tensor in named.items():
            drawn = torch.complex128 if tensor.is_complex() else torch.float64
            direction = torch.randn(tensor.shape, generator=generator, dtype=drawn).to(tensor.device, tensor.dtype)
            grad = grads[name]
            # of a complex tensor autograd gives the gradient whose conjugate, times a step, moves the loss
            own = None if grad is None else float((grad.detach().to(drawn).conj() * direction.to(drawn)).sum().real)
            slopes[name] = _slope(fn, tensor, direction, own, base, rewind, tolerance)
    verdict = min((slope.verdict for slope in slopes.values()), key=_RANK.index)
    return Comparison(verdict, slopes)


def _total(result: Any) -> torch.Tensor | float:
    terms, _ = loss_terms(result, source="what fn returned")
    return sum(terms.values()) if len(terms) > 1 else next(iter(terms.values()))


@contextmanager
def same_randomness() -> Iterator[Callable[[], None]]:
    """Gives what sets all sources of random numbers back to where they stood; they stand there afterwards too."""
    python, state = random.getstate(), torch.get_rng_state()
    numpy = sys.modules.get("numpy")
    array = numpy.random.get_state() if numpy is not None else None
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else None

    def rewind() -> None:
        random.setstate(python)
        torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if numpy is not None:
            numpy.random.set_state(array)

    try:
        yield rewind
    finally:
        rewind()


def _slope(
    fn: Callable[[], Any],
    tensor: torch.Tensor,
    direction: torch.Tensor,
    own: float | None,
    base: float,
    rewind: Callable[[], None],
    tolerance: float | None,
) -> Slope:
    kept = tensor.detach().clone()
    size = float(kept.abs().double().pow(2).mean().sqrt()) if kept.numel() else 0.0
    unit = size if size > 0 else 1.0
    double = tensor.dtype in (torch.float64, torch.complex128)
    tolerance = tolerance if tolerance is not None else (1e-5 if double else 0.05)
    precision = 1e-15 if double else 3e-7

    def moved(step: float) -> float:
        tensor.data.copy_(kept + step * direction)
        rewind()
        try:
            return number_of(_total(fn()))
        except TraceError:  # not a finite number so far out
            return float("nan")

    try:
        table = []
        for step in _STEPS:
            up, down = moved(step * unit), moved(-step * unit)
            noise = precision * max(abs(base), abs(up), 1e-30) * 20
            table.append(
                (
                    step,
                    (up - down) / (2 * step * unit),
                    max(abs(up - base), abs(down - base)) > noise,
                    noise / (step * unit),
                )
            )
    finally:
        tensor.data.copy_(kept)
        rewind()
    return _judge(own, table, tolerance)


def _judge(own: float | None, table: list[tuple[float, float, bool, float]], tolerance: float) -> Slope:
    moves = [row for row in table if row[2] and row[1] == row[1]]
    if not moves:
        agrees = own is not None and own != 0.0
        return Slope("wrong" if agrees else "constant", own, 0.0, table[0][0])
    if own is None:
        return Slope("cut", None, moves[0][1], moves[0][0])
    near = [row for row in table if row[0] <= 0.1 and (own != 0 or row[1] != 0)]
    # a step whose noise is as large as the slopes agrees with everything: it counts where there is no better one
    telling = [row for row in near if 2 * row[3] < max(abs(row[1]), abs(own))]
    for step, slope, _, noise in telling or near:
        if abs(slope - own) <= tolerance * max(abs(slope), abs(own)) + noise:
            return Slope("agrees", own, slope, step)
    smooth = next((row for row in table[:3] if row[2]), None)
    if smooth is None or _jumps(table):
        return Slope("step", own, moves[0][1], moves[0][0])
    return Slope("wrong", own, smooth[1], smooth[0])


def _jumps(table: list[tuple[float, float, bool, float]]) -> bool:
    """Finite differences of a staircase: still for a while, then as large as 1 / step."""
    still = [row for row in table[:3] if not row[2]]
    return bool(still) and any(row[2] for row in table[1:])
