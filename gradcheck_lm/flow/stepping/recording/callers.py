"""The functions that led to a line, and what each had at hand: to mend is the line that has all it needs in sight."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.watching.sites import is_users

_DEEPEST = 12  # frames of the program's own
_MOST = 400  # variables of a function, entries of a list
_KINDS = (torch.nn.Module, torch.optim.Optimizer, torch.Tensor)


@dataclass(frozen=True)
class Caller:
    """One of the functions that ran, at the line in it that led here."""

    place: int
    sees: frozenset[int]  # ids of the modules, optimizers and tensors that its variables name


def callers(log: Log, frame: FrameType | None) -> tuple[Caller, ...]:
    """The program's own functions around a frame, the innermost first."""
    own = itertools.islice(frames(frame), _DEEPEST)
    return tuple(Caller(log.place(one), frozenset(map(id, _at_hand(one)))) for one in own)


def frames(frame: FrameType | None) -> Iterator[FrameType]:
    """The program's own, the innermost first."""
    while frame is not None:
        if is_users(frame.f_code):
            yield frame
        frame = frame.f_back


def nearest(found: Iterable[Caller], wanted: Iterable[Any]) -> int | None:
    """The line of the innermost function that has one of these in sight; None where none has."""
    ids = set(map(id, wanted))
    return next((one.place for one in found if not ids.isdisjoint(one.sees)), None)


def _at_hand(frame: FrameType) -> Iterator[Any]:
    """What a function's variables name, and the globals that its text names; of an object also what it has."""
    variables = dict(frame.f_locals)
    if frame.f_locals is not frame.f_globals:
        variables |= {name: frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals}
    for value in list(variables.values())[:_MOST]:
        yield from _in(value)
        fields = getattr(value, "__dict__", None)
        if type(fields) is dict and not isinstance(value, type | torch.Tensor):
            for one in list(fields.values())[:_MOST]:
                yield from _in(one)


def _in(value: Any) -> Iterator[Any]:
    if isinstance(value, _KINDS):
        yield value
    elif type(value) in (list, tuple, dict):
        for one in list(value.values() if isinstance(value, dict) else value)[:_MOST]:
            if isinstance(one, _KINDS):
                yield one
