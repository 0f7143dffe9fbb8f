"""One line for a test: this gradient flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.errors import GradientFlowError
from gradcheck_lm.flow.diagnose import Run, diagnose
from gradcheck_lm.flow.findings.headline import headline
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import PASS_A_FUNCTION


def assert_gradient_flows(fn_or_loss: Any, wrt: Any, *, counterfactual: bool = True) -> Diagnosis:
    """Fail with the whole diagnosis unless every tensor in `wrt` gets a gradient that is not all zero.

    Args:
        fn_or_loss: a function of no arguments that computes the loss (or a dict of its terms): lines are named. Or a
            loss that is already computed: what is starved is named, but not the line.
        wrt: the model, a dict of tensors, or tensors.
        counterfactual: as in `diagnose`.
    Returns:
        Diagnosis, where all is well.
    Raises:
        GradientFlowError: an AssertionError whose text is the diagnosis, and whose `.diagnosis` holds it.
        TraceError: the loss is no number, or wrt holds no tensor.
    """
    __tracebackhide__ = True
    if isinstance(fn_or_loss, torch.Tensor | Mapping | int | float) or not callable(fn_or_loss):
        diagnosis = Run().diagnose(fn_or_loss, wrt)
        diagnosis = replace(diagnosis, notes=(*diagnosis.notes, PASS_A_FUNCTION.told()))
    else:
        diagnosis = diagnose(fn_or_loss, wrt, counterfactual=counterfactual)
    if not diagnosis.ok:
        raise GradientFlowError(f"{headline(diagnosis.findings)}\n{diagnosis}", diagnosis)
    return diagnosis
