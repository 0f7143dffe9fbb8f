"""Which tensor is which value: the tokens of tensors that calls made, and of those that were met on the way."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.watching.intervention import Intervention
from gradcheck_lm.flow.watching.memory import Arrays, address_of, owns_memory, storage_address
from gradcheck_lm.flow.watching.numbers import numbers
from gradcheck_lm.flow.watching.sites import Site
from gradcheck_lm.flow.watching.tape import (
    FLOATS,
    NO_ARRAY,
    OPEN,
    OWN_MEMORY,
    SEQUENCE,
    Call,
    Recording,
    Token,
    named_operation,
)
from gradcheck_lm.flow.watching.unseen import unseen

_reference = weakref.ref


class TensorBook:
    """Knows the newest token of every tensor of one recording, and writes down what calls made.

    Args:
        recording: where calls and tokens go.
        site_of: the user's line that a frame belongs to.
        intervention: asked what else is alive, and told of what comes back.
    """

    def __init__(
        self,
        recording: Recording,
        site_of: Callable[[FrameType | None], Site | None],
        intervention: Intervention | None = None,
    ) -> None:
        self.recording = recording
        self.site_of = site_of
        self.intervention = intervention
        self.known: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}  # id of a tensor -> it, its newest token
        self.mutated: dict[int, int] = {}  # storage address -> token of its last change
        self.arrays = Arrays()
        self._addresses: dict[int, int] = {}  # data address -> newest token

    def token_of(self, tensor: torch.Tensor) -> int | None:
        """The newest token of a tensor, None where it was never seen."""
        known = self.known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    # ------------------------------------------------------------------ what a call read

    def read(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """The token of a tensor as it is now; it may have changed out of sight since it was seen last."""
        number = self.token_of(tensor)
        if number is None:
            number = self._meet(tensor, frame)
        elif tensor.requires_grad and not self.recording.tokens[number].requires_grad:
            number = self._revive(tensor, number, frame)
        if self.mutated:
            change = self.mutated.get(storage_address(tensor))
            if change is not None and change > number:  # changed through a view or a base of it
                if tensor.requires_grad and tensor.grad_fn is None:  # a leaf: autograd knows nothing of the change
                    site = self.recording.calls[self.recording.tokens[change].producer].site
                    return self._join(tensor, "torch.Tensor.data", (number, change), frame, site=site)
                number = self._join(tensor, "view", (number, change), frame)
        return number

    def read_parameter(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A parameter that was not seen yet, the short way: a model has many."""
        address = address_of(tensor)
        if address in self._addresses:  # it may be made of a value that was seen: nn.Parameter(x)
            return self._meet(tensor, frame)
        tokens = self.recording.tokens
        number = len(tokens)
        tokens.append(Token(tensor, -1))
        self.known[id(tensor)] = (weakref.ref(tensor), number)
        self._addresses[address] = number
        return number

    def register(self, parameter: torch.nn.Parameter, frame: FrameType) -> None:
        """A module is given a parameter: one made of a value that was seen was made here, nn.Parameter(x)."""
        if self.token_of(parameter) is None and address_of(parameter) in self._addresses:
            self._meet(parameter, frame)

    def _meet(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor that no recorded call made: a parameter, an input, from_numpy, FloatTensor, nn.Parameter(x)."""
        if tensor.grad_fn is not None:
            parents = self._graph_parents(tensor)
            if parents:
                return self._join(tensor, _node_title(tensor), parents, frame)
        elif self.recording.exports and not tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
            return self._meet_after_export(tensor, frame)
        alias = self._alias(tensor)
        if alias is not None and isinstance(tensor, torch.nn.Parameter) and self._is_from_outside(alias):
            alias = None  # its own .data or state_dict(), met before it: no value that it was made of
        if alias is not None:
            title = "torch.nn.Parameter" if isinstance(tensor, torch.nn.Parameter) else "alias"
            return self._join(tensor, title, (alias,), frame)
        return self._new_token(tensor, -1)

    def _meet_after_export(self, tensor: torch.Tensor, frame: FrameType) -> int:
        """A tensor without history, met after values left torch: it may be made of them."""
        if self.intervention is not None:
            self.intervention.returned(tensor, self.site_of(frame))
        memory = self.arrays.source_of(tensor)
        alias = self._alias(tensor) if memory is None else None
        if alias is not None:
            return self._join(tensor, "alias", (alias,), frame)
        call = Call(named_operation("torch.from_numpy"), (), False, OPEN, self.site_of(frame))
        call.host = numbers(tensor)
        call.memory = memory if memory is not None else OWN_MEMORY if owns_memory(tensor) else NO_ARRAY
        self.keep(call, [tensor])
        return call.outputs[0]

    def _alias(self, tensor: torch.Tensor) -> int | None:
        """A known token with the same memory, shape and type."""
        address = address_of(tensor)
        number = self._addresses.get(address) if address else None
        if number is None:
            return None
        token = self.recording.tokens[number]
        if token.shape != tensor.shape or token.dtype != tensor.dtype:
            return None
        if tensor.requires_grad or isinstance(tensor, torch.nn.Parameter):
            return number  # Variable(x.data), Parameter(x): made from a tensor that nobody else may hold any more
        # where the one seen before has died, its memory may have been given to something new
        return number if any(known == number and seen() is not None for seen, known in self.known.values()) else None

    def _is_from_outside(self, number: int) -> bool:
        """No call made it and it asks for no gradient: nothing is lost where something else is made of it."""
        token = self.recording.tokens[number]
        return token.producer < 0 and not token.requires_grad

    def places_of_leaves(self) -> set[tuple[int, torch.Size]]:
        """Address and shape of every leaf met that asks for a gradient: what else lies there is its .data."""
        met = [tensor for seen, _ in self.known.values() if (tensor := seen()) is not None]
        return {(address_of(tensor), tensor.shape) for tensor in met if tensor.requires_grad and tensor.is_leaf}

    def _revive(self, tensor: torch.Tensor, number: int, frame: FrameType) -> int:
        """It had no gradient when it was made and has one now: a custom Function returned it."""
        producer = self.recording.tokens[number].producer
        site = self.recording.calls[producer].function_site if producer >= 0 else None
        if tensor.grad_fn is None:
            return self._join(tensor, "torch.Tensor.requires_grad", (number,), frame)
        return self._join(tensor, _node_title(tensor), (number,), frame, site=site)

    def _join(
        self, tensor: torch.Tensor, title: str, parents: tuple[int, ...], frame: FrameType, site: Site | None = None
    ) -> int:
        tokens = self.recording.tokens
        live = any(tokens[parent].requires_grad for parent in parents)
        self.keep(Call(named_operation(title), parents, live, OPEN, site or self.site_of(frame)), [tensor])
        return self.known[id(tensor)][1]

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
            index = self.recording.call_of(node)
            if index is not None:
                parents.extend(self.recording.calls[index].outputs)
            elif (variable := getattr(node, "variable", None)) is not None:
                known = self.token_of(variable)
                parents.append(self._new_token(variable, -1) if known is None else known)
            else:
                queue.extend(edge for edge, _ in node.next_functions)
        return tuple(parents)

    # ------------------------------------------------------------------ what a call made

    def keep(self, call: Call, produced: list[torch.Tensor], *, changed: int = 0) -> None:
        """Write down a call and the tensors that it made, the first `changed` of them in place."""
        recording = self.recording
        index = len(recording.calls)
        outputs = []
        for position, tensor in enumerate(produced):
            token = self._new_token(tensor, index)
            outputs.append(token)
            kept = recording.tokens[token]
            if not kept.shape and kept.is_float:
                with unseen():
                    recording.scalars[token] = tensor.detach().clone()
            if SEQUENCE is None and kept.requires_grad and (node := tensor.grad_fn) is not None:
                node.metadata[recording.stamp] = index  # type: ignore[index]
            written = position < changed and not call.operation.marks_leaf  # requires_grad_() writes no value
            if written and tensor.dtype in FLOATS and (address := storage_address(tensor)):
                self.mutated[address] = token
        call.outputs = tuple(outputs)
        recording.calls.append(call)
        if SEQUENCE is not None:
            recording.ends.append(SEQUENCE())

    def keep_one(self, call: Call, tensor: torch.Tensor) -> None:
        """As `keep`, for a new tensor of torch's own making: written out, for nearly every call of a step ends here."""
        recording = self.recording
        tokens, calls = recording.tokens, recording.calls
        token = Token(tensor, len(calls))
        if SEQUENCE is None or not token.shape:
            self.keep(call, [tensor])
            return
        number = len(tokens)
        tokens.append(token)
        self.known[id(tensor)] = (_reference(tensor), number)
        try:  # noqa: SIM105 - contextlib.suppress would cost more than what it guards
            self._addresses[tensor.data_ptr()] = number
        except (RuntimeError, NotImplementedError):  # sparse, functorch's wrappers, fake tensors
            pass
        call.outputs = (number,)
        calls.append(call)
        recording.ends.append(SEQUENCE())

    def renew(self, tensor: torch.Tensor) -> int:
        """New values were written into a tensor out of sight: what reads it from now on reads others than before."""
        return self._new_token(tensor, -1)

    def _new_token(self, tensor: torch.Tensor, producer: int) -> int:
        number = len(self.recording.tokens)
        token = Token(tensor, producer)
        self.recording.tokens.append(token)
        self.known[id(tensor)] = (weakref.ref(tensor), number)
        if address := address_of(tensor):
            self._addresses[address] = number
        if self.intervention is not None and self.intervention.keeps_alive(tensor):
            token.requires_grad = token.is_float = True  # for the questions asked later
        return number


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


def _node_title(tensor: torch.Tensor) -> str:
    """`autograd.Name` of the custom Function that made a tensor."""
    return "autograd." + type(tensor.grad_fn).__name__.removesuffix("Backward")
