"""What the steps of optimizers do to the weights, seen by the optimizers' own hooks on the steps that are looked at."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, TraceError, class_of
from gradcheck_lm.flow.stepping.recording.given import sorted_out
from gradcheck_lm.flow.stepping.recording.moves import Copies, norms

_PATIENCE = 3  # turns without a step that are no news: a GradScaler skips its first ones


@dataclass
class Update:
    """One optimizer's step: by name how far each tensor moved, over its own length, and why it could not."""

    optimizer: str
    moved: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    lost: tuple[str, ...] = ()  # the gradient was gone when the optimizer stepped
    rates: tuple[float, ...] = ()


class Updates:
    """Hooks on optimizers; `ask` for the next steps to be measured, `taken` gives what was.

    Args:
        optimizers: one, or several in a list or dict; a wrapper's `.optimizer` is found.
        named: the tensors whose updates count.
    Raises:
        ArgumentError: something else than an optimizer.
    """

    def __init__(self, optimizers: Any, named: Mapping[str, torch.Tensor]) -> None:
        try:
            modules, found, names = sorted_out((optimizers,))
        except TraceError:
            modules, found, names = [], [], {}
        if modules or not found:
            raise ArgumentError(
                f"optimizer is {class_of(optimizers)}; pass the torch optimizer, or several in a list or dict."
            )
        self._names = {id(tensor): name for name, tensor in named.items()}
        self._dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in named.items()}
        self._optimizers = [(weakref.ref(one), names.get(id(one)) or type(one).__name__) for one in found]
        self._copies: dict[int, tuple[list[str], Copies, list[float], tuple[str, ...]]] = {}
        self._asked: set[int] = set()
        self._taken: list[Update] = []
        self.stepped = False  # since it was last asked
        me = weakref.ref(self)
        self._hooks = []
        for number, one in enumerate(found):
            self._hooks += [
                one.register_step_pre_hook(_calling(me, "_before", number)),
                one.register_step_post_hook(_calling(me, "_after", number)),
            ]

    def remove(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def ask(self) -> None:
        """Measure the next step of each optimizer."""
        self._asked = set(range(len(self._optimizers)))
        self.stepped = False

    def taken(self) -> list[Update]:
        """What was measured since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def not_held(self) -> tuple[str, ...]:
        """Names that no optimizer holds now."""
        held = {
            id(tensor)
            for reference, _ in self._optimizers
            if (one := reference()) is not None
            for group in one.param_groups
            for tensor in group["params"]
        }
        return tuple(name for key, name in self._names.items() if key not in held)

    def states(self, names: Sequence[str], taken: Sequence[Update], *, early: bool) -> dict[str, tuple[str, str]]:
        """For tensors that got a gradient whether it moved them, and where not, why.

        Args:
            names: of the tensors. taken: the steps measured.
            early: it is the first look: a warm-up begins at rate 0.
        """
        states = {name: self._state_of(name, taken, early) for name in names}
        return states | dict.fromkeys(set(names) & set(self.not_held()), ("not held", "no optimizer holds it"))

    def _state_of(self, name: str, taken: Sequence[Update], early: bool) -> tuple[str, str]:
        mine = next((one for one in taken if name in one.moved), None)
        if mine is None or mine.moved[name] > 0:
            return "moving", ""
        if name in mine.lost:
            return "still", f"its gradient was gone when {mine.optimizer} stepped"
        if mine.rates and not any(mine.rates):
            return ("moving", "") if early else ("still", f"the rate of {mine.optimizer} is 0")
        return "still", f"{mine.optimizer}'s step is smaller than what {self._dtypes[name]} can hold"

    def _before(self, number: int, optimizer: torch.optim.Optimizer) -> None:
        if number not in self._asked:
            return
        mine = [
            (self._names[id(tensor)], tensor)
            for group in optimizer.param_groups
            for tensor in group["params"]
            if id(tensor) in self._names
        ]
        tensors = [tensor for _, tensor in mine]
        lost = tuple(name for name, tensor in mine if tensor.grad is None)
        self._copies[number] = [name for name, _ in mine], Copies(tensors), norms(tensors), lost

    def _after(self, number: int, optimizer: torch.optim.Optimizer) -> None:
        self.stepped = True
        self._asked.discard(number)
        if number not in self._copies:
            return
        names, copies, lengths, lost = self._copies.pop(number)
        moved = {name: far for name, far in zip(names, copies.compare().moved, strict=True) if far is not None}
        sizes = dict(zip(names, lengths, strict=True))
        ratios = {name: far / sizes[name] for name, far in moved.items() if sizes[name] > 0 and math.isfinite(far)}
        rates = tuple(float(group["lr"]) for group in optimizer.param_groups if "lr" in group)
        self._taken.append(Update(self._optimizers[number][1], moved, ratios, lost, rates))


def _calling(me: weakref.ref[Updates], what: str, number: int) -> Any:
    """A hook that does not keep the watch alive, and never stops a step."""

    def hook(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        updates = me()
        if updates is not None:
            try:
                getattr(updates, what)(number, optimizer)
            except Exception:  # a meter must not stop the run it watches
                updates._copies.pop(number, None)

    return hook


def overdue(steps: int, since: int, every: int) -> bool:
    """Whether no step for so long is news."""
    return steps - since >= max(every, _PATIENCE)
