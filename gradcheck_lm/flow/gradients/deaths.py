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
    state: str  # "zero" | "none" | "bad"
    python: bool  # a custom autograd.Function
    direct: bool  # it hands the gradient to the tensor itself, and to others a live one


def deaths(
    loss: torch.Tensor, tensors: Sequence[torch.Tensor], call_of: Callable[[Any], int | None]
) -> dict[int, Death]:
    """For each tensor (by position): where the gradient on its way from `loss` becomes zero, None, or NaN."""
    nodes = walk_nodes(loss.grad_fn)
    records: dict[Any, NodeRecord] = {}
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    with _watched(nodes, records):
        gradients(loss, wanted)
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
    found = {}
    for position, tensor in enumerate(tensors):
        death = _death_of(tensor, ordered, records, calls)
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
    tensor: torch.Tensor, nodes: Sequence[Any], records: dict[Any, NodeRecord], calls: dict[Any, int | None]
) -> Death | None:
    towards: set[Any] = set()
    for node in nodes:  # from the leaves up: which nodes lead to the tensor
        own = getattr(node, "variable", None) is tensor or (tensor.grad_fn is not None and node == tensor.grad_fn)
        if own or any(following in towards for following, _ in node.next_functions):
            towards.add(node)
    lost = None
    for node in nodes:
        if node not in towards:
            continue
        if node in records and records[node].incoming == "zero":
            lost = node  # the one nearest to the loss: gradients that cancel
        record = records.get(node)
        if record is None or record.incoming not in ("live", "bad") or node == tensor.grad_fn:
            continue
        edges = [(edge, state) for (edge, _), state in zip(node.next_functions, record.outgoing, strict=False)]
        ahead = {state for edge, state in edges if edge in towards}
        others = {state for edge, state in edges if edge not in towards}
        state = "bad" if "bad" in ahead and record.incoming == "live" else None
        if state is None and ahead and ahead <= {"zero", "none"}:
            state = "zero" if "zero" in ahead else "none"
        if state is not None:
            direct = any(getattr(edge, "variable", None) is tensor for edge, _ in edges) and "live" in others
            python = isinstance(node, torch.autograd.function.BackwardCFunction)
            return Death(calls.get(node), node.name(), state, python, direct)
    return None if lost is None else Death(calls.get(lost), lost.name(), "zero", False, False)
