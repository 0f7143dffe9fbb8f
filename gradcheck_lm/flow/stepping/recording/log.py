"""The log of a watch: a clock, the places, the events so far, and the gradients as they were when last looked at."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change, Clearing, Event
from gradcheck_lm.flow.stepping.recording.accounts import Accounts
from gradcheck_lm.flow.watching.capture import capturing
from gradcheck_lm.flow.watching.sites import Site, find_site, is_users
from gradcheck_lm.flow.watching.unseen import unseen

_STEP = torch.optim.Optimizer.profile_hook_step(lambda self: None).__code__  # the frame around every step()
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Running:
    """The backward() that runs: what it has put into .grad so far, on top of what."""

    time: int
    onto: dict[int, tuple[int, ...]] = field(default_factory=dict)


class Log:
    """What was done so far; who did it where tells the one that calls `add`."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.events: list[Event] = []
        self.sites: list[Site] = []
        self.running: Running | None = None
        self.loss = NOWHERE  # where the loss of the next backward() was computed, as far as a recorder told
        self.failures: list[str] = []
        self.writes: dict[int, int] = {}  # leaf -> the last place that changed its values by hand
        self.copied: dict[int, int] = {}  # memory -> who copied something into it, of tensors not known then
        self.editing = 0  # inside how many calls that edit gradients
        self.hand = NOWHERE  # where gradients were last changed by hand, as far as that was seen
        self.time = -1
        self._site_index: dict[Site, int] = {}

    def tick(self) -> int:
        """The next time."""
        self.time += 1
        return self.time

    def place(self, frame: FrameType | None) -> int:
        """The user's line that led to a frame, as an index into `sites`."""
        return self.intern(find_site(frame))

    def intern(self, site: Site | None) -> int:
        """A site as an index into `sites`."""
        if site is None:
            return NOWHERE
        if site not in self._site_index:
            self._site_index[site] = len(self.sites)
            self.sites.append(site)
        return self._site_index[site]

    def add(self, event: Event) -> None:
        """One more event."""
        self.events.append(event)

    def settle(self) -> None:
        """What has changed since the last look was done by the backward() that runs, or by hand."""
        difference = self.accounts.look()
        if self.running is not None:
            for index, before in self.accounts.deposit(difference, self.running.time).items():
                self.running.onto.setdefault(index, before)
            return
        erased = {**difference.gone, **self.accounts.zeroed(difference)}
        if erased:
            moved = self.accounts.moved(erased)
            self.add(Clearing(self.tick(), self.hand, erased=erased, by_hand=True, moved=moved))
        changed = {index: contents for index in difference.changed if (contents := self.accounts[index].contents)}
        if changed:
            self.add(Change(self.tick(), self.hand, what="by hand", count=len(changed), contents=changed))
        self.hand = NOWHERE

    def guarded(self, function: Function) -> Function:
        """A callback that nothing is raised from, and in which torch calls no mode of the program back; it is left out
        while a CUDA graph is captured."""

        @functools.wraps(function)
        def safe(*args: Any, **kwargs: Any) -> Any:
            if capturing():
                return None
            try:
                with torch._C.DisableTorchFunction(), unseen():
                    return function(*args, **kwargs)
            except Exception as error:  # a watch must not stop the program that it watches
                self.failures.append(f"{type(error).__name__}: {error}")
                return None

        return safe  # type: ignore[return-value]


def step_around(frame: FrameType | None) -> torch.optim.Optimizer | None:
    """The optimizer in whose step() a frame runs, as a closure does."""
    while frame is not None:
        if frame.f_code is _STEP:
            optimizer = frame.f_locals.get("self")
            return optimizer if isinstance(optimizer, torch.optim.Optimizer) else None
        frame = frame.f_back
    return None


def is_inner_step(frame: FrameType | None, optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step() runs inside another of the same optimizer: super().step() has hooks of its own where an
    optimizer of that class was made as well."""
    around = 0
    while frame is not None and around < 2:
        around += frame.f_code is _STEP and frame.f_locals.get("self") is optimizer
        frame = frame.f_back
    return around == 2


def ran_lines(log: Log) -> dict[str, frozenset[int]]:
    """Of each file of the program's own the first lines of the functions that are known to have run."""
    found: dict[str, set[int]] = {}
    for site in log.sites:
        if is_users(site.code):
            found.setdefault(site.code.co_filename, set()).add(site.code.co_firstlineno)
    return {file: frozenset(lines) for file, lines in found.items()}
