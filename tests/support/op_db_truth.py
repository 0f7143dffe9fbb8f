"""What autograd itself answers for a call of torch's operator database: the truth that the recorder is held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from gradcheck_lm.flow.gradients.autograd import lacks_derivative

ALIVE, ZERO, NONE, REFUSED = "alive", "zero", "none", "refused"  # what autograd does


def is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def tensors_in(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def prepare(function: Callable[..., Any], sample: Any, grad: set[int] | None, *, on_copy: bool) -> Any:
    """Fresh floating-point inputs, those numbered in `grad` (None: all) requiring grad, and the call on them."""
    count = itertools.count()

    def fresh(value: Any) -> Any:
        if not is_float(value):
            return value.clone() if isinstance(value, torch.Tensor) else value
        number = next(count)
        return value.detach().clone().requires_grad_(grad is None or number in grad)

    first, args, kwargs = tree_map(fresh, (sample.input, sample.args, dict(sample.kwargs)))
    sources = [tensor for tensor in tensors_in((first, args, kwargs)) if is_float(tensor)]

    def program() -> Any:
        torch.manual_seed(0)
        target = first.clone() if on_copy and isinstance(first, torch.Tensor) else first
        return function(target, *args, **kwargs)

    return sources, program


def truth(function: Callable[..., Any], sample: Any, *, on_copy: bool) -> tuple[list[list[str]], Any]:
    """Per output and input: what autograd does; and the outputs, where it takes all inputs together. Where it refuses
    that, each is asked alone."""
    table, outputs = _truth(function, sample, None, on_copy=on_copy)
    if table is not None and not any(REFUSED in row for row in table):
        return table, outputs
    sources, program = prepare(function, sample, set(), on_copy=on_copy)
    count = len(tensors_in(program()))
    columns = []
    for number in range(len(sources)):
        alone, _ = _truth(function, sample, {number}, on_copy=on_copy)
        columns.append([REFUSED] * count if alone is None else [row[number] for row in alone])
    return [list(row) for row in zip(*columns, strict=True)], None


def _refuses(error: RuntimeError) -> bool:
    said = (
        "is not differentiable with respect to argument",
        "does not support automatic differentiation for outputs",
        "cannot resize variables that require grad",
    )
    unsupported = "not supported with sparse gradients" in str(error)
    return lacks_derivative(error) or unsupported or any(text in str(error) for text in said)


def _truth(function: Callable[..., Any], sample: Any, grad: set[int] | None, *, on_copy: bool) -> Any:
    """The table with these inputs requiring grad, and the outputs; None twice where torch does not take them so."""
    sources, program = prepare(function, sample, grad, on_copy=on_copy)
    asked = [tensor for tensor in sources if tensor.requires_grad]
    try:
        outputs = tensors_in(program())
    except RuntimeError as error:
        if not _refuses(error):
            raise
        return None, None
    table = []
    for output in outputs:
        output = output if output.layout is torch.strided else output.to_dense()
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output.dtype)
        states = [NONE] * len(asked)
        try:
            if output.requires_grad:
                found = torch.autograd.grad(output, asked, weights, allow_unused=True, retain_graph=True)
                states = [_state(value) for value in found]
        except RuntimeError as error:
            if not _refuses(error):
                raise
            states = [REFUSED] * len(asked)
        rest = iter(states)
        table.append([next(rest) if tensor.requires_grad else NONE for tensor in sources])
    return table, outputs


def _state(gradient: torch.Tensor | None) -> str:
    if gradient is None:
        return NONE
    values = gradient if gradient.layout is torch.strided else gradient.to_dense()
    return ALIVE if bool((values != 0).any()) else ZERO  # NaN is alive: the way is there
