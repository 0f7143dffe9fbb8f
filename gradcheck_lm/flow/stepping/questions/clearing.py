"""Is a gradient used twice, with another player's in it, or thrown away before anybody used it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward, Clearing, Step
from gradcheck_lm.flow.stepping.questions import anothers_loss
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few


def ask(reading: Reading) -> list[Draft]:
    """not_cleared and cleared_early."""
    again = _stepped_again(reading)
    mixed = [
        draft
        for draft, holder in _not_cleared(reading)
        # the step too many comes on top of another player's loss, too, which is no other fault
        if not again or len({step.place for step in reading.stepped(holder)}) < 2
    ]
    return [*again, *mixed, *anothers_loss.ask(reading), *_in_a_closure(reading), *_cleared_early(reading)]


# ---------------------------------------------------------------------- not cleared


def _stepped_again(reading: Reading) -> list[Draft]:
    """Two steps of one optimizer on two lines, each time with nothing new between them."""
    drafts = []
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        again = [
            (first, second)
            for first, second in pairwise(steps)
            if first.place != second.place
            and not (first.closure or second.closure or second.undone)
            and any(second.used.values())
            and {index: first.used.get(index) for index in second.used} == dict(second.used)
        ]
        if len(again) < 2 and 2 * len(again) < len(steps):
            continue  # once is a last step that somebody adds
        for first, second in again[:1]:
            values = {"optimizer": holder.name, "line": reading.at(first.place)}
            op, names = f"{holder.kind}.step", reading.names(second.used)
            drafts.append(Draft("not_cleared", second.place, "stepped_again", op, second.time, names, values=values))
    return drafts


def _not_cleared(reading: Reading) -> list[tuple[Draft, int]]:
    """At each step: what of its gradient was used before, and is there something new on top of it? With its holder."""
    own: dict[int, list[tuple[Step, int, int, int]]] = {}  # holder -> (step, parameter, old, new)
    turns = {number: _first_turn(reading, number) for number in range(len(reading.ledger.holders))}
    for step, index, contents in _uses(reading.steps):
        if len(contents) < 2:
            continue
        for old in contents:
            earlier = [
                one
                for one in reading.users.get(old, [])
                if one.time < step.time
                and ((one.holder == step.holder and index in one.used) or one.holder != step.holder)
            ]
            new = [time for time in contents if any(time > one.time for one in earlier)]
            if new and not _changed_by_hand(reading, index, earlier[0].time, new[0]):
                its_own = (time for time in new if reading.backwards[time].place in turns[step.holder])
                own.setdefault(step.holder, []).append((step, index, old, next(its_own, new[0])))
                break
    return [
        (_twice(reading, holder, found), holder)
        for holder, found in own.items()
        if not _is_left_over(reading, holder, found)
    ]


def _first_turn(reading: Reading, holder: int) -> set[int]:
    """The lines whose backward() fed an optimizer's first step: another player's loss feeds it later, by the way."""
    first = next(iter(reading.stepped(holder)), None)
    times = {time for contents in (first.used.values() if first else ()) for time in contents}
    return {reading.backwards[time].place for time in times if time in reading.backwards}


def _is_left_over(reading: Reading, holder: int, found: list[tuple[Step, int, int, int]]) -> bool:
    """Once, at its first of several steps, what a training before it had left: the one optimizer follows the other."""
    steps = reading.stepped(holder)
    first = [one for one in found if steps and one[0] is steps[0]]
    if len(steps) < 2 or len(first) < len(found):
        return False
    users = {user.holder for _, _, old, _ in found for user in reading.users[old]} - {holder}
    return all(step.time < steps[0].time for one in users for step in reading.stepped(one))


def _uses(steps: Iterable[Step]) -> Iterator[tuple[Step, int, tuple[int, ...]]]:
    for step in steps:
        for index, contents in step.used.items():
            yield step, index, contents


def _changed_by_hand(reading: Reading, index: int, since: int, until: int) -> bool:
    """A used gradient that is shrunk before the next one comes on top is kept on purpose: momentum by hand."""
    return any(index in event.contents and since < event.time < until for event in reading.ledger.changes("by hand"))


def _twice(reading: Reading, holder: int, found: list[tuple[Step, int, int, int]]) -> Draft:
    step, _, old, new = found[0]
    name = reading.ledger.holders[holder].name
    first, second = reading.backwards[old], reading.backwards[new]
    names = reading.names(index for _, index, _, _ in found)
    users = [one.holder for one in reading.users[old] if one.time < step.time]
    if holder in users and (cleared := _another_instead(reading, holder)) is not None:
        event, number = cleared
        values = {"optimizer": name, "line": reading.at(second.place), "other": reading.ledger.holders[number].name}
        op = f"{event.who}.zero_grad" if event.who else ".grad"
        return Draft("not_cleared", event.place, "another_instead", op, event.time, names, values=values)
    if holder in users:
        cause, values = "never", {"optimizer": name}
    else:
        other = reading.ledger.holders[users[0]].name
        cause, values = "other_player", {
            "optimizer": name, "line": reading.at(first.place), "parameters": few(names), "other": other,
        }  # fmt: skip
    return Draft("not_cleared", second.place, cause, "Tensor.backward", second.time, names, values=values)


def _another_instead(reading: Reading, holder: int) -> tuple[Clearing, int] | None:
    """What each turn of an optimizer clears before its backward(): all of another's, cleared in its own turn too."""
    own = set(reading.ledger.holders[holder].holds)
    clearings = [one for one in reading.ledger.clearings() if one.place != NOWHERE]
    turns = []
    for step in reading.stepped(holder)[1:]:
        until = max((time for contents in step.used.values() for time in contents), default=-1)
        since = max((one.time for one in reading.steps if one.time < until), default=-1)
        turn = (one for one in clearings if since < one.time < until)
        turns.append({one.place for one in turn if one.holder != holder and own.isdisjoint(one.erased)})
    places = set.intersection(*turns) if turns else set()
    for event in clearings:
        for number, other in enumerate(reading.ledger.holders) if event.place in places else ():
            theirs = set(other.holds)
            again = [one for one in clearings if one.holder == number or theirs & set(one.erased)]
            if number == holder or event not in again or not theirs >= set(event.erased):
                continue
            if reading.stepped(number) and any(one.place not in places for one in again):
                return event, number
    return None


