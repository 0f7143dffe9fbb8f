"""Did an optimizer step on a gradient that was NaN or infinite, and are its weights so now?"""

from __future__ import annotations

import math

from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading, few


def ask(reading: Reading) -> list[Draft]:
    """non_finite, one finding for the first such backward(): whatever comes after it is NaN as well."""
    for step in reading.steps:
        lost = {index for index, moved in step.moved.items() if moved is not None and not math.isfinite(moved)}
        for time in sorted({time for index in lost for time in step.used.get(index, ())}):
            loss = reading.backwards[time]
            if step.skipped or not loss.bad:
                continue
            names = reading.names(lost)
            values = {"parameters": few(names), "step": reading.at(step.place)}
            return [Draft("non_finite", loss.place, "stepped_on", "Tensor.backward", time, names, values=values)]
    return []
