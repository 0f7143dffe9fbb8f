"""Scripts that train with torch.func and never call backward(): what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_lm.draw.verdicts import verdict
from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.scripts.runner import run_script

START = """\
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, vmap

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
params = {name: value.detach().clone() for name, value in model.named_parameters()}
x, y = torch.randn(16, 3), torch.randn(16, 1)


def loss_of(params, x, y):
    return (functional_call(model, params, (x,)) - y).square().mean()


"""
WHOLE = """\
def moved(params, rate):
    found = grad(loss_of)(params, x, y)  # trained
    return {name: value - rate * found[name] for name, value in params.items()}


"""
EACH = """\
def moved(params, rate):
    each, _ = vmap(grad_and_value(loss_of), in_dims=(None, 0, 0))(params, x, y)  # trained
    return {name: value - rate * each[name].mean(0) for name, value in params.items()}


"""


def line_of(text: str, mark: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith(mark))


@pytest.mark.parametrize("step", [WHOLE, EACH], ids=["whole", "each"])
def test_a_module_that_is_run_while_its_copies_learn(step: str, tmp_path: Path) -> None:
    loop = "for _ in range(3):\n    params = moved(params, 0.1)\n    print((model(x) - y).square().mean())  # here\n"
    text = START + step + loop
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    diagnosis = run_script(script)
    assert diagnosis.ok
    (finding,) = diagnosis.findings
    assert (finding.code, finding.cause, finding.severity) == ("GF703", "copy_trained", "warning")
    assert finding.line == line_of(text, "# here")
    assert f"script.py:{line_of(text, '# trained')}" in finding.why
    assert "Sequential" in finding.why
    assert verdict(diagnosis).startswith("No backward() ran: there is no loss to follow. Very likely not meant:")
    assert verdict(diagnosis, "ja").startswith("backward() は一度も呼ばれず")


@pytest.mark.parametrize(
    "loop",
    [
        "    params = moved(params, 0.1)\n    functional_call(model, params, (x,))\n",
        "    params = moved(params, 0.1)\n    model.load_state_dict(params)\n    model(x)\n",
        "    moved(params, 0.0)\n    model(x)\n",  # gradients are looked at, and nothing is trained
        "    params = moved(params, 0.1)\nmodel(x)\n",  # once, at the end: to compare with
        "    vmap(moved, in_dims=(0, None))({name: torch.stack([one, one]) for name, one in params.items()}, 0.1)\n",
    ],
)
def test_others_have_no_finding_and_are_told_what_is_known(loop: str, tmp_path: Path) -> None:
    text = f"{START}{WHOLE}for _ in range(3):\n{loop}"
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    with pytest.raises(TraceError, match="ended without calling backward") as raised:
        run_script(script)
    told = str(raised.value)
    assert "it takes gradients with torch.func at " in told
    assert f"script.py:{line_of(text, '# trained')}" in told
    assert "not into .grad" in told
    assert "gradcheck_lm.diagnose(fn, wrt=model)" in told
