"""Where on the way back a gradient dies: the node into which a live one goes and out of which zero, None or NaN comes.

All walks are iterative: a chain of many thousand operations is fine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_lm.flow.gradients.autograd import gradients
from gradcheck_lm.flow.gradients.nodes import topological, walk_nodes
from gradcheck_lm.flow.gradients.structural import is_product, is_shift


@dataclass
class NodeRecord:
    """What passed one node in the backward pass."""

    incoming: str = "none"  # "none" | "zero" | "live" | "bad" (NaN or infinity)
    outgoing: list[str] = field(default_factory=list)


def _state(value: torch.Tensor | None) -> str:
    if value is None:
        return "none"
    value = value.coalesce().values() if value.is_sparse else value
    if value.numel() == 0:
        return "zero"
    largest = value.detach().abs().max()
    if not bool(torch.isfinite(largest)):
        return "bad"
    return "live" if bool(largest > 0) else "zero"


def _worst(values: Sequence[torch.Tensor | None]) -> str:
    states = {_state(value) for value in values}
    return next((state for state in ("bad", "live", "zero") if state in states), "none")


@contextlib.contextmanager
def _watched(nodes: Sequence[Any], records: dict[Any, NodeRecord]) -> Iterator[None]:
    handles = []

    def before(node: Any) -> Callable[[Any], None]:
        def hook(grad_outputs: Any) -> None:
            records[node] = NodeRecord(_worst(grad_outputs))

        return hook

    def after(node: Any) -> Callable[[Any, Any], None]:
        def hook(grad_inputs: Any, grad_outputs: Any) -> None:
            records.setdefault(node, NodeRecord(_worst(grad_outputs))).outgoing = [
                _state(value) for value in grad_inputs
            ]

        return hook

    try:
        for node in nodes:
            if getattr(node, "variable", None) is None:
                handles.append(node.register_prehook(before(node)))
                handles.append(node.register_hook(after(node)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class Death:
    """A node into which a gradient goes and out of which, towards a tensor asked about, none or NaN comes."""

    call: int | None  # the recorded call nearest to it
    name: str  # the node's name
    # "zero" | "none" | "bad" | "cancels": live gradients meet behind it and their sum is zero | "hooked": a live one is
    # sent to it and zero arrives, as a hook on the tensor makes it
    state: str
    python: bool  # a custom autograd.Function
    gentle: bool = False  # no fault: a shift whose gradients cancel, or a factor of one that is zero still and learns


def deaths(
    loss: torch.Tensor,
    tensors: Sequence[torch.Tensor],
    call_of: Callable[[Any], int | None],
    edge: Any = None,
) -> dict[int, Death]:
    """For each tensor (by position): where the gradient on its way from `loss` becomes zero, None, or NaN.

    With an `edge` of the loss's graph: on its way from there.
    """
    nodes = walk_nodes(loss.grad_fn if edge is None else edge.node)
    records: dict[Any, NodeRecord] = {}
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    known = {id(tensor) for tensor in wanted}
    leaves = [leaf for node in nodes if (leaf := getattr(node, "variable", None)) is not None and id(leaf) not in known]
    with _watched(nodes, records):
        gradients(loss, [*wanted, *leaves], edge)  # all of them: whether a neighbour learns tells a start from an end
    return deaths_in(nodes, records, tensors, call_of)


def deaths_in(
    nodes: Sequence[Any],
    records: dict[Any, NodeRecord],
    tensors: Sequence[torch.Tensor],
    call_of: Callable[[Any], int | None],
) -> dict[int, Death]:
    """As `deaths`, from what passed the nodes in a pass that has run."""
    ordered = topological(nodes)
    calls = _nearest_calls(ordered, call_of)
    ordered.reverse()
    found, meetings = {}, _Meetings(ordered, records, calls)
    for position, tensor in enumerate(tensors):
        death = _death_of(tensor, ordered, records, calls, meetings)
        if death is not None:
            found[position] = death
    return found


def _nearest_calls(nodes: Sequence[Any], call_of: Callable[[Any], int | None]) -> dict[Any, int | None]:
    """The call each node was made by; nodes of unknown make take it from the node that they feed."""
    calls: dict[Any, int | None] = {}
    for node in nodes:
        own = call_of(node)
        if own is not None:
            calls[node] = own
        for following, _ in node.next_functions:
            if following is not None:
                calls.setdefault(following, calls.get(node))
    return calls


def _death_of(
    tensor: torch.Tensor,
    nodes: Sequence[Any],
    records: dict[Any, NodeRecord],
    calls: dict[Any, int | None],
    meetings: _Meetings,
) -> Death | None:
    towards: set[Any] = set()
    for node in nodes:  # from the leaves up: which nodes lead to the tensor
        own = getattr(node, "variable", None) is tensor or (tensor.grad_fn is not None and node == tensor.grad_fn)
        if own or any(following in towards for following, _ in node.next_functions):
            towards.add(node)
    lost = next((node for node in nodes if node in towards), None)  # the tensor itself
    starved: list[Any] = []  # nodes into which a gradient of zero goes
    for node in nodes:
        if node not in towards:
            continue
        record = records.get(node)
        if record is not None and record.incoming == "zero":
            lost = node  # the one nearest to the loss
            starved.append(node)
            if any(state == "bad" and following in towards for _, following, state in _given(node, record)):
                return Death(calls.get(node), node.name(), "bad", _is_python(node))  # 0 times infinity
        if record is None or record.incoming not in ("live", "bad") or node == tensor.grad_fn:
            continue
        edges = _given(node, record)
        ahead = {state for _, following, state in edges if following in towards}
        state = "bad" if "bad" in ahead and record.incoming == "live" else None
        if state is None and ahead and ahead <= {"zero", "none"}:
            state = "zero" if "zero" in ahead else "none"
        if state is not None:
            gentle = state == "zero" and (
                any(getattr(following, "variable", None) is tensor and is_shift(node, at) for at, following, _ in edges)
                or _is_factor_that_waits(node, towards, records)
            )
            if state == "zero" and not gentle:  # one way ends here, and on another live ones may meet and cancel
                for met in starved:
                    cancelled = meetings.cancelled_at(met)
                    if cancelled is not None and not cancelled.gentle:
                        return cancelled
            return Death(calls.get(node), node.name(), state, _is_python(node), gentle)
    if lost is None:
        return None
    met = meetings.cancelled_at(lost)
    return Death(calls.get(lost), lost.name(), "hooked", False) if met is None and meetings.is_fed(lost) else met


def _given(node: Any, record: NodeRecord) -> list[tuple[int, Any, str]]:
    """(place, following node, state of what it was given) along a node's edges."""
    edges = zip(node.next_functions, record.outgoing, strict=False)
    return [(place, following, state) for place, ((following, _), state) in enumerate(edges) if following is not None]


