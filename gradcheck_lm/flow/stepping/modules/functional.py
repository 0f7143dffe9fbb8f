"""Training without backward(): what torch.func gives gradients for, and which modules run beside it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch._functorch import eager_transforms
from torch.utils._pytree import tree_leaves

from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Copying
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.moves import alike, fingerprint, unchanged
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.watching.sites import line_of


@dataclass
class Beside:
    """A module that runs with its own parameters, outside of all that torch.func does."""

    reference: weakref.ref[torch.nn.Module]
    place: int
    first: list[tuple[weakref.ref[torch.Tensor], torch.Tensor | None]] = field(repr=False)
    runs: int = 0


class Functional:
    """Sees what torch.func.grad is asked for, and modules that are called before and after."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.place = NOWHERE  # where it was asked first
        self._first: list[torch.Tensor | None] = []  # a few values of what the gradients are for
        self._last: list[torch.Tensor | None] = []
        self._shapes: list[torch.Size] = []
        self._inside: set[int] = set()  # modules that ran under torch.func
        self._beside: dict[int, Beside] = {}

    def install(self, wraps: Wraps) -> None:
        """grad and grad_and_value end in one function."""
        nothing = self.log.guarded(lambda token, result: None)
        wraps.attribute(eager_transforms, "grad_and_value_impl", self.log.guarded(self._asked), nothing)

    def _asked(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        _, argnums, _, args, _ = arguments
        wanted = [args[one] for one in ((argnums,) if isinstance(argnums, int) else argnums)]
        leaves = [one for one in tree_leaves(wanted) if isinstance(one, torch.Tensor)]
        self.place = self.log.place(frame) if self.place == NOWHERE else self.place
        if any(torch._C._functorch.is_functorch_wrapped_tensor(one) for one in leaves):
            return  # of another transform around it: there are no values to read
        values = [fingerprint(one) for one in leaves]
        shapes = [one.shape for one in leaves]
        if not self._first:
            self._shapes, self._first = shapes, values
        if shapes == self._shapes:
            self._last = values

    def ran(self, module: torch.nn.Module, frame: FrameType) -> None:
        """A module is called."""
        if self.place == NOWHERE:
            return
        if torch._C._functorch.peek_interpreter_stack() is not None:
            self._inside.add(id(module))
            return
        known = self._beside.get(id(module))
        if known is None or known.reference() is not module:
            own: list[torch.Tensor] = list(module.parameters())
            first = [(weakref.ref(one), fingerprint(one)) for one in own]
            known = self._beside[id(module)] = Beside(weakref.ref(module), self.log.place(frame), first)
        known.runs += 1

    def events(self) -> Iterator[Copying]:
        """Modules of the shapes that are trained, whose own parameters did not move while those did."""
        pairs = zip(self._first, self._last, strict=True)
        if self.place == NOWHERE or not any(not alike(one, two) for one, two in pairs):
            return
        for one in self._beside.values():
            module = one.reference()
            if module is None or one.runs < 2 or id(module) not in self._inside:
                continue
            own = list(module.parameters())
            the_same = len(own) == len(one.first) and all(
                reference() is tensor and unchanged(tensor, values)
                for tensor, (reference, values) in zip(own, one.first, strict=True)
            )
            if the_same and sorted(tensor.shape for tensor in own) == sorted(self._shapes):
                name = type(module).__name__
                yield Copying(self.log.time, one.place, what="left behind", into=name, where=self.asked_at())

    def asked_at(self) -> str:
        """file:line that asks torch.func for gradients, "" where none does."""
        return "" if self.place == NOWHERE else at(*line_of(self.log.sites[self.place]))
