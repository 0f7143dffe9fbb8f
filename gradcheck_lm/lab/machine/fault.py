"""Where a number that is none first appears in a recogniser: which module, for which lines of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Fault:
    """`where`: in words, with the module's name; `lines`: places in the batch that are affected, perhaps all."""

    where: str
    lines: tuple[int, ...]


@torch.no_grad()
def find_fault(model: nn.Module, images: Tensor) -> Fault | None:
    """The first place in a forward pass, in the order of execution, that holds NaN or infinity.

    Args:
        model: the recogniser; its outputs are (N, ...) for pictures and (T, N, ...) for sequences.
        images: (N, 1, H, W) float.
    Returns:
        None where pictures, weights and all outputs are finite.
    """
    everything = tuple(range(len(images)))
    if bad := _rows(images, 0):
        return Fault("the pictures themselves hold NaN or infinity", bad)
    if name := bad_weight(model, used=True):
        return Fault(f"the weight {name} holds NaN or infinity", everything)
    found: list[Fault] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) else output
            if found or not isinstance(first, Tensor) or torch.isfinite(first).all():
                return
            lines = _rows(first, 1 if first.dim() == 3 else 0)
            where = f"the output of {name} ({type(module).__name__}) holds NaN or infinity"
            found.append(Fault(where, lines if all(i < len(images) for i in lines) else everything))

        return look

    # a module's children answer before it does, so the first to speak is the innermost
    hooks = [module.register_forward_hook(watch(name or "the recogniser")) for name, module in model.named_modules()]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None


def bad_gradient(model: nn.Module) -> str | None:
    """Name of the parameter nearest to the loss whose gradient holds NaN or infinity."""
    # a backward pass goes from the last module to the first
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return name
    return None


def bad_weight(model: nn.Module, *, used: bool = False) -> str | None:
    """Name of the first weight or statistic that holds NaN or infinity.

    Args:
        used: without the running statistics of layers in train mode: a forward pass does not read them, and the one
            that went wrong has spoilt them.
    """
    skipped = {
        f"{name}.{buffer}" if name else buffer
        for name, module in model.named_modules()
        if used and module.training
        for buffer in module._buffers
    }
    for name, tensor in model.state_dict().items():
        if name not in skipped and tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return name
    return None


def _rows(tensor: Tensor, axis: int) -> tuple[int, ...]:
    bad = ~torch.isfinite(tensor.detach())
    others = [i for i in range(tensor.dim()) if i != axis]
    rows = bad.any(dim=others) if others else bad
    return tuple(rows.nonzero().flatten().tolist())
