"""The page and the picture of the benchmark `scale`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradcheck_lm.bench.scale.scale_growth import FASTER, NOISE_MB, REPEATS, faster_than_linear
from gradcheck_lm.draw.plots.curves import Panel, Series, save_curves

# by kind of point, columns besides the curve's name and x: key, head, form, factor
_STEP = (
    ("frames", "T, frames", ".0f", 1),
    ("seconds", "ms a step", ".0f", 1000),
    ("cpu_seconds", "of the processor", ".0f", 1000),
    ("memory_mb", "MB more at the peak", ".0f", 1),
    ("kept_mb", "MB kept for the backward", ".0f", 1),
    ("process_mb", "MB of the process", ".0f", 1),
)
_EPOCH = (
    ("opening_seconds", "s to open", ".1f", 1),
    ("preparing_seconds", "s to prepare", ".1f", 1),
    ("training_seconds", "s to train", ".1f", 1),
    ("seconds", "s in all", ".1f", 1),
    ("cpu_seconds", "of the processor", ".1f", 1),
    ("step_seconds", "ms a step, median", ".1f", 1000),
    ("memory_mb", "MB more at the peak", ".0f", 1),
    ("process_mb", "MB of the process", ".0f", 1),
)
_WORK = (
    ("seconds", "s", ".2f", 1),
    ("cpu_seconds", "of the processor", ".2f", 1),
    ("memory_mb", "MB more at the peak", ".0f", 1),
    ("process_mb", "MB of the process", ".0f", 1),
)
_ABOUT = {
    "batch": "The recogniser that ships (`small`, 0.75 M parameters), pictures of 64 x 512, K = 4, language model "
    "`char`: forward, CTC of both heads, penalty, backward, AdamW, augmentation.",
    "width": "The same with 16 lines. The text does not grow with the width, so this is the growth with T alone.",
    "samples": "The same with 16 lines.",
    "lm": "The same with 16 lines: the penalty asks the language model for 5 texts a line, without a gradient. Random "
    "models have the form of `char` (a token a character), float32; `smollm2` has tokens of several characters, and "
    "the dtype that is its default here.",
    "epoch": "A folder with labels.tsv (files linked to 64 pictures), 64 lines a step, a recogniser so small that the "
    "way of the lines through the trainer is what costs; records and states are written as in `train`. Streaming reads "
    "each picture when it is taken; otherwise all are read before the first step and kept, a byte a pixel.",
    "reading": "`evaluate` reads from disk, with the recogniser that ships, and takes error rates. A look of `adapt` "
    "reads at most 64 lines, however many there are.",
    "texts": "Lines of prose, every tenth character misread. The bootstrap takes 2,000 resamples.",
}


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    found = report["versions"]
    lines = [
        "# Time and memory as functions of size", "",
        "`OMP_NUM_THREADS=1 python -m gradcheck_lm.bench scale --out docs/results`", "",
        f"{report['machine']}; torch {found['torch']}, transformers {found.get('transformers', '-')}, Python "
        f"{found['python']}. Every row is a process of its own. *MB more at the peak*: the highest resident memory "
        "over what the process held before the work began, libraries loaded and models in memory; *MB of the process*: "
        f"its highest of all (`getrusage`). Steps: median of {REPEATS} after one that is not counted. *MB kept for the "
        "backward* counts what autograd saves, and is the same in every run.", "",
        "An exponent of 1 is linear, 0 does not grow. Fitted by least squares on logarithms, of time on the "
        "processor's (all threads; other work on the machine stretches the clock's); in brackets the flattest and "
        f"the steepest between neighbouring rows. Memory below {NOISE_MB:.0f} MB is the allocator's noise and left "
        "out of the fits. Small memories, and calls, files and questions to a language model, are counted by the "
        "tests, for n, 2 n and 4 n lines.", "",
        "![time and memory over size](scale.png)", "",
        "## Does anything grow faster than the number of lines?", "",
        verdict(report), "",
    ]  # fmt: skip
    for name, axis in report["axes"].items():
        lines += section(name, axis)
    return "\n".join(lines).rstrip() + "\n"


def verdict(report: dict[str, Any]) -> str:
    """The one question that has a yes or a no."""
    asked = [axis for axis in report["axes"].values() if axis["in_lines"]]
    curves = sum(
        grown is not None for axis in asked for measures in axis["growth"].values() for grown in measures.values()
    )
    rule = f"(an exponent above {FASTER} would be called so; between sizes that differ by 4 that is 15 % of noise)"
    faster = faster_than_linear(report)
    if faster:
        return f"**Yes**, of {curves} curves over lines {rule}: {'; '.join(faster)}."
    return f"**No**: none of {curves} curves over lines does {rule}."


def section(name: str, axis: dict[str, Any]) -> list[str]:
    """One axis: what was done, the table, the exponents."""
    columns = columns_of(axis)
    load = axis["load"]
    lines = [
        f"## {axis['title']}", "",
        f"`--only {name}`; load of the machine {load[0]:.1f} before, {load[1]:.1f} after. {_ABOUT.get(name, '')}"
        f"{axis.get('note', '')}", "",
        f"| | {axis['meaning']} | " + " | ".join(head for _, head, _, _ in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]  # fmt: skip
    for row in axis["points"]:
        dtype = f" ({row['lm_dtype']})" if name == "lm" and row["series"] == "smollm2" else ""
        cells = [format(factor * row[key], form) if key in row else "" for key, _, form, factor in columns]
        lines.append(f"| {row['series']}{dtype} | {count(row[axis['x']])} | {' | '.join(cells)} |")
    lines.append("")
    for curve, measures in axis["growth"].items():
        said = [f"{'memory' if key == 'memory_mb' else 'time'} {_exponent(grown)}" for key, grown in measures.items()]
        lines.append(f"- {curve}: {', '.join(said)}")
    return [*lines, ""]


def columns_of(axis: dict[str, Any]) -> tuple[tuple[str, str, str, int], ...]:
    """What its points measured."""
    kind = axis["points"][0]["kind"]
    return {"step": _STEP, "epoch": _EPOCH}.get(kind, _WORK)


def count(number: float) -> str:
    """A number as people read it."""
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number:,.0f}"


def _exponent(grown: dict[str, float] | None) -> str:
    if grown is None:
        return f"not fitted (under {NOISE_MB:.0f} MB in all but two rows at most)"
    return f"{grown['fitted']:.2f} ({grown['flattest']:.2f} to {grown['steepest']:.2f})"


def panels(report: dict[str, Any]) -> list[Panel]:
    """Time and memory over each axis; on logarithmic scales a slope is an exponent."""
    found = []
    for axis in report["axes"].values():
        for key, title, label, least in (
            (axis["time"], "time", f"seconds{' of the processor' * (axis['time'] == 'cpu_seconds')}", 0.0),
            ("memory_mb", "memory", "MB more at the peak (at least 1)", 1.0),
        ):
            series = {}
            for name in dict.fromkeys(row["series"] for row in axis["points"]):
                mine = sorted((row for row in axis["points"] if row["series"] == name), key=lambda row: row[axis["x"]])
                series[name] = Series([row[axis["x"]] for row in mine], [max(least, row[key]) for row in mine])
            words = axis["meaning"].partition(";")[0]
            found.append(Panel(f"{axis['title']}: {title}", words, label, series, log_x=True, log_y=True))
    return found


def draw(path: Path, report: dict[str, Any]) -> Path:
    """scale.png."""
    return save_curves(path, panels(report), own_legends=True)
