"""Autograd's own word: which tensors a loss reaches, and with what gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.autograd.graph import _engine_run_backward
from torch.overrides import TorchFunctionMode

from gradcheck_lm.flow.gradients.nodes import reachable_leaves, walk_nodes
from gradcheck_lm.flow.gradients.structural import cancels, measured, shifts
from gradcheck_lm.flow.watching.tensors import collect


@dataclass
class Gradients:
    """Gradients of one loss term with respect to the tensors asked about."""

    norms: list[float | None]  # None: unreached
    zero: list[bool]
    finite: list[bool]
    note: str = ""  # that the graph was freed, or with what error backward() stops
    refused: bool = False  # backward() raises: torch has no derivative of an operation on the way
    freed: bool = False  # backward() has run: the norms are those left in .grad,
    own: bool = False  # or those which that pass was seen to bring
    # places whose gradient is zero by construction, but for rounding: the node of the normalisation that makes it so
    structural: dict[int, Any] = field(default_factory=dict)

    @property
    def norm(self) -> float:
        """Euclidean norm over all tensors."""
        return sum(norm * norm for norm in self.norms if norm is not None) ** 0.5

    def reaches(self, index: int) -> bool:
        """Whether the gradient at `index` exists and is not all zero, nor zero by construction."""
        return self.norms[index] is not None and not self.zero[index] and index not in self.structural


def gradients(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> Gradients:
    """Gradients of `loss`, or of the `edge` in its graph; the graph stays usable and no `.grad` changes."""
    node = loss.grad_fn if edge is None else edge.node
    candidates = shifts(node, dict(enumerate(tensors))) if loss.requires_grad else []
    try:
        with measured(candidates):
            values = gradient_values(loss, tensors, edge)
        found = _measure(values, "")
        found.structural = {
            shift.key: shift.taker
            for shift in candidates
            if (value := values[shift.key]) is not None and cancels(shift, value)
        }
        return found
    except RuntimeError as error:
        if graph_is_freed(error):
            return _structural(loss, tensors, edge)
        if lacks_derivative(error):
            count = len(tensors)
            return Gradients([None] * count, [False] * count, [True] * count, str(error), refused=True)
        raise


def graph_is_freed(error: RuntimeError) -> bool:
    """Whether autograd refuses because backward() has run already."""
    return "a second time" in str(error) or "already been freed" in str(error)


def lacks_derivative(error: RuntimeError) -> bool:
    """Whether autograd refuses because torch has no derivative of an operation."""
    return "derivative for" in str(error) and "is not implemented" in str(error)


def gradient_values(
    loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None, *, scale: float = 1.0
) -> list[torch.Tensor | None]:
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
        return _by_backward(root, _ones(loss, edge) * scale, loss, tensors)
    found = torch.autograd.grad(
        [root],
        [tensors[index] for index in asked],
        grad_outputs=[_ones(loss, edge) * scale],
        allow_unused=True,
        retain_graph=True,
    )
    for index, value in zip(asked, found, strict=True):
        values[index] = value
    return values


def _ones(loss: torch.Tensor, edge: Any) -> torch.Tensor:
    """What a backward pass begins with: an addend of one element may have another shape than the sum it enters."""
    if edge is None:
        return torch.ones_like(loss)
    made = edge.node._input_metadata[edge.output_nr]
    return torch.ones(made.shape, dtype=made.dtype, device=made.device)


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


class _Emptied(TorchFunctionMode):
    """Takes the `.grad` of leaves away and gives it back; what a checkpoint recomputes with is met while it runs."""

    def __init__(self, leaves: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor | None]] = {}
        self._take(leaves)

    def _take(self, tensors: Iterable[torch.Tensor]) -> None:
        for tensor in tensors:
            if tensor.requires_grad and tensor.is_leaf and id(tensor) not in self.before:
                self.before[id(tensor)] = tensor, tensor.grad
                tensor.grad = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        met: list[torch.Tensor] = []
        collect((args, kwargs), met)
        self._take(met)
        return func(*args, **(kwargs or {}))

    def give_back(self) -> None:
        """As it was."""
        for tensor, grad in self.before.values():
            tensor.grad = grad


def _by_backward(
    root: Any, start: torch.Tensor, loss: torch.Tensor, tensors: Sequence[torch.Tensor]
) -> list[torch.Tensor | None]:
    """Run backward() itself, read .grad, put .grad back."""
    emptied = _Emptied([*reachable_leaves(loss), *tensors])
    try:
        with emptied:  # torch.autograd.backward itself would hide what runs inside it from a function mode
            _engine_run_backward((root,), (start,), True, False, (), allow_unreachable=True, accumulate_grad=True)
        return [tensor.grad if tensor.is_leaf else None for tensor in tensors]
    finally:
        emptied.give_back()


def _structural(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any) -> Gradients:
    """backward() has run and freed the graph: say what it reached, and read the norms left in .grad."""
    root = loss.grad_fn if edge is None else edge.node
    reached = {id(getattr(node, "variable", None)) for node in walk_nodes(root)}
    values: list[torch.Tensor | None] = []
    for tensor in tensors:
        grad = tensor.grad if tensor.is_leaf else None
        values.append((grad if grad is not None else torch.ones(())) if id(tensor) in reached else None)
    found = _measure(values, "")
    found.freed = True
    return found
