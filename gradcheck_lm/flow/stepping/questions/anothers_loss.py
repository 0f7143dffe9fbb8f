"""Does an optimizer step on its own loss, or on its own and one that is another player's?"""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.stepping.ledger.ledger import Step
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few


def ask(reading: Reading) -> list[Draft]:
    """not_cleared, one finding for each line whose backward() adds to what waits for another optimizer's step."""
    found: dict[tuple[int, int], list[tuple[int, int, Step]]] = {}  # (holder, other) -> (first, second, step)
    for number in range(len(reading.ledger.holders)):
        last = -1
        for step in reading.stepped(number):
            for other, first, second in _mixed(reading, step, last):
                found.setdefault((number, other), []).append((first, second, step))
            last = step.time
    lines: dict[tuple[int, int], list[tuple[int, int, Step]]] = {}
    for (number, other), times in found.items():
        if len({step.time for _, _, step in times}) == len(reading.stepped(number)):  # it is the way of each step
            lines.setdefault((reading.backwards[times[0][1]].place, other), []).append(times[0])
    return [_draft(reading, other, times) for (_, other), times in lines.items()]


def _mixed(reading: Reading, step: Step, last: int) -> Iterator[tuple[int, int, int]]:
    """(other optimizer, its own backward(), the other's) of a step whose gradients are the sum of both.

    The second loss is the other's where that one was cleared between the two. Where all are cleared at once, or only a
    part of the tensors is reached by both, a sum may be meant.
    """
    times = sorted({time for contents in step.used.values() for time in contents if time > last})
    for first in times:
        for second in times[times.index(first) + 1 :]:
            if reading.backwards[first].place == reading.backwards[second].place:
                continue
            if any(first in contents and second not in contents for contents in step.used.values()):
                continue
            if _cleared(reading, step.holder, last, first):
                yield from ((other, first, second) for other in _owners(reading, step, first, second))


def _owners(reading: Reading, step: Step, first: int, second: int) -> Iterator[int]:
    """The optimizers whose turn the second loss is: it reaches them, the first does not, and they step on it."""
    ledger = reading.ledger
    held = set(ledger.holders[step.holder].holds)
    for number, holder in enumerate(ledger.holders):
        own = set(holder.holds)
        alone = own.isdisjoint(held) and own.isdisjoint(reading.backwards[first].reached)
        stepping = any(user.holder == number for user in reading.users.get(second, []))
        if number == step.holder or not alone or not stepping or own.isdisjoint(reading.backwards[second].given):
            continue
        if _cleared(reading, number, first, second):
            yield number


def _cleared(reading: Reading, holder: int, since: int, until: int) -> bool:
    """Whether an optimizer's own zero_grad() ran between two times."""
    return any(event.holder == holder and since < event.time < until for event in reading.ledger.clearings())


def _draft(reading: Reading, other: int, times: list[tuple[int, int, Step]]) -> Draft:
    first, second = reading.backwards[times[0][0]], reading.backwards[times[0][1]]
    holders = reading.ledger.holders
    names = reading.names(index for one, _, step in times for index, contents in step.used.items() if one in contents)
    values = {
        "optimizer": few(tuple(dict.fromkeys(holders[step.holder].name for _, _, step in times))),
        "other": holders[other].name, "line": reading.at(first.place), "parameters": few(names),
    }  # fmt: skip
    return Draft(
        "not_cleared", second.place, "anothers_loss", "Tensor.backward", second.time, names, "warning", "likely", values
    )
