"""What a watch of steps is given: modules and optimizers, alone or in lists and dicts, and the names of variables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.errors import TraceError, class_of


def sorted_out(
    given: Iterable[Any],
) -> tuple[list[torch.nn.Module], list[torch.optim.Optimizer], dict[int, str]]:
    """Modules, optimizers, and the names that some of them were given, by id.

    Raises:
        TraceError: something else is among them.
    """
    modules: list[torch.nn.Module] = []
    optimizers: list[torch.optim.Optimizer] = []
    names: dict[int, str] = {}
    for name, item in _items(given):
        if isinstance(item, torch.nn.Module):
            modules.append(item)
        elif isinstance(inner := inner_optimizer(item), torch.optim.Optimizer):
            optimizers.append(inner)
            item = inner
        else:
            raise TraceError(
                f"record_steps and diagnose_step take modules and optimizers, alone or in lists and dicts; this is "
                f"{class_of(item)}."
            )
        if name:
            names[id(item)] = name
    return modules, optimizers, names


def inner_optimizer(item: Any) -> Any:
    """The optimizer inside a scheduler or a wrapper, which may be an Optimizer itself and never steps as one."""
    while isinstance(getattr(item, "optimizer", None), torch.optim.Optimizer):
        item = item.optimizer
    return item


def _items(given: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        for key, item in given.items():
            yield from _items(item, str(key))
    elif isinstance(given, list | tuple | set):
        for item in given:
            yield from _items(item)
    else:
        yield name, given


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables that a frame sees; none of them is kept alive by having been looked at."""
    local = frame.f_locals
    found = {**frame.f_globals, **local}
    if frame.f_code.co_flags & inspect.CO_OPTIMIZED and type(local) is dict:
        local.clear()  # up to Python 3.12 a function's frame keeps this copy until it returns
    return found


def variables_around(step: Callable[[], Any]) -> dict[str, Any]:
    """The variables that a function can see."""
    function = getattr(step, "__func__", step)
    seen = dict(getattr(function, "__globals__", {}))
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is not None and closure:
        for name, cell in zip(code.co_freevars, closure, strict=True):
            try:
                seen[name] = cell.cell_contents
            except ValueError:  # not yet filled
                continue
    seen.update(getattr(getattr(step, "__self__", None), "__dict__", {}))
    return seen
