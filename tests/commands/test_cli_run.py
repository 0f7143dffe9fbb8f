"""`run`: an unchanged script under the debugger, its own output, its own errors, and the exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.commands.run import exit_code
from gradcheck_lm.flow import Diagnosis
from gradcheck_lm.flow.scripts.looks import accountable

STORY = """
    import sys
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    CHARACTERS = "ab "


    class Recogniser(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(8, 16, 3, padding=1)
            self.head = nn.Linear(16, len(CHARACTERS) + 1)

        def forward(self, images):
            return self.head(self.conv(images).relu().permute(2, 0, 1))


    def decode(logits):
        best = logits.argmax(dim=-1).permute(1, 0).cpu().numpy()
        return ["".join(CHARACTERS[i - 1] for i in row if i) for row in best]


    lm = nn.Sequential(nn.Embedding(128, 8), nn.Linear(8, 128)).requires_grad_(False)


    @torch.no_grad()
    def lm_score(text):
        ids = torch.tensor([ord(character) for character in text] + [0, 0])
        return nn.functional.cross_entropy(lm(ids[:-1]), ids[1:])


    if __name__ == "__main__":
        model = Recogniser()
        optimizer = torch.optim.AdamW(model.parameters())
        logits = model(torch.randn(2, 8, 12))
        ctc = nn.functional.ctc_loss(
            logits.log_softmax(-1), torch.tensor([1, 2, 2, 1]), torch.full((2,), 12), torch.full((2,), 2)
        )
        gaps = [lm_score(read) - lm_score(label) for read, label in zip(decode(logits), ["ab", "ba"])]
        lm_loss = torch.stack(gaps).clamp(min=0).mean()
        loss = ctc + 0.1 * lm_loss
        print("arguments", sys.argv[1:], loss.requires_grad)
        loss.backward()
        optimizer.step()
        print("after the step")
"""
HEALTHY = """
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = (model(torch.ones(1, 2)) - 1).square().mean()
    loss.backward()
    optimizer.step()
    print("after the step")
"""

# no optimizer, whose first one takes a process as long as torch itself does
HEALTHY_UNTRAINED = "".join(line for line in HEALTHY.splitlines(keepends=True) if "optimizer" not in line)


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["run", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return path


@pytest.fixture
def story(tmp_path: Path) -> Path:
    return write(tmp_path / "story.py", STORY)


@pytest.mark.needs("numpy")
def test_the_silent_case_is_told_and_written(story: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("flow.json", "flow.sarif", "flow.dot")]
    options = ("--until", "backward", "--json", files[0], "--sarif", files[1], "--graph", files[2])
    code, out, err = call(*options, story, "--epochs", 3, "--json")
    assert code == 1
    assert out.startswith("arguments ['--epochs', '3', '--json'] True\n")  # autograd sees nothing wrong
    assert "after the step" not in out
    assert "lm_loss is dead" in out
    line = STORY.splitlines().index("        best = logits.argmax(dim=-1).permute(1, 0).cpu().numpy()")
    assert f"story.py:{line}" in out
    found = json.loads(files[0].read_text())
    assert found["ok"] is False
    assert [finding["kind"] for finding in found["findings"]][:2] == ["discrete_op", "left_torch"]
    assert json.loads(files[1].read_text())["version"] == "2.1.0"
    assert files[2].read_text().startswith("digraph")
    for path in files:
        assert f"wrote {path}" in err


def test_a_healthy_script_and_until_end(tmp_path: Path) -> None:
    script = write(tmp_path / "healthy.py", HEALTHY)
    code, out, _ = call("--until", "backward", script)
    assert code == 0
    assert "The gradient flows" in out
    assert "after the step" not in out
    code, out, _ = call(script)  # it has but one step: the second is not waited for beyond its end
    assert code == 0
    assert out.startswith("after the step")
    code, out, _ = call("--until", "end", script)
    assert code == 0
    assert out.startswith("after the step")


@pytest.mark.needs("numpy")
def test_a_module(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "story_package"
    package.mkdir()
    (package / "__init__.py").touch()
    copy = package / "train.py"
    copy.write_bytes(story.read_bytes())
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("-m", "story_package.train", "one")
    assert code == 1
    assert out.startswith("arguments ['one'] True")


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
    code, _, err = call(script)
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
    found, _, err = call(write(tmp_path / "script.py", text))
    assert (found, told in err) == (code, True), err
    assert ("Traceback" in err) == (code == 1 and bool(told))


GAN = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    maker, critic = nn.Linear(3, 4), nn.Linear(4, 1)
    slow, fast = torch.optim.SGD(maker.parameters(), lr=0.1), torch.optim.SGD(critic.parameters(), lr=0.1)
    for step in range(5):
        fake = maker(torch.randn(6, 3))
        fast.zero_grad()
        critic(fake.detach()).square().mean().backward()
        fast.step()
        slow.zero_grad()
        critic(fake{cut}).mean().backward()
        slow.step()
        print("step", step)
"""


def test_one_report_for_each_loss_and_json_of_both(tmp_path: Path) -> None:
    script = write(tmp_path / "gan.py", GAN.format(cut=".detach()"))
    code, out, _ = call("--json", tmp_path / "flow.json", script)
    assert code == 1
    assert "step 0\n" in out
    assert "step 2" not in out  # two steps of each optimizer
    assert re.search(r"Loss 1 of 2: backward\(\) at .*gan.py:10\ngradient flow: ok\nThe gradient flows", out)
    assert re.search(r"Loss 2 of 2: backward\(\) at .*gan.py:13\ngradient flow: BROKEN\nloss is dead", out)
    found = json.loads((tmp_path / "flow.json").read_text())
    assert [one["ok"] for one in found] == [True, False]
    assert (found[1]["findings"][0]["kind"], found[1]["findings"][0]["line"]) == ("detach", 13)
    code, out, err = call("--json", "-", "--sarif", tmp_path / "flow.sarif", "--until", "end", script)
    assert code == 1
    printed, _, written = out.partition("step 4\n")
    assert printed.count("step") == 4
    assert [one["ok"] for one in json.loads(written)] == [True, False]  # nothing else on standard output
    assert "Loss 2 of 2" in err
    results = json.loads((tmp_path / "flow.sarif").read_text())["runs"][0]["results"]
    assert {one["ruleId"] for one in results} == {"GF104"}
    code, out, _ = call(write(tmp_path / "gan.py", GAN.format(cut="")))
    assert code == 0


def test_one_loss_is_one_object(tmp_path: Path) -> None:
    code, out, err = call("--sarif", "-", write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert json.loads(out.removeprefix("after the step\n"))["version"] == "2.1.0"
    assert "gradient flow: ok" in err
    code, _, err = call("--sarif", "-", "--json", "-", tmp_path / "healthy.py")
    assert code == 2
    assert "cannot both go to standard output" in err
    code, out, err = call("--json", "-", write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert json.loads(out.removeprefix("after the step\n"))["ok"] is True
    assert "The gradient flows" in err


def test_a_loss_that_is_not_finite_is_told_by_its_line(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        """
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            hidden = model(torch.ones(1, 2)).abs()
            score = (hidden - hidden - 1).log()
            score.sum().backward()
            optimizer.step()
            print("step", step)
        """,
    )
    code, out, err = call("--until", "end", script)
    assert (code, err) == (1, "")
    assert out.startswith("step 0\nstep 1\nstep 2\n")
    assert re.search(r"script.py:6 +torch.Tensor.log", out)
    assert "finite (-1)" in out


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
    code, out, err = call("--until", "end", write(tmp_path / "hooked.py", HOOKED))
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
    code, _, err = call(script)
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


SLIPS = """
    import torch

    model = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(model.weight), torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.125)
    for step in range(3):
        output = model(torch.ones(4, 2))
        fit, kept = output.square().mean(), (output > 0).float().mean()
        (fit + kept).backward()
        optimizer.step()
"""


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_is_as_it_was(
    golden: Callable[[str, str], None], language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("--lang", language, "--sarif", "flow.sarif", write(tmp_path / "slips.py", SLIPS))
    assert code == 1
    golden(f"views/run_{language}.txt", out)
    log = json.loads((tmp_path / "flow.sarif").read_text(encoding="utf-8"))
    (cleared,) = [one for one in log["runs"][0]["results"] if one["ruleId"] == "GF704"]
    assert re.sub(r"\s+", "", cleared["message"]["text"]) in re.sub(r"\s+", "", out)


def test_the_language_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCHECK_LM_LANG", "ja")
    code, out, _ = call(write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert "勾配は届いています" in out


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
    code, out, _ = call(write(tmp_path / "stopped.py", text))
    assert code == 0, out
    assert "Loss 3" not in out  # the last pass is of the same loss as those before it
