"""Tensors that no recorded call made: parameters, inputs, from_numpy, nn.Parameter(x), a custom Function's."""

from __future__ import annotations

import weakref
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gradcheck_lm.flow.watching import numbers as host
from gradcheck_lm.flow.watching.sites import Site
from gradcheck_lm.flow.watching.tape import NO_ARRAY, OPEN, OWN_MEMORY, Call, Token, named_operation


class Meeting(TorchFunctionMode):
    """The part of a recorder that finds out where an unknown tensor comes from."""

    calls: list[Call]
    tokens: list[Token]
    exports: list[int]
    _known: dict[int, tuple[weakref.ref[torch.Tensor], int]]
    _addresses: dict[int, int]
    _arrays: list[tuple[weakref.ref[Any], int, int]]

    def _new_token(self, tensor: torch.Tensor, producer: int) -> int:
        number = len(self.tokens)
        self.tokens.append(Token(tensor, producer))
        self._known[id(tensor)] = (weakref.ref(tensor), number)
        try:
            self._addresses[tensor.data_ptr()] = number
        except (RuntimeError, NotImplementedError):  # sparse, functorch's wrappers, fake tensors
            return number
        return number

    def token_of(self, tensor: torch.Tensor) -> int | None:
        """The newest token of a tensor, None where it was never seen."""
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _site(self, frame: FrameType | None) -> Site | None:
        raise NotImplementedError

    def call_of(self, node: Any) -> int | None:
        raise NotImplementedError

    def _keep(self, call: Call, produced: list[torch.Tensor], *, changed: int) -> None:
        raise NotImplementedError

    def _meet(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor that no recorded call made: a parameter, an input, from_numpy, FloatTensor, nn.Parameter(x)."""
        if tensor.grad_fn is not None:
            parents = self._graph_parents(tensor)
            if parents:
                return self._join(tensor, node_title(tensor), parents, frame)
        elif self.exports and not tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
            return self._meet_after_export(tensor, frame)
        alias = self._alias(tensor)
        if alias is not None:
            title = "torch.nn.Parameter" if isinstance(tensor, torch.nn.Parameter) else "alias"
            return self._join(tensor, title, (alias,), frame)
        return self._new_token(tensor, -1)

    def _meet_parameter(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A parameter that was not seen yet, the short way: a model has many."""
        address = address_of(tensor)
        if address in self._addresses:  # it may be made of a value that was seen: nn.Parameter(x)
            return self._meet(tensor, frame)
        number = len(self.tokens)
        self.tokens.append(Token(tensor, -1))
        self._known[id(tensor)] = (weakref.ref(tensor), number)
        self._addresses[address] = number
        return number

    def _meet_after_export(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor without history, met after values left torch: it may be made of them."""
        memory = self._array_source(tensor)
        alias = self._alias(tensor) if memory is None else None
        if alias is not None:
            return self._join(tensor, "alias", (alias,), frame)
        call = Call(named_operation("torch.from_numpy"), (), False, OPEN, self._site(frame))
        call.host = host.numbers(tensor)
        call.memory = memory if memory is not None else OWN_MEMORY if owns_memory(tensor) else NO_ARRAY
        self._keep(call, [tensor], changed=0)
        return call.outputs[0]

    def _alias(self, tensor: torch.Tensor) -> int | None:
        """A known token with the same memory, shape and type."""
        address = address_of(tensor)
        number = self._addresses.get(address) if address else None
        if number is None:
            return None
        token = self.tokens[number]
        if token.shape != tensor.shape or token.dtype != tensor.dtype:
            return None
        if tensor.requires_grad or isinstance(tensor, torch.nn.Parameter):
            return number  # Variable(x.data), Parameter(x): made from a tensor that nobody else may hold any more
        # where the one seen before has died, its memory may have been given to something new
        return number if any(known == number and seen() is not None for seen, known in self._known.values()) else None

    def _revive(self, tensor: torch.Tensor, number: int, frame: FrameType) -> int:
        """It had no gradient when it was made and has one now: a custom Function returned it."""
        producer = self.tokens[number].producer
        site = self.calls[producer].function_site if producer >= 0 else None
        if tensor.grad_fn is None:
            return self._join(tensor, "torch.Tensor.requires_grad", (number,), frame)
        return self._join(tensor, node_title(tensor), (number,), frame, site=site)

    def _join(
        self, tensor: torch.Tensor, title: str, parents: tuple[int, ...], frame: FrameType, site: Site | None = None
    ) -> int:
        call = Call(
            named_operation(title), parents, any(self.tokens[parent].requires_grad for parent in parents), OPEN, None
        )
        call.site = site or self._site(frame)
        self._keep(call, [tensor], changed=0)
        return self._known[id(tensor)][1]

    def _graph_parents(self, tensor: torch.Tensor, limit: int = 200) -> tuple[int, ...]:
        """Tokens that autograd's own graph names as ancestors of a tensor made out of sight."""
        parents: list[int] = []
        queue: list[Any] = [tensor.grad_fn]
        seen: set[Any] = set()
        while queue and len(seen) < limit:
            node = queue.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            index = self.call_of(node)
            if index is not None:
                parents.extend(self.calls[index].outputs)
            elif (variable := getattr(node, "variable", None)) is not None:
                known = self.token_of(variable)
                parents.append(self._new_token(variable, -1) if known is None else known)
            else:
                queue.extend(edge for edge, _ in node.next_functions)
        return tuple(parents)

    def _keep_array(self, result: Any) -> None:
        pointer = getattr(result, "__array_interface__", None)
        if pointer is not None:
            self._arrays.append((weakref.ref(result), int(pointer["data"][0]), len(self.calls)))

    def _array_source(self, tensor: torch.Tensor) -> int | None:
        address = storage_address(tensor)
        for array, start, call in reversed(self._arrays):
            if array() is not None and start == address:
                return call
        return None


def address_of(tensor: torch.Tensor) -> int:
    """Where a tensor's first element lies; 0 where that has no answer."""
    try:
        return tensor.data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def storage_address(tensor: torch.Tensor) -> int:
    """Where a tensor's memory begins, the same for all views of it; 0 where that has no answer."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def owns_memory(tensor: torch.Tensor) -> bool:
    """Whether torch allocated a tensor's memory: torch.from_numpy's belongs to NumPy and cannot be resized."""
    try:
        return bool(tensor.untyped_storage().resizable())
    except (RuntimeError, NotImplementedError):
        return False


def node_title(tensor: torch.Tensor) -> str:
    """`autograd.Name` of the custom Function that made a tensor."""
    return "autograd." + type(tensor.grad_fn).__name__.removesuffix("Backward")
