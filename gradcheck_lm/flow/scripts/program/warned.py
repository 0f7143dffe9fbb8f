"""Warnings of a watched script, at the lines of the script: the frames that look on are no lines of it."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gradcheck_lm.flow.scripts.program.frames import places_of_ours
from gradcheck_lm.flow.watching import recorder

_SHOW = "_showwarnmsg"  # what both of Python's implementations call with a warning that is to be shown


@contextmanager
def at_own_lines() -> Iterator[None]:
    """While it is open, a warning is placed where it would be without us.

    What is called through a mode has frames of ours between itself and its caller, and Python counts them. A warning
    that Python places in the recorder is let through by a filter of ours, and filed anew at the right line, where the
    script's filters and Python's "once a line" decide on it.
    """
    show = getattr(warnings, _SHOW, None)
    if show is None:
        yield
        return

    moving: list[Any] = []  # those that are being filed anew

    def moved(message: Any) -> None:
        if (
            any(one is message.message for one in moving)
            or (frame := _moved_to(message.filename, message.lineno)) is None
        ):
            show(message)
            return
        moving.append(message.message)
        try:
            variables = frame.f_globals
            warnings.warn_explicit(
                message.message,
                message.category,
                frame.f_code.co_filename,
                frame.f_lineno,
                variables.get("__name__", "<unknown>"),
                variables.setdefault("__warningregistry__", {}),
                None,  # as warnings.warn does: Python 3.12 asks the variables for a loader that a script may not have
                message.source,
            )
        finally:
            moving.pop()

    ours = ("always", None, Warning, re.compile(re.escape(recorder.__name__) + r"\Z"), 0)
    filters: Any = warnings.filters
    filters.insert(0, ours)
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None  # type: ignore[attr-defined]
    setattr(warnings, _SHOW, moved)
    try:
        yield
    finally:
        if getattr(warnings, _SHOW) is moved:
            setattr(warnings, _SHOW, show)
        if ours in filters:
            filters.remove(ours)


def _moved_to(file: str, line: int) -> FrameType | None:
    """The frame that a warning belongs to, where our frames have shifted it; None where it stands right.

    A warning names its place by a count of frames: as many as it counted are counted again, without ours.
    """
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    while frames and frames[0].f_code.co_filename in (__file__, warnings.__file__):
        frames.pop(0)
    count = next((i for i, one in enumerate(frames) if (one.f_code.co_filename, one.f_lineno) == (file, line)), None)
    if count is None:
        return None
    ours = places_of_ours([one.f_code for one in reversed(frames)])
    own = [one for place, one in enumerate(frames) if len(frames) - 1 - place not in ours]
    if count >= len(own) or own[count] is frames[count]:
        return None
    return own[count]
