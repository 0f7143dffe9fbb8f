"""The next batches, made by threads while the recogniser learns from the present one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

from gradcheck_lm.lab.lines.data import LineData

Item = TypeVar("Item")
_MOST = 8  # more threads wait for one another's turn to run Python


def workers_for(data: LineData, wanted: int | None, device: torch.device) -> int:
    """How many threads make the batches.

    Args:
        wanted: as the user said; None: one, or where a GPU learns from files half of the cores that torch may use, for
            there one thread does not keep up.
        device: that learns.
    """
    if not data.from_files:
        return 1  # pixels in memory are only copied, and what draws a line may not be made for several threads
    if wanted is None:
        return 1 if device.type == "cpu" else min(_MOST, max(1, torch.get_num_threads() // 2))
    return wanted


class Prefetch(Generic[Item]):
    """Gives what `make(step)` gives, step after step, made a few steps ahead of time.

    Threads and no processes: reading, scaling and augmenting run outside of Python's lock, nothing has to be copied or
    pickled, and what kills the run kills the threads. An error is raised when its own step is asked for. Leaving the
    block, in whatever way, waits for what is being made and drops the rest: nothing goes on behind the caller's back.

    Args:
        make: from a step to what it needs, and from nothing else: no global random numbers, no other thread's objects.
            With several workers it runs for several steps at once.
        steps: the steps that will be asked for, in this order; none beyond them is made.
        ahead: how many are made before they are asked for, at least one for each worker; 0: no thread, each is made
            when it is asked for.
        workers: threads that make them.
        later: no thread runs before `start` is called.
    """

    def __init__(
        self, make: Callable[[int], Item], steps: range, *, ahead: int, workers: int = 1, later: bool = False
    ) -> None:
        self.make, self.ahead, self.workers = make, ahead and max(ahead, workers), workers
        self.later = later
        self.waited = 0.0
        """Seconds that the last `take` took."""
        self._steps = iter(steps)
        self._made: dict[int, Future[Item]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Prefetch[Item]:
        if not self.later:
            self.start()
        return self

    def start(self) -> None:
        """Begin to make batches ahead, if that has not begun."""
        if self.ahead and self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="batches")
            self._order_more()

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._made.clear()

    def take(self, step: int) -> Item:
        """What belongs to a step. Raises what `make` raised for it."""
        began = time.perf_counter()
        try:
            if self._pool is None:
                next(self._steps, None)
                return self.make(step)
            found = self._made.pop(step).result()
            self._order_more()
            return found
        finally:
            self.waited = time.perf_counter() - began

    def _order_more(self) -> None:
        assert self._pool is not None
        while len(self._made) < self.ahead and (step := next(self._steps, None)) is not None:
            self._made[step] = self._pool.submit(self.make, step)
