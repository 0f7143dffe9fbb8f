"""A gradient arrives: does its optimizer step, and does the step move anything?"""

from __future__ import annotations

import math

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Clearing, Copying, Schedule, Step
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few

_OTHERS = ("not loaded", "spent")  # what else is said of schedules
_OFTEN = 10  # steps of another optimizer, and as many times that this one was cleared for a step of its own


def ask(reading: Reading) -> list[Draft]:
    """never_stepped, one finding an optimizer."""
    found = _left_behind(reading)
    for number in range(len(reading.ledger.holders)):
        turns = [step for step in reading.steps if step.holder == number]
        taken = [step for step in turns if not step.skipped]
        if not turns:
            draft = _waits(reading, number)
        elif not taken:
            draft = _skipped(reading, number, turns)
        else:
            draft = _without_effect(reading, number, taken) or _closure_alone(reading, number, taken)
        if draft is not None:
            found.append(draft)
    return [*found, *_schedules(reading), *_spent(reading)]


def _schedules(reading: Reading) -> list[Draft]:
    """Schedulers that take the rate to nothing: by a factor of 0, or by counting batches as epochs."""
    drafts = []
    for event in reading.ledger.events:
        if isinstance(event, Schedule) and not event.reset and event.setting not in _OTHERS:
            cause, certainty = ("each_batch", "likely") if event.setting else ("factor_zero", "certain")
            values = {"scheduler": event.kind, "setting": event.setting, "epochs": str(event.epochs)}
            values = values if event.setting else {"scheduler": event.kind}
            drafts.append(
                Draft(
                    "never_stepped", event.place, cause, event.kind, event.time, (), "warning", certainty, values
                )
            )  # fmt: skip
    return drafts


def _spent(reading: Reading) -> list[Draft]:
    """Rates that were at 0 for most of the steps."""
    drafts = []
    for event in reading.ledger.events:
        if isinstance(event, Schedule) and event.setting == "spent":
            total = event.epochs + int(event.loaded)
            values = {"count": str(event.epochs), "total": str(total)}
            drafts.append(
                Draft(
                    "never_stepped", event.place, "rate_spent", event.kind or "lr", event.time, (), "warning", "likely",
                    values,
                )
            )  # fmt: skip
    return drafts


def _waits(reading: Reading, number: int) -> Draft | None:
    """Never stepped: forgotten, or not its turn yet?"""
    holder, ledger = reading.ledger.holders[number], reading.ledger
    own = set(holder.holds)
    others = {index for step in reading.steps for index in (*step.used, *step.moved)}
    given = sorted(index for index in own if index in reading.fed)
    if not given or own & others or any(ledger.parameters[index].changed for index in own):
        return None  # nothing arrives, or somebody else moves them: another optimizer, or a line of the program
    losses = [loss for loss in reading.backwards.values() if own & set(loss.given)]
    alone = [loss for loss in losses if not others & set(loss.reached)]
    most = max((len(reading.stepped(one)) for one in range(len(ledger.holders))), default=0)
    if not reading.steps:
        if not ledger.complete:
            return None
        severity, certainty = "error", "certain"
    elif alone and (ledger.complete or most >= 2):
        severity, certainty = "error", "certain"
    elif len(losses) >= 2 and (ledger.complete or min(most, _cleared(reading, number)) >= _OFTEN):
        severity, certainty = "warning", "likely"  # a discriminator that waits gets the generator's gradient too
    else:
        return None
    names = reading.names(given)
    loss = (alone or losses)[0]
    after = next((step for step in reversed(reading.steps) if not alone and loss.time < step.time), None)
    values = {"line": reading.at(loss.place), "parameters": few(names), "optimizer": holder.name}
    # where another optimizer steps on that very loss, it is there that this one is missing
    cause, place = "no_step", reading.made(number) if after is None else after.place
    if holder.condition != NOWHERE:
        cause, place = "condition_unmet", holder.condition
        values |= {"count": str(len(losses)), "condition": holder.unmet}
    return Draft("never_stepped", place, cause, holder.kind, holder.since, names, severity, certainty, values)


def _cleared(reading: Reading, number: int) -> int:
    """How often an optimizer has cleared gradients: one that waits for its turn has no need to."""
    clearings = (event for event in reading.ledger.events if isinstance(event, Clearing))
    return sum(event.holder == number and bool(event.erased) for event in clearings)


def _skipped(reading: Reading, number: int, turns: list[Step]) -> Draft | None:
    """The scaler skipped every turn. Its factor falls each time, so the first few are nothing to speak of."""
    factors = [step.factor for step in turns if step.factor is not None]
    if len(factors) < 2 or factors[-1] < factors[0]:
        return None
    holder = reading.ledger.holders[number]
    names = reading.names(index for step in turns for index in step.used)
    values = {"steps": str(len(turns)), "optimizer": holder.name, "scale": f"{factors[-1]:.4g}"}
    first = turns[0]
    return Draft("never_stepped", first.place, "scaler_skips", "GradScaler.step", first.time, names, values=values)


def _without_effect(reading: Reading, number: int, taken: list[Step]) -> Draft | None:
    """Two steps with a gradient that is not zero, and not a bit of any tensor changed."""
    pushed = [step for step in taken if any(norm > 0 and math.isfinite(norm) for norm in step.norms.values())]
    if len(pushed) < 2 or any(moved != 0.0 for step in pushed for moved in step.moved.values()):
        return None  # None: only a sample was compared
    holder = reading.ledger.holders[number]
    names = reading.names(index for step in pushed for index in step.norms)
    rates = [rate for step in pushed for rate in step.rates]
    cause, values = "rate_zero", {"optimizer": holder.name, "steps": str(len(pushed))}
    if any(rates) or not rates:  # a class of the program's own may have no rate at all
        dtypes = {reading.ledger.parameters[index].dtype for step in pushed for index in step.norms}
        cause, values["dtype"] = "without_effect", ", ".join(sorted(dtypes))
    if any(rates):
        cause, values["rate"] = "too_small", f"{max(rates):.3g}"
    return Draft("never_stepped", reading.made(number), cause, holder.kind, holder.since, names, values=values)


def _closure_alone(reading: Reading, number: int, taken: list[Step]) -> Draft | None:
    """Its closure is evaluated at several points of each step and differentiates at none of them."""
    inside = [event for event in reading.ledger.events if isinstance(event, Backward) and event.inside == number]
    by_hand = list(reading.ledger.changes("by hand"))
    for step in taken:
        edited = any(step.began < event.time < step.time for event in (*inside, *by_hand))
        if not step.repeats or edited or not any(step.used.values()):
            return None
    times = {time for contents in taken[0].used.values() for time in contents}
    loss, holder, first = reading.backwards[min(times)], reading.ledger.holders[number], taken[0]
    values = {"optimizer": holder.name, "line": reading.at(loss.place)}
    names = reading.names(first.used)
    op = f"{holder.kind}.step"
    return Draft("never_stepped", first.place, "closure_alone", op, first.time, names, values=values)


def _left_behind(reading: Reading) -> list[Draft]:
    """Without backward(): copies of a module's parameters are trained, and the module itself is run."""
    if reading.backwards:
        return []
    drafts: dict[int, Draft] = {}
    for event in reading.ledger.events:
        if isinstance(event, Copying) and event.what == "left behind":
            values = {"module": event.into, "line": event.where}
            draft = Draft(
                "never_stepped", event.place, "copy_trained", "forward", event.time, (), "warning", "likely", values
            )
            drafts.setdefault(event.place, draft)
    return list(drafts.values())
