"""What a recording is made of while it is made: which call gave which tensors, and which tensor is which value."""

from __future__ import annotations

import bisect
import itertools
import sys
import weakref
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.watching import numbers as host
from gradcheck_lm.flow.watching.meeting import Meeting, storage_address
from gradcheck_lm.flow.watching.sites import Site
from gradcheck_lm.flow.watching.tape import FLOATS, OPEN, Call, Token, named_operation
from gradcheck_lm.flow.watching.unseen import unseen

_serial = itertools.count()
# Autograd numbers its nodes: to read that count after each call is far cheaper than to write a mark on each node.
# Where torch has no such count, the marks are written.
SEQUENCE: Callable[[], int] | None = getattr(torch.autograd, "_get_sequence_nr", None)


class Ledger(Meeting):
    """The part of a recorder that writes down what calls made, and finds a tensor's value again."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.tokens: list[Token] = []
        self.ends: list[int] = []  # per call: how many autograd nodes this thread had made after it
        self.start = 0
        self.program: Site | None = None  # the function under diagnosis: where a plain number that it returns is placed
        self.exports: list[int] = []
        self.scalars: dict[int, torch.Tensor] = {}  # values of one number, copied: they may be terms of a loss
        self.mutated: dict[int, int] = {}  # storage address -> token of its last change
        self.stamp = f"gradcheck_lm.{next(_serial)}"
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._addresses: dict[int, int] = {}  # data address -> newest token
        self._arrays: list[tuple[weakref.ref[Any], int, int]] = []  # exported NumPy memory: array, address, call

    def _finish(
        self, call: Call, result: Any, tensors: list[torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        operation = call.operation
        produced: list[torch.Tensor] = []
        if isinstance(result, torch.Tensor):
            if not (operation.in_place or operation.factory or kwargs):  # the common case
                if not any(result is tensor for tensor in tensors):
                    self._keep(call, [result], changed=0)
                return
            produced.append(result)
        elif result is not None and not operation.export:
            collect((result,), produced)
        if operation.in_place or "out" in kwargs or kwargs.get("inplace") is True:
            target = kwargs["out"] if "out" in kwargs else args[0] if args else None
            targets: list[torch.Tensor] = []
            collect((target,), targets)
            produced = targets + [tensor for tensor in produced if all(tensor is not other for other in targets)]
            self._keep(call, produced, changed=len(targets))
        elif operation.export:
            call.host = host.numbers(args[0] if operation.name == "__reduce_ex__" else result)
            call.branch_value = operation.branch
            self.exports.append(len(self.calls))
            self._keep_array(result)
            self._keep(call, [], changed=0)
        elif produced:
            same = {id(tensor) for tensor in tensors}
            fresh = [tensor for tensor in produced if id(tensor) not in same]
            if fresh:  # x.float() of a float tensor gives x itself: no step
                if operation.factory and self._arrays:
                    source = self._array_source(fresh[0])
                    call.memory = -1 if source is None else source
                if operation.derivative.pairwise and len(produced) == len(call.inputs):
                    for parent, tensor in zip(call.inputs, produced, strict=True):
                        self._keep_pair(call, parent, [tensor] if id(tensor) not in same else [])
                    return
                self._keep(call, fresh, changed=0)

    def _keep_pair(self, call: Call, parent: int, produced: list[torch.Tensor]) -> None:
        """One output of a call whose outputs are its inputs in another shape, each its own."""
        live = self.tokens[parent].requires_grad
        self._keep(Call(call.operation, (parent,), live, call.scope, call.site, call.module), produced, changed=0)

    def _keep_one(self, call: Call, tensor: torch.Tensor) -> None:
        """As `_keep`, for a new tensor of torch's own making."""
        number, index = len(self.tokens), len(self.calls)
        token = Token(tensor, index)
        if SEQUENCE is None or not token.shape:
            self._keep(call, [tensor], changed=0)
            return
        self.tokens.append(token)
        self._known[id(tensor)] = (weakref.ref(tensor), number)
        try:  # noqa: SIM105 - contextlib.suppress would cost more than what it guards
            self._addresses[tensor.data_ptr()] = number
        except (RuntimeError, NotImplementedError):  # sparse, functorch's wrappers, fake tensors
            pass
        call.outputs = (number,)
        self.calls.append(call)
        self.ends.append(SEQUENCE())

    def _keep(self, call: Call, produced: list[torch.Tensor], *, changed: int) -> None:
        index = len(self.calls)
        outputs = []
        for position, tensor in enumerate(produced):
            token = self._new_token(tensor, index)
            outputs.append(token)
            kept = self.tokens[token]
            if not kept.shape and kept.is_float:
                with unseen():
                    self.scalars[token] = tensor.detach().clone()
            if SEQUENCE is None and kept.requires_grad and (node := tensor.grad_fn) is not None:
                node.metadata[self.stamp] = index  # type: ignore[index]
            if position < changed and tensor.dtype in FLOATS and (address := storage_address(tensor)):
                self.mutated[address] = token
        call.outputs = tuple(outputs)
        self.calls.append(call)
        if SEQUENCE is not None:
            self.ends.append(SEQUENCE())

    # ------------------------------------------------------------------ tensors

    def _read(self, tensor: torch.Tensor, frame: FrameType) -> int:
        number = self.token_of(tensor)
        if number is None:
            number = self._meet(tensor, frame)
        elif tensor.requires_grad and not self.tokens[number].requires_grad:
            number = self._revive(tensor, number, frame)
        if self.mutated:
            change = self.mutated.get(storage_address(tensor))
            if change is not None and change > number:  # changed through a view or a base of it
                if tensor.requires_grad and tensor.grad_fn is None:  # a leaf: autograd knows nothing of the change
                    site = self.calls[self.tokens[change].producer].site
                    return self._join(tensor, "torch.Tensor.data", (number, change), frame, site=site)
                number = self._join(tensor, "view", (number, change), frame)
        return number

    def number(self, value: float) -> int:
        """A loss term that is a plain Python number: a token that only values from outside torch lead to."""
        call = Call(named_operation("number"), (), False, OPEN, self.program)
        call.host = host.numbers(value)
        tensor = torch.tensor(float(value))
        self._keep(call, [tensor], changed=0)
        return call.outputs[0]

    def call_of(self, node: Any) -> int | None:
        """The call during which an autograd node was made, None for one from before the block."""
        index = node.metadata.get(self.stamp)
        if index is not None or not self.ends:
            return index
        number = node._sequence_nr()
        place = bisect.bisect_right(self.ends, number)
        return place if self.start <= number and place < len(self.ends) else None

    def see(self, tensor: torch.Tensor) -> int:
        """The token of a tensor as it is now, after the block."""
        return self._read(tensor, sys._getframe(1))


def collect(items: Any, found: list[torch.Tensor]) -> None:
    """All tensors in nested lists, tuples, dicts and slices."""
    for item in items:
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, list | tuple):
            collect(item, found)
        elif isinstance(item, dict):
            collect(item.values(), found)
        elif isinstance(item, slice):
            collect((item.start, item.stop, item.step), found)
