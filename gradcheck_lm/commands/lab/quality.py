"""`quality`: how good each penalty's gradient is on lines of handwriting, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from gradcheck_lm.commands.common import note, plain, say, show_json
from gradcheck_lm.commands.data import Choice, Device, Json, Recogniser
from gradcheck_lm.commands.options import argument
from gradcheck_lm.lab.config import LANGUAGE_MODELS, SHIPPED
from gradcheck_lm.lab.settings import LINES, LM_HELP, QualitySettings
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.lab.measuring.quality import Quality


def quality(
    data: Annotated[
        Path | None,
        argument(
            f"{LINES} Or logits of your own: .npy (T, N, C); .npz with 'logits' and, if you have them, 'labels' "
            "and 'characters'; .csv; or a folder of these. Left out: lines in a hand never seen in training.",
            metavar="[DATA]",
        ),
    ] = None,
    recogniser: Recogniser = SHIPPED,
    lm: Annotated[str, Option(LM_HELP, suggestions=LANGUAGE_MODELS)] = "char",
    settings: QualitySettings = QualitySettings(),
    choice: Choice = Choice(),
    out: Annotated[Path | None, Option("Folder for quality.json and quality.png.", metavar="DIR")] = None,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Hold each penalty's gradient against a reference of thousands of samples: direction, noise, cost.

    The cosine says whether a penalty points where the expected penalty falls; the noise says how many steps it takes to
    see it; both are at the logits, before the recogniser's own gradient. Nothing is trained.
    """
    from gradcheck_lm.draw.terminal.terminal import console, table
    from gradcheck_lm.files import write_text_atomic
    from gradcheck_lm.htr.readers.logits import is_logits
    from gradcheck_lm.lab.measuring.quality import gradient_quality
    from gradcheck_lm.lab.measuring.quality_input import load_input
    from gradcheck_lm.lm import load_language_model

    note("reading the lines")
    chosen = choice.of_logits(data) if data is not None and is_logits(data) else choice.of_lines(data)
    found = load_input(
        data, recogniser=recogniser, lines=settings.lines, seed=settings.seed, device=device, progress=note, **chosen
    )
    note(f"loading the language model {lm}")
    language_model = load_language_model(lm, device=found.logits.device)
    measured = gradient_quality(
        found.logits,
        found.transcripts,
        language_model,
        found.charset,
        names=settings.penalties or None,
        objective=settings.objective,
        samples=settings.samples,
        repeats=settings.repeats,
        seed=settings.seed,
        progress=note,
    )
    report: dict[str, Any] = {"lines_from": found.source, "language_model": lm, **measured.to_dict()}
    if out is not None:
        write_text_atomic(out / "quality.json", json.dumps(plain(report), indent=2, ensure_ascii=False) + "\n")
        draw(measured, out / "quality.png")
    if json_output:
        show_json(report)
        return
    reference = measured.reference
    columns = ["penalty", "claims", "cosine", "interval", "noise", "blank", "ms", "LM texts", "noise^2 x ms"]
    console().print(table(f"Gradient at the logits of {measured.lines} lines, {lm}", columns, rows(measured)))
    say(
        f"reference: policy_gradient with {reference.samples} strings a line; its halves have cosine "
        f"{reference.cosine:.3f}, so the exact gradient itself would show about {reference.ceiling:.3f} before the "
        "noise is taken out, as it is in the table. noise: of one call, over the gradient's length"
    )
    for name, why in measured.skipped.items():
        say(f"left out: {name}: {why}")
    if out is not None:
        say(f"{out / 'quality.json'}\n{out / 'quality.png'}")


def rows(measured: Quality) -> list[list[str]]:
    """The table's cells."""
    return [
        [
            row.name,
            row.kind,
            "in the noise" if row.cosine is None else f"{row.cosine:.3f}",
            "" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}",
            f"{row.spread:.2f}",
            f"{100 * row.blank:.0f} %",
            f"{row.milliseconds:.1f}",
            f"{row.lm_calls:.0f}",
            f"{row.work:.3g}",
        ]
        for row in measured.rows
    ]


def draw(measured: Quality, path: Path) -> None:
    """Quality against cost: the cosine, and the noise."""
    from gradcheck_lm.draw.plots.scatter import Point, Scatter, save_scatter

    cosines = [
        Point(row.name, row.milliseconds, row.cosine, *(row.interval or (None, None)))
        for row in measured.rows
        if row.cosine is not None
    ]
    # a deterministic penalty has no noise, and no place on a logarithmic axis
    noises = [Point(row.name, row.milliseconds, row.spread) for row in measured.rows if row.spread > 1e-6]
    milliseconds = "milliseconds a call, with its backward"
    panels = [Scatter("Direction", milliseconds, "cosine to the reference, noise taken out", cosines, log_x=True)]
    if noises:
        label = "noise of one call / length of the gradient"
        panels.append(Scatter("Noise", milliseconds, label, noises, log_x=True, log_y=True, level=("as large", 1.0)))
    save_scatter(path, panels)
