"""What is noted of a script while it runs: its optimizers, its backward() calls, and the diagnosis of its loss."""

from __future__ import annotations

import functools
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import NO_MODULE, NO_OPTIMIZER, NOT_THE_FIRST
from gradcheck_lm.flow.gradients.subjects import loss_terms
from gradcheck_lm.flow.watching.recorder import Recorder

REFUSED = "does not require grad and does not have a grad_fn"  # autograd's word for a loss without a graph
_BACKWARD = torch.autograd.backward.__code__
_GRAD = torch.autograd.grad.__code__
# what a recorder holds beyond a step: its hooks into torch, where in the modules it is, and why gradient is off
_LASTING = (
    "_hooks", "_compiler", "_thread", "modules", "_module_index", "_module_stack", "_module_sites", "switches",
    "_switch", "_closed",
)  # fmt: skip
_LOOKS = 20  # with until="end": at most so many backward passes are diagnosed


class Enough(BaseException):
    """The first backward() has been diagnosed: leave the script. Not an Exception, so `except Exception` lets it by."""


class ScriptRecorder(Recorder):
    """A recorder that is told of every backward() before it happens."""

    def __init__(self, on_backward: Callable[[torch.Tensor], None]) -> None:
        super().__init__()
        self.on_backward = on_backward

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.backward:
            self.on_backward(args[0])
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def leaves(self) -> list[torch.Tensor]:
        """The tensors used so far that ask for a gradient and were not computed, in order."""
        met = (tensor for reference, _ in list(self._known.values()) if (tensor := reference()) is not None)
        return [tensor for tensor in met if tensor.is_leaf and tensor.requires_grad]

    def forget(self) -> None:
        """Start a new step: what was recorded so far belongs to the graph of the last one."""
        kept = {name: self.__dict__[name] for name in _LASTING}
        kept["roots"] = list(dict.fromkeys(reference for reference in self.roots if reference() is not None))
        self.__init__(self.on_backward)  # type: ignore[misc]
        self.__dict__.update(kept)


