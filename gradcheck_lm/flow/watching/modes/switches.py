"""Where gradient is switched off, and why: no_grad, inference_mode, a custom Function's forward, a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch

from gradcheck_lm.flow.watching.sites import Site, find_site, frame_kind
from gradcheck_lm.flow.watching.tape import IN_CHECKPOINT, IN_FUNCTION, OPEN, Switch

APPLY = torch.autograd.function.Function.apply.__func__.__code__  # type: ignore[attr-defined]  # the frame of a custom Function's call


class Switches:
    """Follows no_grad, inference_mode and their like through a run."""

    def __init__(self) -> None:
        self.seen: list[Switch] = []
        self._now = OPEN  # place in `seen`
        self._closed: list[int] = []  # those that an enable_grad() interrupts

    def open(self) -> None:
        """Begin to follow: gradient may be off already."""
        if not torch.is_grad_enabled():
            self.seen.append(Switch(None, None, torch.is_inference_mode_enabled(), False))
            self._now = len(self.seen) - 1

    def turn(self, func: Callable[..., Any], args: tuple[Any, ...], frame: FrameType) -> Any:
        """Do a call that switches gradient on or off, and note it."""
        frame = _switching(frame)
        before = torch.is_grad_enabled()
        result = func(*args)
        after = torch.is_grad_enabled()
        if before and not after:
            if _is_by(frame, "__exit__") and self._closed:
                self._now = self._closed.pop()  # an enable_grad() inside a no_grad() ends
            else:
                self._note(frame, inference=False)
        elif after and not before:
            if self._now != OPEN:
                self._closed.append(self._now)
            self._now = OPEN
        elif not before and not after and self._now != OPEN and _is_by(frame, "__enter__"):
            self.seen[
                self._now
            ].lasting = False  # with torch.set_grad_enabled(False): made, which switches, then entered
        return result

    def scope(self, frame: FrameType) -> int:
        """Why gradient is off here, found where no event told of it: a place in `seen`, or a constant of tape."""
        if self._now != OPEN and not self.seen[self._now].inference:
            return self._now
        if torch.is_inference_mode_enabled():
            if self._now == OPEN or not self.seen[self._now].inference:
                self._note(frame, inference=True)
                index, self._now = self._now, OPEN
                return index
            return self._now
        walker: FrameType | None = frame
        while walker is not None:
            if walker.f_code is APPLY:
                return IN_FUNCTION
            if walker.f_code.co_filename.endswith("checkpoint.py") and walker.f_code.co_name == "forward":
                return IN_CHECKPOINT
            walker = walker.f_back
        return IN_FUNCTION

    def lead(self, scope: int, code: CodeType, frame: FrameType | None) -> None:
        """Note, once for each code that runs without gradient, the line that led to it where that was switched off."""
        switch = self.seen[scope]
        if code in switch.led:
            return
        while frame is not None and frame.f_code is not switch.off:
            frame = frame.f_back
        switch.led[code] = None if frame is None else Site(frame.f_code, frame.f_lasti, None, 0)

    def _note(self, frame: FrameType, *, inference: bool) -> None:
        decorated, sampling = None, False
        stack: list[tuple[CodeType, int]] = []
        walker: FrameType | None = frame
        while walker is not None and len(stack) < 12:
            code = walker.f_code
            stack.append((code, walker.f_lasti))
            if code.co_name == "decorate_context" and decorated is None:
                decorated = getattr(walker.f_locals.get("func"), "__code__", None)
            sampling = sampling or "torch/distributions" in code.co_filename.replace("\\", "/")
            walker = walker.f_back
        lasting = not inference and decorated is None and not _is_by(frame, "__enter__") and not _is_torchs(frame)
        self.seen.append(Switch(find_site(frame), decorated, inference, sampling, tuple(stack), lasting))
        self._now = len(self.seen) - 1


def _switching(frame: FrameType) -> FrameType:
    """The frame that switches gradient: a recorder built on this one hands its calls on."""
    while frame.f_code.co_name == "__torch_function__" and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_by(frame: FrameType, name: str) -> bool:
    """Whether gradient is switched by a block's `__enter__` or `__exit__`: torch's own, or one of the program's."""
    return name in (frame.f_code.co_name, frame.f_back.f_code.co_name if frame.f_back is not None else "")


def _is_torchs(frame: FrameType) -> bool:
    """Whether torch itself calls what switches gradient, as its optimizers do, which put it back."""
    caller = frame.f_back if frame.f_code.co_name == "__init__" else frame
    return caller is not None and frame_kind(caller.f_code) == 0
