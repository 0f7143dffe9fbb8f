"""The meter in plain loops: terms that die and revive, with their step and their line."""

from __future__ import annotations

import gc
import inspect
import json
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_lm.flow import GradientWatch


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def hinge_of(output: torch.Tensor, step: int, dies: int, revives: int = 10**9) -> torch.Tensor:
    return torch.relu(output.mean() + (-10 if dies <= step < revives else 10))  # the hinge


def loop(
    model: nn.Module, watch: GradientWatch, steps: int, *, dies: int, revives: int = 10**9, recording: bool = True
):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        if recording:
            with watch.recording():
                output = model(torch.ones(2, 4))
                terms = {"fit": output.square().mean(), "hinge": hinge_of(output, step, dies, revives)}
        else:
            output = model(torch.ones(2, 4))
            terms = {"fit": output.square().mean(), "hinge": hinge_of(output, step, dies, revives)}
        watch.terms(terms)
        sum(terms.values()).backward()
        watch.step()
        optimizer.step()


def test_a_hinge_that_closes_is_told_with_step_and_line(model: nn.Module) -> None:
    said: list[str] = []
    watch = GradientWatch(model, every=10, write=said.append)
    loop(model, watch, 31, dies=13)
    (event,) = watch.events
    first = inspect.getsourcelines(hinge_of)[1]
    assert (event["step"], event["what"], event["state"]) == (20, "term hinge", "dead")
    assert event["detail"] == "was live at step 10, value 0, which has not changed since step 13"
    assert (event["kind"], event["file"], event["line"]) == ("zero_gradient", __file__, first + 1)
    assert len(said) == 1
    assert said[0].startswith("step 20: term hinge is dead (was live at step 10, value 0, which has not changed since")
    assert said[0].endswith(f"test_watch.py:{first + 1}")
    assert "now dead: term hinge (step 30)" in str(watch)


def test_a_term_that_revives_is_told_too(model: nn.Module) -> None:
    watch = GradientWatch(model, every=5, write=None)
    loop(model, watch, 30, dies=8, revives=17)
    assert [(event["step"], event["state"]) for event in watch.events] == [(10, "dead"), (20, "live")]
    assert watch.events[1]["detail"].startswith("was dead at step 15, value ")
    assert "line" in watch.events[0]
    assert "line" not in watch.events[1]  # what was wrong once is not said of what is well
    assert "all gradients arrive" in str(watch)


def test_a_clamp_that_saturates(model: nn.Module) -> None:
    watch = GradientWatch(model, every=1, write=None)
    for step in range(6):
        model.zero_grad()
        with watch.recording():
            output = model(torch.ones(2, 4))
            shifted = output.mean() + (100 if step >= 3 else 0)
            terms = {"fit": output.square().mean(), "bounded": shifted.clamp(-5, 5)}
        watch.terms(terms)
        sum(terms.values()).backward()
        watch.step()
    (event,) = watch.events
    assert (event["step"], event["what"], event["kind"]) == (3, "term bounded", "zero_gradient")
    assert event["detail"] == "was live at step 2, value 5"


def test_a_cut_from_the_start_is_told_with_its_line(model: nn.Module, tmp_path: Path) -> None:
    watch = GradientWatch(model, every=4, write=tmp_path / "events.jsonl")
    for _ in range(8):
        model.zero_grad()
        with watch.recording():
            output = model(torch.ones(2, 4))
            terms = {"fit": output.square().mean(), "lm": output.argmax(-1).float().mean()}
        watch.terms(terms)
        sum(terms.values()).backward()
        watch.step()
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    event = json.loads(line)
    assert (event["step"], event["what"], event["code"]) == (0, "term lm", "GF101")
    assert "argmax" in Path(__file__).read_text().splitlines()[event["line"] - 1]


def test_a_parameter_that_nothing_reaches_is_told_with_its_line(model: nn.Module) -> None:
    watch = GradientWatch(model, write=None)
    with watch.recording():
        hidden = model[1](model[0](torch.ones(2, 4)))
        loss = model[2](hidden.detach()).square().mean()
    watch.terms({"loss": loss})
    loss.backward()
    watch.step()
    assert {(event["what"], event["state"]) for event in watch.events} == {
        ("0.weight", "unreached"),
        ("0.bias", "unreached"),
    }
    assert all(event["kind"] == "detach" for event in watch.events)


