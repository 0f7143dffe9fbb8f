"""Are the copies of the weights that a program keeps copies, are they taken back, is a target network ever asked?"""

from __future__ import annotations

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Copying, Loading
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading


def ask(reading: Reading) -> list[Draft]:
    """overwritten, average_reversed and unread, of what is told by the program's text."""
    return [*_laid_aside(reading), *_kept(reading), *_never_asked(reading), *_unread_ends(reading)]


def _copyings(reading: Reading, *what: str) -> list[Copying]:
    return [event for event in reading.ledger.events if isinstance(event, Copying) and event.what in what]


def _laid_aside(reading: Reading) -> list[Draft]:
    """Averages that run in the place of the trained weights, which nobody puts back."""
    return [
        Draft(
            "average_reversed", event.place, "not_put_back", event.into, event.time, (), "warning", "likely",
            {"writes": event.into, "method": event.source},
        )
        for event in _copyings(reading, "laid aside")
    ]  # fmt: skip


def _kept(reading: Reading) -> list[Draft]:
    """Weights that are kept for later, or to be compared with, as if they were a copy."""
    kept = _copyings(reading, "kept", "compared")
    found = {one.place: (one.time, one.into, one.source, one.where) for one in kept}
    compared = {one.place for one in kept if one.what == "compared"}
    loads = (event for event in reading.ledger.events if isinstance(event, Loading) and event.what == "module")
    for event in loads:
        if event.itself and event.taken != NOWHERE:
            name = reading.ledger.places[event.taken].source.partition("=")[0].strip()
            found.setdefault(event.taken, (event.time, name, event.who, reading.at(event.place)))
    return [
        Draft(
            "overwritten", place, "compared_with_itself" if place in compared else "kept_by_reference", "state_dict",
            time, (), "warning", "likely", {"name": name, "module": module, "line": line},
        )
        for place, (time, name, module, line) in found.items()
    ]  # fmt: skip


def _never_asked(reading: Reading) -> list[Draft]:
    """Target networks that follow another and give nothing."""
    return [
        Draft(
            "unread", event.place, "never_asked", event.into, event.time, (), "warning", "likely",
            {"target": event.into, "source": event.source, "line": event.where},
        )
        for event in _copyings(reading, "never asked")
    ]  # fmt: skip


def _unread_ends(reading: Reading) -> list[Draft]:
    """Targets that go on beyond the end of an episode."""
    return [
        Draft(
            "unread", event.place, "end_of_episode", event.into, event.time, (), "warning", "likely",
            {"name": event.into, "line": event.where},
        )
        for event in _copyings(reading, "unread end")
    ]  # fmt: skip
