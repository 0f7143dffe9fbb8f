"""What all commands share: errors as sentences, progress, and JSON on standard output."""

from __future__ import annotations

import errno
import functools
import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from gradcheck_lm.errors import GradcheckLMError

Command = TypeVar("Command", bound=Callable[..., Any])

_CURES = {
    errno.ENOSPC: "the disk is full: free some space, or give another --out",
    errno.EDQUOT: "your disk quota is used up: free some space, or give another --out",
    errno.EACCES: "you may not write or read there: choose another place, or change its permissions",
    errno.EROFS: "that file system is read-only: choose another place",
    errno.EISDIR: "that is a folder: give a file",
    errno.ENOTDIR: "a part of that path is a file: give a folder",
    errno.ENOENT: "it does not exist: check the spelling",
}


def friendly(command: Command) -> Command:
    """Show errors that a user can mend as a sentence, and leave with exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except GradcheckLMError as error:
            fail(str(error))
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            fail(f"{place}{error.strerror or error}. {_CURES.get(error.errno or 0, 'Nothing was half-written.')}")
        except KeyboardInterrupt:
            typer.echo("stopped; what was finished is kept", err=True)
            raise typer.Exit(130) from None

    return wrapped  # type: ignore[return-value]


def fail(message: str) -> None:
    """Print what is wrong on standard error and leave with exit code 2."""
    typer.echo(f"gradcheck-lm: {message}", err=True)
    raise typer.Exit(2) from None


def show_json(data: Any) -> None:
    """Print data as JSON for a program to read; numbers that JSON lacks become null."""
    typer.echo(json.dumps(plain(data), indent=2, ensure_ascii=False))


def plain(data: Any) -> Any:
    """Data with nan and infinities replaced by None, which JSON can say."""
    if isinstance(data, float):
        return data if data == data and abs(data) != float("inf") else None
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    return data


def note(message: str) -> None:
    """A line about what is going on, on standard error, so that standard output stays clean."""
    typer.echo(message, err=True)


def quiet_libraries() -> None:
    """Keep progress bars and advice of libraries off the terminal; set before they are imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # idle threads that spin take a third of a small machine's speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
