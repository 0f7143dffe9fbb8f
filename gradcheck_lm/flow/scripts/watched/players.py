"""The optimizers of a script: which there are, when each steps, and how often it has."""

from __future__ import annotations

import functools
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradcheck_lm.flow.scripts.program.phases import is_optimizer_to_come, is_training_to_come, where
from gradcheck_lm.flow.stepping.recording.log import is_inner_step
from gradcheck_lm.flow.watching.capture import capturing

Optimizer = torch.optim.Optimizer
_ENOUGH = 50  # steps of one optimizer, while another has not stepped twice, or is to come
_PATIENCE = 20.0  # seconds: a training before the one that is to come may take more steps, if they are quick
_MOST = 500  # steps, however quick
_ENOUGH_WITHOUT = 10  # steps of one optimizer, while another has not been given any gradient


@dataclass
class Player:
    """One optimizer."""

    reference: weakref.ref[Optimizer]
    number: int
    lines: tuple[int, ...] = ()  # of the script, by which it was made, the innermost first
    steps: int = 0  # since the watching began, or began again
    seen: bool = False  # it has stepped as often as was asked
    used: bool = False  # it has stepped at all


class Players:
    """Notes every optimizer that is made, and tells of its steps.

    Args:
        before: called with an optimizer and whether it was given a closure, before it steps.
        after: called with an optimizer, after it has stepped.
    """

    def __init__(self, before: Callable[[Optimizer, bool], None], after: Callable[[Optimizer], None]) -> None:
        self._before, self._after = before, after
        self._players: list[Player] = []
        self.file = ""  # the script's
        self._waited = 0  # steps, for another training to begin
        self._since = 0.0  # when the first of them was
        self._known: dict[tuple[tuple[int, ...], ...], bool] = {}  # for lines that run: whether another is to come
        self._where: tuple[int, ...] = ()  # the training that is over but for that
        self._last: Player | None = None  # that stepped

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it is open; torch is as before afterwards."""
        original = torch.optim.Optimizer.__init__

        @functools.wraps(original)
        def noted(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._of(optimizer).lines = _lines_in(self.file, sys._getframe(1))

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

    def have_stepped(self, times: int, *, variables: Mapping[str, Any]) -> bool:
        """Whether all that are waited for have stepped so often, and no other training is to come within some steps.

        Args:
            variables: the script's own, by which its text is understood.
        """
        lines = _lines_in(self.file, sys._getframe(1))
        if self._waited and where(self.file, lines) != self._where:  # another training has begun
            for player in self._players:
                player.steps, player.seen = int(player is self._last), False
            self._waited = 0
        waited = self.waited_for()
        steps = [self._of(one).steps for one in waited]
        if not self._players or (waited and min(steps) < times and max(steps) < _ENOUGH):
            return False
        for player in self._players:
            player.seen = True
        if not self._waited:
            self._since = time.monotonic()
        self._waited, self._where = self._waited + 1, where(self.file, lines)
        return not self._is_one_to_come(lines, variables) or self._has_waited_enough()

    def _is_one_to_come(self, lines: tuple[int, ...], variables: Mapping[str, Any]) -> bool:
        made = tuple(line for one in self._players for line in one.lines)
        if (lines, made) not in self._known:  # a long training asks at each of its steps
            optimizer = is_optimizer_to_come(self.file, made, variables)
            self._known[lines, made] = optimizer or is_training_to_come(self.file, lines)
        return self._known[lines, made]

    def _has_waited_enough(self) -> bool:
        return self._waited > _ENOUGH and (self._waited > _MOST or time.monotonic() - self._since > _PATIENCE)

    def waits_for_one_to_come(self) -> bool:
        """Whether all that there are were seen, and the script's text has another one."""
        return self._waited > 0 and not self.waited_for()

    def waited_for(self) -> list[Optimizer]:
        """All but those that were seen, and those that have been given no gradient while another one has stepped often.

        A target network may have an optimizer of its own, which nobody calls.
        """
        alive = [one for one in self.alive() if not self._of(one).seen]
        often = max((self._of(one).steps for one in alive), default=0) >= _ENOUGH_WITHOUT
        return [one for one in alive if not often or self._of(one).steps or _has_gradient(one)]

    def unused(self) -> list[Optimizer]:
        """Those that have not stepped, where others have."""
        alive = self.alive()
        unused = [one for one in alive if not self._of(one).used]
        return unused if len(unused) < len(alive) else []

    def start_again(self) -> None:
        """Count steps from here."""
        for player in self._players:
            player.steps, player.seen = 0, False
        self._waited = 0

    def _of(self, optimizer: Optimizer) -> Player:
        for player in self._players:
            if player.reference() is optimizer:
                return player
        self._players.append(Player(weakref.ref(optimizer), len(self._players)))
        return self._players[-1]

    def _begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not capturing() and not is_inner_step(sys._getframe(1), optimizer):
            self._before(optimizer, any(value is not None for value in (*args[1:2], kwargs.get("closure"))))

    def _ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if capturing() or is_inner_step(sys._getframe(1), optimizer):
            return  # written down, not taken; or a part of one
        self._last = self._of(optimizer)
        self._last.steps, self._last.used = self._last.steps + 1, True
        self._after(optimizer)


def _lines_in(file: str, frame: FrameType | None) -> tuple[int, ...]:
    """The lines of a file that are being run, one of each function that led here, the innermost first."""
    lines: list[int] = []
    while frame is not None:
        if frame.f_code.co_filename == file:
            lines.append(frame.f_lineno)
        frame = frame.f_back
    return tuple(lines)


def _has_gradient(optimizer: Optimizer) -> bool:
    tensors = (tensor for group in optimizer.param_groups for tensor in group["params"])
    return any(tensor.is_leaf and tensor.grad is not None for tensor in tensors)
