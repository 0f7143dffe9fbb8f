"""`run`: an unchanged script under the debugger, its own output, what is told of it and written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run
from forked_python import run_python
from script_files import HEALTHY, write

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


@pytest.fixture
def story(tmp_path: Path) -> Path:
    return write(tmp_path / "story.py", STORY)


@pytest.mark.needs("numpy")
def test_the_silent_case_is_told_and_written(story: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("flow.json", "flow.sarif", "flow.dot")]
    options = ("--until", "backward", "--json", files[0], "--sarif", files[1], "--graph", files[2])
    code, out, err = run(*options, story, "--epochs", 3, "--json")
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
    code, out, _ = run("--until", "backward", script)
    assert code == 0
    assert "The gradient flows" in out
    assert "after the step" not in out
    code, out, _ = run(script)  # it has but one step: the second is not waited for beyond its end
    assert code == 0
    assert out.startswith("after the step")
    code, out, _ = run("--until", "end", script)
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
    code, out, _ = run("-m", "story_package.train", "one")
    assert code == 1
    assert out.startswith("arguments ['one'] True")


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
    code, out, _ = run("--json", tmp_path / "flow.json", script)
    assert code == 1
    assert "step 0\n" in out
    assert "step 2" not in out  # two steps of each optimizer
    assert re.search(r"Loss 1 of 2: backward\(\) at .*gan.py:10\ngradient flow: ok\nThe gradient flows", out)
    assert re.search(r"Loss 2 of 2: backward\(\) at .*gan.py:13\ngradient flow: BROKEN\nloss is dead", out)
    found = json.loads((tmp_path / "flow.json").read_text())
    assert [one["ok"] for one in found] == [True, False]
    assert (found[1]["findings"][0]["kind"], found[1]["findings"][0]["line"]) == ("detach", 13)
    code, out, err = run("--json", "-", "--sarif", tmp_path / "flow.sarif", "--until", "end", script)
    assert code == 1
    printed, _, written = out.partition("step 4\n")
    assert printed.count("step") == 4
    assert [one["ok"] for one in json.loads(written)] == [True, False]  # nothing else on standard output
    assert "Loss 2 of 2" in err
    results = json.loads((tmp_path / "flow.sarif").read_text())["runs"][0]["results"]
    assert {one["ruleId"] for one in results} == {"GF104"}
    code, out, _ = run(write(tmp_path / "gan.py", GAN.format(cut="")))
    assert code == 0


def test_one_loss_is_one_object(tmp_path: Path) -> None:
    code, out, err = run("--sarif", "-", write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert json.loads(out.removeprefix("after the step\n"))["version"] == "2.1.0"
    assert "gradient flow: ok" in err
    code, _, err = run("--sarif", "-", "--json", "-", tmp_path / "healthy.py")
    assert code == 2
    assert "cannot both go to standard output" in err
    code, out, err = run("--json", "-", write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert json.loads(out.removeprefix("after the step\n"))["ok"] is True
    assert "The gradient flows" in err


@pytest.mark.parametrize("same", ["/dev/stdout", "redirected"])
def test_what_standard_output_is_holds_json_alone(tmp_path: Path, same: str) -> None:
    """A reader of /dev/stdout, or of the file that standard output goes to, gets no report in between."""
    script = write(tmp_path / "healthy.py", HEALTHY)
    target = "flow.json" if same == "redirected" else same
    command = ["-m", "gradcheck_lm", "run", "--json", target, str(script)]
    done = run_python(*command, cwd=tmp_path, stdout=tmp_path / "flow.json")
    written = (tmp_path / "flow.json").read_text(encoding="utf-8")
    assert done.returncode == 0
    assert json.loads(written.removeprefix("after the step\n"))["ok"] is True
    assert "The gradient flows" in done.stderr
    assert "wrote" not in done.stderr


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
    code, out, err = run("--until", "end", script)
    assert (code, err) == (1, "")
    assert out.startswith("step 0\nstep 1\nstep 2\n")
    assert re.search(r"script.py:6 +torch.Tensor.log", out)
    assert "finite (-1)" in out


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
    code, out, _ = run("--lang", language, "--sarif", "flow.sarif", write(tmp_path / "slips.py", SLIPS))
    assert code == 1
    golden(f"views/run_{language}.txt", out)
    log = json.loads((tmp_path / "flow.sarif").read_text(encoding="utf-8"))
    (cleared,) = [one for one in log["runs"][0]["results"] if one["ruleId"] == "GF704"]
    assert re.sub(r"\s+", "", cleared["message"]["text"]) in re.sub(r"\s+", "", out)


def test_the_language_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCHECK_LM_LANG", "ja")
    code, out, _ = run(write(tmp_path / "healthy.py", HEALTHY))
    assert code == 0
    assert "勾配は届いています" in out
