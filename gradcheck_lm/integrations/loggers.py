"""What was seen at a step for a logger: scalars by name, and the page as an artefact where the logger takes one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.attribution.attribution import Attribution

LOGGER = logging.getLogger("gradcheck_lm")
WHOLE = "loss"  # the term that stands for the whole loss


def scalars_of(
    diagnosis: Diagnosis, *, ok: bool, starved: int, attribution: Attribution | None = None
) -> dict[str, float]:
    """gradflow/ok (0 or 1), gradflow/starved (tensors), and for each term its norm, share and cosine.

    Args:
        diagnosis: its terms give norms (L2), and shares: a term's norm over the sum of all terms' norms, 0 to 1.
        attribution: of the named terms and the whole loss under the name "loss": gives the cosine of each term's
            gradient with that of the whole loss, where both are not zero.
    """
    values = {"gradflow/ok": float(ok), "gradflow/starved": float(starved)}
    terms = {name: term for name, term in diagnosis.terms.items() if len(diagnosis.terms) == 1 or name != WHOLE}
    norms = {name: term.gradient_norm for name, term in terms.items()}
    total = sum(norms.values())
    for name, norm in norms.items():
        values[f"gradflow/{name}/norm"] = norm
        values[f"gradflow/{name}/share"] = norm / total if total else 0.0
        if attribution is not None and name in attribution.terms and name != WHOLE:
            cosine = attribution.cosine(name, WHOLE)
            if cosine is not None:
                values[f"gradflow/{name}/cosine"] = cosine
    return values


def ratio_scalars(ratios: Mapping[str, float]) -> dict[str, float]:
    """gradflow/update_to_weight for all weights ("") and for each module."""
    return {"gradflow/update_to_weight" + (f"/{name}" if name else ""): ratio for name, ratio in ratios.items()}


def hand_over(experiments: Iterable[Any], report: Any, step: int) -> None:
    """The report for the experiments of loggers: W&B takes the page, TensorBoard the text; others are passed over.

    Args:
        experiments: W&B's run, TensorBoard's SummaryWriter, or anything else.
        report: a Diagnosis, or a StepReport, which has no page: its text goes instead.
        step: the training step.
    """
    for experiment in experiments:
        try:
            if type(experiment).__module__.startswith("wandb") and hasattr(experiment, "log"):
                experiment.log({"gradflow/page": sys.modules["wandb"].Html(_page(report), inject=False)})
            elif hasattr(experiment, "add_text"):
                code = "\n".join("    " + line for line in str(report).splitlines())  # Markdown's way of monospacing
                experiment.add_text("gradflow/diagnosis", code, global_step=step)
        except Exception as error:  # a logger's trouble is no reason to lose a training run
            LOGGER.warning("the report of step %d could not be logged: %s: %s", step, type(error).__name__, error)


def _page(report: Any) -> str:
    if isinstance(report, Diagnosis):
        from gradcheck_lm.draw.page.page import page_html
        from gradcheck_lm.draw.page.report import Report

        try:
            return page_html(Report(diagnoses={"": report}))
        except GradcheckLMError:  # no template engine here
            pass
    from html import escape

    return f'<pre style="font-family:monospace">{escape(str(report))}</pre>'
