"""What watching two whole training steps costs: plain, under the watcher alone, and with the losses asked about."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch

from gradcheck_lm.bench.trace.trace import SIZES, Workload, in_turns
from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.stepping.watcher import Watcher
from gradcheck_lm.flow.steps import record_steps


def conditions(work: Workload) -> dict[str, Callable[[], None]]:
    """Two steps each; the keys are the rows of the table."""

    def two_steps() -> None:
        for _ in range(2):
            work.finish(work.loss())

    def watched() -> None:
        with Watcher([work.model], [work.optimizer]) as watcher:
            two_steps()
        watcher.ledger()

    def diagnosed() -> None:
        with record_steps(work.model, work.optimizer) as steps:
            two_steps()
        steps.diagnose()

    return {"plain": two_steps, "watched": watched, "watched and asked": diagnosed}


def healthy(work: Workload) -> Workload:
    """The workload's loss leaves the shortcut head out: frozen, so that the price is that of a step that is well."""
    reached = {id(leaf) for leaf in reachable_leaves(work.loss())}
    for parameter in work.model.parameters():
        parameter.requires_grad_(id(parameter) in reached)
    work.optimizer = torch.optim.AdamW([one for one in work.model.parameters() if one.requires_grad], lr=1e-4)
    return work


def measure(rounds: int = 7) -> list[dict[str, Any]]:
    """Ratios of process time within a round, so that drift cancels; one row for each size."""
    rows = []
    for size in SIZES:
        work = healthy(Workload(size))
        times = in_turns(conditions(work), rounds)
        plain = times["plain"]
        rows.append(
            {
                "size": size.name,
                "parameters": work.parameters,
                "plain_seconds": statistics.median(plain),
                **{
                    name: statistics.median(one / two for one, two in zip(values, plain, strict=True))
                    for name, values in times.items()
                },
            }
        )
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    json.dump(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 7), sys.stdout, indent=2)
