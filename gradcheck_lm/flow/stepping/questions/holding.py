"""Does an optimizer hold what gets a gradient, and is what it holds still used by anybody?"""

from __future__ import annotations

from collections import Counter

from gradcheck_lm.flow.stepping.drafts import Draft, Reading, count, few
from gradcheck_lm.flow.stepping.ledger import NOWHERE, Parameter


def ask(reading: Reading) -> list[Draft]:
    """stale, then not_held: a tensor whose stead another one took is told once."""
    if not any(not step.skipped for step in reading.steps):
        return []  # who holds what matters when somebody steps
    unheld = _unheld(reading)
    drafts, told = _stale(reading, unheld)
    return [*drafts, *_not_held(reading, [index for index in unheld if index not in told])]


def _unheld(reading: Reading) -> list[int]:
    """Leaves that a trained loss gives a gradient, that no optimizer holds, and that nobody changes by hand."""
    found = []
    for index, parameter in enumerate(reading.ledger.parameters):
        losses = reading.fed.get(index, [])
        if parameter.held_by or parameter.changed or not parameter.requires_grad or not losses:
            continue
        if parameter.owner == "nowhere" and (not parameter.declared or len(losses) < 2):
            continue  # an input that asks for a gradient, or a tensor that lives for one step
        found.append(index)
    return found


# ---------------------------------------------------------------------- stale


def _stale(reading: Reading, unheld: list[int]) -> tuple[list[Draft], set[int]]:
    drafts: list[Draft] = []
    told: set[int] = set()
    parameters = reading.ledger.parameters
    for number, holder in enumerate(reading.ledger.holders):
        idle = [
            index
            for index in holder.holds
            if parameters[index].owner == "nowhere" and parameters[index].requires_grad and index not in reading.fed
        ]
        if not idle or not unheld or not reading.stepped(number):
            continue
        replaced = [index for index in idle if parameters[index].replaced != NOWHERE]
        heirs = [index for index in unheld if parameters[index].owner == "module"]
        if replaced and heirs:
            place = parameters[replaced[0]].replaced
            why = (
                f"{holder.name}, made{reading.said(holder.place)}, holds {count(len(replaced), 'tensor')} that this "
                f"line took out of the model. What stands there now ({few(reading.names(heirs))}) gets a gradient, and "
                "no optimizer holds it."
            )
        elif _copies(reading, idle, heirs):
            place, replaced = reading.made(number), idle
            why = (
                f"{holder.name} holds {count(len(idle), 'tensor')} that no module uses which runs here; the loss "
                f"reaches others of the same shapes ({few(reading.names(heirs))}), which no optimizer holds: the model "
                "was copied, or made anew, after its parameters were given."
            )
        else:
            continue
        drafts.append(Draft("stale", place, why, holder.kind, holder.made, reading.names(heirs)))
        told.update(heirs)
    return drafts, told


def _copies(reading: Reading, idle: list[int], heirs: list[int]) -> bool:
    shapes = [Counter(reading.ledger.parameters[index].shape for index in group) for group in (idle, heirs)]
    return bool(heirs) and not shapes[0] - shapes[1]


# ---------------------------------------------------------------------- not held


def _not_held(reading: Reading, unheld: list[int]) -> list[Draft]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for index in unheld:
        groups.setdefault(_group(reading.ledger.parameters[index]), []).append(index)
    drafts = (_told(reading, members) for members in groups.values())
    return [draft for draft in drafts if draft is not None]


def _group(parameter: Parameter) -> tuple[object, ...]:
    if parameter.container != NOWHERE:
        return ("container", parameter.container)
    return (parameter.owner, parameter.root)


def _told(reading: Reading, members: list[int]) -> Draft | None:
    holder = _stepping_on(reading, members)
    if holder is None:
        return None  # its loss is nobody's: no optimizer steps on it
    parameters = reading.ledger.parameters
    first = parameters[members[0]]
    names, severity, certainty = reading.names(members), "error", "certain"
    one = len(names) == 1
    from_where = f"backward(){reading.said(reading.fed[members[0]][0].place)}"
    them = "it" if one else "them"
    gets = f"{few(names)} {'gets' if one else 'get'} a gradient from {from_where}, and no optimizer holds {them}"
    title, place = reading.ledger.holders[holder].name, reading.made(holder)
    cures: tuple[str, ...] = ()
    if first.owner == "container":
        place = first.container if first.container != NOWHERE else place
        why = f"{gets}: a plain list or dict hides a module's parts from parameters()."
        cures = (
            "nn.ModuleList, nn.ModuleDict, nn.ParameterList or nn.ParameterDict in place of the list or dict",
            "make the optimizer after that, from model.parameters()",
        )
    elif first.owner in ("attribute", "nowhere"):
        why = f"{gets}: it is not registered as a parameter of a module, so parameters() does not know it."
        cures = (
            "assign nn.Parameter(tensor) itself to the module: nothing computed from it, and no plain tensor",
            "give it to the optimizer by name: [*model.parameters(), tensor]",
        )
    else:
        severity, note = _severity(reading, members, holder)
        certainty = "certain" if severity == "error" else "likely"
        why = f"{gets}: {title}, which steps on this loss, was made without {them}.{note}"
    return Draft("not_held", place, why, reading.ledger.holders[holder].kind, 0, names, severity, certainty, cures)


def _stepping_on(reading: Reading, members: list[int]) -> int | None:
    """The optimizer that steps on a loss which gives these a gradient."""
    for index in members:
        for loss in reading.fed[index]:
            for step in reading.users.get(loss.time, []):
                if not step.skipped:
                    return step.holder
    return None


def _severity(reading: Reading, members: list[int], holder: int) -> tuple[str, str]:
    """Left out by mistake, or on purpose and not frozen."""
    parameters = reading.ledger.parameters
    if not any(parameters[index].training for index in members):
        return (
            "note",
            " Its module is in eval mode: if it is meant to stay as it is, requires_grad_(False) saves its gradient.",
        )
    held = {index for one in reading.ledger.holders for index in one.holds if parameters[index].owner == "module"}
    if not held:
        return "note", " What is optimised here is no parameter of a module, so this may be meant."
    root = parameters[members[0]].root
    beside = {parameters[index].branch for index in held if parameters[index].root == root}
    missed = {parameters[index].branch for index in members}
    if beside and "" not in beside | missed and not beside & missed:
        return (
            "warning",
            f" It holds all of {few(tuple(sorted(beside)))} and nothing of {few(tuple(sorted(missed)))}: if that is "
            "meant, requires_grad_(False) says so.",
        )
    return "error", ""
