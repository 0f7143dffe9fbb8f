"""Checking an exercise again whenever its file changes; never goes on to the next lesson by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.5  # seconds between looks; polling also works where file events do not, in containers and on shares


def watch_file(
    path: Path,
    changed: Callable[[], object],
    *,
    interval: float = INTERVAL,
    sleep: Callable[[float], None] = time.sleep,
    looks: int | None = None,
) -> None:
    """Call `changed` at once, and again after each change of a file.

    Args:
        path: an editor may delete and write it anew; while it is missing nothing happens.
        changed: called with nothing.
        interval: > 0, seconds between looks.
        sleep: waits that long.
        looks: stop after so many looks; None for never.
    """
    seen = _stamp(path)
    changed()
    while looks is None or looks > 0:
        sleep(interval)
        looks = None if looks is None else looks - 1
        now = _stamp(path)
        if now is not None and now != seen:
            seen = now
            changed()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
