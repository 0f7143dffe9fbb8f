"""Warnings of a watched script, at the lines of the script: the frames that look on are no lines of it."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gradcheck_lm.flow.scripts.frames import DETOUR, is_looking_on
from gradcheck_lm.flow.watching import recorder

_SHOW = "_showwarnmsg"  # what both of Python's implementations call with a warning that is to be shown


@contextmanager
def at_own_lines() -> Iterator[None]:
    """While it is open, a warning that Python places in the recorder is placed where it would be without it.

    A function called through a mode has the recorder's frames between itself and its caller; Python counts them. Such a
    warning is let through every filter by a filter of ours, and filed anew at the caller's line, where the script's
    filters and Python's "once a line" decide on it.
    """
    show = getattr(warnings, _SHOW, None)
    if show is None:
        yield
        return

    def moved(message: Any) -> None:
        if is_looking_on(message.filename) and (frame := _caller(message.filename)) is not None:
            variables = frame.f_globals
            warnings.warn_explicit(
                message.message,
                message.category,
                frame.f_code.co_filename,
                frame.f_lineno,
                variables.get("__name__", "<unknown>"),
                variables.setdefault("__warningregistry__", {}),
                variables,
                message.source,
            )
            return
        show(message)

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


def _caller(file: str) -> FrameType | None:
    """The frame that called what the recorder's innermost frame stands for."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != file:  # what shows the warning, and what warned
        frame = frame.f_back
    while frame is not None and is_looking_on(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None and frame.f_code.co_name == DETOUR:
        frame = frame.f_back  # the function itself, once more, on its way to the mode
        frame = frame.f_back if frame is not None else None
    return frame
