"""Help that reads at 80 columns: what is typed stands to the left or above, and the sentences have the width."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_WIDEST = 96
_LEFT = 26  # columns of what is typed; longer ones stand on a line of their own
_ALWAYS = "Always there"  # --help and its like
_KANA = re.compile("[\u3040-\u30ff]")


class CommandHelp(TyperCommand):
    """A command that shows its help so."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to click's formatter, which prints it."""
        formatter.write(help_text(self, ctx))


class GroupHelp(TyperGroup):
    """A group of commands that shows its help so."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to click's formatter, which prints it."""
        formatter.write(help_text(self, ctx))


def help_text(command: Any, context: Any) -> str:
    """Usage, the sentences, commands and options under their headings, examples: for the terminal's width."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) - 1
    lines = [f"{_strong('Usage:')} {command.get_usage(context).removeprefix('Usage: ').strip()}", ""]
    lines += _paragraphs(command.help or "", width)
    for heading, rows in _sections(command, context).items():
        lines += [_strong(heading), *(line for typed, told in rows for line in _row(typed, told, width)), ""]
    lines += _paragraphs(command.epilog or "", width, joined=True)
    return "\n".join(lines).rstrip() + "\n"


def _sections(command: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Heading -> rows of what is typed and what is said of it; options without a heading first."""
    found: dict[str, list[tuple[str, str]]] = {"What it takes": [], "Options": []}
    last: list[tuple[str, str]] = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False):
            continue
        row = _typed(parameter), _told(parameter)
        if parameter.param_type_name == "argument":
            found["What it takes"].append(row)
        elif parameter.name in ("help", "install_completion", "show_completion", "version"):
            last.append(row)
        else:
            found.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(row)
    japanese = bool(_KANA.search(command.help or "")) and _japanese_is_spoken()  # of a group that has both languages
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            paragraphs = (one.help or "").split("\n\n")
            first = next((text for text in paragraphs if japanese and _KANA.search(text)), paragraphs[0])
            found.setdefault(getattr(one, "rich_help_panel", None) or "Commands", []).append((name, first))
    found[_ALWAYS] = last
    return {heading: rows for heading, rows in found.items() if rows}


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


def _told(parameter: Any) -> str:
    words = [getattr(parameter, "help", None) or ""]
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.required:
        words.append("[required]")
    elif getattr(parameter, "show_default", False) and default not in (None, "", [], ()):
        if isinstance(default, bool):
            on = parameter.secondary_opts and (parameter.opts if default else parameter.secondary_opts)[0]
            words += [f"[default: {on}]"] if on else []
        else:
            several = isinstance(default, list | tuple)
            words.append(f"[default: {' '.join(map(str, default)) if several else default}]")
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
    if _KANA.search(text):
        from gradcheck_lm.draw.wrapping import wrap

        return wrap(text, width)
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _japanese_is_spoken() -> bool:
    from gradcheck_lm.course.language import language_for
    from gradcheck_lm.errors import ArgumentError

    try:
        return language_for(None, sys.stdout.encoding or "utf-8")[0] == "ja"
    except ArgumentError:  # an environment that asks for another language: whoever runs the command is told
        return False


def _paragraphs(text: str, width: int, *, joined: bool = False) -> list[str]:
    found: list[str] = []
    for place, paragraph in enumerate(filter(None, text.split("\n\n"))):
        if _KANA.search(paragraph):
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
