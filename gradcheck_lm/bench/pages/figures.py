"""Every picture of README and docs, drawn from real runs; nothing is drawn by hand."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from gradcheck_lm.draw.autograd.autograd import autograd_dot
from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.graph.two_graphs import side_by_side
from gradcheck_lm.draw.layout.layout import picture, render
from gradcheck_lm.draw.plots.curves import Panel, Series, save_curves
from gradcheck_lm.draw.terminal.terminal import diagnosis_text
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.htr.checkpoint import SYNTHETIC, checkpoint_path, load_recogniser
from gradcheck_lm.lab.comparing.evidence import diagnose_arm
from gradcheck_lm.lab.comparing.lines import make_benches
from gradcheck_lm.lab.config import ComparisonConfig, with_labels_arms
from gradcheck_lm.lm import load_language_model

ARMS = ("argmax", "soft_embedding", "policy_gradient")
FIGURES = (
    *(f"{arm}-{kind}.svg" for arm in ARMS for kind in ("flow", "autograd")),
    "argmax-flow.ja.svg",
    "broken-and-fixed.svg",
    "broken-and-fixed.png",
    "argmax-flow.png",
    "argmax.txt",
    "recogniser-training.png",
)
"""What `draw_figures` draws."""
LINES = 8  # of the new hand: the recogniser must misread them, or the story's penalty would be 0 for that reason
NODES, COLUMNS = 24, 7  # in a picture of README, which is shown less than 1000 pixels wide
WIDEST = 1600  # pixels of a PNG


def draw_figures(out: str | Path, *, progress: Callable[[str], None]) -> list[Path]:
    """Draw all pictures into `out`; gives their paths.

    Uses the recogniser and the character language model that ship, on seeded lines in a hand kept out of training.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    found, paths = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (diagnosis, autograd) in diagnoses(Path(scratch), progress).items():
            found[name] = diagnosis
            paths.append(render(flow_dot(diagnosis, title=name), out / f"{name}-flow.svg", same_everywhere=True))
            paths.append(render(autograd, out / f"{name}-autograd.svg", same_everywhere=True))
    in_japanese = flow_dot(found["argmax"], title="argmax", limit=NODES, columns=COLUMNS, language="ja")
    paths.append(render(in_japanese, out / "argmax-flow.ja.svg", same_everywhere=True))
    progress("broken and fixed, side by side")
    titles = ("argmax: broken", "soft_embedding: fixed")
    both = side_by_side(found["argmax"], found["soft_embedding"], titles=titles)
    paths.append(render(both, out / "broken-and-fixed.svg", same_everywhere=True))
    narrow = side_by_side(found["argmax"], found["soft_embedding"], titles=titles, limit=NODES, columns=COLUMNS)
    paths.append(render_png(narrow, out / "broken-and-fixed.png"))
    paths.append(
        render_png(flow_dot(found["argmax"], title="argmax", limit=NODES, columns=COLUMNS), out / "argmax-flow.png")
    )
    paths.append(write_text_atomic(out / "argmax.txt", diagnosis_text(found["argmax"])))
    curve = training_curve()
    if curve is not None:
        progress("the training curve of the recogniser that ships")
        paths.append(save_curves(out / "recogniser-training.png", curve))
    return paths


def diagnoses(scratch: Path, progress: Callable[[str], None]) -> dict[str, tuple[Diagnosis, str]]:
    """For each arm what the debugger says of one real training step, and its penalty's autograd graph as DOT text."""
    config = ComparisonConfig(language_model="char", adapt_lines=LINES, evaluation_lines=LINES, label_steps=1)
    recogniser, charset = load_recogniser("synthetic")
    language_model = load_language_model("char", device="cpu")
    bench = make_benches(config, recogniser, charset, language_model, scratch, lambda *_: None)["new_hand"]
    result = {}
    for name in ARMS:
        progress(f"the debugger on {name}")
        torch.manual_seed(0)
        diagnosis, terms, model = diagnose_arm(bench, with_labels_arms()[name])
        result[name] = diagnosis, autograd_dot({"lm": terms["lm"]}, params=dict(model.named_parameters()), limit=40)
    return result


def render_png(dot_text: str, path: Path, *, widest: int = WIDEST) -> Path:
    """A PNG of at most `widest` pixels: drawn at the resolution that its own width asks for."""
    points = re.search(rb'<svg width="(\d+)pt"', picture(dot_text, "svg", same_everywhere=True))
    dpi = min(96, 72 * widest // int(points[1])) if points else 96
    return render(dot_text.replace("{\n", f"{{\n  graph [dpi={dpi}];\n", 1), path, same_everywhere=True)


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
