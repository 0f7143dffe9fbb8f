"""While a CUDA graph is captured nothing may be read from the device: a watched script is left alone there."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.scripts.runner import watch_script
from gradcheck_lm.flow.stepping.optimizers.shadows import _distance

WARM_UP = """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Linear(4, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(8, 4)
for _ in range({steps}):
    opt.zero_grad(set_to_none=True)
    model(x).square().mean().backward()
    opt.step()
opt.zero_grad(set_to_none=True)
"""
CAPTURED = """
torch.cuda.stand_in["captured"] = True
loss = model(x).square().mean()
loss.backward()
nn.utils.clip_grad_norm_(model.parameters(), 1.0)
opt.step()
torch.cuda.stand_in["captured"] = False
for _ in range(3):
    loss = model(x).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A GPU whose stream is captured when the script says so, and on which every number that is read is an error."""
    found = {"captured": False}
    monkeypatch.setattr(torch.cuda, "stand_in", found, raising=False)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: found["captured"])

    def refusing(name: str) -> None:
        plain = getattr(torch.Tensor, name)

        def read(tensor: torch.Tensor, *args: Any) -> Any:
            if found["captured"]:
                raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
            return plain(tensor, *args)

        monkeypatch.setattr(torch.Tensor, name, read)

    for name in ("item", "tolist", "__bool__", "__float__"):
        refusing(name)
    return found


def test_a_captured_step_is_not_read(tmp_path: Path, state: dict[str, bool]) -> None:
    script = tmp_path / "captured.py"
    script.write_text(WARM_UP.format(steps=1) + CAPTURED, encoding="utf-8")
    seen = watch_script(script, until="end")
    assert seen.error is None
    assert seen.troubles == []
    assert seen.diagnosis is not None
    assert seen.diagnosis.ok
    assert all("captured.py" in place[0] for place, _ in seen.losses)


def test_where_nothing_but_a_capture_was_seen_it_says_so(tmp_path: Path, state: dict[str, bool]) -> None:
    script = tmp_path / "captured.py"
    script.write_text(WARM_UP.format(steps=0) + CAPTURED.partition("for _")[0], encoding="utf-8")
    with pytest.raises(TraceError, match=r"backward\(\) only while a CUDA graph was captured.* take two steps without"):
        watch_script(script)


def test_a_warning_is_filed_without_the_variables_that_python_would_look_for_a_loader_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "warned.py"
    script.write_text(
        "import torch\nw = torch.ones(3, 1, requires_grad=True)\n"
        "loss = torch.nn.functional.mse_loss(w, torch.ones(3))\nloss.backward()\n"
        "print(type(__loader__).__name__, __spec__)\n",
        encoding="utf-8",
    )
    filed: list[tuple[Any, ...]] = []
    plain = warnings.warn_explicit

    def file(*arguments: Any) -> None:
        filed.append(arguments)
        plain(*arguments)

    monkeypatch.setattr(warnings, "warn_explicit", file)
    with pytest.warns(UserWarning, match="Using a target size") as told:
        seen = watch_script(script)
    assert seen.error is None
    (warning,) = told
    assert (Path(warning.filename), warning.lineno) == (script, 3)
    assert filed
    assert all(arguments[6] is None for arguments in filed)


def test_fingerprints_are_compared_where_both_can_be() -> None:
    class There:
        """On a device that no operation mixes with another."""

        shape = torch.Size([2])

        def __init__(self, *numbers: float) -> None:
            self.numbers = numbers

        def cpu(self) -> torch.Tensor:
            return torch.tensor(self.numbers)

    assert _distance(There(1.0, 2.0), There(1.0, 4.0)) == 2.0  # type: ignore[arg-type]
