"""What all commands share: errors as sentences, progress, and JSON on standard output."""

from __future__ import annotations

import errno
import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import typer

from gradcheck_lm.commands.checks import check_options
from gradcheck_lm.course.screen.troubles import absent, refused
from gradcheck_lm.draw.lettering import harmless, json_harmless
from gradcheck_lm.errors import GradcheckLMError, RunStopped

Command = TypeVar("Command", bound=Callable[..., Any])


def friendly(command: Command) -> Command:
    """Show errors that a user can mend as a sentence, and leave with exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            if "context" not in kwargs:  # `run` leaves the environment of the script that it runs as it is
                quiet_libraries()
            check_options(kwargs)
            return command(*args, **kwargs)
        except RunStopped as error:
            typer.echo(f"gradcheck-lm: {harmless(str(error))}", err=True)
            raise typer.Exit(128 + error.signal_number) from None
        except GradcheckLMError as error:
            fail(_text_of(error))
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("gradcheck_lm"):
                raise
            fail(absent(error.name).en)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has seen enough
                raise
            fail(explain(error))
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's; torch may not be loaded here
                raise
            fail("the GPU's memory is full: give a smaller --batch-size, or --device cpu")
        except KeyboardInterrupt:
            typer.echo("stopped; what was finished is kept", err=True)
            raise typer.Exit(130) from None

    return wrapped  # type: ignore[return-value]


def explain(error: OSError) -> str:
    """What the system refused, and what to do about it."""
    return refused(error).en


def _text_of(error: GradcheckLMError) -> str:
    """Its text, or the learner's language's where the course has it in two."""
    words = getattr(error, "words", None)
    if words is None:
        return str(error)
    from gradcheck_lm.course.say import voice

    try:
        return str(words.in_language(voice().language))
    except GradcheckLMError:  # the language itself is what the environment has wrong
        return str(words.en)


def fail(message: str) -> NoReturn:
    """Print what is wrong on standard error and leave with exit code 2."""
    typer.echo(f"gradcheck-lm: {harmless(message)}", err=True)
    raise typer.Exit(2) from None


def say(text: str) -> None:
    """A line of the result; characters that the terminal cannot show, or that would steer it, are escaped.

    Of several processes of one run only the first speaks.
    """
    if not _speaks():
        return
    text = harmless(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def show_json(data: Any) -> None:
    """Print data as JSON for a program to read; numbers that JSON lacks become null."""
    if not _speaks():
        return
    text = json_harmless(json.dumps(plain(data), indent=2, ensure_ascii=False))
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(plain(data), indent=2)
    typer.echo(text)


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
    if not _speaks():
        return
    typer.echo(harmless(message), err=True)


def _speaks() -> bool:
    return os.environ.get("RANK", "0") == "0"  # set by accelerate launch and torchrun


def quiet_libraries() -> None:
    """Keep progress bars and advice of libraries off the terminal; set before they are imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # idle threads that spin take a third of a small machine's speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class StepProgress:
    """Moves a progress bar to a run's step: a run that goes on from a saved state does not start at 0.

    Args:
        tick: what `gradcheck_lm.draw.terminal.terminal.progress` gives.
        message: from a step's record to a few words beside the bar.
    """

    def __init__(self, tick: Callable[..., None], message: Callable[[dict[str, Any]], str]) -> None:
        self.tick, self.message, self.done = tick, message, 0

    def __call__(self, record: dict[str, Any]) -> None:
        """Take a step's record."""
        if not _speaks():
            return
        self.tick(record["step"] - self.done, message=self.message(record))
        self.done = record["step"]
