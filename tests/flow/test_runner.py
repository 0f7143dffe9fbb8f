"""Unchanged scripts under the recorder."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import torch

from gradcheck_lm.draw.view import of
from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.scripts.runner import run_script, watch_script

STORY = """
import sys
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
characters = "-abcde"
model = nn.Linear(8, 6)
lm = nn.Sequential(nn.Embedding(128, 8), nn.Linear(8, 128)).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def lm_loss(text):
    ids = torch.tensor([ord(c) for c in text])                       # line 15
    with torch.no_grad():
        return F.cross_entropy(lm(ids[:-1]), ids[1:])                # line 17


def main():
    for step in range(3):
        log_probs = model(torch.randn(10, 2, 8)).log_softmax(-1)
        ctc = F.ctc_loss(log_probs, torch.randint(1, 6, (2, 3)), torch.full((2,), 10), torch.full((2,), 3))
        best = log_probs.argmax(-1).T.numpy()                        # line 24
        lm = torch.stack([lm_loss("".join(characters[i] for i in row)) for row in best]).mean()
        loss = ctc + 0.1 * lm
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, sys.argv[1:])


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(STORY.lstrip("\n"))
    return path


def line_of(path: Path, mark: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if mark in line)


@pytest.mark.needs("numpy")
def test_the_silent_case_in_an_unchanged_script(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.optim.Optimizer.__init__
    kept = sys.modules["__main__"], list(sys.argv), list(sys.path)
    diagnosis = run_script(script, ["--fast"], until="backward")
    assert not diagnosis.ok
    assert diagnosis.dead == ("lm",)
    assert not diagnosis.terms["ctc"].dead
    assert [finding.kind for finding in diagnosis.findings] == [
        "discrete_op",
        "left_torch",
        "new_leaf",
        "grad_disabled",
    ]
    assert [finding.line for finding in diagnosis.findings] == [
        line_of(script, "argmax"),
        line_of(script, "argmax"),
        line_of(script, "torch.tensor("),
        line_of(script, "F.cross_entropy"),
    ]
    assert diagnosis.findings[3].scope == (str(script), line_of(script, "torch.no_grad"))
    assert diagnosis.wrt == ("weight", "bias")
    assert {finding.certainty for finding in diagnosis.findings[1:]} == {"likely"}
    assert capsys.readouterr().out == ""  # it stopped at the first backward, and says nothing itself
    assert torch.optim.Optimizer.__init__ is before
    assert (sys.modules["__main__"], sys.argv, sys.path) == kept
    assert torch.overrides._get_current_function_mode() is None


@pytest.mark.needs("numpy")
def test_until_end_runs_the_whole_script(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = run_script(script, ["a", "b"], until="end")
    assert diagnosis.dead == ("lm",)
    assert capsys.readouterr().out.splitlines()[-1] == "step 2 ['a', 'b']"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_the_loud_case(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import torch
        model = torch.nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = model(torch.randn(4, 3)).argmax(-1).float().mean()
        loss.backward()
    """,
    )
    diagnosis = run_script(path)
    assert [finding.kind for finding in diagnosis.findings] == ["discrete_op"]


def test_a_healthy_script(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import torch
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            loss = model(torch.randn(4, 3)).square().mean()
            print(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
    )
    assert run_script(path).ok
    assert run_script(path, until="end").ok


def test_modules_run_like_python_dash_m(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "trainer_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text("import torch\nnet = torch.nn.Linear(2, 1)\n")
    (package / "__main__.py").write_text(
        "import torch\nfrom .model import net\nopt = torch.optim.SGD(net.parameters(), lr=1)\n"
        "net(torch.ones(1, 2)).detach().sum().backward()\n"
    )
    monkeypatch.chdir(tmp_path)
    diagnosis = run_script("trainer_pkg", module=True)
    assert (diagnosis.findings[0].kind, diagnosis.findings[0].line) == ("detach", 4)
    with pytest.raises(TraceError, match="no module 'no_such_module'"):
        run_script("no_such_module", module=True)


def test_without_an_optimizer_the_modules_that_ran_are_asked_about(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import torch
        model = torch.nn.Linear(3, 2)
        model(torch.randn(4, 3)).data.sum().backward()
    """,
    )
    diagnosis = run_script(path)
    assert diagnosis.findings[0].kind == "detach"
    assert any("no optimizer" in note for note in diagnosis.notes)


@pytest.mark.needs("numpy")
def test_two_steps_are_the_default(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = run_script(script)
    assert diagnosis.dead == ("lm",)
    assert diagnosis.terms["ctc"].gradient_norm > 0
    assert capsys.readouterr().out == "step 0 []\n"  # stopped inside the second optimizer.step()
    assert run_script(script, until="first-backward").dead == ("lm",)  # the former name of "backward"


def test_bad_scripts(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="there is no script"):
        run_script(tmp_path / "missing.py")
    with pytest.raises(TraceError, match="not a Python script"):
        run_script(write(tmp_path, "def ("))
    with pytest.raises(TraceError, match="without calling backward"):
        run_script(write(tmp_path, "print()"))
    with pytest.raises(TraceError, match="until is 'later'"):
        run_script(write(tmp_path, "print()"), until="later")
    with pytest.raises(ZeroDivisionError):
        run_script(write(tmp_path, "1 / 0"))
    with pytest.raises(SystemExit):
        run_script(write(tmp_path, "raise SystemExit(3)"))
    assert torch.overrides._get_current_function_mode() is None


def test_a_script_that_catches_everything(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import torch
        model = torch.nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        try:
            model(torch.randn(4, 3)).argmax().float().backward()
        except Exception:
            raise SystemExit(1)
    """,
    )
    assert run_script(path, until="backward").findings[0].kind == "discrete_op"
    assert watch_script(path).losses[0][1].findings[0].kind == "discrete_op"


def test_what_made_the_parameters_is_no_step_of_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script makes its model under the recorder as well."""
    path = tmp_path / "train.py"
    path.write_text(
        "import torch\nmodel = torch.nn.Linear(4, 3)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "model(torch.ones(1, 4)).argmax(-1).float().mean().backward()\n"
    )
    diagnosis = watch_script(path).losses[0][1]
    assert [node.label for node in diagnosis.graph.nodes if node.role == "op"] == ["linear", "argmax", "float", "mean"]


def test_a_loss_of_several_numbers_is_not_said_to_be_nan(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    start = "import torch\nmodel = torch.nn.Linear(4, 3)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    path.write_text(f"{start}model(torch.ones(2, 4)).backward()\n")
    (term,) = of(watch_script(path).losses[0][1]).terms
    assert term.value_said == "?"
    path.write_text(f"{start}(model(torch.ones(2, 4)) * float('nan')).mean().backward()\n")
    (term,) = of(watch_script(path).losses[0][1]).terms
    assert term.value_said == "nan"


def test_weights_that_were_filled_with_zeros_are_told_where_that_happened(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        import torch
        from torch import nn

        def begin(module):
            if isinstance(module, nn.Linear):
                module.weight.data.fill_(0)                              # filled
                nn.init.zeros_(module.bias)

        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
        model.apply(begin)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(torch.randn(8, 8)), torch.randint(0, 3, (8,))).backward()
            optimizer.step()
        """,
    )
    ((_, found),) = watch_script(path).losses
    assert (found.findings[0].code, found.findings[0].line) == ("GF301", line_of(path, "# filled"))
