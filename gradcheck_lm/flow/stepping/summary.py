"""A watch as plain data: who holds what, and one row for each parameter in each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import CodeType

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Event, Holder, Ledger, Parameter
from gradcheck_lm.flow.stepping.ledger.table import Table
from gradcheck_lm.flow.stepping.modules.freezing import Freezing
from gradcheck_lm.flow.stepping.modules.loads import copyings
from gradcheck_lm.flow.stepping.modules.modules import Modules
from gradcheck_lm.flow.stepping.modules.owners import (
    Owner,
    Owners,
    assignment_place,
    constructor_place,
    container_place,
)
from gradcheck_lm.flow.stepping.optimizers.turns import Held, Turns, rates_of
from gradcheck_lm.flow.stepping.recording.accounts import Account
from gradcheck_lm.flow.stepping.recording.births import Births
from gradcheck_lm.flow.stepping.recording.callers import nearest
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.moves import alike, is_uniform
from gradcheck_lm.flow.stepping.recording.ties import are_apart
from gradcheck_lm.flow.stepping.source.conditions import condition_of_step
from gradcheck_lm.flow.stepping.source.gathering import gathering_place
from gradcheck_lm.flow.watching.sites import Place, place_of


class Summary:
    """Everything that needs the live objects, read off them once."""

    def __init__(
        self,
        log: Log,
        turns: Turns,
        modules: Modules,
        names: Mapping[int, str],
        code: CodeType | None,
        births: Births,
    ) -> None:
        self.log = log
        self.turns = turns
        self.modules = modules
        self.names = names
        self.code = code
        self.births = births
        self.places: list[Place] = [place_of(site) for site in log.sites]
        self.owners = Owners(modules.alive(), names)
        self._order = {owner.name: place for place, owner in enumerate(self.owners.found.values())}
        self._order_in: dict[
            int, dict[int, int]
        ] = {}  # of each optimizer: the accounts that it holds, and their places

    def ledger(self, more: Iterable[Event] = (), *, complete: bool) -> Ledger:
        """The whole of it."""
        holders = [self._holder(index, held) for index, held in enumerate(self.turns.held)]
        holders = self._told_apart(holders)
        changed = self.log.accounts.changed()
        by_parameter: dict[int, list[int]] = {}
        for number, holder in enumerate(holders):
            for index in holder.holds:
                by_parameter.setdefault(index, []).append(number)
        parameters = []
        for account in self.log.accounts:
            held_by = tuple(by_parameter.get(account.index, ()))
            parameter = self._parameter(account.index, account.tensor, held_by, account.index in changed)
            if (birth := self.births.of.get(account.index)) is not None:
                parameter = replace(parameter, made=birth.place, maker=birth.maker)
            parameters.append(parameter)
        freezing = Freezing(self.log, self.modules, self.owners, self.names, self._place_of_attribute, self.add)
        copied = copyings(self.log, self.modules.aliases, self.add)
        events = (*self.log.events, *freezing.events(), *copied, *more)
        for one, two in self.modules.ties:
            pair = self.log.accounts[one].tensor, self.log.accounts[two].tensor
            if pair[0] is not None and pair[1] is not None:
                apart = are_apart(pair[0], pair[1])
                filled = max(self._filled(one, pair[0]), self._filled(two, pair[1]))
                parameters[two] = replace(parameters[two], tie=one, apart=apart, filled=filled)
        for one, two in self._copies(parameters):
            parameters[one] = replace(parameters[one], copy_of=two)
        ledger = Ledger(
            parameters=tuple(parameters), holders=tuple(holders), events=events, places=(),
            complete=complete, chances=self._chances(parameters, holders),
            writers=dict(self.modules.fresh.writers),
        )  # fmt: skip
        ledger = replace(ledger, places=tuple(self.places))
        return replace(ledger, rows=tuple(Table(ledger).rows()))

    def _copies(self, parameters: Sequence[Parameter]) -> Iterator[tuple[int, int]]:
        """Leaves that no optimizer holds, each with one that is held and had the same values when first seen."""
        accounts = self.log.accounts
        held = [one for one in accounts if parameters[one.index].held_by and _tells(one)]
        for account in accounts:
            parameter = parameters[account.index]
            if parameter.held_by or not parameter.requires_grad or not _tells(account):
                continue
            for other in held:
                if parameters[other.index].shape == parameter.shape and alike(account.first, other.first):
                    yield account.index, other.index
                    break

    # ------------------------------------------------------------------ optimizers

    def _holder(self, index: int, held: Held) -> Holder:
        optimizer = held.reference()
        place, name = held.place, ""
        if optimizer is not None:
            name = self.names.get(id(optimizer), "")
        if place == NOWHERE:
            place = self.add(constructor_place(held.kind, self.code, name))
        holds: tuple[int, ...] = ()
        rates: tuple[float, ...] = ()
        decay, maximize, momentum = 0.0, False, 0.0
        if optimizer is not None:
            holds, rates = tuple(self.turns.indices(optimizer)), rates_of(optimizer)
            groups = optimizer.param_groups
            decay = max((float(group.get("weight_decay") or 0.0) for group in groups), default=0.0)
            maximize = any(bool(group.get("maximize")) for group in groups)
            momentum = max((float(group.get("momentum") or 0.0) for group in groups), default=0.0)
        condition, unmet = self._unmet(name) if not held.steps else (NOWHERE, "")
        return Holder(
            name or held.kind, held.kind, place, held.made, holds, rates, decay, maximize, held.restored,
            held.empty_state, condition, unmet, momentum,
        )  # fmt: skip

    def _unmet(self, optimizer: str) -> tuple[int, str]:
        """Where, and under which condition, the program would have stepped."""
        backward = next((event for event in self.log.events if isinstance(event, Backward) and event.place >= 0), None)
        if backward is None or (not optimizer and len(self.turns.held) > 1):
            return NOWHERE, ""
        found = condition_of_step(self.log.sites[backward.place].code.co_filename, optimizer)
        return (NOWHERE, "") if found is None else (self.add(found.place), found.text)

    @staticmethod
    def _told_apart(holders: list[Holder]) -> list[Holder]:
        names = [holder.name for holder in holders]
        return [
            replace(holder, name=f"{holder.name} ({names[: number + 1].count(holder.name)})")
            if names.count(holder.name) > 1
            else holder
            for number, holder in enumerate(holders)
        ]

    def _chances(self, parameters: Sequence[Parameter], holders: Sequence[Holder]) -> dict[tuple[int, int], int]:
        """Where an optimizer might have been given what nobody holds: who makes it may not have that in sight."""
        found: dict[tuple[int, int], int] = {}
        for number, held in enumerate(self.turns.held):
            gathered = self._gathered(held)
            for account in self.log.accounts:
                parameter, tensor = parameters[account.index], account.tensor
                if parameter.held_by or not parameter.requires_grad or tensor is None:
                    continue
                place = nearest(held.callers, [tensor, *self.owners.around(tensor)])
                if place == held.place and gathered is not None:
                    place = gathered
                if place is not None and place != holders[number].place:
                    found[number, account.index] = place
        return found

    def _gathered(self, held: Held) -> int | None:
        """The line that gathers what an optimizer is given."""
        place = None if held.place == NOWHERE else gathering_place(self.log.sites[held.place])
        return None if place is None else self.add(place)

    # ------------------------------------------------------------------ parameters

    def _parameter(self, index: int, tensor: torch.Tensor | None, held_by: tuple[int, ...], changed: bool) -> Parameter:
        if tensor is None:
            return Parameter(f"a tensor that is gone ({index})", (), "", False, "nowhere", held_by=held_by)
        owner = self.owners.of(tensor)
        parameter = Parameter(
            name=owner.name if owner is not None else self._unowned(index, tensor, held_by),
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            requires_grad=tensor.requires_grad,
            owner="nowhere" if owner is None else owner.owner,
            held_by=held_by,
            replaced=self._replaced(tensor, held_by) if owner is None else NOWHERE,
            declared=isinstance(tensor, torch.nn.Parameter),
            changed=changed,
        )
        return parameter if owner is None else self._owned(parameter, owner)

    def _replaced(self, tensor: torch.Tensor, held_by: tuple[int, ...]) -> int:
        """The line that put another in its stead.

        Where the optimizer has stepped before, the line of the function that has it in sight: a new one belongs there.
        """
        seen = self.modules.replaced.get(id(tensor))
        if seen is None or seen[0]() is not tensor:
            return NOWHERE
        holders = [one for number in held_by if (one := self.turns.held[number].reference()) is not None]
        place = nearest(seen[2], holders)
        return seen[1] if place is None else place

    def _owned(self, parameter: Parameter, owner: Owner) -> Parameter:
        root = self.owners.roots[owner.root]
        title = parameter.name
        if len(self.owners.roots) > 1 and "." in title:
            title = title.split(".", 1)[1]
        return replace(
            parameter,
            module=type(owner.module).__name__,
            order=self._order[owner.name],
            root=owner.root,
            branch=title.split(".", 1)[0] if "." in title else "",
            ran=id(owner.module) in self.modules.ran or id(root) in self.modules.ran,
            training=owner.module.training,
            container=NOWHERE if owner.holder is None else self.add(container_place(owner.holder, owner.attribute)),
        )

    def _unowned(self, index: int, tensor: torch.Tensor, held_by: tuple[int, ...]) -> str:
        name = self.names.get(id(tensor))
        if name:
            return name
        size = "x".join(map(str, tensor.shape)) or "one number"
        for number in held_by:
            held = self.turns.held[number].reference()
            if held is not None:
                if number not in self._order_in:  # asked for once: an optimizer may hold tens of thousands
                    self._order_in[number] = {one: place for place, one in enumerate(self.turns.indices(held))}
                place = self._order_in[number][index]
                return f"parameter {place} of {self.names.get(id(held), type(held).__name__)} ({size})"
        return f"a tensor of no module ({size})"

    def _filled(self, index: int, tensor: torch.Tensor) -> int:
        """The place that gave a module this tensor, or the tensor its values."""
        seen = self.modules.given_to.get(id(tensor))
        if seen is not None and seen[0]() is tensor:
            return seen[1]
        return self.log.writes.get(index, self.log.copied.get(tensor.data_ptr(), NOWHERE))

    def _place_of_attribute(self, attribute: str) -> int:
        """Where the program's files set an attribute that no hook tells of."""
        files = [self.code.co_filename] if self.code is not None else []
        files += [place.file for place in self.places if place.line]
        return self.add(assignment_place(attribute, dict.fromkeys(files)))

    def add(self, place: Place | None) -> int:
        """A place as an index into `places`."""
        if place is None:
            return NOWHERE
        if place not in self.places:
            self.places.append(place)
        return self.places.index(place)


def _tells(account: Account) -> bool:
    """Whether equal numbers say that one was copied from the other."""
    return account.first is not None and not is_uniform(account.first)
