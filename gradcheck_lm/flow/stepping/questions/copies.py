"""Are the copies of the weights that a program keeps copies, are they taken back, is a target network ever asked?"""

from __future__ import annotations

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Copying, Loading
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading

# what a line does -> the kind, its cause, and of the values that this wants the field of the event
_CAUSES: dict[str, tuple[str, str, dict[str, str]]] = {
    "laid aside": ("average_reversed", "not_put_back", {"writes": "into", "method": "source"}),
    "never asked": ("unread", "never_asked", {"target": "into", "source": "source", "line": "where"}),
    "unread end": ("unread", "end_of_episode", {"name": "into", "line": "where"}),
}


def ask(reading: Reading) -> list[Draft]:
    """overwritten, average_reversed and unread, of what is told by the program's text."""
    return [*_kept(reading), *_told(reading)]


def _copyings(reading: Reading, *what: str) -> list[Copying]:
    return [event for event in reading.ledger.events if isinstance(event, Copying) and event.what in what]


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


def _told(reading: Reading) -> list[Draft]:
    """What each such line says by itself."""
    drafts = []
    for what, (kind, cause, names) in _CAUSES.items():
        for event in _copyings(reading, what):
            said = {name: getattr(event, field) for name, field in names.items()}
            drafts.append(Draft(kind, event.place, cause, event.into, event.time, (), "warning", "likely", said))
    return drafts
