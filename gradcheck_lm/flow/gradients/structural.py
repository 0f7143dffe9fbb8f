"""Parameters whose gradient is zero by construction: a shift that a normalisation behind it takes away again.

A bias before BatchNorm, a scalar added before a softmax, the bias of an attention's keys: the loss does not depend on
them, so their gradient is rounding noise. That is no fault, and they must not be reported as starved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.gradients.subjects import unwrapped
from gradcheck_lm.flow.operations.names import words

# node name (without its number) -> the place of the added shift among its inputs; -1: any place
_SHIFTS = {
    "Convolution": 2, "Addmm": 0, "Baddbmm": 0, "Linear": 2, "Add": -1, "Sub": -1, "NativeLayerNorm": 2,
    "NativeBatchNorm": 2, "CudnnBatchNorm": 2, "NativeGroupNorm": 2,
}  # fmt: skip
_CASTS = ("ToCopy",)
_BILINEAR = words("Mul Mm Bmm Addmm Baddbmm Mv Dot Linear Convolution Addcmul Div")
_PASSED = words(
    """
    ToCopy View UnsafeView Reshape ReshapeAlias Transpose T Permute Squeeze Unsqueeze Expand Clone Alias Contiguous
    Slice Select Split SplitWithSizes Unbind Cat Stack Add Sub Mul Div Bmm Mm MaskedFill Where
    """
)
_PRODUCTS = words("Bmm Mm")
_NORMALISED = words("Softmax LogSoftmax SafeSoftmax")
_BATCH_NORMS = words("NativeBatchNorm CudnnBatchNorm MiopenBatchNorm BatchNormWithUpdate")


@dataclass
class Shift:
    """A parameter that enters by an addition alone, and how much gradient arrived at that addition."""

    key: Any
    node: Any
    taker: Any  # the node of a normalisation that takes it away
    arrived: torch.Tensor | None = field(default=None)  # the sum of its absolute values: read when it is asked for
    precision: float = field(default=0.0)


def structural_zeros(wrt: Any) -> tuple[str, ...]:
    """Biases directly in front of a BatchNorm in a Sequential: their gradient is zero but for rounding.

    For where there is no graph to look at, as between backward() and the optimizer's step.
    """
    wrt = unwrapped(wrt)
    if not isinstance(wrt, torch.nn.Module):
        return ()
    norms = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d)
    found = []
    for path, module in wrt.named_modules():
        if isinstance(module, torch.nn.Sequential):
            for (name, part), (_, following) in pairwise(list(module.named_children())):
                if isinstance(following, norms) and isinstance(getattr(part, "bias", None), torch.nn.Parameter):
                    found.append(".".join(item for item in (path, name, "bias") if item))
    return tuple(found)


def shifts(root: Any, tensors: Mapping[Any, torch.Tensor]) -> list[Shift]:
    """The parameters from which every way to the node `root` is an addition, linear steps, then a normalisation."""
    nodes = walk_nodes(root)
    consumers: dict[Any, list[tuple[Any, int]]] = {}
    leaves: dict[int, Any] = {}
    for node in nodes:
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves[id(variable)] = node
        for place, (following, _) in enumerate(node.next_functions):
            if following is not None:
                consumers.setdefault(following, []).append((node, place))
    found = []
    for key, tensor in tensors.items():
        leaf = leaves.get(id(tensor))
        node = None if leaf is None else _addition(leaf, consumers)
        takers = [] if node is None else _normalisations(node, consumers, scalar=tensor.numel() == 1)
        if takers:
            found.append(Shift(key, node, takers[0]))
    return found


def _addition(leaf: Any, consumers: dict[Any, list[tuple[Any, int]]]) -> Any:
    """The one addition by which a parameter enters, or None."""
    uses = consumers.get(leaf, [])
    while len(uses) == 1 and _stem(uses[0][0]) in _CASTS:
        uses = consumers.get(uses[0][0], [])
    if len(uses) != 1:
        return None
    node, place = uses[0]
    return node if is_shift(node, place) else None


def is_shift(node: Any, place: int) -> bool:
    """Whether what enters a node at this place is added to something."""
    return _SHIFTS.get(_stem(node)) in (-1, place)


def is_product(node: Any) -> bool:
    """Whether a node multiplies what enters it: the gradient of one factor is zero where the other is."""
    return _stem(node) in _BILINEAR


def _normalisations(start: Any, consumers: dict[Any, list[tuple[Any, int]]], *, scalar: bool) -> list[Any]:
    """The normalisations in which all ways from an addition end; none where one way does not end so.

    One number shifts all entries of a softmax alike; several do so only where a matrix product has spread them, as
    attention does with the bias of its keys.
    """
    takers: list[Any] = []
    seen: set[tuple[Any, bool]] = {(start, scalar)}
    stack = [(start, scalar)]
    while stack:
        node, spread = stack.pop()
        uses = consumers.get(node, [])
        if not uses:
            return []  # it arrives at the loss itself
        for following, place in uses:
            stem = _stem(following)
            if _takes_shift_away(following, stem, place, spread):
                takers.append(following)
                continue
            if stem not in _PASSED:
                return []
            step = (following, spread or stem in _PRODUCTS)
            if step not in seen:
                seen.add(step)
                stack.append(step)
    return takers


def _takes_shift_away(node: Any, stem: str, place: int, spread: bool) -> bool:
    if stem in _BATCH_NORMS:
        return place == 0 and bool(getattr(node, "_saved_training", True))
    return (stem in _NORMALISED and spread) or (stem.startswith("ScaledDotProduct") and place in (0, 1))


def _stem(node: Any) -> str:
    return node.name().rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")


@contextmanager
def measured(candidates: list[Shift]) -> Iterator[None]:
    """During a backward pass: how much gradient arrives at each candidate's addition."""
    handles = []

    def meter(shift: Shift) -> Any:
        def hook(arriving: Any) -> None:
            if arriving and arriving[0] is not None:
                shift.arrived = arriving[0].detach().abs().sum(dtype=torch.float64)
                shift.precision = torch.finfo(arriving[0].dtype).eps

        return hook

    try:
        for shift in candidates:
            handles.append(shift.node.register_prehook(meter(shift)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def cancels(shift: Shift, gradient: torch.Tensor) -> bool:
    """Whether what arrived cancels to rounding: half of the digits and more are gone."""
    arrived = 0.0 if shift.arrived is None else float(shift.arrived)
    left = float(gradient.detach().abs().sum(dtype=torch.float64))
    return left <= shift.precision**0.5 * arrived and arrived > 0
