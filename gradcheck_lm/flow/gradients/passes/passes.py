"""Backward passes that a watched program runs itself: they free their graphs, so they are read while they run."""

from __future__ import annotations

import functools
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

from gradcheck_lm.flow.gradients.autograd import Gradients
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.gradients.engine import Autograd
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass

_ENGINE = "_engine_run_backward"  # the one function of torch.autograd that starts the engine
_MOST = 4  # passes kept, each with the nodes of its graph: a loss that is asked about is one of the last


class OwnPasses:
    """Autograd, asked by passes of our own where the graph is there, and where it is gone by what was read before.

    `.grad` cannot say it: a pass adds to what earlier ones left there.

    Args:
        hold: keep the last passes as long as this lives; else each as long as the tensor that it started from, whose
            graph holds the same leaves.
        hooked: whether the program has put hooks on tensors so far.
    """

    def __init__(self, *, hold: bool, hooked: Callable[[], bool]) -> None:
        self._passes: deque[OwnPass] = deque(maxlen=_MOST)
        self._hold, self._hooked = hold, hooked
        self._autograd = Autograd()
        self._inside = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the program runs; torch is as before afterwards."""
        original, thread = getattr(torch.autograd, _ENGINE), get_ident()

        @functools.wraps(original)
        def run_backward(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            accumulates, retains = kwargs.get("accumulate_grad", False), bool(args[1])
            busy = self._inside or get_ident() != thread or torch._C._are_functorch_transforms_active()
            if busy or retains or not accumulates:
                return original(outputs, *args, **kwargs)
            inputs = args[3] if len(args) > 3 else ()
            return self._read(outputs, inputs, functools.partial(original, outputs, *args, **kwargs))

        setattr(torch.autograd, _ENGINE, run_backward)
        try:
            yield
        finally:
            setattr(torch.autograd, _ENGINE, original)

    def _read(self, outputs: Any, inputs: Any, run: Callable[[], Any]) -> Any:
        given = (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)
        roots = [one for one in given if isinstance(one, torch.Tensor)]
        own = OwnPass(roots, [], hooked=self._hooked(), partial=bool(inputs))
        self._inside = True  # a checkpoint's pass inside this one is a part of it
        try:
            with own.watched():
                result = run()
        finally:
            self._inside = False
        self._passes.append(own)
        for root in roots if not self._hold else ():
            weakref.finalize(root, self._let_go, own).atexit = False
        return result

    def _let_go(self, own: OwnPass) -> None:
        if own in self._passes:
            self._passes.remove(own)

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """Gradients of `loss`, or of an `edge` in its graph."""
        found = self._autograd.gradients(loss, tensors, edge)
        own, edge = self._pass_of(loss, edge) if found.freed else (None, edge)
        return found if own is None else replace(own.gradients(loss, tensors, edge), freed=True, own=True)

    def deaths(
        self,
        loss: torch.Tensor,
        tensors: Sequence[torch.Tensor],
        call_of: Callable[[Any], int | None],
        edge: Any = None,
    ) -> dict[int, Death]:
        """Where the gradient of `loss`, or of an `edge` in its graph, dies on its way to each tensor, by position."""
        own, of_pass = self._pass_of(loss, edge)
        if own is None:
            return self._autograd.deaths(loss, tensors, call_of, edge)
        return own.deaths(loss, tensors, call_of, of_pass)

    def _pass_of(self, loss: torch.Tensor, edge: Any) -> tuple[OwnPass | None, Any]:
        """The last pass that went through a loss, and where it did: None for its root."""
        node = loss.grad_fn if edge is None else edge.node
        for own in reversed(self._passes):
            if node in own.nodes:
                is_root = edge is None and own.roots.get(id(loss)) is node
                return own, None if is_root else edge or get_gradient_edge(loss)
        return None, edge
