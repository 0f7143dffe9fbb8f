"""A comparison by its command."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from gradcheck_lm.cli import app


def compare(out: Path, *more: str) -> str:
    arguments = ["compare", "--out", str(out), "--device", "cpu", *more]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.stdout
