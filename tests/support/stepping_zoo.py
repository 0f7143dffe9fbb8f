"""The programs of the stepping zoo, and how each is run inside a watch."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.flow import StepReport, StepRun, record_steps

ZOO = Path(__file__).parents[1] / "zoo" / "stepping"
BROKEN = sorted((ZOO / "broken").glob("*.py"))
HEALTHY = sorted((ZOO / "healthy").glob("*.py"))


def run(path: Path, watch: Callable[[types.ModuleType], Any] | None = None) -> tuple[types.ModuleType, Any]:
    """A whole program, from its first line to its last, inside a watch."""
    torch.manual_seed(0)
    module = types.ModuleType(f"stepping_{path.stem}")
    module.__file__ = str(path)
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    if watch is None:
        exec(code, module.__dict__)
        return module, None
    steps = watch(module)
    with steps:
        exec(code, module.__dict__)
        steps.learn_names(vars(module))
    return module, steps


def watched(module: types.ModuleType) -> StepRun:
    steps = record_steps()
    steps.whole()
    return steps


def report(path: Path) -> StepReport:
    return diagnosed(run(path, watched)[1])


def diagnosed(steps: StepRun) -> StepReport:
    """What is said of a program that has run inside a watch."""
    assert not steps.watcher.log.failures
    found = steps.diagnose()
    assert not any("missed" in note or "could not" in note for note in found.notes), found.notes
    return found
