"""From settings to the command line: a dataclass in a command's signature becomes its options."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import typer

from gradcheck_lm.options import Option, listed, options_of

_WIDEST = 44  # columns that choices may take in the help; more of them stand behind the sentence
_METAVARS = {int: "N", float: "X", Path: "PATH"}


def argument(help: str, **more: Any) -> Option:
    """A command's own word, known by its place; `more` as in `Option`."""
    return Option(help, argument=True, **more)


@dataclass(frozen=True)
class Flat:
    """One parameter as the command line has it.

    Attributes:
        owner: the command's parameter that it goes to, or is a field of.
        field: the field's name; "" where it is the parameter itself.
        kind: str, int, float, bool or Path, without None and tuple.
        optional, repeatable: whether None is possible, and several values.
        default: of the field; `inspect.Parameter.empty` where it is required.
    """

    owner: str
    field: str
    option: Option
    kind: type
    optional: bool
    repeatable: bool
    default: Any

    @property
    def key(self) -> str:
        """The keyword that typer passes it by."""
        return self.field or self.owner

    @property
    def name(self) -> str:
        """What is typed: --name, or the name of an argument."""
        if self.option.argument:
            return self.option.metavar or self.key.upper()
        return "--" + (self.option.name or self.key.replace("_", "-"))

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


def takes_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command as typer wants it: for a parameter that is a dataclass one for each of its fields that is an option.

    A default of such a parameter is an instance: its values are the options' defaults, and those of the fields that are
    no options. Values are held against choices and bounds before the command is called.
    """
    flats = list(flattened(command))
    doubled = {one.key for one in flats if sum(other.key == one.key for other in flats) > 1}
    assert not doubled, f"{command.__name__} has two options for each of {doubled}"
    hints = get_type_hints(command)
    bases = {one.name: one.default for one in inspect.signature(command).parameters.values()}

    @functools.wraps(command)
    def called(**given: Any) -> Any:
        values: dict[str, Any] = {}
        fields: dict[str, dict[str, Any]] = {}
        for one in flats:
            value = _taken(one, given.pop(one.key))
            one.option.check(one.name, value)
            if one.field:
                fields.setdefault(one.owner, {})[one.field] = value
            else:
                values[one.owner] = value
        for owner, found in fields.items():
            base = bases[owner]
            if base is inspect.Parameter.empty:
                values[owner] = hints[owner](**found)
            else:
                values[owner] = dataclasses.replace(base, **found)
        return command(**values, **given)

    shown = {one.key: _annotation(one) for one in flats}
    parameters = [
        inspect.Parameter(one.key, inspect.Parameter.KEYWORD_ONLY, annotation=shown[one.key], default=_default(one))
        for one in flats
    ]
    others = [
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(command).parameters.values()
        if one.name not in {flat.owner for flat in flats}
    ]
    called.__signature__ = inspect.Signature([*others, *parameters])  # type: ignore[attr-defined]
    called.__annotations__ = {**{one.name: one.annotation for one in others}, **shown}
    called.flats = flats  # type: ignore[attr-defined]
    return called


def flattened(command: Callable[..., Any]) -> Iterator[Flat]:
    """All options and arguments of a command, in the order of its signature and of its settings' fields."""
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if dataclasses.is_dataclass(hint):
            base: Any = parameter.default
            if base is parameter.empty:
                base = cast(Callable[[], Any], hint)()
            kinds = get_type_hints(hint)
            for field, its in options_of(hint):
                if its.help:
                    yield Flat(parameter.name, field.name, its, *_kind(kinds[field.name]), getattr(base, field.name))
        elif get_origin(hint) is Annotated:
            kind, its = get_args(hint)
            yield Flat(parameter.name, "", its, *_kind(kind), parameter.default)


def help_of(one: Flat) -> str:
    """The sentence, with the choices behind it where they are too many to stand in front."""
    if one.option.choices and not one.option.separated and _brackets(one) is None:
        return f"{one.option.help} One of {listed(one.option.choices)}."
    return one.option.help


def _kind(annotation: Any) -> tuple[type, bool, bool]:
    """(type, whether None is possible, whether several)."""
    optional = repeatable = False
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (one for one in get_args(annotation) if one is not NoneType)
        optional = True
    if get_origin(annotation) in (tuple, list):
        annotation, repeatable = get_args(annotation)[0], True
    return annotation, optional, repeatable


def _annotation(one: Flat) -> Any:
    its, kind = one.option, one.kind
    if its.choices and not its.separated:
        kind = _one_of(one.key, its.choices)
    several = one.repeatable and not its.separated
    typed: Any = list[kind] if several else kind  # type: ignore[valid-type]
    if one.optional or (several and not one.required and not one.default):
        typed = typed | None
    completed: dict[str, Any] = {}
    if its.suggestions:
        completed["autocompletion"] = _completing(its.suggestions)
    if its.argument:
        return Annotated[typed, typer.Argument(help=help_of(one), metavar=its.metavar or None, **completed)]
    names = [f"{one.name}/--no-{one.name[2:]}" if kind is bool and not its.switch else one.name]
    names += [its.short] if its.short else []
    metavar = metavar_of(one)
    return Annotated[
        typed,
        typer.Option(
            *names,
            help=help_of(one),
            metavar=metavar,
            rich_help_panel=its.panel or None,
            show_default=its.show_default,
            **completed,
        ),
    ]


def _completing(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def metavar_of(one: Flat) -> str:
    """What stands for the value in the help; "" for a flag."""
    if one.kind is bool:
        return ""
    return _brackets(one) or one.option.metavar or _METAVARS.get(one.kind) or one.name.strip("-").upper()


def _brackets(one: Flat) -> str | None:
    if not one.option.choices or one.option.separated:
        return None
    brackets = f"[{'|'.join(one.option.choices)}]"
    return brackets if len(brackets) <= _WIDEST else None


def _default(one: Flat) -> Any:
    """The default as typer takes it."""
    if one.required or one.default is None:
        return one.default
    if one.option.separated:
        return ",".join(one.default)
    if one.repeatable:
        return list(one.default) or None
    if one.option.choices:
        return _one_of(one.key, one.option.choices)(one.default)
    return one.default


@functools.cache
def _one_of(name: str, choices: tuple[str, ...]) -> Any:
    return enum.Enum(name, {choice: choice for choice in choices}, type=str)


def _taken(one: Flat, value: Any) -> Any:
    """A value of typer's as the settings have it."""
    if one.option.separated:
        return tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if one.repeatable:
        return tuple(value or ())
    return value.value if isinstance(value, enum.Enum) else value
