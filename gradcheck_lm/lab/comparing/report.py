"""The comparison as a page, tables and curves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from gradcheck_lm.draw.page.made import facts
from gradcheck_lm.draw.page.page import save_page
from gradcheck_lm.draw.page.report import Example, Experiment, Report
from gradcheck_lm.draw.plots.curves import Panel, Series, save_curves
from gradcheck_lm.lab.comparing.compare import Comparison
from gradcheck_lm.lab.comparing.experiments import ArmOutcome
from gradcheck_lm.lab.comparing.sentences import (
    ARMS,
    ARMS_JA,
    experiments_of,
    helped,
    percent,
    verdict,
    verdict_ja,
)
from gradcheck_lm.lab.config import AGAIN

READINGS = ("ctc", "argmax", "soft_embedding", "gumbel_softmax", "policy_gradient")


def number(value: float | None, form: str = ".2f") -> str:
    """A number; a dash where there is none."""
    return "-" if value is None else format(value, form)


def comparison_rows(arms: dict[str, dict[str, Any]], experiment: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of one experiment's table."""
    with_labels = experiment == "with_labels"
    columns = ["arm", "CER % before", "after", "change, 95 %", "LM nats/char", "length", "LM gradient", "cosine"]
    columns += ["weights", "s/step"]
    rows = []
    for name, figures in arms.items():
        low, high = figures["cer_interval"]
        if with_labels:
            same = "= CTC alone" if figures["identical_to_ctc_only"] else "differ"
        else:
            same = "unmoved" if figures["weights_unchanged"] else "moved"
        rows.append(
            [
                name,
                percent(figures["cer_before"]),
                percent(figures["cer_after"]),
                f"{100 * low:+.1f} .. {100 * high:+.1f}",
                f"{number(figures['lm_before'])} > {number(figures['lm_after'])}",
                number(figures["length_ratio"]),
                number(figures["lm_gradient_norm"], ".3g"),
                number(figures["lm_ctc_cosine"]),
                same,
                number(figures["seconds_per_step"] or None),
            ]
        )
    return columns, rows


def short_rows(arms: dict[str, dict[str, Any]], experiment: str) -> tuple[list[str], list[list[str]]]:
    """The same for a terminal of 80 columns."""
    _, rows = comparison_rows(arms, experiment)
    columns = ["arm", "CER %", "change, 95 %", "LM gradient", "cosine", "weights", "s/step"]
    return columns, [[row[0], f"{row[1]} > {row[2]}", row[3], *row[6:]] for row in rows]


def write_report(found: Comparison) -> Path:
    """curves.png and report.html of a comparison; gives the path of the page."""
    panels = curves(found)
    save_curves(found.out / "curves.png", panels)
    return save_page(found.out / "report.html", report(found, panels))


def curves(found: Comparison) -> list[Panel]:
    """CER on a third of the evaluation lines, the penalty of the batch, and the language model's gradient norm, over
    the steps of the new hand."""
    cer: dict[str, Series] = {}
    penalty: dict[str, Series] = {}
    norm: dict[str, Series] = {}
    for name, outcome in found.outcomes["new_hand"].items():
        records = outcome.result.records
        probed = [(record["step"], record["probe"]) for record in records if "probe" in record]
        if probed:
            cer[name] = Series(
                [step for step, _ in probed],
                *(
                    [100 * probe.get(key, probe["cer"]) for _, probe in probed]
                    for key in ("cer", "cer_low", "cer_high")
                ),
            )
        asked = [record for record in records if "penalty" in record]
        if asked:
            known = all("penalty_interval" in record for record in asked)  # a batch of one line has none
            bounds = [[record["penalty_interval"][end] for record in asked] for end in (0, 1)] if known else []
            steps, values = ([record[key] for record in asked] for key in ("step", "penalty"))
            penalty[name] = Series(steps, values, *bounds)
        norms = outcome.result.series("lm", "gradient_norm")
        if norms:
            norm[name] = Series(*zip(*norms, strict=True))
    return [
        Panel("Reading a new hand", "step", "CER in %, 95 % interval of its change", cer),
        Panel("Penalty of the batch", "step", "nats per character, 95 % interval over lines", penalty),
        Panel("Gradient of the penalty", "step", "norm at the recogniser", norm, log_y=True),
    ]


