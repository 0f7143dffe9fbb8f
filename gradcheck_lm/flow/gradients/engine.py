"""Who answers what the gradients are: passes of our own here; a program's own pass, read while it runs, in own_pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from gradcheck_lm.flow.gradients.autograd import Gradients, gradients
from gradcheck_lm.flow.gradients.deaths import Death, deaths


class Engine(Protocol):
    """Answers what the gradients of a loss are, and where they die."""

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """Gradients of `loss`, or of an `edge` in its graph."""

    def deaths(
        self,
        loss: torch.Tensor,
        tensors: Sequence[torch.Tensor],
        call_of: Callable[[Any], int | None],
        edge: Any = None,
    ) -> dict[int, Death]:
        """Where the gradient of `loss`, or of an `edge` in its graph, dies on its way to each tensor, by position."""


class Autograd:
    """Autograd asked by backward passes of our own."""

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """Gradients of `loss`, or of an `edge` in its graph."""
        return gradients(loss, tensors, edge)

    def deaths(
        self,
        loss: torch.Tensor,
        tensors: Sequence[torch.Tensor],
        call_of: Callable[[Any], int | None],
        edge: Any = None,
    ) -> dict[int, Death]:
        """Where the gradient of `loss`, or of an `edge` in its graph, dies on its way to each tensor, by position."""
        return deaths(loss, tensors, call_of, edge)
