"""What a reader sees who runs a program: as it is, and under the debugger."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

_NAME = "train.py"  # what the program is called in everything that it prints


@contextlib.contextmanager
def laid_out(program: str) -> Iterator[Path]:
    """The program as a file in an empty folder, which is the current one meanwhile; random state is as in a new run."""
    import torch

    before, kept = Path.cwd(), torch.get_rng_state()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / _NAME).write_text(program, encoding="utf-8")
        os.chdir(folder)
        try:
            yield Path(_NAME)
        finally:
            os.chdir(before)
            torch.set_rng_state(kept)


def raised(program: str) -> str:
    """What the program says by itself that is no output: its error, or else its warnings; "" where all is well."""
    with (
        laid_out(program) as path,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            exec(compile(program, str(path), "exec"), {"__name__": "__main__"})
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "\n".join(f"{one.category.__name__}: {one.message}" for one in warned)


def told(program: str, *, language: str = "en", explain: bool = True) -> str:
    """Standard output of `python -m gradcheck_lm run --explain train.py`."""
    from gradcheck_lm.cli import app

    command = ["run", "--lang", language, *(["--explain"] if explain else []), _NAME]
    with laid_out(program), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = CliRunner().invoke(app, command, env={"COLUMNS": "80", "NO_COLOR": "1"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())


def without_digits(text: str) -> str:
    """Losses and norms differ in their last digits from processor to processor; places do not."""
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", "#", text)
