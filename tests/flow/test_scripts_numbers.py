"""Numbers that break under `run`: a gradient that is NaN in a later step alone, half precision that rounds to zero."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from gradcheck_lm.flow.scripts import runner
from gradcheck_lm.flow.scripts.passes import vigil
from gradcheck_lm.flow.scripts.runner import run_script, watch_script
from gradcheck_lm.flow.scripts.session import Session
from gradcheck_lm.flow.stepping.ledger.ledger import Step

LATER = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters())
for number in range(3):
    left = torch.randn(5, 4)
    right = left if number == 1 else torch.randn(5, 4)
    optimizer.zero_grad()
    distance = (model(left) - model(right)).square().sum(1).sqrt()
    distance.mean().backward()
    STEP
"""
HALF = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16)).to(torch.DTYPE)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(32, 16, dtype=torch.DTYPE)
    optimizer.zero_grad()
    loss = (model(x) - x).square().mean() * 1e-7
    loss.backward()
    optimizer.step()
"""


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_gradient_that_is_nan_in_the_second_step_alone_is_an_error_once_it_is_stepped_on(tmp_path: Path) -> None:
    found = run_script(script(tmp_path, LATER.replace("STEP", "optimizer.step()")))
    (cut,) = found.errors
    assert (cut.kind, cut.line) == ("non_finite", 11)
    assert not found.ok


def test_a_step_that_is_left_out_for_nan_is_a_note(tmp_path: Path) -> None:
    careful = "if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():\n        optimizer.step()"
    found = run_script(script(tmp_path, LATER.replace("STEP", careful).replace("range(3)", "range(5)")))
    assert found.ok, str(found)
    assert not found.errors


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_script_in_half_precision_without_a_scaler_underflows(tmp_path: Path, dtype: str) -> None:
    seen = watch_script(script(tmp_path, HALF.replace("DTYPE", dtype)))
    kinds = [finding.kind for _, diagnosis in seen.losses for finding in diagnosis.errors]
    assert ("underflow" in kinds) == (dtype == "float16")


CLEARING = "    optimizer.zero_grad()\n"


def much_later(step: str = "optimizer.step()", *, clears: str = "number >= 0", steps: int = 40) -> str:
    """In the 30th step only: two inputs are the same, and the square root of 0 has no slope."""
    text = LATER.replace("range(3)", f"range({steps})").replace("number == 1", "number == 30").replace("STEP", step)
    return text.replace(CLEARING, f"    if {clears}:\n    {CLEARING}", 1)


@pytest.mark.parametrize("until", ["two-steps", "nan"])
def test_a_nan_in_a_later_step_is_named_by_its_operation(tmp_path: Path, until: str) -> None:
    found = run_script(script(tmp_path, much_later()), until=until)
    (cut,) = found.errors
    assert (cut.kind, cut.line, cut.op) == ("non_finite", 12, "torch.Tensor.sqrt")


@pytest.mark.parametrize(("bound", "value", "last"), [("PASSES", 20, "21"), ("SECONDS", 0.0, "1")])
def test_without_a_nan_a_script_is_let_be_after_two_steps_and_some_more(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: float,
    last: str,
) -> None:
    monkeypatch.setattr(vigil, bound, value)
    path = script(tmp_path, much_later("optimizer.step()\n    print(number, flush=True)"))
    assert run_script(path).ok
    assert capsys.readouterr().out.split()[-1] == last
    assert not run_script(path, until="nan").ok  # asked for, it is waited for without a bound


def test_a_script_with_an_error_is_not_watched_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = much_later("optimizer.step()\n    print(number)").replace("right)).", "right)).detach().")
    text = text.replace(".mean().backward()", ".mean().requires_grad_().backward()")
    assert not run_script(script(tmp_path, text)).ok
    assert capsys.readouterr().out.split()[-1:] == ["0"]


def test_a_script_with_a_warning_is_not_watched_on_unless_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last layer gets gradients, and no optimizer moves it."""
    text = much_later("optimizer.step()\n    print(number)").replace("model.parameters()", "model[0].parameters()")
    path = script(tmp_path, text)
    assert [one.severity for one in run_script(path).findings] == ["warning"]
    assert capsys.readouterr().out.split()[-1:] == ["0"]
    assert run_script(path, until="nan").findings[0].kind == "non_finite"


def test_a_step_left_out_whose_gradients_are_cleared_is_a_note(tmp_path: Path) -> None:
    careful = "if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():\n        optimizer.step()"
    found = run_script(script(tmp_path, much_later(careful)))
    assert found.ok, str(found)
    assert any("not finite" in note for note in found.notes)


def test_a_nan_that_stays_in_grad_and_stops_all_steps_is_an_error(tmp_path: Path) -> None:
    careful = (
        "if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():\n"
        "        optimizer.step()\n        optimizer.zero_grad()"
    )
    found = run_script(script(tmp_path, much_later(careful, clears="number < 2")))
    (cut,) = found.errors
    assert (cut.kind, cut.line) == ("non_finite", 12)
    assert any("has stayed in .grad for" in note for note in found.notes), found.notes


def test_weights_that_are_nan_at_the_end_are_told_with_the_way_to_the_operation(tmp_path: Path) -> None:
    found = run_script(script(tmp_path, much_later()), until="end")
    assert found.ok
    assert any("--until nan" in note for note in found.notes)
    assert run_script(script(tmp_path, much_later(steps=20)), until="end").notes == ()


def test_the_steps_watched_for_a_nan_change_no_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script(tmp_path, much_later(steps=25) + "print(sum(p.sum() for p in model.parameters()))\n")
    runpy.run_path(str(path))
    plain = capsys.readouterr().out
    assert run_script(path).ok
    assert capsys.readouterr().out == plain != ""


@pytest.mark.parametrize(("until", "steps"), [("two-steps", 25), ("nan", 2)])
def test_the_ledger_is_kept_only_where_the_watching_has_a_bound(
    tmp_path: Path, until: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Session] = []

    def session(*args: Any, **kwargs: Any) -> Session:
        made.append(Session(*args, **kwargs))
        return made[0]

    monkeypatch.setattr(runner, "Session", session)
    monkeypatch.setattr(vigil, "SECONDS", 600.0)
    assert run_script(script(tmp_path, much_later(steps=25)), until=until).ok
    assert made[0].steps is not None
    assert len([event for event in made[0].steps.watcher.log.events if isinstance(event, Step)]) == steps
