"""Does an optimizer hold what gets a gradient, and is what it holds still used by anybody?"""

from __future__ import annotations

from collections import Counter

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Ledger, Parameter
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few


def ask(reading: Reading) -> list[Draft]:
    """stale, then not_held: a tensor whose stead another one took is told once."""
    if not any(not step.skipped for step in reading.steps):
        return []  # who holds what matters when somebody steps
    unheld = _unheld(reading)
    drafts, told = _stale(reading, unheld)
    left = [index for index in unheld if index not in told]
    return [*drafts, *_outdated(reading), *_anew(reading), *_not_held(reading, left)]


def heirs(ledger: Ledger) -> frozenset[str]:
    """The tensors that stand in the place of others which an optimizer still holds."""
    return frozenset(name for draft in ask(Reading(ledger)) if draft.kind == "stale" for name in draft.tensors)


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


# ---------------------------------------------------------------------- made anew


def _anew(reading: Reading) -> list[Draft]:
    """Layers that are made inside the step: those of the one step get a gradient, and in the next there are others."""
    times: dict[int, list[Backward]] = {}
    for event in reading.backwards.values():
        for index in event.given:
            times.setdefault(index, []).append(event)
    used = {index for step in reading.steps for index in step.used}
    lines: dict[int, dict[int, list[int]]] = {}  # the line that made them -> time of the one backward -> they
    parameters = reading.ledger.parameters
    for index, events in times.items():
        parameter = parameters[index]
        if parameter.made != NOWHERE and not parameter.held_by and index not in used and len(events) == 1:
            lines.setdefault(parameter.made, {}).setdefault(events[0].time, []).append(index)
    drafts = []
    for place, made in lines.items():
        several = len(made) > 1 and len({reading.backwards[time].place for time in made}) < len(made)
        if several and any(reading.users.get(time) for time in made):
            first = next(iter(made.values()))
            values = {"line": reading.at(times[first[0]][0].place), "count": str(len(first))}
            op = parameters[first[0]].maker
            drafts.append(Draft("not_held", place, "made_anew", op, min(made), values=values))
    return drafts


# ---------------------------------------------------------------------- stale


def _stale(reading: Reading, unheld: list[int]) -> tuple[list[Draft], set[int]]:
    drafts: list[Draft] = []
    told: set[int] = set()
    parameters = reading.ledger.parameters
    since = min((loss.time for index in unheld for loss in reading.fed[index]), default=0)
    for number, holder in enumerate(reading.ledger.holders):
        idle = [
            index
            for index in holder.holds
            if parameters[index].owner == "nowhere" and parameters[index].requires_grad
            if all(loss.time < since for loss in reading.fed.get(index, ()))
        ]
        replaced = [index for index in idle if parameters[index].replaced != NOWHERE]
        heirs = [index for index in unheld if parameters[index].owner in ("module", "attribute")]
        if not heirs and len(idle) == len(holder.holds):
            heirs = _of_no_module(reading, replaced or idle)
        if not idle or not heirs or not reading.stepped(number):
            continue
        if replaced:
            cause, place = "replaced", parameters[replaced[0]].replaced
        elif _copies(reading, idle, heirs):
            cause, place, replaced = "copied", reading.made(number), idle
        else:
            continue
        names = reading.names(heirs)
        values = {"optimizer": holder.name, "count": str(len(replaced)), "parameters": few(names)}
        if cause == "replaced":
            values["made"] = reading.at(holder.place)
        drafts.append(Draft("stale", place, cause, holder.kind, holder.since, names, values=values))
        told.update(heirs)
    return drafts, told


def _of_no_module(reading: Reading, idle: list[int]) -> list[int]:
    """Leaves of the shapes of these, which several losses reach and nobody holds or changes."""
    parameters = reading.ledger.parameters
    shapes = {parameters[index].shape for index in idle}
    return [
        index
        for index, losses in reading.fed.items()
        if len(losses) > 1 and not parameters[index].held_by and not parameters[index].changed
        if parameters[index].owner == "nowhere" and parameters[index].shape in shapes
    ]


def _copies(reading: Reading, idle: list[int], heirs: list[int]) -> bool:
    shapes = [Counter(reading.ledger.parameters[index].shape for index in group) for group in (idle, heirs)]
    return bool(heirs) and not shapes[0] - shapes[1]