def report(found: Comparison, panels: list[Panel]) -> Report:
    """The page's content."""
    experiments = []
    for name, (title, description, title_ja, description_ja) in experiments_of(found.config).items():
        columns, rows = comparison_rows(found.summary[name]["arms"], name)
        names = [row[0] for row in rows]
        highlight = names.index("argmax") if name == "with_labels" and "argmax" in names else None
        if name == "new_hand" and "policy_gradient" in names:
            highlight = names.index("policy_gradient")
        if name == "with_labels":
            same = found.summary["same_bits"]
            description, description_ja = f"{description} {same['words']}", f"{description_ja}{same['words_ja']}"
        experiments.append(Experiment(title, columns, rows, description, title_ja, description_ja, highlight))
    return Report(
        title="A language-model loss for handwriting: broken and fixed, side by side",
        title_ja="手書き文字認識の言語モデル損失: 壊れた版と直した版の比較",
        verdict=verdict(found),
        verdict_ja=verdict_ja(found),
        helped=helped(found),
        helped_ja=helped(found, "ja"),
        arms=ARMS,
        arms_ja=ARMS_JA,
        made=facts(),
        # the page opens with the first: the broken one
        diagnoses=dict(sorted(found.diagnoses.items(), key=lambda item: item[0] != "argmax")),
        autograd_graphs={name: paths[1].read_text(encoding="utf-8") for name, paths in found.graphs.items()},
        experiments=experiments,
        gradients=gradient_panels(found),
        curves=panels,
        lm_table=found.table.rows,
        mistakes=found.mistakes.examples,
        confusions=found.mistakes.confusions,
        examples=examples(found),
        configuration=found.config.to_dict(),
        versions={**found.summary["versions"], "device": found.summary["device"]},
    )


def gradient_panels(found: Comparison) -> list[Panel]:
    """Gradient norm of every term of each arm with labels, over the steps, and of its penalty (of CTC, where there is
    none) by module of the recogniser."""
    panels = []
    for name, outcome in found.outcomes["with_labels"].items():
        if name == AGAIN and found.summary["same_bits"][AGAIN]:
            continue  # the curves of ctc once more
        series = {}
        for term in ("ctc", "shortcut", "lm"):
            points = outcome.result.series(term, "gradient_norm")
            if points:
                series[term] = Series(*zip(*points, strict=True))
        if series:
            panels.append(Panel(name, "step", "gradient norm", series, log_y=True))
            term = "lm" if "lm" in series else "ctc"
            panels.append(
                Panel(f"{name}, by module", "step", f"gradient norm of {term}", by_module(outcome, term), True)
            )
    return panels


def by_module(outcome: ArmOutcome, term: str) -> dict[str, Series]:
    """Gradient norm of one term at each module of the recogniser, over the steps that measured it."""
    measured = [record for record in outcome.result.records if "modules" in record["terms"].get(term, {})]
    steps = [record["step"] for record in measured]
    modules = dict.fromkeys(module for record in measured for module in record["terms"][term]["modules"])
    return {
        module: Series(steps, [record["terms"][term]["modules"].get(module, 0.0) for record in measured])
        for module in modules
    }


def examples(found: Comparison, count: int = 6) -> list[Example]:
    """The first evaluation lines of the new hand, with what each arm reads after its training."""
    bench = found.benches["new_hand"]
    outcomes = found.outcomes["new_hand"]
    shown = []
    for i in range(min(count, len(bench.evaluation))):
        readings = {"before": outcomes["ctc"].before.readings[i]}
        readings |= {name: outcomes[name].after.readings[i] for name in READINGS[1:] if name in outcomes}
        label = bench.evaluation.texts[i]
        shown.append(
            Example(png(bench.evaluation.pixels([i])[0, 0].numpy()), label, readings, bench.evaluation.names[i])
        )
    return shown


def png(ink: Any) -> bytes:
    """A line as the recogniser sees it, as a PNG with dark ink on white, without the empty right margin."""
    columns = (ink > 40).any(0).nonzero()[0]
    end = int(columns[-1]) + 8 if len(columns) else ink.shape[1]
    stream = io.BytesIO()
    Image.fromarray(255 - ink[:, :end]).save(stream, "PNG", optimize=True)
    return stream.getvalue()
