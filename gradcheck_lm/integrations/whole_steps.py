"""Training steps of somebody else's loop under the step's ledger, opened, paused and closed by a callback's events."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.flow.steps import StepRun, record_steps

_STEPS = 2  # of each optimizer: the second tells "not yet" from "never"
_MOST_STEPS = 12  # of one, while another has not stepped twice
_MOST_BATCHES = 64


class WholeSteps:
    """From one step's forward pass until each optimizer has stepped twice.

    Between `pause` and `begin` nothing is recorded: what a loop does between its steps, evaluation and saving, runs as
    without it.

    Args:
        first: the number of the step at which it begins.
        models, optimizers: those that are trained.
    """

    def __init__(self, first: int, models: Any, optimizers: Iterable[Any]) -> None:
        self.first = self.last = first
        self.run: StepRun = record_steps(models, *optimizers)
        self._batches = 0
        self._entered = self._closed = False

    def begin(self, step: int) -> None:
        """A step begins."""
        self.last = step
        if not self._entered:
            self._entered = True
            self.run.__enter__()
        else:
            self.run.recorder.come_back()
        self._batches += 1

    def pause(self) -> bool:
        """A step is over; whether enough was seen."""
        self.run.recorder.leave()
        fewest, most = self.run.turns()
        return fewest >= _STEPS or most >= _MOST_STEPS or self._batches >= _MOST_BATCHES

    def close(self, error: BaseException | None = None) -> None:
        """Take everything out of torch; a second call does nothing."""
        if self._entered and not self._closed:
            self._closed = True
            self.run.__exit__(None if error is None else type(error), error, None)

    def report(self) -> StepReport:
        """What was seen; after `close`.

        Raises:
            TraceError: neither backward() nor step() was seen.
        """
        return self.run.diagnose()


def without_known(report: StepReport, known: Iterable[Finding], ignored: Callable[[str], bool]) -> StepReport:
    """A report without what another diagnosis has said already and what concerns ignored parameters alone."""
    said = list(known)
    kept = tuple(
        finding
        for finding in report.findings
        if not any(_same(finding, other) for other in said)
        and not (finding.tensors and all(map(ignored, finding.tensors)))
    )
    return replace(report, ok=not any(finding.severity == "error" for finding in kept), findings=kept)


def _same(one: Finding, other: Finding) -> bool:
    """Of one kind, at one place or of the same tensors."""
    here = (one.file, one.line) == (other.file, other.line)
    return one.code == other.code and (here or (bool(one.tensors) and set(one.tensors) <= set(other.tensors)))


def closing_on_error(owner: Any, name: str, close: Callable[[BaseException], None]) -> Callable[[], None]:
    """A method of one object that calls `close` with the error that leaves it; returns what takes that back."""
    original, own = getattr(owner, name), vars(owner).get(name)

    @functools.wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            close(error)
            raise

    setattr(owner, name, guarded)

    def undo() -> None:
        if vars(owner).get(name) is not guarded:  # somebody else has put theirs there since
            return
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    return undo


def update_to_weight(report: StepReport, model: torch.nn.Module) -> dict[str, float]:
    """How far the last step of each optimizer moved the weights, over their length: "" for all, and by module.

    A tensor of which only a sample was compared and did not move counts as one that stayed.
    """
    moved: dict[str, float] = {}
    for holder in range(len(report.ledger.holders)):
        steps = [step for step in report.ledger.steps(holder) if not step.skipped]
        for index, far in steps[-1].moved.items() if steps else ():
            moved[report.ledger.parameters[index].name] = far or 0.0
    totals: dict[str, list[float]] = {}
    for name, parameter in model.named_parameters():
        if name in moved:
            length = float(parameter.detach().float().norm())
            for key in ("", name.partition(".")[0]):
                sums = totals.setdefault(key, [0.0, 0.0])
                sums[0] += moved[name] ** 2
                sums[1] += length**2
    return {key: (far / length) ** 0.5 for key, (far, length) in totals.items() if length > 0}
