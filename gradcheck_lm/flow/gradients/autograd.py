"""Autograd's own word: which tensors a loss reaches, with what gradient, and at which node a gradient dies.

All walks are iterative: a chain of many thousand operations is fine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from gradcheck_lm.flow.gradients.nodes import reachable_leaves, topological, walk_nodes


@dataclass
class Gradients:
    """Gradients of one loss term with respect to the tensors asked about."""

    norms: list[float | None]  # None: unreached
    zero: list[bool]
    finite: list[bool]
    note: str = ""
    refused: bool = False  # backward() raises: torch has no derivative of an operation on the way

    @property
    def norm(self) -> float:
        """Euclidean norm over all tensors."""
        return sum(norm * norm for norm in self.norms if norm is not None) ** 0.5

    def reaches(self, index: int) -> bool:
        """Whether the gradient at `index` exists and is not all zero."""
        return self.norms[index] is not None and not self.zero[index]


def gradients(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
    """Gradients of `loss`, or of the `edge` in its graph; the graph stays usable and no `.grad` changes."""
    try:
        return _measure(gradient_values(loss, tensors, edge), "")
    except RuntimeError as error:
        if graph_is_freed(error):
            return _structural(loss, tensors, edge)
        if lacks_derivative(error):
            note, count = f"backward() stops with an error: {error}", len(tensors)
            return Gradients([None] * count, [False] * count, [True] * count, note, refused=True)
        raise


def graph_is_freed(error: RuntimeError) -> bool:
    """Whether autograd refuses because backward() has run already."""
    return "a second time" in str(error) or "already been freed" in str(error)


def lacks_derivative(error: RuntimeError) -> bool:
    """Whether autograd refuses because torch has no derivative of an operation."""
    return "derivative for" in str(error) and "is not implemented" in str(error)


def gradient_values(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> list[torch.Tensor | None]:
    """The gradients themselves, None where `loss` does not lead.

    Raises:
        RuntimeError: backward() has freed the graph.
    """
    asked = [index for index, tensor in enumerate(tensors) if tensor.requires_grad]
    values: list[torch.Tensor | None] = [None] * len(tensors)
    if not loss.requires_grad or not asked:
        return values
    root = loss if edge is None else edge
    if _checkpointed(loss.grad_fn if edge is None else edge.node):
        return _by_backward(root, loss, tensors)
    found = torch.autograd.grad(
        [root],
        [tensors[index] for index in asked],
        grad_outputs=[torch.ones_like(loss)],
        allow_unused=True,
        retain_graph=True,
    )
    for index, value in zip(asked, found, strict=True):
        values[index] = value
    return values


def _checkpointed(root: Any) -> bool:
    """Reentrant checkpointing in the graph: weights inside it get their gradient by backward() alone."""
    return any("Checkpoint" in node.name() for node in walk_nodes(root))


def _measure(values: Sequence[torch.Tensor | None], note: str) -> Gradients:
    norms: list[float | None] = []
    zero, finite = [], []
    for value in values:
        if value is None:
            norms.append(None)
            zero.append(False)
            finite.append(True)
            continue
        value = value.detach()
        value = value.coalesce().values() if value.is_sparse else value
        norm = float(torch.linalg.vector_norm(value.to(torch.complex128 if value.is_complex() else torch.float64)))
        norms.append(norm)
        zero.append(norm == 0.0)
        finite.append(norm == norm and norm != float("inf"))
    return Gradients(norms, zero, finite, note)


def _by_backward(root: Any, loss: torch.Tensor, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    """Run backward() itself, read .grad, put .grad back."""
    leaves = {id(leaf): leaf for leaf in [*reachable_leaves(loss), *tensors] if leaf.is_leaf and leaf.requires_grad}
    before = {key: leaf.grad for key, leaf in leaves.items()}
    try:
        for leaf in leaves.values():
            leaf.grad = None
        torch.autograd.backward([root], [torch.ones_like(loss)], retain_graph=True)
        return [tensor.grad if tensor.is_leaf else None for tensor in tensors]
    finally:
        for key, leaf in leaves.items():
            leaf.grad = before[key]


def _structural(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any) -> Gradients:
    """backward() has run and freed the graph: say what it reached, and read the norms left in .grad."""
    root = loss.grad_fn if edge is None else edge.node
    reached = {id(getattr(node, "variable", None)) for node in walk_nodes(root)}
    values: list[torch.Tensor | None] = []
    for tensor in tensors:
        grad = tensor.grad if tensor.is_leaf else None
        values.append((grad if grad is not None else torch.ones(())) if id(tensor) in reached else None)
    return _measure(values, "backward() had already freed the graph: norms are those left in .grad")


# ---------------------------------------------------------------------- where a gradient dies


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


class Autograd(Protocol):
    """Whoever knows a loss's gradients: passes of our own, or a reader of the program's."""

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """Gradients of `loss`, or of an `edge` in its graph."""

    def deaths(
        self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], call_of: Callable[[Any], int | None]
    ) -> dict[int, Death]:
        """Where the gradient dies on its way to each tensor, by position."""


class OurPasses:
    """Autograd asked by backward passes of our own."""

    def gradients(self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
        """As the function of this name."""
        return gradients(loss, tensors, edge)

    def deaths(
        self, loss: torch.Tensor, tensors: Sequence[torch.Tensor], call_of: Callable[[Any], int | None]
    ) -> dict[int, Death]:
        """As the function of this name."""
        return deaths(loss, tensors, call_of)
