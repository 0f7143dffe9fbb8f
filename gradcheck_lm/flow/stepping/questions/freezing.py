"""Is frozen what was meant to be frozen, and nothing else?"""

from __future__ import annotations

from gradcheck_lm.flow.stepping.ledger.ledger import FrozenFresh, Misset, Thawed
from gradcheck_lm.flow.stepping.modules.frozen_noise import caught_by_a_word
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few

KIND = "trained_or_frozen_by_mistake"


def ask(reading: Reading) -> list[Draft]:
    """trained_or_frozen_by_mistake."""
    return [*_misset(reading), *_thawed(reading), *_fresh(reading)]


def _misset(reading: Reading) -> list[Draft]:
    """One finding for each line: a loop sets the attribute on many."""
    drafts = {}
    events = [event for event in reading.ledger.events if isinstance(event, Misset)]
    for event in events:
        same = [one for one in events if (one.place, one.name) == (event.place, event.name)]
        learning = {index for one in same for index in one.learning}
        shows = event.thaws or any(index in reading.fed for index in learning)
        if (event.place, event.name) in drafts or not shows:
            continue  # it does not learn in these steps: whatever was meant, nothing of it shows
        cause = "module_attribute" if event.of_module and event.name == "requires_grad" else "misspelt"
        cause = "never_thawed" if event.thaws else cause
        owner = few(tuple(dict.fromkeys(one.owner for one in same)))
        drafts[event.place, event.name] = Draft(
            KIND, event.place, cause, event.name, event.time, reading.names(learning), "warning", "certain",
            {"owner": owner, "name": event.name},
        )  # fmt: skip
    return list(drafts.values())


def _thawed(reading: Reading) -> list[Draft]:
    """What was frozen and is trained all the same: a later line has switched all of it on again."""
    return [
        Draft(
            KIND, event.place, "thawed_again", "requires_grad", event.time, names := reading.names(event.tensors),
            "warning", "likely", {"parameters": few(names), "line": reading.at(event.frozen)},
        )
        for event in reading.ledger.events
        if isinstance(event, Thawed) and any(index in reading.fed for index in event.tensors)
    ]  # fmt: skip


def _fresh(reading: Reading) -> list[Draft]:
    drafts = []
    for event in reading.ledger.events:
        if isinstance(event, FrozenFresh):
            names = reading.names(event.tensors)
            cause = "zero_and_frozen" if event.zero else "fresh_and_frozen"
            values = {"parameters": few(names)} if event.zero else {"parameter": names[0]}
            if not event.zero and (caught := caught_by_a_word(names)) is not None:
                cause, values = "caught_by_a_word", {"word": caught[0], "part": caught[1]}
                names = tuple(name for name in names if caught[1] in name.split("."))
            drafts.append(
                Draft(
                    KIND, event.place, cause, "requires_grad", event.time, names, "warning", "likely",
                    values,
                )
            )  # fmt: skip
    return drafts