def _outdated(reading: Reading) -> list[Draft]:
    """Values computed from weights before the steps that moved these: each loss sees the weights of before."""
    drafts = []
    for event in reading.ledger.changes("outdated"):
        moved = [
            index
            for index in event.contents
            if any(step.time < event.time and index in step.used and step.moved.get(index) for step in reading.steps)
        ]
        if moved:
            step = next(step for step in reading.steps if moved[0] in step.used)
            names = reading.names(moved)
            values = {"parameters": few(names), "optimizer": reading.ledger.holders[step.holder].name}
            values["line"] = reading.at(step.place)
            drafts.append(Draft("stale", event.place, "outdated", "computed once", event.time, names, values=values))
    return drafts


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
    idle = _all_frozen(reading, members) if holder is None else None
    if idle is not None:
        return _beside_frozen(reading, members, idle)
    if holder is None:
        return None  # its loss is nobody's: no optimizer steps on it
    parameters = reading.ledger.parameters
    first = parameters[members[0]]
    names, severity, certainty = reading.names(members), "error", "certain"
    values = {"line": reading.at(reading.fed[members[0]][0].place), "parameters": few(names)}
    title, place = reading.ledger.holders[holder], reading.chance(holder, members[0])
    if first.owner == "container":
        cause, place = "in_a_container", first.container if first.container != NOWHERE else place
    elif first.owner in ("attribute", "nowhere"):
        cause = "not_registered"
    else:
        severity, cause, more = _severity(reading, members)
        certainty = "certain" if severity == "error" else "likely"
        values |= {"optimizer": title.name, **more}
    return Draft("not_held", place, cause, title.kind, 0, names, severity, certainty, values)


def _stepping_on(reading: Reading, members: list[int]) -> int | None:
    """The optimizer that steps on a loss which gives these a gradient."""
    for index in members:
        for loss in reading.fed[index]:
            for step in reading.users.get(loss.time, []):
                if not step.skipped:
                    return step.holder
    return None


def _all_frozen(reading: Reading, members: list[int]) -> int | None:
    """The optimizer that steps after their loss and holds nothing but frozen tensors of the same model."""
    parameters = reading.ledger.parameters
    first, roots = reading.fed[members[0]][0].time, {parameters[index].root for index in members}
    for step in reading.steps:
        held = [parameters[index] for index in reading.ledger.holders[step.holder].holds]
        alike = any(one.owner == "module" and one.root in roots for one in held)
        if step.time > first and alike and not any(one.requires_grad for one in held):
            return step.holder
    return None


def _beside_frozen(reading: Reading, members: list[int], holder: int) -> Draft:
    title, names = reading.ledger.holders[holder], reading.names(members)
    values = {
        "line": reading.at(reading.fed[members[0]][0].place), "parameters": few(names), "optimizer": title.name,
        "count": str(len(title.holds)),
    }  # fmt: skip
    place = reading.chance(holder, members[0])
    return Draft("not_held", place, "beside_frozen", title.kind, 0, names, values=values)


def _severity(reading: Reading, members: list[int]) -> tuple[str, str, dict[str, str]]:
    """Left out by mistake, or on purpose and not frozen: severity, cause, its further values."""
    parameters = reading.ledger.parameters
    if not any(parameters[index].training for index in members):
        return "note", "in_eval", {}
    held = {index for one in reading.ledger.holders for index in one.holds if parameters[index].owner == "module"}
    if not held:
        return "note", "beside_no_module", {}
    if (originals := _originals(reading, members)) is not None:
        return "note", "copy", {"held": few(reading.names(originals))}
    root = parameters[members[0]].root
    beside = {parameters[index].branch for index in held if parameters[index].root == root}
    missed = {parameters[index].branch for index in members}
    if beside and "" not in beside | missed and not beside & missed:
        return "warning", "other_branch", {"held": few(tuple(sorted(beside))), "missed": few(tuple(sorted(missed)))}
    return "error", "left_out", {}


def _originals(reading: Reading, members: list[int]) -> list[int] | None:
    """Those that these began as copies of, where the same loss trains them too: a target network; else None."""
    parameters = reading.ledger.parameters
    copied = {index: parameters[index].copy_of for index in members if parameters[index].copy_of != NOWHERE}
    times = {index: {loss.time for loss in reading.fed.get(index, [])} for index in (*members, *copied.values())}
    if not copied or any(times[index].isdisjoint(times[original]) for index, original in copied.items()):
        return None
    # a bias of zeros is no copy by itself, and belongs to one where its module's weights are
    modules = {parameters[index].name.rpartition(".")[0] for index in copied}
    alone = [one for one in members if one not in copied and parameters[one].name.rpartition(".")[0] not in modules]
    return list(copied.values()) if not alone else None
