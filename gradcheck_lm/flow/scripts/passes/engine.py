"""Where every backward pass of a script passes by: backward(), autograd.backward() and autograd.grad() alike."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from gradcheck_lm.flow.watching.capture import capturing
from gradcheck_lm.flow.watching.sites import Site, find_site, line_of

_ENGINE = "_engine_run_backward"  # the one function of torch.autograd that starts the engine


@dataclass(frozen=True)
class Started:
    """A backward pass that the script is about to run."""

    roots: tuple[torch.Tensor, ...]
    weights: tuple[torch.Tensor | None, ...]  # what the roots are multiplied by
    inputs: tuple[torch.Tensor, ...]  # () for all leaves
    accumulates: bool  # False: autograd.grad, which returns what it finds
    site: Site | None
    retains: bool  # the graph can be used again afterwards

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the call."""
        return line_of(self.site) if self.site is not None else ("", 0)


Around = Callable[[Started, Callable[[], Any]], Any]


class Engine:
    """Tells of each backward pass, from just before it starts until it has ended.

    Args:
        around: called with the pass and a function that runs it; gives what that function gives.
        packed: called whenever hooks on what is saved for the backward pass are switched on.
        aside: gives what else is to stand around passes of our own.
    """

    def __init__(
        self,
        around: Around,
        packed: Callable[[], None],
        aside: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._around = around
        self._aside = aside or nullcontext
        self._packed = packed
        self._inside = False
        self._process, self._thread = os.getpid(), get_ident()
        self.elsewhere = False  # a pass was started by another thread
        self.captured = False  # a pass was written into a CUDA graph

    def is_home(self) -> bool:
        """Whether this is the process and the thread that the watching began in."""
        return os.getpid() == self._process and get_ident() == self._thread

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While it is open; torch is as before afterwards."""
        original, enter = getattr(torch.autograd, _ENGINE), saved_tensors_hooks.__enter__
        around, packed = self._pass, self._packed

        @functools.wraps(original)
        def run_backward(t_outputs: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
            return around(original, t_outputs, args, kwargs)

        @functools.wraps(enter)
        def enter_hooks(hooks: saved_tensors_hooks) -> None:
            packed()
            enter(hooks)

        setattr(torch.autograd, _ENGINE, run_backward)
        saved_tensors_hooks.__enter__ = enter_hooks  # type: ignore[method-assign]
        try:
            yield
        finally:
            setattr(torch.autograd, _ENGINE, original)
            saved_tensors_hooks.__enter__ = enter  # type: ignore[method-assign]

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Passes of our own are none of the script's."""
        before, self._inside = self._inside, True
        try:
            with self._aside():
                yield
        finally:
            self._inside = before

    def _pass(self, original: Callable[..., Any], outputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # a checkpoint's, another thread's, or a step of torch.func on wrappers that have no values
        if self._inside or not self.is_home() or torch._C._are_functorch_transforms_active():
            self.elsewhere = self.elsewhere or get_ident() != self._thread
            return original(outputs, *args, **kwargs)
        if capturing():
            self.captured = True
            return original(outputs, *args, **kwargs)
        started = Started(
            _tensors(outputs), tuple(args[0]), _tensors(args[3]), kwargs["accumulate_grad"],
            find_site(sys._getframe(2)), bool(args[1]),
        )  # fmt: skip
        self._inside = True
        try:
            return self._around(started, functools.partial(original, outputs, *args, **kwargs))
        finally:
            self._inside = False


def _tensors(values: Any) -> tuple[torch.Tensor, ...]:
    found = (values,) if isinstance(values, torch.Tensor) else tuple(values or ())
    return tuple(value for value in found if isinstance(value, torch.Tensor))
