"""The meter given an optimizer: updates that stop arriving; and its history as slices, table and chart."""

from __future__ import annotations

import gc
import importlib
import logging
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.flow import GradientWatch


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def train(
    model, optimizer, watch, steps, *, between=lambda step: None, rate=lambda step: 0.1, step_at=lambda step: True
):
    for step in range(steps):
        optimizer.zero_grad()
        output = model(torch.ones(2, 4))
        terms = {"fit": output.square().mean(), "size": 0.1 * output.sum()}
        watch.terms(terms)
        sum(terms.values()).backward()
        watch.step()
        between(step)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        if step_at(step):
            optimizer.step()
    watch.updated()


def told(watch: GradientWatch) -> list[tuple[int, str, str, str]]:
    return [(event["step"], event["what"], event["state"], event["detail"]) for event in watch.events]


def test_a_healthy_loop_is_quiet_and_measured(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=2, write=None)
    weight = model[0].weight.detach().clone()
    train(model, optimizer, watch, 1)
    far = (model[0].weight - weight).norm().item()
    (entry,) = watch.history
    assert entry["updates"]["0.weight"] == pytest.approx(far)
    assert entry["ratios"]["0.weight"] == pytest.approx(far / weight.norm().item())
    assert set(entry["updates"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    train(model, optimizer, watch, 6)
    assert watch.events == []
    assert "all gradients arrive" in str(watch)


def test_gradients_cleared_before_the_step(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=2, write=None)
    train(model, optimizer, watch, 6, between=lambda step: optimizer.zero_grad() if step >= 3 else None)
    assert told(watch) == [
        (
            4,
            "update of 0.weight, 0.bias, 2.weight and 1 more",
            "still",
            "its gradient was gone when SGD stepped",
        )
    ]


def test_a_rate_of_zero_is_news_after_the_first_look_only(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=2, write=None)
    train(model, optimizer, watch, 6, rate=lambda step: 0.1 * step)  # a warm-up
    assert watch.events == []
    train(model, optimizer, watch, 2, rate=lambda step: 0.0)
    ((step, _, state, detail),) = told(watch)
    assert (step, state, detail) == (6, "still", "the rate of SGD is 0")


def test_a_step_below_the_resolution_of_the_weights() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 2).to(torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-8)
    watch = GradientWatch(model, optimizer, every=1, write=None)
    model(torch.ones(1, 4, dtype=torch.bfloat16)).float().square().sum().backward()
    watch.step()
    optimizer.step()
    watch.updated()
    ((_, what, state, detail),) = told(watch)
    assert (what, state) == ("update of weight, bias", "still")
    assert detail == "SGD's step is smaller than what bfloat16 can hold"


def test_an_optimizer_that_stops_stepping_and_one_that_holds_a_part(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=2, write=None)
    train(model, optimizer, watch, 12, step_at=lambda step: step < 5 or step >= 10)
    assert told(watch) == [
        (0, "update of 2.weight, 2.bias", "not held", "no optimizer holds it"),
        (8, "optimizer", "not stepping", "was stepping at step 5"),
        (11, "optimizer", "stepping", "was not stepping at step 10"),
    ]


def test_an_optimizer_that_never_steps(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=1, write=None)
    train(model, optimizer, watch, 6, step_at=lambda step: False)
    assert told(watch) == [(3, "optimizer", "not stepping", "no step() so far")]


def test_several_optimizers_and_something_else(model: nn.Module) -> None:
    pair = {name: torch.optim.SGD(model[i].parameters(), lr=0.1) for name, i in (("body", 0), ("head", 2))}
    watch = GradientWatch(model, pair, every=1, write=None)
    model(torch.ones(1, 4)).sum().backward()
    watch.step()
    for optimizer in pair.values():
        optimizer.step()
    assert set(watch.updated()["updates"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    for wrong in (model, 3, []):
        with pytest.raises(ArgumentError, match="pass the torch optimizer"):
            GradientWatch(model, wrong)


def test_the_steps_are_the_same_to_the_bit_and_nothing_is_kept_alive(model: nn.Module) -> None:
    finished = []
    for watched in (False, True):
        torch.manual_seed(3)
        network = nn.Linear(4, 2)
        optimizer = torch.optim.Adam(network.parameters())
        watch = GradientWatch(network, optimizer if watched else None, every=1, write=None)
        train(network, optimizer, watch, 5)
        finished.append(network)
    assert all(map(torch.equal, finished[0].parameters(), finished[1].parameters()))
    assert optimizer._optimizer_step_pre_hooks
    watch.close()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    held = weakref.ref(optimizer)
    del optimizer
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("wrt", ["parameters", "named_parameters"])
def test_a_generator_of_parameters_works(model: nn.Module, wrt: str) -> None:
    watch = GradientWatch(getattr(model, wrt)(), every=1, write=None)
    with watch.recording():
        output = model(torch.ones(2, 4))
        terms = {"fit": output.square().mean(), "lm": output.argmax(-1).float().mean()}
    watch.terms(terms)
    sum(terms.values()).backward()
    entry = watch.step()
    assert len(entry["norms"]) == 4
    ((_, what, state, _),) = told(watch)
    assert (what, state) == ("term lm", "dead")
    assert watch.events[0]["kind"] == "discrete_op"


def test_it_speaks_through_logging(model: nn.Module, caplog: pytest.LogCaptureFixture) -> None:
    watch = GradientWatch(model, every=1)
    for shut in (True, False):
        model.zero_grad()
        output = model(torch.ones(2, 4))
        terms = {"fit": output.square().mean(), "hinge": torch.relu(output.mean() + (-10 if shut else 10))}
        watch.terms(terms)
        sum(terms.values()).backward()
        with caplog.at_level(logging.INFO, logger="gradcheck_lm"):
            watch.step()
    said = [(record.name, record.levelname, record.getMessage()[:24]) for record in caplog.records]
    assert said == [
        ("gradcheck_lm", "WARNING", "step 0: term hinge is de"),
        ("gradcheck_lm", "INFO", "step 1: term hinge is li"),
    ]


# ---------------------------------------------------------------------- history


@pytest.fixture
def watched(model: nn.Module) -> GradientWatch:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = GradientWatch(model, optimizer, every=2, write=None)
    train(model, optimizer, watch, 7)
    return watch


def test_history_slices(watched: GradientWatch) -> None:
    history = watched.history
    assert [entry["step"] for entry in history[:2]] == [0, 2]
    assert [entry["step"] for entry in history[::-1]] == [6, 4, 2, 0]
    assert history[-1]["step"] == 6
    assert repr(history) == "<History: 4 looks, steps 0 to 6>"
    assert history[1:3] == [history[1], history[2]]


def test_history_as_rows(watched: GradientWatch) -> None:
    rows = watched.history.to_rows()
    assert [row["step"] for row in rows] == [0, 2, 4, 6]
    first = watched.history[0]
    assert rows[0]["fit/norm"] == first["terms"]["table"]["fit"]["all"]["norm"]
    assert rows[0]["fit/share"] + rows[0]["size/share"] == pytest.approx(1)
    assert rows[0]["fit|size/cosine"] == first["terms"]["cosines"]["fit|size"]["all"]
    assert rows[0]["norm/0.weight"] == first["norms"]["0.weight"]
    assert rows[0]["ratio/2.bias"] == first["ratios"]["2.bias"]
    assert len({tuple(row) for row in rows}) == 1


@pytest.mark.needs("pandas")
def test_history_as_a_table(watched: GradientWatch) -> None:
    table = watched.history.to_pandas()
    assert list(table.index) == [0, 2, 4, 6]
    assert table["norm"].tolist() == [entry["norm"] for entry in watched.history]
    assert table[1:].shape[0] == 3


def test_without_pandas_it_says_what_to_type(watched: GradientWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def missing(name: str, *rest):
        if name == "pandas":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingPackageError, match=r"pip install pandas .*to_rows"):
        watched.history.to_pandas()


def test_history_as_a_chart(watched: GradientWatch) -> None:
    svg = watched.history.plot()
    assert svg.startswith("<svg xmlns=")
    assert svg.count("<polyline") == 2  # fit and size
    assert svg.count("<circle") == 8
    assert ">fit/norm</text>" in svg
    assert watched.history.plot(columns=["ratio/0.weight"]).count("<polyline") == 1
    with pytest.raises(ArgumentError, match="no look has loudness; there are: norm, fit/value"):
        watched.history.plot(columns=["loudness"])
    with pytest.raises(ArgumentError, match="no look to draw yet"):
        watched.history[:0].plot()


@pytest.mark.needs("matplotlib")
def test_history_into_a_file(watched: GradientWatch, tmp_path: Path) -> None:
    assert watched.history.plot(tmp_path / "norms.png").read_bytes().startswith(b"\x89PNG")
