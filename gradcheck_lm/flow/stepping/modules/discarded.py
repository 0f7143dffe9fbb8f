"""Modules that were loaded and never run: what was loaded is lost where a fresh one is put in their place."""

from __future__ import annotations

import ast
import sys
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Discarding
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.moves import alike, fingerprint, is_uniform
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.source import stands_on, tree_of

Shapes = tuple[torch.Size, ...]


@dataclass
class Loaded:
    """A module that was loaded, and that nobody has run or read since."""

    reference: weakref.ref[torch.nn.Module]
    place: int
    kind: type[torch.nn.Module]
    shapes: Shapes
    tensors: tuple[weakref.ref[torch.Tensor], ...]
    values: tuple[torch.Tensor | None, ...]  # a few of each
    dropped: int = NOWHERE  # where nobody held it any more
    time: int = 0


class Discarded:
    """Follows the modules that were loaded until they run, or until they are gone."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._waiting: dict[int, Loaded] = {}
        self._gone: list[Loaded] = []
        self._made: dict[int, weakref.ref[torch.nn.Module]] = {}

    def made(self, module: torch.nn.Module) -> None:
        """A constructor runs: a copy has none."""
        self._made[id(module)] = weakref.ref(module)

    def loaded(self, module: torch.nn.Module, place: int) -> None:
        """A module's load_state_dict came to its end."""
        tensors: list[torch.Tensor] = list(module.parameters())
        gone = self.log.guarded(self._is_gone)
        key = id(module)
        reference = weakref.ref(module, lambda one: gone(key, one))
        held = tuple(map(weakref.ref, tensors))
        values = tuple(map(fingerprint, tensors))
        self._waiting[key] = Loaded(reference, place, type(module), _shapes(module), held, values)

    def used(self, module: torch.nn.Module) -> None:
        """It runs, or its state is asked for."""
        self._waiting.pop(id(module), None)

    def events(self, alive: Iterable[torch.nn.Module]) -> Iterator[Discarding]:
        """Those whose like runs now.

        Args:
            alive: modules that ran.
        """
        modules = list(alive)
        for one in self._gone:
            like = [module for module in modules if (type(module), _shapes(module)) == (one.kind, one.shapes)]
            read = any(reference() is not None for reference in one.tensors)
            if like and not read and not any(self._began_so(module, one) for module in like):
                yield Discarding(one.time, one.dropped, who=one.kind.__name__, loaded=one.place)

    def _began_so(self, module: torch.nn.Module, one: Loaded) -> bool:
        """Whether a module was given what had been loaded: it is a copy, or was written from it."""
        made = self._made.get(id(module))
        fresh = made is not None and made() is module
        for tensor, value in zip(module.parameters(), one.values, strict=True):
            account = self.log.accounts.known(tensor)
            if account is None or not alike(account.first, value) or account.first is None or is_uniform(account.first):
                continue
            if not fresh or account.index in self.log.writes or tensor.data_ptr() in self.log.copied:
                return True
        return False

    def _is_gone(self, key: int, reference: Any) -> None:
        one = self._waiting.get(key)
        if one is None or one.reference is not reference:
            return
        del self._waiting[key]
        one.dropped, one.time = self.log.place(sys._getframe(2)), self.log.tick()
        if one.dropped != NOWHERE and _assigns_a_call(*line_of(self.log.sites[one.dropped])):
            self._gone.append(one)


def _shapes(module: torch.nn.Module) -> Shapes:
    return tuple(tensor.shape for tensor in module.parameters())


def _assigns_a_call(file: str, line: int) -> bool:
    """Whether a line is `x = f(...)` or `x.y = f(...)`."""
    for node in ast.walk(tree_of(file, "=")):
        if isinstance(node, ast.Assign) and stands_on(node, line):
            return isinstance(node.value, ast.Call)
    return False
