"""The tensors that the user's functions were given, by the names of their arguments: noted once for each function."""

from __future__ import annotations

import inspect
import weakref
from dataclasses import dataclass
from types import CodeType, FrameType

import torch


@dataclass(frozen=True)
class Argument:
    """One tensor that a function was given; it is not kept alive."""

    name: str
    tensor: weakref.ref[torch.Tensor]


class Arguments:
    """What each of the user's functions was given when an operation was first seen in it."""

    def __init__(self) -> None:
        self.of: dict[CodeType, tuple[Argument, ...]] = {}

    def note(self, frame: FrameType | None, code: CodeType) -> None:
        """Look at the arguments of the function that runs `code`, in this frame or above it."""
        self.of[code] = ()
        names = names_of(code)
        if not names:
            return
        while frame is not None and frame.f_code is not code:
            frame = frame.f_back
        if frame is None:
            return
        values = frame.f_locals
        given = [(name, values.get(name)) for name in names]
        if type(values) is dict:
            values.clear()  # up to Python 3.12 a function's frame keeps this copy, and what is in it, until it returns
        self.of[code] = tuple(
            Argument(name, weakref.ref(value)) for name, value in given if type(value) is torch.Tensor
        )


def names_of(code: CodeType) -> tuple[str, ...]:
    """The arguments of a function that has a name of its own; those of lambdas and comprehensions have no say."""
    if code.co_name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED:
        return ()
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
