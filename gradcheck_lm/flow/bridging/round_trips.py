"""Numbers that left torch and came back the same: a bridge for `.item()`, `.tolist()`, NumPy and torch.tensor()."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.bridging.straight_through import Carrier
from gradcheck_lm.flow.tracing.graph import is_telling

_MOST = 200_000  # numbers looked through for one re-entry

Line = tuple[str, int]


@dataclass
class Left:
    """The numbers of one export, in order, with what carries their gradient."""

    numbers: list[Any]
    carrier: Carrier  # flattened: value (n), weights (n, classes)
    line: Line


def flat_numbers(value: Any) -> list[Any] | None:
    """The numbers of a number, nested list, array or tensor, in order; None where there is something else in it."""
    if isinstance(value, bool | int | float):
        return [value]
    if isinstance(value, torch.Tensor):
        value = value.detach().reshape(-1)
        return value.tolist() if value.numel() <= _MOST else None
    if hasattr(value, "__array_interface__") or (hasattr(value, "dtype") and hasattr(value, "tolist")):
        return flat_numbers(value.tolist())
    if not isinstance(value, list | tuple):
        return None
    found: list[Any] = []
    for item in value:
        inner = flat_numbers(item)
        if inner is None or len(found) > _MOST:
            return None
        found.extend(inner)
    return found


class Crossing:
    """Remembers what left, and knows it again element by element."""

    def __init__(self) -> None:
        self.left: list[Left] = []

    def leave(self, result: Any, carrier: Carrier, line: Line) -> None:
        """Note that a tensor's numbers left as `result`."""
        numbers = flat_numbers(result)
        if numbers is None or len(numbers) != carrier.value.numel():
            return
        weights = carrier.weights
        flat = None if weights is None else weights.reshape(-1, weights.shape[-1])
        self.left.append(Left(numbers, Carrier(carrier.value.reshape(-1), flat), line))

    def find(self, numbers: Sequence[Any]) -> tuple[Carrier, set[Line]] | None:
        """What carries these numbers, flattened, and the lines where they left; None unless every one is known.

        They are one export's whole, or stand next to each other in what left (rows of a list, `.item()` in a loop), or
        are numbers that do not come up by chance.
        """
        numbers = list(numbers)
        places = self._whole(numbers) or self._run_of(numbers) or self._one_by_one(numbers)
        if not places:
            return None
        parts = [self.left[index] for index, _ in places]
        value = torch.stack([part.carrier.value[at] for part, (_, at) in zip(parts, places, strict=True)])
        rows = [part.carrier.weights for part in parts]
        weights = None
        if all(row is not None for row in rows) and len({row.shape[-1] for row in rows if row is not None}) == 1:
            weights = torch.stack([row[at] for row, (_, at) in zip(rows, places, strict=True) if row is not None])
        return Carrier(value, weights), {part.line for part in parts}

    def _whole(self, numbers: list[Any]) -> list[tuple[int, int]] | None:
        for index in reversed(range(len(self.left))):
            if self.left[index].numbers == numbers:
                return [(index, at) for at in range(len(numbers))]
        return None

    def _run_of(self, numbers: list[Any]) -> list[tuple[int, int]] | None:
        stream = [(index, at) for index, left in enumerate(self.left) for at in range(len(left.numbers))][-_MOST:]
        if len(numbers) < 2:
            return None
        values = [self.left[index].numbers[at] for index, at in stream]
        for start in reversed(range(len(values) - len(numbers) + 1)):
            if values[start] == numbers[0] and values[start : start + len(numbers)] == numbers:
                return stream[start : start + len(numbers)]
        return None

    def _one_by_one(self, numbers: list[Any]) -> list[tuple[int, int]] | None:
        known = {
            number: (index, at)
            for index, left in enumerate(self.left)
            for at, number in enumerate(left.numbers)
            if is_telling(number)
        }
        return [known[number] for number in numbers] if all(number in known for number in numbers) else None
