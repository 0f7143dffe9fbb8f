"""Where numbers lie: which tensors and NumPy arrays share one piece of memory."""

from __future__ import annotations

import weakref
from typing import Any

import torch


def address_of(tensor: torch.Tensor) -> int:
    """Where a tensor's first element lies; 0 where that has no answer."""
    try:
        return tensor.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse, functorch's wrappers, fake tensors
        return 0


def storage_address(tensor: torch.Tensor) -> int:
    """Where a tensor's memory begins, the same for all views of it; 0 where that has no answer."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def owns_memory(tensor: torch.Tensor) -> bool:
    """Whether torch allocated a tensor's memory: torch.from_numpy's belongs to NumPy and cannot be resized."""
    try:
        return bool(tensor.untyped_storage().resizable())
    except (RuntimeError, NotImplementedError):
        return False


class Arrays:
    """The NumPy arrays that a program made of its tensors: a tensor that comes back may still share their memory."""

    def __init__(self) -> None:
        self._held: list[tuple[weakref.ref[Any], int, int]] = []  # array, address, call

    def __bool__(self) -> bool:
        return bool(self._held)

    def keep(self, result: Any, call: int) -> None:
        """Note what left at a call, where that is an array."""
        pointer = getattr(result, "__array_interface__", None)
        if pointer is not None:
            self._held.append((weakref.ref(result), int(pointer["data"][0]), call))

    def source_of(self, tensor: torch.Tensor) -> int | None:
        """The call at which the array left whose memory a tensor uses."""
        address = storage_address(tensor)
        for array, start, call in reversed(self._held):
            if array() is not None and start == address:
                return call
        return None
