"""Errors about None that was a gradient: the line, whose gradient it was, and why there was none."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.draw.japanese import wording_ja
from gradcheck_lm.flow.scripts.runner import watch_script

START = """
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(5, 4)
"""
# name: (the program, the cause, what its why says); the line to be named ends in <- here, one that is told in <- other
PROGRAMS = {
    "changed before backward": (
        """
        for _ in range(3):
            loss = model(x).mean()
            for weight in model.parameters():
                weight.grad.data *= 0.5  # <- here
            loss.backward()
            optimizer.step()
        """,
        "before_backward", "weight.grad is None until",
    ),
    "cleared in between": (
        """
        for _ in range(3):
            model(x).mean().backward()
            optimizer.zero_grad()  # <- other
            norm = model.weight.grad.norm()  # <- here
            optimizer.step()
        """,
        "cleared", "model.weight.grad to None",
    ),
    "another tensor of the same name": (
        """
        w = torch.zeros(4, requires_grad=True)
        for _ in range(3):
            (x @ w - 1).square().mean().backward()
            w = w - 0.1 * w.grad  # <- here
            w.grad.zero_()  # <- other
        """,
        "computed", "no leaf",
    ),
    "never used": (
        """
        head = nn.Linear(4, 1)
        for _ in range(3):
            model(x).mean().backward()  # <- other
            total = sum(one.grad.abs().sum() for one in head.parameters())  # <- here
            optimizer.step()
        """,
        "not_reached", "does not depend",
    ),
    "asks for none": (
        """
        model.bias.requires_grad_(False)
        for _ in range(3):
            model(x).mean().backward()
            model.bias -= 0.1 * model.bias.grad  # <- here
        """,
        "asks_for_none", "requires_grad is False",
    ),
    "by another name": (
        """
        def norms():
            grads = [one.grad for one in model.parameters()]
            return torch.cat(grads)  # <- here

        for _ in range(3):
            loss = model(x).mean()
            norms()
            loss.backward()
        """,
        "before_backward", "one.grad is None until",
    ),
    "by the name of a variable": (
        """
        for _ in range(3):
            loss = model(x).mean()
            gradient = model.weight.grad
            print(gradient.shape)  # <- here
            loss.backward()
        """,
        "before_backward", "model.weight.grad is None until",
    ),
}  # fmt: skip


def write(script: Path, text: str) -> tuple[int, int | None]:
    script.write_text(START + textwrap.dedent(text), encoding="utf-8")
    lines = script.read_text(encoding="utf-8").splitlines()
    here = next(number for number, line in enumerate(lines, 1) if line.endswith("# <- here"))
    return here, next((number for number, line in enumerate(lines, 1) if line.endswith("# <- other")), None)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch says so much itself
@pytest.mark.parametrize("name", PROGRAMS)
def test_whose_gradient_it_was_and_why_there_was_none(name: str, tmp_path: Path) -> None:
    text, cause, said = PROGRAMS[name]
    line, other = write(tmp_path / "script.py", text)
    for until in ("two-steps", "end"):
        seen = watch_script(tmp_path / "script.py", until=until)
        assert isinstance(seen.error, AttributeError | TypeError), until
        assert seen.explained, until
        finding = seen.losses[0][1].findings[0]
        assert (finding.code, finding.cause, finding.line) == ("GF108", cause, line), finding
        assert finding.severity == "error"
        assert said in finding.why
        if other is not None:
            assert f"script.py:{other}" in finding.why
        assert "GF707" not in [one.code for _, one in seen.losses for one in one.findings]
        assert seen.troubles == []
        wording = wording_ja(finding)
        assert all(any(ord(letter) > 0x3000 for letter in one) for one in (wording.why, *wording.cures)), wording


def test_it_is_reported_beside_the_scripts_own_traceback(tmp_path: Path) -> None:
    line, _ = write(tmp_path / "script.py", PROGRAMS["changed before backward"][0])
    result = CliRunner().invoke(app, ["run", str(tmp_path / "script.py")], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert f"script.py:{line}" in result.stdout
    assert "the script ends with AttributeError: 'NoneType'" in result.stdout
    assert result.stderr.count("Traceback") == 1
    assert "gradcheck_lm" not in result.stderr.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "text",
    [
        "found = None\nmodel(x).mean().backward()\nprint(found.grad)\n",
        "model(x).mean().backward()\nprint(model.weight.grad.missing)\n",
        "model(x).mean().backward()\nprint(None + model.weight.grad.shape[0])\n",
    ],
)
def test_other_errors_about_none_are_left_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(START + text, encoding="utf-8")
    seen = watch_script(tmp_path / "script.py")
    assert isinstance(seen.error, AttributeError | TypeError)
    assert not seen.explained
    assert "GF108" not in [one.code for _, diagnosis in seen.losses for one in diagnosis.findings]
