"""Do the weights stay what loading and stepping made of them, and do modules keep their mode?"""

from __future__ import annotations

import itertools
import math

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Copying, Discarding, Loading, Mode, Schedule
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few

_TURNS = ("flip", "train_then_eval")


def ask(reading: Reading) -> list[Draft]:
    """overwritten, average_reversed, state_not_restored, mode_flips and ties_apart."""
    return [
        *_loading(reading),
        *_copying(reading),
        *_partly_shared(reading),
        *_discarded(reading),
        *_undone(reading),
        *_pulled(reading),
        *_repelled(reading),
        *_without_state(reading),
        *_relieved(reading),
        *_rates(reading),
        *_schedule_anew(reading),
        *_modes(reading),
        *_dropouts(reading),
        *_ties(reading),
    ]


def _loads(reading: Reading, what: str) -> list[Loading]:
    return [event for event in reading.ledger.events if isinstance(event, Loading) and event.what == what]


def _loading(reading: Reading) -> list[Draft]:
    drafts = []
    for event in _loads(reading, "module"):
        if event.expected and not event.matched:
            values = {"total": str(event.expected), "module": event.who}
            cause = "nothing_loaded"
            drafts.append(Draft("overwritten", event.place, cause, "load_state_dict", event.time, values=values))
        elif event.overwritten:
            share = len(event.overwritten) / max(1, len(event.tensors))
            severity = "error" if share > 0.5 else "warning"
            values = {"count": str(len(event.overwritten)), "total": str(len(event.tensors))}
            names, certainty = reading.names(event.overwritten), "certain" if severity == "error" else "likely"
            place, cause, op = event.place, "initialised_after_loading", "load_state_dict"
            if (writer := reading.ledger.writers.get(event.time, NOWHERE)) != NOWHERE:
                place, cause, op = writer, "written_over_loaded", ""
                values["line"] = reading.at(event.place)
            drafts.append(Draft("overwritten", place, cause, op, event.time, names, severity, certainty, values))
    return drafts


def _copying(reading: Reading) -> list[Draft]:
    """Modules that are loaded from themselves, or that the module which they are loaded from is put in the place of."""
    copied = [event for event in reading.ledger.events if isinstance(event, Copying)]
    aliased = [event for event in copied if event.what == "aliased"]
    drafts = {
        reading.at(event.place): Draft(
            "overwritten", event.place, "aliased", "=", event.time, (), "warning", "certain",
            {"module": event.into, "source": event.source, "line": event.where},
        )
        for event in aliased
    }  # fmt: skip
    kept = [event for event in copied if event.what == "kept"]
    told = {event.where for event in (*aliased, *kept)}  # where the two are one, this is what comes of it
    loads = [event for event in _loads(reading, "module") if event.itself]
    itself = [(event.place, event.time, event.who) for event in loads if event.taken == NOWHERE]
    written = {reading.at(event.place): event.into for event in copied if event.what == "itself"}
    itself += [(event.place, event.time, event.into) for event in copied if event.what == "itself"]
    for place, time, module in itself:
        at = reading.at(place)
        if at not in told:
            values = {"module": written.get(at, module)}
            draft = Draft(
                "overwritten", place, "from_itself", "load_state_dict", time, (), "warning", "certain", values
            )
            drafts.setdefault(at, draft)
    return list(drafts.values())


def _partly_shared(reading: Reading) -> list[Draft]:
    """Modules that only copies are loaded into, a part of which is the very part that trains."""
    moved = {index for step in reading.steps for index, far in step.moved.items() if far}
    drafts: dict[tuple[int, str], Draft] = {}
    for event in _loads(reading, "module"):
        held = [one for one in event.tensors if reading.ledger.parameters[one].held_by and one not in event.shared]
        both = moved & set(event.shared)
        if both and not held:
            names = reading.names(both)
            values = {"module": event.who, "parameters": few(names)}
            draft = Draft(
                "overwritten", event.place, "partly_shared", "load_state_dict", event.time, names, "warning", "likely",
                values,
            )  # fmt: skip
            drafts.setdefault((event.place, event.who), draft)
    return list(drafts.values())


