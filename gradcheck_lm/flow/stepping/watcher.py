"""A training step seen from outside: who gives, clears, clips, scales and uses each gradient, and on which line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch
from torch.nn import init

from gradcheck_lm.flow.stepping.backward.edits import Edits
from gradcheck_lm.flow.stepping.backward.losses import Losses, without_gradient_in
from gradcheck_lm.flow.stepping.backward.outdated import Outdated
from gradcheck_lm.flow.stepping.backward.passes import OnBackward, Passes
from gradcheck_lm.flow.stepping.distributed.loaders import Loaders
from gradcheck_lm.flow.stepping.distributed.ranks import Ranks
from gradcheck_lm.flow.stepping.distributed.workers import Workers
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Event, Ledger
from gradcheck_lm.flow.stepping.modules.by_hand import ByHand
from gradcheck_lm.flow.stepping.modules.freezing import Thawing
from gradcheck_lm.flow.stepping.modules.frozen_noise import frozen_noise
from gradcheck_lm.flow.stepping.modules.frozen_zeros import frozen_zeros
from gradcheck_lm.flow.stepping.modules.left_statistics import left_statistics
from gradcheck_lm.flow.stepping.modules.modules import Modules
from gradcheck_lm.flow.stepping.optimizers.scaling import Scaling
from gradcheck_lm.flow.stepping.optimizers.schedules import Schedules
from gradcheck_lm.flow.stepping.optimizers.shadows import Shadows
from gradcheck_lm.flow.stepping.optimizers.spent import spent
from gradcheck_lm.flow.stepping.optimizers.turns import OnStep, Turns
from gradcheck_lm.flow.stepping.recording.log import Log, step_around
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.stepping.summary import Summary
from gradcheck_lm.flow.watching.recorder import Recorder

_TENSOR = torch.Tensor
SET_DATA: Any = _TENSOR.data.__set__  # type: ignore[attr-defined]
SET: Any = _TENSOR.grad.__set__  # type: ignore[union-attr]
READS = frozenset([_TENSOR.item, _TENSOR.__float__, _TENSOR.tolist, _TENSOR.numpy, _TENSOR.detach, _TENSOR.__format__])  # type: ignore[attr-defined]
_IN_PLACE = (
    "lerp_ mul_ div_ clamp_ clip_ zero_ add_ sub_ neg_ copy_ fill_ nan_to_num_ __imul__ __itruediv__ __iadd__ __isub__"
)
_OF_LISTS = "lerp_ mul_ div_ add_ sub_ copy_ zero_ neg_ clamp_min_ clamp_max_"
# the functions that `Watcher.told` wants to hear of before they run
_SWITCHES = frozenset([_TENSOR.requires_grad.__set__, _TENSOR.requires_grad_])  # type: ignore[attr-defined]
# what fills a tensor anew: torch's own initialisations call the first three or are asked themselves
_INITS = frozenset(
    [
        _TENSOR.normal_, _TENSOR.uniform_, _TENSOR.random_,
        init.normal_, init.uniform_, init.constant_, init.kaiming_uniform_,
    ]
)  # fmt: skip
TOLD = (
    READS
    | _SWITCHES
    | _INITS
    | {SET, SET_DATA}
    | {getattr(_TENSOR, name) for name in _IN_PLACE.split() if hasattr(_TENSOR, name)}
    | {getattr(torch, name) for one in _OF_LISTS.split() if hasattr(torch, name := f"_foreach_{one}")}
    | ByHand.DROPOUTS
)


class Watcher:
    """Watches training steps between enter and exit; changes nothing, raises nothing, and keeps no tensor alive.

    Args:
        modules, optimizers: those that there are already; others are met when they are called or made.
        on_backward: called before each backward() with the losses and the user's line. What it raises passes.
        on_step: called after each step() with the optimizer.
        ranks: where torch.distributed has several ranks, compare them; all of them have to be watched.
    """

    def __init__(
        self,
        modules: Iterable[torch.nn.Module] = (),
        optimizers: Iterable[torch.optim.Optimizer] = (),
        *,
        on_backward: OnBackward | None = None,
        on_step: OnStep | None = None,
        ranks: bool = False,
    ) -> None:
        self.log = Log()
        self.turns = Turns(self.log)
        self.passes = Passes(self.log, self.turns.number)
        self.edits = Edits(self.log, self.turns.number)
        self.modules = Modules(self.log)
        self.scaling = Scaling(self.log, self.turns, self.passes.scaled)
        self.passes.on_backward, self.turns.on_step = on_backward, on_step
        self.losses = Losses(self.log)
        self.outdated = Outdated(self.log)
        self.workers = Workers(self.log)
        self.loaders = Loaders(self.log)
        self.schedules = Schedules(self.log, self.turns.number)
        self.thawing = Thawing(self.log)
        self.turns.before_first_step = self.modules.note_ties
        self.by_hand = ByHand(self.log)
        self.shadows = Shadows(self.log, self.turns.all_indices)
        self.turns.before_step = self._before_step
        self.turns.others = lambda: [*self.modules.parameters(), *self.by_hand.sources()]
        self.ranks = Ranks(self.log) if ranks else None
        if self.ranks is not None:
            self.ranks.replaced_at = self.modules.replaced_last
        self.turns.ranks = self.passes.ranks = self.modules.ranks = self.ranks
        self._wraps = Wraps()
        self._given = list(modules), list(optimizers)

    def __enter__(self) -> Watcher:
        modules, optimizers = self._given
        for part in (
            self.passes,
            self.edits,
            self.turns,
            self.modules,
            self.scaling,
            self.workers,
            self.loaders,
            self.schedules,
        ):
            part.install(self._wraps)
        if self.ranks is not None:
            self.ranks.install(self._wraps)
            for module in modules:
                self.ranks.meet(module)
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
            self.passes.births.remove()
            self.log.guarded(self.log.settle)()
            self.log.guarded(self.shadows.settle)()
            if self.ranks is not None:
                self.log.guarded(self.ranks.gather)()

    def _more(self, summary: Summary) -> list[Event]:
        """What is known of the whole of it only."""
        aside = (self.thawing, self.shadows, self.modules.functional, self.outdated)
        discarded = self.modules.discarded.events(self.modules.alive())
        left = left_statistics(self.log, self.modules.alive(), self.turns.all_indices())
        frozen = self.thawing.frozen()
        zeros = frozen_zeros(self.log, self.modules.alive(), frozen)
        noise = frozen_noise(self.log, self.modules.alive(), frozen, self.turns.all_indices(), summary.add)
        ends = spent(self.log, self.schedules.stepped, summary.add)
        more = (event for part in aside for event in part.events())
        return [*self.losses.events(), *more, *discarded, *left, *zeros, *noise, *ends]

    def _before_step(self, indices: list[int]) -> None:
        self.shadows.settle()
        self.outdated.stepped(indices)
        self.modules.aliases.look(sys._getframe(1))

    def told(self, func: Any, args: tuple[Any, ...], frame: FrameType, kwargs: Mapping[str, Any] | None = None) -> None:
        """A recorder hands over what it sees of `TOLD`: what is changed by hand, numbers that are read, dropout."""
        self.log.guarded(self._told)(func, args, frame, kwargs or {})

    def _told(self, func: Any, args: tuple[Any, ...], frame: FrameType, kwargs: Mapping[str, Any]) -> None:
        if func in ByHand.DROPOUTS:
            self.by_hand.dropped(func, args, kwargs, frame)
            return
        if func in _SWITCHES:
            on = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
            self.thawing.switched(args[0], bool(on), self.log.place(frame))
            return
        if func in READS:
            self.losses.read(args[0])
            return
        if self.modules.fresh:
            self.modules.fresh.written(args[0] if args else kwargs.get("tensor"), frame)
        if func in _INITS or self.log.editing or step_around(frame) is not None:
            return
        several = isinstance(args[0], list | tuple)
        for tensor in args[0] if several else args[:1]:
            if func == SET or id(tensor) in self.log.accounts.gradients:
                self.log.settle()
                self.log.hand = self.log.place(frame)
                continue
            index = self.log.accounts.at(tensor) if tensor.grad_fn is None else None
            if tensor.grad_fn is None:
                self.shadows.written(tensor, index, lambda: self.log.place(frame))
            if index is not None:
                self.by_hand.written(func, () if several else args, kwargs, index, self.log.place(frame))
            elif func is _TENSOR.copy_ and tensor.layout is torch.strided:
                self.log.copied[tensor.data_ptr()] = self.log.place(frame)

    def numbers(self, recorder: Recorder, roots: Sequence[torch.Tensor] = ()) -> None:
        """Before a backward() on these roots, and at the end: look for losses in what a recorder has seen since."""
        self.log.guarded(self._numbers)(recorder, roots)

    def _numbers(self, recorder: Recorder, roots: Sequence[torch.Tensor]) -> None:
        self.losses.look(recorder, roots)
        self.outdated.look(recorder, roots)
        self.shadows.remade(recorder)
        if self.modules.modes.aside:
            self.modules.modes.settle_aside(used=without_gradient_in(recorder, roots))

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
            summary = Summary(self.log, self.turns, self.modules, names or {}, code, self.passes.births)
            found = summary.ledger(self._more(summary), complete=complete)
            return found if self.ranks is None else replace(found, ranks=self.ranks.found)
