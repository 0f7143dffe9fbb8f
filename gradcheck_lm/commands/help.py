"""Help that reads at 80 columns: what is typed stands to the left or above, and the sentences have the width."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gradcheck_lm.commands.scripts import script_named

_WIDEST = 96
_LEFT = 26  # columns of what is typed; longer ones stand on a line of their own
_ALWAYS = "Always there"  # --help and its like
KANA = re.compile("[\u3040-\u30ff]")


class CommandHelp(TyperCommand):
    """A command that shows its help so."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to click's formatter, which prints it."""
        formatter.write(help_text(self, ctx))


class GroupHelp(TyperGroup):
    """A group of commands that shows its help so, and knows a script where a command is wanted."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of this name; a script is no command, and has one."""
        if args and args[0] not in self.commands and (script := script_named(args[0])) is not None:
            ctx.fail(f"{args[0]!r} is no command. A script is run with: gradcheck-lm run {script}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to click's formatter, which prints it."""
        formatter.write(help_text(self, ctx))


def help_text(command: Any, context: Any, say: Callable[[str], str] = str) -> str:
    """Usage, the sentences, commands and options under their headings, examples: for the terminal's width.

    Args:
        command, context: click's.
        say: from an English text to that of the reader's language.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST) - 1
    lines = [f"{_strong(say('Usage:'))} {usage_line(context, say)}", ""]
    lines += _paragraphs(say(command.help or ""), width)
    for heading, rows in _sections(command, context, say).items():
        lines += [_strong(heading), *(line for typed, told in rows for line in _row(typed, told, width)), ""]
    lines += _paragraphs(say(command.epilog or ""), width, joined=True)
    return "\n".join(lines).rstrip() + "\n"


def usage_line(context: Any, say: Callable[[str], str] = str) -> str:
    """How a command is called: as typer has it, but for the words that stand for what is typed."""
    line = str(context.command.get_usage(context)).removeprefix("Usage: ").strip()
    for words in ("[OPTIONS] COMMAND [ARGS]...", "[OPTIONS]"):
        line = line.replace(words, say(words))
    return line


def _sections(command: Any, context: Any, say: Callable[[str], str]) -> dict[str, list[tuple[str, str]]]:
    """Heading -> rows of what is typed and what is said of it; options without a heading first."""
    found: dict[str, list[tuple[str, str]]] = {"What it takes": [], "Options": []}
    last: list[tuple[str, str]] = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False):
            continue
        row = _typed(parameter), _told(parameter, say)
        if parameter.param_type_name == "argument":
            found["What it takes"].append(row)
        elif parameter.name in ("help", "install_completion", "show_completion", "version"):
            last.append(row)
        else:
            found.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(row)
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            first = say(one.help or "").split("\n\n")[0]
            found.setdefault(getattr(one, "rich_help_panel", None) or "Commands", []).append((name, first))
    found[_ALWAYS] = last
    return {say(heading): rows for heading, rows in found.items() if rows}


def _typed(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return name + ("..." if parameter.nargs != 1 and "..." not in name else "")
    short = [name for name in parameter.opts if not name.startswith("--")]
    long = [name for name in parameter.opts if name.startswith("--")]
    names = ", ".join([*short, *long])
    if parameter.secondary_opts:
        names += f" / {parameter.secondary_opts[0]}"
    flag = getattr(parameter, "is_flag", False) or getattr(parameter, "is_bool_flag", False)
    return names if flag or not parameter.metavar else f"{names} {parameter.metavar}"


def _told(parameter: Any, say: Callable[[str], str]) -> str:
    words = [say(getattr(parameter, "help", None) or "")]
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.required:
        words.append(say("[required]"))
    elif getattr(parameter, "show_default", False) and default not in (None, "", [], ()):
        if isinstance(default, bool):
            on = parameter.secondary_opts and (parameter.opts if default else parameter.secondary_opts)[0]
            words += [say("[default: {}]").format(on)] if on else []
        else:
            several = isinstance(default, list | tuple)
            words.append(say("[default: {}]").format(" ".join(map(str, default)) if several else default))
    return " ".join(filter(None, words))


def _row(typed: str, told: str, width: int) -> Iterator[str]:
    lines = _lines(told, max(24, width - _LEFT - 2))
    if len(typed) <= _LEFT - 2:
        yield f"  {_strong(typed)}{' ' * (_LEFT - len(typed))}{lines[0] if lines else ''}".rstrip()
        lines = lines[1:]
    else:
        yield f"  {_strong(typed)}"
    yield from (" " * (_LEFT + 2) + line for line in lines)


def _lines(text: str, width: int) -> list[str]:
    """Of at most so many columns; in Japanese a character takes two, and a line may end without a blank."""
    if KANA.search(text):
        from gradcheck_lm.draw.wrapping import wrap

        return wrap(text, width)
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _paragraphs(text: str, width: int, *, joined: bool = False) -> list[str]:
    found: list[str] = []
    for place, paragraph in enumerate(filter(None, text.split("\n\n"))):
        if KANA.search(paragraph):
            found += [*_lines(" ".join(paragraph.split()), width), *([] if joined else [""])]
            continue
        indent = "  " if joined and place else ""
        found += textwrap.wrap(
            " ".join(paragraph.split()), width, initial_indent=indent, subsequent_indent=indent * 3,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        found += [] if joined else [""]
    return found


def _strong(text: str) -> str:
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return typer.style(text, bold=True) if bold else text
