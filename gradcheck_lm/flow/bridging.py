"""A run with some of its cuts bridged: values as they are, bit for bit, and gradients handed past the cut."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.flow.bridges import Carrier, bridge, straight_through
from gradcheck_lm.flow.carrying import carry, map_tensors
from gradcheck_lm.flow.chain import switch_place
from gradcheck_lm.flow.crossing import Crossing, Line, flat_numbers
from gradcheck_lm.flow.dataflow import is_telling
from gradcheck_lm.flow.findings import Finding
from gradcheck_lm.flow.links import is_literal
from gradcheck_lm.flow.operations import kind_of_cut
from gradcheck_lm.flow.recorder import Recorder
from gradcheck_lm.flow.sites import Site, line_of
from gradcheck_lm.flow.tape import FLOATS, IN_FUNCTION, OPEN, Call

_NOT_MINE = object()
_BY_NATURE = ("discrete_op", "integer_cast", "sampling", "zero_gradient")


class Bridged(Recorder):
    """A recorder that bridges the cuts of some findings; a tensor that cannot carry a gradient gets a carrier."""

    intervenes = True

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__()
        self.findings = findings
        self.applied: set[Finding] = set()
        self.refused: dict[Finding, str] = {}
        self.spanned: set[tuple[str, Line]] = set()  # (kind, line) of the other ends of bridged round trips
        self.crossing = Crossing()
        self._carriers: dict[int, tuple[weakref.ref[Tensor], Carrier]] = {}
        self._places: dict[Site, tuple[Finding, ...]] = {}
        self._scopes: dict[tuple[int, Site | None], tuple[Finding, ...]] = {}

    # ------------------------------------------------------------------ carriers

    def carrier_of(self, tensor: Tensor) -> Carrier | None:
        """What carries the gradient past a tensor."""
        entry = self._carriers.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def _attach(self, tensor: Tensor, carrier: Carrier) -> None:
        if carrier.value.requires_grad:
            self._carriers[id(tensor)] = weakref.ref(tensor), carrier

    def _new_token(self, tensor: Tensor, producer: int) -> int:
        number = super()._new_token(tensor, producer)
        if self._carriers and self.carrier_of(tensor) is not None:  # for the questions asked later it is alive
            self.tokens[number].requires_grad = self.tokens[number].is_float = True
        return number

    def _live(self, tensor: Tensor) -> Tensor:
        """A floating-point tensor in the form that carries a gradient: the same numbers."""
        carrier = self.carrier_of(tensor) if tensor.dtype in FLOATS else None
        return tensor if carrier is None else carrier.value

    # ------------------------------------------------------------------ one call

    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do the call, bridged where a finding says so."""
        if call.scope <= IN_FUNCTION:
            return func(*args, **kwargs)
        here = self._findings_at(call.site)
        with self._gradient_on(call):
            call.live = call.live or any(token >= 0 and self.tokens[token].requires_grad for token in call.inputs)
            if call.operation.export:
                return self._export(call, here, func, args, kwargs)
            hard = map_tensors(args, self._live)
            named = map_tensors(dict(kwargs), self._live)
            for finding in here:
                result = self._before(finding, call, func, hard, named)
                if result is not _NOT_MINE:
                    self.applied.add(finding)
                    return result
            return self._after(call, here, func, hard, named)

    def _findings_at(self, site: Site | None) -> tuple[Finding, ...]:
        if site is None:
            return ()
        found = self._places.get(site)
        if found is None:
            place = line_of(site)
            found = tuple(finding for finding in self.findings if (finding.file, finding.line) == place)
            self._places[site] = found
        return found

    def _gradient_on(self, call: Call) -> AbstractContextManager[Any]:
        """Gradient switched on for a call inside a scope that is bridged."""
        if call.scope < 0:
            return nullcontext()
        key = (call.scope, call.site)
        found = self._scopes.get(key)
        if found is None:
            switch = self.switches[call.scope]
            place = switch_place(switch, call.site)
            found = self._scopes[key] = tuple(
                finding
                for finding in self.findings
                if (finding.kind == "grad_disabled" and finding.scope == place)
                or (finding.kind == "sampling" and switch.sampling and finding in self._findings_at(call.site))
            )
        if not found:
            return nullcontext()
        self.applied.update(found)
        call.scope = OPEN
        return torch.inference_mode(False) if torch.is_inference_mode_enabled() else torch.enable_grad()

    def _before(
        self, finding: Finding, call: Call, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """The result of a call that is bridged by not being done: a detachment, a copy of tensors."""
        operation = call.operation
        if finding.kind == "detach" and operation.title == "torch.autograd.grad":
            return func(*args, **{**kwargs, "create_graph": True})
        if finding.kind == "detach" and operation.name in ("detach", "data.__get__"):
            carrier = self.carrier_of(args[0])
            if args[0].requires_grad:
                return args[0].view_as(args[0])
            return self._given(func(*args, **kwargs), {} if carrier is None else {0: carrier})
        if finding.kind == "detach" and operation.name == "detach_":
            return args[0]
        if finding.kind == "new_leaf" and operation.marks_leaf:
            return args[0] if operation.name == "requires_grad_" else None
        if finding.kind == "new_leaf" and operation.factory and args:
            return self._copied(func, args, kwargs)
        return _NOT_MINE

    def _copied(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """torch.tensor(x) and torch.tensor([x, y]) of tensors: the same numbers with their history."""
        leaves = _leaves(args[0])
        if not leaves or not all(isinstance(leaf, Tensor) for leaf in leaves):
            return _NOT_MINE
        if not any(self._soft(leaf).requires_grad for leaf in leaves):
            return func(*args, **kwargs)
        plain = func(*map_tensors(args, Tensor.detach), **{**kwargs, "requires_grad": False})
        soft = torch.cat([self._soft(leaf).reshape(-1) for leaf in leaves]).reshape(plain.shape)
        return self._given(plain, {0: Carrier.over(plain, soft)})

    def _soft(self, tensor: Tensor) -> Tensor:
        carrier = self.carrier_of(tensor)
        return tensor if carrier is None else carrier.value

    def _after(
        self, call: Call, here: tuple[Finding, ...], func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Do the real operation, then hand the gradient past it: by a bridge, by carriers or from a number that left."""
        operation = call.operation
        wanted = [finding for finding in here if finding.kind in _BY_NATURE]
        shadowed = any(self.carrier_of(tensor) is not None for tensor in _tensors((args, kwargs)))
        if operation.in_place:
            return self._in_place(call, wanted, func, args, kwargs)
        if operation.factory or self.crossing.left:
            returned = self._returned(call, func, args, kwargs)
            if returned is not None:
                return returned
        result = func(*args, **kwargs)
        for finding in wanted:
            if not self._is_cut(finding, call, args, kwargs, result):
                continue
            carriers = bridge(operation.name, map_tensors(args, self._soft), map_tensors(kwargs, self._soft), result)
            if carriers is None:
                self.refused.setdefault(finding, f"{operation.title} has no result of its input's shape")
                continue
            self.applied.add(finding)
            return self._given(result, carriers)
        if shadowed:
            carriers = carry(operation, func, args, kwargs, result, self.carrier_of)
            return self._given(result, carriers)
        return result

    def _is_cut(self, finding: Finding, call: Call, args: Any, kwargs: dict[str, Any], result: Any) -> bool:
        if not any(self._soft(tensor).requires_grad for tensor in _tensors((args, kwargs))):
            return True if finding.op == call.operation.title else False
        outputs = _tensors((result,))
        natures = {
            kind_of_cut(call.operation, from_float=True, to_float=output.dtype in FLOATS) for output in outputs
        }
        return finding.kind in natures or finding.op == call.operation.title

    def _given(self, result: Any, carriers: Mapping[int, Carrier]) -> Any:
        """The result with its carriers: a floating-point one becomes its own carrier."""
        if isinstance(result, Tensor):
            carrier = carriers.get(0)
            if carrier is None or not carrier.value.requires_grad:
                return result
            if result.dtype in FLOATS:
                return carrier.value
            self._attach(result, carrier)
            return result
        for place, carrier in carriers.items():
            self._attach(result[place], carrier)
        return result

    def _in_place(
        self, call: Call, wanted: list[Finding], func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        target = args[0] if args and isinstance(args[0], Tensor) else None
        finding = next((one for one in wanted if self._is_cut(one, call, args, kwargs, target)), None)
        if target is None or finding is None or target.dtype not in FLOATS:
            if target is not None:
                self._carriers.pop(id(target), None)
            if target is not None and target.dtype in FLOATS:
                args = (target, *map_tensors(args[1:], self._soft))
            return func(*args, **kwargs)
        hard = target.detach().clone()
        func(hard, *args[1:], **kwargs)
        self.applied.add(finding)
        return target.copy_(straight_through(hard, target.clone()))

    # ------------------------------------------------------------------ out of torch and back

    def _export(
        self, call: Call, here: tuple[Finding, ...], func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        result = func(*map_tensors(args, Tensor.detach), **kwargs)  # a bridge before may have made it ask for grad
        crossing = any(finding.kind == "left_torch" for finding in here)
        if call.site is not None and args and isinstance(args[0], Tensor):
            if crossing or any(finding.kind == "new_leaf" for finding in self.findings):
                carrier = self.carrier_of(args[0]) or Carrier(args[0])
                self.crossing.leave(result, carrier, line_of(call.site))
        return result

    def _returned(self, call: Call, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Tensor | None:
        """The result of a call that takes in numbers which left at a bridged line, or comes in at one."""
        if call.operation.factory:
            data = next((value for value in (*args, *kwargs.values()) if flat_numbers(value) is not None), None)
            numbers = flat_numbers(data)
            if numbers is None or isinstance(data, Tensor) or is_literal(call):
                return None
            found = self._come_back(numbers, call.site)
            if found is None:
                return None
            plain = func(*args, **{key: value for key, value in kwargs.items() if key != "requires_grad"})
            if plain.numel() != len(numbers) or not found.value.requires_grad:
                return func(*args, **kwargs)
            return self._given(plain, {0: _shaped(found, plain)})
        known = {
            place: carrier.value.reshape(())
            for place, value in enumerate(args)
            if isinstance(value, float) and is_telling(value) and (carrier := self._come_back([value], call.site))
        }
        if not known:
            return None
        plain = func(*args, **kwargs)
        soft = func(*(known.get(place, value) for place, value in enumerate(args)), **kwargs)
        return straight_through(plain, soft) if plain.shape == soft.shape else plain

    def _come_back(self, numbers: list[Any], site: Site | None) -> Carrier | None:
        """The carrier of numbers whose way out or way in is bridged."""
        found = self.crossing.find(numbers)
        if found is None:
            return None
        carrier, lines = found
        target = line_of(site) if site is not None else ("", 0)
        bridged = {
            finding
            for finding in self.findings
            if (finding.kind == "left_torch" and (finding.file, finding.line) in lines)
            or (finding.kind == "new_leaf" and (finding.file, finding.line) == target)
        }
        if not bridged:
            return None
        self.applied.update(bridged)
        self.spanned.update(("left_torch", line) for line in lines)
        self.spanned.add(("new_leaf", target))
        return carrier

    def term(self, value: Any) -> Any:
        """A loss term as it is asked about: a plain number that left torch on a bridged line is a tensor again."""
        if isinstance(value, float) and (carrier := self._come_back([value], self.program)) is not None:
            return carrier.value.reshape(())
        return value

    def _meet_after_export(self, tensor: Tensor, frame: FrameType) -> int:
        numbers = flat_numbers(tensor)
        carrier = self._come_back(numbers, self._site(frame)) if numbers else None
        if carrier is not None:
            self._attach(tensor, _shaped(carrier, tensor))
        return super()._meet_after_export(tensor, frame)


def _shaped(carrier: Carrier, like: Tensor) -> Carrier:
    weights = carrier.weights
    return Carrier(
        straight_through(like, carrier.value.reshape(like.shape)) if carrier.value.requires_grad else carrier.value,
        None if weights is None else weights.reshape(*like.shape, weights.shape[-1]),
    )


def _leaves(value: Any) -> list[Any]:
    """The items of nested lists, in order."""
    if not isinstance(value, list | tuple):
        return [value]
    return [leaf for item in value for leaf in _leaves(item)]


def _tensors(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    map_tensors(value, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    return found
