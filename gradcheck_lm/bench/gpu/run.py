"""The GPU benchmark: its stages in the order of what convinces, inside the minutes given, and on later calls."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.bench.gpu.calibrate import calibrate
from gradcheck_lm.bench.gpu.experiments import hand, labels, report
from gradcheck_lm.bench.gpu.graphs import graphs
from gradcheck_lm.bench.gpu.page import page
from gradcheck_lm.bench.gpu.scene import Budget, Scene
from gradcheck_lm.bench.gpu.speed import speed
from gradcheck_lm.bench.gpu.train import train
from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.lab.machine.devices import own_device

Stage = Callable[[Scene], dict[str, Any]]


def tests(scene: Scene) -> dict[str, Any]:
    """Stage E: the tests marked gpu, in a process of their own, warnings as errors as everywhere."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    try:
        found = subprocess.run(
            command, capture_output=True, text=True, timeout=max(10, scene.budget.left - 5), check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": "ran out of time"}
    lines = found.stdout.strip().splitlines()
    said = {"exit_code": found.returncode, "closing_line": lines[-1] if lines else found.stderr[-300:]}
    return said | ({"output": found.stdout[-3000:]} if found.returncode else {})


# name -> what it does, and the seconds under which it is not begun
STAGES: dict[str, tuple[Stage, float]] = {
    "calibrate": (calibrate, 30),
    "train": (train, 40),
    "labels": (labels, 40),
    "hand": (hand, 40),
    "report": (report, 40),
    "speed": (speed, 40),
    "graphs": (graphs, 40),
    "tests": (tests, 30),
}


def run_gpu(
    out: str | Path, *, minutes: float, device: str, lm: str, progress: Callable[[str], None],
    stages: Sequence[str] = (), recogniser: str | None = None, reference: str | Path | None = None,
    state: str | Path | None = None, again: bool = False,
) -> Path:  # fmt: skip
    """Run the stages until the time is up; what is done is on disk after each. Gives the path of gpu.md.

    Called again with the same folders it goes on: with the stages that are missing, failed, or have something left.

    Args:
        out: gpu.json, gpu.md and report.html.
        minutes: above 0, for this call.
        device: "cuda", "cuda:1" ...; "cpu" tries the benchmark itself at tiny sizes.
        lm: the penalties' language model.
        stages: names of `STAGES`; none: all of them.
        recogniser: a checkpoint to begin the experiments with, instead of training one.
        reference: a checkout of the reference implementation.
        state: where weights and states go; None: `out`/state.
        again: measure what was measured once more.
    Raises:
        ArgumentError: no GPU, a stage that there is not, minutes not above 0, or a folder of another device's figures.
    """
    if unknown := [name for name in stages if name not in STAGES]:
        raise ArgumentError(f"there is no stage {unknown[0]!r}: choose of {', '.join(STAGES)}")
    if not minutes > 0:
        raise ArgumentError(f"minutes is {minutes:g}; it must be above 0")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ArgumentError("torch sees no GPU here; --device cpu tries the benchmark itself, slowly")
    scene = Scene(
        out=Path(out), state=Path(state or Path(out) / "state"), device=own_device(device), budget=Budget(minutes),
        language_model_name=lm, progress=progress, recogniser=recogniser, reference=reference, small=device == "cpu",
    )  # fmt: skip
    scene.report["minutes"].append(minutes)
    for name in stages or STAGES:
        stage, least = STAGES[name]
        before = scene.stage(name)
        if before is not None and "left" not in before and not again:
            progress(f"{name}: measured before")
            continue
        scene.report["notes"].pop(name, None)
        if scene.budget.left < least * (not scene.small):
            scene.report["notes"][name] = f"{scene.budget.left:.0f} s were left, {least:.0f} are needed: call again"
            continue
        progress(f"{name} ({scene.budget.left:.0f} s left)")
        began = time.monotonic()
        try:
            found = stage(scene)
        except (GradcheckLMError, RuntimeError, OSError) as error:
            # one stage that fails must not cost the others; the page shows it
            found = {"failed": f"{type(error).__name__}: {error}"}
        earlier = before["stage_seconds"] if before else 0.0
        scene.report["stages"][name] = {**found, "stage_seconds": earlier + time.monotonic() - began}
        scene.save()
    scene.save()
    return write_text_atomic(scene.out / "gpu.md", page(scene.report))
