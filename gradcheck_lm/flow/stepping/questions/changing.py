"""Are gradients clipped while it still matters, and does the step go downhill?"""

from __future__ import annotations

from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Change, Step
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading

_LOGGING = 1e6  # a limit this high is there to read the norm
# autograd's nodes of losses that are made to be small
_LOSSES = (
    "NllLoss", "MseLoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BinaryCrossEntropy", "KlDiv", "CtcLoss",
    "SoftMarginLoss", "MultiMarginLoss", "MultilabelMarginLoss",
)  # fmt: skip
_UPHILL, _SURELY_UPHILL = 0.2, 0.5  # cosine of gradient and movement; weight decay moves as well


def ask(reading: Reading) -> list[Draft]:
    """changed_too_late and climbs."""
    return [*_too_late(reading), *_climbs(reading), *_negated(reading), *_uphill_by_hand(reading)]


def _too_late(reading: Reading) -> list[Draft]:
    drafts: dict[int, Draft] = {}
    for event in reading.ledger.changes("clipped"):
        if event.limit is not None and event.limit >= _LOGGING:
            continue
        cause, values = _what_is_wrong(reading, event)
        if cause and event.place not in drafts:
            names = reading.names((*event.contents, *event.without))
            drafts[event.place] = Draft(
                "changed_too_late", event.place, cause, "clip_grad", event.time, names, values=values
            )
    kept = {event.place for event in reading.ledger.changes("by hand") if _used_again(reading, event)}
    for event in reading.ledger.changes("by hand"):
        if event.place not in kept and _all_used(reading, event):
            place = event.place if event.place >= 0 else _last_step(reading, event).place
            names = reading.names(event.contents)
            draft = Draft("changed_too_late", place, "by_hand_after_step", ".grad", event.time, names)
            drafts.setdefault(place, draft)
    return list(drafts.values())


def _what_is_wrong(reading: Reading, event: Change) -> tuple[str, dict[str, str]]:
    """The cause and its values; "" where nothing is."""
    if event.count == 0:
        return "clip_of_nothing", {}
    if _all_used(reading, event):
        return "clip_after_step", {"line": reading.at(_last_step(reading, event).place)}
    if not any(event.contents.values()) and (loss := _comes_later(reading, event)):
        return "before_backward", {"line": reading.at(loss)}
    unscaled = next(
        (later for later in reading.ledger.changes("unscaled") if later.time > event.time and _shared(later, event)),
        None,
    )
    if unscaled is not None:
        return "before_unscale", {"line": reading.at(unscaled.place)}
    return "", {}


def _shared(one: Change, two: Change) -> bool:
    return any(contents and one.contents.get(index) == contents for index, contents in two.contents.items())


def _all_used(reading: Reading, event: Change) -> bool:
    """Every gradient in it was used by a step of somebody who holds the tensor, before the change."""
    filled = {index: contents for index, contents in event.contents.items() if contents}
    return bool(filled) and all(
        any(
            step.time < event.time and index in step.used and time in step.used[index]
            for step in reading.users.get(time, [])
        )
        for index, contents in filled.items()
        for time in contents
    )


def _used_again(reading: Reading, event: Change) -> bool:
    """A later step uses what was changed, with more on top of it."""
    return any(
        step.time > event.time and set(contents) & set(step.used.get(index, ()))
        for step in reading.steps
        for index, contents in event.contents.items()
    )


def _last_step(reading: Reading, event: Change) -> Step:
    times = {time for contents in event.contents.values() for time in contents}
    return [step for time in times for step in reading.users.get(time, []) if step.time < event.time][-1]


def _comes_later(reading: Reading, event: Change) -> int | None:
    """The place of a backward() after the clipping whose gradient a step uses unclipped."""
    given = {*event.contents, *event.without}
    for step in reading.steps:
        if step.time < event.time or step.skipped:
            continue
        for index in given & set(step.used):
            late = [time for time in step.used[index] if time > event.time]
            if late and not any(
                min(late) < other.time < step.time and index in other.contents
                for other in reading.ledger.changes("clipped")
            ):
                return reading.backwards[late[0]].place
    return None


