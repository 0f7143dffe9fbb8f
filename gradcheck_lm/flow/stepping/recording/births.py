"""Where parameters are made: a layer that is made inside the step is another one in each."""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.stepping.recording.accounts import Account
from gradcheck_lm.flow.stepping.recording.log import Log


@dataclass(frozen=True)
class Birth:
    """A parameter that a module was given."""

    reference: weakref.ref[torch.Tensor]
    place: int
    maker: str  # the module's class


class Births:
    """Notes every parameter that a module is given, and which leaves those are."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.of: dict[int, Birth] = {}  # by leaf
        self._seen: dict[int, Birth] = {}  # by id
        self._hooks: list[Any] = []

    def install(self) -> None:
        """A hook of torch's own around register_parameter."""
        noted = self.log.guarded(self._given)

        def given(module: torch.nn.Module, name: str, parameter: Any) -> None:
            noted(module, parameter, sys._getframe(1))

        self._hooks = [torch.nn.modules.module.register_module_parameter_registration_hook(given)]

    def remove(self) -> None:
        """Take the hook away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _given(self, module: torch.nn.Module, parameter: Any, frame: Any) -> None:
        if isinstance(parameter, torch.Tensor):
            birth = Birth(weakref.ref(parameter), self.log.place(frame), type(module).__name__)
            self._seen[id(parameter)] = birth

    def met(self, account: Account) -> None:
        """A backward() gives this leaf a gradient."""
        tensor = account.tensor
        if account.index not in self.of and tensor is not None:
            birth = self._seen.get(id(tensor))
            if birth is not None and birth.reference() is tensor:
                self.of[account.index] = birth
