"""The program's commands, called in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from gradcheck_lm.cli import app


def call(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line, on a terminal of 200 columns."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def run(*arguments: object) -> tuple[int, str, str]:
    """That of `gradcheck-lm run ARGUMENTS`."""
    return call("run", *arguments)