class Session:
    """One script's run: its optimizers and its diagnosis."""

    def __init__(self, until: str) -> None:
        self.until = until
        self.answer: Diagnosis | None = None
        self.looks = 0
        self.waiting: list[torch.optim.Optimizer] = []  # the last loss reached other optimizers' parameters alone
        self.full: Diagnosis | None = None  # of that loss, with the parameters of those that wait
        self.main: dict[str, Any] = {}
        self.held: list[weakref.ref[torch.optim.Optimizer]] = []
        self.recorder = ScriptRecorder(self._backward)

    @contextmanager
    def optimizers(self) -> Iterator[None]:
        """Note every optimizer that the script makes; torch is as before afterwards."""
        original = torch.optim.Optimizer.__init__
        held = self.held

        @functools.wraps(original)
        def noted(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            held.append(weakref.ref(optimizer))

        torch.optim.Optimizer.__init__ = noted  # type: ignore[method-assign, assignment]
        hook = register_optimizer_step_pre_hook(self._step)
        try:
            yield
        finally:
            hook.remove()
            torch.optim.Optimizer.__init__ = original  # type: ignore[method-assign]

    def _backward(self, loss: torch.Tensor) -> None:
        if self.until == "refused":
            if loss.requires_grad:
                self.recorder.forget()
            return
        if self.waiting and self.until == "first-backward":
            raise Enough
        self.waiting = []
        if self.looks >= _LOOKS or (self.answer is not None and not self.answer.ok):
            self.recorder.forget()
            return
        self.looks += 1
        self.answer, self.waiting = self._ask(loss), []
        self._spare_other_players(loss)
        if self.until == "first-backward" and not self.waiting:
            raise Enough
        self.recorder.forget()

    def _spare_other_players(self, loss: torch.Tensor) -> None:
        """With several optimizers a loss is often for some of them alone, as in a GAN: which ones, their steps tell."""
        optimizers = [optimizer for reference in self.held if (optimizer := reference()) is not None]
        assert self.answer is not None
        named, _ = self._wrt(optimizers)
        reached = {id(named[name]) for name in named if name not in self.answer.unreached}
        missed = [one for one in optimizers if not any(id(tensor) in reached for tensor in parameters_of(one))]
        if missed and len(missed) < len(optimizers):
            self.waiting, self.full = missed, self.answer
            self.answer = self._ask(loss, [one for one in optimizers if one not in missed])

    def _step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """An optimizer steps without any gradient, after a loss that reached others alone: it was meant as well."""
        if any(one is optimizer for one in self.waiting):
            self.waiting = [one for one in self.waiting if one is not optimizer]
            grads = [tensor.grad for tensor in parameters_of(optimizer) if tensor.grad is not None]
            if not any(bool(grad.detach().any()) for grad in grads):
                self.answer, self.waiting = self.full, []
                if self.until == "first-backward":
                    raise Enough

    def refused(self, error: RuntimeError) -> None:
        """Diagnose the loss that autograd refused; it is found in the frames that the error came through."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code in (_BACKWARD, _GRAD):
                given = frame.f_locals.get("tensors", frame.f_locals.get("outputs"))
                losses = [given] if isinstance(given, torch.Tensor) else list(given or ())
                self.answer = self._ask(next(loss for loss in losses if not loss.requires_grad))
                return

    def _ask(self, loss: torch.Tensor, optimizers: list[torch.optim.Optimizer] | None = None) -> Diagnosis:
        terms, given = loss_terms(loss, source="the tensor that backward() is called on")
        if optimizers is None:
            optimizers = [optimizer for reference in self.held if (optimizer := reference()) is not None]
        wrt, notes = self._wrt(optimizers)
        inquiry = Inquiry(self.recorder, wrt, terms, given=given, explicit=False)
        answer = inquiry.answer()
        if self.looks > 1 and answer.unreached:
            notes.append(NOT_THE_FIRST.told())
        return replace(answer, notes=(*notes, *answer.notes))

    def _wrt(self, optimizers: list[torch.optim.Optimizer]) -> tuple[dict[str, torch.Tensor], list[str]]:
        wanted = {id(tensor): tensor for optimizer in optimizers for tensor in parameters_of(optimizer)}
        notes: list[str] = []
        names = self._names(set(wanted))
        if not wanted:
            notes.append(NO_OPTIMIZER.told())
            wanted = {key: tensor for key, (_, tensor) in names.items() if tensor.requires_grad}
        if not wanted:
            notes[:] = [NO_MODULE.told()]
            wanted = {id(tensor): tensor for tensor in self.recorder.leaves()}
        if not wanted:
            raise TraceError(
                "backward() was called, and before it no optimizer was made, no module ran and no tensor with "
                "requires_grad=True was used: there is nothing to ask about. Call gradcheck_lm.diagnose(fn, "
                "wrt=tensors) with the tensors that should get a gradient."
            )
        for name, value in self.main.items():
            if isinstance(value, torch.Tensor) and id(value) in wanted:
                names.setdefault(id(value), (name, value))
        named: dict[str, torch.Tensor] = {}
        for place, (key, tensor) in enumerate(wanted.items()):
            name = names[key][0] if key in names else f"parameter {place}"
            named[name if name not in named else f"{name} ({place})"] = tensor
        return named, notes

    def _names(self, wanted: set[int]) -> dict[int, tuple[str, torch.Tensor]]:
        roots = [module for reference in self.recorder.roots if (module := reference()) is not None]
        roots = list(dict.fromkeys(roots))
        inner = {id(part) for root in roots for part in list(root.modules())[1:]}
        roots = [root for root in roots if id(root) not in inner]
        if wanted:
            roots = [root for root in roots if any(id(tensor) in wanted for tensor in root.parameters())]
        variables = {id(value): name for name, value in self.main.items() if isinstance(value, torch.nn.Module)}
        found: dict[int, tuple[str, torch.Tensor]] = {}
        for root in roots:
            prefix = "" if len(roots) == 1 else variables.get(id(root), type(root).__name__) + "."
            for name, tensor in root.named_parameters():
                found.setdefault(id(tensor), (prefix + name, tensor))
        return found


def parameters_of(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """All tensors that an optimizer holds."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]
