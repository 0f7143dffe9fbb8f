"""docs/options.md: the options of every command, from the fields and annotations that make them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from gradcheck_lm.cli import app
from gradcheck_lm.commands.options import Flat, help_of, metavar_of
from gradcheck_lm.options import ALWAYS, ELSEWHERE, GIVEN, NEVER

_IDENTITY = {ALWAYS: "yes", ELSEWHERE: "yes", NEVER: "", GIVEN: "where given"}
# commands whose runs can be gone on with
_RESUMED = ("train", "adapt", "compare")


def options_page() -> str:
    """The page's text."""
    lines = [
        "# Options",
        "",
        "Generated from `gradcheck_lm/lab/config.py`, `gradcheck_lm/lab/settings.py` and `gradcheck_lm/commands` by "
        "`make docs`; `gradcheck-lm COMMAND --help` says the same. The last column, of commands that go on where they "
        "were interrupted: whether the run that goes on must have the same value as the one that began. With another "
        "one it is refused, with a sentence that names both.",
    ]
    for name, command in _commands():
        flats: list[Flat] = command.flats  # type: ignore[attr-defined]
        resumed = name in _RESUMED
        lines += ["", f"## {name}", "", " ".join((inspect.getdoc(command) or "").split("\n\n")[0].split()), ""]
        if not flats:
            continue
        head = ["what is typed", "default", "what it is", *(["part of the run's identity"] if resumed else [])]
        lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for one in sorted(flats, key=lambda one: not one.option.argument):
            cells = [f"`{_typed(one)}`", _default(one), help_of(one).replace("|", "\\|")]
            lines.append(f"| {' | '.join([*cells, *([_identity(one)] if resumed else [])])} |")
    return "\n".join(lines) + "\n"


def _commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    for info in app.registered_commands:
        assert info.name is not None
        assert info.callback is not None
        yield info.name, info.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for info in group.typer_instance.registered_commands:
            assert info.callback is not None
            yield f"{group.name} {info.name}", info.callback


def _typed(one: Flat) -> str:
    if one.option.argument:
        return one.name
    if one.kind is bool and not one.option.switch:
        return f"{one.name} / --no-{one.name[2:]}"
    if one.kind is bool:
        return one.name
    return f"{one.name} {metavar_of(one)}".replace("|", "\\|")


def _default(one: Flat) -> str:
    if one.required:
        return "required"
    if one.default in (None, "", ()) or (one.option.switch and not one.default):
        return ""
    if isinstance(one.default, bool):
        return f"`--{'' if one.default else 'no-'}{one.name[2:]}`"
    if isinstance(one.default, tuple):
        return f"`{(',' if one.option.separated else ' ').join(one.default)}`"
    return f"`{one.default}`"


def _identity(one: Flat) -> str:
    """Fields alone are part of it; how a command shows its result is not."""
    if not one.field:
        return ""
    rule = one.option.identity
    return _IDENTITY.get(rule, f"with `--{rule.replace('_', '-')}`")
