"""Was every loss that is computed differentiated too, and the sum rather than one of its terms?"""

from __future__ import annotations

from gradcheck_lm.flow.stepping.ledger.ledger import Forgotten
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few


def ask(reading: Reading) -> list[Draft]:
    """never_differentiated."""
    drafts = []
    for event in reading.ledger.events:
        if isinstance(event, Forgotten):
            draft = _sum(reading, event) or _other_player(reading, event) or _left_alone(reading, event)
            if draft is not None:
                drafts.append(draft)
    return drafts


def _sum(reading: Reading, event: Forgotten) -> Draft | None:
    """A sum with one term that went backward and one that did not."""
    if not event.taken or not event.missing or not _taught(reading, event):
        return None
    missing = ", ".join(map(reading.at, event.missing[:2]))
    values = {"line": reading.at(event.taken[0]), "missing": missing}
    return Draft("never_differentiated", event.place, "sum_unused", "loss", event.time, values=values)


def _other_player(reading: Reading, event: Forgotten) -> Draft | None:
    """The only loss that reaches an optimizer's tensors."""
    for holder in reading.ledger.holders:
        reached = set(holder.holds) & set(event.leaves)
        if not reached or any(index in reading.fed for index in holder.holds):
            continue
        names = reading.names(reached)
        values = {"parameters": few(names), "optimizer": holder.name}
        return Draft("never_differentiated", event.place, "only_loss", "loss", event.time, names, values=values)
    return None


def _left_alone(reading: Reading, event: Forgotten) -> Draft | None:
    """Computed in every step, and nobody even prints it."""
    if event.read or event.times < 2 or event.taken or not _taught(reading, event):
        return None
    return Draft("never_differentiated", event.place, "term_unused", "loss", event.time, (), "warning", "likely")


def _taught(reading: Reading, event: Forgotten) -> bool:
    """It reaches something that an optimizer holds."""
    return any(reading.ledger.parameters[index].held_by for index in event.leaves)