# ---------------------------------------------------------------------- climbs


def _climbs(reading: Reading) -> list[Draft]:
    """At its first step an optimizer has no momentum that could excuse a movement along the gradient."""
    drafts = []
    for step in reading.steps:
        if step.number or step.skipped or step.closure or step.cosine is None:
            continue
        holder = reading.ledger.holders[step.holder]
        times = {time for contents in step.used.values() for time in contents}
        limit = _SURELY_UPHILL if holder.weight_decay else _UPHILL
        if step.cosine < limit or not times or _turned_by_hand(reading, step, times):
            continue
        losses = [reading.backwards[time] for time in times]
        if holder.maximize and not all(loss.operation.startswith(_LOSSES) for loss in losses):
            continue  # a reward, a likelihood: it is meant
        cause = "maximize" if holder.maximize else "adds"
        values = {
            "optimizer": holder.name,
            "cosine": f"{step.cosine:+.2f}",
            "line": reading.at(losses[0].place),
        }
        if any(rate < 0 for rate in step.rates):
            cause, values["rate"] = "negative_rate", f"{min(step.rates):.3g}"
        names = reading.names(step.norms)
        place = reading.made(step.holder)
        drafts.append(Draft("climbs", place, cause, holder.kind, step.time, names, values=values))
    return drafts


def _negated(reading: Reading) -> list[Draft]:
    """A loss that is made to be small goes backward with its sign turned, and one optimizer holds all it reaches."""
    drafts: dict[int, Draft] = {}
    for step in reading.steps:
        holder = reading.ledger.holders[step.holder]
        if step.number or step.skipped or holder.maximize:
            continue
        for time in sorted({time for contents in step.used.values() for time in contents}):
            loss = reading.backwards[time]
            if not loss.operation.startswith("-") or not loss.operation[1:].startswith(_LOSSES):
                continue
            if not _alone(reading, step, loss) or _turned_by_hand(reading, step, {time}):
                continue
            place = loss.loss if loss.loss >= 0 else loss.place
            values = {"optimizer": holder.name, "line": reading.at(loss.place)}
            names = reading.names(loss.given)
            drafts.setdefault(
                place, Draft("climbs", place, "negated", "neg", loss.time, names, "warning", "likely", values)
            )
    return list(drafts.values())


def _alone(reading: Reading, step: Step, loss: Backward) -> bool:
    """No game, and no input that is to be made worse: the optimizer holds all leaves, which are parts of modules."""
    parameters = reading.ledger.parameters
    held = set(reading.ledger.holders[step.holder].holds)
    if any(one.owner == "module" and one.ran and not one.requires_grad for one in parameters):
        return False  # against a model that is frozen
    return all(index in held and parameters[index].owner != "nowhere" for index in loss.reached) and not any(
        other.place != loss.place and held & set(other.given) for other in reading.backwards.values()
    )


def _uphill_by_hand(reading: Reading) -> list[Draft]:
    """Weights of a module that no optimizer holds, to which a line adds their gradient of a loss."""
    found: dict[int, list[Change]] = {}
    for event in reading.ledger.changes("uphill"):
        losses = [
            reading.backwards[time] for one in event.contents.values() for time in one if time in reading.backwards
        ]
        parameters = [reading.ledger.parameters[index] for index in event.contents]
        if (
            losses
            and all(loss.operation.startswith(_LOSSES) for loss in losses)
            and all(one.owner == "module" and not one.held_by for one in parameters)
        ):
            found.setdefault(event.place, []).append(event)
    drafts = []
    for place, events in found.items():
        names = reading.names(index for event in events for index in event.contents)
        loss = next(reading.backwards[time] for one in events[0].contents.values() for time in one)
        values = {"line": reading.at(loss.place)}
        drafts.append(Draft("climbs", place, "by_hand", "add_", events[0].time, names, values=values))
    return drafts


def _turned_by_hand(reading: Reading, step: Step, times: set[int]) -> bool:
    return any(min(times) < event.time < step.time for event in reading.ledger.changes("by hand"))
