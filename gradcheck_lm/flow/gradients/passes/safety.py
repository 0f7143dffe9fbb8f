"""Whether a backward pass may be run once more: only where no code of the program's own runs in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from gradcheck_lm.errors import class_of

_PLAIN = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)


def own_code(roots: Sequence[torch.Tensor], nodes: Iterable[Any]) -> str:
    """What of the program's own would run in another backward pass over these nodes; "" for nothing.

    Hooks on tensors that are no leaves, on nodes and on what is saved leave no trace in the graph: whoever asks has to
    have watched for them while the graph was built.
    """
    if torch._C._len_torch_dispatch_stack():
        return "a mode of torch.utils._python_dispatch is on"
    if any(type(root) not in _PLAIN for root in roots):
        return f"the loss is {class_of(roots[0])}"
    for node in nodes:
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            name = type(node).__name__.removesuffix("Backward")
            return "a checkpoint" if "Checkpoint" in name else f"the custom Function {name}"
        if "CppNode" in node.name() or type(node).__name__ == "CppFunction":
            return "an operation of an extension in C++"
        variable = getattr(node, "variable", None)
        if variable is not None and (found := _of_leaf(variable)):
            return found
    return ""


def _of_leaf(leaf: torch.Tensor) -> str:
    if leaf._backward_hooks or getattr(leaf, "_post_accumulate_grad_hooks", None):
        return "a hook on a leaf"
    if type(leaf) not in _PLAIN and not isinstance(leaf, UninitializedTensorMixin):
        return f"a leaf that is {class_of(leaf)}"
    return ""
