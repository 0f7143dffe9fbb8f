"""A training step seen from outside: who gives, clears, clips, scales and uses each gradient, and on which line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.dropping import DROPOUTS, dropped
from gradcheck_lm.flow.stepping.edits import Edits
from gradcheck_lm.flow.stepping.ledger import NOWHERE, Ledger
from gradcheck_lm.flow.stepping.log import Log, step_around
from gradcheck_lm.flow.stepping.losses import Losses
from gradcheck_lm.flow.stepping.modules import Modules
from gradcheck_lm.flow.stepping.passes import OnBackward, Passes
from gradcheck_lm.flow.stepping.scaling import Scaling
from gradcheck_lm.flow.stepping.summary import Summary
from gradcheck_lm.flow.stepping.turns import OnStep, Turns
from gradcheck_lm.flow.stepping.wraps import Wraps
from gradcheck_lm.flow.watching.recorder import Recorder

_TENSOR = torch.Tensor
SET: Any = _TENSOR.grad.__set__  # type: ignore[union-attr]
READS = frozenset([_TENSOR.item, _TENSOR.__float__, _TENSOR.tolist, _TENSOR.numpy, _TENSOR.detach, _TENSOR.__format__])  # type: ignore[attr-defined]
_IN_PLACE = (
    "lerp_ mul_ div_ clamp_ clip_ zero_ add_ sub_ neg_ copy_ fill_ nan_to_num_ __imul__ __itruediv__ __iadd__ __isub__"
)
_OF_LISTS = "lerp_ mul_ div_ add_ sub_ copy_ zero_ neg_ clamp_min_ clamp_max_"
# the functions that `Watcher.told` wants to hear of before they run
TOLD = (
    READS
    | DROPOUTS
    | {SET}
    | {getattr(_TENSOR, name) for name in _IN_PLACE.split() if hasattr(_TENSOR, name)}
    | {getattr(torch, name) for one in _OF_LISTS.split() if hasattr(torch, name := f"_foreach_{one}")}
)


class Watcher:
    """Watches training steps between enter and exit; changes nothing, raises nothing, and keeps no tensor alive.

    Args:
        modules, optimizers: those that there are already; others are met when they are called or made.
        on_backward: called before each backward() with the losses and the user's line. What it raises passes.
        on_step: called after each step() with the optimizer.
    """

    def __init__(
        self,
        modules: Iterable[torch.nn.Module] = (),
        optimizers: Iterable[torch.optim.Optimizer] = (),
        *,
        on_backward: OnBackward | None = None,
        on_step: OnStep | None = None,
    ) -> None:
        self.log = Log()
        self.turns = Turns(self.log)
        self.passes = Passes(self.log, self.turns.number)
        self.edits = Edits(self.log, self.turns.number)
        self.modules = Modules(self.log)
        self.scaling = Scaling(self.log, self.turns, self.passes.scaled)
        self.passes.on_backward, self.turns.on_step = on_backward, on_step
        self.losses = Losses(self.log)
        self.turns.before_first_step = self.modules.note_ties
        self.turns.others = self.modules.parameters
        self._wraps = Wraps()
        self._given = list(modules), list(optimizers)

    def __enter__(self) -> Watcher:
        modules, optimizers = self._given
        for part in (self.passes, self.edits, self.turns, self.modules, self.scaling):
            part.install(self._wraps)
        with torch._C.DisableTorchFunction():
            self.modules.given(modules)
            for optimizer in optimizers:
                self.turns.meet(optimizer, NOWHERE)
        self._given = [], []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._wraps.close()

    def stop(self) -> None:
        """See nothing more, before the exit: what stands in for torch's functions only passes on from here."""
        if not self._wraps.closed:
            self._wraps.closed = True
            self.turns.remove()
            self.modules.remove()
            self.log.guarded(self.log.settle)()

    def told(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, frame: FrameType) -> None:
        """A recorder hands over what it sees of `TOLD`: gradients changed by hand, numbers that are read, dropout."""
        self.log.guarded(self._told)(func, args, kwargs or {}, frame)

    def _told(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType) -> None:
        if func in DROPOUTS:
            if (event := dropped(self.log, func, kwargs, frame)) is not None:
                self.log.add(event)
            return
        if func in READS:
            self.losses.read(args[0])
            return
        if self.log.editing or step_around(frame) is not None:
            return
        for tensor in args[0] if isinstance(args[0], list | tuple) else args[:1]:
            if func == SET or id(tensor) in self.log.accounts.gradients:
                self.log.settle()
                self.log.hand = self.log.place(frame)
            elif tensor.grad_fn is None and (index := self.log.accounts.at(tensor)) is not None:
                self.log.writes[index] = self.log.place(frame)
            elif func is _TENSOR.copy_ and tensor.layout is torch.strided:
                self.log.copied[tensor.data_ptr()] = self.log.place(frame)

    def numbers(self, recorder: Recorder, roots: Sequence[torch.Tensor] = ()) -> None:
        """Before a backward() on these roots, and at the end: look for losses in what a recorder has seen since."""
        self.log.guarded(self.losses.look)(recorder, roots)

    def ledger(
        self, names: Mapping[int, str] | None = None, *, code: CodeType | None = None, complete: bool = False
    ) -> Ledger:
        """All that was seen so far, as plain data.

        Args:
            names: id -> name of modules, optimizers and tensors, as variables of the program.
            code: of the program, to look up where an optimizer was made that is older than the watch.
            complete: nothing comes after it: the program ended, or whole steps were watched.
        """
        with torch._C.DisableTorchFunction():
            summary = Summary(self.log, self.turns, self.modules, names or {}, code)
            return summary.ledger(self.losses.events(), complete=complete)
