"""What is done to gradients between backward() and step(): cleared, clipped."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.nn.utils import clip_grad

from gradcheck_lm.flow.stepping.ledger.ledger import Change, Clearing
from gradcheck_lm.flow.stepping.recording.log import Log, step_around
from gradcheck_lm.flow.stepping.recording.wraps import Wraps


@dataclass
class Edit:
    """A call that edits gradients, while it runs."""

    place: int
    who: Any
    inside: int | None
    given: list[torch.Tensor]
    limit: float | None = None


class Edits:
    """Sees zero_grad of optimizers and modules, and torch's own clipping under whatever name it was imported."""

    def __init__(self, log: Log, number_of: Callable[[torch.optim.Optimizer | None], int | None]) -> None:
        self.log = log
        self.number_of = number_of

    def install(self, wraps: Wraps) -> None:
        """zero_grad by its classes; clipping by what torch's no_grad wrapper around it calls."""
        guarded = self.log.guarded
        for owner in (torch.optim.Optimizer, torch.nn.Module):
            wraps.attribute(owner, "zero_grad", guarded(self._clearing), guarded(self._cleared))
        for name in ("_clip_grads_with_norm_", "clip_grad_value_"):
            wraps.cell(getattr(clip_grad, name, None), guarded(self._clipping), guarded(self._clipped))

    # ------------------------------------------------------------------ cleared

    def _clearing(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Edit:
        self.log.settle()
        self.log.editing += 1
        return Edit(self.log.place(frame), arguments[0], self.number_of(step_around(frame)), [])

    def _cleared(self, edit: Edit | None, result: Any) -> None:
        if edit is None:
            return
        accounts = self.log.accounts
        self.log.editing -= 1
        difference = accounts.look()
        erased = dict(difference.gone)
        for index in difference.changed:  # set_to_none=False
            account = accounts[index]
            if account.contents:
                erased[index] = account.contents
            account.contents = ()
        holder = self.number_of(edit.who) if isinstance(edit.who, torch.optim.Optimizer) else None
        self.log.add(
            Clearing(
                self.log.tick(),
                edit.place,
                inside=edit.inside,
                who=type(edit.who).__name__,
                holder=holder,
                erased=erased,
                moved=accounts.moved(erased),
            )
        )

    # ------------------------------------------------------------------ clipped

    def _clipping(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Edit:
        given: Any = arguments[0] if arguments else keywords.get("parameters")
        if isinstance(given, torch.Tensor):
            tensors = [given]
        else:
            tensors = list(given)
            again: Any = given
            if isinstance(given, types.GeneratorType):
                again = (tensor for tensor in tensors)  # the one that was given is used up now
            elif iter(given) is given:
                again = iter(tensors)
            if arguments:
                arguments[0] = again
            else:
                keywords["parameters"] = again
        self.log.settle()
        limit = arguments[1] if len(arguments) > 1 else keywords.get("max_norm", keywords.get("clip_value"))
        inside = self.number_of(step_around(frame))
        return Edit(self.log.place(frame), None, inside, tensors, None if limit is None else float(limit))

    def _clipped(self, edit: Edit | None, result: Any) -> None:
        if edit is None:
            return
        accounts = self.log.accounts
        accounts.look()
        met = [accounts.of(tensor) for tensor in edit.given]
        contents = {account.index: account.contents for account in met if account.gradient is not None}
        without = tuple(account.index for account in met if account.gradient is None)
        self.log.add(
            Change(
                self.log.tick(), edit.place, inside=edit.inside, count=len(met), contents=contents, without=without,
                limit=edit.limit,
            )
        )  # fmt: skip
