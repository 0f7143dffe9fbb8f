"""How `run` ends: the script's own errors and exit codes, and never 1 without a word."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import run
from script_files import HEALTHY, HEALTHY_UNTRAINED, write

from gradcheck_lm.commands.debugger.run import exit_code
from gradcheck_lm.flow import Diagnosis
from gradcheck_lm.flow.scripts.passes.looks import accountable


def test_an_error_of_the_script_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    script = write(
        tmp_path / "broken.py",
        """
        import torch

        def product():
            return torch.ones(2, 3) @ torch.ones(2, 3)

        try:
            product()
        except RuntimeError as error:
            raise ValueError("no product") from error
        """,
    )
    code, _, err = run(script)
    assert code == 1
    assert err.count("Traceback") == 2
    assert err.endswith("ValueError: no product\n")
    assert f'File "{script}", line 4, in product' in err
    assert "gradcheck_lm" not in err.replace(str(tmp_path), "")
    assert "typer" not in err


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("open('not-there.txt')", 1, "FileNotFoundError"),
        ("import not_there", 1, "ModuleNotFoundError"),
        ("import sys; sys.exit('no data')", 1, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("from gradcheck_lm.errors import DataError; raise DataError('mine')", 1, "Traceback"),
        ("print('nothing to learn')", 2, "ended without calling backward()"),
        ("def wrong(:", 2, "is not a Python script"),
        (
            "import torch; model = torch.nn.Linear(2, 1)\n(model(torch.ones(1, 2)) * float('nan')).sum().backward()",
            1,
            "",
        ),
    ],
)
def test_exit_codes(text: str, code: int, told: str, tmp_path: Path) -> None:
    found, _, err = run(write(tmp_path / "script.py", text))
    assert (found, told in err) == (code, True), err
    assert ("Traceback" in err) == (code == 1 and bool(told))


HOOKED = """
    import sys
    import torch
    sys.excepthook = lambda kind, error, trace: print("mine:", kind.__name__, error, trace.tb_frame.f_code.co_name)
    model = torch.nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    raise ValueError("the end")
"""


def test_the_scripts_own_excepthook_is_called(tmp_path: Path) -> None:
    before = sys.excepthook
    code, out, err = run("--until", "end", write(tmp_path / "hooked.py", HOOKED))
    assert (code, err) == (1, "")
    assert out.rstrip().endswith("mine: ValueError the end <module>")
    assert sys.excepthook is before


def test_standard_output_that_is_closed(tmp_path: Path) -> None:
    script = write(
        tmp_path / "closing.py", HEALTHY_UNTRAINED + "\n    import sys\n    sys.stdout and sys.stdout.close()\n"
    )
    command = f"{sys.executable} -m gradcheck_lm run --json {tmp_path}/flow.json {script}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for redirection in ("", " >&-"):
        done = subprocess.run(command + redirection, shell=True, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stderr.splitlines() if "standard output is closed" in line]
        assert len(said) == 1, done.stderr
        assert said[0].startswith("standard output is closed")
        assert "Traceback" not in done.stderr
        assert json.loads((tmp_path / "flow.json").read_text())["ok"] is True


def test_a_script_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    script = write(tmp_path / "secret.py", HEALTHY)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    code, _, err = run(script)
    assert code == 2
    assert "secret.py cannot be read: Permission denied; check its permissions." in err


def test_no_exit_code_1_without_a_word(tmp_path: Path) -> None:
    finding = accountable(Diagnosis(False, (), {}, ("weight",), ())).findings[0]
    assert finding.severity == "error"
    assert finding.why.startswith("No line can be named")
    assert exit_code([Diagnosis(False, (finding,), {}, (), ())]) == 1
    assert exit_code([Diagnosis(True, (replace(finding, severity="warning"),), {}, (), ())]) == 0
    assert exit_code([Diagnosis(True, (replace(finding, severity="warning"),), {}, (), ())], strict=True) == 1
    with pytest.raises(AssertionError, match="does not say why"):
        exit_code([Diagnosis(False, (replace(finding, why=""),), {}, (), ())])
    zero = accountable(Diagnosis(False, (), {}, (), ("bias",)))
    assert zero.ok
    assert "exactly 0, and no single operation makes it so" in zero.notes[0]


STOPPED = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    model, target, rate = nn.Linear(3, 1), nn.Linear(3, 1), nn.Parameter(torch.zeros(()))
    first, second = torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.SGD([rate], lr=0.1)
    waits = torch.optim.SGD(target.parameters(), lr=0.1)  # as that of a target network: it never steps


    def train(step):
        first.zero_grad()
        (model(torch.randn(6, 3)) - target(torch.randn(6, 3)).detach()).square().mean().backward()
        first.step()
        second.zero_grad()
        (rate.exp() * model(torch.randn(6, 3)).detach()).mean().backward()
        if step == 3:
            raise SystemExit
        second.step()


    for step in range(4):
        train(step)
"""


@pytest.mark.parametrize("inside", [False, True], ids=["at the top", "in a function, whose objects are gone by then"])
def test_a_script_that_ends_between_backward_and_step(inside: bool, tmp_path: Path) -> None:
    text = textwrap.dedent(STOPPED)
    if inside:
        text = "def main():\n" + textwrap.indent(text, "    ") + "\n\nmain()\n"
    code, out, _ = run(write(tmp_path / "stopped.py", text))
    assert code == 0, out
    assert "Loss 3" not in out  # the last pass is of the same loss as those before it
