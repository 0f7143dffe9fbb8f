"""An option is said once: on a field of a settings dataclass, or in the annotation of a command's parameter."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck_lm.errors import ArgumentError

_KEY = "gradcheck_lm.option"
ALWAYS, NEVER, GIVEN, ELSEWHERE = "always", "never", "given", "elsewhere"


@dataclass(frozen=True)
class Option:
    """What the command line, a saved run and the documentation need to know of one setting.

    Attributes:
        help: a sentence or two, for who types it.
        name: on the command line, without dashes; "" is the field's own, with "-" for "_".
        choices: all that it may be; () for anything.
        suggestions: names worth completing where others are possible, too.
        least, most, above: bounds of a number, the first two inclusive; infinity is refused with them,
        finite: unless this is False.
        counts: what a number counts, for the sentence that refuses it.
        panel: heading of the help under which it stands; "" for the first one.
        metavar: what stands for the value in the help; "" for a word of its kind.
        switch: a flag that can only be given, without a `--no-` form.
        separated: several names, given as one text with commas.
        short: a one-letter form, with its dash.
        show_default: False where the default says nothing to a reader.
        identity: whether a run that goes on must share it with the one that began: ALWAYS; NEVER; ELSEWHERE, where a
            state holds it in another form (in the arm, in the training's settings, by the lines' names); GIVEN, where
            it is anything but None, False, 0 or empty (states that were made before there was this option know nothing
            of it); or the name of the field without which this one has no effect.
        argument: a word known by its place instead.
    """

    help: str
    name: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    finite: bool = True
    counts: str = ""
    panel: str = ""
    metavar: str = ""
    switch: bool = False
    separated: bool = False
    short: str = ""
    show_default: bool = True
    identity: str = ALWAYS
    argument: bool = False

    def check(self, name: str, value: Any) -> None:
        """Hold a value against choices and bounds; None passes.

        Raises:
            ArgumentError: naming the setting, its value and what it may be.
        """
        if value is None:
            return
        if self.choices:
            for one in value if isinstance(value, tuple) else (value,):
                if one not in self.choices:
                    raise ArgumentError(f"{name} is {one!r}; choose {listed(self.choices)}")
        endless = self.finite and isinstance(value, float) and math.isinf(value)
        what = f"it counts {self.counts} and must be" if self.counts else "it must be"
        if self.least is not None and (endless or not value >= self.least):
            raise ArgumentError(f"{name} is {value}; {what} at least {self.least:g}")
        if self.most is not None and not value <= self.most:
            raise ArgumentError(f"{name} is {value}; {what} at most {self.most:g}")
        if self.above is not None and (endless or not value > self.above):
            raise ArgumentError(f"{name} is {value}; {what} a number above {self.above:g}")


def option(default: Any, help: str, **more: Any) -> Any:
    """A field of a settings dataclass that is an option of a command; `more` as in `Option`."""
    return dataclasses.field(default=default, metadata={_KEY: Option(help, **more)})


def setting(default: Any, **more: Any) -> Any:
    """A field that no command offers, with the bounds, choices and identity that it has all the same."""
    return dataclasses.field(default=default, metadata={_KEY: Option("", **more)})


def options_of(settings: Any) -> Iterator[tuple[dataclasses.Field[Any], Option]]:
    """Field and option of those fields of a dataclass (or of an instance) that have one; `setting`s are among them."""
    for field in dataclasses.fields(settings):
        if _KEY in field.metadata:
            yield field, field.metadata[_KEY]


def check_settings(settings: Any) -> None:
    """Hold all fields against their own bounds and choices.

    Raises:
        ArgumentError: naming the field, its value and what it may be.
    """
    for field, its in options_of(settings):
        its.check(field.name, getattr(settings, field.name))


def identity_of(settings: Any) -> dict[str, Any]:
    """What a saved run must share with the one that goes on with it: plain data for JSON, by the field's name."""
    values = json.loads(json.dumps(dataclasses.asdict(settings)))
    rules = {field.name: its.identity for field, its in options_of(settings)}
    return {name: value for name, value in values.items() if _counts(rules.get(name, ALWAYS), name, values)}


def _counts(rule: str, name: str, values: Mapping[str, Any]) -> bool:
    if rule in (ALWAYS, NEVER, ELSEWHERE):
        return rule == ALWAYS
    return bool(values[name]) if rule == GIVEN else values[rule] is not None


def listed(names: tuple[str, ...]) -> str:
    """a, b or c."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
