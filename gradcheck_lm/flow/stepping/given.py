"""What a watch of steps is given: modules and optimizers, alone or in lists and dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from gradcheck_lm.errors import TraceError


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
        elif isinstance(item, torch.optim.Optimizer):
            optimizers.append(item)
        elif isinstance(getattr(item, "optimizer", None), torch.optim.Optimizer):  # a wrapper's, a scheduler's
            optimizers.append(item.optimizer)
        else:
            raise TraceError(
                f"record_steps and diagnose_step take modules and optimizers, alone or in lists and dicts; this is a "
                f"{type(item).__name__}."
            )
        if name:
            names[id(item)] = name
    return modules, optimizers, names


def _items(given: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        for key, item in given.items():
            yield from _items(item, str(key))
    elif isinstance(given, list | tuple | set):
        for item in given:
            yield from _items(item)
    else:
        yield name, given
