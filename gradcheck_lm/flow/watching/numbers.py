"""Numbers outside torch: what left a tensor and what was given to a call, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gradcheck_lm.flow.watching.capture import capturing
from gradcheck_lm.flow.watching.unseen import unseen

_MOST = 4096  # longer values are compared by their hash


def numbers(value: Any) -> Any:
    """The numbers of a scalar, nested list, NumPy array or small tensor; None where there are none."""
    if isinstance(value, bool | int | float):
        return (_plain(value),)
    if isinstance(value, str):
        return value
    if isinstance(value, torch.Tensor):
        return _tensor_numbers(value)
    if hasattr(value, "__array_interface__"):
        value = value.reshape(-1)
        return _shorten(value[: _MOST * 16].tolist())
    if isinstance(value, list | tuple):
        flat: list[Any] = []
        return _shorten(flat) if _flatten(value, flat) else None
    if hasattr(value, "item") and hasattr(value, "dtype"):  # a NumPy scalar
        return (_plain(value.item()),)
    return None


def numbers_in(args: tuple[Any, ...], kwargs: Mapping[str, Any], *, everything: bool) -> Any:
    """The numbers among a call's arguments; `everything` also takes whole numbers and lists."""
    found: list[Any] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        kind = type(value)
        if kind is float:
            found.append(_plain(value))
        elif everything and not isinstance(value, torch.Tensor | torch.dtype | torch.device):
            inner = numbers(value)
            if inner is not None:
                found.extend(inner if isinstance(inner, tuple) else (inner,))
    return tuple(found) if found else None


def _tensor_numbers(tensor: torch.Tensor) -> Any:
    # on a GPU too: a value of a few numbers that leaves torch or enters it has been waited for in any case
    if tensor.is_meta or tensor.numel() > _MOST or tensor.layout is not torch.strided or capturing():
        return None
    try:
        with unseen():
            return _shorten(tensor.detach().reshape(-1).tolist())
    except (RuntimeError, NotImplementedError):  # functorch's wrappers have no numbers
        return None


def _flatten(values: Any, flat: list[Any]) -> bool:
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list | tuple):
                stack.append(iter(value))
                break
            if isinstance(value, bool | int | float | str):
                flat.append(_plain(value))
            elif hasattr(value, "__array_interface__"):
                flat.extend(_plain(item) for item in value.reshape(-1).tolist())
            elif hasattr(value, "dtype") and not isinstance(value, torch.Tensor):
                flat.append(_plain(value.item()))
            elif isinstance(value, slice):
                flat.extend((value.start, value.stop, value.step))
            elif value is not None and not isinstance(value, torch.Tensor):
                return False
        else:
            stack.pop()
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return "nan"  # nan differs from itself
    return value


def _shorten(flat: list[Any]) -> Any:
    flat = [_plain(item) for item in flat]
    return tuple(flat) if len(flat) <= _MOST else (len(flat), hash(tuple(flat)))
