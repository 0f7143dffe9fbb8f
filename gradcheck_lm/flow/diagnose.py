"""The questions, in order: what reaches what, where is it cut, how sure is that, and on whose line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.counterfactual import Experiment, State
from gradcheck_lm.flow.findings import Diagnosis, Finding
from gradcheck_lm.flow.inquiry import Inquiry
from gradcheck_lm.flow.recorder import Recorder
from gradcheck_lm.flow.sites import BOUNDARIES, Site
from gradcheck_lm.flow.subjects import loss_terms, named_tensors

Loss = torch.Tensor | float | Mapping[str, torch.Tensor | float]


class Run:
    """One run that is watched: `with record() as run:`, then `run.diagnose(loss, wrt=model)`."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def __enter__(self) -> Run:
        self.recorder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.__exit__(kind, error, trace)

    def diagnose(self, loss: Any, wrt: Any) -> Diagnosis:
        """Say why gradients of `loss` arrive at `wrt` or do not; nothing is run again.

        Args:
            loss: the loss of the watched run, one number, or a dict of its terms by name.
            wrt: the model, a dict of tensors, or tensors.
        Raises:
            TraceError: loss is not one finite number, or wrt holds no tensor.
        Gradient: none is left behind: no `.grad` changes and the graph can still be used.
        """
        named, explicit = named_tensors(wrt)
        terms, given = loss_terms(loss)
        return Inquiry(self.recorder, named, terms, given=given, explicit=explicit).answer()


@dataclass(frozen=True)
class Program:
    """A function that can be run again, and what is asked of it."""

    fn: Callable[[], Any]
    wrt: dict[str, torch.Tensor]
    explicit: bool
    modules: Sequence[torch.nn.Module]
    counterfactual: bool = True
    time_limit: float = 30.0
    bridges: tuple[Finding, ...] = ()  # the cuts that a what-if has bridged so far

    def state(self) -> State:
        """All that a run may change, as it is now."""
        return State(list(self.wrt.values()), self.modules)

    def run(self, recorder: Recorder) -> Any:
        """Run the function under a recorder; returns what it returned."""
        code = getattr(self.fn, "__code__", None)
        recorder.program = Site(code, 0, None, 0) if code is not None else None
        with recorder:
            return self.fn()

    def diagnosis(self, recorder: Recorder | None = None) -> Diagnosis:
        """Run once under the recorder (a plain one by default) and answer all questions."""
        state = self.state() if self.counterfactual else None
        recorder = recorder or Recorder()
        result = self.run(recorder)
        return self.explain(recorder, result, state)

    def explain(self, recorder: Recorder, result: Any, state: State | None) -> Diagnosis:
        """Answer all questions about a run; `state` is what held before it, None where nothing may be run again."""
        terms, given = loss_terms(result, source="what fn returned")

        def again(replay: Recorder) -> None:
            value = self.run(replay)
            for term in value.values() if isinstance(value, Mapping) else [value]:
                if isinstance(term, int | float):
                    replay.number(float(term))

        def experiment(note: Callable[[str], None]) -> Experiment | None:
            if state is None:
                return None
            return Experiment(again, state, recorder, seconds=self.time_limit, note=note)

        inquiry = Inquiry(recorder, self.wrt, terms, given=given, explicit=self.explicit, experiment=experiment)
        diagnosis = inquiry.answer()
        object.__setattr__(diagnosis, "_program", self)  # beside the frozen data, not in it
        return diagnosis


def record() -> Run:
    """Watch a run that you already have.

    Returns:
        A context manager; after its block, `.diagnose(loss, wrt)` explains the run. Losses and gradients are the same,
        to the bit, as without it, and no tensor is held after the block.
    """
    return Run()


def diagnose(fn: Callable[[], Any], wrt: Any, *, counterfactual: bool = True, time_limit: float = 30.0) -> Diagnosis:
    """Run `fn` once under the recorder and say why its gradients arrive at `wrt` or do not.

    Args:
        fn: takes nothing and returns the loss, one number, or a dict from names to terms whose sum is the loss.
        wrt: the model, a dict of tensors, or tensors.
        counterfactual: where a value left torch, run `fn` again with that value changed to see what depends on it.
            Random state, weights, buffers and `.grad` are put back after each.
        time_limit: seconds that those runs may take in all.
    Returns:
        Diagnosis: findings[0] is the first cut after wrt.
    Raises:
        TraceError: fn gives no finite number, or wrt holds no tensor. Errors of fn itself pass as they are.
    Gradient: none is left behind.
    """
    if not callable(fn):
        raise TraceError(
            f"fn is a {type(fn).__name__}, not a function; pass a function of no arguments that computes the loss, "
            "e.g. lambda: step(batch). For a loss already computed: with record() as run: ... run.diagnose(loss, wrt)."
        )
    named, explicit = named_tensors(wrt)
    modules = [
        part for part in (wrt.values() if isinstance(wrt, Mapping) else [wrt]) if isinstance(part, torch.nn.Module)
    ]
    return Program(fn, named, explicit, modules, counterfactual, time_limit).diagnosis()


BOUNDARIES.update([diagnose.__code__, Program.run.__code__])
