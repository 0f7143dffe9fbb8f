"""Gradients that round to zero in half precision: asked for once more, with the loss multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.gradients.autograd import gradient_values
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.gradients.passes.safety import own_code

SCALE = 2.0**16  # what a GradScaler begins with
_LARGEST = 2.0**15  # that float16 holds


@dataclass(frozen=True)
class Underflow:
    """A gradient that is zero, and not with the loss multiplied."""

    count: int  # elements that are not zero then
    scale: float


def underflows(loss: torch.Tensor, tensors: Sequence[torch.Tensor], edge: Any = None) -> dict[int, Underflow]:
    """By position the tensors whose gradient is exactly 0 and would not be with a larger loss.

    One more backward pass; none where code of the program's own would run in it.

    Args:
        loss: or an `edge` in its graph.
        tensors: those whose gradient is exactly 0.
    """
    node = loss.grad_fn if edge is None else edge.node
    if node is None or own_code([loss], walk_nodes(node)):
        return {}
    dtype = loss.dtype if edge is None else node._input_metadata[edge.output_nr].dtype
    scale = _LARGEST if dtype is torch.float16 else SCALE
    found = {}
    for place, value in enumerate(gradient_values(loss, tensors, edge, scale=scale)):
        if value is None or value.is_sparse:
            continue
        count = int(torch.count_nonzero(value.nan_to_num(0.0, 0.0, 0.0)))
        if count:
            found[place] = Underflow(count, scale)
    return found
