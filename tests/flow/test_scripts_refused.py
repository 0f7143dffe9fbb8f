"""Errors that autograd raises in a script: told by the script's own lines, and never through a traceback of ours."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.draw.japanese import wording_ja
from gradcheck_lm.flow import KINDS
from gradcheck_lm.flow.scripts.runner import watch_script

START = """
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(5, 4)
"""
# name: (the program, kind, what its why says; the line that is marked, and the one that the why has to name)
PROGRAMS = {
    "an activation overwritten": (
        """
        for _ in range(3):
            hidden = model[1](model[0](x))  # <- other
            with torch.no_grad():
                torch.zeros(5, 4).add_(hidden).mul_(2)  # another memory, of the same shape
            hidden += 1  # <- here
            model[2](hidden).mean().backward()
            optimizer.step()
        """,
        "changed_in_place", "sigmoid",
    ),
    "an activation overwritten through a view": (
        """
        for _ in range(3):
            hidden = model[0](x).exp()  # <- other
            row = hidden[0]
            row.mul_(2)  # <- here
            model[2](hidden).mean().backward()
        """,
        "changed_in_place", "exp",
    ),
    "a weight stepped before the second loss": (
        """
        critic = nn.Linear(1, 1)
        other = torch.optim.SGD(critic.parameters(), lr=0.1)
        for _ in range(3):
            fake = model(x)
            score = critic(fake)  # <- other
            score.mean().backward(retain_graph=True)
            other.step()  # <- here
            (score * 2).mean().backward()
            optimizer.step()
        """,
        "changed_in_place", "the optimizer",
    ),
    "a state carried on": (
        """
        cell, state = nn.RNNCell(4, 4), torch.zeros(5, 4)
        optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
        for _ in range(3):
            state = cell(x, state)  # <- here
            optimizer.zero_grad()
            state.square().mean().backward()  # <- other
            optimizer.step()
        """,
        "graph_used_up", "was freed by",
    ),
    "backward twice": (
        """
        loss = model(x).mean()
        loss.backward()  # <- other
        loss.backward()  # <- here
        """,
        "graph_used_up", "nothing was computed anew",
    ),
    "a loss of several numbers": ("model(x).backward()  # <- here", "suspicious_shape", "one number"),
    "weights of another shape": (
        "model(x).backward(gradient=torch.ones(5))  # <- here", "suspicious_shape", "one number",
    ),
    "grad of what was not used": (
        "torch.autograd.grad(model(x).mean(), torch.ones(3, requires_grad=True))  # <- here", "constant", "not depend",
    ),
    "a hypergradient through an inner step without a graph": (
        """
        decay = torch.zeros((), requires_grad=True)
        for _ in range(3):
            inner = model(x).square().mean() + decay.exp() * model[0].weight.square().sum()
            (slope,) = torch.autograd.grad(inner, [model[0].weight])  # <- here
            moved = torch.func.functional_call(model, {"0.weight": model[0].weight - 0.1 * slope}, (x,))
            torch.autograd.grad((moved - 1).square().mean(), decay)
        """,
        "detach", "without create_graph",
    ),
    "a hypergradient through detached weights": (
        """
        log_rate = torch.tensor(-2.0, requires_grad=True)
        for _ in range(3):
            (slope,) = torch.autograd.grad(model(x).mean(), [model[2].weight], create_graph=True)
            fast = (model[2].weight - log_rate.exp() * slope).detach()  # <- here
            torch.autograd.grad(F.linear(model[1](model[0](x)), fast).mean(), [log_rate])
        """,
        "detach", "history",
    ),
    "a value from inference mode": (
        """
        with torch.inference_mode():
            features = model[0](x)  # <- here
        model[2](features).mean().backward()  # <- other
        """,
        "grad_disabled", "inference_mode",
    ),
    "a leaf in place": ("model[0].weight.mul_(2)  # <- here", "changed_in_place", "learns is written in place"),
    "a view in place": (
        """
        first, second = model[0](x).unbind(1)[:2]
        first += 1  # <- here
        """,
        "changed_in_place", "a view",
    ),
    "a Function that gives another shape": (
        """
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, value):
                return value * 1

            @staticmethod
            def backward(ctx, gradient):
                return gradient[:2]


        Wrong.apply(model[0](x)).mean().backward()  # <- here
        """,
        "custom_function", "does not fit its forward",
    ),
    "a sample kept from before the step": (
        """
        critic = nn.Linear(1, 1)
        other = torch.optim.SGD(critic.parameters(), lr=0.1)
        fake = model(x)
        critic(fake.detach()).mean().backward()
        other.step()
        for _ in range(3):
            optimizer.zero_grad()
            score = critic(fake)  # <- here
            score.mean().backward(retain_graph=True)
            optimizer.step()  # <- other
        """,
        "changed_in_place", "was computed before torch.optim.SGD.step",
    ),
    "a checkpoint that does something else": (
        """
        from torch.utils.checkpoint import checkpoint

        calls = []


        def stretch(value):
            calls.append(1)
            return model[0](value).exp().exp() if len(calls) == 1 else model[0](value).exp()  # <- here


        checkpoint(stretch, x, use_reentrant=False).mean().backward()
        """,
        "changed_in_place", "second time",
    ),
}  # fmt: skip


def write(path: Path, name: str) -> tuple[Path, int, int | None]:
    text = START + textwrap.dedent(PROGRAMS[name][0])
    path.write_text(text, encoding="utf-8")
    marks = {mark[1]: n for n, line in enumerate(text.splitlines(), 1) if (mark := re.search(r"# <- (\w+)", line))}
    return path, marks["here"], marks.get("other")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_lines_are_named(name: str, tmp_path: Path) -> None:
    script, line, other = write(tmp_path / "script.py", name)
    for until in ("two-steps", "end", "refused"):
        seen = watch_script(script, until=until)
        assert isinstance(seen.error, RuntimeError), f"{until}: {seen.error!r}"
        assert seen.explained, f"{until}: {seen.troubles}"
        finding = seen.losses[0][1].findings[0]
        if until == "refused" and "checkpoint" in name:
            continue  # which stretch it was is seen only where the backward pass is looked at
        kind = PROGRAMS[name][1] if PROGRAMS[name][1] in KINDS else "constant"
        assert (finding.kind, finding.file, finding.line) == (kind, str(script), line), finding
        assert finding.severity == "error"
        assert finding.cures
        assert PROGRAMS[name][2] in finding.why
        wording = wording_ja(finding)
        assert all(any(ord(letter) > 0x3000 for letter in one) for one in (wording.why, *wording.cures)), wording
        if other is not None:
            assert f"script.py:{other}" in finding.why
        assert not seen.losses[0][1].ok
        assert seen.troubles == []


@pytest.mark.parametrize("name", ["an activation overwritten", "a state carried on", "a loss of several numbers"])
def test_the_report_and_the_traceback(name: str, tmp_path: Path) -> None:
    script, line, _ = write(tmp_path / "script.py", name)
    result = CliRunner().invoke(app, ["run", str(script)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert f"script.py:{line}" in result.stdout
    assert result.stderr.count("Traceback") == 1  # the script's own, as Python shows it
    assert result.stderr.splitlines()[-1].startswith("RuntimeError: ")
    assert "gradcheck_lm" not in result.stderr.replace(str(tmp_path), "")
    assert "handle_torch_function" not in result.stderr
    result = CliRunner().invoke(app, ["run", "--explain", str(script)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert f"script.py:{line}" in result.stdout
    assert "RuntimeError: " in result.stdout
    assert result.stderr == ""


def test_an_error_that_the_script_catches_is_a_warning(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        START
        + textwrap.dedent(
            """
            for step in range(4):
                hidden = model[1](model[0](x))
                if step == 1:
                    hidden += 1  # here
                optimizer.zero_grad()
                try:
                    model[2](hidden).mean().backward()
                except RuntimeError:
                    continue
                optimizer.step()
            """
        )
    )
    line = next(n for n, text in enumerate(script.read_text().splitlines(), 1) if "# here" in text)
    for options, code in (((), 0), (("--strict",), 1)):
        result = CliRunner().invoke(app, ["run", *options, str(script)])
        assert result.exit_code == code, result.output
        assert f"script.py:{line}" in result.stdout
    seen = watch_script(script)
    assert [(f.severity, f.code, f.line) for _, one in seen.losses for f in one.findings] == [
        ("warning", "GF106", line)
    ]


def test_what_autograd_does_not_say_is_left_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import torch\ntorch.ones(2, 3) @ torch.ones(2, 3)\n")
    seen = watch_script(script)
    assert not seen.explained
    assert seen.losses == []
    assert seen.troubles == []
