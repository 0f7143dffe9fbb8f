"""A step's penalty with its gradient at the logits worked out: two backward passes need one through the penalty."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.training.terms import StepTerms, TermFunction


class _WorkedOut(torch.autograd.Function):
    """A number whose gradient is known. It arrives times 1, which changes no bit."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, gradient: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return outputs[0] * gradient, None, None


def worked_out(found: StepTerms, *, scaled: bool = False) -> StepTerms:
    """The same terms with the same gradients, to the bit; that of the penalty, through the language model, is worked
    out now and once.

    A term that is measured by itself and then again as a part of the loss would go through it twice.

    Args:
        scaled: the loss will be multiplied before its backward pass, in which halves underflow less than they would
            here: the terms stay as they are.
    """
    lm, logits = found.terms.get("lm"), found.logits
    if scaled or lm is None or logits is None or not (lm.requires_grad and logits.requires_grad):
        return found
    (gradient,) = torch.autograd.grad(lm, logits, retain_graph=True, allow_unused=True)
    if gradient is None:  # it learns something else: as a language model that was thawed
        return found
    known: Any = _WorkedOut.apply(logits, gradient, lm.detach())
    return dataclasses.replace(found, terms={**found.terms, "lm": known})


def looked_at(terms: TermFunction, look: Callable[[nn.Module, Batch, StepTerms], object]) -> TermFunction:
    """The same terms, to the bit, and the first step's shown to `look`, with the penalty's gradient worked out: it may
    take backward passes of its own through them, which do not go through the language model.

    The loss must not be scaled: see `worked_out`.
    """
    shown = False

    def looking(model: nn.Module, batch: Batch) -> StepTerms:
        nonlocal shown
        found = terms(model, batch)
        if not shown:
            shown = True
            found = worked_out(found)
            look(model, batch, found)
        return found

    return looking
