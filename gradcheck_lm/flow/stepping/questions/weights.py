"""Do the weights stay what loading and stepping made of them, and do modules keep their mode?"""

from __future__ import annotations

import itertools

from gradcheck_lm.flow.stepping.drafts import Draft, Reading, count, few
from gradcheck_lm.flow.stepping.ledger import Loading, Mode


def ask(reading: Reading) -> list[Draft]:
    """overwritten, average_reversed, state_not_restored, mode_flips and ties_apart."""
    return [
        *_loading(reading),
        *_undone(reading),
        *_pulled(reading),
        *_without_state(reading),
        *_modes(reading),
        *_ties(reading),
    ]


def _loads(reading: Reading, what: str) -> list[Loading]:
    return [event for event in reading.ledger.events if isinstance(event, Loading) and event.what == what]


def _loading(reading: Reading) -> list[Draft]:
    drafts = []
    for event in _loads(reading, "module"):
        if event.expected and not event.matched:
            why = (
                f"Not one of the {event.expected} names that {event.who} wants is in what was loaded: with "
                "strict=False nothing is loaded, and nothing is said."
            )
            cures = (
                "compare the names: model.state_dict().keys() against the file's; a prefix such as 'module.' or "
                "'model.' is the usual difference",
                "look at what load_state_dict returns: missing_keys and unexpected_keys",
            )
            drafts.append(Draft("overwritten", event.place, why, "load_state_dict", event.time, cures=cures))
        elif event.overwritten:
            share = len(event.overwritten) / max(1, len(event.tensors))
            severity = "error" if share > 0.5 else "warning"
            why = (
                f"{count(len(event.overwritten), 'tensor')} of {len(event.tensors)} that were loaded here were "
                "overwritten before the model first ran: an initialisation comes after the loading."
            )
            names, certainty = reading.names(event.overwritten), "certain" if severity == "error" else "likely"
            drafts.append(
                Draft("overwritten", event.place, why, "load_state_dict", event.time, names, severity, certainty)
            )
    return drafts


def _undone(reading: Reading) -> list[Draft]:
    drafts = []
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        pairs = list(itertools.pairwise(steps))
        if not pairs or not all(step.undone and any(before.moved.values()) for before, step in pairs):
            continue  # once is a step that somebody takes back
        for before, step in pairs[:1]:
            between = [
                event
                for event in _loads(reading, "module")
                if before.time < event.time < step.began and set(event.tensors) & set(holder.holds)
            ]
            place = between[0].place if between else reading.made(number)
            why = (
                f"Before step {step.number + 1} of {holder.name} its tensors are again what they were before step "
                f"{before.number + 1}, bit by bit: something puts the old weights back each time."
            )
            op = "load_state_dict" if between else holder.kind
            drafts.append(Draft("overwritten", place, why, op, step.time, reading.names(step.norms)))
    return drafts


def _pulled(reading: Reading) -> list[Draft]:
    """Weights that are drawn, between steps, towards a copy that itself never moves."""
    drafts: dict[int | None, Draft] = {}
    for event in reading.ledger.changes("pulled"):
        if event.holder is None or event.holder in drafts:
            continue
        holder = reading.ledger.holders[event.holder]
        names = reading.names(event.contents)
        place = event.place if event.place >= 0 else reading.made(event.holder)
        why = (
            f"Between two steps of {holder.name} {few(names)} are moved towards the weights of another module, which "
            "no optimizer holds and which stay as they are: the average should follow the model, and here the model "
            "is drawn back to the average."
        )
        drafts[event.holder] = Draft("average_reversed", place, why, "average", event.time, names, "warning", "likely")
    return list(drafts.values())


def _without_state(reading: Reading) -> list[Draft]:
    drafts = []
    files = [event for event in _loads(reading, "file") if event.has_state]
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        if holder.restored or not holder.empty_state or not steps or holder.kind == "SGD":
            continue
        for event in _loads(reading, "module"):
            read = [file for file in files if file.time < event.time < steps[0].time]
            if read and set(event.tensors) & set(holder.holds):
                why = (
                    f"The file read{reading.said(read[-1].place)} has an optimizer's state in it; the weights are "
                    f"loaded here, and {holder.name} takes its first step with an empty state: its averages begin anew."
                )
                drafts.append(
                    Draft(
                        "state_not_restored", event.place, why, "load_state_dict", event.time,
                        reading.names(set(event.tensors) & set(holder.holds)), "warning", "likely",
                    )
                )  # fmt: skip
                break
    return drafts


def _modes(reading: Reading) -> list[Draft]:
    """A loss that went backward with norms or dropout in training mode, and again with them in eval mode."""
    flips = [event for event in reading.ledger.events if isinstance(event, Mode)]
    for flip in flips:
        if flip.training or any(later.training and later.time > flip.time for later in flips):
            continue
        before = {loss.place for loss in reading.backwards.values() if loss.time < flip.time}
        again = [loss for loss in reading.backwards.values() if loss.time > flip.time and loss.place in before]
        if again:
            why = (
                f"From here on {flip.module} runs in eval mode, and backward(){reading.said(again[0].place)} goes on "
                "as before: the model was set to eval(), for a validation perhaps, and not back to train()."
            )
            return [Draft("mode_flips", flip.place, why, "eval", flip.time, (), "warning", "likely")]
    return []


def _ties(reading: Reading) -> list[Draft]:
    drafts = []
    for index, parameter in enumerate(reading.ledger.parameters):
        if parameter.tie < 0 or not parameter.apart:
            continue
        names = reading.names((index, parameter.tie))
        holder = next((number for number in parameter.held_by), None)
        why = (
            f"{names[0]} and {names[1]} were equal, bit by bit, before the first step, and are not after it: they are "
            "two tensors where one was meant to serve as embedding and as output layer."
        )
        place = reading.made(holder) if holder is not None else -1
        drafts.append(Draft("ties_apart", place, why, "Embedding", 0, names, "warning", "likely"))
    return drafts
