"""Schedulers that will take the rate to 0 for good, told when they are made: their turn may come after the watch."""

from __future__ import annotations

from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.stepping.ledger import Schedule
from gradcheck_lm.flow.stepping.log import Log
from gradcheck_lm.flow.stepping.wraps import Wraps


class Schedules:
    """Sees every scheduler that is made."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def install(self, wraps: Wraps) -> None:
        """The base class's constructor runs last: the scheduler's own settings are there by then."""
        nothing = self.log.guarded(lambda token, result: None)
        wraps.attribute(torch.optim.lr_scheduler.LRScheduler, "__init__", self.log.guarded(self._made), nothing)

    def _made(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        scheduler = arguments[0]
        factor = getattr(scheduler, "gamma", None)
        if isinstance(factor, int | float) and factor == 0:
            self.log.add(Schedule(self.log.tick(), self.log.place(frame), kind=type(scheduler).__name__))