def _discarded(reading: Reading) -> list[Draft]:
    """Modules that were loaded, and of which another one, made anew, took the place before they ran."""
    found = {event.place: event for event in reading.ledger.events if isinstance(event, Discarding)}
    return [
        Draft(
            "overwritten", event.place, "loaded_and_replaced", "=", event.time, (), "warning", "likely",
            {"module": event.who, "line": reading.at(event.loaded)},
        )
        for event in found.values()
    ]  # fmt: skip


def _undone(reading: Reading) -> list[Draft]:
    drafts = []
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        pairs = list(itertools.pairwise(steps))
        if not pairs or not all(step.undone and any(map(_moves, before.moved.values())) for before, step in pairs):
            continue  # once is a step that somebody takes back
        for before, step in pairs[:1]:
            between = [
                event
                for event in _loads(reading, "module")
                if before.time < event.time < step.began and set(event.tensors) & set(holder.holds)
            ]
            place = between[0].place if between else reading.made(number)
            op, names = "load_state_dict" if between else holder.kind, reading.names(step.norms)
            values = {"optimizer": holder.name, "first": str(before.number + 1), "second": str(step.number + 1)}
            drafts.append(Draft("overwritten", place, "loaded_each_step", op, step.time, names, values=values))
    return drafts


def _moves(distance: float | None) -> bool:
    """None: only a sample was compared, and it stayed; NaN: from infinity to infinity."""
    return distance is not None and math.isfinite(distance) and distance > 0


def _pulled(reading: Reading) -> list[Draft]:
    """Weights that are drawn, between steps, towards a copy that itself never moves."""
    drafts: dict[int | None, Draft] = {}
    for event in reading.ledger.changes("pulled"):
        if event.holder is None or event.holder in drafts:
            continue
        holder = reading.ledger.holders[event.holder]
        names = reading.names(event.contents)
        place = event.place if event.place >= 0 else reading.made(event.holder)
        values = {"optimizer": holder.name, "parameters": few(names)}
        drafts[event.holder] = Draft(
            "average_reversed", place, "reversed", "average", event.time, names, "warning", "likely", values
        )
    return list(drafts.values())


def _repelled(reading: Reading) -> list[Draft]:
    """Averages of weights that each write moves further from the weights, or nearly all the way to them."""
    drafts = []
    for event in (*reading.ledger.changes("repelled"), *reading.ledger.changes("overrun")):
        names = reading.names(event.contents)
        values = {"parameters": few(names), "share": f"{event.limit:.3g}"}
        cause = "away" if event.what == "repelled" else "takes_nearly_all"
        drafts.append(
            Draft("average_reversed", event.place, cause, "average", event.time, names, "warning", "likely", values)
        )
    return drafts


def _without_state(reading: Reading) -> list[Draft]:
    drafts = []
    files = [event for event in _loads(reading, "file") if event.has_state]
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        stateless = holder.kind == "SGD" and not holder.momentum
        if holder.restored or not holder.empty_state or not steps or stateless:
            continue
        if any(holder.since < one.time < steps[0].time for one in _loads(reading, "optimizer lost")):
            continue
        for event in _loads(reading, "module"):
            read = [file for file in files if file.time < event.time < steps[0].time]
            if read and set(event.tensors) & set(holder.holds):
                drafts.append(
                    Draft(
                        "state_not_restored", event.place, "optimizer", "load_state_dict", event.time,
                        reading.names(set(event.tensors) & set(holder.holds)), "warning", "likely",
                        {"line": reading.at(read[-1].place), "optimizer": holder.name},
                    )
                )  # fmt: skip
                break
    return drafts


def _relieved(reading: Reading) -> list[Draft]:
    """Optimizers that were loaded and never step, because this line makes another in their place."""
    found = {event.place: event for event in _loads(reading, "optimizer lost")}
    return [
        Draft(
            "state_not_restored", event.place, "made_after_loading", event.who, event.time,
            reading.names(event.tensors), "warning", "likely",
            {"line": reading.at(event.taken), "optimizer": event.who},
        )
        for event in found.values()
    ]  # fmt: skip


