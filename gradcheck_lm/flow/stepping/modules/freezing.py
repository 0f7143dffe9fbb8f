"""What was meant to be frozen and is not, and what is frozen by mistake: read off modules and tensors."""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Event, FrozenFresh, Loading, Misset, Thawed
from gradcheck_lm.flow.stepping.modules.modules import Modules
from gradcheck_lm.flow.stepping.modules.owners import Owners
from gradcheck_lm.flow.stepping.recording.accounts import version_of
from gradcheck_lm.flow.stepping.recording.log import Log, ran_lines
from gradcheck_lm.flow.stepping.source.misspelt import attributes, misspelt_thaws
from gradcheck_lm.flow.watching.sites import Place

_RIGHT = "requires_grad"
_ALIKE = 0.84  # of difflib: require_grad, requires_grads, required_grad; not retain_grad
_INITIALISED_ONCE = 1  # the version of a parameter that only its module's constructor has filled


class Freezing:
    """Looks once, when a ledger is made.

    Args:
        names: id -> name of modules and tensors, as variables of the program.
        place_of: from the name of an attribute to the line that sets it, where no hook told.
        add: from a place to its index in the ledger.
    """

    def __init__(
        self,
        log: Log,
        modules: Modules,
        owners: Owners,
        names: Mapping[int, str],
        place_of: Callable[[str], int],
        add: Callable[[Place], int],
    ) -> None:
        self.log = log
        self.modules = modules
        self.owners = owners
        self.names = names
        self.place_of = place_of
        self.add = add

    def events(self) -> Iterator[Event]:
        """Attributes that freeze nothing, then new parts that are frozen."""
        for number, root in enumerate(self.owners.roots):
            title = self.names.get(id(root)) or type(root).__name__
            for path, module in root.named_modules():
                yield from self._of_module(module, f"{title}.{path}" if path else title)
                for tensor in module._parameters.values():
                    if tensor is not None and tensor.requires_grad:
                        yield from self._of_tensor(tensor, number)
        yield from self._fresh()
        yield from self._thaws()

    def _of_module(self, module: torch.nn.Module, owner: str) -> Iterator[Event]:
        for name in _lookalikes(module.__dict__):
            learning = [tensor for tensor in module.parameters() if tensor.requires_grad]
            if not learning:
                continue  # a note of the module's own: its parameters are frozen
            place = self.modules.refused.get((id(module), name), NOWHERE)
            place = self.place_of(name) if place == NOWHERE else place
            yield Misset(self.log.time, place, name=name, of_module=True, owner=owner, learning=self._indices(learning))

    def _of_tensor(self, tensor: torch.Tensor, root: int) -> Iterator[Event]:
        for name in _lookalikes(getattr(tensor, "__dict__", {})):
            owner = self.owners.of(tensor)
            title = owner.name if owner is not None else "a parameter"
            yield Misset(self.log.time, self.place_of(name), name=name, owner=title, learning=self._indices([tensor]))

    def _fresh(self) -> Iterator[Event]:
        loaded = {index for event in self.log.events if isinstance(event, Loading) for index in event.tensors}
        for reference, place in self.modules.placed.values():
            module = reference()
            tensors = [] if module is None else list(module.parameters())
            if not tensors or any(one.requires_grad or version_of(one) != _INITIALISED_ONCE for one in tensors):
                continue
            indices = self._indices(tensors)
            if all(self.owners.of(one) is not None for one in tensors) and not loaded.intersection(indices):
                yield FrozenFresh(self.log.time, place, tensors=indices)

    def _thaws(self) -> Iterator[Event]:
        """Where something is frozen, the lines that are to unfreeze it by an attribute which torch does not read."""
        parameters = [tensor for root in self.owners.roots for tensor in root.parameters()]
        if all(tensor.requires_grad for tensor in parameters):
            return
        for file, ran in ran_lines(self.log).items():
            spelt = tuple(sorted(name for name in attributes(file) if name != _RIGHT and _is_alike(name)))
            for place, name, owner in misspelt_thaws(file, ran, spelt):
                yield Misset(self.log.time, self.add(place), name=name, owner=owner, thaws=True)

    def _indices(self, tensors: Sequence[torch.Tensor]) -> tuple[int, ...]:
        return tuple(self.log.accounts.of(tensor).index for tensor in tensors)


class Thawing:
    """Notes whose requires_grad is switched off and on again before the first backward()."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._frozen: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}  # id -> where it was frozen first
        self._thawed: dict[int, int] = {}  # where it was thawed last

    def switched(self, tensor: torch.Tensor, on: bool, place: int) -> None:
        """A tensor's requires_grad is set."""
        if any(isinstance(event, Backward) for event in self.log.events):
            return  # from here on it may be a game of two players, or a layer's time has come
        known = self._frozen.get(id(tensor))
        if not on:
            if known is None or known[0]() is not tensor:
                self._frozen[id(tensor)] = weakref.ref(tensor), place
            self._thawed.pop(id(tensor), None)
        elif known is not None and known[0]() is tensor:
            self._thawed[id(tensor)] = place

    def frozen(self) -> dict[int, int]:
        """id -> where it was frozen, of those that are so still."""
        held = ((key, reference(), place) for key, (reference, place) in self._frozen.items())
        return {key: place for key, one, place in held if one is not None and not one.requires_grad}

    def events(self) -> Iterator[Event]:
        """One for each line of which nothing has remained; to freeze all and thaw the head is as it should be."""
        by_line: dict[int, list[int]] = {}
        for key, (reference, place) in self._frozen.items():
            if reference() is not None:
                by_line.setdefault(place, []).append(key)
        for place, keys in by_line.items():
            thawed = {self._thawed.get(key, NOWHERE) for key in keys}
            if len(thawed) == 1 and NOWHERE not in thawed and place not in thawed:
                tensors = [tensor for key in keys if (tensor := self._frozen[key][0]()) is not None]
                indices = tuple(self.log.accounts.of(tensor).index for tensor in tensors)
                yield Thawed(self.log.time, thawed.pop(), frozen=place, tensors=indices)


def _lookalikes(attributes: Mapping[str, object]) -> list[str]:
    """Attributes set to False whose names are requires_grad, or nearly."""
    found = [name for name, value in attributes.items() if value is False and not name.startswith("_")]
    return [name for name in found if _is_alike(name)]


def _is_alike(name: str) -> bool:
    return "grad" in name and bool(difflib.get_close_matches(name, [_RIGHT], cutoff=_ALIKE))
