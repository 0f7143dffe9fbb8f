"""Checking an exercise again whenever its file changes, and the keys that a learner presses meanwhile."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

INTERVAL = 0.5  # seconds between looks; polling also works where file events do not, in containers and on shares


def watch_file(
    path: Path,
    changed: Callable[[], object],
    *,
    interval: float = INTERVAL,
    sleep: Callable[[float], None] = time.sleep,
    looks: int | None = None,
    pressed: Callable[[], str] = lambda: "",
    does: Mapping[str, Callable[[], object]] | None = None,
    wanted: str = "",
) -> str:
    """Call `changed` at once, and again after each change of a file, until a key is pressed that is wanted.

    Args:
        path: an editor may delete and write it anew; while it is missing nothing happens.
        changed: called with nothing.
        interval: > 0, seconds between looks.
        sleep: waits that long.
        looks: stop after so many looks; None for never.
        pressed: gives the keys pressed since the last look.
        does: key -> what is called where it is pressed; the watching goes on.
        wanted: keys that end the watching.
    Returns:
        The key, or "" at the end of the looks.
    """
    seen = _stamp(path)
    changed()
    while looks is None or looks > 0:
        sleep(interval)
        looks = None if looks is None else looks - 1
        for key in pressed():
            if key in wanted:
                return key
            if does and key in does:
                does[key]()
        now = _stamp(path)
        if now is not None and now != seen:
            seen = now
            changed()
    return ""


@contextmanager
def keys() -> Iterator[Callable[[], str]]:
    """Gives a function that returns the keys pressed since the last call, without waiting for Enter.

    Where the input is no terminal, no key is ever pressed; on systems without termios neither.
    """
    try:
        import select
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (ImportError, OSError, ValueError, AttributeError, termios.error):
        yield lambda: ""
        return

    def pressed() -> str:
        found = ""
        while select.select([terminal], [], [], 0)[0]:
            try:
                piece = os.read(terminal, 1)
            except OSError:  # the terminal is gone
                break
            if not piece:
                break
            found += piece.decode("ascii", "ignore")
        return found.lower()

    tty.setcbreak(terminal)
    try:
        yield pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