def _in_a_closure(reading: Reading) -> list[Draft]:
    """A closure that is called several times in one step() and clears nothing."""
    for loss in reading.backwards.values():
        if loss.inside is None:
            continue
        last = max((step.time for step in reading.steps if step.time < loss.time), default=-1)
        held = reading.ledger.holders[loss.inside].holds  # an input that is differentiated too is nobody's to clear
        again = {
            index
            for index, contents in loss.onto.items()
            for time in contents
            if index in held and time > last and reading.backwards[time].inside == loss.inside
        }
        if again:
            names, values = reading.names(again), {"optimizer": reading.ledger.holders[loss.inside].name}
            op = "Tensor.backward"
            return [Draft("not_cleared", loss.place, "in_a_closure", op, loss.time, names, values=values)]
    return []


# ---------------------------------------------------------------------- cleared early


def _cleared_early(reading: Reading) -> list[Draft]:
    found = []
    for number in range(len(reading.ledger.holders)):
        draft = _all_of_it(reading, number) or _micro_batches(reading, number)
        if draft is not None:
            found.append(draft)
    return found


def _lost(reading: Reading, number: int, since: int, until: int) -> list[tuple[Clearing, Backward, int]]:
    """What was cleared of an optimizer's tensors between two times, and no step of anybody ever used."""
    own = set(reading.ledger.holders[number].holds)
    found = []
    for event in reading.ledger.clearings():
        if not since < event.time < until or event.inside is not None:
            continue
        for index in own & set(event.erased):
            if index in event.moved:
                continue  # a line of the program has used it
            for time in event.erased[index]:
                loss = reading.backwards.get(time)
                if loss is not None and time not in reading.users and not loss.bad and index not in loss.zero:
                    found.append((event, loss, index))
    return found


def _spans(steps: list[Step]) -> Iterator[tuple[Step, int]]:
    """Each step, and when the one before it ended."""
    last = -1
    for step in steps:
        yield step, last
        last = step.time


def _all_of_it(reading: Reading, number: int) -> Draft | None:
    """A step with no gradient at all, though there was one before it was cleared."""
    holder = reading.ledger.holders[number]
    for step, last in _spans(reading.stepped(number)):
        if any(step.used.values()) or step.closure:
            continue
        lost = _lost(reading, number, last, step.began)
        if not lost:
            continue
        event, loss, _ = lost[-1]
        names = reading.names(index for _, _, index in lost)
        cause = "by_hand" if event.by_hand else "before_step"
        values = {"line": reading.at(loss.place), "step": reading.at(step.place), "optimizer": holder.name}
        place = event.place if event.place != NOWHERE else step.place
        op = f"{event.who}.zero_grad" if event.who else ".grad"
        return Draft("cleared_early", place, cause, op, event.time, names, values=values)
    return None


def _loss(event: Backward) -> tuple[int, int]:
    """Which loss: by the lines of backward() and of its making."""
    return event.place, event.loss


def _micro_batches(reading: Reading, number: int) -> Draft | None:
    """Several backwards of one loss between two steps, all but the last thrown away."""
    holder = reading.ledger.holders[number]
    steps: list[list[tuple[Clearing, Backward, int]]] = []
    for step, last in _spans(reading.stepped(number)):
        used = {_loss(reading.backwards[time]) for _, _, contents in _uses([step]) for time in contents}
        lost = [one for one in _lost(reading, number, last, step.began) if _loss(one[1]) in used]
        if lost:
            steps.append(lost)
    thrown = {loss.time for lost in steps for _, loss, _ in lost}
    if len(steps) < 2 and len(thrown) < 2:
        return None  # one step that was left out: a batch that somebody skipped
    places = Counter(event.place for lost in steps for event, _, _ in lost)
    place = places.most_common(1)[0][0]
    event, loss, _ = next(one for lost in steps for one in lost if one[0].place == place)
    names = reading.names(index for lost in steps for _, _, index in lost)
    values = {"line": reading.at(loss.place), "count": str(len(thrown)), "optimizer": holder.name}
    op = f"{event.who}.zero_grad" if event.who else ".grad"
    return Draft("cleared_early", place, "per_micro_batch", op, event.time, names, values=values)
