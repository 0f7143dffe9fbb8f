"""The ledger's table: its events sorted by parameter, and read off row by row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Change, Clearing, Event, Ledger, Step
from gradcheck_lm.flow.stepping.ledger.rows import Row


class Times:
    """What was done to one parameter, in the order of time: a long run has as many of these as it has steps."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.places: list[int] = []

    def add(self, event: Event) -> None:
        """One more, later than those before it."""
        self.times.append(event.time)
        self.places.append(event.place)

    def between(self, since: int, until: int) -> list[int]:
        """The places of what was done after one time and before another."""
        return self.places[bisect_right(self.times, since) : bisect_left(self.times, until)]

    def last_before(self, time: int) -> tuple[int, int] | None:
        """Time and place of the last before a time."""
        number = bisect_left(self.times, time)
        return (self.times[number - 1], self.places[number - 1]) if number else None


class Table:
    """Reads the rows off a ledger; every event is looked at once for each parameter that it names, not for each row."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.backwards = {event.time: event for event in ledger.events if isinstance(event, Backward)}
        self.clipped: dict[int, Times] = {}
        self.unscaled: dict[int, Times] = {}
        self.cleared: dict[int, Times] = {}
        self.cleared_nothing = Times()  # a zero_grad before there was a gradient: it counts for every parameter
        for event in sorted(ledger.events, key=lambda event: event.time):
            if isinstance(event, Change) and event.what == "clipped":
                _note(self.clipped, event.contents, event)
            elif isinstance(event, Change) and event.what == "unscaled":
                _note(self.unscaled, event.contents, event)
            elif isinstance(event, Clearing) and event.erased:
                _note(self.cleared, event.erased, event)
            elif isinstance(event, Clearing):
                self.cleared_nothing.add(event)

    def rows(self) -> list[Row]:
        """One for each parameter in each step of an optimizer that holds it, then those that nobody steps."""
        rows = [self._row(step, index) for step in self.ledger.steps() for index in sorted({*step.used, *step.moved})]
        return [*rows, *self._unstepped()]

    def _row(self, step: Step, index: int) -> Row:
        ledger = self.ledger
        contents = step.used.get(index, ())
        since = min(contents, default=step.began)
        losses = (self.backwards[time] for time in contents if time in self.backwards)
        return Row(
            step=step.number,
            parameter=ledger.parameters[index].name,
            optimizer=ledger.holders[step.holder].name,
            losses=tuple(ledger.where(loss.place) for loss in losses),
            gradient_norm=step.norms.get(index),
            cleared=self._last_cleared(index, since),
            clipped=tuple(ledger.where(place) for place in _times(self.clipped, index).between(since, step.time)),
            scaled=bool(_times(self.unscaled, index).between(since, step.time)),
            rate=max(step.rates, default=None),
            moved=step.moved.get(index),
        )

    def _last_cleared(self, index: int, before: int) -> str:
        found = _times(self.cleared, index).last_before(before), self.cleared_nothing.last_before(before)
        last = max((one for one in found if one is not None), default=None)
        return "" if last is None else self.ledger.where(last[1]) or "by hand"

    def _unstepped(self) -> list[Row]:
        stepped = {index for step in self.ledger.steps() for index in (*step.used, *step.moved)}
        losses: dict[int, dict[str, None]] = {}
        for event in self.backwards.values():
            where = self.ledger.where(event.place)
            for index in event.given if event.accumulates else ():
                if index not in stepped:
                    losses.setdefault(index, {})[where] = None
        return [
            Row(0, self.ledger.parameters[index].name, "", tuple(losses[index]), None, "", (), False, None, None)
            for index in sorted(losses)
        ]


def _note(found: dict[int, Times], indices: Iterable[int], event: Event) -> None:
    for index in indices:
        found.setdefault(index, Times()).add(event)


_NEVER = Times()


def _times(found: dict[int, Times], index: int) -> Times:
    return found.get(index, _NEVER)
