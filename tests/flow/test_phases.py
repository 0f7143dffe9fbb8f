"""A script that trains twice: how long it is watched, and that the second training is answered too."""

from __future__ import annotations

import linecache
from pathlib import Path

import pytest
import torch

from gradcheck_lm.flow.scripts.passes import vigil
from gradcheck_lm.flow.scripts.program.phases import is_optimizer_to_come
from gradcheck_lm.flow.scripts.runner import Seen, watch_script
from gradcheck_lm.flow.scripts.watched import players

_HEAD = "import torch\nfrom torch import nn, optim\n\n"
_STEP = """\
def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3)).square().mean().backward()
        optimizer.step()
        print("step")


"""


@pytest.fixture(autouse=True)
def no_vigil(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the steps that are waited for is another matter: tests/flow/test_scripts_numbers.py."""
    monkeypatch.setattr(vigil, "PASSES", 0)


def written(folder: Path, body: str) -> Path:
    path = folder / "script.py"
    path.write_text(_HEAD + body, encoding="utf-8")
    linecache.checkcache(str(path))
    return path


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def to_come(path: Path, *made: str) -> bool:
    return is_optimizer_to_come(str(path), [line_of(path, one) for one in made], {"torch": torch, "optim": torch.optim})


def test_an_optimizer_that_was_not_made_is_to_come(tmp_path: Path) -> None:
    path = written(tmp_path, "a = optim.SGD([], lr=1)\nb = torch.optim.Adam([])\n")
    assert to_come(path, "SGD")
    assert not to_come(path, "SGD", "Adam")


@pytest.mark.parametrize(
    "body",
    [
        "if fast:\n    a = optim.SGD([], lr=1)\nelse:\n    a = optim.Adam([])\n",
        "a = optim.SGD([], lr=1) if fast else optim.Adam([])\n",
        "def made():\n    if fast:\n        return optim.SGD([], lr=1)\n    return optim.Adam([])\na = made()\n",
        "a = optim.SGD([], lr=1)\ndef never():\n    return optim.Adam([])\n",
        "a = optim.SGD([], lr=1)\nb = nn.Linear(2, 2)\n",
    ],
    ids=["if", "expression", "returned", "never called", "no optimizer"],
)
def test_of_a_choice_one_is_enough(tmp_path: Path, body: str) -> None:
    assert not to_come(written(tmp_path, body), "SGD")


def test_a_function_that_is_called_on_a_second_line(tmp_path: Path) -> None:
    path = written(tmp_path, "def fit(model):\n    a = optim.SGD([], lr=1)\n\n\nfit(1)\nfit(2)\n")
    assert to_come(path, "SGD")
    assert not to_come(path, "SGD", "SGD")


def watched(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Seen, int]:
    with torch.random.fork_rng():
        seen = watch_script(path)
    return seen, capsys.readouterr().out.count("step")


def test_one_training_ends_after_two_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, _STEP + "m = nn.Linear(3, 1)\ntrain(m, optim.SGD(m.parameters(), lr=0.1), 9)\n")
    assert watched(path, capsys)[1] == 1  # the second step is the last thing that runs


def test_the_second_training_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = _STEP + (
        "first, head = nn.Linear(3, 3), nn.Linear(3, 1)\n"
        "train(first, optim.SGD(first.parameters(), lr=0.1), 7)\n"
        "both = nn.Sequential(first, head)\n"
        "train(both, optim.Adam(first.parameters()), 7)  # head is not held\n"
    )
    path = written(tmp_path, body)
    seen, steps = watched(path, capsys)
    assert steps == 7 + 1
    found = [one for _, diagnosis in seen.losses for one in diagnosis.findings if one.severity != "note"]
    assert [(one.kind, one.line) for one in found] == [("not_held", line_of(path, "Adam"))]


def test_a_first_training_of_quick_steps_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = _STEP + (
        "m, head = nn.Linear(3, 3), nn.Linear(3, 1)\ntrain(m, optim.SGD(m.parameters(), lr=0.1), 120)\n"
        "train(nn.Sequential(m, head), optim.Adam(m.parameters()), 7)  # head is not held\n"
    )
    path = written(tmp_path, body)
    seen, steps = watched(path, capsys)
    assert steps == 120 + 1
    found = [one for _, diagnosis in seen.losses for one in diagnosis.findings if one.severity != "note"]
    assert [(one.kind, one.line) for one in found] == [("not_held", line_of(path, "head is not"))]


def test_a_first_training_of_many_steps_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = _STEP + (
        "m = nn.Linear(3, 1)\ntrain(m, optim.SGD(m.parameters(), lr=0.1), 10_000)\n"
        "train(m, optim.Adam(m.parameters()), 2)\n"
    )
    _, steps = watched(written(tmp_path, body), capsys)
    assert 50 <= steps <= 510


def test_a_long_first_training_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "_PATIENCE", 0.0)
    body = _STEP + (
        "m = nn.Linear(3, 1)\ntrain(m, optim.SGD(m.parameters(), lr=0.1), 10_000)\n"
        "train(m, optim.Adam(m.parameters()), 2)\n"
    )
    seen, steps = watched(written(tmp_path, body), capsys)
    assert 50 <= steps <= 60
    assert all(diagnosis.ok for _, diagnosis in seen.losses)


def test_a_term_that_is_weighed_zero_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = (
        "a, b = nn.Linear(3, 1), nn.Linear(3, 1)\n"
        "optimizer = optim.SGD([*a.parameters(), *b.parameters()], lr=0.1)\n"
        "for step in range(4):\n"
        "    weight = 0.0 if step < 2 else 1.0\n"
        "    x = torch.randn(4, 3)\n"
        "    optimizer.zero_grad()\n"
        "    (a(x).square().mean() + weight * b(x).square().mean()).backward()\n"
        "    optimizer.step()\n"
    )
    seen, _ = watched(written(tmp_path, body), capsys)
    (found,) = (diagnosis for _, diagnosis in seen.losses)
    assert found.ok
    assert [(one.severity, one.cause) for one in found.findings] == [("note", "weight_zero")]


def test_a_loss_that_is_all_weighed_zero_is_dead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = (
        "a = nn.Linear(3, 1)\noptimizer = optim.SGD(a.parameters(), lr=0.1)\n"
        "for step in range(3):\n"
        "    optimizer.zero_grad()\n"
        "    (0 * a(torch.randn(4, 3)).square().mean()).backward()\n"
        "    optimizer.step()\n"
    )
    seen, _ = watched(written(tmp_path, body), capsys)
    found = [one for _, diagnosis in seen.losses for one in diagnosis.findings]
    assert [(one.severity, one.cause) for one in found][:1] == [("error", "weight_zero")]


LAZY = """
import types


class Lazy(types.ModuleType):
    def __init__(self):
        self._modules = {"models"}
        self.Model = nn.Linear


lazy = Lazy()
model = lazy.Model(3, 1)
train(model, optim.SGD(model.parameters(), lr=0.1), 3)
"""


def test_an_object_whose_parts_are_no_modules_is_no_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = watch_script(written(tmp_path, _STEP + LAZY))
    assert seen.error is None
    assert seen.troubles == []
    assert capsys.readouterr().out.count("step") == 1  # it was stopped in the second step


def test_what_cannot_be_read_of_a_script_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gradcheck_lm.flow.scripts.watched.players as players

    def fails(*_: object) -> bool:
        raise AttributeError("'set' object has no attribute 'get'")

    monkeypatch.setattr(players, "is_optimizer_to_come", fails)
    seen = watch_script(
        written(tmp_path, _STEP + "model = nn.Linear(3, 1)\ntrain(model, optim.SGD(model.parameters(), lr=0.1), 4)\n")
    )
    assert seen.error is None
    assert ["'set' object has no attribute 'get': this is a fault of gradcheck_lm" in one for one in seen.troubles] == [
        True
    ]
    assert seen.losses
