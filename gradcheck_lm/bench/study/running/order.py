"""Records in the order of their plan."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.bench.study.running.plan import STUDIES, Run, plan
from gradcheck_lm.bench.study.running.pupils import plan_pupils
from gradcheck_lm.bench.study.running.real import plan_real


def everything(seeds: int | None = None) -> list[Run]:
    """All runs of all plans; of so many seeds, or of as many as each study asks for."""
    synthetic = [item for study in STUDIES for item in plan(study, seeds)]
    if seeds is None:
        return [*synthetic, *plan_real(), *plan_pupils()]
    return [*synthetic, *plan_real(seeds), *plan_pupils(seeds)]


def in_order(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records in the order of their plan, in which arms stand in the tables; those of no plan at the end."""
    seeds = 1 + max((record["seed"] for record in records), default=0)
    planned = everything(seeds)
    place = {item.key: number for number, item in enumerate(planned)}
    return sorted(records, key=lambda record: (place.get(record["key"], len(place)), record["key"]))
