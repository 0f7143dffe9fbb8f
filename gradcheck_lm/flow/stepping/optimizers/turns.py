"""The optimizers of a watch: where each was made, and what each of its steps used and moved."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradcheck_lm.flow.stepping.distributed.ranks import Ranks
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change, Loading, Step
from gradcheck_lm.flow.stepping.optimizers.relieved import Restored, relieved
from gradcheck_lm.flow.stepping.recording.accounts import gradient_of
from gradcheck_lm.flow.stepping.recording.callers import Caller, callers
from gradcheck_lm.flow.stepping.recording.given import inner_optimizer
from gradcheck_lm.flow.stepping.recording.log import Log, is_inner_step
from gradcheck_lm.flow.stepping.recording.moves import Copies, fingerprint, norms, share_of, unchanged
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.watching.capture import capturing

OnStep = Callable[[torch.optim.Optimizer], None]


@dataclass
class Turn:
    """A step() that runs."""

    began: int
    place: int
    indices: list[int]
    used: dict[int, tuple[int, ...]]
    norms: dict[int, float]
    copies: Copies
    closure: bool
    repeats: bool
    undone: bool


@dataclass
class Held:
    """One optimizer as it was met."""

    reference: weakref.ref[torch.optim.Optimizer]
    kind: str
    place: int
    made: int
    steps: int = 0
    turn: Turn | None = None
    last: list[torch.Tensor | None] | None = field(default=None, repr=False)  # a few values from before its last step
    after: list[torch.Tensor | None] | None = field(default=None, repr=False)  # and from after it
    restored: bool = False
    empty_state: bool = True
    callers: tuple[Caller, ...] = ()  # the functions in which it was made
    state: Restored | None = None


class Turns:
    """Sees every optimizer that is made, loaded or stepped."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.held: list[Held] = []
        self.on_step: OnStep | None = None
        self.others: Callable[[], list[torch.Tensor]] = list  # all parameters of the modules that ran
        self.before_first_step: Callable[[], None] = lambda: None
        self.before_step: Callable[[list[int]], None] = lambda indices: None
        self.ranks: Ranks | None = None
        self._hooks: list[Any] = []

    def install(self, wraps: Wraps) -> None:
        """Hooks around every step(), and the constructor for its line."""
        guarded = self.log.guarded
        made = guarded(self._made)
        wraps.attribute(torch.optim.Optimizer, "__init__", guarded(self._making), made)
        wraps.attribute(torch.optim.Optimizer, "load_state_dict", guarded(self._loading), guarded(self._loaded))
        begin, finish = guarded(self._begin), guarded(self._finish)

        def starts(optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not is_inner_step(sys._getframe(1), optimizer):
                begin(optimizer, args, kwargs)

        def done(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if is_inner_step(sys._getframe(1), optimizer):
                return
            finish(optimizer)
            if self.on_step is not None and not capturing():
                self.on_step(optimizer)

        self._hooks = [
            register_optimizer_step_pre_hook(starts),
            register_optimizer_step_post_hook(done),
        ]

    def remove(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def number(self, optimizer: torch.optim.Optimizer | None) -> int | None:
        """An optimizer's index, None for none; one that was not met before is met now."""
        if optimizer is None:
            return None
        optimizer = inner_optimizer(optimizer)
        for index, held in enumerate(self.held):
            if held.reference() is optimizer:
                return index
        return self.meet(optimizer, NOWHERE)

    def meet(self, optimizer: torch.optim.Optimizer, place: int) -> int:
        """Note an optimizer and open accounts for what it holds."""
        self.held.append(Held(weakref.ref(optimizer), type(optimizer).__name__, place, self.log.tick()))
        self.indices(optimizer)
        return len(self.held) - 1

    def indices(self, optimizer: torch.optim.Optimizer) -> list[int]:
        """The accounts of all that an optimizer holds."""
        groups = getattr(optimizer, "param_groups", [])
        return list(dict.fromkeys(self.log.accounts.of(tensor).index for group in groups for tensor in group["params"]))

    def all_indices(self) -> set[int]:
        """The accounts of all that any optimizer holds."""
        return {index for one in self.held if (optimizer := one.reference()) for index in self.indices(optimizer)}

    # ------------------------------------------------------------------ made and loaded

    def _making(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        walker: FrameType | None = frame
        while walker is not None and _first_argument(walker) is arguments[0]:
            walker = walker.f_back  # the constructor of a class of the user's own, or what stands around it
        return arguments[0], self.log.place(walker), callers(self.log, walker)

    def _made(self, token: Any, result: Any) -> None:
        if token is not None and hasattr(token[0], "param_groups"):
            self.held[self.meet(token[0], token[1])].callers = token[2]

    def _loading(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        return arguments[0], self.log.place(frame)

    def _loaded(self, token: Any, result: Any) -> None:
        if token is None or (index := self.number(token[0])) is None:
            return
        self.held[index].restored = True
        time = self.log.tick()
        self.log.add(Loading(time, token[1], who=self.held[index].kind, what="optimizer"))
        if any(token[0].state.values()):
            self.held[index].state = Restored(token[1], time, frozenset(self.indices(token[0])))

    # ------------------------------------------------------------------ a step

    def _begin(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        log = self.log
        index = self.number(optimizer)
        if index is None:
            return
        log.settle()
        held = self.held[index]
        if held.steps == 0:
            held.empty_state = not any(optimizer.state.values())
            self.before_first_step()
        indices = self.indices(optimizer)
        first = held.steps == 0 and held.empty_state and not held.restored
        if first and (lost := relieved(log, self.held, held, indices)) is not None:
            log.add(lost)
        self.before_step(indices)
        tensors = [tensor for one in indices if (tensor := log.accounts[one].tensor) is not None]
        gradients = [tensor.grad for tensor in tensors]
        there = [(one, gradient) for one, gradient in zip(indices, gradients, strict=True) if gradient is not None]
        values = [fingerprint(tensor) for tensor in tensors]
        undone = held.last is not None and len(held.last) == len(tensors) and all(map(unchanged, tensors, held.last))
        if held.after is not None and len(held.after) == len(tensors):
            self._look_for_pulls(index, indices, values, held.after)
        held.last = values
        if self.ranks is not None:
            self.ranks.begins(indices, held.steps)
        held.turn = Turn(
            began=log.tick(),
            place=log.place(sys._getframe(1)),
            indices=indices,
            used={one: log.accounts[one].contents for one, _ in there},
            norms=self._norms(indices),
            copies=Copies(tensors, gradients if held.steps == 0 else None),
            closure=any(callable(one) for one in (*args[1:], *kwargs.values())),
            repeats=_repeats(optimizer),
            undone=undone,
        )

    def _finish(self, optimizer: torch.optim.Optimizer) -> None:
        index = self.number(optimizer)
        turn = None if index is None else self.held[index].turn
        if index is None or turn is None:
            return
        log, held = self.log, self.held[index]
        after = {one: log.accounts[one].contents for one in turn.indices}
        log.settle() if turn.closure else log.accounts.look()
        used = {one: after[one] or turn.used.get(one, ()) for one in turn.indices if one in turn.used or after[one]}
        movement = turn.copies.compare()
        log.add(
            Step(
                log.tick(),
                turn.place,
                holder=index,
                number=held.steps,
                used=used,
                norms=self._norms(turn.indices) if turn.closure else turn.norms,
                moved=dict(zip(turn.indices, movement.moved, strict=True)),
                rates=rates_of(optimizer),
                closure=turn.closure,
                repeats=turn.closure and turn.repeats,
                cosine=movement.cosine,
                began=turn.began,
                undone=turn.undone and any(turn.norms.values()),
            )
        )
        if self.ranks is not None:
            self.ranks.ended(turn.indices, index, held.steps, turn.place, rates_of(optimizer))
        held.steps += 1
        held.after = [
            None if (tensor := log.accounts[one].tensor) is None else fingerprint(tensor) for one in turn.indices
        ]
        held.turn = None

    def _look_for_pulls(
        self, holder: int, indices: list[int], now: list[torch.Tensor | None], after: list[torch.Tensor | None]
    ) -> None:
        """Since its last step: were its tensors drawn towards others of the same shapes that do not move?"""
        log = self.log
        moved = [
            (index, one, two)
            for index, one, two in zip(indices, after, now, strict=True)
            if one is not None and two is not None and one.numel() >= 4 and not torch.equal(one, two)
        ]
        if not moved:
            return
        held = self.all_indices()
        others = [log.accounts.of(tensor) for tensor in self.others()]
        still = [
            (tensor.shape, account.first)
            for account in others
            if account.index not in held
            and (tensor := account.tensor) is not None
            and account.first is not None
            and unchanged(tensor, account.first)
        ]
        pulled = [
            index
            for index, one, two in moved
            if any(shape == _shape(log, index) and share_of(one, two, first) is not None for shape, first in still)
        ]
        if len(pulled) * 2 > len(moved):
            place = next((log.writes[index] for index in pulled if index in log.writes), NOWHERE)
            contents: dict[int, tuple[int, ...]] = dict.fromkeys(pulled, ())
            log.add(Change(log.tick(), place, what="pulled", count=len(pulled), contents=contents, holder=holder))

    def _norms(self, indices: list[int]) -> dict[int, float]:
        found = []
        for one in indices:
            tensor = self.log.accounts[one].tensor
            if tensor is not None and (gradient := gradient_of(tensor)) is not None:
                found.append((one, gradient))
        return dict(zip((one for one, _ in found), norms([gradient for _, gradient in found]), strict=True))


def _shape(log: Log, index: int) -> torch.Size | None:
    tensor = log.accounts[index].tensor
    return None if tensor is None else tensor.shape


def _first_argument(frame: FrameType) -> Any:
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def rates_of(optimizer: torch.optim.Optimizer) -> tuple[float, ...]:
    """The learning rate of each group."""
    return tuple(float(group["lr"]) for group in optimizer.param_groups if "lr" in group)


def _repeats(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it evaluates its closure at several points of one step(), and wants a gradient at each."""
    kinds = (kind.__name__.lower() for kind in type(optimizer).__mro__)
    return any("lbfgs" in kind for kind in kinds) and any(
        group.get("max_iter", 2) > 1 for group in optimizer.param_groups
    )
