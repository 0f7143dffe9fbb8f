"""Losses that autograd refuses, and errors of a script's own: both are told, and the diagnosis beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run
from script_files import write

from gradcheck_lm.flow import stepping
from gradcheck_lm.flow.scripts.program import frames
from gradcheck_lm.flow.scripts.runner import run_script, watch_script

LOUD = """
    import sys
    import torch
    from torch import nn

    model = nn.Linear(8, 6)
    lm = nn.Embedding(6, 1).requires_grad_(False)


    def penalty(logits):
        return lm(logits.argmax(-1)).mean()  # here


    def train(batch):
        loss = penalty(model(batch))
        {backward}


    if __name__ == "__main__":
        {optimizer}
        model(torch.randn(2, 8)).sum().backward()  # a first step that is well
        print("arguments", sys.argv[1:])
        train(torch.randn(4, 8))
        print("never printed")
"""
ADAM = "optimizer = torch.optim.AdamW(model.parameters())"


def line_of(path: Path, mark: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if mark in line)


# ---------------------------------------------------------------------- losses that autograd refuses


@pytest.mark.parametrize(
    "backward",
    ["loss.backward()", "torch.autograd.backward(loss)", "torch.autograd.grad(loss, list(model.parameters()))"],
)
def test_a_refused_loss_is_explained(script: Path, backward: str) -> None:
    write(script, LOUD, backward=backward, optimizer=ADAM)
    code, out, err = run("--explain", script, "--fast")
    assert code == 1
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "arguments ['--fast']"  # the healthy step before it was not stopped
    assert f"script.py:{line_of(script, backward)} in train" in lines[1]
    assert lines[2] == "    " + backward
    assert lines[3].startswith("RuntimeError: element 0 of tensors does not require grad")
    assert f"script.py:{line_of(script, '# here')}" in out
    assert "discrete_op" in out
    assert "never printed" not in out
    assert lines[-1] == "The lesson on this: l03_why_it_cannot (gradcheck-lm lessons)"


def test_without_an_optimizer_the_modules_and_then_the_leaves_are_asked_about(script: Path) -> None:
    seen = watch_script(write(script, LOUD, backward="loss.backward()", optimizer="pass"), until="refused")
    assert isinstance(seen.error, RuntimeError)
    assert seen.diagnosis is not None
    assert seen.diagnosis.wrt == ("model.weight", "model.bias")
    assert any("no optimizer" in note for note in seen.diagnosis.notes)
    write(
        script,
        """
        import torch
        scale = torch.ones(3, requires_grad=True)
        (scale * torch.arange(3.0)).round().detach().sum().backward()
        """,
    )
    seen = watch_script(script, until="refused")
    assert seen.diagnosis is not None
    assert seen.diagnosis.wrt == ("scale",)
    assert [finding.kind for finding in seen.diagnosis.errors] == ["zero_gradient", "detach"]
    assert any("no module ran" in note for note in seen.diagnosis.notes)


def test_explain_leaves_everything_else_as_it_is(script: Path) -> None:
    write(script, "print('nothing to learn')")
    assert run("--explain", script) == (0, "nothing to learn\n", "")
    write(script, "import sys; sys.exit(4)")
    assert run("--explain", script)[0] == 4
    write(script, "import torch\ntorch.ones(2) @ torch.ones(3)")
    code, out, err = run("--explain", script)
    assert (code, out) == (1, "")
    assert err.startswith("Traceback")
    assert "line 2, in <module>" in err
    write(
        script,
        """
        import torch
        try:
            torch.ones(1).sum().backward()
        except RuntimeError:
            print("caught")
        """,
    )
    assert run("--explain", script) == (0, "caught\n", "")
    write(script, "import torch\ntorch.ones(1).sum().backward()")  # nothing in it could have a gradient
    code, _, err = run("--explain", script)
    assert code == 2
    assert "there is nothing to ask about" in err


# ---------------------------------------------------------------------- the script's own errors and manners


def test_an_error_after_the_first_step_does_not_hide_the_diagnosis(script: Path) -> None:
    write(
        script,
        """
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.ones(1, 2)).square().sum().backward()
        raise ValueError("the disk is full")
        """,
    )
    with pytest.raises(ValueError, match="the disk is full"):
        run_script(script, until="end")
    code, out, err = run("--until", "end", script)
    assert code == 1
    assert "The gradient flows" in out
    assert err.endswith("ValueError: the disk is full\n")
    assert run_script(script, until="backward").ok  # it was stopped before


def test_exit_code_of_a_script_that_trained(script: Path) -> None:
    text = """
        import sys
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()
        sys.exit({code})
    """
    assert run("--until", "end", write(script, text, code="0"))[0] == 0
    assert run("--until", "end", write(script, text, code="None"))[0] == 0
    assert run("--until", "end", write(script, text, code="5"))[0] == 5


def test_frames_of_the_rooms_that_look_on_are_not_the_scripts_own_however_deep_they_lie() -> None:
    flow = Path(stepping.__file__).parents[1]
    files = {file.relative_to(flow).as_posix(): frames.is_looking_on(str(file)) for file in flow.rglob("*.py")}
    assert files["stepping/optimizers/turns.py"]
    assert {file.split("/")[0] for file, looking in files.items() if looking} == {"scripts", "watching", "stepping"}
    assert all(looking for file, looking in files.items() if file.startswith(("scripts/", "watching/", "stepping/")))
    assert not frames.is_looking_on("<string>")
