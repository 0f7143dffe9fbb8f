"""The questions, in order: what reaches what, where is it cut, how sure is that, and on whose line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch

from gradcheck_lm.display import Displayed
from gradcheck_lm.errors import TraceError, class_of
from gradcheck_lm.flow.asking.answers import answered
from gradcheck_lm.flow.asking.program import Program
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.passes.passes import OwnPasses
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import BOUNDARIES

Loss = torch.Tensor | float | Mapping[str, torch.Tensor | float]


class Run(Displayed):
    """One run that is watched: `with record() as run:`, then `run.diagnose(loss, wrt=model)`."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self._passes = OwnPasses(hold=False, hooked=lambda: bool(self.recorder.recording.hooks))
        self._reading = ExitStack()

    def __enter__(self) -> Run:
        self._reading.enter_context(self._passes.watched())
        self.recorder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.__exit__(kind, error, trace)
        self._reading.close()

    def _headline(self) -> str:
        calls = len(self.recorder.recording.calls)
        return f"{calls} operations recorded" if calls else "nothing recorded yet"

    def __str__(self) -> str:
        return f"a recorded run: {self._headline()}. Ask it: run.diagnose(loss, wrt=model)"

    def diagnose(self, loss: Any, wrt: Any) -> Diagnosis:
        """Say why gradients of `loss` arrive at `wrt` or do not; nothing is run again.

        Args:
            loss: the loss of the watched run, one number, or a dict of its terms by name.
            wrt: the model, a dict of tensors, or tensors.
        Raises:
            TraceError: loss is no number, or wrt holds no tensor.
        Gradient: none is left behind: no `.grad` changes and the graph can still be used.
        """
        named, explicit = named_tensors(wrt)
        terms, given = loss_terms(loss, finite=False)
        return answered(self.recorder, named, terms, given=given, explicit=explicit, autograd=self._passes)


def record() -> Run:
    """Watch a run that you already have.

    Returns:
        A context manager; after its block, `.diagnose(loss, wrt)` explains the run. Losses and gradients are the same,
        to the bit, as without it, and no tensor is held after the block.
    """
    return Run()


def diagnose(
    fn: Callable[[], Any],
    wrt: Any,
    *,
    counterfactual: bool = True,
    time_limit: float = 30.0,
    check_values: bool = False,
) -> Diagnosis:
    """Run `fn` once under the recorder and say why its gradients arrive at `wrt` or do not.

    Args:
        fn: takes nothing and returns the loss, one number, or a dict from names to terms whose sum is the loss.
        wrt: the model, a dict of tensors, or tensors.
        counterfactual: where a value left torch, run `fn` again with that value changed to see what depends on it.
            Random state, weights, buffers and `.grad` are put back after each.
        time_limit: seconds that those runs may take in all.
        check_values: run the backward of each custom autograd.Function twice more, on gradients drawn at random: one
            that gives the same for both does not use what comes in, and its gradient has a wrong value.
    Returns:
        Diagnosis: findings[0] is the first cut after wrt.
    Raises:
        TraceError: fn gives no number, or wrt holds no tensor. Errors of fn itself pass as they are.
    Gradient: none is left behind but what fn's own backward() leaves, and it is on or off as before.
    """
    __tracebackhide__ = True
    if not callable(fn):
        raise TraceError(
            f"fn is {class_of(fn)}, not a function; pass a function of no arguments that computes the loss, "
            "e.g. lambda: step(batch). For a loss already computed: with record() as run: ... run.diagnose(loss, wrt)."
        )
    named, explicit = named_tensors(wrt)
    modules = [
        part for part in (wrt.values() if isinstance(wrt, Mapping) else [wrt]) if isinstance(part, torch.nn.Module)
    ]
    return Program(fn, named, explicit, modules, counterfactual, time_limit, check_values).diagnosis()


BOUNDARIES.add(diagnose.__code__)
