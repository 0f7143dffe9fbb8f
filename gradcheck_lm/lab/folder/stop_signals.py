"""SIGTERM and Ctrl-C as a wish to leave at the end of the step, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """While entered, notes the first SIGTERM or SIGINT in `number`; a second one acts as it always does.

    Signals belong to a process's main thread: elsewhere nothing is changed and `number` stays 0.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._put_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not made in Python and cannot be put back by name
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}


def name_of(number: int) -> str:
    """ "SIGTERM" of 15."""
    return signal.Signals(number).name
