"""What is waited for in a script: optimizers that step seldom, experts that no row was routed to yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_files import write

from gradcheck_lm.flow.scripts.passes import vigil
from gradcheck_lm.flow.scripts.runner import run_script, watch_script


def test_an_optimizer_that_nobody_calls_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "PASSES", 0)
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, torch\n"
        "model, target = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "idle = torch.optim.SGD(target.parameters(), lr=0.1)\n"
        "for step in range(40):\n"
        "    optimizer.zero_grad()\n"
        "    model(torch.randn(3, 2)).square().mean().backward()\n"
        "    optimizer.step()\n"
        "    pathlib.Path(__file__ + '.steps').write_text(str(step + 1))\n"
    )
    assert all(diagnosis.ok for _, diagnosis in watch_script(script).losses)
    assert (tmp_path / "script.py.steps").read_text() == "9"  # its tenth step is the last


def test_a_player_with_a_gradient_is_waited_for(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, torch\n"
        "model, other = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)\n"
        "often = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "seldom = torch.optim.SGD(other.parameters(), lr=0.1)\n"
        "for step in range(40):\n"
        "    often.zero_grad()\n"
        "    other(model(torch.randn(3, 2))).square().mean().backward()\n"
        "    often.step()\n"
        "    if step % 12 == 11:\n"
        "        seldom.step()\n"
        "        seldom.zero_grad()\n"
        "    pathlib.Path(__file__ + '.steps').write_text(str(step + 1))\n"
    )
    watch_script(script)
    assert (tmp_path / "script.py.steps").read_text() == "23"


ROUTED = """
    import torch
    from torch import nn

    torch.manual_seed(0)


    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
            self.opened = nn.Parameter(torch.zeros(()))  # nothing of the experts gets through yet

        def forward(self, x, route):
            out = torch.zeros_like(x)
            for number, expert in enumerate(self.experts):
                rows = (route == number).nonzero().flatten()
                if rows.numel():
                    out = out.index_add(0, rows, expert(x[rows]))
            return x + self.opened * out


    model = Routed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)  # the first step moves nothing
    for route in [{routes}]:
        optimizer.zero_grad()
        model(torch.randn(6, 4), torch.tensor(route)).square().mean().backward()
        optimizer.step()
        warmup.step()
"""


def test_an_expert_that_no_row_was_routed_to_where_others_change(script: Path) -> None:
    diagnosis = run_script(write(script, ROUTED, routes="[0, 0, 1, 1, 0, 1], [0, 2, 2, 2, 0, 2]"))
    assert diagnosis.ok, str(diagnosis)
    assert any("get nothing in any step looked at" in note for note in diagnosis.notes)


def test_experts_that_no_row_is_ever_routed_to(script: Path) -> None:
    diagnosis = run_script(write(script, ROUTED, routes="[0, 0, 1, 1, 0, 1], [0, 1, 1, 1, 0, 1]"))
    assert diagnosis.unreached == tuple(f"experts.{one}.{kind}" for one in (2, 3) for kind in ("weight", "bias"))
