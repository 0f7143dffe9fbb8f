"""Whole steps under the watcher: the contract, the ledger, and that nothing of torch or of the program is changed."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad, clip_grad_norm_
from torch.optim import optimizer as torch_optimizer

import gradcheck_lm
from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import StepReport, diagnose_step, record_steps
from gradcheck_lm.flow.stepping.drafts import Reading
from gradcheck_lm.flow.stepping.ledger import Backward, Clearing, Step
from gradcheck_lm.flow.stepping.watcher import Watcher


class Program:
    """A small classifier with everything that is done to a gradient in one step."""

    def __init__(self, optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
        self.optimizer = optimizer(self.model.parameters(), lr=1e-2)
        self.x, self.y = torch.randn(12, 4), torch.randint(0, 3, (12,))

    def step(self) -> None:
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


# ---------------------------------------------------------------------- the contract


def test_the_names_are_public() -> None:
    assert gradcheck_lm.diagnose_step is diagnose_step
    assert gradcheck_lm.record_steps is record_steps
    assert gradcheck_lm.StepReport is StepReport


def test_a_healthy_step_is_ok_and_the_ledger_tells_each_gradients_way() -> None:
    program = Program()
    report = diagnose_step(program.step, program.model, program.optimizer)
    assert report.ok, str(report)
    assert report.findings == ()
    assert str(report) == "training step: ok\nWhat arrives is used. Watched: optimizer stepped twice."
    rows = report.ledger.rows
    assert [(row.step, row.parameter) for row in rows] == [
        (step, name) for step in (0, 1) for name, _ in program.model.named_parameters()
    ]
    lines = Program.step.__code__.co_firstlineno
    for row in rows:
        assert row.optimizer == "optimizer"
        assert [loss.rpartition(":")[2] for loss in row.losses] == [str(lines + 3)]
        assert row.cleared.endswith(f":{lines + 1}")
        assert [place.rpartition(":")[2] for place in row.clipped] == [str(lines + 4)]
        assert row.gradient_norm is not None
        assert row.moved is not None
        assert row.moved > 0
        assert row.rate == 1e-2
        assert not row.scaled
    assert len(report.diagnoses) == 1
    assert report.diagnoses[0].ok


def test_how_far_it_moved_is_right() -> None:
    program = Program(torch.optim.SGD)
    before = [parameter.detach().clone() for parameter in program.model.parameters()]
    report = diagnose_step(program.step, program.model, program.optimizer, steps=1)
    for row, old, new in zip(report.ledger.rows, before, program.model.parameters(), strict=True):
        assert row.moved == pytest.approx(float((new - old).detach().norm()), rel=1e-5)
        assert row.gradient_norm is not None
        assert row.moved == pytest.approx(1e-2 * row.gradient_norm, rel=1e-4)


def test_forms_of_a_report(tmp_path: Any) -> None:
    program = Program()

    def step() -> None:
        nn.functional.cross_entropy(program.model(program.x), program.y).backward()
        program.optimizer.step()

    report = diagnose_step(step, program.model, program.optimizer)
    assert not report.ok
    assert [finding.kind for finding in report.findings] == ["not_cleared"]
    assert report.errors == report.findings
    assert report.warnings == ()
    content = json.loads(report.to_json())
    assert content["findings"][0]["code"] == "GF704"
    assert content["ledger"]["optimizers"][0]["kind"] == "Adam"
    assert {event["what"] for event in content["ledger"]["events"]} >= {"backward", "step"}
    sarif = json.loads(report.to_sarif())["runs"][0]
    assert [rule["id"] for rule in sarif["tool"]["driver"]["rules"]] == ["GF704"]
    assert sarif["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == report.findings[0].line
    for ending in ("json", "sarif", "txt"):
        assert report.save(tmp_path / f"report.{ending}").read_text()
    with pytest.raises(
        ValueError,
        match=r"cannot save a report of steps as 'report\.png': its ending is none of \.json, \.sarif, \.txt",
    ):
        report.save(tmp_path / "report.png")
    assert report.without("GF704").ok
    assert report.without("not_cleared").findings == ()


def test_record_steps_takes_several_models_and_optimizers() -> None:
    one, two = nn.Linear(4, 4), nn.Linear(4, 1)
    first = torch.optim.SGD(one.parameters(), lr=0.1)
    with record_steps({"encoder": one, "decoder": two}, [first]) as steps:
        for _ in range(2):
            first.zero_grad()
            two(one(torch.randn(3, 4))).square().mean().backward()
            first.step()
    report = steps.diagnose()
    (finding,) = report.findings
    assert finding.kind == "not_held"
    assert finding.tensors == ("decoder.weight", "decoder.bias")
    assert finding.source == "first = torch.optim.SGD(one.parameters(), lr=0.1)"  # made before the watch: looked up


def test_what_is_no_model_or_optimizer_is_refused() -> None:
    with pytest.raises(TraceError, match="take modules and optimizers, alone or in lists and dicts; this is an int"):
        record_steps(3)
    with pytest.raises(TraceError, match="step is a NoneType, not a function; pass a function of no arguments"):
        diagnose_step(None, nn.Linear(1, 1), [])  # type: ignore[arg-type]
    with pytest.raises(TraceError, match="steps is 0; it is a number of training steps, at least 1"):
        diagnose_step(lambda: None, nn.Linear(1, 1), [], steps=0)
    with pytest.raises(TraceError, match=r"no backward\(\) and no step\(\) ran while the steps were watched"):
        diagnose_step(lambda: None, nn.Linear(1, 1), [])


def test_asked_before_the_block_ends() -> None:
    with record_steps() as steps, pytest.raises(TraceError, match="the steps are still being watched"):
        steps.diagnose()


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


def test_contents_of_an_accumulated_gradient() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Watcher() as watcher:
        for _ in range(3):
            model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    reading = Reading(watcher.ledger())
    times = tuple(reading.backwards)
    assert [dict(step.used) for step in reading.steps] == [{0: times, 1: times}] or [
        set(step.used.values()) for step in reading.steps
    ] == [{times}]
    (cleared,) = reading.ledger.clearings()
    assert set(cleared.erased.values()) == {times}


class Idle(torch.optim.Optimizer):
    """Has no rate, and a step that is still to be written."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        super().__init__(parameters, {})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        pass


def test_an_optimizer_without_a_rate_is_not_told_to_have_one_of_zero() -> None:
    model = torch.nn.Linear(3, 1)
    optimizer = Idle(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        model(torch.ones(2, 3)).square().mean().backward()
        optimizer.step()

    (found,) = diagnose_step(step, model, optimizer).errors
    assert (found.kind, found.cause) == ("never_stepped", "without_effect")
    assert "stepped 2 times, and not a bit of what it holds (float32) changed" in found.why
    assert "step() must change the parameters themselves" in found.cures[0]
