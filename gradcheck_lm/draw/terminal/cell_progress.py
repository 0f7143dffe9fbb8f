"""Progress in a notebook: one bar in the cell's output that fills up and goes when the work is done."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

_PAUSE = 0.1  # seconds between two pictures of the bar: each is a message to the browser


def kernel_shell() -> Any:
    """IPython's shell where it runs in a notebook's kernel; None in a terminal, and where nobody imported IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


class CellProgress:
    """A bar in the output of the cell that runs.

    Args:
        description: what is being done. total: how many pieces of work there are.
    """

    def __init__(self, description: str, total: int) -> None:
        self.description, self.total, self.done = description, total, 0
        self._started = self._drawn = time.monotonic()
        self._display: Any = sys.modules["IPython"].display
        self._handle = self._display.display(self._picture(""), display_id=True)

    def advance(self, steps: int = 1, *, message: str = "") -> None:
        """After each piece of work."""
        self.done += steps
        now = time.monotonic()
        if now - self._drawn >= _PAUSE or self.done >= self.total:
            self._drawn = now
            self._handle.update(self._picture(message))

    def close(self) -> None:
        """Leave one quiet line: what was done, and how long it took."""
        took = time.monotonic() - self._started
        text = f"{self.description}: {self.done}/{self.total}, {took:.1f} s"
        self._handle.update(self._display.HTML(f'<small style="opacity:.7">{html.escape(text)}</small>'))

    def _picture(self, message: str) -> Any:
        share = self.done / self.total if self.total else 0.0
        seconds = time.monotonic() - self._started
        left = f", {seconds / share - seconds:.0f} s left" if 0 < share < 1 else ""
        text = html.escape(f"{self.done}/{self.total}{left} {message}".rstrip())
        return self._display.HTML(
            f'<label>{html.escape(self.description)} <progress max="1" value="{share:.3f}"></progress> {text}</label>'
        )
