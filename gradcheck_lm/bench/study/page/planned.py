"""What is planned and has not run: said on the page from the plans, so that nobody has to remember it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gradcheck_lm.bench.study.statistics.statistics import Table


class Planned(Protocol):
    """What a plan says of a run."""

    @property
    def study(self) -> str: ...
    @property
    def group(self) -> Mapping[str, object]: ...
    @property
    def arm(self) -> str: ...
    @property
    def seed(self) -> int: ...


def not_run(table: Table, planned: Iterable[Planned]) -> str:
    """A sentence on the runs of the plan that this table lacks; empty where it lacks none.

    Args:
        planned: runs of any study.
    """
    mine = [run for run in planned if run.study == table.study and dict(run.group) == dict(table.group)]
    done = {(run.arm, run.seed) for run in table.runs}
    lacking: dict[tuple[int, ...], list[str]] = {}
    arms = list(dict.fromkeys(run.arm for run in mine))
    for arm in arms:
        seeds = [run.seed for run in mine if run.arm == arm]
        missing = tuple(seed for seed in seeds if (arm, seed) not in done)
        if missing:
            lacking.setdefault(() if len(missing) == len(seeds) else missing, []).append(arm)
    parts = [_part(seeds, names, arms) for seeds, names in sorted(lacking.items(), key=lambda item: item[0] != ())]
    return f"**Planned and not run**: {'; '.join(parts)}." if parts else ""


def _part(seeds: Sequence[int], names: Sequence[str], arms: Sequence[str]) -> str:
    who = "all arms" if len(names) == len(arms) else ", ".join(f"*{name}*" for name in names)
    if not seeds:
        return who
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))} of {who}"
