"""What the `lessons` commands refuse, in Japanese where a learner has asked for it; the English stays typer's own.

Typer has no catalogue to translate by: it makes most of its sentences without gettext. So what it raises is caught here
by the names of its exceptions, which are click's as well.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, TypeVar

import typer

from gradcheck_lm.commands.help import usage_line
from gradcheck_lm.draw.lettering import harmless
from gradcheck_lm.errors import ArgumentError, DataError, GradcheckLMError, RunStopped

Command = TypeVar("Command", bound=Callable[..., Any])

TYPED = {"[OPTIONS] COMMAND [ARGS]...": "[オプション] コマンド [引数]...", "[OPTIONS]": "[オプション]"}
_NUMBERS = {"N": "整数", "X": "数"}  # by what the help writes for a number that is to be typed
_LANGUAGE = "gradcheck_lm.lang"  # of typer's context: what stands behind --lang


def note_language(context: Any, arguments: Sequence[str]) -> None:
    """Remember what was typed behind --lang: help and refusals come before options are read."""
    for place, word in enumerate(arguments):
        if word.startswith("--lang="):
            context.meta[_LANGUAGE] = word.removeprefix("--lang=")
        elif word == "--lang" and place + 1 < len(arguments):
            context.meta[_LANGUAGE] = arguments[place + 1]


def is_japanese(context: Any, encoding: str | None) -> bool:
    """Whether to speak Japanese on a console of this encoding."""
    from gradcheck_lm.course.language import language_for

    for wanted in (context.meta.get(_LANGUAGE), None):
        try:
            return language_for(wanted, encoding or "utf-8")[0] == "ja"
        except ArgumentError:  # another language is asked for: whoever runs the command is told
            continue
    return False


@contextmanager
def refusing(context: Any) -> Iterator[None]:
    """Show in Japanese what typer refuses meanwhile, and leave with its exit code; in English let typer show it."""
    try:
        yield
    except Exception as error:
        said = japanese_refusal(error, context) if is_japanese(context, sys.stderr.encoding) else None
        if said is None:
            raise
        typer.echo(f"使い方: {usage_line(context, lambda words: TYPED[words])}", err=True)
        typer.echo(f"ヘルプ: {context.command_path} {context.help_option_names[0]}", err=True)
        typer.echo(f"gradcheck-lm: {harmless(said)}", err=True)
        raise typer.Exit(2) from None


def japanese_refusal(error: Exception, context: Any) -> str | None:
    """What was typed wrong; None where the error is none of typer's refusals, or one that nobody knows here."""
    kind, message = type(error).__name__, str(getattr(error, "message", ""))
    if kind == "NoSuchOption":
        return f"{error.option_name} というオプションはありません{_meant(error.possibilities or ())}"  # type: ignore[attr-defined]
    if kind == "BadOptionUsage":
        name = error.option_name  # type: ignore[attr-defined]
        return f"{name} には値を付けられません" if "not take a value" in message else f"{name} には値が必要です"
    if kind == "MissingParameter":
        parameter = error.param  # type: ignore[attr-defined]
        return f"{_name(parameter)} を指定してください"
    if kind == "BadParameter" and getattr(error, "param", None) is not None:
        wanted = _NUMBERS.get(error.param.metavar)  # type: ignore[attr-defined]
        name = _name(error.param)  # type: ignore[attr-defined]
        return f"{name} の値が正しくありません" + (f"。{wanted}を指定してください" if wanted else "")
    if kind in ("UsageError", "NoSuchCommand"):
        if found := re.search(r"No such command '(.*?)'", message):
            near = get_close_matches(found[1], getattr(context.command, "commands", {}))
            return f"{found[1]} というコマンドはありません{_meant(near)}"
        if found := re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)", message):
            return f"余分な引数があります: {found[1]}"
    return None


def _meant(names: Sequence[str]) -> str:
    return f"。{'、'.join(sorted(names))} のことでしょうか" if names else ""


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper()).strip("[]{}")
    return str(parameter.opts[0])


def course_errors(command: Command) -> Command:
    """Give what goes wrong a Japanese text beside the English one, and an interruption too."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from gradcheck_lm.course.language import in_both
        from gradcheck_lm.course.screen.troubles import words_of

        try:
            return command(*args, **kwargs)
        except (GradcheckLMError, ModuleNotFoundError, OSError, RuntimeError) as error:
            words = words_of(error)
            if words is None or isinstance(error, RunStopped):
                raise
            if isinstance(error, GradcheckLMError):
                error.words = words  # type: ignore[attr-defined]
                raise
            raise in_both(DataError, ja="{words}", en="{words}", words=words) from None
        except KeyboardInterrupt:
            from gradcheck_lm.course.say import voice

            if voice().language != "ja":
                raise
            typer.echo("中断しました。終わったところまでは残っています", err=True)
            raise typer.Exit(130) from None

    return wrapped  # type: ignore[return-value]
