"""A run of many parameters or many steps takes time in proportion to them, not to their square."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
import torch

from gradcheck_lm.flow import diagnose_step
from gradcheck_lm.flow.asking.evidence.subjects import Subjects
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Change, Clearing, Holder, Ledger, Parameter, Step
from gradcheck_lm.flow.stepping.ledger.table import Table
from gradcheck_lm.flow.watching.recorder import Recorder

FEW, MANY = 1000, 16_000


def seconds(program: Callable[[], object]) -> float:
    """Of the processor, the least of three: what is compared here happens inside of single calls of C."""
    found = []
    gc.collect()
    gc.disable()  # its own walks grow with all that is alive
    try:
        for _ in range(3):
            began = time.process_time()
            program()
            found.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(found)


def subjects(count: int) -> Callable[[], object]:
    named = {str(number): torch.ones(1, requires_grad=True) for number in range(count)}
    recorder = Recorder()
    return lambda: Subjects.of(recorder, named, explicit=False)


def ledger_of(parameters: int, steps: int, *, stepped: bool = True) -> Ledger:
    """Each step: a zero_grad, a backward, a clipping, an unscaling, and the step itself."""
    everything = range(parameters)
    events: list[object] = []
    for number in range(steps):
        at, contents = 5 * number, dict.fromkeys(everything, (5 * number + 1,))
        before = dict.fromkeys(everything, (5 * number - 4,)) if number else {}
        events += [
            Clearing(at, -1, erased=before, by_hand=True),
            Backward(at + 1, -1, given=tuple(everything)),
            Change(at + 2, -1, what="clipped", contents=contents),
            Change(at + 3, -1, what="unscaled", contents=contents),
        ]
        if stepped:
            events.append(Step(at + 4, -1, holder=0, number=number, used=contents, began=at + 4))
    names = tuple(Parameter(f"p{index}", (1,), "float32", True, "model") for index in everything)
    holder = Holder("optimizer", "SGD", -1, 0, tuple(everything), (0.1,))
    return Ledger(parameters=names, holders=(holder,), events=tuple(events), places=(), complete=True)


def rows(parameters: int, steps: int, *, stepped: bool = True) -> Callable[[], object]:
    ledger = ledger_of(parameters, steps, stepped=stepped)
    return lambda: Table(ledger).rows()


SIZES = {
    "subjects": subjects,
    "parameters of a table": lambda count: rows(count, 1),
    "parameters that nobody steps": lambda count: rows(count, 2, stepped=False),
    "steps of a table": lambda count: rows(1, count // 4),
}


@pytest.mark.parametrize("kind", SIZES)
def test_time_is_linear(kind: str) -> None:
    few, many = SIZES[kind](FEW), SIZES[kind](MANY)
    few()
    assert seconds(many) < 3 * MANY / FEW * max(seconds(few), 0.001)


def test_a_table_tells_each_steps_own_events() -> None:
    found = Table(ledger_of(2, 3)).rows()
    assert [(row.step, row.parameter) for row in found] == [(step, name) for step in range(3) for name in ("p0", "p1")]
    assert all((row.cleared, row.clipped, row.scaled) == ("by hand", ("",), True) for row in found)
    assert [row.parameter for row in Table(ledger_of(2, 3, stepped=False)).rows()] == ["p0", "p1"]


def test_a_step_of_many_parameters_is_diagnosed() -> None:
    parameters = [torch.nn.Parameter(torch.randn(3)) for _ in range(300)]
    optimizer = torch.optim.SGD(parameters, lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        torch.stack(parameters).square().mean().backward()
        optimizer.step()

    report = diagnose_step(step, torch.nn.ParameterList(parameters), optimizer)
    assert report.ok
    assert len(report.ledger.rows) == 600
