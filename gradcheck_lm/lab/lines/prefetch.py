"""The next batches, made by a thread while the recogniser learns from the present one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """Gives what `make(step)` gives, step after step, made a few steps ahead of time.

    A thread and no process: reading, scaling and augmenting run outside of Python's lock, nothing has to be copied or
    pickled, and what kills the run kills the thread. An error is raised when its own step is asked for. Leaving the
    block, in whatever way, waits for what is being made and drops the rest: nothing goes on behind the caller's back.

    Args:
        make: from a step to what it needs, and from nothing else: no global random numbers, no other thread's objects.
        steps: the steps that will be asked for, in this order; none beyond them is made.
        ahead: how many are made before they are asked for; 0: no thread, each is made when it is asked for.
    """

    def __init__(self, make: Callable[[int], Item], steps: range, *, ahead: int) -> None:
        self.make, self.ahead = make, ahead
        self.waited = 0.0
        """Seconds that the last `take` took."""
        self._steps = iter(steps)
        self._made: dict[int, Future[Item]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Prefetch[Item]:
        if self.ahead:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
            self._order_more()
        return self

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
