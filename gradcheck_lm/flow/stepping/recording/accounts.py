"""What stands in each leaf's .grad: whose backward() put it there, read off before and after all that is done to it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch

from gradcheck_lm.flow.stepping.recording.moves import fingerprint, unchanged


@dataclass
class Account:
    """One leaf: its gradient as it was when it was last looked at, and which backwards are summed in it."""

    index: int
    reference: weakref.ref[torch.Tensor]
    first: torch.Tensor | None  # a few of its values when it was first seen
    gradient: weakref.ref[torch.Tensor] | None = None
    version: int = -1
    contents: tuple[int, ...] = ()  # times of backwards
    values: torch.Tensor | None = field(default=None, repr=False)  # a few of its values when it last got a gradient

    @property
    def tensor(self) -> torch.Tensor | None:
        """The leaf, None once it is gone."""
        return self.reference()


@dataclass
class Difference:
    """What became of the gradients since they were last looked at."""

    gone: dict[int, tuple[int, ...]] = field(default_factory=dict)  # taken away, or all zero now: what was in them
    new: list[int] = field(default_factory=list)  # there was none
    changed: list[int] = field(default_factory=list)


class Accounts:
    """All leaves that were met."""

    def __init__(self) -> None:
        self.all: list[Account] = []
        self.gradients: set[int] = set()  # ids of gradients, some of them of the past
        self._places: dict[int, int] = {}

    def of(self, tensor: torch.Tensor) -> Account:
        """A leaf's account, opened where there is none."""
        place = self._places.get(id(tensor))
        if place is not None and self.all[place].reference() is tensor:
            return self.all[place]
        account = Account(len(self.all), weakref.ref(tensor), fingerprint(tensor))
        self._places[id(tensor)] = account.index
        self.all.append(account)
        gradient = gradient_of(tensor)
        if gradient is not None:  # from before the watch: whose it is, nobody knows
            account.gradient, account.version = weakref.ref(gradient), version_of(gradient)
        return account

    def known(self, tensor: torch.Tensor) -> Account | None:
        """A leaf's account where there is one."""
        place = self._places.get(id(tensor))
        return self.all[place] if place is not None and self.all[place].reference() is tensor else None

    def at(self, tensor: torch.Tensor) -> int | None:
        """The leaf that a tensor is, or whose memory it shares as `leaf.data` does; None where there is none."""
        known = self.known(tensor)
        if known is not None:
            return known.index
        address = tensor.data_ptr() if tensor.layout is torch.strided else 0
        if not address:
            return None
        return next(
            (one.index for one in self.all if (leaf := one.tensor) is not None and _starts_at(leaf, address)), None
        )

    def __iter__(self) -> Iterator[Account]:
        return iter(self.all)

    def __getitem__(self, index: int) -> Account:
        return self.all[index]

    def look(self, accounts: Iterable[Account] | None = None) -> Difference:
        """What has changed since the last look; the contents are as they were, but for what is gone."""
        difference = Difference()
        for account in self.all if accounts is None else accounts:
            tensor = account.reference()
            gradient = None if tensor is None else gradient_of(tensor)
            before = None if account.gradient is None else account.gradient()
            if gradient is None:
                if account.contents and tensor is not None:
                    difference.gone[account.index] = account.contents
                account.gradient, account.version, account.contents = None, -1, ()
                continue
            version = version_of(gradient)
            if gradient is before and version == account.version:
                continue
            there = account.gradient is not None
            account.gradient, account.version = weakref.ref(gradient), version
            self.gradients.add(id(gradient))
            (difference.changed if there else difference.new).append(account.index)
        return difference

    def deposit(self, difference: Difference, time: int) -> dict[int, tuple[int, ...]]:
        """A backward() made these gradients or added to them; returns what was in each before."""
        onto = {}
        for index in (*difference.new, *difference.changed):
            account = self.all[index]
            onto[index] = account.contents
            if time not in account.contents:
                account.contents = (*account.contents, time)
            tensor = account.reference()
            account.values = None if tensor is None else fingerprint(tensor)
        return onto

    def zeroed(self, difference: Difference) -> dict[int, tuple[int, ...]]:
        """Of changed gradients, those that are all zero now: they count as cleared."""
        zero = {}
        for index in difference.changed:
            account = self.all[index]
            gradient = None if account.gradient is None else account.gradient()
            if gradient is not None and is_zero(gradient):
                if account.contents:
                    zero[index] = account.contents
                account.contents = ()
        return zero

    def moved(self, indices: Iterable[int]) -> tuple[int, ...]:
        """Those whose values are not what they were when they last got a gradient."""
        return tuple(
            index
            for index in indices
            if (tensor := self.all[index].reference()) is not None and not unchanged(tensor, self.all[index].values)
        )

    def changed(self) -> set[int]:
        """Those whose values are not what they were when they were first seen."""
        return {
            account.index
            for account in self.all
            if (tensor := account.reference()) is not None and not unchanged(tensor, account.first)
        }


def _starts_at(leaf: torch.Tensor, address: int) -> bool:
    return leaf.layout is torch.strided and leaf.data_ptr() == address


def gradient_of(tensor: torch.Tensor) -> torch.Tensor | None:
    """A leaf's .grad; of a tensor that has become part of a graph None, for torch warns of asking."""
    return tensor.grad if tensor.is_leaf else None


def version_of(tensor: torch.Tensor) -> int:
    """How often a tensor was changed in place; inference tensors do not count it."""
    return -1 if tensor.is_inference() else tensor._version


def is_zero(gradient: torch.Tensor) -> bool:
    """Whether nothing but zeros stands in a gradient."""
    gradient = gradient.detach()
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return not bool(values.any())
