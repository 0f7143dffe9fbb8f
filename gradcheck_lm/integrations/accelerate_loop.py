"""A loop with accelerate, or any loop of your own: the first step and every N after it, diagnosed while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, class_of
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.integrations.loggers import hand_over
from gradcheck_lm.integrations.watched_step import StepDiagnosis, WatchedStep


class GradientFlowLoop:
    """Says, in a loop with accelerate, which parameter or loss term gets no gradient or no update, and on which line.

        flow = GradientFlowLoop(accelerator, model, optimizer, every=100)
        for batch in loader:
            with flow.step(), accelerator.accumulate(model):
                ctc, lm = losses(model(batch))
                flow.terms({"ctc": ctc, "lm": lm})      # optional: each is asked about by itself
                accelerator.backward(ctc + lm)
                optimizer.step()
                optimizer.zero_grad()

    The loss is the tensor that `backward()` is called on. Iterations are counted, so that with accumulation single
    micro-batches are watched; whole steps are followed until the optimizer has stepped twice. What was seen goes to the
    accelerator's trackers (`log_with`), under the number of the iteration.

    Args:
        accelerator: accelerate's; None in a loop without it, where `scalars` has what would be logged.
        model: what is trained, before or after `prepare`.
        optimizer: the optimizer, or several in a list or dict.
        options: those of `WatchedStep`: every, ignore, write, report, on_broken, steps, log.
    Raises:
        ArgumentError: an option has a value that cannot work.
    """

    def __init__(self, accelerator: Any, model: torch.nn.Module, optimizer: Any, **options: Any) -> None:
        if not isinstance(model, torch.nn.Module):
            raise ArgumentError(f"model is {class_of(model)}; pass the model that you train.")
        self._named: dict[str, Any] = {}
        self.watched = WatchedStep(**({"terms": None} | options))
        self._by_hand = self.watched.question.terms is None
        self.accelerator = accelerator
        self.model = model
        self.optimizer = optimizer
        self.iteration = 0
        self.scalars: dict[str, float] = {}  # of the last iteration at which something was seen
        self.watched.speaks = accelerator is None or bool(accelerator.is_main_process)

    @property
    def diagnoses(self) -> deque[StepDiagnosis]:
        """What was seen, one for each watched step; the last 100."""
        return self.watched.diagnoses

    @property
    def reports(self) -> deque[tuple[int, StepReport]]:
        """What was seen of whole steps: the first iteration and its report; the last 100."""
        return self.watched.reports

    def terms(self, terms: Mapping[str, Any]) -> None:
        """The loss's terms by name, before backward(); on iterations that are not watched nothing is kept."""
        self._named = dict(terms) if self.watched.due(self.iteration) else {}

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around one iteration: forward pass, backward() and optimizer.step()."""
        number = self.iteration
        try:
            self.watched.begin(number, self.model, [self.optimizer])
            if self.watched.due(number):
                with self.watched.asking(number, self.model, self._terms if self._by_hand else None):
                    yield
            else:
                yield
            self.watched.end(self.model)
        except BaseException as error:
            self.watched.leave(error)
            raise
        finally:
            self._named = {}
            self.iteration += 1
        self._log(number)

    def close(self) -> None:
        """After the loop, which may have ended between a watched step and the one after it."""
        self.watched.end(self.model, last=True)
        self._log(self.iteration)

    def _terms(self) -> dict[str, Any]:
        return self._named

    def _log(self, step: int) -> None:
        scalars, reports = self.watched.seen()
        self.scalars = scalars or self.scalars
        if self.accelerator is None:
            return
        if scalars:
            self.accelerator.log(scalars, step=step)
        if self.watched.speaks and reports:
            experiments = [getattr(tracker, "tracker", None) for tracker in getattr(self.accelerator, "trackers", ())]
            for report in reports:
                hand_over(experiments, report, step)
