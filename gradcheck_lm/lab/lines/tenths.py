"""How far a long job is: nothing where it is short, else a sentence at each tenth."""

from __future__ import annotations

import time
from collections.abc import Callable


class Tenths:
    """Called with the number of pieces just done; tells each tenth, once the job has taken longer than a moment.

    Args:
        tell: takes a sentence; None for nobody.
        what: is done, as in "preparing lines".
        total: pieces of the whole.
        moment: seconds in which nothing is told.
    """

    def __init__(
        self,
        tell: Callable[[str], object] | None,
        what: str,
        total: int,
        *,
        moment: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tell, self.what, self.total, self.moment, self.clock = tell, what, total, moment, clock
        self.began, self.done, self.told = clock(), 0, 0

    def __call__(self, count: int = 1) -> None:
        """Add to what is done."""
        self.done += count
        tenth = 10 * self.done // max(1, self.total)
        if self.tell and tenth > self.told and self.clock() - self.began >= self.moment:
            self.told = tenth
            self.tell(f"{self.what}: {self.done} of {self.total}")
