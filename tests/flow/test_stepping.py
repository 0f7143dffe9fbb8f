"""Whole steps under the watcher: the contract, the report in its forms, and the ledger of each gradient's way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from stepping_program import Program
from torch import nn

import gradcheck_lm
from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import StepReport, diagnose_step, record_steps
from gradcheck_lm.flow.stepping.questions.drafts import Reading
from gradcheck_lm.flow.stepping.watcher import Watcher


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
