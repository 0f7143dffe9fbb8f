"""What the debugger says of each arm, and its two pictures."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor, nn

from gradcheck_lm.draw.autograd.autograd import save_autograd
from gradcheck_lm.draw.graph.graph import save_graph
from gradcheck_lm.flow import Diagnosis, diagnose
from gradcheck_lm.lab.comparing.experiments import Bench
from gradcheck_lm.lab.config import Arm
from gradcheck_lm.lab.training.terms import labelled

LINES = 2  # enough to see every operation; the language model is asked again for each counterfactual


def diagnose_arm(bench: Bench, arm: Arm) -> tuple[Diagnosis, dict[str, Tensor], nn.Module]:
    """The diagnosis of one training step of an arm with respect to the whole recogniser, the terms of the step that it
    watched, and the copy of the recogniser that they were computed with.

    The penalty is made anew for each run of the step, so that its draws are the same in all of them.
    """
    model = copy.deepcopy(bench.recogniser).train().requires_grad_(True)
    device = next(model.parameters()).device
    batch = bench.train.take(range(min(LINES, len(bench.train))), device)

    watched: dict[str, Tensor] = {}

    def step() -> dict[str, Tensor]:
        found = labelled(bench.charset, bench.penalty(arm), arm.weight)(model, batch).terms
        # the shortcut head belongs to CTC: two terms are easier to read than three
        terms = {"ctc": found["ctc"] + found["shortcut"]}
        if "lm" in found:
            terms["lm"] = found["lm"]
        if not watched:  # the others are counterfactuals
            watched.update(terms)
        return terms

    return diagnose(step, wrt=model), watched, model


def draw_arm(diagnosis: Diagnosis, terms: dict[str, Tensor], model: nn.Module, folder: Path, name: str) -> list[Path]:
    """NAME-flow.svg and NAME-autograd.svg in `folder`."""
    title = f"{name}: from the recogniser to the loss"
    flow = save_graph(diagnosis, folder / f"{name}-flow.svg", title=title)
    # the penalty alone: with CTC in the picture, the dead term would simply not be there
    shown = {"lm": terms["lm"]} if "lm" in terms else terms
    graph = save_autograd(shown, folder / f"{name}-autograd.svg", params=dict(model.named_parameters()))
    return [flow, graph]
