"""One training step of somebody else's loop, watched from the outside: what both trainers' callbacks do."""

from __future__ import annotations

import fnmatch
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, GradcheckLMError, GradientFlowError
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors
from gradcheck_lm.flow.scripts.session import ScriptRecorder
from gradcheck_lm.integrations.reports import write_report

_KEPT = 100  # a long training must not keep the graph of every step that was watched
Terms = Sequence[str] | Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class StepDiagnosis:
    """What was seen at one watched step."""

    step: int
    diagnosis: Diagnosis
    ok: bool
    starved: tuple[str, ...]  # no backward() of this step gives them a gradient that is not zero


class WatchedStep:
    """Diagnoses the first step of a training, then every N, and says what is new.

    Args:
        every: watch the first step and then every so many.
        terms: names of the loss terms in the model's output (or in the dict that the training step returns), or a
            function of that output that gives a dict of them. Without it the summands of the loss are told apart.
        ignore: names of parameters, or patterns such as "*.pooler.*", that need no gradient.
        write: where what is new is said: a function such as print, or None.
        report: folder for diagnosis.json, diagnosis.txt and graph.svg of each broken step.
        on_broken: "report", or "raise": stop the training with GradientFlowError, whose text is the diagnosis.
    """

    def __init__(
        self,
        *,
        every: int = 100,
        terms: Terms | None = None,
        ignore: Sequence[str] = (),
        write: Callable[[str], Any] | None = print,
        report: str | Path | None = None,
        on_broken: str = "report",
    ) -> None:
        if every < 1:
            raise ArgumentError(f"every is {every}; it is a number of steps, at least 1.")
        if on_broken not in ("report", "raise"):
            raise ArgumentError(f"on_broken is {on_broken!r}; it is 'report' or 'raise'.")
        if isinstance(terms, str) or isinstance(ignore, str):
            raise ArgumentError("terms and ignore are lists of names; write ['ctc'], not 'ctc'.")
        self.every = every
        self.terms = terms
        self.ignore = tuple(ignore)
        self.write = write
        self.report = None if report is None else Path(report)
        self.on_broken = on_broken
        self.diagnoses: deque[StepDiagnosis] = deque(maxlen=_KEPT)
        self.speaks = True  # False on all processes but the first
        self._last: tuple[Any, ...] | None = None

    def due(self, step: int) -> bool:
        """Whether a step is one that is watched."""
        return step % self.every == 0

    def run(self, step: int, model: torch.nn.Module, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a training step under the recorder and return what it returns; its errors pass as they are."""
        watching = _Watching(self, model)
        # the root alone is hooked: under DistributedDataParallel it is called from inside the wrapper
        hook = model.register_forward_hook(watching.saw_output) if self.terms is not None else None
        try:
            with watching.recorder:
                result = function(*args, **kwargs)
        finally:
            if hook is not None:
                hook.remove()
        watching.returned(result)
        self._conclude(step, watching.answers, watching.troubles)
        return result

    def _conclude(self, step: int, answers: list[Diagnosis], troubles: list[str]) -> None:
        for trouble in dict.fromkeys(troubles):
            self._say(f"step {step}: not diagnosed: {trouble}")
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
                self._say(f"step {seen.step}: gradient flow is broken as before")
            return
        before, self._last = self._last, state
        if seen.ok:
            again = "arrives again" if before is not None else "arrives at every parameter"
            self._say(f"step {seen.step}: gradient flow is ok: it {again}")
            return
        self._say(f"step {seen.step}: {diagnosis}")
        if self.report is not None and self.speaks:
            try:
                write_report(self.report / f"step-{seen.step:06d}", diagnosis)
            except OSError as error:  # a full disk is no reason to lose a training run
                self._say(f"step {seen.step}: the report could not be written: {error}")

    def _say(self, text: str) -> None:
        if self.write is not None and self.speaks:
            self.write(text)


class _Watching:
    """The run of one step: its recorder, its outputs and its losses."""

    def __init__(self, settings: WatchedStep, model: torch.nn.Module) -> None:
        self.settings = settings
        self.model = model
        self.recorder = ScriptRecorder(self._backward)
        self.answers: list[Diagnosis] = []
        self.troubles: list[str] = []
        self._output: Any = None

    def saw_output(self, module: Any, inputs: Any, output: Any) -> None:
        """A forward hook."""
        self._output = output

    def _backward(self, loss: torch.Tensor) -> None:
        self._diagnose(loss, self._output)

    def returned(self, result: Any) -> None:
        """Where the step called no backward() itself, what it returned is the loss (Lightning)."""
        if self.answers or self.troubles or result is None:
            return
        loss = result.get("loss") if isinstance(result, Mapping) else result
        self._diagnose(loss, result if isinstance(result, Mapping) else self._output)

    def _diagnose(self, loss: Any, output: Any) -> None:
        try:
            answer = self._ask(loss)
            if self.settings.terms is not None:  # they are asked about whatever else is broken
                by_name = self._ask({**self._named_terms(output), "loss": loss})
                answer = answer if by_name.ok and not answer.ok else by_name
            self.answers.append(answer)
        except GradcheckLMError as error:
            self.troubles.append(str(error))
        except Exception as error:  # a meter must not stop the run it watches
            self.troubles.append(f"{type(error).__name__}: {error}")

    def _ask(self, loss: Any) -> Diagnosis:
        terms, given = loss_terms(loss, source="the loss of the training step")
        named, _ = named_tensors(self.model)
        wanted = {
            name: tensor
            for name, tensor in named.items()
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.settings.ignore)
        }
        if not any(tensor.requires_grad for tensor in wanted.values()):
            raise ArgumentError(
                "no parameter is left to ask about: all are frozen or match `ignore` "
                f"({', '.join(self.settings.ignore) or 'which is empty'})."
            )
        return Inquiry(self.recorder, wanted, terms, given=given, explicit=False).answer()

    def _named_terms(self, output: Any) -> dict[str, Any]:
        wanted = self.settings.terms
        if callable(wanted):
            return dict(wanted(output))
        found, missing = {}, []
        for name in wanted or ():
            value = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
            if value is None:
                missing.append(name)
            else:
                found[name] = value
        if missing:
            there = ", ".join(map(str, output)) if isinstance(output, Mapping) else type(output).__name__
            raise ArgumentError(f"the output has no term called {', '.join(missing)}; it holds: {there}.")
        return found
