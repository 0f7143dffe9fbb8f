"""Numbers that break under `run`: a gradient that is NaN in a later step alone, half precision that rounds to zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_lm.flow.scripts.runner import run_script, watch_script

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
