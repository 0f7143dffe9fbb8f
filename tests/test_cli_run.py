"""`run`: an unchanged script under the debugger, its own output, its own errors, and the exit codes."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_lm.cli import app

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
