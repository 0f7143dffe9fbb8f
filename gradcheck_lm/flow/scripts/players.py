"""The optimizers of a script: which there are, when each steps, and how often it has."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Optimizer = torch.optim.Optimizer
_ENOUGH_WITHOUT = 10  # steps of one optimizer, while another has not been given any gradient


@dataclass
class Player:
    """One optimizer."""

    reference: weakref.ref[Optimizer]
    number: int
    steps: int = 0  # since the watching began, or began again


class Players:
    """Notes every optimizer that is made, and tells of its steps.

    Args:
        before: called with an optimizer and whether it was given a closure, before it steps.
        after: called with an optimizer, after it has stepped.
    """

    def __init__(self, before: Callable[[Optimizer, bool], None], after: Callable[[Optimizer], None]) -> None:
        self._before, self._after = before, after
        self._players: list[Player] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it is open; torch is as before afterwards."""
        original = torch.optim.Optimizer.__init__

        @functools.wraps(original)
        def noted(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._of(optimizer)

        torch.optim.Optimizer.__init__ = noted  # type: ignore[method-assign, assignment]
        hooks = [register_optimizer_step_pre_hook(self._begins), register_optimizer_step_post_hook(self._ends)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            torch.optim.Optimizer.__init__ = original  # type: ignore[method-assign]

    def alive(self) -> list[Optimizer]:
        """All that the script still holds, in the order in which they were made."""
        return [one for player in self._players if (one := player.reference()) is not None and one.param_groups]

    def number(self, optimizer: Optimizer) -> int:
        """Which of the script's optimizers it is."""
        return self._of(optimizer).number

    def have_stepped(self, times: int, *, at_most: int) -> bool:
        """Whether all that are waited for have stepped so often.

        Args:
            at_most: so many steps of another one are waited.
        """
        waited = self.waited_for()
        steps = [self._of(one).steps for one in waited]
        return bool(steps) and (min(steps) >= times or max(steps) >= at_most)

    def waited_for(self) -> list[Optimizer]:
        """All but those whose tensors have been given no gradient while another one has stepped often.

        A target network may have an optimizer of its own, which nobody calls.
        """
        alive = self.alive()
        often = max((self._of(one).steps for one in alive), default=0) >= _ENOUGH_WITHOUT
        return [one for one in alive if not often or self._of(one).steps or _has_gradient(one)]

    def start_again(self) -> None:
        """Count steps from here."""
        for player in self._players:
            player.steps = 0

    def _of(self, optimizer: Optimizer) -> Player:
        for player in self._players:
            if player.reference() is optimizer:
                return player
        self._players.append(Player(weakref.ref(optimizer), len(self._players)))
        return self._players[-1]

    def _begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._before(optimizer, any(value is not None for value in (*args[1:2], kwargs.get("closure"))))

    def _ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._of(optimizer).steps += 1
        self._after(optimizer)


def _has_gradient(optimizer: Optimizer) -> bool:
    tensors = (tensor for group in optimizer.param_groups for tensor in group["params"])
    return any(tensor.is_leaf and tensor.grad is not None for tensor in tensors)
