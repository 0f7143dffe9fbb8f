"""Carriers of gradients past tensors that have none, and numbers that come back from outside torch with theirs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gradcheck_lm.flow.bridging.carrying import map_tensors
from gradcheck_lm.flow.bridging.round_trips import Crossing, Line, flat_numbers
from gradcheck_lm.flow.bridging.straight_through import Carrier, straight_through
from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.rerunning.links import is_literal
from gradcheck_lm.flow.tracing.graph import is_telling
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import FLOATS, Call


class Carriers:
    """Knows what carries the gradient of which tensor, and values again that left torch on a bridged line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        self.applied: set[Finding] = set()
        self.spanned: set[tuple[str, Line]] = set()  # (kind, line) of the other ends of bridged round trips
        self.crossing = Crossing()
        self._carriers: dict[int, tuple[weakref.ref[Tensor], Carrier]] = {}

    # ------------------------------------------------------------------ carriers

    def carrier_of(self, tensor: Tensor) -> Carrier | None:
        """What carries the gradient past a tensor."""
        entry = self._carriers.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def _attach(self, tensor: Tensor, carrier: Carrier) -> None:
        if carrier.value.requires_grad:
            self._carriers[id(tensor)] = weakref.ref(tensor), carrier

    def knows(self, tensor: Tensor) -> bool:
        """Whether something carries the gradient past a tensor."""
        return bool(self._carriers) and self.carrier_of(tensor) is not None

    def forget(self, tensor: Tensor) -> None:
        """It is overwritten: what carried its gradient does so no more."""
        self._carriers.pop(id(tensor), None)

    def live(self, tensor: Tensor) -> Tensor:
        """A floating-point tensor in the form that carries a gradient: the same numbers."""
        carrier = self.carrier_of(tensor) if tensor.dtype in FLOATS else None
        return tensor if carrier is None else carrier.value

    def soft(self, tensor: Tensor) -> Tensor:
        """What carries a tensor's gradient; the tensor itself where nothing else does."""
        carrier = self.carrier_of(tensor)
        return tensor if carrier is None else carrier.value

    def given(self, result: Any, carriers: Mapping[int, Carrier]) -> Any:
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

    # ------------------------------------------------------------------ out of torch and back

    def leave(
        self, call: Call, here: tuple[Finding, ...], func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        """Do a call through which a value leaves torch."""
        result = func(*map_tensors(args, Tensor.detach), **kwargs)  # a bridge before may have made it ask for grad
        crossing = any(finding.kind == "left_torch" for finding in here)
        crossing = crossing or any(finding.kind == "new_leaf" for finding in self.findings)
        if crossing and call.site is not None and args and isinstance(args[0], Tensor):
            carrier = self.carrier_of(args[0]) or Carrier(args[0])
            self.crossing.leave(result, carrier, line_of(call.site))
        return result

    def come_back(self, call: Call, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Tensor | None:
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
            return self.given(plain, {0: _shaped(found, plain)})
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

    def term(self, value: Any, program: Site | None) -> Any:
        """A loss term as it is asked about: a plain number that left torch on a bridged line is a tensor again."""
        if isinstance(value, float) and (carrier := self._come_back([value], program)) is not None:
            return carrier.value.reshape(())
        return value

    def meet(self, tensor: Tensor, site: Site | None) -> None:
        """A tensor that no recorded call made, after values left torch: it may be made of them."""
        numbers = flat_numbers(tensor)
        carrier = self._come_back(numbers, site) if numbers else None
        if carrier is not None:
            self._attach(tensor, _shaped(carrier, tensor))


def _shaped(carrier: Carrier, like: Tensor) -> Carrier:
    weights = carrier.weights
    return Carrier(
        straight_through(like, carrier.value.reshape(like.shape)) if carrier.value.requires_grad else carrier.value,
        None if weights is None else weights.reshape(*like.shape, weights.shape[-1]),
    )
