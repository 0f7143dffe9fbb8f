"""Every picture of README and docs, drawn from real runs; nothing is drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

from gradcheck_lm.draw.autograd import autograd_dot
from gradcheck_lm.draw.curves import Panel, Series, save_curves
from gradcheck_lm.draw.graph import flow_dot
from gradcheck_lm.draw.layout import render
from gradcheck_lm.draw.side_by_side import side_by_side
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.checkpoint import SYNTHETIC, checkpoint_path
from gradcheck_lm.lab.compare import load_recogniser, make_benches
from gradcheck_lm.lab.config import ComparisonConfig, with_labels_arms
from gradcheck_lm.lab.evidence import diagnose_arm
from gradcheck_lm.lm import load_language_model


def draw_figures(out: str | Path, *, progress: Callable[[str], None]) -> list[Path]:
    """Draw all pictures into `out`; gives their paths.

    Uses the recogniser and the character language model that ship, on one seeded batch of synthetic lines.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    config = ComparisonConfig(language_model="char", adapt_lines=8, evaluation_lines=8, label_steps=1)
    recogniser, charset = load_recogniser("synthetic")
    language_model = load_language_model("char", device="cpu")
    bench = make_benches(config, recogniser, charset, language_model, out, lambda *_: None)["with_labels"]
    found, paths = {}, []
    for name in ("argmax", "soft_embedding", "policy_gradient"):
        progress(f"the debugger on {name}")
        torch.manual_seed(0)
        found[name], terms, model = diagnose_arm(bench, with_labels_arms()[name])
        paths.append(render(flow_dot(found[name], title=name), out / f"{name}-flow.svg"))
        dot = autograd_dot({"lm": terms["lm"]}, params=dict(model.named_parameters()))
        paths.append(render(dot, out / f"{name}-autograd.svg"))
    paths.append(render(side_by_side(found["argmax"], found["soft_embedding"]), out / "broken-and-fixed.svg"))
    paths.append(write_text_atomic(out / "argmax.txt", str(found["argmax"]) + "\n"))
    curve = training_curve()
    if curve is not None:
        progress("the training curve of the recogniser that ships")
        paths.append(save_curves(out / "recogniser-training.png", curve))
    return paths


def training_curve() -> list[Panel] | None:
    """The curve that was written when the shipped recogniser was trained."""
    record = checkpoint_path(SYNTHETIC).with_suffix(".json")
    if not record.exists():
        return None
    points = json.loads(record.read_text(encoding="utf-8"))["curve"]
    steps = [point["step"] for point in points]
    return [
        Panel("CTC loss", "step", "nats per character", {"train": Series(steps, [point["ctc"] for point in points])}),
        Panel(
            "Reading new text in hands it knows",
            "step",
            "CER in %",
            {"validation": Series(steps, [100 * point["cer"] for point in points])},
        ),
    ]
