"""What a step did, as plain data: one record a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.flow import attribute
from gradcheck_lm.lab.measuring.metrics import t_interval
from gradcheck_lm.lab.training.terms import StepTerms


def measure_gradients(found: StepTerms, model: nn.Module) -> dict[str, dict[str, Any]]:
    """Each term's gradient by module, its share and its cosine to CTC's, by the term's name; before the backward pass,
    which frees the graph."""
    table = attribute(found.terms, wrt=model, across_ranks=True)
    rows: dict[str, dict[str, Any]] = {}
    for name in found.terms:
        rows[name] = {
            "gradient_norm": table.norm(name),
            "share": table.share(name),
            "modules": {module: table.norm(name, module) for module in table.modules if module != "all"},
        }
        if "ctc" in found.terms and name != "ctc":
            rows[name]["cosine"] = table.cosine(name, "ctc")
    return rows


@dataclass(frozen=True)
class StepNumbers:
    """What a step computed, as numbers: loss, terms, the gradient's norm, the penalty's value and its lines'."""

    total: float
    terms: dict[str, float]
    norm: float | None
    penalty: float | None
    per_line: list[float]


def read_numbers(found: StepTerms, total: Tensor, norm: Tensor | None = None) -> StepNumbers:
    """Read everything that is looked at in a step at once, which waits for a GPU once.

    Args:
        total: the sum of the terms.
        norm: of the gradient, where there is one.
    """
    penalty = found.penalty
    parts = [total, *found.terms.values(), *([] if norm is None else [norm])]
    parts += [] if penalty is None else [penalty.value, penalty.per_line]
    values = numbers(parts)
    rest = values[1 + len(found.terms) :]
    return StepNumbers(
        total=values[0][0],
        terms={name: value for name, (value,) in zip(found.terms, values[1:], strict=False)},
        norm=None if norm is None else rest[0][0],
        penalty=None if penalty is None else rest[-2][0],
        per_line=[] if penalty is None else rest[-1],
    )


def gradient_norm(model: nn.Module) -> Tensor:
    """Scalar: the norm of the gradient that the parameters hold."""
    return torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])


def numbers(tensors: Sequence[Tensor]) -> list[list[float]]:
    """The numbers in each tensor; those on a GPU travel together."""
    flat = [tensor.detach().flatten() for tensor in tensors]
    far = [i for i, tensor in enumerate(flat) if tensor.device.type != "cpu"]
    if len(far) > 1:
        wide = torch.float64 if flat[far[0]].device.type == "cuda" else torch.float32
        sizes = [len(flat[i]) for i in far]
        here = torch.cat([flat[i].to(wide) for i in far]).cpu().split(sizes)
        for i, tensor in zip(far, here, strict=True):
            flat[i] = tensor
    return [tensor.tolist() for tensor in flat]


def describe(
    step: int, rate: float, found: StepTerms, read: StepNumbers, gradients: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """One record: value and requires_grad of each term, and of its gradient what was measured.

    Args:
        step: counted from 0.
        rate: the learning rate.
        read: from `read_numbers`.
        gradients: from `measure_gradients`, or empty.
    """
    record: dict[str, Any] = {"step": step + 1, "learning_rate": rate, "total": read.total}
    record["requires_grad"] = any(term.requires_grad for term in found.terms.values())
    if found.penalty is not None:
        record["penalty"] = read.penalty
        if found.is_mean:
            low, high = t_interval(read.per_line)
            if math.isfinite(low) and math.isfinite(high):  # a single line has none
                record["penalty_interval"] = [low, high]
        record["lm_calls"] = found.penalty.lm_calls
    record["terms"] = {
        name: {"value": read.terms[name], "requires_grad": term.requires_grad, **gradients.get(name, {})}
        for name, term in found.terms.items()
    }
    return record