def _schedule_anew(reading: Reading) -> list[Draft]:
    """Schedulers whose state lies in the file, and that begin anew where their optimizer's state was loaded."""
    events = (event for event in reading.ledger.events if isinstance(event, Schedule) and event.setting == "not loaded")
    found = {event.place: event for event in events}
    return [
        Draft(
            "state_not_restored", event.place, "schedule", event.kind, event.time, (), "warning", "likely",
            {"scheduler": event.kind, "count": str(event.epochs)},
        )
        for event in found.values()
    ]  # fmt: skip


def _rates(reading: Reading) -> list[Draft]:
    """A rate that was loaded with the optimizer's state, taken back by a scheduler that is made after it."""
    drafts = []
    for event in reading.ledger.events:
        if not isinstance(event, Schedule) or not event.reset:
            continue
        loaded = max((one.time for one in _loads(reading, "optimizer") if one.time < event.time), default=event.time)
        if any(loaded < step.time < event.time for step in reading.steps):
            continue  # what was loaded has been used; a new training may begin anew
        first = next((step for step in reading.steps if step.time > event.time and step.rates), None)
        if first is None or not math.isclose(first.rates[0], event.reset) or math.isclose(event.loaded, event.reset):
            continue
        values = {
            "scheduler": event.kind, "loaded": f"{event.loaded:.3g}", "reset": f"{event.reset:.3g}",
            "line": reading.at(first.place),
        }  # fmt: skip
        drafts.append(
            Draft(
                "state_not_restored", event.place, "rate_taken_back", event.kind, event.time, (), "warning", "likely",
                values,
            )
        )  # fmt: skip
    return drafts


def _modes(reading: Reading) -> list[Draft]:
    """A loss that went backward with norms or dropout in training mode, and again with them in eval mode."""
    modes = [event for event in reading.ledger.events if isinstance(event, Mode)]
    flips = [event for event in modes if event.what in _TURNS]
    for flip in flips:
        back = next((later.time for later in flips if later.training and later.time > flip.time), None)
        steps = [step for step in reading.steps if back is not None and flip.time < step.time < back]
        if flip.training or (back is not None and len(steps) < 2):
            continue  # a gradient asked for in between, as for an adversarial example
        before = {loss.place for loss in reading.backwards.values() if loss.time < flip.time}
        again = [
            loss
            for loss in reading.backwards.values()
            if flip.time < loss.time < (back or math.inf) and (loss.place in before or flip.what == "train_then_eval")
        ]
        if again:
            values = {"module": flip.module, "line": reading.at(again[0].place)}
            return [Draft("mode_flips", flip.place, "left_in_eval", "eval", flip.time, (), "warning", "likely", values)]
    return []


def _dropouts(reading: Reading) -> list[Draft]:
    """Dropout called as a function that does not learn the mode of the module around it."""
    found = [event for event in reading.ledger.events if isinstance(event, Mode) and event.what not in _TURNS]
    return [
        Draft(
            "mode_flips", event.place, event.what, event.function, event.time, (), "warning", "likely",
            {
                "function": event.function.rsplit(".", 1)[-1], "module": event.module, "line": reading.at(event.place)
            },
        )
        for event in found
    ]  # fmt: skip


def _ties(reading: Reading) -> list[Draft]:
    drafts: list[Draft] = []
    for index, parameter in enumerate(reading.ledger.parameters):
        if parameter.tie < 0 or not parameter.apart:
            continue
        names = reading.names((index, parameter.tie))
        holder = next((number for number in parameter.held_by), None)
        values = {"parameter": names[0], "other": names[1]}
        place = parameter.filled
        if place == NOWHERE and holder is not None:
            place = reading.made(holder)
        transposed = parameter.shape != reading.ledger.parameters[parameter.tie].shape
        if transposed and place != NOWHERE and any(one.place == place for one in drafts):
            continue  # the layers of a stack, all by one line
        cause, op = ("copied_transposed", "Parameter") if transposed else ("copied", "Embedding")
        drafts.append(Draft("ties_apart", place, cause, op, 0, names, "warning", "likely", values))
    return drafts
