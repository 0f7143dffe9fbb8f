"""Is what learns, or the optimizer with its averages, made anew for every step?"""

from __future__ import annotations

import itertools

from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Step
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading

_LEAST = 6  # steps: a few are tasks, folds or clients


def ask(reading: Reading) -> list[Draft]:
    """overwritten and state_not_restored, of optimizers that one line makes and that each step once."""
    made: dict[int, list[tuple[int, Step]]] = {}
    others = False
    for number, holder in enumerate(reading.ledger.holders):
        steps = reading.stepped(number)
        if len(steps) == 1 and holder.place != NOWHERE:
            made.setdefault(holder.place, []).append((number, steps[0]))
        elif steps:
            others = True  # an outer one, as in meta-learning
    if others or len(made) != 1:
        return []
    ((place, found),) = made.items()
    holders = [reading.ledger.holders[number] for number, _ in found]
    used = [frozenset(step.used) for _, step in found]
    if len(found) < _LEAST or not all(used):
        return []
    time, values = found[1][1].time, {"optimizer": holders[0].kind, "count": str(len(found))}
    if all(one.isdisjoint(other) for one, other in itertools.pairwise(used)):
        return [Draft("overwritten", place, "model_each_step", "", time, (), "warning", "likely", values)]
    stateless = all((one.kind == "SGD" and not one.momentum) or one.kind == "LBFGS" for one in holders)
    if all(one == used[0] for one in used) and not stateless:
        return [Draft("state_not_restored", place, "optimizer_each_step", "", time, (), "warning", "likely", values)]
    return []
