"""Which frames of an error are the script's own: tracebacks as Python would have shown them without us."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from types import CodeType, TracebackType

from gradcheck_lm.flow import scripts, stepping, watching
from gradcheck_lm.flow.watching.sites import frame_kind

# the rooms whose frames stand between the script's own while it runs, with the rooms inside them
_LOOKING_ON = tuple(os.path.abspath(room.__path__[0]) + os.sep for room in (scripts, watching, stepping))
DETOUR = "handle_torch_function"  # by which torch leads a call to the mode that watches it


def is_looking_on(file: str) -> bool:
    """Whether a frame is of the code that watches a script, and not of the script."""
    return os.path.abspath(file).startswith(_LOOKING_ON) if not file.startswith("<") else False


def without_ours(error: BaseException) -> BaseException:
    """The same error with the script's own frames alone, and those of what it calls; so are the errors behind it."""
    errors, seen = [error], set()
    while errors:
        one = errors.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _own(one.__traceback__)
        errors += [other for other in (one.__cause__, one.__context__) if other is not None]
        if isinstance(one, BaseExceptionGroup):
            errors += one.exceptions
    return error


def places_of_ours(codes: Sequence[CodeType]) -> set[int]:
    """Which frames of a stack, outermost first, stand there because of us: ours, and torch's way from a call to us."""
    ours = {place for place, code in enumerate(codes) if is_looking_on(code.co_filename)}
    detours = {place for place, code in enumerate(codes) if place + 1 in ours and code.co_name == DETOUR}
    detours |= {place - 1 for place in detours if place and codes[place - 1] in codes[place:]}  # the function, twice
    return ours | detours


def _own(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    codes = [one.tb_frame.f_code for one in frames]
    ours = places_of_ours(codes)
    start = next((place for place in sorted(ours) if codes[place].co_name == "watch_script"), -1)
    kept = [one for place, one in enumerate(frames) if place > start and place not in ours]
    for one, following in zip(kept, [*kept[1:], None], strict=True):
        one.tb_next = following
    return kept[0] if kept else None


def script_line(error: BaseException) -> tuple[str, str, int] | None:
    """(file, function, line) of the last line of the user's own that an error came through."""
    frames = list(_frames(error))
    own = [frame for frame, kind in frames if kind == 2] or [frame for frame, kind in frames if kind == 1]
    return own[-1] if own else None


def _frames(error: BaseException) -> Iterator[tuple[tuple[str, str, int], int]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        yield (code.co_filename, code.co_name, line), frame_kind(code)
