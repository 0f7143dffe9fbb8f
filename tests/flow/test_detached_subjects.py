"""A diagnosis about .data, .detach() or a state_dict: the reader means the parameters, and is told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import GradientWatch, diagnose, record
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.scripts.runner import watch_script


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def asked(model: nn.Module, wrt: Any) -> Diagnosis:
    return diagnose(lambda: model(torch.randn(8, 4)).square().mean(), wrt=wrt)


def test_a_state_dict_is_refused_with_what_to_pass(model: nn.Module) -> None:
    said = (
        r"^wrt is a state_dict: its tensors are detached from the model's parameters, and no gradient ever comes to "
        r"them\. Pass the model itself, or dict\(model\.named_parameters\(\)\)\.$"
    )
    with pytest.raises(TraceError, match=said):
        asked(model, model.state_dict())
    with pytest.raises(TraceError, match="wrt is a state_dict"):
        GradientWatch(model.state_dict())
    with record() as run:
        loss = model(torch.randn(8, 4)).sum()
    with pytest.raises(TraceError, match="wrt is a state_dict"):
        run.diagnose(loss, wrt=model.state_dict())
    assert asked(model, {"head": model[2], **dict(model[0].named_parameters())}).ok


def test_a_state_dict_that_keeps_the_parameters_is_taken() -> None:
    linear = nn.Linear(4, 1)
    assert asked(linear, linear.state_dict(keep_vars=True)).ok
    frozen = nn.Linear(4, 1).requires_grad_(False)
    assert asked(frozen, frozen.state_dict(keep_vars=True)).findings[0].kind == "frozen"


FORMS = {
    "data": lambda model: [one.data for one in model.parameters()],
    "detach": lambda model: [one.detach() for one in model.parameters()],
    "part of a state_dict": lambda model: {k: v for k, v in model.state_dict().items() if v.is_floating_point()},
    "one tensor": lambda model: model[0].weight.data,
}


@pytest.mark.parametrize("form", FORMS)
def test_detached_tensors_are_named_as_the_cause(model: nn.Module, form: str) -> None:
    (cut,) = asked(model, FORMS[form](model)).findings
    assert (cut.kind, cut.cause) == ("constant", "detached")
    assert "detached from the model's parameters, as model.state_dict(), .data and .detach()" in cut.why
    assert cut.cures == ("use the parameters themselves: wrt=model, and model.parameters() for the optimizer",)


def test_one_detached_tensor_among_parameters() -> None:
    model = nn.Linear(4, 1)
    (cut,) = asked(model, {"weight": model.weight.data, "bias": model.bias}).findings
    assert (cut.kind, cut.cause) == ("frozen", "detached")
    assert cut.cures == ("use the parameter itself: wrt=model, and model.parameters() for the optimizer",)


def test_another_model_and_a_frozen_one_are_not_said_to_be_detached(model: nn.Module) -> None:
    other = nn.Linear(4, 1)
    assert asked(model, other).findings[0].cause == "nothing_used"
    assert asked(model, [one.data for one in other.parameters()]).findings[0].cause == "nothing_used"
    model[0].weight.requires_grad_(False)
    assert [one.cause for one in asked(model, dict(model.named_parameters())).findings] == [""]


SCRIPT = """
import torch
model = torch.nn.Linear(4, 1)
inputs = torch.randn(8, 4)
optimizer = torch.optim.SGD({what}, lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    loss = model(inputs).square().mean()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("what", ["model.state_dict().values()", "[one.data for one in model.parameters()]"])
def test_an_optimizer_of_detached_tensors(what: str, tmp_path: Path) -> None:
    """Its tensors are met before the parameters are: none of these was made of them."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(what=what), encoding="utf-8")
    seen = watch_script(str(script), [])
    assert seen.diagnosis is not None
    assert [(cut.kind, cut.cause) for cut in seen.diagnosis.findings] == [("constant", "detached")]


def test_a_parameter_made_of_a_value_is_told_as_before() -> None:
    source = torch.ones(4, requires_grad=True)

    def made() -> torch.Tensor:
        return nn.Parameter(source * 1.0).sum() + nn.Parameter(source).sum()

    assert {cut.kind for cut in diagnose(made, wrt={"source": source}).findings} == {"new_leaf"}
