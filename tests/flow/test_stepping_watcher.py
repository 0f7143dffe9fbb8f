"""The watcher of whole steps only looks on: torch and the program are as before; its callbacks may stop the program."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from stepping_program import Program
from torch import nn
from torch.nn.utils import clip_grad
from torch.optim import optimizer as torch_optimizer

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import diagnose_step, record_steps
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Clearing, Step
from gradcheck_lm.flow.stepping.watcher import Watcher

# ---------------------------------------------------------------------- it only looks on

# every attribute of torch that the watcher stands in for
TOUCHED = [
    (torch.optim.Optimizer, "__init__"), (torch.optim.Optimizer, "zero_grad"),
    (torch.optim.Optimizer, "load_state_dict"), (nn.Module, "zero_grad"), (nn.Module, "__setattr__"),
    (nn.Module, "register_parameter"), (nn.Module, "train"), (nn.Module, "load_state_dict"),
    (torch.autograd, "_engine_run_backward"), (torch.serialization, "_load"),
    (torch.serialization, "_legacy_load"), (torch.amp.GradScaler, "scale"), (torch.amp.GradScaler, "unscale_"),
    (torch.amp.GradScaler, "step"), (torch.amp.GradScaler, "update"),
]  # fmt: skip


def state_of_torch() -> list[Any]:
    cells = [
        cell.cell_contents
        for name in ("_clip_grads_with_norm_", "clip_grad_value_", "clip_grad_norm_")
        for cell in getattr(clip_grad, name).__closure__
    ]
    hooks = [
        dict(torch_optimizer._global_optimizer_pre_hooks),
        dict(torch_optimizer._global_optimizer_post_hooks),
        dict(torch.nn.modules.module._global_forward_pre_hooks),
        dict(torch.nn.modules.module._global_forward_hooks),
    ]
    return [*(vars(owner)[name] for owner, name in TOUCHED), *cells, *hooks]


@pytest.mark.parametrize("fails", [False, True])
def test_torch_is_as_before(fails: bool) -> None:
    before = state_of_torch()
    program = Program()
    inside: list[Any] = []

    def step() -> None:
        inside[:] = state_of_torch()
        program.step()
        if fails:
            raise KeyError("the program's own")

    if fails:
        with pytest.raises(KeyError, match="the program's own"):
            diagnose_step(step, program.model, program.optimizer)
    else:
        diagnose_step(step, program.model, program.optimizer)
    assert state_of_torch() == before
    changed = [name for (_, name), old, now in zip(TOUCHED, before, inside, strict=False) if old is not now]
    assert changed == [name for _, name in TOUCHED], "this list has what the watcher stands in for"


def test_what_somebody_else_put_in_between_stays() -> None:
    original = nn.Module.train
    with Watcher():
        ours = nn.Module.train

        def theirs(self: nn.Module, mode: bool = True) -> nn.Module:
            return ours(self, mode)

        nn.Module.train = theirs  # type: ignore[method-assign]
    try:
        assert nn.Module.train is theirs
        assert not nn.Linear(1, 1).eval().training  # ours is still called, and only passes on
    finally:
        nn.Module.train = original  # type: ignore[method-assign]


def test_nothing_is_kept_alive() -> None:
    program = Program()
    with record_steps(program.model, program.optimizer) as steps:
        program.step()
        program.step()
    references = [weakref.ref(parameter) for parameter in program.model.parameters()]
    references += [weakref.ref(part) for part in (program.model, program.optimizer)]  # type: ignore[list-item]
    del program
    gc.collect()
    assert [reference() for reference in references] == [None] * len(references)
    assert steps.diagnose().ledger.rows  # the run is still there, and its report as well


@pytest.mark.parametrize(
    "optimizer",
    [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.NAdam],
)
def test_bits_are_equal(optimizer: Any) -> None:
    plain, watched = Program(optimizer), Program(optimizer)
    torch.manual_seed(1)
    for _ in range(3):
        plain.step()
    torch.manual_seed(1)
    report = diagnose_step(watched.step, watched.model, watched.optimizer, steps=3)
    assert report.ok
    for one, two in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(one, two)
        assert one.grad is not None
        assert two.grad is not None
        assert torch.equal(one.grad, two.grad)
    for one, two in zip(plain.optimizer.state.values(), watched.optimizer.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(two[name])) for name in one)


def test_a_failure_of_the_watch_stays_inside_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program()
    steps = record_steps(program.model, program.optimizer)
    monkeypatch.setattr(steps.watcher.log.accounts, "moved", lambda *_: 1 / 0)
    with steps:
        program.step()
        program.step()
    notes = steps.diagnose().notes
    assert any(note.startswith("the watch missed something: ZeroDivisionError") for note in notes)
    steps = record_steps(program.model, program.optimizer)
    monkeypatch.setattr(steps.watcher.log.accounts, "look", lambda *_: 1 / 0)
    with steps:
        program.step()
    with pytest.raises(TraceError, match="the watch could not follow these steps: ZeroDivisionError"):
        steps.diagnose()


def test_an_error_of_backward_passes_and_the_next_one_is_seen() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record_steps(model, optimizer) as steps:
        loss = model(torch.ones(2, 3)).square().mean()
        loss.backward()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model(torch.ones(2, 3)).square().mean().backward()
        optimizer.step()
    report = steps.diagnose()
    assert report.ok, str(report)
    assert len([event for event in report.ledger.events if isinstance(event, Backward)]) == 3


# ---------------------------------------------------------------------- what the watcher alone tells


def test_callbacks_and_a_report_from_outside() -> None:
    program = Program()
    seen: list[Any] = []
    watcher = Watcher(
        [program.model],
        [program.optimizer],
        on_backward=lambda losses, site: seen.append((len(losses), site is not None)),
        on_step=seen.append,
    )
    with watcher:
        program.step()
    assert seen == [(1, True), program.optimizer]
    kinds = [type(event) for event in watcher.ledger().events]
    assert kinds.index(Clearing) < kinds.index(Backward) < kinds.index(Step)


def test_backward_is_seen_by_whatever_name() -> None:
    from torch.autograd import backward, grad

    model = nn.Linear(2, 1)
    with Watcher() as watcher:
        backward(model(torch.ones(1, 2)).sum())
        backward([model(torch.ones(1, 2)).sum(), model(torch.ones(1, 2)).sum()], inputs=[model.bias])
        grad(model(torch.ones(1, 2)).sum(), [model.weight])
    found = [event for event in watcher.ledger().events if isinstance(event, Backward)]
    assert [(len(event.given), event.accumulates) for event in found] == [(2, True), (1, True), (0, False)]


def test_on_backward_may_stop_the_program() -> None:
    class Enough(BaseException):
        pass

    def stop(losses: Any, site: Any) -> None:
        raise Enough

    program = Program()
    before = state_of_torch()
    with pytest.raises(Enough), Watcher(on_backward=stop):
        program.step()
    assert state_of_torch() == before
    assert all(parameter.grad is None for parameter in program.model.parameters())
