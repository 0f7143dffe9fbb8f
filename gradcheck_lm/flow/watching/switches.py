"""Where gradient is switched off and on again during a run, and why it is off where no event told of it."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradcheck_lm.flow.watching.sites import find_site
from gradcheck_lm.flow.watching.tape import IN_CHECKPOINT, IN_FUNCTION, OPEN, Switch

APPLY = torch.autograd.function.Function.apply.__func__.__code__  # type: ignore[attr-defined]  # the frame of a custom Function's call


class Switches(TorchFunctionMode):
    """The part of a recorder that follows no_grad, inference_mode and their like."""

    switches: list[Switch]
    _switch: int
    _closed: list[int]

    def _switch_gradient(self, func: Callable[..., Any], args: tuple[Any, ...], frame: FrameType) -> Any:
        before = torch.is_grad_enabled()
        result = func(*args)
        after = torch.is_grad_enabled()
        if before and not after:
            if frame.f_back is not None and frame.f_back.f_code.co_name == "__exit__" and self._closed:
                self._switch = self._closed.pop()  # an enable_grad() inside a no_grad() ends
            else:
                self._open_switch(frame, inference=False)
        elif after and not before:
            if self._switch != OPEN:
                self._closed.append(self._switch)
            self._switch = OPEN
        return result

    def _open_switch(self, frame: FrameType, *, inference: bool) -> None:
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
        self.switches.append(Switch(find_site(frame), decorated, inference, sampling, tuple(stack)))
        self._switch = len(self.switches) - 1

    def _scope(self, frame: FrameType) -> int:
        """Why gradient is off here, found where no event told of it."""
        inside = None
        walker: FrameType | None = frame
        if self._switch != OPEN and not self.switches[self._switch].inference:
            return self._switch
        if torch.is_inference_mode_enabled():
            if self._switch == OPEN or not self.switches[self._switch].inference:
                self._open_switch(frame, inference=True)
                index, self._switch = self._switch, OPEN
                return index
            return self._switch
        while walker is not None and inside is None:
            if walker.f_code is APPLY:
                inside = IN_FUNCTION
            elif walker.f_code.co_filename.endswith("checkpoint.py") and walker.f_code.co_name == "forward":
                inside = IN_CHECKPOINT
            walker = walker.f_back
        return IN_FUNCTION if inside is None else inside
