"""The ledger of whole steps in loops of one's own and in accelerate's: what becomes of the gradients that arrive."""

from __future__ import annotations

import gc
import importlib
import logging
import weakref
from pathlib import Path

import pytest
import torch
from body_and_head import BATCHES, Net, plain_as_before
from torch import nn

from gradcheck_lm.errors import ArgumentError, GradientFlowError
from gradcheck_lm.flow import GradientWatch
from gradcheck_lm.integrations.accelerate_loop import GradientFlowLoop
from gradcheck_lm.integrations.watched_step import WatchedStep


def loop(
    flow: GradientFlowLoop, model: nn.Module, optimizer, *, clear: bool = True, terms: bool = False, dies: int = 99
):
    for batch in BATCHES:
        with flow.step():
            output = model(batch)
            fit = output.square().mean()
            margin = torch.relu(output.mean() + (9 if flow.iteration < dies else -9))
            if terms:
                flow.terms({"fit": fit, "margin": margin})
            (fit + margin).backward()
            optimizer.step()
            if clear:
                optimizer.zero_grad()
    flow.close()


def test_a_healthy_loop_is_said_to_be_so_once_and_its_steps_measured() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    said: list[str] = []
    flow = GradientFlowLoop(None, model, optimizer, every=4, write=said.append)
    loop(flow, model, optimizer)
    assert said == ["step 0: gradient flow is ok: it arrives at every parameter"]
    assert [step for step, _ in flow.reports] == [0, 4]
    assert all(report.ok and len(report.ledger.steps()) == 2 for _, report in flow.reports)
    assert 0 < flow.scalars["gradflow/update_to_weight/head"] < 1
    assert plain_as_before()


def test_the_ratio_is_that_of_the_last_step_followed() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = GradientFlowLoop(None, model, optimizer, every=8, write=None)
    for batch in BATCHES[:2]:
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        with flow.step():
            model(batch).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    far = sum(float((parameter.detach() - before[name]).norm() ** 2) for name, parameter in model.named_parameters())
    length = sum(float(parameter.detach().norm() ** 2) for parameter in model.parameters())
    assert flow.scalars["gradflow/update_to_weight"] == pytest.approx((far / length) ** 0.5, rel=1e-5)


def test_gradients_that_are_never_cleared() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    said: list[str] = []
    flow = GradientFlowLoop(None, model, optimizer, every=3, write=said.append)
    loop(flow, model, optimizer, clear=False)
    finding = flow.reports[0][1].findings[0]
    assert finding.kind == "not_cleared"
    assert "backward()" in Path(__file__).read_text().splitlines()[finding.line - 1]
    assert said[1].startswith("steps 0 to 1: training step: BROKEN")
    assert len(said) == 2  # the same is not said again at step 3


def test_a_part_that_no_optimizer_holds_and_what_is_ignored() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.body.parameters(), lr=0.1)
    said: list[str] = []
    loop(GradientFlowLoop(None, model, optimizer, write=said.append), model, optimizer)
    assert "GF701 not_held" in said[1]
    assert "head.weight, head.bias" in said[1]
    said.clear()
    loop(GradientFlowLoop(None, model, optimizer, write=said.append, ignore=["head.*"]), model, optimizer)
    assert len(said) == 1


def test_the_steps_can_be_left_out() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    flow = GradientFlowLoop(None, model, optimizer, every=2, write=None, steps=False)
    loop(flow, model, optimizer, clear=False)
    assert not flow.reports
    assert len(flow.diagnoses) == 4


@pytest.mark.parametrize("every", [1, 3])
def test_training_is_the_same_to_the_bit(every: int) -> None:
    finished = []
    for watched in (False, True):
        model = Net()
        optimizer = torch.optim.Adam(model.parameters())
        loop(GradientFlowLoop(None, model, optimizer, every=every if watched else 10**9, write=None), model, optimizer)
        finished.append(model)
    assert all(map(torch.equal, finished[0].parameters(), finished[1].parameters()))


def test_named_terms_by_hand_die_beside_a_lasting_fault() -> None:
    model = Net()
    model.quality = nn.Linear(4, 1)  # nobody calls it
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    said: list[str] = []
    flow = GradientFlowLoop(None, model, optimizer, every=2, write=said.append)
    loop(flow, model, optimizer, terms=True, dies=3)
    dead = [(seen.step, seen.diagnosis.terms["margin"].dead) for seen in flow.diagnoses]
    assert dead == [(0, False), (2, False), (4, True), (6, True)]
    assert [seen.starved for seen in flow.diagnoses] == [("quality.weight", "quality.bias")] * 4
    assert any(text.startswith("step 4: gradient flow: BROKEN") and "margin is dead" in text for text in said)


def test_an_error_leaves_torch_as_it_was() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = GradientFlowLoop(None, model, optimizer, write=None)
    optimizer.register_step_pre_hook(lambda *rest: (_ for _ in ()).throw(MemoryError("mine")))
    with pytest.raises(MemoryError, match="mine"):
        loop(flow, model, optimizer)
    assert plain_as_before()
    held = weakref.ref(model)
    del flow, model, optimizer
    gc.collect()
    assert held() is None


def test_it_can_stop_the_loop() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    flow = GradientFlowLoop(None, model, optimizer, write=None, on_broken="raise")
    with pytest.raises(GradientFlowError, match="steps 0 to 1: training step: BROKEN"):
        loop(flow, model, optimizer, clear=False)
    assert plain_as_before()


def test_between_the_steps_nothing_is_recorded() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = GradientFlowLoop(None, model, optimizer, write=None)
    with flow.step():
        assert torch.overrides._len_torch_function_stack() == 1
        model(BATCHES[0]).sum().backward()
        optimizer.step()
    assert torch.overrides._len_torch_function_stack() == 0
    flow.close()
    assert plain_as_before()


def test_something_else_than_a_model() -> None:
    with pytest.raises(ArgumentError, match="pass the model"):
        GradientFlowLoop(None, [], None)


@pytest.mark.parametrize(("logger", "levels"), [(None, ["INFO", "WARNING"]), ("mine", ["INFO", "WARNING"])])
def test_it_speaks_through_logging(caplog: pytest.LogCaptureFixture, logger, levels: list[str]) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    options = {} if logger is None else {"write": logging.getLogger(logger)}
    with caplog.at_level(logging.INFO):
        loop(GradientFlowLoop(None, model, optimizer, **options), model, optimizer, clear=False)
    assert [record.levelname for record in caplog.records] == levels
    assert {record.name for record in caplog.records} == {logger or "gradcheck_lm"}


@pytest.mark.needs("accelerate")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_with_accelerate_the_wrapped_optimizer_is_the_one_that_steps(accumulate: int) -> None:
    accelerator = importlib.import_module("accelerate").Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model = Net()
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
    said: list[str] = []
    flow = GradientFlowLoop(accelerator, model, optimizer, every=8, write=said.append)
    watch = GradientWatch(model, optimizer, every=1, write=said.append)
    for batch in BATCHES:
        with flow.step(), accelerator.accumulate(model):
            accelerator.backward(model(batch).square().mean())
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            if accelerator.sync_gradients:
                watch.step()
            optimizer.step()
            optimizer.zero_grad()
    flow.close()
    assert said == ["step 0: gradient flow is ok: it arrives at every parameter"]
    ((first, report),) = flow.reports
    assert (first, len(report.ledger.holders), len(report.ledger.steps())) == (0, 1, 2)
    assert watch.updated()["ratios"]["head.weight"] > 0


def test_an_option_that_cannot_work() -> None:
    with pytest.raises(ArgumentError, match="every is 0"):
        WatchedStep(every=0)
