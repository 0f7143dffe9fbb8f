"""Rates that came down to 0 while most of the training was still to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Schedule, Step
from gradcheck_lm.flow.stepping.recording.log import Log, ran_lines
from gradcheck_lm.flow.stepping.source.rate_setters import rate_setter
from gradcheck_lm.flow.watching.sites import Place


def spent(log: Log, stepped: Mapping[int, tuple[str, int]], add: Callable[[Place], int]) -> Iterator[Schedule]:
    """Optimizers that took more steps at a rate of 0, after it had fallen to that, than all their steps before.

    Args:
        stepped: optimizer -> the class of its scheduler, and the line that steps it.
        add: from a place to its index in the ledger.
    """
    taken: dict[int, list[Step]] = {}
    for event in log.events:
        if isinstance(event, Step) and not event.skipped and event.rates:
            taken.setdefault(event.holder, []).append(event)
    for number, steps in taken.items():
        rates = [max(step.rates) for step in steps]
        count = next((len(rates) - past for past, rate in enumerate(reversed(rates)) if rate != 0.0), 0)
        before, rest = rates[:count], steps[count:]
        if count < 2 or len(rest) <= count or not 0.0 < before[-1] < max(before):
            continue  # one that is switched off at once is held on purpose
        if not all(any(norm > 0.0 for norm in step.norms.values()) for step in rest):
            continue
        kind, place = stepped.get(number, ("", NOWHERE))
        if place == NOWHERE:
            found = (rate_setter(file, lines) for file, lines in ran_lines(log).items())
            by_hand = next((one for one in found if one is not None), None)
            place = NOWHERE if by_hand is None else add(by_hand)
        yield Schedule(log.time, place, kind=kind, setting="spent", epochs=count, loaded=float(len(rest)))
