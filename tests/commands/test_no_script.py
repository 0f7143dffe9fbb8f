"""What is typed in a script's place, or a command's, and is none: one sentence with what to type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import call, run

from gradcheck_lm.commands.scripts import no_script, script_named

OPTIONS = ["--module", "--until", "--json", "--graph"]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("--jsn", "run has no option '--jsn': do you mean --json? There are --module, --until, --json, --graph."),
        ("--html=x", "run has no option '--html': there are --module, --until, --json, --graph."),
        ("python3.11", "leave python3.11 out, and give the script: gradcheck-lm run train.py"),
        ("/usr/bin/python", "leave python out"),
        ("torchrun", "torchrun --nproc_per_node 1 -m gradcheck_lm run train.py"),
        ("trian.py", "do you mean 'train.py'? A module is run with"),
        ("train", "do you mean 'train.py'? A module is run with"),
        ("src", "'src' is a folder: give the script in it, or another's path: no .py file lies here"),
        (".", "'.' is a folder: give the script in it, such as 'train.py'"),
        ("elsewhere/other.py", "there is no script 'elsewhere/other.py': check the path; a module is run with"),
    ],
)
def test_what_is_meant(script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    for name in ("train.py", "data.py"):
        (tmp_path / name).write_text("")
    assert told in no_script(script, OPTIONS)


def test_a_script_in_a_commands_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    assert [script_named(name) for name in ("train.py", "train", "gone.py", "comapre")] == [
        "train.py", "train.py", "gone.py", None,
    ]  # fmt: skip


def test_the_command_says_so(tmp_path: Path) -> None:
    code, _, err = call("gone.py")
    assert code == 2
    assert "gradcheck-lm run gone.py" in err
    code, _, err = run("--htm", "x.html", "train.py")
    assert code == 2
    assert "run has no option '--htm'" in err
    assert "--graph" in err
    notebook = tmp_path / "walk.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    code, _, err = run(str(notebook))
    assert code == 2
    assert "is a notebook, no script. In the notebook: %load_ext gradcheck_lm" in err