def test_without_recording_the_step_is_told_alone(model: nn.Module) -> None:
    watch = GradientWatch(model, every=10, write=None)
    loop(model, watch, 25, dies=13, recording=False)
    (event,) = watch.events
    assert event["step"] == 20
    assert "line" not in event
    assert "since step 13" in event["detail"]


def test_a_term_is_dead_where_it_is_dead_in_every_micro_batch(model: nn.Module) -> None:
    watch = GradientWatch(model, every=1, write=None)
    for closed in ([False, False], [True, False], [True, True]):
        model.zero_grad()
        for shut in closed:
            with watch.recording():
                output = model(torch.ones(2, 4))
                terms = {"fit": output.square().mean(), "hinge": torch.relu(output.mean() + (-10 if shut else 10))}
            watch.terms(terms)
            sum(terms.values()).backward()
        watch.step()
    assert [(event["step"], event["state"]) for event in watch.events] == [(2, "dead")]
    assert [entry["terms"]["micro_batches"] for entry in watch.history] == [2, 2, 2]


def test_nothing_is_recorded_or_differentiated_between_looks(model: nn.Module, monkeypatch) -> None:
    passes = []
    original = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: (passes.append(1), original(*a, **k))[1])
    watch = GradientWatch(model, every=10, write=None)
    for step in range(20):
        before = len(passes)
        with watch.recording():
            assert torch.overrides._len_torch_function_stack() == (1 if step % 10 == 0 else 0)
            loss = model(torch.ones(2, 4)).square().mean()
        watch.terms({"loss": loss})
        assert (len(passes) > before) == (step % 10 == 0)
        loss.backward()
        watch.step()


def test_no_tensor_and_no_graph_is_held(model: nn.Module) -> None:
    watch = GradientWatch(model, every=1, write=None)
    with watch.recording():
        output = model(torch.ones(2, 4))
        loss = output.square().mean()
    watch.terms({"loss": loss})
    loss.backward()
    watch.step()
    held = [weakref.ref(output), weakref.ref(loss)]
    del output, loss
    gc.collect()
    assert [reference() for reference in held] == [None, None]


def test_an_error_inside_the_block_passes(model: nn.Module) -> None:
    watch = GradientWatch(model, write=None)
    with pytest.raises(RuntimeError, match="mine"), watch.recording():
        raise RuntimeError("mine")
    assert torch.overrides._len_torch_function_stack() == 0


def test_history_is_bounded(model: nn.Module) -> None:
    watch = GradientWatch(model, every=1, write=None, keep=3)
    loop(model, watch, 9, dies=100)
    assert [entry["step"] for entry in watch.history] == [6, 7, 8]


def test_biases_before_a_norm_are_not_called_zero() -> None:
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.norm(self.layer(x))).square().mean()

    network = Net()
    watch = GradientWatch(network, write=None)
    loss = network(torch.randn(6, 3))
    watch.terms({"loss": loss})
    loss.backward()
    network.layer.bias.grad.zero_()  # rounding may as well leave exactly nothing
    watch.step()
    assert watch.events == []


def test_a_scaler_is_taken_out(model: nn.Module) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    watch = GradientWatch(model, write=None)
    loss = model(torch.ones(2, 4)).square().mean()
    scaled = scaler.scale(loss)
    watch.terms({"loss": scaled}, scale=scaler)
    scaled.backward()
    entry = watch.step(scale=scaler)
    assert entry["terms"]["values"]["loss"] == pytest.approx(loss.item())
    assert entry["terms"]["table"]["loss"]["all"]["norm"] == pytest.approx(entry["norm"])
    model.zero_grad()
    model(torch.ones(2, 4)).square().mean().backward()
    assert entry["norm"] == pytest.approx(
        float(torch.cat([parameter.grad.reshape(-1) for parameter in model.parameters()]).norm())
    )
