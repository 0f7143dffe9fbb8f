"""What a GradScaler does to the gradients of a watch: multiplied losses, gradients divided, turns skipped."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import Change, Step
from gradcheck_lm.flow.stepping.optimizers.turns import Turns
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.wraps import Wraps


class Scaling:
    """Sees what a GradScaler multiplies, divides and skips."""

    def __init__(self, log: Log, turns: Turns, scaled: list[weakref.ref[torch.Tensor]]) -> None:
        self.log = log
        self.turns = turns
        self.scaled = scaled
        self.on_skip: Callable[[], None] | None = None  # called when a turn was skipped

    def install(self, wraps: Wraps) -> None:
        """All GradScalers are one class or inherit from it."""
        guarded, scaler = self.log.guarded, torch.amp.GradScaler
        wraps.attribute(scaler, "scale", guarded(self._call), guarded(self._scaled))
        wraps.attribute(scaler, "unscale_", guarded(self._call), guarded(self._unscaled))
        wraps.attribute(scaler, "step", guarded(self._stepping), guarded(self._stepped))
        wraps.attribute(scaler, "update", guarded(self._call), guarded(self._updated))

    def _call(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        if not getattr(arguments[0], "_enabled", False):
            return None
        self.log.settle()
        optimizer = next((one for one in (*arguments[1:], *keywords.values())), None)
        return optimizer if isinstance(optimizer, torch.optim.Optimizer) else None, self.log.place(frame)

    def _scaled(self, token: Any, result: Any) -> None:
        if token is not None and isinstance(result, torch.Tensor):
            self.scaled.append(weakref.ref(result))

    def _unscaled(self, token: Any, result: Any) -> None:
        if token is None or token[0] is None:
            return
        self.log.accounts.look()
        self._change(token[0], token[1])

    def _change(self, optimizer: torch.optim.Optimizer, place: int) -> None:
        contents = {
            one: self.log.accounts[one].contents
            for one in self.turns.indices(optimizer)
            if self.log.accounts[one].contents
        }
        holder = self.turns.number(optimizer)
        self.log.add(
            Change(self.log.tick(), place, what="unscaled", count=len(contents), contents=contents, holder=holder)
        )

    def _stepping(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        token = self._call(arguments, keywords, frame)
        if token is None or token[0] is None:
            return None
        optimizer = token[0]
        if getattr(optimizer, "_step_supports_amp_scaling", False):  # it divides by the factor itself
            stage = arguments[0]._per_optimizer_states[id(optimizer)]["stage"]
            if stage.name == "READY":
                self._change(optimizer, token[1])
        index = self.turns.number(optimizer)
        steps = self.turns.held[index].steps if index is not None else 0
        return optimizer, token[1], index, steps, float(arguments[0].get_scale())

    def _stepped(self, token: Any, result: Any) -> None:
        if token is None or token[2] is None or self.turns.held[token[2]].steps > token[3]:
            return
        optimizer, place, index, steps, factor = token
        used = {one: self.log.accounts[one].contents for one in self.turns.indices(optimizer)}
        used = {one: contents for one, contents in used.items() if contents}
        time = self.log.tick()
        self.log.add(Step(time, place, holder=index, number=steps, used=used, skipped=True, factor=factor, began=time))
        if self.on_skip is not None:
            self.on_skip()

    def _updated(self, token: Any, result: Any) -> None:
        if token is not None:
            self.log.add(Change(self.log.tick(), token[1], what="updated"))
