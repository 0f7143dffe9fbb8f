"""A finding of the step in the making, and what several questions want to know of a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from gradcheck_lm.flow.findings.notes import UNSEEN
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Ledger, Step


@dataclass(frozen=True)
class Draft:
    """One finding: which kind, on which line, about which tensors, and why just here.

    `cause` is one of the kind's, `values` what its sentences want.
    """

    kind: str
    place: int
    cause: str
    op: str
    time: int = 0  # for the order
    tensors: tuple[str, ...] = ()
    severity: str = "error"
    certainty: str = "certain"
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """A ledger with its cross references."""

    ledger: Ledger

    @cached_property
    def backwards(self) -> dict[int, Backward]:
        """By time, those that leave gradients."""
        return {event.time: event for event in self.ledger.backwards()}

    @cached_property
    def steps(self) -> list[Step]:
        """All of them, skipped turns among them; without what a backward() gave that was not seen to its end."""
        return [
            step if (used := self._known(step)) is None else replace(step, used=used) for step in self.ledger.steps()
        ]

    def _known(self, step: Step) -> dict[int, tuple[int, ...]] | None:
        """What a step used of the backwards that are known; None where it is all of it."""
        if all(time in self.backwards for contents in step.used.values() for time in contents):
            return None
        known = {one: tuple(time for time in times if time in self.backwards) for one, times in step.used.items()}
        return {one: times for one, times in known.items() if times}

    @cached_property
    def users(self) -> dict[int, list[Step]]:
        """Time of a backward -> the steps that used any gradient of it."""
        found: dict[int, list[Step]] = {}
        for step in self.steps:
            for time in {time for contents in step.used.values() for time in contents}:
                found.setdefault(time, []).append(step)
        return found

    @cached_property
    def fed(self) -> dict[int, list[Backward]]:
        """Parameter -> the backwards that gave it a gradient that is not all zero."""
        found: dict[int, list[Backward]] = {}
        for event in self.backwards.values():
            for index in set(event.given) - set(event.zero):
                found.setdefault(index, []).append(event)
        return found

    def stepped(self, holder: int) -> list[Step]:
        """An optimizer's steps that were really taken."""
        return [step for step in self.steps if step.holder == holder and not step.skipped]

    def names(self, indices: Iterable[int]) -> tuple[str, ...]:
        """Names of parameters, in their modules' order."""
        parameters = self.ledger.parameters
        ordered = sorted(set(indices), key=lambda index: (parameters[index].order, index))
        return tuple(parameters[index].name for index in ordered)

    def made(self, holder: int) -> int:
        """Where an optimizer was made; where that was not seen, where it first stepped."""
        place = self.ledger.holders[holder].place
        if place != NOWHERE:
            return place
        return next((step.place for step in self.steps if step.holder == holder), NOWHERE)

    def chance(self, holder: int, parameter: int) -> int:
        """Where an optimizer might have been given a parameter."""
        return self.ledger.chances.get((holder, parameter), self.made(holder))

    def at(self, place: int) -> str:
        """file:line of a place, for a sentence."""
        return self.ledger.where(place) or UNSEEN.told()


def few(names: tuple[str, ...], shown: int = 3) -> str:
    """The first names and how many more, as it is read in any language."""
    head = ", ".join(names[:shown])
    return head if len(names) <= shown else f"{head} (+{len(names) - shown})"
