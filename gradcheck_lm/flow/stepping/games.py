"""Whose loss is it: with several optimizers each loss is for some of them, as in a game of two players."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcheck_lm.flow.findings.model import Diagnosis, Finding
from gradcheck_lm.flow.findings.notes import NOT_THEIR_TURN
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Event, Ledger, Step

# a loss: the places of its backward() and of its making, and the optimizers that hold tensors which it reaches
Key = tuple[int, int, tuple[int, ...]]


def reaching(leaves: set[int], holds: Sequence[frozenset[int]]) -> tuple[int, ...]:
    """The optimizers that hold some of these leaves."""
    return tuple(number for number, held in enumerate(holds) if held & leaves)


def players(events: Sequence[Event], loss: Key, holds: Sequence[frozenset[int]]) -> set[int]:
    """The optimizers that a loss is for: those that use a gradient of it.

    Where none does: those whose tensors it reaches; else the one that steps next.
    """
    losses = [event for event in events if isinstance(event, Backward) and is_loss(event, loss, holds)]
    times = {event.time for event in losses}
    steps = [event for event in events if isinstance(event, Step)]
    using = {step.holder for step in steps if times & {time for one in step.used.values() for time in one}}
    later = [step.holder for step in steps if times and step.time > min(times)]
    return using or set(loss[2]) or set(later[:1])


def _feeds_only(names: frozenset[str], ledger: Ledger, loss: Key) -> bool:
    holds = [frozenset(holder.holds) for holder in ledger.holders]
    events = [event for event in ledger.backwards() if is_loss(event, loss, holds)]
    fed = {ledger.parameters[index].name for event in events for index in set(event.given) - set(event.zero)}
    return bool(fed) and fed <= names


def is_loss(event: Backward, loss: Key, holds: Sequence[frozenset[int]]) -> bool:
    return (event.place, event.loss) == loss[:2] and reaching(set(event.reached), holds) == loss[2]


def settled(diagnosis: Diagnosis, ledger: Ledger, loss: Key, heirs: frozenset[str] = frozenset()) -> Diagnosis:
    """A diagnosis of one loss, seen from all the steps: what another loss feeds, or the next step, is a note.

    Args:
        heirs: tensors that were put in the place of others which an optimizer still holds, and are told as such.
    """
    fed = {
        ledger.parameters[index].name for event in ledger.backwards() for index in set(event.given) - set(event.zero)
    }

    playing = {
        ledger.parameters[index].name
        for number in players(ledger.events, loss, [frozenset(holder.holds) for holder in ledger.holders])
        for index in ledger.holders[number].holds
    }

    # it reaches all that it is for, and the fault is the optimizer's: what was asked about is another player's
    if playing.isdisjoint(diagnosis.wrt) and _feeds_only(heirs, ledger, loss):
        findings = tuple(replace(one, severity="note") for one in diagnosis.findings)
        count = len(diagnosis.wrt)
        notes = (NOT_THEIR_TURN.told(count=count, total=count), *diagnosis.notes)
        return replace(diagnosis, ok=True, findings=findings, notes=notes)

    def seen(finding: Finding) -> Finding:
        if finding.severity == "error" and finding.tensors and playing and not playing & set(finding.tensors):
            return replace(finding, severity="note")  # it is not their turn
        if finding.severity == "error" and finding.tensors and finding.term is None and fed.issuperset(finding.tensors):
            return replace(finding, severity="note")
        return finding

    return replace(diagnosis, findings=tuple(seen(finding) for finding in diagnosis.findings))
