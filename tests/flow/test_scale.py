"""Long runs: time and memory grow with the number of operations, and no walk recurses."""

from __future__ import annotations

import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from forked_python import run_python
from torch import nn

from gradcheck_lm.flow import diagnose, record
from gradcheck_lm.flow.gradients.nodes import topological, walk_nodes
from gradcheck_lm.flow.watching.recorder import Recorder


def chain(start: torch.Tensor, length: int) -> torch.Tensor:
    value = start
    for _ in range(length):
        value = value * 1.00001
    return value


def work(program: Callable[[], Any]) -> int:
    """Python and C functions called: a measure of time that no other process disturbs."""
    count = 0

    def event(frame: Any, kind: str, argument: Any) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    sys.setprofile(event)
    try:
        program()
    finally:
        sys.setprofile(None)
    return count


def cut_in_the_middle(start: torch.Tensor, length: int) -> torch.Tensor:
    return chain(chain(start, length // 2).detach(), length // 2).sum()


def flat_at_the_end(start: torch.Tensor, length: int) -> torch.Tensor:
    return (chain(start, length).round() * 2).sum()


def many_terms(start: torch.Tensor, length: int) -> torch.Tensor:
    total = torch.zeros(())
    for number in range(length // 3):
        total = total + (start * number).sum()
    return total


def exported(start: torch.Tensor, length: int) -> torch.Tensor:
    total = 0.0
    for number in range(length // 20):
        total += (start * number).sum().item()
    return start.sum() + total


PROGRAMS = [cut_in_the_middle, flat_at_the_end, many_terms, exported]


def test_recording_is_linear() -> None:
    start = torch.ones(3, requires_grad=True)

    def recorded(length: int) -> None:
        with record():
            chain(start, length)

    recorded(100)
    assert work(lambda: recorded(4000)) < 2.1 * work(lambda: recorded(2000))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_diagnosis_is_linear(program: Callable[[torch.Tensor, int], torch.Tensor]) -> None:
    start = torch.ones(3, requires_grad=True)

    def asked(length: int) -> None:
        diagnose(lambda: program(start, length), [start], counterfactual=False)

    asked(40)
    assert work(lambda: asked(1000)) < 2.3 * work(lambda: asked(500))


@pytest.mark.parametrize("kind", ["vectors", "scalars", "in place", "modules", "views"])
def test_an_operation_takes_less_than_a_kilobyte(kind: str) -> None:
    start, module = torch.ones(4), nn.Sequential(nn.Linear(4, 4), nn.Tanh())

    def program(times: int) -> None:
        for _ in range(times):
            if kind == "vectors":
                start * 2.0
            elif kind == "scalars":
                start.sum()
            elif kind == "in place":
                start.add_(0.0)
            elif kind == "views":
                start.view(2, 2)[0]
            else:
                module(start)

    with Recorder():
        program(10)  # caches fill
    recorder = Recorder()
    tracemalloc.start()
    try:
        with recorder:
            program(3000)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(recorder.recording.calls) >= 3000
    assert taken < 1000 * len(recorder.recording.calls)


def run(program: str, *, seconds: int = 500) -> str:
    """A program in a process of its own: a stack that overflows kills the process."""
    done = run_python("-c", textwrap.dedent(program), seconds=seconds)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return done.stdout


DEEP = """
import sys, torch
from gradcheck_lm.flow import diagnose, record
LENGTH = {length}
start = torch.ones(3, requires_grad=True)

def chain(value, length):
    for _ in range(length):
        value = value * 1.00001
    return value
"""


def deep(program: str, length: int) -> str:
    return run(DEEP.format(length=length) + textwrap.dedent(program))


ALIVE_CUT_FLAT = """
alive = diagnose(lambda: chain(start, LENGTH).sum(), [start])
cut = diagnose(lambda: chain(chain(start, LENGTH // 2).detach(), LENGTH // 2).sum(), [start])
flat = diagnose(lambda: (chain(start, LENGTH).round() * 2).sum(), [start])
print(alive.ok, [f.kind for f in cut.findings], [f.kind for f in flat.findings])
"""
DELETED = """
def walked():
    loss = chain(start, LENGTH)
    middle = chain(loss, LENGTH)
    from gradcheck_lm.flow.gradients.nodes import walk_nodes
    walk_nodes(middle.sum().grad_fn)
    return loss
loss = walked()
del loss
with record():
    total = torch.zeros(())
    for _ in range(LENGTH):
        total = total + start[0]
del total
print("deleted")
"""


def test_a_chain_of_many_nodes_is_walked_and_deleted() -> None:
    assert deep(ALIVE_CUT_FLAT, 4500).strip() == "True ['detach'] ['zero_gradient']"


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_nodes() -> None:
    assert deep(ALIVE_CUT_FLAT, 100_000).strip() == "True ['detach'] ['zero_gradient']"


@pytest.mark.slow
def test_a_deep_graph_that_was_looked_at_can_be_deleted() -> None:
    """torch deletes nodes that Python has seen by recursion: 100,000 of them overflow the stack."""
    assert deep(DELETED, 100_000).strip() == "deleted"


@pytest.mark.slow
def test_a_hundred_thousand_operations_stay_linear_and_small() -> None:
    start = torch.ones(3)
    counts = {}
    for length in (25_000, 100_000):
        recorder = Recorder()
        tracemalloc.start()
        try:
            with recorder:
                chain(start, length)
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert taken < 1000 * length
        with Recorder():
            counts[length] = work(lambda length=length: chain(start, length))
    assert counts[100_000] < 4.1 * counts[25_000]


def test_walked_nodes_die_with_their_graph() -> None:
    import weakref

    class Kept(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            ctx.save_for_backward(value)
            return value * 1.0

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    saved = torch.ones(3, requires_grad=True) * 2
    loss = chain(Kept.apply(saved), 6000).sum()
    nodes = walk_nodes(loss.grad_fn)
    assert len(nodes) > 6000
    assert [node.name() for node in topological(nodes)] == [node.name() for node in nodes]
    watched = weakref.ref(saved)
    del nodes, saved
    assert watched() is not None
    del loss
    assert watched() is None
