"""Time and memory as functions of lines, width, frames, samples and the language model's size: each point in a fresh
process, growth as an exponent with its range."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.scale.scale_growth import REPEATS, growth
from gradcheck_lm.bench.scale.scale_page import draw, page
from gradcheck_lm.bench.scale.scale_points import Figures, write_lines, write_lm
from gradcheck_lm.errors import ArgumentError, RunError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.lab.comparing.compare import device_name, versions

BASE = {"kind": "step", "lines": 16, "width": 512, "samples": 4, "lm": "char", "repeats": REPEATS}
CTC: Figures = {"series": "CTC", "penalty": None}
PENALISED: Figures = {"series": "CTC + policy_gradient", "penalty": "policy_gradient"}
LM_SIZES = ((128, 5), (192, 9), (384, 9), (768, 9), (960, 9))  # width and layers: 1, 4, 16, 64 and 100 M parameters
LINES = (1000, 4000, 16_000, 64_000)


@dataclass(frozen=True)
class Axis:
    """One table: what grows, the points to ask for, and the key of each that is the x."""

    name: str
    title: str
    x: str
    meaning: str
    in_lines: bool  # whether x counts lines: then nothing may grow faster than it
    points: Sequence[Figures]


def axes(
    scratch: Path, *, lines: Sequence[int] = LINES, lm_sizes: Sequence[tuple[int, int]] = LM_SIZES
) -> dict[str, Axis]:
    """All axes; folders of lines and language models are made in `scratch` when their points are asked for."""

    def steps(key: str, values: Sequence[int], *arms: Figures) -> list[Figures]:
        return [{**BASE, key: value, **arm} for arm in arms for value in values]

    def folders(kind: str, series: str, sizes: Sequence[int], **more: Any) -> list[Figures]:
        ours = {"kind": kind, "series": series, "warm_up": str(scratch / "lines-64"), **more}
        return [{**ours, "lines": count, "folder": str(scratch / f"lines-{count}")} for count in sizes]

    def texts(kind: str, series: str) -> list[Figures]:
        return [{"kind": kind, "series": series, "lines": count} for count in lines]

    random = {**BASE, **PENALISED, "series": "random weights, float32", "dtype": "float32"}
    models = [{**random, "lm": str(scratch / f"lm-{w}-{d}"), "sizes": [w, d]} for w, d in lm_sizes]
    models += [{**BASE, **PENALISED, "series": name, "lm": name} for name in ("char", "smollm2")]
    few = [max(64, count // 16) for count in lines]
    epochs = [*folders("epoch", "pixels kept", lines, kept=True), *folders("epoch", "streaming", lines, kept=False)]
    compared = [*texts("errors", "character errors"), *texts("bootstrap", "paired bootstrap"),
                *texts("mistakes", "mistakes"), *texts("page", "page of readings")]  # fmt: skip
    table = (
        Axis("batch", "Lines in the batch", "lines", "N, lines in a step", True,
             steps("lines", (4, 8, 16, 32, 64), CTC, PENALISED)),
        Axis("width", "Width of the pictures", "width", "pixels, 4 to a frame; the text stays as it is", False,
             steps("width", (256, 512, 1024, 2048), CTC, PENALISED)),
        Axis("samples", "Samples a line", "samples", "K, strings drawn for each line", False,
             steps("samples", (2, 4, 8, 16, 32), PENALISED)),
        Axis("lm", "Size of the language model", "lm_parameters", "parameters", False, models),
        Axis("epoch", "A whole epoch", "lines", "lines of the data set", True, epochs),
        Axis("reading", "Evaluating, and a look of adapt", "lines", "lines of the data set", True,
             [*folders("evaluate", "evaluate", few), *folders("look", "a look of adapt", few)]),
        Axis("texts", "Error rates, intervals, mistakes, pages", "lines", "lines compared", True, compared),
    )  # fmt: skip
    return {axis.name: axis for axis in table}


def run_scale(
    out: str | Path,
    *,
    only: Sequence[str] = (),
    device: str = "cpu",
    progress: Callable[[str], None] = lambda _: None,
    known: Callable[[Path], dict[str, Axis]] = axes,
) -> Path:
    """Measure, and write scale.json, scale.md and scale.png into `out`; gives the .md.

    Args:
        only: names of axes; the others stay as scale.json has them. Empty: all.
        device: of the steps; the rest is the CPU's.
        known: the axes, from a scratch folder.
    Raises:
        ArgumentError: an unknown axis; RunError: a point failed, with the end of its output.
    """
    out = Path(out)
    file = out / "scale.json"
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if only and file.exists() else {"axes": {}}
    with tempfile.TemporaryDirectory() as scratch:
        table = known(Path(scratch))
        if unknown := [name for name in only if name not in table]:
            raise ArgumentError(f"no axis is called {', '.join(unknown)}; there are {', '.join(table)}")
        for name in only or table:
            report["axes"][name] = measure(table[name], Path(scratch), device=device, progress=progress)
            report["machine"] = f"{device_name(torch.device(device))}, {os.cpu_count()} cores"
            report["versions"] = versions()
            write_text_atomic(file, json.dumps(report, indent=2) + "\n")
    report["axes"] = {name: report["axes"][name] for name in table if name in report["axes"]}
    for axis in report["axes"].values():
        axis["growth"] = growth(axis["points"], axis["x"], time=axis["time"])
    write_text_atomic(file, json.dumps(report, indent=2) + "\n")
    draw(out / "scale.png", report)
    return write_text_atomic(out / "scale.md", page(report))


def measure(axis: Axis, scratch: Path, *, device: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """One axis: its points in fresh processes."""
    load, rows = os.getloadavg()[0], []
    for spec in axis.points:
        if (found := ask({**spec, "device": device}, scratch)) is None:
            progress(f"{spec['lm']} is not installed: left out")
            continue
        row = {**{key: value for key, value in spec.items() if key not in ("folder", "warm_up", "lm")}, **found}
        rows.append(row)
        progress(
            f"{axis.title}: {row['series']}, {row[axis.x]}: {row['seconds']:.3f} s, {row['memory_mb']:.0f} MB more"
        )
    return {
        "title": axis.title,
        "x": axis.x,
        "meaning": axis.meaning,
        "in_lines": axis.in_lines,
        "load": [load, os.getloadavg()[0]],
        "points": rows,
        # a busy machine stretches the clock; of a GPU's work the processor's time says nothing
        "time": "cpu_seconds" if device == "cpu" else "seconds",
    }


def ask(spec: Figures, scratch: Path) -> Figures | None:
    """A point's figures from a process of its own; None where its language model is not installed."""
    if spec.get("lm") == "smollm2":
        from gradcheck_lm.errors import MissingPackageError
        from gradcheck_lm.lm.hub import find_smollm2

        try:
            find_smollm2()
        except MissingPackageError:
            return None
    if "sizes" in spec and not Path(spec["lm"]).exists():
        write_lm(Path(spec["lm"]), *spec["sizes"])
    for folder in (spec[key] for key in ("folder", "warm_up") if key in spec):
        if not Path(folder).exists():
            Path(folder).mkdir()
            write_lines(Path(folder), int(folder.rpartition("-")[2]))
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck_lm.bench.scale.scale_points", json.dumps(spec)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RunError(f"the point {spec} could not be measured: {done.stderr.strip()[-600:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found
