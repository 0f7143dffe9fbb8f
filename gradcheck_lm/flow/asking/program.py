"""A function that can be run again, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.answers import answered
from gradcheck_lm.flow.findings.model import Diagnosis, Finding
from gradcheck_lm.flow.gradients.passes.passes import OwnPasses
from gradcheck_lm.flow.gradients.subjects import loss_terms
from gradcheck_lm.flow.rerunning.replay import Experiment
from gradcheck_lm.flow.rerunning.state import State
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import BOUNDARIES, Site


@dataclass(frozen=True)
class Program:
    """A function that can be run again, and what is asked of it."""

    fn: Callable[[], Any]
    wrt: dict[str, torch.Tensor]
    explicit: bool
    modules: Sequence[torch.nn.Module]
    counterfactual: bool = True
    time_limit: float = 30.0
    check_values: bool = False
    bridges: tuple[Finding, ...] = ()  # the cuts that a what-if has bridged so far

    def state(self) -> State:
        """All that a run may change, as it is now."""
        return State(list(self.wrt.values()), self.modules)

    def run(self, recorder: Recorder) -> Any:
        """Run the function under a recorder; returns what it returned, and gradient is on or off as before."""
        __tracebackhide__ = True
        code = getattr(self.fn, "__code__", None)
        recorder.recording.program = Site(code, 0, None, 0) if code is not None else None
        enabled = torch.is_grad_enabled()
        try:
            with recorder:
                return self.fn()
        finally:  # where the function switches it off and leaves it so, whoever asks why still trains afterwards
            torch.set_grad_enabled(enabled)

    def diagnosis(self, recorder: Recorder | None = None) -> Diagnosis:
        """Run once under the recorder (a plain one by default) and answer all questions."""
        __tracebackhide__ = True
        state = self.state() if self.counterfactual else None
        recorder = recorder or Recorder()
        passes = OwnPasses(hold=True, hooked=lambda: bool(recorder.recording.hooks))
        with passes.watched():
            result = self.run(recorder)
        return self.explain(recorder, result, state, passes)

    def explain(
        self, recorder: Recorder, result: Any, state: State | None, passes: OwnPasses | None = None
    ) -> Diagnosis:
        """Answer all questions about a run.

        Args:
            recorder: has watched it.
            result: what the function gave.
            state: what held before it, None where nothing may be run again.
            passes: the backward passes that the function ran itself, where they were read.
        """
        terms, given = loss_terms(result, source="what fn returned", finite=False)

        def again(replay: Recorder) -> None:
            value = self.run(replay)
            for term in value.values() if isinstance(value, Mapping) else [value]:
                if isinstance(term, int | float):
                    replay.number(float(term))

        def experiment(note: Callable[[str], None]) -> Experiment | None:
            if state is None:
                return None
            return Experiment(again, state, recorder.recording, seconds=self.time_limit, note=note)

        found = answered(
            recorder, self.wrt, terms, given=given, explicit=self.explicit, experiment=experiment,
            check_values=self.check_values, autograd=passes,
        )  # fmt: skip
        return replace(found, _program=self)


BOUNDARIES.add(Program.run.__code__)