def _is_python(node: Any) -> bool:
    return isinstance(node, torch.autograd.function.BackwardCFunction)


def _is_factor_that_waits(node: Any, towards: set[Any], records: dict[Any, NodeRecord]) -> bool:
    """A product whose other factor is zero at these values and gets a gradient that arrives: it will not stay so."""
    if not is_product(node):
        return False
    given = _given(node, records[node])
    stack = [edge for at, edge, state in given if edge not in towards and state == "live" and not is_shift(node, at)]
    seen: set[Any] = set()
    while stack:
        behind = stack.pop()
        if getattr(behind, "variable", None) is not None:
            return True
        if behind not in seen and (record := records.get(behind)) is not None:
            seen.add(behind)
            stack.extend(following for _, following, state in _given(behind, record) if state == "live")
    return False


_MOST_PARTS = 8  # of the gradients that cancel at one node: their ways are followed towards the loss


class _Meetings:
    """Nodes into which several gradients come that are not zero."""

    def __init__(self, nodes: Sequence[Any], records: dict[Any, NodeRecord], calls: dict[Any, int | None]) -> None:
        self._nodes, self._calls = nodes, calls
        self._users: dict[Any, list[Any]] = {}
        self._parts: dict[Any, list[tuple[Any, int]]] = {}  # node -> (node, place) that gave it a live one
        for node in nodes:
            for following, _ in node.next_functions:
                if following is not None:
                    self._users.setdefault(following, []).append(node)
            record = records.get(node)
            for place, following, state in _given(node, record) if record is not None else ():
                if state == "live":
                    self._parts.setdefault(following, []).append((node, place))

    def is_fed(self, node: Any) -> bool:
        """Whether a live gradient is sent to a node."""
        return bool(self._parts.get(node))

    def cancelled_at(self, lost: Any) -> Death | None:
        """Several live gradients come to a node and their sum is zero: the operation at which their ways had met."""
        parts = self._parts.get(lost, [])
        if len(parts) < 2:
            return None
        shift = getattr(lost, "variable", None) is not None and all(is_shift(*part) for part in parts)
        above = [_above(node, self._users) for node, _ in parts[:_MOST_PARTS]]
        meeting = next((node for node in self._nodes if sum(node in ways for ways in above) > 1), parts[-1][0])
        return Death(self._calls.get(meeting), meeting.name(), "cancels", False, shift)


def _above(node: Any, users: dict[Any, list[Any]]) -> set[Any]:
    """A node and all that lie between it and the loss."""
    seen, stack = {node}, [node]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in seen:
                seen.add(user)
                stack.append(user)
    return seen
