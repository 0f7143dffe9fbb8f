"""Bridges over a cut: what cannot be bridged or asked is said, and everything is put back."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random

import pytest
import torch
from torch import Tensor, nn
from what_if_programs import DATA, LAYER, SIDE, attached, mask, rounded, the

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import Diagnosis, Finding, diagnose, record
from gradcheck_lm.flow.bridging.bridged_run import Bridges
from gradcheck_lm.flow.watching.recorder import Recorder


class Hidden(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        return value * 2

    @staticmethod
    def backward(ctx, gradient: Tensor) -> None:
        return None


# ---------------------------------------------------------------------- what cannot be bridged, and is not


def test_what_cannot_be_bridged_is_said() -> None:
    def custom() -> Tensor:
        return Hidden.apply(LAYER(DATA)).mean()

    def constant() -> Tensor:
        LAYER(DATA)
        return torch.zeros(()).mean()

    def arithmetic() -> Tensor:
        return SIDE.mean() * math.exp(LAYER(DATA).mean().item())

    def text() -> Tensor:
        words = "".join("abcde"[index] for index in LAYER(DATA).argmax(-1).tolist())
        return SIDE.mean() * (words.count("a") + words.count("b") + 0.25)

    for fn, kind, said in [
        (custom, "custom_function", "your own backward"),
        (constant, "constant", "no value of what you train"),
        (arithmetic, "left_torch", "element by element"),
        (text, "left_torch", "gradcheck_lm.penalties"),
    ]:
        diagnosis = diagnose(fn, LAYER)
        answer = diagnosis.what_if(the(diagnosis, kind))
        assert not answer.bridged
        assert not answer.arrives
        assert said in answer.note
        assert answer.diagnosis is diagnosis


def test_an_error_of_the_program_under_a_bridge_is_told() -> None:
    def loss() -> Tensor:
        value = LAYER(DATA).detach()
        if value.requires_grad:
            raise ValueError("targets must be constant.")
        return value.mean()

    diagnosis = diagnose(loss, LAYER)
    answer = diagnosis.what_if(diagnosis.findings[0])
    assert (answer.bridged, answer.arrives) == (False, False)
    assert answer.note == "the program raised ValueError with this cut bridged: targets must be constant"
    assert torch.overrides._get_current_function_mode() is None


# ---------------------------------------------------------------------- nothing is left behind


@pytest.mark.needs("numpy")
def test_everything_is_put_back() -> None:
    import numpy

    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.25)

    def loss() -> Tensor:
        random.random(), numpy.random.rand()
        return model(torch.randn(6, 4)).round().sum()

    diagnosis = diagnose(loss, model)
    before = (
        torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].copy(),
        copy.deepcopy(model.state_dict()), [parameter.grad.clone() for parameter in model.parameters()],
    )  # fmt: skip
    assert diagnosis.what_if(the(diagnosis, "zero_gradient")).bridged
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (numpy.random.get_state()[1] == before[2]).all()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[3][name]), name
    for parameter, grad in zip(model.parameters(), before[4], strict=True):
        assert torch.equal(parameter.grad, grad)
    assert torch.is_grad_enabled()


def test_everything_is_put_back_when_there_is_no_bridge() -> None:
    def loss() -> Tensor:
        return SIDE.mean() * math.exp((LAYER(DATA).mean() + torch.randn(())).detach())

    diagnosis = diagnose(loss, LAYER)
    before = torch.get_rng_state()
    assert not diagnosis.what_if(the(diagnosis, "left_torch")).bridged
    assert torch.equal(torch.get_rng_state(), before)


def test_with_no_bridge_the_run_is_as_it_was() -> None:
    plain = attached()
    with Recorder(Bridges(())):
        watched = attached()
    assert torch.equal(plain, watched)
    gradients = [torch.autograd.grad(loss, list(LAYER.parameters())) for loss in (plain, watched)]
    assert all(torch.equal(left, right) for left, right in zip(*gradients, strict=True))


def test_a_diagnosis_stays_plain_data() -> None:
    diagnosis = diagnose(rounded, LAYER)
    assert '"_program"' not in diagnosis.to_json()
    assert "Program(" not in repr(diagnosis)
    for twin in (copy.deepcopy(diagnosis), pickle.loads(pickle.dumps(diagnosis))):
        assert twin == diagnosis
        with pytest.raises(TraceError, match="no program to run again"):
            twin.what_if(twin.findings[0])


def test_what_cannot_be_asked() -> None:
    with record() as run:
        loss = rounded()
    watched = run.diagnose(loss, LAYER)
    with pytest.raises(TraceError, match=r"comes from record\(\).*Ask gradcheck_lm.diagnose\(fn, wrt=model\)"):
        watched.what_if(watched.findings[0])
    content = json.loads(watched.to_json())
    content.pop("schema")
    loaded = Diagnosis(**{**content, "findings": tuple(Finding(**one) for one in content["findings"])})
    with pytest.raises(TraceError, match="from a file"):
        loaded.what_if(loaded.findings[0])
    diagnosis = diagnose(rounded, LAYER)
    other = diagnose(mask, LAYER)
    with pytest.raises(TraceError, match=r"not one of this diagnosis' 1; pass one of diagnosis.findings"):
        diagnosis.what_if(other.findings[0])
