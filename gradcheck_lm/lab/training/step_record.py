"""What a step did, as plain data: one record a step."""

from __future__ import annotations

from typing import Any

from torch import nn

from gradcheck_lm.flow import attribute
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


def describe(step: int, rate: float, found: StepTerms, gradients: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One record: value and requires_grad of each term, and of its gradient what was measured.

    Args:
        step: counted from 0.
        rate: the learning rate.
        gradients: from `measure_gradients`, or empty.
    """
    record: dict[str, Any] = {"step": step + 1, "learning_rate": rate, "total": float(found.total.detach())}
    record["requires_grad"] = found.total.requires_grad
    if found.penalty_value is not None:
        record["penalty"] = found.penalty_value
        if found.penalty_interval is not None:
            record["penalty_interval"] = list(found.penalty_interval)
        record["lm_calls"] = found.lm_calls
    record["terms"] = {
        name: {"value": float(term.detach()), "requires_grad": term.requires_grad, **gradients.get(name, {})}
        for name, term in found.terms.items()
    }
    return record
