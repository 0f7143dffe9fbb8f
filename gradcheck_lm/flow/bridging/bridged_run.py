"""A run with some of its cuts bridged: values as they are, bit for bit, and gradients handed past the cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.flow.asking.cuts.drafts import switch_place
from gradcheck_lm.flow.bridging.carriers import Carriers
from gradcheck_lm.flow.bridging.carrying import carry, map_tensors
from gradcheck_lm.flow.bridging.straight_through import Carrier, bridge, straight_through
from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.operations.names import kind_of_cut
from gradcheck_lm.flow.watching.intervention import Intervention
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import FLOATS, IN_FUNCTION, OPEN, Call, Recording

_NOT_MINE = object()


class Bridges(Intervention):
    """Bridges the cuts of some findings during a run; a tensor that cannot carry a gradient gets a carrier."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        self.carriers = Carriers(findings)
        self.applied = self.carriers.applied  # the findings that were bridged
        self.refused: dict[Finding, str] = {}
        self._severed: dict[tuple[int, int], str] = {}
        self._places: dict[Site, tuple[Finding, ...]] = {}
        self._scopes: dict[tuple[int, Site | None], tuple[Finding, ...]] = {}

    def begin(self, recording: Recording) -> None:
        """Take the recording, and tell it of cuts that its tokens do not show."""
        super().begin(recording)
        recording.severed = self._severed

    def returned(self, tensor: Tensor, site: Site | None) -> None:
        """A tensor that came from outside may have a carrier there."""
        self.carriers.meet(tensor, site)

    def keeps_alive(self, tensor: Tensor) -> bool:
        """A tensor whose gradient is carried is alive."""
        return self.carriers.knows(tensor)

    # ------------------------------------------------------------------ one call

    def run(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do the call, bridged where a finding says so."""
        if call.scope <= IN_FUNCTION:
            return func(*args, **kwargs)
        here = self._findings_at(call.site)
        with self._gradient_on(call):
            call.live = call.live or any(
                token >= 0 and self.recording.tokens[token].requires_grad for token in call.inputs
            )
            if call.operation.marks_leaf and args[0].requires_grad and not args[0].is_leaf:
                return args[0] if call.operation.name == "requires_grad_" else None  # alive now: nothing to ask for
            if call.operation.export:
                return self.carriers.leave(call, here, func, args, kwargs)
            hard = map_tensors(args, self.carriers.live)
            named = map_tensors(dict(kwargs), self.carriers.live)
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
            switch = self.recording.switches[call.scope]
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

    def _before(self, finding: Finding, call: Call, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """The result of a call that is bridged by not being done: a detachment, a copy of tensors."""
        operation = call.operation
        if finding.kind == "detach" and operation.title == "torch.autograd.grad":
            return func(*args, **{**kwargs, "create_graph": True})
        if finding.kind == "detach" and operation.name in ("detach", "data.__get__"):
            carrier = self.carriers.carrier_of(args[0])
            if args[0].requires_grad:
                return args[0].view_as(args[0])
            return self.carriers.given(func(*args, **kwargs), {} if carrier is None else {0: carrier})
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
        if not any(self.carriers.soft(leaf).requires_grad for leaf in leaves):
            return func(*args, **kwargs)
        plain = func(*map_tensors(args, Tensor.detach), **{**kwargs, "requires_grad": False})
        soft = torch.cat([self.carriers.soft(leaf).reshape(-1) for leaf in leaves]).reshape(plain.shape)
        return self.carriers.given(plain, {0: Carrier.over(plain, soft)})

    def _after(
        self, call: Call, here: tuple[Finding, ...], func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Do the real operation, then hand the gradient past it: by a bridge, by carriers, from a number that left."""
        operation = call.operation
        wanted = [finding for finding in here if KINDS[finding.kind].bridge.at_the_operation]
        shadowed = any(self.carriers.carrier_of(tensor) is not None for tensor in _tensors((args, kwargs)))
        if operation.in_place:
            return self._in_place(call, wanted, func, args, kwargs)
        if operation.factory or self.carriers.crossing.left:
            returned = self.carriers.come_back(call, func, args, kwargs)
            if returned is not None:
                return returned
        result = func(*args, **kwargs)
        for finding in wanted:
            if not self._is_cut(finding, call, args, kwargs, result):
                continue
            carriers = bridge(
                operation.name, map_tensors(args, self.carriers.soft), map_tensors(kwargs, self.carriers.soft), result
            )
            if carriers is None:
                self.refused.setdefault(finding, f"{operation.title} has no result of its input's shape")
                continue
            self.applied.add(finding)
            if not torch.is_grad_enabled():  # behind the cut that is bridged, a scope without gradient shows up
                self._sever(call, "grad_disabled")
            return self.carriers.given(result, carriers)
        if shadowed:
            carriers = carry(operation, func, args, kwargs, result, self.carriers.carrier_of)
            if not carriers and any(output.requires_grad for output in _tensors((result,))):
                self._sever(call, "discrete_op")  # another input is alive, these steered only
            return self.carriers.given(result, carriers)
        return result

    def _sever(self, call: Call, kind: str) -> None:
        """Tell the questions asked later that a gradient of these inputs does not pass this call."""
        steering = [token for token in call.inputs if token >= 0 and self.recording.tokens[token].dtype not in FLOATS]
        inputs = call.inputs if kind == "grad_disabled" else steering
        self._severed.update(((len(self.recording.calls), token), kind) for token in inputs)

    def _is_cut(self, finding: Finding, call: Call, args: Any, kwargs: dict[str, Any], result: Any) -> bool:
        if not any(self.carriers.soft(tensor).requires_grad for tensor in _tensors((args, kwargs))):
            return finding.op == call.operation.title
        outputs = _tensors((result,))
        natures = {kind_of_cut(call.operation, from_float=True, to_float=output.dtype in FLOATS) for output in outputs}
        return finding.kind in natures or finding.op == call.operation.title

    def _in_place(
        self, call: Call, wanted: list[Finding], func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        target = args[0] if args and isinstance(args[0], Tensor) else None
        finding = next((one for one in wanted if self._is_cut(one, call, args, kwargs, target)), None)
        if target is None or finding is None or target.dtype not in FLOATS:
            if target is not None:
                self.carriers.forget(target)
            if target is not None and target.dtype in FLOATS:
                args = (target, *map_tensors(args[1:], self.carriers.soft))
            return func(*args, **kwargs)
        hard = target.detach().clone()
        func(hard, *args[1:], **kwargs)
        self.applied.add(finding)
        return target.copy_(straight_through(hard, target.clone()))


def _leaves(value: Any) -> list[Any]:
    """The items of nested lists, in order."""
    if not isinstance(value, list | tuple):
        return [value]
    return [leaf for item in value for leaf in _leaves(item)]


def _tensors(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    map_tensors(value, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    return found
