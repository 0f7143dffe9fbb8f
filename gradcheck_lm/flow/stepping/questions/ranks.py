"""Do all ranks train the same model, and on different data?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Change, Clearing, RankStep, SameBatch
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading


def ask(reading: Reading) -> list[Draft]:
    """ranks_apart and same_data."""
    workers = [event for event in reading.ledger.events if isinstance(event, SameBatch)]
    if workers:
        event = workers[0]
        values = {"rank": str(event.worker), "other": str(event.other)}
        return [Draft("same_data", event.place, "workers", "DataLoader", event.time, values=values)]
    for own, others in _side_by_side(reading):
        for other in others:
            draft = _apart(reading, own, other)
            if draft is not None:
                return [draft]
    return _same_data(reading)


def _side_by_side(reading: Reading) -> Iterator[tuple[RankStep, list[RankStep]]]:
    """Each step of this rank, and the same step of the others."""
    if not reading.ledger.ranks:
        return
    rank = reading.ledger.ranks[0].rank
    for own in reading.ledger.ranks:
        if own.rank == rank:
            yield own, [one for one in reading.ledger.ranks if one.rank != rank and one.turn == own.turn]


def _differing(one: Sequence[int], two: Sequence[int]) -> list[int]:
    return [at for at, (left, right) in enumerate(zip(one, two, strict=True)) if left != right]


def _apart(reading: Reading, own: RankStep, other: RankStep) -> Draft | None:
    """What two ranks that are to be equal do differently in one step: the first thing in its order."""
    if len(own.before) != len(other.before) or not (own.wrapped or own.averaged):
        return None  # another model, a shard, or ranks that are to learn apart
    values = {"rank": str(other.rank), "optimizer": reading.ledger.holders[own.holder].name}
    if at := _differing(own.before, other.before):
        if own.number or own.used != other.used or not any(own.used):
            return None  # told at the step before; shards and experts differ in both
        values["parameter"] = _name(reading, own, at[0])
        return _draft(reading, own, own.place, "start_differs", at, values)
    if (own.passed_by != NOWHERE or other.passed_by != NOWHERE) and own.used != other.used:
        place = own.passed_by if own.passed_by != NOWHERE else own.place
        values["rank"] = str(own.rank if own.passed_by != NOWHERE else other.rank)
        values["line"] = reading.at(place)
        return _draft(reading, own, place, "passed_by", _differing(own.used, other.used), values)
    if (
        at := _differing(own.given, other.given)
        if not own.averaged or own.wrapped
        else _differing(own.used, other.used)
    ):
        values["parameter"] = _name(reading, own, at[0])
        return _draft(reading, own, _lost_at(reading, own, at), "not_averaged", at, values)
    at = _differing(own.used, other.used) or _differing(own.after, other.after)
    if at:
        place = _edited_at(reading, own) if own.used != other.used else own.place
        values["line"] = reading.at(place)
        return _draft(reading, own, place, "step_differs", at, values)
    return None


def _draft(reading: Reading, own: RankStep, place: int, cause: str, at: Sequence[int], values: dict[str, str]) -> Draft:
    names = reading.names(own.leaves[one] for one in at)
    return Draft("ranks_apart", place, cause, "step", 0, names, values=values)


def _name(reading: Reading, own: RankStep, at: int) -> str:
    return reading.ledger.parameters[own.leaves[at]].name


def _lost_at(reading: Reading, own: RankStep, at: Sequence[int]) -> int:
    """Where the tensors were replaced after wrapping, else the backward() whose gradients nobody averaged."""
    if own.replaced != NOWHERE:
        return own.replaced
    step = next((one for one in reading.stepped(own.holder) if one.number == own.number), None)
    times = [] if step is None else [time for one in at for time in step.used.get(own.leaves[one], ())]
    return reading.backwards[max(times)].place if times else own.place


def _edited_at(reading: Reading, own: RankStep) -> int:
    """What was done to the gradients of this step last, before it."""
    step = next((one for one in reading.stepped(own.holder) if one.number == own.number), None)
    if step is None:
        return own.place
    since = min((time for contents in step.used.values() for time in contents), default=step.began)
    edits = [
        event
        for event in reading.ledger.events
        if isinstance(event, Change | Clearing) and since < event.time < step.time and event.place != NOWHERE
    ]
    return edits[-1].place if edits else own.place


def _same_data(reading: Reading) -> list[Draft]:
    """Every step seen, two ranks were given equal batches."""
    steps = list(_side_by_side(reading))
    if not steps or any(not own.batch or not own.wrapped or not others for own, others in steps):
        return []
    for other in {one.rank for one in steps[0][1]}:
        if all(any(one.rank == other and one.batch == own.batch for one in others) for own, others in steps):
            own = steps[0][0]
            values = {"rank": str(min(own.rank, other)), "other": str(max(own.rank, other)), "step": "1"}
            return [Draft("same_data", own.batch_place, "ranks", "forward", 0, values=values)]
    return []
