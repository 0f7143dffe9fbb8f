"""Biases whose gradient is rounding noise by construction: one answer from diagnose, attribute and the watch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_lm import GradientWatch, attribute, diagnose

BY_CONSTRUCTION = "zero by construction: {}; a normalisation takes its shift away, so this is no fault"


class Attention(nn.Module):
    """One head: the bias of the keys shifts all scores of a row alike, and the softmax takes that away."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / 2
        return scores.softmax(-1) @ self.v(x)


def linear() -> tuple[nn.Module, str, tuple[int, ...]]:
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), "0.bias", (8, 6)


def convolution() -> tuple[nn.Module, str, tuple[int, ...]]:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()), "0.bias", (3, 1, 5, 5)


def attention() -> tuple[nn.Module, str, tuple[int, ...]]:
    return Attention(), "k.bias", (3, 5, 6)


PROGRAMS = [linear, convolution, attention]


@pytest.mark.parametrize("make", PROGRAMS)
def test_diagnose_and_attribute_give_the_same_answer(make: Callable[[], tuple]) -> None:
    torch.manual_seed(0)
    model, name, shape = make()
    data = torch.randn(shape)
    diagnosis = diagnose(lambda: model(data).sin().mul(torch.arange(model(data).shape[-1])).mean(), model)
    assert diagnosis.ok
    assert diagnosis.errors == ()
    assert [note for note in diagnosis.notes if "by construction" in note] == [BY_CONSTRUCTION.format(name)]
    assert name not in diagnosis.terms["loss"].reaches
    assert set(diagnosis.terms["loss"].reaches) == {each for each, _ in model.named_parameters()} - {name}
    table = attribute({"loss": model(data).sin().mean()}, model)
    assert table.structural_zeros == (name,)


@pytest.mark.parametrize("make", PROGRAMS)
def test_a_term_that_reaches_such_a_bias_alone_is_dead(make: Callable[[], tuple]) -> None:
    torch.manual_seed(0)
    model, name, shape = make()
    data, bias = torch.randn(shape), dict(model.named_parameters())[name]
    diagnosis = diagnose(lambda: {"loss": model(data).square().sin().mean()}, {name: bias})
    assert not diagnosis.ok
    assert diagnosis.dead == ("loss",)
    (finding,) = diagnosis.errors
    assert (finding.kind, finding.tensors, finding.term) == ("zero_gradient", (name,), "loss")
    assert finding.line


def test_in_evaluation_nothing_takes_the_shift_away() -> None:
    model, name, shape = linear()
    data = torch.randn(shape)
    model(data)
    model.eval()
    diagnosis = diagnose(lambda: model(data).square().mean(), model)
    assert name in diagnosis.terms["loss"].reaches
    assert not any("by construction" in note for note in diagnosis.notes)
    assert attribute({"loss": model(data).square().mean()}, model).structural_zeros == ()


@pytest.mark.parametrize("make", PROGRAMS[:2])
def test_the_watch_does_not_call_them_starved(make: Callable[[], tuple]) -> None:
    model, name, shape = make()
    lines: list[str] = []
    watch = GradientWatch(model, every=1, write=lines.append)
    model(torch.randn(shape)).square().mean().backward()
    dict(model.named_parameters())[name].grad.zero_()  # as it comes out where rounding is kind
    watch.step()
    assert lines == []
