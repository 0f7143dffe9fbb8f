"""One training step under the recorder: its outputs, its losses, and what they were asked."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.attribution.attribution import Attribution
from gradcheck_lm.flow.gradients.attribution.attributor import Attributor
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors
from gradcheck_lm.flow.scripts.session import ScriptRecorder
from gradcheck_lm.flow.steps import StepRun
from gradcheck_lm.integrations.loggers import WHOLE

Terms = Sequence[str] | Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Question:
    """What is asked about a loss: `terms` and `ignore` as in `WatchedStep`; cosines of named terms with the whole."""

    terms: Terms | None
    ignore: tuple[str, ...]
    cosines: bool

    def ignores(self, name: str) -> bool:
        """Whether a parameter needs no gradient."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.ignore)


class AskedStep:
    """A training step whose losses are asked about before their backward().

    Args:
        question: which terms, what to ignore.
        model: its parameters are asked about.
        steps: the watch of whole steps that runs already, whose recorder is used then; else one of its own.
        given: gives the named terms, where no output holds them.
    """

    def __init__(
        self,
        question: Question,
        model: torch.nn.Module,
        steps: StepRun | None,
        given: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self.question = question
        self.model = model
        self.steps = steps
        self.recorder = ScriptRecorder(self._loss) if steps is None else steps.recorder
        self.answers: list[Diagnosis] = []
        self.troubles: list[str] = []
        self.by_name: Diagnosis | None = None  # of the named terms
        self.attribution: Attribution | None = None
        self._output: Any = None
        self._given = given

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around the step; its errors pass as they are."""
        # the root alone is hooked: under DistributedDataParallel it is called from inside the wrapper
        named = self.question.terms is not None
        hook = self.model.register_forward_hook(self._saw_output) if named else None
        try:
            if self.steps is None:
                with self.recorder:
                    yield
            else:
                self.steps.on_loss = self._loss
                yield
        finally:
            if self.steps is not None:
                self.steps.on_loss = None
            if hook is not None:
                hook.remove()

    def _saw_output(self, module: Any, inputs: Any, output: Any) -> None:
        self._output = output

    def _loss(self, loss: torch.Tensor) -> None:
        self._diagnose(loss, self._output)

    def returned(self, result: Any) -> None:
        """Where the step called no backward() itself, what it returned is the loss (Lightning)."""
        if self.answers or self.troubles or result is None:
            return
        loss = result.get("loss") if isinstance(result, Mapping) else result
        with torch._C.DisableTorchFunction() if self.steps is None else self.steps.aside():
            self._diagnose(loss, result if isinstance(result, Mapping) else self._output)

    def _diagnose(self, loss: Any, output: Any) -> None:
        try:
            answer = self._ask(loss)
            if named := self._named_terms(output):  # they are asked about whatever else is broken
                terms = {**named, WHOLE: loss}
                self.by_name = self._ask(terms)
                answer = answer if self.by_name.ok and not answer.ok else self.by_name
                if self.question.cosines:
                    meter = Attributor(self._wanted())
                    meter.add(terms)
                    self.attribution = meter.result()
            self.answers.append(answer)
        except GradcheckLMError as error:
            self.troubles.append(str(error))
        except Exception as error:  # a meter must not stop the run it watches
            self.troubles.append(f"{type(error).__name__}: {error}")

    def _wanted(self) -> dict[str, torch.Tensor]:
        named, _ = named_tensors(self.model)
        return {name: tensor for name, tensor in named.items() if not self.question.ignores(name)}

    def _ask(self, loss: Any) -> Diagnosis:
        terms, given = loss_terms(loss, source="the loss of the training step")
        wanted = self._wanted()
        if not any(tensor.requires_grad for tensor in wanted.values()):
            raise ArgumentError(
                "no parameter is left to ask about: all are frozen or match `ignore` "
                f"({', '.join(self.question.ignore) or 'which is empty'})."
            )
        return Inquiry(self.recorder, wanted, terms, given=given, explicit=False).answer()

    def _named_terms(self, output: Any) -> dict[str, Any]:
        wanted = self.question.terms
        if self._given is not None:
            return dict(self._given())
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
