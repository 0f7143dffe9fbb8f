"""The modules of a run: which ran, which is running, and from where each was called."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from threading import get_ident as _thread_id
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from gradcheck_lm.flow.watching.sites import Site, above_module_call, find_site, find_site_in_module


class ModuleCall(NamedTuple):
    """One time that a module was called."""

    at: int  # so many calls of operations had been recorded
    caller: int  # the module that called it, by its place; -1 for none
    site: Site | None


Made = dict[int, tuple[weakref.ref[torch.nn.Module], Site]]  # id of a module -> it, and where it was made


class ModuleStack:
    """Follows the modules of one thread through torch's global hooks while it is open."""

    def __init__(self) -> None:
        self.ran: list[tuple[weakref.ref[torch.nn.Module], str]] = []  # with the name of its class
        self.roots: list[weakref.ref[torch.nn.Module]] = []  # called by no other module
        self.running: list[int] = []  # places in `ran`, outermost first
        self.sites: list[Site | None] = []  # from where each running module was called
        self.called: dict[int, list[ModuleCall]] = {}
        self.made: Made = {}  # filled by whoever watches constructors
        self.hooks: list[Any] = []
        self._calls: Sequence[Any] = ()
        self._places: dict[int, int] = {}  # id of a module -> its place in `ran`
        self._thread = _thread_id()

    def open(self, on_parameter: Callable[[torch.nn.Parameter, FrameType], None]) -> None:
        """Begin to follow.

        Args:
            on_parameter: told of each parameter that a module is given: no torch function makes one. It is held until
                `close` and no longer, so that whoever follows is no part of a circle of references.
        """
        self._thread = _thread_id()

        def given(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter | None) -> None:
            lazy = isinstance(parameter, UninitializedTensorMixin)  # it has no shape and no memory yet
            if parameter is not None and not lazy and _thread_id() == self._thread:
                on_parameter(parameter, sys._getframe(1))

        register = torch.nn.modules.module
        self.hooks = [
            register.register_module_forward_pre_hook(self._enter),
            register.register_module_forward_hook(self._leave, always_call=True),
            register.register_module_parameter_registration_hook(given),
        ]

    def close(self) -> None:
        """Take the hooks out of torch again."""
        for hook in self.hooks:
            hook.remove()
        self.hooks = []

    def forget_dead(self) -> None:
        """Drop roots that nobody holds any more, and those named twice."""
        self.roots[:] = dict.fromkeys(reference for reference in self.roots if reference() is not None)

    def start_again(self, calls: Sequence[Any]) -> dict[int, list[ModuleCall]]:
        """A new recording begins, with these calls; of modules that run still it is known who called them."""
        self._calls = calls
        running = {place: self.called[place][-1]._replace(at=0) for place in self.running}
        self.called = {place: [call] for place, call in running.items()}
        return self.called

    def site(self, frame: FrameType | None) -> Site | None:
        """The user's line that a frame belongs to."""
        return find_site_in_module(frame, self.sites[-1]) if self.sites else find_site(frame)

    def _enter(self, module: torch.nn.Module, inputs: Any) -> None:
        if _thread_id() != self._thread:
            return
        place = self._places.get(id(module))
        if place is None or self.ran[place][0]() is not module:
            place = self._places[id(module)] = len(self.ran)
            self.ran.append((weakref.ref(module), type(module).__name__))
        if not self.running:
            self.roots.append(weakref.ref(module))
        site = self.site(above_module_call(sys._getframe(1)))
        caller = self.running[-1] if self.running else -1
        self.called.setdefault(place, []).append(ModuleCall(len(self._calls), caller, site))
        self.sites.append(site)
        self.running.append(place)

    def _leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if self.running and _thread_id() == self._thread:
            self.running.pop()
            self.sites.pop()
