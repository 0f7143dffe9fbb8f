"""One step of one rank, as what the ranks can tell each other of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_UNSEEN = -1  # a place that was not seen


@dataclass(frozen=True)
class RankStep:
    """One step of one rank, as hashes that equal tensors share; a tuple has one for each tensor of the optimizer."""

    rank: int
    holder: int
    number: int  # of the optimizer, from 0
    place: int = _UNSEEN  # of the step(): the others' places are their own
    leaves: tuple[int, ...] = ()
    before: tuple[int, ...] = ()  # the parameters
    given: tuple[int, ...] = ()  # the gradients when backward() had ended
    used: tuple[int, ...] = ()  # the gradients when the step began
    after: tuple[int, ...] = ()
    batch: int = 0  # what the first module was called with; 0 where that says nothing
    batch_place: int = _UNSEEN
    rates: tuple[float, ...] = ()
    wrapped: bool = False  # DistributedDataParallel is there
    passed_by: int = _UNSEEN  # where the module inside it was called
    averaged: bool = False  # the program called all_reduce
    replaced: int = _UNSEEN  # where something was put in the place of a tensor last

    @property
    def turn(self) -> tuple[int, int]:
        """Which step it is."""
        return self.holder, self.number

    def plain(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> RankStep:
        """From `plain`."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        return cls(**values)
