"""The course's commands, called in this process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from gradcheck_lm.cli import app


def call(*arguments: str, lang: str = "en", course: Path | None = None, width: str = "100") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `gradcheck-lm lessons ARGUMENTS`."""
    settings = {"COLUMNS": width, "GRADCHECK_LM_LANG": lang}
    if course is not None:
        settings["GRADCHECK_LM_LESSONS"] = str(course)
    result = CliRunner().invoke(app, ["lessons", *arguments], env=settings)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr
