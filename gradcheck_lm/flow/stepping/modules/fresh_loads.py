"""Weights that were loaded and have not been used yet: are they still what was loaded, and who wrote over them?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import CodeType, FrameType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import Loading
from gradcheck_lm.flow.stepping.recording.accounts import version_of
from gradcheck_lm.flow.stepping.recording.callers import frames
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.moves import fingerprint, unchanged


@dataclass
class Fresh:
    """One leaf that was loaded."""

    number: int  # the place of its loading in the events
    time: int
    codes: frozenset[CodeType]  # the functions that led to the loading
    version: int
    values: torch.Tensor | None  # a few of them


class FreshLoads:
    """From a load_state_dict to the next call of any module."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.writers: dict[int, int] = {}  # time of a loading -> the place that wrote over it
        self._waiting: dict[int, Fresh] = {}  # by leaf

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, event: Loading, tensors: Iterable[torch.Tensor], codes: frozenset[CodeType]) -> None:
        """These were loaded: the event is the log's last one."""
        number = len(self.log.events) - 1
        for tensor in tensors:
            fresh = Fresh(number, event.time, codes, version_of(tensor), fingerprint(tensor))
            self._waiting[self.log.accounts.of(tensor).index] = fresh

    def written(self, tensor: Any, frame: FrameType) -> None:
        """A line writes into a tensor; of one that was loaded the innermost function is noted that led to both."""
        index = self.log.accounts.at(tensor) if isinstance(tensor, torch.Tensor) and tensor.grad_fn is None else None
        fresh = None if index is None else self._waiting.get(index)
        if fresh is not None and fresh.time not in self.writers:
            both = next((one for one in frames(frame) if one.f_code in fresh.codes), frame)
            self.writers[fresh.time] = self.log.place(both)

    def first_use(self) -> None:
        """A module runs."""
        late: dict[int, list[int]] = {}
        for index, fresh in self._waiting.items():
            tensor = self.log.accounts[index].tensor
            if tensor is not None and (version_of(tensor) != fresh.version or _written_unseen(tensor, fresh.values)):
                late.setdefault(fresh.number, []).append(index)
        self._waiting = {}
        for number, indices in late.items():
            event = self.log.events[number]
            assert isinstance(event, Loading)
            self.log.events[number] = replace(event, overwritten=tuple(indices))


def _written_unseen(tensor: torch.Tensor, values: torch.Tensor | None) -> bool:
    """Through .data, which counts no version; a cast to another type is no writing."""
    return values is not None and values.dtype == tensor.dtype and not unchanged(tensor, values)
