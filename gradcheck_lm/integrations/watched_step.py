"""Training steps of somebody else's loop, watched from the outside: what the callbacks of all trainers do."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, GradientFlowError
from gradcheck_lm.flow.events import say
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.integrations.asked_step import AskedStep, Question, Terms
from gradcheck_lm.integrations.loggers import LOGGER, ratio_scalars, scalars_of
from gradcheck_lm.integrations.reports import write_report
from gradcheck_lm.integrations.whole_steps import WholeSteps, update_to_weight, without_known

_KEPT = 100  # a long training must not keep the graph of every step that was watched


@dataclass(frozen=True)
class StepDiagnosis:
    """What was seen at one watched step."""

    step: int
    diagnosis: Diagnosis
    ok: bool
    starved: tuple[str, ...]  # no backward() of this step gives them a gradient that is not zero


class WatchedStep:
    """Diagnoses the first step of a training, then every N, and says what is new.

    From a watched step on, the ledger follows whole steps until each optimizer has stepped twice: who clears, clips,
    scales and steps what, and how far the weights move.

    Args:
        every: watch the first step and then every so many.
        terms: names of the loss terms in the model's output (or in the dict that the training step returns), or a
            function of that output that gives a dict of them: they are always asked about, whatever else is broken.
            Without it the summands of the loss are told apart.
        ignore: names of parameters, or patterns such as "*.pooler.*", that need no gradient.
        write: where what is new is said: a logger (by default `logging.getLogger("gradcheck_lm")`: what is broken as a
            warning, what is well as info), a function such as print, or None.
        report: folder for diagnosis.json, diagnosis.txt and graph.svg of each broken step.
        on_broken: "report", or "raise": stop the training with GradientFlowError, whose text is the diagnosis.
        steps: follow whole steps, as above; False looks at the backward pass alone.
        log: hand scalars to the trainer's own logger: gradflow/ok, /starved, /TERM/norm, /TERM/share, /TERM/cosine
            (with the whole loss, for named terms; costs a backward pass a term), /update_to_weight; and the page or
            text of what is newly broken where the logger takes one.
    """

    def __init__(
        self,
        *,
        every: int = 100,
        terms: Terms | None = None,
        ignore: Sequence[str] = (),
        write: Callable[[str], Any] | logging.Logger | None = LOGGER,
        report: str | Path | None = None,
        on_broken: str = "report",
        steps: bool = True,
        log: bool = True,
    ) -> None:
        if every < 1:
            raise ArgumentError(f"every is {every}; it is a number of steps, at least 1.")
        if on_broken not in ("report", "raise"):
            raise ArgumentError(f"on_broken is {on_broken!r}; it is 'report' or 'raise'.")
        if isinstance(terms, str) or isinstance(ignore, str):
            raise ArgumentError("terms and ignore are lists of names; write ['ctc'], not 'ctc'.")
        self.every = every
        self.question = Question(terms, tuple(ignore), log)
        self.write = write
        self.report = None if report is None else Path(report)
        self.on_broken = on_broken
        self.steps = steps
        self.log = log
        self.diagnoses: deque[StepDiagnosis] = deque(maxlen=_KEPT)
        self.reports: deque[tuple[int, StepReport]] = deque(maxlen=_KEPT)
        self.speaks = True  # False on all processes but the first
        self._last: tuple[Any, ...] | None = None
        self._last_report: tuple[Any, ...] = ()
        self._whole: WholeSteps | None = None
        self._scalars: dict[str, float] = {}
        self._artefacts: list[Any] = []

    def due(self, step: int) -> bool:
        """Whether a step is one that is watched."""
        return step % self.every == 0

    # ------------------------------------------------------------------ whole steps

    @property
    def following(self) -> bool:
        """Whether whole steps are being followed."""
        return self._whole is not None

    def begin(self, step: int, models: Any, optimizers: Iterable[Any]) -> None:
        """A step of the loop begins: follow it where it is due, or where the one before was followed."""
        try:
            if self._whole is None and self.steps and self.due(step):
                self._whole = WholeSteps(step, models, optimizers)
            if self._whole is not None:
                self._whole.begin(step)
        except Exception as error:  # a meter must not stop the run it watches
            self._say(f"step {step}: not followed: {error}", well=False)
            self.leave()

    def end(self, model: torch.nn.Module, *, last: bool = False) -> None:
        """The step is over, its optimizer has stepped, or it was a micro-batch; last: no other comes after it."""
        whole = self._whole
        if whole is None or (not whole.pause() and not last):
            return
        try:
            self.leave()
            if last and not any(whole.run.turns()):
                return  # a training that ends at once tells nothing of what never comes
            report = whole.report()
            ratios = update_to_weight(report, model)
        except Exception as error:  # a meter must not stop the run it watches
            self._say(f"step {whole.first}: the steps were not diagnosed: {error}", well=False)
            return
        self._scalars |= ratio_scalars(ratios)
        self.reports.append((whole.first, report))
        self._tell_report(whole, report)

    def leave(self, error: BaseException | None = None) -> None:
        """Follow no further; everything is taken out of torch."""
        whole, self._whole = self._whole, None
        if whole is not None:
            try:
                whole.close(error)
            except Exception as trouble:  # the program's own error is the one to be seen
                self._say(f"step {whole.first}: the watch ended badly: {trouble}", well=False)

    def seen(self) -> tuple[dict[str, float], list[Any]]:
        """Scalars and reports for a logger since the last call."""
        scalars, artefacts = self._scalars, self._artefacts
        self._scalars, self._artefacts = {}, []
        return (scalars, artefacts) if self.log else ({}, [])

    def _tell_report(self, whole: WholeSteps, report: StepReport) -> None:
        known = [finding for one in self.diagnoses if one.step >= whole.first for finding in one.diagnosis.findings]
        new = without_known(report, known, self.question.ignores)
        told = tuple((one.code, one.file, one.line, one.tensors) for one in (*new.errors, *new.warnings))
        if told == self._last_report:
            return
        self._last_report = told
        if not told:
            self._say(f"step {whole.last}: the training step is ok again", well=True)
            return
        self._say(f"steps {whole.first} to {whole.last}: {new}", well=False)
        self._artefacts.append(new)
        if self.report is not None and self.speaks:
            try:
                self.report.mkdir(parents=True, exist_ok=True)
                new.save(self.report / f"steps-{whole.first:06d}.txt")
            except OSError as error:
                self._say(f"step {whole.first}: the report could not be written: {error}", well=False)
        if new.errors and self.on_broken == "raise":
            raise GradientFlowError(f"\nsteps {whole.first} to {whole.last}: {new}", new)

    # ------------------------------------------------------------------ the backward pass

    def run(self, step: int, model: torch.nn.Module, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a training step under the recorder and return what it returns; its errors pass as they are."""
        with self.asking(step, model) as asked:
            result = function(*args, **kwargs)
            asked.returned(result)
        return result

    @contextmanager
    def asking(
        self, step: int, model: torch.nn.Module, given: Callable[[], Mapping[str, Any]] | None = None
    ) -> Iterator[AskedStep]:
        """Around a training step: each loss is asked about before its backward().

        Args:
            given: gives the named terms at that moment, where no output holds them.
        """
        asked = AskedStep(self.question, model, None if self._whole is None else self._whole.run, given)
        try:
            with asked.watching():
                yield asked
            self._conclude(step, asked)
        except BaseException as error:
            self.leave(error)
            raise

    def _conclude(self, step: int, asked: AskedStep) -> None:
        for trouble in dict.fromkeys(asked.troubles):
            self._say(f"step {step}: not diagnosed: {trouble}", well=False)
        answers = asked.answers
        if not answers:
            return
        lacking = [{*answer.unreached, *answer.zero} for answer in answers]
        starved = set.intersection(*lacking)
        broken = [
            answer
            for answer, names in zip(answers, lacking, strict=True)
            if not answer.ok and (names & starved or answer.dead or not names)
        ]
        shown = broken[0] if broken else answers[0]
        seen = StepDiagnosis(step, shown, not broken, tuple(name for name in shown.wrt if name in starved))
        self.diagnoses.append(seen)
        by_name = asked.by_name or shown
        self._scalars |= scalars_of(by_name, ok=seen.ok, starved=len(seen.starved), attribution=asked.attribution)
        self._tell(seen)
        if broken and self.on_broken == "raise":
            raise GradientFlowError(f"\nstep {step}: {shown}", shown)

    def _tell(self, seen: StepDiagnosis) -> None:
        """In full what is new; in one line what is as before."""
        diagnosis = seen.diagnosis
        cuts = tuple((finding.code, finding.file, finding.line) for finding in diagnosis.errors)
        state = (seen.ok, diagnosis.dead, seen.starved, cuts)
        if state == self._last:
            if not seen.ok:
                self._say(f"step {seen.step}: gradient flow is broken as before", well=False)
            return
        before, self._last = self._last, state
        if seen.ok:
            again = "arrives again" if before is not None else "arrives at every parameter"
            self._say(f"step {seen.step}: gradient flow is ok: it {again}", well=True)
            return
        self._say(f"step {seen.step}: {diagnosis}", well=False)
        self._artefacts.append(diagnosis)
        if self.report is not None and self.speaks:
            try:
                write_report(self.report / f"step-{seen.step:06d}", diagnosis)
            except OSError as error:  # a full disk is no reason to lose a training run
                self._say(f"step {seen.step}: the report could not be written: {error}", well=False)

    def _say(self, text: str, *, well: bool) -> None:
        if self.speaks:
            say(self.write, text, well=well)
