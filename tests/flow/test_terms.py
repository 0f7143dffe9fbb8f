"""Attribution, the meter, the assertion, and what bad input is told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_lm.errors import ArgumentError, GradientFlowError, TraceError
from gradcheck_lm.flow import GradientWatch, assert_gradient_flows, attribute, diagnose, record


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def test_norms_shares_and_cosines_are_those_of_autograd(model: nn.Module) -> None:
    data = torch.randn(5, 4)
    output = model(data)
    terms = {"a": output.square().mean(), "b": 0.1 * output[:, 0].mean(), "c": output.argmax().float()}
    table = attribute(terms, wrt=model)
    flat = {}
    for name in "ab":
        grads = torch.autograd.grad(terms[name], list(model.parameters()), retain_graph=True)
        flat[name] = torch.cat([grad.reshape(-1).double() for grad in grads])
    assert table.norm("a") == pytest.approx(float(flat["a"].norm()))
    assert table.norm("b") == pytest.approx(float(flat["b"].norm()))
    assert table.share("a") == pytest.approx(float(flat["a"].norm() / (flat["a"].norm() + flat["b"].norm())))
    expected = float(torch.nn.functional.cosine_similarity(flat["a"], flat["b"], dim=0))
    assert table.cosine("b", "a") == pytest.approx(expected)
    assert table.norm("a") ** 2 == pytest.approx(table.norm("a", "0") ** 2 + table.norm("a", "2") ** 2)
    assert table.dead == ("c",)
    assert table.modules == ("all", "0", "2")
    assert "dead: term 'c'" in str(table)
    json.dumps(table.to_dict())
    sum(terms.values()).backward()  # the graph is still the caller's


def test_scale_of_mixed_precision_is_taken_out(model: nn.Module) -> None:
    loss = model(torch.ones(2, 4)).square().mean()
    assert attribute({"a": loss * 1024}, model, scale=1024).norm("a") == pytest.approx(
        attribute({"a": loss}, model).norm("a")
    )


def test_biases_before_batchnorm_are_named() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    table = attribute({"a": network(torch.randn(3, 1, 5, 5)).square().mean()}, network)
    assert table.structural_zeros == ("0.bias",)


def test_attribute_refuses(model: nn.Module) -> None:
    loss = model(torch.ones(1, 4)).sum()
    with pytest.raises(TraceError, match="pass a dict"):
        attribute(loss, model)  # type: ignore[arg-type]
    with pytest.raises(TraceError, match="scale is 0"):
        attribute({"a": loss}, model, scale=0)
    loss = model(torch.ones(1, 4)).square().sum()
    loss.backward()
    with pytest.raises(TraceError, match="already freed"):
        attribute({"a": loss}, model)


def test_watch_says_at_which_step_a_term_dies(model: nn.Module, tmp_path: Path) -> None:
    lines: list[str] = []
    watch = GradientWatch(model, every=2, write=lines.append)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for step in range(8):
        output = model(torch.ones(2, 4))
        hinge = torch.relu(output.mean() + 10) if step < 4 else torch.relu(output.mean() - 10)
        terms = {"fit": output.square().mean(), "hinge": hinge}
        watch.terms(terms)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        watch.step()
        optimizer.step()
    assert [(event["step"], event["what"], event["state"]) for event in watch.events] == [(4, "term hinge", "dead")]
    assert lines == ["step 4: term hinge is dead (was live at step 2, value 0)"]
    assert len([entry for entry in watch.history if "norm" in entry]) == 4


def test_watch_sees_missing_zero_and_broken_gradients(model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    watch = GradientWatch(model, every=1, write=path)
    watch.step()
    assert {event["state"] for event in watch.events} == {"unreached"}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    model[2].bias.grad = torch.full((2,), math.nan)
    watch.step()
    states = {event["what"]: event["state"] for event in watch.events if event["step"] == 1}
    assert states["0.weight"] == "zero"
    assert states["2.bias"] == "non_finite"
    assert len(path.read_text().splitlines()) == len(watch.events)


def test_watch_never_raises(model: nn.Module) -> None:
    def broken(text: str) -> None:
        raise OSError("disk full")

    watch = GradientWatch(model, write=broken)
    assert watch.terms({"a": torch.tensor([1.0, 2.0])}) is None
    watch.step()
    with pytest.raises(ArgumentError, match="every is 0"):
        GradientWatch(model, every=0)


def test_assertion_text_is_the_diagnosis(model: nn.Module) -> None:
    assert assert_gradient_flows(lambda: model(torch.ones(1, 4)).sum(), model).ok
    with pytest.raises(GradientFlowError) as caught:
        assert_gradient_flows(lambda: model(torch.ones(1, 4)).detach().sum(), model)
    assert isinstance(caught.value, AssertionError)
    assert "GF104 detach" in str(caught.value)
    assert caught.value.diagnosis.findings[0].line == caught.value.diagnosis.findings[0].line
    hidden = [entry for entry in caught.traceback if entry.frame.f_locals.get("__tracebackhide__")]
    assert hidden


def test_assertion_of_a_loss_that_is_already_there(model: nn.Module) -> None:
    assert_gradient_flows(model(torch.ones(1, 4)).sum(), model)
    with pytest.raises(GradientFlowError, match="pass a function"):
        assert_gradient_flows(model(torch.ones(1, 4)).detach().sum(), model)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (None, "is None"),
        (torch.ones(3), "shape \\(3,\\).*loss.mean\\(\\)"),
        ({}, "empty dict"),
        ({"a": None}, "\\['a'\\] is None"),
        ("text", "is a str"),
    ],
)
def test_bad_losses(model: nn.Module, loss: object, text: str) -> None:
    with pytest.raises(TraceError, match=text):
        diagnose(lambda: loss, model)
    with record() as run:
        pass
    with pytest.raises(TraceError, match=text):
        run.diagnose(loss, model)


@pytest.mark.parametrize(
    ("wrt", "text"),
    [
        ([], "wrt is empty"),
        ({}, "wrt is empty"),
        (nn.ReLU(), "without parameters"),
        ([3], "is an int, not a tensor"),
        ({"a": torch.arange(3)}, "dtype torch.int64"),
        (3, "wrt is an int"),
        ("model", "wrt is a str"),
    ],
)
def test_bad_wrt(wrt: object, text: str) -> None:
    with pytest.raises(TraceError, match=text):
        diagnose(lambda: torch.ones(()), wrt)


def test_fn_must_be_a_function(model: nn.Module) -> None:
    with pytest.raises(TraceError, match="with record\\(\\) as run"):
        diagnose(torch.ones(()), model)  # type: ignore[arg-type]


def test_wrt_can_be_named_in_many_ways(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        return model(torch.ones(1, 4)).sum()

    assert diagnose(loss, list(model.parameters())).wrt[0] == "[0]"
    assert diagnose(loss, model.parameters()).ok
    assert diagnose(loss, dict(model.named_parameters())).wrt[0] == "0.weight"
    assert diagnose(loss, model.named_parameters()).wrt[0] == "0.weight"
    assert diagnose(loss, {"net": model}).wrt[0] == "net.0.weight"
    assert diagnose(loss, model[0].weight).wrt == ("wrt",)


def test_an_intermediate_tensor_can_be_asked_about(model: nn.Module) -> None:
    with record() as run:
        hidden = model(torch.ones(1, 4))
        loss = hidden.square().sum()
        dead = hidden.detach().sum()
    assert run.diagnose(loss, {"hidden": hidden}).ok
    assert run.diagnose(dead, {"hidden": hidden}).unreached == ("hidden",)


def test_a_dead_term_is_told_with_its_own_cut() -> None:
    """What another part of the model loses may stand before it, and is another fault."""
    trunk, unused, head = nn.Linear(3, 3), nn.Linear(3, 2), nn.Linear(3, 2)
    model = nn.ModuleList([trunk, unused, head])

    def terms() -> dict[str, torch.Tensor]:
        hidden = trunk(torch.ones(2, 3))
        unused(hidden).tanh()
        output = head(hidden)
        return {"fit": output.square().mean(), "words": output.argmax(-1).float().mean()}

    diagnosis = diagnose(terms, model)
    assert [finding.kind for finding in diagnosis.errors] == ["constant", "discrete_op"]
    text = " ".join(str(diagnosis).split())
    assert "words is dead: no gradient from there reaches any of the 6 tensors asked about" in text
    assert "The first cut is torch.Tensor.argmax at test_terms.py:" in text
