"""The tensors and the modules that a function is given, wherever in its arguments they are."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

_DEEP = 3  # levels of sequences, dicts and closures that are looked through


def tensors_in(value: Any, depth: int = 0) -> list[Tensor]:
    """All tensors in arguments: in sequences, dicts, modules and their closures' cells."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, nn.Module):
        return [*value.parameters(), *value.buffers()]
    if depth > _DEEP:
        return []
    if isinstance(value, list | tuple | set):
        return [one for part in value for one in tensors_in(part, depth + 1)]
    if isinstance(value, dict):
        return [one for part in value.values() for one in tensors_in(part, depth + 1)]
    cells = getattr(value, "__closure__", None) or ()
    return [one for cell in cells for one in tensors_in(_content(cell), depth + 1)]


def modules_in(value: Any, depth: int = 0) -> list[nn.Module]:
    """All modules in arguments."""
    if isinstance(value, nn.Module):
        return [value]
    if depth > _DEEP:
        return []
    if isinstance(value, list | tuple):
        return [one for part in value for one in modules_in(part, depth + 1)]
    cells = getattr(value, "__closure__", None) or ()
    return [one for cell in cells for one in modules_in(_content(cell), depth + 1)]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None
