"""Every command's options as plain text: what a script that calls the program depends on."""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any

import typer

from gradcheck_lm.cli import app


def described() -> str:
    """All commands with their options: names, type, default and help, two lines an option, sorted by name."""
    lines = []
    for path, command in commands():
        lines.append(f"## {path}")
        rows = [_described(one) for one in inspect.signature(command, eval_str=True).parameters.values()]
        lines += [line for row in sorted(filter(None, rows)) for line in row]
        lines.append("")
    return "\n".join(lines)


def commands(program: typer.Typer = app, path: str = "gradcheck-lm") -> Iterator[tuple[str, Callable[..., Any]]]:
    """(path, function) of every command, those of `lessons` included, in the order in which they are listed."""
    if program.registered_callback and program.registered_callback.callback:
        yield path, program.registered_callback.callback
    for info in program.registered_commands:
        assert info.callback is not None
        yield f"{path} {info.name}", info.callback
    for group in program.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{path} {group.name}")


def _described(parameter: inspect.Parameter) -> list[str]:
    if parameter.annotation is typer.Context:
        return []
    kind, info = typing.get_args(parameter.annotation)
    declared = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    long = "--" + parameter.name.replace("_", "-")
    if isinstance(info, typer.models.ArgumentInfo):
        declared = [parameter.name]
    elif not declared and kind in (bool, bool | None):
        declared = [f"{long}/--no-{long[2:]}"]
    words = [
        _kind(kind),
        "required" if parameter.default is parameter.empty else f"default {_plain(parameter.default)}",
    ]
    bounds = [f"{end} {value}" for end in ("min", "max") if (value := getattr(info, end, None)) is not None]
    return [f"{' '.join(declared or [long])}: {', '.join(words + bounds)}", f"    {info.help}"]


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        return " or ".join(_kind(one) for one in typing.get_args(annotation) if one is not NoneType)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "one of " + ", ".join(str(one.value) for one in annotation)
    return str(annotation) if typing.get_args(annotation) else annotation.__name__


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return str(getattr(value, "value", value))
