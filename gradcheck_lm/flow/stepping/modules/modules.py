"""The modules of a watch: which ran and in which mode, which of their tensors were replaced, and what was loaded."""

from __future__ import annotations

import sys
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.distributed.ranks import Ranks
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Loading, Step
from gradcheck_lm.flow.stepping.modules.discarded import Discarded
from gradcheck_lm.flow.stepping.modules.fresh_loads import FreshLoads
from gradcheck_lm.flow.stepping.modules.functional import Functional
from gradcheck_lm.flow.stepping.modules.loads import Aliases
from gradcheck_lm.flow.stepping.modules.modes import Modes
from gradcheck_lm.flow.stepping.recording.accounts import version_of
from gradcheck_lm.flow.stepping.recording.callers import Caller, callers, frames
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.ties import embeddings_copied, transposed_copies
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.watching.modules import Made
from gradcheck_lm.flow.watching.sites import find_site, is_users, line_of

_MOST = 1000  # tensors replaced of which it is asked who did it: some programs do so in every step


class Modules:
    """Sees every module that is called, tensors and modules put in the place of others, and load_state_dict."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.ran: dict[int, weakref.ref[torch.nn.Module]] = {}
        self.named: list[weakref.ref[torch.nn.Module]] = []
        # id of what was there -> by which line, and who called it, where any optimizer had stepped by then
        self.replaced: dict[int, tuple[weakref.ref[torch.Tensor], int, tuple[Caller, ...]]] = {}
        self.made: Made = {}  # torch's own modules
        self.modes = Modes(log)
        self.fresh = FreshLoads(log)
        self.ranks: Ranks | None = None
        self._hooks: list[Any] = []
        self.ties: list[tuple[int, int]] = []  # an embedding and its output layer, an encoder and its decoder
        self.given_to: dict[
            int, tuple[weakref.ref[torch.Tensor], int]
        ] = {}  # parameters put in the place of others, or set by hand
        self.loaded: dict[int, weakref.ref[torch.nn.Module]] = {}  # all parts of what was loaded
        self.placed: dict[
            int, tuple[weakref.ref[torch.nn.Module], int]
        ] = {}  # put in the place of another, or into a loaded one
        self.aliases = Aliases(log)
        self.discarded = Discarded(log)
        self.functional = Functional(log)
        self._states: dict[int, tuple[weakref.ref[torch.nn.Module], tuple[int, ...]]] = {}  # when it was last asked for
        self._given_out: dict[int, tuple[weakref.ref[Any], int, int]] = {}  # what state_dict() gave, where and when
        self.refused: dict[tuple[int, str], int] = {}  # (module, attribute that looks like requires_grad) -> where

    def install(self, wraps: Wraps) -> None:
        """A hook for calls; attributes of nn.Module for the rest."""
        guarded, module = self.log.guarded, torch.nn.Module
        self._hooks = [torch.nn.modules.module.register_module_forward_pre_hook(guarded(self._runs))]
        nothing = guarded(lambda token, result: None)
        self.functional.install(wraps)
        wraps.attribute(module, "__init__", guarded(self._making), nothing)
        wraps.attribute(module, "__setattr__", self._setting, nothing)
        wraps.attribute(module, "register_parameter", self._setting, nothing)
        wraps.attribute(module, "train", guarded(self.modes.switching), nothing)
        wraps.attribute(module, "state_dict", guarded(self._asked), guarded(self._gave))
        wraps.attribute(module, "load_state_dict", guarded(self._loading), guarded(self._loaded))
        for name in ("_load", "_legacy_load"):
            wraps.attribute(torch.serialization, name, guarded(self._reading), guarded(self._read))

    def remove(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def given(self, modules: list[torch.nn.Module]) -> None:
        """Modules that are named beforehand: they are looked at whether they run or not."""
        self.named = [weakref.ref(module) for module in modules]
        for module in modules:
            for tensor in module.parameters():
                self.log.accounts.of(tensor)

    def alive(self) -> list[torch.nn.Module]:
        """The modules that ran, in the order of their first call."""
        return [module for reference in (*self.named, *self.ran.values()) if (module := reference()) is not None]

    def parameters(self) -> list[torch.Tensor]:
        """All parameters of the modules that ran or were named."""
        return [tensor for module in self.alive() for tensor in module.parameters()]

    def replaced_last(self) -> int:
        """Where something was put in the place of a tensor or a module last."""
        return next((place for _, place, _ in reversed(self.replaced.values())), NOWHERE)

    # ------------------------------------------------------------------ called

    def _runs(self, module: torch.nn.Module, inputs: Any) -> None:
        if self.ranks is not None:
            self.ranks.called(module, inputs)
        if self.functional.place != NOWHERE:
            self.functional.ran(module, sys._getframe(1))
        key = id(module)
        known = self.ran.get(key)
        if known is None or known() is not module:
            self.ran[key] = weakref.ref(module)
            for tensor in module._parameters.values():
                if tensor is not None and not isinstance(tensor, torch.nn.UninitializedParameter):
                    self.log.accounts.of(tensor)
        self.discarded.used(module)
        if self.fresh:
            self.fresh.first_use()
        self.modes.ran(module)

    def note_ties(self) -> None:
        """Before a first step: weights that begin with another's values, and are not one tensor with it."""
        parts = [part for root in self.alive() for part in root.modules()]
        for one, two in (*embeddings_copied(parts), *transposed_copies(self.log, parts)):
            pair = self.log.accounts.of(one).index, self.log.accounts.of(two).index
            if pair not in self.ties:
                self.ties.append(pair)

    # ------------------------------------------------------------------ made and replaced

    def _making(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        module = arguments[0]
        self.discarded.made(module)
        if type(module).__module__.startswith("torch.nn.") and (site := find_site(frame)) is not None:
            self.made[id(module)] = weakref.ref(module), site

    def _setting(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        """Called for every attribute of every module: as short as can be."""
        if len(arguments) < 3:
            return
        module, name, value = arguments[:3]
        if value is False and "grad" in name:
            self.refused[id(module), name] = self.log.place(frame)
        if isinstance(value, torch.nn.Module) and (known := self.loaded.get(id(module))) and known() is module:
            self.placed.setdefault(id(value), (weakref.ref(value), self.log.place(frame)))
        if isinstance(value, torch.nn.Parameter) and is_users(frame.f_code):
            self.given_to[id(value)] = weakref.ref(value), self.log.place(frame)
        fields = module.__dict__
        for held in (fields.get("_parameters"), fields.get("_modules")):
            if held and name in held:
                before = held[name]
                if before is not None and before is not value:
                    self._replaced(before, value, frame)
        if type(value) is torch.Tensor and type(before := fields.get(name)) is torch.Tensor and before is not value:
            self._replaced_leaf(before, value, frame)

    def _replaced_leaf(self, before: torch.Tensor, now: torch.Tensor, frame: FrameType) -> None:
        """A tensor that learns and is no parameter: a temperature, a latent code."""
        with torch._C.DisableTorchFunction():
            learns = all(tensor.requires_grad and tensor.is_leaf for tensor in (before, now))
        if learns:
            self._replaced(before, now, frame)

    def _replaced(self, before: Any, now: Any, frame: FrameType) -> None:
        def note() -> None:
            place = self.log.place(frame)
            tensors = before.parameters() if isinstance(before, torch.nn.Module) else [before]
            stepped = any(isinstance(event, Step) for event in self.log.events)
            around = callers(self.log, frame) if stepped and len(self.replaced) < _MOST else ()
            for tensor in tensors:
                self.replaced[id(tensor)] = (weakref.ref(tensor), place, around)
            if isinstance(now, torch.nn.Module):
                self.placed[id(now)] = (weakref.ref(now), place)
                if place != NOWHERE:
                    self.aliases.set_at(*line_of(self.log.sites[place]))
            elif isinstance(now, torch.Tensor):
                self.given_to[id(now)] = (weakref.ref(now), place)

        self.log.guarded(note)()

    # ------------------------------------------------------------------ loaded

    def _loading(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        module, state = arguments[0], arguments[1] if len(arguments) > 1 else keywords.get("state_dict")
        asked = self._states.get(id(module))
        since = asked is not None and asked == (weakref.ref(module), _versions(module))
        own = module.state_dict() if isinstance(state, Mapping) else {}
        given = state if isinstance(state, Mapping) else {}
        shared, count = _shared(own, given)
        codes = frozenset(one.f_code for one in frames(frame))
        place = self.log.place(frame)
        return module, place, set(own), set(given), (since, self._taken(state, place), shared, count), codes

    def _asked(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> int | None:
        """Somebody asks for a module's state: whether it is changed afterwards, in place, is seen by its versions."""
        self.discarded.used(arguments[0])
        if len(arguments) == 1 and keywords.get("destination") is None:
            self._states[id(arguments[0])] = weakref.ref(arguments[0]), _versions(arguments[0])
            return self.log.place(frame)
        return None  # a part's, for the state of the whole

    def _gave(self, place: int | None, state: Any) -> None:
        if place is not None and isinstance(state, OrderedDict):  # a plain dict can not be told from a later one
            self._given_out[id(state)] = weakref.ref(state), place, self.log.tick()

    def _loaded(self, token: Any, result: Any) -> None:
        if token is None or result is None:
            return
        module, place, expected, given, (since, taken, shared, count), codes = token
        whole = bool(shared) and len(shared) == count
        accounts = self.log.accounts
        accounts.look()
        self.loaded.update((id(part), weakref.ref(part)) for part in module.modules())
        named = {name: parameter for name, parameter in module.named_parameters() if name in given}
        tensors = list(named.values())
        indices = tuple(accounts.of(tensor).index for tensor in tensors)
        event = Loading(
            self.log.tick(),
            place,
            who=type(module).__name__,
            tensors=indices,
            matched=len(expected & given),
            expected=len(expected),
            itself=whole and (since or taken != NOWHERE),
            taken=taken if whole else NOWHERE,
            shared=()
            if len(shared) == count
            else tuple(index for index, name in zip(indices, named, strict=True) if name in shared),
        )
        self.log.add(event)
        self.fresh.add(event, tensors, codes)
        self.discarded.loaded(module, place)

    def _taken(self, state: Any, place: int) -> int:
        """Where state_dict() gave what is loaded here, if steps or another function lie between: not at one glance."""
        reference, taken, time = self._given_out.get(id(state), (None, NOWHERE, 0))
        if reference is None or reference() is not state or NOWHERE in (taken, place):
            return NOWHERE
        stepped = any(isinstance(event, Step) and event.time > time for event in reversed(self.log.events))
        sites = self.log.sites
        return taken if stepped or sites[taken].code is not sites[place].code else NOWHERE

    def _reading(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> int:
        return self.log.place(frame)

    def _read(self, token: Any, result: Any) -> None:
        if token is not None and result is not None:
            self.log.add(Loading(self.log.tick(), token, what="file", has_state=has_optimizer_state(result)))


def has_optimizer_state(content: Any, depth: int = 3) -> bool:
    """Whether what was read from a file has the state of an optimizer in it that has stepped."""
    if depth == 0:
        return False
    if isinstance(content, list | tuple):
        return any(has_optimizer_state(value, depth - 1) for value in content[:50])
    if not isinstance(content, Mapping):
        return False
    if isinstance(content.get("param_groups"), list) and content.get("state"):
        return True
    return any(has_optimizer_state(value, depth - 1) for value in list(content.values())[:50])


def _versions(module: torch.nn.Module) -> tuple[int, ...]:
    return tuple(map(version_of, (*module.parameters(), *module.buffers())))


def _shared(own: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[list[str], int]:
    """Names of what lies in the very memory that it is to be loaded into, and how many tensors there are to load."""
    pairs = {name: (own[name], value) for name, value in given.items() if name in own}
    tensors = {
        name: (one, two)
        for name, (one, two) in pairs.items()
        if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor) and one.numel()
    }
    same = [
        name
        for name, (one, two) in tensors.items()
        if one is two or (one.layout is two.layout is torch.strided and one.data_ptr() == two.data_ptr())
    ]
    return same, len(tensors)
