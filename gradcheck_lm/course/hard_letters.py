"""Hard letters, a curved score of them, and estimators of its slope: what exercise 8 is examined with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(logits: Tensor) -> Tensor:
    """The letters of the largest logits."""
    return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)


def logits_and_weights() -> tuple[Tensor, Tensor]:
    """Logits of 4 letters of 3 classes, and a weight for each entry."""
    torch.random.default_generator.manual_seed(51)
    return torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)


def score(letters: Tensor) -> Tensor:
    """A score that is curved, so that its slope at hard letters is not that at soft ones."""
    _, weights = logits_and_weights()
    return ((letters * weights).sum(-1).exp() * torch.arange(1.0, 1.0 + len(letters), dtype=letters.dtype)).sum()


def slope_at_hard(logits: Tensor) -> Tensor:
    """The slope of the score at the hard letters."""
    letters = one_hot(logits.detach()).requires_grad_()
    return torch.autograd.grad(score(letters), letters)[0]


def through(letters: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An estimator that scores the letters made of (hard, soft)."""
    return lambda x: score(letters(one_hot(x), x.softmax(-1)))


def first_row(x: Tensor) -> Tensor:
    """x with zeros in all rows but the first."""
    return x * (torch.arange(len(x)) == 0)[:, None]


class HalfBelow(torch.autograd.Function):
    """x squared, with half of the right gradient below 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * torch.where(x < 0, x, 2 * x)
